"""How a conditioned sound sets in and pulsates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

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
RIPPLES: Final = (0, 1, 2, 4, 7, 12, 20)
"""Groups of cepstral coefficients: first of each, and the one after the last."""
RIPPLE_RATES_HZ: Final = (0.3, 1.0, 2.0, 4.0, 8.0, 16.0, 21.6)


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


def _shapes(analysis: Analysis) -> Curves:
    return analysis.conditioned.cepstrum[:, analysis.conditioned.overview.lead :]


@dataclass(frozen=True)
class Modulation:
    """ln of the power with which curves move, by rate: of every range of rates all groups of curves, (r g,).

    Hann blocks of 128 frames (3 s) every 64, each curve less its mean there; a shorter piece is one block. `groups` are
    the first curve of each and the one after the last, `least` is added to the power.
    """

    curves: Callable[[Analysis], Curves]
    groups: tuple[int, ...]
    rates_hz: tuple[float, ...]
    least: float

    def __call__(self, analysis: Analysis) -> Vector:
        """Of one piece."""
        running = self.running()
        running.take(analysis)
        return running.value()

    def running(self) -> RunningModulation:
        """Of a clip that comes stretch by stretch."""
        return RunningModulation(self)

    def values(self, powers: Curves) -> Vector:
        """Mean power by curve and rate (k, 65) -> the scalars."""
        rates = np.arange(powers.shape[1]) * (SAMPLE_RATE_HZ / HOP / BLOCK)
        edges = np.searchsorted(rates, self.rates_hz)
        means = [
            powers[curve:beyond, first:after].mean()
            for first, after in pairwise(edges.tolist())
            for curve, beyond in pairwise(self.groups)
        ]
        return np.asarray(np.log(np.array(means) + self.least))


class RunningModulation:
    """A modulation of a clip that comes stretch by stretch."""

    def __init__(self, modulation: Modulation) -> None:
        self._modulation = modulation
        self._rest: Curves = np.empty((modulation.groups[-1], 0), dtype=np.float32)
        self._powers: Curves = np.zeros((modulation.groups[-1], BLOCK // 2 + 1))
        self._blocks = 0

    def take(self, analysis: Analysis) -> None:
        """The next stretch."""
        curves = np.concatenate((self._rest, self._modulation.curves(analysis)), axis=1)
        if curves.shape[1] >= BLOCK:
            powers, blocks = _block_powers(curves)
            self._powers = self._powers + powers
            self._blocks += blocks
            curves = curves[:, blocks * STEP :]
        self._rest = curves

    def value(self) -> Vector:
        """Of all that came."""
        powers, blocks = (self._powers, self._blocks) if self._blocks else _block_powers(self._rest)
        return self._modulation.values(powers / blocks)


def _block_powers(curves: Curves) -> tuple[Curves, int]:
    """Power by curve and rate (k, 65) summed over the blocks of (k, t), and their number."""
    size = min(BLOCK, curves.shape[1])
    window = hann(size)
    views = np.lib.stride_tricks.sliding_window_view(curves, size, axis=1)[:, ::STEP].astype(np.float64)
    around = (views - views.mean(axis=2, keepdims=True)) * window
    spectra = np.fft.rfft(around, n=BLOCK, axis=2)
    powers = (spectra.real**2 + spectra.imag**2).sum(axis=1) / np.sum(window**2)
    return np.asarray(powers), views.shape[1]


modulation: Final = Modulation(_group_levels, tuple(range(GROUPS + 1)), RATES_HZ, 1e-3)
"""Of six bands' levels ln(power + 0.0001), pairs of the 12 broad bands: (30,)."""
ripples: Final = Modulation(_shapes, RIPPLES, RIPPLE_RATES_HZ, 1e-2)
"""Of the 20 coefficients of the conditioned piece [dB], in six groups from its level to its finest shapes: (36,)."""
