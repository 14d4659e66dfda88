"""What one executor process does with one file: open, decode, describe; a clip's fault is data, never an exception."""

from __future__ import annotations

import hashlib
import io
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from classically_punk.audio import decode
from classically_punk.errors import ClipError, UnforeseenError
from classically_punk.features import warm
from classically_punk.settings import Limits


@dataclass(frozen=True)
class Task:
    """What a worker has to know; small, since it travels with every task."""

    limits: Limits
    segment_s: float
    run_id: str
    exhibits: bool = True


@dataclass
class Worker:
    """The part of a Python worker process that lives on from task to task."""

    task: Task
    smallest: dict[str, str] = field(default_factory=dict)

    def describe_file(self, path: bytes, size_bytes: int, modified_ns: int, genre: str | None) -> dict[str, Any]:
        """One file as the walk saw it -> one row of `DESCRIBED`."""
        return self._guarded(lambda: decode.decode_file(path, self.task.limits, size_bytes, modified_ns), genre)

    def describe_content(self, content: bytes) -> dict[str, Any]:
        """The bytes of one file -> one row of `DESCRIBED`."""
        return self._guarded(lambda: decode.decode_content(content, self.task.limits), None)

    def describe_path(self, path: bytes) -> dict[str, Any]:
        """One file by name alone -> one row of `DESCRIBED`."""
        return self._guarded(lambda: decode.decode_file(path, self.task.limits), None)

    def _guarded(self, opened: Callable[[], decode.Decoded], genre: str | None) -> dict[str, Any]:
        stage = "decode"
        try:
            clip = opened()
            stage = "describe"
            return self._described(clip, genre)
        except ClipError as error:
            return _reject(error, stage)
        except Exception as error:  # noqa: BLE001  the one place where an error nobody foresaw becomes a row
            return _reject(_unforeseen(error), stage)

    def _described(self, clip: decode.Decoded, genre: str | None) -> dict[str, Any]:
        from classically_punk.features.describe import describe_segments

        rows = describe_segments(clip.samples, self.task.segment_s)
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
            "exhibit": self._exhibit(clip, genre),
        }

    def _exhibit(self, clip: decode.Decoded, genre: str | None) -> bytes | None:
        """Small arrays of the clip if it may be its genre's smallest clip_id: the smallest of all always comes out."""
        if genre is None or not self.task.exhibits or self.smallest.get(genre, clip.clip_id) < clip.clip_id:
            return None
        from classically_punk.features.exhibit import exhibit_of

        self.smallest[genre] = clip.clip_id
        packed = io.BytesIO()
        np.savez_compressed(packed, allow_pickle=False, **exhibit_of(clip.samples))
        return packed.getvalue()


@lru_cache(maxsize=4)
def worker_of_this_process(task: Task) -> Worker:
    """The worker for `task`, built once a process; it reads the compilation cache and never writes it."""
    warm.read_only_cache()
    return Worker(task)


def _unforeseen(error: Exception) -> UnforeseenError:
    trace = "".join(traceback.format_exception(error))
    last = traceback.extract_tb(error.__traceback__)[-1]
    digest = hashlib.sha256(trace.encode("utf-8", "replace")).hexdigest()[:12]
    return UnforeseenError(f"{type(error).__name__} in {last.name}: {str(error)[:200]} (traceback {digest})")


def _reject(error: ClipError, stage: str) -> dict[str, Any]:
    return {"reason": error.code, "detail": str(error)[:500], "stage": stage}
