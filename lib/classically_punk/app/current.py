"""The model a server answers with: the one in force, also after another was published while it runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classically_punk.app import nearest
from classically_punk.app.classify import load_from
from classically_punk.app.terminal import shown
from classically_punk.errors import ConfigError
from classically_punk.modelling.published import CURRENT, FOLDER, PublishedModel
from classically_punk.reporting.findings import PROTOCOL_ORDER
from classically_punk.reporting.text import percent
from classically_punk.settings import Settings

Signature = tuple[int, int, int] | None


@dataclass(frozen=True)
class InForce:
    """A model and its training clips; `no_neighbours` says why there are none."""

    model: PublishedModel
    neighbours: nearest.Neighbours | None
    no_neighbours: str | None


class Current:
    """Follows `published/current.json` of a warehouse. Raises ConfigError where there is no model to begin with."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self.root, self._settings = root, settings
        self._seen = self._signature()
        self.in_force = self._load()
        self.stale: str | None = None

    def changed(self) -> bool:
        """Whether another model was published; costs a look at one file's date."""
        return self._signature() != self._seen

    def refresh(self) -> InForce:
        """The model in force, read anew where it changed; the one before where the new one cannot be used."""
        seen = self._signature()
        if seen != self._seen:
            self._seen = seen
            try:
                self.in_force, self.stale = self._load(), None
                print(f"punk: model {self.in_force.model.model_id} is in force", file=sys.stderr, flush=True)
            except ConfigError as error:
                self.stale = "a newer model was published that cannot be used here"
                print(f"punk: {shown(str(error))}; the model before stays", file=sys.stderr, flush=True)
        return self.in_force

    def _load(self) -> InForce:
        model = load_from(self.root, self._settings)
        try:
            neighbours = nearest.load(self.root, model)
        except nearest.NeighboursError as error:
            print(f"punk: {model.model_id}.clips.parquet {error}", file=sys.stderr, flush=True)
            return InForce(model, None, "The list of training clips cannot be used.")
        missing = "The names of the training clips were not published with this model."
        return InForce(model, neighbours, None if neighbours is not None else missing)

    def _signature(self) -> Signature:
        try:
            status = (self.root / FOLDER / CURRENT).stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino


def limits_of(model: PublishedModel) -> list[str]:
    """What an honest seller would say of the model, a sentence each."""
    figures = model.figures or {}
    told = [_told(name, figures[name]) for name in sorted(figures, key=_strictness) if "accuracy" in figures[name]]
    if any(numbers.get("synthetic", 0) for numbers in figures.values()):
        told.insert(0, "It was trained on synthetic sounds: its answers mean nothing about music.")
    if not any("accuracy" in numbers for numbers in figures.values()):
        told.append("How often it is right was not recorded with it; the report of its training tells.")
    clips, genres = model.training.clips, len(model.genres)
    told.append(
        f"It was trained on {clips} clips of {genres} genres and knows no other: everything becomes one of them."
    )
    told.append("A share is calibrated on clips like those of training; other recordings can fool it.")
    if model.decision.threshold > 0:
        told.append(f"Below {percent(model.decision.threshold)} it says that it is not sure.")
    return told


def _told(protocol: str, numbers: Mapping[str, Any]) -> str:
    value = percent(numbers["accuracy"])
    if "low" in numbers and "high" in numbers:
        value += f" (95 % interval {percent(numbers['low'])} to {percent(numbers['high'])})"
    clips = f" of {numbers['n']:.0f} clips" if "n" in numbers else ""
    return f"Held-out clips it was right about: {value}{clips}, protocol {protocol}."


def _strictness(protocol: str) -> tuple[int, str]:
    known = PROTOCOL_ORDER.index(protocol) if protocol in PROTOCOL_ORDER else len(PROTOCOL_ORDER)
    return known, protocol
