"""A small picture of every feature: its value on the five steps of each ladder of `audio.probes`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from classically_punk.audio.probes import LADDERS, RATE_HZ, Probe, sound
from classically_punk.features import describe_clip

WIDTH, HEIGHT, PANEL, TOP = 360, 62, 56, 8
INK, LINE = "#5b6470", "#3f7fbf"


def answers() -> dict[str, list[dict[str, float]]]:
    """Ladder -> what every column of the catalogue says to each of its steps."""
    told: dict[Probe, dict[str, float]] = {}
    for step in (step for steps in LADDERS.values() for step in steps):
        if step not in told:
            told[step] = describe_clip(sound(step), RATE_HZ, "punk")
    return {ladder: [told[step] for step in steps] for ladder, steps in LADDERS.items()}


def picture(name: str, told: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """SVG: five panels of one height scale, largest and smallest value in front."""
    lines = {ladder: [step[name] for step in steps] for ladder, steps in told.items()}
    low = min(value for line in lines.values() for value in line)
    high = max(value for line in lines.values() for value in line)
    reach = (high - low) or 1.0
    shapes = [
        f'<text x="62" y="{TOP + 8}" text-anchor="end">{high:.3g}</text>',
        f'<text x="62" y="{TOP + 36}" text-anchor="end">{low:.3g}</text>',
    ]
    for number, (ladder, line) in enumerate(lines.items()):
        left = 70 + number * (PANEL + 2)
        points = " ".join(
            f"{left + 4 + step * (PANEL - 8) / (len(line) - 1):.1f},{TOP + 34 - 32 * (value - low) / reach:.1f}"
            for step, value in enumerate(line)
        )
        shapes += [
            f'<rect x="{left}" y="{TOP}" width="{PANEL}" height="36" fill="none" stroke="{INK}" stroke-opacity=".35"/>',
            f'<polyline points="{points}" fill="none" stroke="{LINE}" stroke-width="1.8"/>',
            f'<text x="{left + PANEL / 2}" y="{HEIGHT - 4}" text-anchor="middle">{ladder}</text>',
        ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="system-ui, sans-serif" font-size="10" fill="{INK}">' + "".join(shapes) + "</svg>\n"
    )
