"""What is known of how good a model is: from the model itself, else from the `metrics.json` of its report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from classically_punk.modelling.published import PublishedModel
from classically_punk.reporting.findings import PROTOCOL_ORDER
from classically_punk.reporting.text import percent

METRICS: Final = "metrics.json"
MOST_BYTES: Final = 64 << 20
Figures = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Evaluated:
    """Figures by protocol (`accuracy`, `low`, `high`, `n`), when each was measured, what to keep in mind about it.

    `synthetic` clips among those of training: None where that is not known.
    """

    figures: Figures
    dates: Mapping[str, str] = field(default_factory=dict)
    caveats: Mapping[str, str] = field(default_factory=dict)
    synthetic: int | None = None


def evaluated(model: PublishedModel, reports: Path | None) -> Evaluated:
    """A model and the folder of its report, if there is one -> what is known; of another model's report nothing."""
    told = _from_report(model, reports / METRICS) if reports is not None else None
    if told is None:
        return Evaluated(model.figures or {})
    return Evaluated(model.figures, told.dates, told.caveats, told.synthetic) if model.figures else told


def limits_of(model: PublishedModel, known: Evaluated) -> list[str]:
    """What an honest seller would say of a model, a sentence each."""
    told = [_told(name, known) for name in sorted(known.figures, key=_strictness) if "accuracy" in known.figures[name]]
    if not told:
        told.append("How often it is right is not known here; the report of its training tells.")
    if known.synthetic:
        told.insert(0, "It was trained on synthetic sounds: its answers mean nothing about music.")
    clips, genres = model.training.clips, len(model.genres)
    told.append(
        f"It was trained on {clips} clips of {genres} genres and knows no other: everything becomes one of them."
    )
    told.append("A share is calibrated on clips like those of training; other recordings can fool it.")
    if model.decision.threshold > 0:
        told.append(f"Below {percent(model.decision.threshold)} it says that it is not sure.")
    if model.decision.kind != "argmax":
        told.append("It decides by all scores together, so the highest raw score need not win.")
    return told


def _told(protocol: str, known: Evaluated) -> str:
    numbers = known.figures[protocol]
    value = percent(numbers["accuracy"])
    if "low" in numbers and "high" in numbers:
        value += f" (95 % interval {percent(numbers['low'])} to {percent(numbers['high'])})"
    clips = f" of {numbers['n']:.0f} clips" if "n" in numbers else ""
    date = f", {known.dates[protocol][:10]}" if protocol in known.dates else ""
    caveat = f" {known.caveats[protocol]}" if known.caveats.get(protocol) else ""
    return f"Held-out clips it was right about: {value}{clips}, protocol {protocol}{date}.{caveat}"


def _strictness(protocol: str) -> tuple[int, str]:
    known = PROTOCOL_ORDER.index(protocol) if protocol in PROTOCOL_ORDER else len(PROTOCOL_ORDER)
    return known, protocol


def _from_report(model: PublishedModel, path: Path) -> Evaluated | None:
    """None where there is no such report, or it cannot be understood, or is about another model."""
    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        raw = json.loads(path.read_bytes())
        rows = [row for row in raw["metrics"] if _is_accuracy(row, model)]
        return Evaluated(
            figures={row["protocol"]: _numbers(row) for row in rows},
            dates={row["protocol"]: raw["runs"][row["run_id"]] for row in rows if raw["runs"].get(row["run_id"])},
            caveats={one["name"]: one["caveat"] for one in raw["protocols"] if one.get("caveat")},
            synthetic=int(raw["counts"]["synthetic"]) if raw["model_id"] == model.model_id else None,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _is_accuracy(row: Mapping[str, Any], model: PublishedModel) -> bool:
    whole = row["metric"] == "accuracy" and row["condition"] is None and row["genre"] is None
    return whole and row["model_id"] == model.model_id


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    names = {"accuracy": "value", "low": "low", "high": "high", "n": "n"}
    return {name: float(row[key]) for name, key in names.items() if row[key] is not None}
