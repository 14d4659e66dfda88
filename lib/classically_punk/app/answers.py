"""What is told of one file: the line of `punk classify`, and what the server knows beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from classically_punk.app.terminal import shown

NOT_SURE = "not sure"
JSON = json.JSONEncoder(allow_nan=False)


@dataclass(frozen=True)
class Line:
    """One answer: the keys of the JSON object, in this order. Of a reject only path, reason and detail are set."""

    path: str
    best: str | None = None
    predicted: str | None = None
    confidence: float | None = None
    probabilities: dict[str, float] | None = None
    scores: dict[str, float] | None = None
    reason: str | None = None
    detail: str | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def label(self) -> str | None:
        """The genre, NOT_SURE, or None of a reject."""
        return None if self.best is None else self.predicted or NOT_SURE


@dataclass(frozen=True)
class Wanted:
    """What is worth its cost beside the line.

    `explain` in a few lines, as a whole `table` (then with `explain`), `facts` of the clip, `picture` of its sound.
    """

    explain: bool = False
    table: bool = False
    facts: bool = False
    picture: bool = False


LINE_ALONE = Wanted()


@dataclass(frozen=True)
class Told:
    """A line and what was wanted beside it; None where it was not, or where there is no answer.

    `heard` are tempo and loudness in words, `why` a few lines for a reader, `table` all of them, `explanation` the same
    as data. `clip` are the facts of a decoded clip, `features` its whole-clip values by name, `standing` where it
    stands among the training clips, in standard deviations by column of the model; `nearest` are those that stand
    nearest, as of `nearest`; `picture` as of `pictures`.
    """

    line: Line
    heard: list[str] | None = None
    why: list[str] | None = None
    table: list[str] | None = None
    explanation: dict[str, Any] | None = None
    clip: dict[str, Any] | None = None
    features: dict[str, float] | None = None
    standing: list[float] | None = None
    nearest: list[dict[str, Any]] | None = None
    picture: dict[str, Any] | None = None

    def as_json(self) -> str:
        """For `from_raw` on the other end of a pipe; floats keep their bits."""
        beside = {name: value for name, value in vars(self).items() if value is not None}
        return JSON.encode({**beside, "line": vars(self.line)})

    @classmethod
    def from_raw(cls, raw: dict[str, Any]) -> Told:
        """What `as_json` wrote, read as JSON."""
        return cls(**{**raw, "line": Line(**raw["line"])})


def as_object(told: Told) -> str:
    """The answer as one line of JSON, in ASCII: no name can break a terminal or an encoding."""
    beside = {"explanation": told.explanation, "nearest": told.nearest}
    return JSON.encode({**vars(told.line), **{name: value for name, value in beside.items() if value is not None}})


def as_sentence(line: Line) -> str:
    """The answer for a reader: genre, confidence, path; or the reason why there is none."""
    path = shown(line.path)
    if line.best is None or line.confidence is None:
        return f"{'-':<12}       {path}: {line.reason}, {shown(line.detail or '')}"
    notes = [*([] if line.predicted is not None else [f"best guess: {shown(line.best)}"]), *line.warnings]
    noted = f" ({', '.join(notes)})" if notes else ""
    return f"{shown(line.label or ''):<12} {line.confidence:>4.0%}  {path}{noted}"


def as_paragraph(told: Told, top: int) -> list[str]:
    """The sentence, the next genres up to `top`, and whatever of why and table was wanted."""
    lines = [as_sentence(told.line)]
    others = runners_up(told.line.probabilities or {}, told.line.best, top)
    if others:
        lines.append("  then " + ", ".join(f"{shown(genre)} {share:.0%}" for genre, share in others))
    if told.heard:
        lines.append("  heard " + ", ".join(told.heard))
    lines += [f"  {shown(each)}" for each in (told.why or []) + (told.table or [])]
    if told.nearest:
        near = [f"{one['name']} ({one['genre']}, {one['distance']:.2f} sd)" for one in told.nearest]
        lines.append(f"  nearest in training: {', '.join(near)}")
    return lines


def runners_up(probabilities: Mapping[str, float], best: str | None, top: int) -> Sequence[tuple[str, float]]:
    """Genre and share of the `top` likeliest genres without the best and without what rounds to 0 %."""
    ordered = sorted(probabilities.items(), key=lambda item: (-item[1], item[0]))
    return [item for item in ordered if item[0] != best and item[1] >= 0.005][: max(0, top - 1)]
