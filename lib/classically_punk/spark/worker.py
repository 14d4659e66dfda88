"""What one executor process does with one file: open, decode, describe; a clip's fault is data, never an exception."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np

from classically_punk.audio import remote
from classically_punk.audio.decode import SAMPLE_RATE_HZ, Decoded
from classically_punk.audio.isolation import IsolatedDecoder
from classically_punk.audio.store import Samples
from classically_punk.errors import ChangedDuringReadError, ClipError, unforeseen
from classically_punk.features import warm
from classically_punk.settings import Limits, Storage

DETAIL = 500
"""Characters of a reject's detail that are kept."""
HELD = 8 << 20
"""Samples that a worker keeps at most until it knows which clips it has to show: 32 MiB."""
Opened = TypeVar("Opened")
Told = TypeVar("Told")


@dataclass(frozen=True)
class Task:
    """What a worker has to know; small, since it travels with every task."""

    limits: Limits
    segment_s: float
    whole_clip_s: float
    run_id: str
    exhibits: bool = True
    storage: Storage = field(default_factory=Storage)


@dataclass(frozen=True)
class Lacking:
    """What the rows of a clip lack that was described before: names of entries, and how long it was then [s]."""

    entries: frozenset[str]
    duration_s: float


File = tuple[bytes, int, int, str | None, Lacking | None]
"""Path, size in bytes, time of change in nanoseconds, genre, as the walk saw it; what it lacks, None for everything."""


