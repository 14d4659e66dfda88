"""What people say that a clip is: one line of JSON each, in a file that only grows. Never the audio.

The line is that of `features.feedback`; `ingest_clips` takes it in.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import unicodedata
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from classically_punk.features.feedback import SCHEMA_VERSION, place

REMEMBERED: Final = 512
"""Answers of late that can still be corrected."""
LONGEST_LABEL: Final = 40
MOST_LABELS: Final = 5
"""Of one answer: people change their minds, not for ever."""


@dataclass
class Remembered:
    """What a label would be stored with."""

    clip: dict[str, Any]
    features: dict[str, float]
    feature_set: str
    model_id: str
    labels: int = field(default=0)


class Memory:
    """The last answers by a token that only who got the answer knows; none of it survives the process."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._answers: OrderedDict[str, Remembered] = OrderedDict()

    def remember(self, answer: Remembered) -> str:
        """An answer -> its token."""
        token = secrets.token_urlsafe(16)
        self._answers[token] = answer
        while len(self._answers) > self._most:
            self._answers.popitem(last=False)
        return token

    def recall(self, token: str) -> Remembered | None:
        """The answer of a token, if it is still known."""
        return self._answers.get(token)


def checked_label(text: object, genres: Sequence[str]) -> str | None:
    """A label as it is stored: a genre as the model writes it, or a short printable text; None for anything else."""
    if not isinstance(text, str):
        return None
    if text in genres:
        return text
    label = unicodedata.normalize("NFC", text.strip()) if len(text) <= 4 * LONGEST_LABEL else ""
    return label if label and len(label) <= LONGEST_LABEL and label.isprintable() else None


def line_of(answer: Remembered, label: str, source: str) -> bytes:
    """One line of the file, with its newline."""
    told = {
        "schema_version": SCHEMA_VERSION,
        "clip_id": answer.clip["clip_id"],
        "audio_sha256": answer.clip["audio_sha256"],
        "duration_s": answer.clip["duration_s"],
        "feature_set": answer.feature_set,
        "features": answer.features,
        "label": label,
        "model_id": answer.model_id,
        "source": source,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return (json.dumps(told, allow_nan=False) + "\n").encode()


def append(root: Path, line: bytes) -> None:
    """A line, at the end of the file under the warehouse folder, as a whole or not at all. Raises OSError.

    Processes take turns by a lock; what a full disk cut off is taken back, and a torn end of an earlier time closed.
    """
    path = place(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        while not _is_there(path, descriptor):  # lines were withdrawn meanwhile: the file is another one now
            os.close(descriptor)
            descriptor = os.open(path, flags, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line
        if os.write(descriptor, line) < len(line):
            os.ftruncate(descriptor, size)
            raise OSError("the disk is full")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_there(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
