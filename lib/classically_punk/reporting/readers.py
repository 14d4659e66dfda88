"""Which libraries read music: measured by `scripts/bench readers`, kept in `readers.json` with date and versions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

CHOSEN = "soundfile"


@dataclass(frozen=True)
class Library:
    """One library: the `formats` it reads, CPU milliseconds a clip by format, and what it makes of `broken` files.

    `taken`: how many of these it gives samples for as if nothing were amiss; `died`: how many kill or hang it.
    """

    name: str
    version: str
    licence: str
    formats: Sequence[str]
    ms: Mapping[str, float]
    broken: int
    taken: int
    died: int


@dataclass(frozen=True)
class Comparison:
    """The whole table: when and where it was measured, on clips of `seconds`.

    `taken_behind_checks`: broken files that get past this project's own checks around the chosen library.
    """

    measured: str
    machine: str
    seconds: float
    formats: Sequence[str]
    libraries: Sequence[Library]
    taken_behind_checks: int

    @property
    def chosen(self) -> Library:
        """The library that decodes here."""
        return next(one for one in self.libraries if one.name == CHOSEN)


def comparison() -> Comparison:
    """The table as it was measured last."""
    read = json.loads(files(__package__).joinpath("readers.json").read_text(encoding="utf-8"))
    libraries = [
        Library(
            one["name"],
            one["version"],
            one["licence"],
            one["reads"],
            one["ms"],
            one["broken"],
            one["broken_taken"],
            one["broken_died"],
        )
        for one in read["libraries"]
    ]
    return Comparison(
        read["measured"], read["machine"], read["seconds"], read["formats"], libraries, read["taken_behind_checks"]
    )