@dataclass
class Worker:
    """The part of a Python worker process that lives on from task to task."""

    task: Task
    decoder: IsolatedDecoder
    smallest: dict[str, str] = field(default_factory=dict)
    to_show: dict[str, tuple[str, Samples]] = field(default_factory=dict)

    def describe_files(self, files: Sequence[File]) -> list[dict[str, Any]]:
        """Files as the walk saw them -> one row of `DESCRIBED` each, in their order."""
        rows = []
        for path, size_bytes, modified_ns, genre, lacking in files:
            rows.append(
                self._guarded(
                    lambda: self._opened(path, size_bytes, modified_ns),  # noqa: B023  called at once
                    lambda clip: self._described(clip, genre, lacking),  # noqa: B023
                )
            )
        self._show(rows)
        return rows

    def describe_file(
        self, path: bytes, size_bytes: int, modified_ns: int, genre: str | None, lacking: Lacking | None = None
    ) -> dict[str, Any]:
        """One file as the walk saw it -> one row of `DESCRIBED`; of a clip that is `lacking` something, that alone."""
        return self.describe_files([(path, size_bytes, modified_ns, genre, lacking)])[0]

    def describe_copies(
        self, path: bytes, size_bytes: int, modified_ns: int, clip_id: str, alterations: Sequence[str], feature_set: str
    ) -> dict[str, Any]:
        """One file as it was ingested, and what is to become of it -> one row of `COPIES`."""
        return self._guarded(
            lambda: self._opened(path, size_bytes, modified_ns),
            lambda clip: self._altered(clip, clip_id, alterations, feature_set),
        )

    def describe_content(self, content: bytes) -> dict[str, Any]:
        """The bytes of one file -> one row of `DESCRIBED`."""
        return self._guarded(lambda: self.decoder.decode_content(content), lambda clip: self._described(clip, None))

    def describe_brought(
        self, content: bytes, moved: bool, genre: str | None, lacking: Lacking | None = None
    ) -> dict[str, Any]:
        """The bytes of one file, and whether it is another than the walk saw -> one row of `DESCRIBED`."""

        def opened() -> Decoded:
            if moved:
                raise ChangedDuringReadError("size or time changed since it was listed")
            return self.decoder.decode_content(content)

        rows = [self._guarded(opened, lambda clip: self._described(clip, genre, lacking))]
        self._show(rows)
        return rows[0]

    def describe_path(self, path: bytes) -> dict[str, Any]:
        """One file by name alone -> one row of `DESCRIBED`."""
        return self._guarded(lambda: self._opened(path), lambda clip: self._described(clip, None))

    def _opened(self, path: bytes, size_bytes: int | None = None, modified_ns: int | None = None) -> Decoded:
        """The clip in a file, local or not, which is as the walk saw it where that is given. Raises ClipError."""
        if not remote.is_remote(path):
            return self.decoder.decode_file(path, size_bytes, modified_ns)
        how, most = self.task.storage, self.task.limits.max_bytes
        return self.decoder.decode_written(
            lambda file: remote.copy(path, file, how, most, size_bytes, modified_ns), size_bytes or 0
        )

    def _guarded(self, opened: Callable[[], Opened], described: Callable[[Opened], Told]) -> Told | dict[str, Any]:
        stage = "decode"
        try:
            clip = opened()
            stage = "describe"
            return described(clip)
        except ClipError as error:
            return _reject(error, stage)
        except Exception as error:  # noqa: BLE001  the one place where an error nobody foresaw becomes a row
            return _reject(unforeseen(error), stage)

    def _described(self, clip: Decoded, genre: str | None, lacking: Lacking | None = None) -> dict[str, Any]:
        from classically_punk.features import fingerprint
        from classically_punk.features.describe import describe_and_fingerprint

        same = lacking is not None and lacking.duration_s == clip.samples.size / SAMPLE_RATE_HZ
        only = lacking.entries if lacking is not None and same else None
        rows, words = describe_and_fingerprint(clip.samples, self.task.segment_s, only=only)
        return {
            "clip_id": clip.clip_id,
            "audio_sha256": clip.audio_sha256,
            "duration_s": clip.duration_s,
            "sample_rate_hz": clip.sample_rate_hz,
            "channels": clip.channels,
            "container": clip.container,
            "codec": clip.codec,
            "warnings": list(clip.warnings),
            "decoder": clip.decoder,
            "segments": [row.segment for row in rows],
            "starts_s": [row.start_s for row in rows],
            "durations_s": [row.duration_s for row in rows],
            "feature_values": [row.values.tolist() for row in rows],
            "fingerprint": fingerprint.packed(words),
            "sketch": fingerprint.sketch(words).tolist(),
            "exhibit": self._exhibit(clip, genre),
        }

    def _altered(self, clip: Decoded, clip_id: str, alterations: Sequence[str], feature_set: str) -> dict[str, Any]:
        from classically_punk.audio.alterations import Alteration
        from classically_punk.features.altered import describe_altered

        if clip.clip_id != clip_id:
            raise ChangedDuringReadError("other bytes than when it was ingested")
        rows, failed = [], []
        for text in alterations:
            try:
                made = describe_altered(clip.samples, Alteration.parse(text), clip_id, self.task.segment_s, feature_set)
            except ClipError as error:  # the copy's fault, not the clip's: the others are made all the same
                failed.append(f"{text}: {_reject(error, 'describe')['detail']}")
            else:
                rows += [(text, row) for row in made]
        return {
            "failed": failed,
            "alterations": [text for text, _ in rows],
            "segments": [row.segment for _, row in rows],
            "starts_s": [row.start_s for _, row in rows],
            "durations_s": [row.duration_s for _, row in rows],
            "feature_values": [row.values.tolist() for _, row in rows],
        }

    def _exhibit(self, clip: Decoded, genre: str | None) -> bytes | None:
        """Small arrays of the clip if it may be its genre's smallest clip_id: the smallest of all always comes out.

        Nothing yet where its samples can be held until more of the genre have been seen: `_show` adds it then.
        """
        if genre is None or not self.task.exhibits or self.smallest.get(genre, clip.clip_id) < clip.clip_id:
            return None
        self.smallest[genre] = clip.clip_id
        self.to_show.pop(genre, None)
        held = sum(samples.size for _, samples in self.to_show.values())
        if not isinstance(clip.samples, np.ndarray) or held + clip.samples.size > HELD:
            return _packed_exhibit(clip.samples)
        self.to_show[genre] = (clip.clip_id, clip.samples)
        return None

    def _show(self, rows: list[dict[str, Any]]) -> None:
        """Adds the exhibits of those among freshly described rows that are still their genre's smallest clip_id."""
        samples_of = dict(self.to_show.values())
        self.to_show.clear()
        for at, row in enumerate(rows):
            samples = samples_of.pop(row.get("clip_id", ""), None)
            if samples is not None:
                shown = self._guarded(lambda: samples, _packed_exhibit)  # noqa: B023  called at once
                rows[at] = shown if isinstance(shown, dict) else row | {"exhibit": shown}


@lru_cache(maxsize=4)
def worker_of_this_process(task: Task) -> Worker:
    """The worker for `task`, built once a process; it reads the compilation cache and never writes it."""
    decoder = _decoder(task.limits, task.whole_clip_s)  # first: it starts while the kernels are loaded
    warm.read_only_cache()
    return Worker(task, decoder)


@lru_cache(maxsize=4)
def _decoder(limits: Limits, whole_clip_s: float) -> IsolatedDecoder:
    return IsolatedDecoder(limits, whole_clip_s)


def _packed_exhibit(samples: Samples) -> bytes:
    from classically_punk.features.exhibit import exhibit_of

    packed = io.BytesIO()
    np.savez_compressed(packed, allow_pickle=False, **exhibit_of(samples))
    return packed.getvalue()


def _reject(error: ClipError, stage: str) -> dict[str, Any]:
    told = str(error)[:DETAIL].encode("utf-8", "backslashreplace").decode()  # a lone surrogate would end the task
    return {"reason": error.code, "detail": told[:DETAIL], "stage": stage}
