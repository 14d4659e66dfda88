"""Names for the arrays that move between kernels, and the one statistic nearly all of them end in."""

from __future__ import annotations

from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from classically_punk.errors import NonFiniteError, OutOfRangeError
from classically_punk.features.compiled import kernel
from classically_punk.features.lanes import load, splat, total

RUN: Final = 512
MAX_LEVEL: Final = float(1 << 16)
"""Beyond 2^16 times full scale a clip is damaged, not loud; its square sums would leave float32."""

Samples = NDArray[np.float32]
"""Mono audio at full scale 1.0, shape (n,)."""
Curves = NDArray[np.floating]
"""One row a quantity, one column a frame (or sample): shape (k, t)."""
Vector = NDArray[np.float64]
"""Scalars of one catalogue entry, in its order: shape (m,)."""


@runtime_checkable
class SampleSource(Protocol):
    """Mono samples at 22 050 Hz that need not be in memory: a clip too long for that."""

    @property
    def size(self) -> int:
        """How many samples there are."""

    def read(self, start: int, stop: int) -> Samples:
        """Samples start..stop, in any order and as often as wanted: (stop - start,)."""


def checked(samples: ArrayLike) -> Samples:
    """Anything like an array -> contiguous float32 (n,), finite, within ±2^16.

    Raises NonFiniteError, OutOfRangeError; ValueError unless one-dimensional and real.
    """
    array = np.asarray(samples)
    if array.ndim != 1 or array.dtype.kind not in "fiu":
        raise ValueError(f"expected real mono samples of shape (n,), got {array.dtype} {array.shape}")
    if not np.all(np.isfinite(array)):
        raise NonFiniteError(f"{np.count_nonzero(~np.isfinite(array))} of {array.size} samples are not finite")
    peak = max(float(array.max()), -float(array.min())) if array.size else 0.0
    if peak > MAX_LEVEL:
        raise OutOfRangeError(f"peak {peak:.3g}, at most {MAX_LEVEL:.0f} times full scale")
    return np.ascontiguousarray(array, dtype=np.float32)


@kernel("void(float32[::1], float64[::1])")
def moments(values: Any, out: Any) -> None:
    """Mean and population variance of (n,): `out` (2,).

    Two passes; runs of 512 are summed in float32 lanes, their sums in float64.
    """
    size = values.size
    whole = size // 8 * 8
    summed = 0.0
    for run in range(0, whole, RUN):
        part = splat(np.float32(0))
        for n in range(run, min(whole, run + RUN), 8):
            part = part + load(values, n)
        summed += total(part)
    for n in range(whole, size):
        summed += values[n]
    mean = summed / size
    centre = np.float32(mean)
    squares = 0.0
    for run in range(0, whole, RUN):
        part = splat(np.float32(0))
        for n in range(run, min(whole, run + RUN), 8):
            away = load(values, n) - splat(centre)
            part = part + away * away
        squares += total(part)
    for n in range(whole, size):
        squares += np.float64(values[n] - centre) ** 2
    out[0] = mean
    out[1] = max(0.0, squares / size - (mean - centre) ** 2)


def mean_and_variance(curves: Curves) -> Vector:
    """Mean and population variance of every curve: (k, t) -> (2k,), mean then variance, curve by curve.

    Summed in float64 whatever the curves' own precision, as the published table was.
    """
    if curves.dtype == np.float32 and curves.flags.c_contiguous:
        result = np.empty((curves.shape[0], 2))
        for curve, place in zip(curves, result, strict=True):
            moments(curve, place)
        return result.reshape(-1)
    mean = np.mean(curves, axis=-1, dtype=np.float64)
    variance = np.var(curves, axis=-1, dtype=np.float64)
    return np.stack([mean, variance], axis=-1).reshape(-1)
