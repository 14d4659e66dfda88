"""What a case is, and the few signals and tools all modules of the zoo share. Everything is deterministic."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import soundfile
from numpy.typing import ArrayLike, NDArray

from classically_punk.settings import Limits

RATE = 22_050
SECONDS = 1.5
LIMITS = Limits(max_bytes=4_000_000, max_duration_s=60.0)
"""Tight, so that files beyond a limit stay small; all else as configured by default."""

Signal = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One file: its bytes, and `code` of the reject, or None with the warnings of an accepted clip.

    `seconds` is the length an accepted clip must have to 30 ms (lossy codecs pad); None where it does not matter.
    """

    name: str
    build: Callable[[], bytes]
    code: str | None = None
    warnings: frozenset[str] = frozenset()
    seconds: float | None = SECONDS


def accepted(name: str, build: Callable[[], bytes], *warnings: str, seconds: float | None = SECONDS) -> Case:
    return Case(name, build, None, frozenset(warnings), seconds)


def rejected(code: str, name: str, build: Callable[[], bytes]) -> Case:
    return Case(name, build, code)


def tone(seconds: float = SECONDS, rate: int = RATE, level: float = 0.5) -> Signal:
    """(n,): three partials below 1 kHz and a little noise, within ±`level`."""
    time_s = np.arange(round(seconds * rate)) / rate
    chance = np.random.default_rng(1976)
    partials = [np.sin(2 * np.pi * hertz * time_s + phase) / 4 for hertz, phase in [(220, 0), (330, 1), (550, 2)]]
    return np.asarray(level * (sum(partials) + 0.03 * chance.standard_normal(time_s.size)))


def stereo(seconds: float = SECONDS, rate: int = RATE) -> Signal:
    """(n, 2): two different channels."""
    mono = tone(seconds, rate)
    return np.stack([mono, 0.5 * np.roll(mono, 7)], axis=1)


def pcm16(samples: ArrayLike, order: str = "<") -> bytes:
    """Samples in ±1 -> 16-bit integers, channels interleaved."""
    integers = np.clip(np.round(np.asarray(samples) * 32_768), -32_768, 32_767)
    return integers.astype(f"{order}i2").tobytes()


def pcm24(samples: ArrayLike, order: str = "<") -> bytes:
    """Samples in ±1 -> 24-bit integers."""
    integers = np.clip(np.round(np.asarray(samples) * 2**23), -(2**23), 2**23 - 1).astype(f"{order}i4")
    octets = integers.reshape(-1, 1).view(np.uint8)
    return (octets[:, :3] if order == "<" else octets[:, 1:]).tobytes()


def encoded(
    container: str, codec: str | None = None, samples: ArrayLike | None = None, rate: int = RATE, **options: object
) -> bytes:
    """Any signal in any container of libsndfile."""
    target = io.BytesIO()
    signal = tone(rate=rate) if samples is None else np.asarray(samples)
    soundfile.write(target, signal, rate, codec, format=container, **options)
    return target.getvalue()


def patched(content: bytes, offset: int, by: bytes) -> bytes:
    """The same bytes with some of them replaced."""
    return content[:offset] + by + content[offset + len(by) :]


def behind(content: bytes, mark: bytes) -> int:
    """Offset of the byte behind the first mark."""
    return content.index(mark) + len(mark)


def missing(content: bytes, share: float, header: int = 0) -> bytes:
    """Without the last `share` of what follows a header of so many bytes."""
    return content[: header + round((1 - share) * (len(content) - header))]


def random_bytes(count: int, seed: int = 1) -> bytes:
    return np.random.default_rng(seed).bytes(count)
