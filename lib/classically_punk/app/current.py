"""The model a server answers with: the one in force, also after another was published while it runs."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from classically_punk.app import nearest
from classically_punk.app.classify import load_from
from classically_punk.app.evaluated import Evaluated, evaluated
from classically_punk.app.terminal import shown
from classically_punk.errors import ConfigError
from classically_punk.modelling.published import CURRENT, FOLDER, PublishedModel
from classically_punk.modelling.training_clips import TrainingClipsError
from classically_punk.settings import Settings

Signature = tuple[int, int, int] | None


@dataclass(frozen=True)
class InForce:
    """A model, how good it is, and its training clips; `no_neighbours` says why there are none."""

    model: PublishedModel
    evaluated: Evaluated
    neighbours: nearest.Neighbours | None
    no_neighbours: str | None


class Current:
    """Follows `published/current.json` of a warehouse. Raises ConfigError where there is no model to begin with."""

    def __init__(self, root: Path, settings: Settings, reports: Path | None = None) -> None:
        self.root, self._settings, self._reports = root, settings, reports
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
        known = evaluated(model, self._reports)
        try:
            neighbours = nearest.load(self.root, model)
        except TrainingClipsError as error:
            print(f"punk: the list of training clips {error}", file=sys.stderr, flush=True)
            return InForce(model, known, None, "The list of training clips cannot be used.")
        missing = "The names of the training clips were not published with this model."
        return InForce(model, known, neighbours, None if neighbours is not None else missing)

    def _signature(self) -> Signature:
        try:
            status = (self.root / FOLDER / CURRENT).stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
