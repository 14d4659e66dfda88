"""A line of feedback: what a person said that a clip is, with the numbers that describe the clip; never its audio.

The server writes `warehouse.root/feedback/feedback.jsonl`, one JSON object a line; an ingest reads it. A line has
`schema_version`, `clip_id`, `audio_sha256`, `duration_s`, `feature_set`, `features` (whole-clip values by name),
`label`, `model_id`, `source` (`page`, `api`) and `time` (UTC).
"""

from __future__ import annotations

import fcntl
import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from classically_punk import atomic
from classically_punk.errors import PunkError
from classically_punk.features import catalogue

SCHEMA_VERSION: Final = 1
FOLDER, FILE = "feedback", "feedback.jsonl"
LONGEST_LABEL: Final = 255
"""What a folder of a genre may be called; the server takes less from people."""
LONGEST_LINE: Final = 256 << 10
"""Bytes of a line, ten times what 443 features take."""
BAD, OTHER_FEATURES = "BAD_FEEDBACK", "OTHER_FEATURES"

_DIGEST = re.compile(r"[0-9a-f]{64}")
_KEYS: Final = frozenset(
    {"schema_version", "clip_id", "audio_sha256", "duration_s", "feature_set", "features", "label", "model_id"}
    | {"source", "time"}
)


class FeedbackError(PunkError):
    """A line that cannot be taken in: `code` BAD_FEEDBACK, or OTHER_FEATURES for those of another definition."""

    def __init__(self, code: str, problem: str) -> None:
        super().__init__(code, problem)
        self.code, self.problem = code, problem

    def __str__(self) -> str:
        return self.problem


@dataclass(frozen=True)
class Said:
    """One line: the clip, its label, and its whole-clip `values` (c,) in the order of `catalogue.columns(name)`."""

    clip_id: str
    audio_sha256: str
    duration_s: float
    label: str
    name: str
    values: NDArray[np.float64]


def place(root: Path) -> Path:
    """The file under the warehouse folder."""
    return root / FOLDER / FILE


def lines(file: BinaryIO, size: int) -> Iterator[tuple[int, bytes]]:
    """The lines within the first `size` bytes, with their numbers from 1; of a longer one than any can be, its head."""
    number = 0
    while (left := size - file.tell()) > 0:
        line = file.readline(min(left, LONGEST_LINE + 1))
        number += 1
        rest = line
        while len(line) > LONGEST_LINE and not rest.endswith(b"\n") and (left := size - file.tell()) > 0:
            rest = file.readline(min(left, LONGEST_LINE))
        yield number, line


def remove(root: Path, withdrawn: Callable[[str, str | None], bool]) -> int:
    """Takes the lines out of the file under the warehouse folder of which `withdrawn(clip_id, audio_sha256)` says so.

    Returns how many. Whoever appends meanwhile waits for the lock, and then finds the new file. Raises OSError.
    """
    path = place(root)
    if not path.is_file():
        return 0
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        every = file.readlines()
        kept = [line for line in every if not _is_of(line, withdrawn)]
        if len(kept) < len(every):
            atomic.replace(path, b"".join(kept), mode=0o600)
    return len(every) - len(kept)


def _is_of(line: bytes, withdrawn: Callable[[str, str | None], bool]) -> bool:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and withdrawn(str(told.get("clip_id")), str(told.get("audio_sha256")))


def read_line(line: bytes, segment_s: float) -> Said:
    """One line -> what was said. Raises FeedbackError for anything that the server does not write today.

    `segment_s` is the length of segments that is part of a feature set's definition.
    """
    told = _object(line)
    features = told["features"]
    for key in ("clip_id", "audio_sha256"):
        _need(isinstance(told[key], str) and _DIGEST.fullmatch(told[key]) is not None, f"{key} is no SHA-256")
    duration, label = told["duration_s"], told["label"]
    _need(_is_number(duration) and duration > 0, "duration_s is not above zero")
    _need(isinstance(label, str) and 0 < len(label) <= LONGEST_LABEL and _is_text(label), "label is no short text")
    name = str(told["feature_set"]).partition("@")[0]
    if name not in catalogue.FEATURE_SETS or told["feature_set"] != catalogue.feature_set_id(name, segment_s):
        raise FeedbackError(OTHER_FEATURES, f"features {told['feature_set']!r:.60} are not measured here any more")
    names = [column.name for column in catalogue.columns(name)]
    _need(isinstance(features, dict) and features.keys() == {*names}, f"features are not those of {name}")
    _need(all(_is_number(value) for value in features.values()), "a feature is no finite number")
    values = np.asarray([features[column] for column in names], dtype=np.float64)
    return Said(told["clip_id"], told["audio_sha256"], float(duration), label, name, values)


def _object(line: bytes) -> dict[str, Any]:
    _need(len(line) <= LONGEST_LINE, f"longer than {LONGEST_LINE} bytes")
    _need(line.endswith(b"\n"), "cut off: no newline at its end")
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        raise FeedbackError(BAD, "is not JSON") from None
    if not isinstance(told, dict) or told.keys() != _KEYS:
        raise FeedbackError(BAD, f"does not have the keys {', '.join(sorted(_KEYS))}")
    version = told["schema_version"]
    _need(version == SCHEMA_VERSION and not isinstance(version, bool), f"schema_version is not {SCHEMA_VERSION}")
    return told


def _need(true: bool, problem: str) -> None:
    if not true:
        raise FeedbackError(BAD, problem)


def _is_number(value: object) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


def _is_text(label: str) -> bool:
    try:
        label.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell
        return False
    return True
