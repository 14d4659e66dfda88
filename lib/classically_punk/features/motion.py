"""How the bands of a conditioned sound, and the shape of its spectrum, move together from frame to frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from classically_punk.features.arrays import Vector
from classically_punk.features.compiled import kernel
from classically_punk.features.conditioning import HIGHEST_HZ, LOWEST_HZ
from classically_punk.features.filterbanks import sparse_mel_bank
from classically_punk.features.fourier import LANES, SHORT, SHORT_BINS, hann, short_spectra, turns
from classically_punk.features.lanes import load, store
from classically_punk.features.overview import BROAD
from classically_punk.features.spectrum import mel

if TYPE_CHECKING:
    from classically_punk.features.analysis import Analysis

FLOOR: Final = np.float32(1e-4)
"""Power below which nothing moves; a mel band of a piece at its level of 0.1 has about 1."""
LEAST: Final = 0.01
"""Variance that is added to every row's: what is silent has a logarithm, too."""
SHAPES: Final = 12
"""Cepstral coefficients whose motion is looked at."""
FAST: Final = 8
"""Mel bands of short frames, one vector."""
SHORT_HOP: Final = 128
BORDER: Final = 1024
"""Samples in front of a piece in `Analysis.padded`."""

Levels = NDArray[np.float32]
"""One row a frame, also of the one in front of a stretch: (t, k)."""


def _broad(analysis: Analysis) -> Levels:
    return np.asarray(np.log(analysis.conditioned.overview.broad[:, :BROAD] + FLOOR))


def _shapes(analysis: Analysis) -> Levels:
    return np.ascontiguousarray(analysis.conditioned.cepstrum[:SHAPES].T)


@kernel(
    "void(float32[::1], int64[::1], float32[::1], float32[::1], float32[::1], int64[:, ::1], float32[::1],"
    " float32[::1])"
)
def short_pass(
    samples: Any, starts: Any, window: Any, cos: Any, sin: Any, mel_ranges: Any, mel_weights: Any, bands: Any
) -> None:
    """Frames of 512 of `samples` that begin at `starts` (8 g,) -> power in eight mel bands, `bands` (8 g * 8,)."""
    work = np.empty((4, SHORT // 2 * LANES), dtype=np.float32)
    re = np.empty(SHORT_BINS * LANES, dtype=np.float32)
    im = np.empty(SHORT_BINS * LANES, dtype=np.float32)
    for frame in range(0, starts.size, LANES):
        short_spectra(samples, starts[frame : frame + LANES], window, cos, sin, work, re, im)
        for k in range(0, SHORT_BINS * LANES, LANES):
            real, imaginary = load(re, k), load(im, k)
            store(re, k, real * real + imaginary * imaginary)
        mel(re, mel_ranges, mel_weights, bands, FAST, frame)


def _fast(analysis: Analysis) -> Levels:
    signal = analysis.conditioned
    lead = min(1, signal.own.start)
    frames = lead + signal.own_samples.size // SHORT_HOP + int(signal.ends)
    starts = np.full(-(-frames // LANES) * LANES, signal.padded.size - SHORT, dtype=np.int64)
    starts[:frames] = BORDER - SHORT // 2 + SHORT_HOP * (np.arange(frames) - lead)
    bands = np.empty(starts.size * FAST, dtype=np.float32)
    # twice the window (and half of it, see `spectra`): power as of frames four times as long
    window = hann(SHORT).astype(np.float32)
    short_pass(signal.padded, starts, window, *turns(), *sparse_mel_bank(FAST, LOWEST_HZ, HIGHEST_HZ, SHORT), bands)
    return np.asarray(np.log(bands.reshape(-1, FAST)[:frames] + FLOOR))


@kernel("void(float32[:, ::1], float64[::1], float64[:, ::1])")
def step_moments(levels: Any, mean: Any, products: Any) -> None:
    """Mean (k,) of the steps from row to row of (t, k), t >= 2, and sums of products (k, k) around it."""
    frames, bands = levels.shape
    for band in range(bands):
        mean[band] = (np.float64(levels[frames - 1, band]) - np.float64(levels[0, band])) / (frames - 1)
    step = np.empty(bands)
    products[:, :] = 0
    for frame in range(1, frames):
        for band in range(bands):
            step[band] = np.float64(levels[frame, band] - levels[frame - 1, band]) - mean[band]
        for row in range(bands):
            for column in range(row, bands):
                products[row, column] += step[row] * step[column]
    for row in range(bands):
        for column in range(row):
            products[row, column] = products[column, row]


@dataclass(frozen=True)
class Motion:
    """Matrix logarithm of the covariance of steps from frame to frame: upper triangle, row by row, (k (k + 1) / 2,).

    Log-Euclidean covariance (Arsigny et al. 2006) of the differences of `levels` (t, k), with 0.01 on its diagonal.
    """

    levels: Callable[[Analysis], Levels]
    size: int

    def __call__(self, analysis: Analysis) -> Vector:
        """Of one piece."""
        running = self.running()
        running.take(analysis)
        return running.value()

    def running(self) -> RunningMotion:
        """Of a clip that comes stretch by stretch."""
        return RunningMotion(self)


class RunningMotion:
    """Number, mean and products of the steps so far; parts merge as in Chan, Golub, LeVeque 1979."""

    def __init__(self, motion: Motion) -> None:
        self._motion = motion
        self._count = 0
        self._mean: Vector = np.zeros(motion.size)
        self._products: NDArray[np.float64] = np.zeros((motion.size, motion.size))

    def take(self, analysis: Analysis) -> None:
        """The next stretch."""
        levels = self._motion.levels(analysis)
        count = len(levels) - 1
        if count < 1:
            return
        mean, products = np.empty(self._motion.size), np.empty((self._motion.size, self._motion.size))
        step_moments(levels, mean, products)
        total = self._count + count
        away = mean - self._mean
        self._products += products + np.outer(away, away) * (self._count * count / total)
        self._mean += away * (count / total)
        self._count = total

    def value(self) -> Vector:
        """Of all that came."""
        size = self._motion.size
        covariance = self._products / max(1, self._count) + LEAST * np.eye(size)
        powers, axes = np.linalg.eigh(covariance)
        logarithm = (axes * np.log(np.maximum(powers, LEAST / 2))) @ axes.T
        return np.asarray(logarithm[np.triu_indices(size)])


broad: Final = Motion(_broad, BROAD)
"""Of ln(power + 0.0001) in 12 mel bands from 30 to 9000 Hz, frames of 2048 every 512 samples: (78,)."""
shapes: Final = Motion(_shapes, SHAPES)
"""Of the first 12 coefficients of the conditioned piece [dB]: (78,)."""
fast: Final = Motion(_fast, FAST)
"""Of ln(power + 0.0001) in 8 mel bands, frames of 512 every 128 samples: (36,)."""
