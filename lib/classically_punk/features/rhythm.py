"""How a conditioned sound sets in and pulsates."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from classically_punk.features.arrays import Curves, Vector
from classically_punk.features.compiled import kernel
from classically_punk.features.filterbanks import SAMPLE_RATE_HZ
from classically_punk.features.fourier import hann
from classically_punk.features.overview import BROAD
from classically_punk.features.summaries import Whole

if TYPE_CHECKING:
    from classically_punk.features.analysis import Analysis

HOP: Final = 512
LAGS: Final = (10, 87)
"""Frames from onset to onset that can be a beat: 0.23 to 2 s."""
GROUPS: Final = 6
"""Pairs of the 12 broad bands."""
FLOOR: Final = np.float32(1e-4)
BLOCK, STEP = 128, 64
"""Frames that are transformed together (3 s), and from one block to the next."""
RATES_HZ: Final = (0.5, 1.5, 3.0, 6.0, 12.0, 21.6)


@kernel("void(float32[:, ::1], float32[::1])")
def mean_rises(levels: Any, out: Any) -> None:
    """Mean over bands of the rise since the row before, falls counted as 0: (t, k) -> `out` (t - 1,)."""
    for frame in range(out.size):
        rise = np.float32(0)
        for band in range(levels.shape[1]):
            rise += max(np.float32(0), levels[frame + 1, band] - levels[frame, band])
        out[frame] = rise / np.float32(levels.shape[1])


@kernel("void(float64[::1], float64[::1])")
def autocorrelations(away: Any, out: Any) -> None:
    """Sums of products of (n,) with itself 0, 1, … places later: `out` (m,), m <= n."""
    for lag in range(out.size):
        summed = 0.0
        for n in range(lag, away.size):
            summed += away[n] * away[n - lag]
        out[lag] = summed


def _onsets(analysis: Analysis) -> Curves:
    levels = analysis.conditioned.log_bands
    out = np.empty(max(0, len(levels) - 1), dtype=np.float32)
    mean_rises(levels, out)
    return out[None, :]


def _onset_values(curves: Curves) -> Vector:
    onsets = curves[0].astype(np.float64)
    if onsets.size == 0:
        return np.zeros(6)
    mean = onsets.mean()
    logs = np.log(onsets + 0.1)
    return np.array(
        [
            np.log(mean + 0.01),
            np.log(onsets.std() + 0.01),
            logs.mean(),
            logs.std(),
            _pulse(onsets - mean),
            np.mean(onsets > 2 * mean),
        ]
    )


def _pulse(away: Vector) -> float:
    """Largest autocorrelation at the lags of a beat, over that at lag 0: at most 1."""
    first, after = LAGS
    if away.size <= first:
        return 0.0
    found = np.empty(min(after, away.size))
    autocorrelations(away, found)
    return float(np.max(found[first:]) / (found[0] + 1e-9))


onset: Final = Whole(_onsets, _onset_values)
"""Rise of 128 mel levels from frame to frame, its mean over bands [dB]: (6,) ln of mean, ln of deviation, mean and
deviation of the logarithms, largest autocorrelation at 0.23 to 2 s, share of frames above twice the mean."""


def _group_levels(analysis: Analysis) -> Curves:
    seen = analysis.conditioned.overview
    pairs = seen.broad[seen.lead :, :BROAD].reshape(-1, GROUPS, 2)
    return np.ascontiguousarray(np.log((pairs[:, :, 0] + pairs[:, :, 1]) / np.float32(2) + FLOOR).T)


def _block_powers(levels: NDArray[np.floating]) -> Vector:
    """Modulation power (6 * 65,) summed over blocks of (6, t), and the number of blocks, at the end: (391,)."""
    size = min(BLOCK, levels.shape[1])
    window = hann(size)
    views = np.lib.stride_tricks.sliding_window_view(levels, size, axis=1)[:, ::STEP].astype(np.float64)
    around = (views - views.mean(axis=2, keepdims=True)) * window
    powers = np.abs(np.fft.rfft(around, n=BLOCK, axis=2)) ** 2 / np.sum(window**2)
    return np.append(powers.sum(axis=1).reshape(-1), views.shape[1])


def _modulation_values(sums: Vector) -> Vector:
    powers = (sums[:-1] / sums[-1]).reshape(GROUPS, -1)
    rates = np.arange(powers.shape[1]) * (SAMPLE_RATE_HZ / HOP / BLOCK)
    edges = np.searchsorted(rates, RATES_HZ)
    means = [powers[:, first:after].mean(axis=1) for first, after in pairwise(edges.tolist())]
    return np.asarray(np.log(np.stack(means) + 1e-3).reshape(-1))


class RunningModulation:
    """`modulation` of a clip that comes stretch by stretch."""

    def __init__(self) -> None:
        self._rest: Curves = np.empty((GROUPS, 0), dtype=np.float32)
        self._sums: Vector | None = None

    def take(self, analysis: Analysis) -> None:
        """The next stretch."""
        levels = np.concatenate((self._rest, _group_levels(analysis)), axis=1)
        frames = levels.shape[1]
        if frames >= BLOCK:
            sums = _block_powers(levels)
            self._sums = sums if self._sums is None else self._sums + sums
            levels = levels[:, ((frames - BLOCK) // STEP + 1) * STEP :]
        self._rest = levels

    def value(self) -> Vector:
        """As `modulation` of the whole."""
        return _modulation_values(_block_powers(self._rest) if self._sums is None else self._sums)


def modulation(analysis: Analysis) -> Vector:
    """ln of the power with which six bands' levels move at 0.5–1.5, 1.5–3, 3–6, 6–12 and 12–21.5 Hz: (30,).

    Rate by rate, all bands of one together; blocks of 3 s, half overlapping.
    """
    running = RunningModulation()
    running.take(analysis)
    return running.value()
