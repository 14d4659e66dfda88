"""How fast the pulse is."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from classically_punk.features.arrays import Vector
from classically_punk.features.compiled import kernel
from classically_punk.features.fourier import PLANE, POINTS, hann, transform, turns
from classically_punk.features.lanes import load, root, splat, store, total, where_below
from classically_punk.features.spectrum import BANDS

if TYPE_CHECKING:
    from classically_punk.features.analysis import Analysis

NO_PULSE_BPM: Final = 0.0
"""Value of a clip without a single onset (silence): what librosa's beat tracker says, too."""
SAMPLE_RATE_HZ: Final = 22_050
HOP: Final = 512
WINDOW: Final = 344
"""Frames in 8 s."""
START_BPM: Final = 120.0
MAX_BPM: Final = 320.0
LAG_FRAMES: Final = 3
"""Zeros before the first rise: one frame of lag and half a frame of 2048 samples."""
TINY: Final = 1e-37
FAINT: Final = 0.01
"""Periodicity below which 1e-7 of rounding may count: the logarithm of a million times it is taken."""


@kernel("void(float32[:, ::1], float32[::1])")
def median_rises(levels: Any, out: Any) -> None:
    """Median over bands of the rise in level since the frame before, falls counted as 0: (t, 128) -> `out` (t - 1,).

    Non-negative floats are ordered as their bits are: the middle two are found by halving the interval of bits.
    """
    bands = levels.shape[1]
    rises = np.empty(bands, dtype=np.float32)
    bits = rises.view(np.int32)
    for frame in range(out.size):
        for band in range(bands):
            rises[band] = max(np.float32(0), levels[frame + 1, band] - levels[frame, band])
        low, high = np.int32(-1), np.int32(0x7F800000)
        while high - low > 1:
            middle = np.int32(low + (high - low) // 2)
            if low < 0:
                middle = np.int32(0)
            count = np.int32(0)
            for band in range(bands):
                count += np.int32(bits[band] <= middle)
            if 2 * count >= bands:
                high = middle
            else:
                low = middle
        count = np.int32(0)
        first = np.float32(0)
        second = np.float32(np.inf)
        for band in range(bands):
            if bits[band] <= high:
                count += 1
                first = max(first, rises[band])
            else:
                second = min(second, rises[band])
        out[frame] = first if 2 * count > bands else (first + second) / np.float32(2)


def onset_strength(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median rise over mel bands: (t, 128) in dB -> (t,) in dB, at least 0.

    Replaces librosa.onset.onset_strength(S=…, aggregate=np.median).
    """
    strength = np.zeros(levels.shape[0], dtype=np.float32)
    used = levels.shape[0] - LAG_FRAMES
    if used > 0:
        median_rises(levels[: used + 1], strength[LAG_FRAMES:])
    return strength


@kernel("void(float32[::1], float32[::1], float32[::1], float32[::1], float32[::1], float64[::1])")
def add_autocorrelations(onsets: Any, counted: Any, window: Any, cos: Any, sin: Any, powers: Any) -> None:
    """Adds to `powers` (1024,) the power spectra of all windows of 344 onsets, each divided by its energy.

    Sixteen windows at a time: eight as real, eight as imaginary parts of one transform, whose power, summed over a
    frequency and its mirror image, is that of both. `counted` (16 w,) is 1 for windows that count and 0 for others,
    `onsets` (16 w + 344,).
    """
    work = np.empty((4, PLANE), dtype=np.float32)
    xr, xi, yr, yi = work[0], work[1], work[2], work[3]
    zero, one = splat(np.float32(0)), splat(np.float32(1))
    for first in range(0, counted.size, 16):
        near, far = zero, zero
        for n in range(WINDOW):
            w = splat(window[n])
            a, b = load(onsets, first + n) * w, load(onsets, first + 8 + n) * w
            store(xr, 8 * n, a)
            store(xi, 8 * n, b)
            near = near + a * a
            far = far + b * b
        tiny = splat(np.float32(TINY))
        near = where_below(near, tiny, zero, load(counted, first) * one / root(near))
        far = where_below(far, tiny, zero, load(counted, first + 8) * one / root(far))
        for n in range(WINDOW):
            store(xr, 8 * n, load(xr, 8 * n) * near)
            store(xi, 8 * n, load(xi, 8 * n) * far)
        for n in range(WINDOW, POINTS):
            store(xr, 8 * n, zero)
            store(xi, 8 * n, zero)
        transform(xr, xi, yr, yi, cos, sin)
        for k in range(POINTS):
            a, b = load(yr, 8 * k), load(yi, 8 * k)
            powers[k] += total(a * a + b * b)


@cache
def _lags() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(344,) tempo of every lag in BPM, and the log of its prior: log-normal around 120 BPM, an octave wide."""
    with np.errstate(divide="ignore"):
        tempi = 60.0 * SAMPLE_RATE_HZ / (HOP * np.arange(WINDOW))
        prior = -0.5 * (np.log2(tempi) - np.log2(START_BPM)) ** 2
    prior[tempi >= MAX_BPM] = -np.inf
    return tempi, prior


def _shortest_lag() -> int:
    return int(np.argmax(_lags()[0] < MAX_BPM))


def mean_tempogram(onsets: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean of the normalised autocorrelations around every frame: (t,) -> (344,), at most 1; librosa.feature.tempogram.

    One inverse transform of summed spectra is the sum of as many inverse transforms.
    """
    frames = onsets.size
    half = WINDOW // 2
    whole = -(-frames // 16) * 16
    padded = np.zeros(whole + WINDOW, dtype=np.float32)
    padded[half : half + frames] = onsets
    padded[:half] = onsets[0] * np.arange(half) / half
    padded[half + frames : frames + 2 * half] = onsets[-1] * np.arange(half)[::-1] / half
    counted = np.zeros(whole, dtype=np.float32)
    counted[:frames] = 1
    powers = np.zeros(POINTS)
    add_autocorrelations(padded, counted, hann(WINDOW).astype(np.float32), *turns(), powers)
    found = np.fft.ifft(powers).real[:WINDOW] / frames
    return found if found[_shortest_lag() :].max() > FAINT else _mean_tempogram_in_float64(padded, frames)


def _mean_tempogram_in_float64(padded: NDArray[np.float32], frames: int) -> NDArray[np.float64]:
    """The same without the rounding of float32, which may decide where there is next to no periodicity."""
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[:frames]
    powers = np.zeros(POINTS // 2 + 1)
    for first in range(0, frames, 1024):
        weighted = windows[first : first + 1024] * hann(WINDOW)
        energy = np.sum(weighted**2, axis=1)
        spectra = np.fft.rfft(weighted[energy > 0], n=POINTS, axis=1)
        powers += np.sum(np.abs(spectra) ** 2 / energy[energy > 0, None], axis=0)
    return np.asarray(np.fft.irfft(powers)[:WINDOW] / frames)


def tempo_of(tempogram: NDArray[np.float64]) -> float:
    """Most likely tempo of a mean tempogram (344,) under the prior, in BPM, at most 320."""
    tempi, prior = _lags()
    return float(tempi[np.argmax(np.log1p(1e6 * np.maximum(tempogram, 0)) + prior)])


def bpm(analysis: Analysis) -> Vector:
    """Tempo of the mean autocorrelation tempogram under a log-normal prior around 120: (1,) in BPM, 0 or up to 320.

    Grosche, Müller & Kurth 2010; Ellis 2007. Replaces `librosa.beat.beat_track(onset_envelope=…)[0]`, whose beat
    tracking comes after the tempo and is left out.
    """
    return _bpm(analysis.onset_strength)


def _bpm(onsets: NDArray[np.float32]) -> Vector:
    return np.array([tempo_of(mean_tempogram(onsets)) if np.any(onsets) else NO_PULSE_BPM])


class RunningTempo:
    """`bpm` of a clip that comes stretch by stretch; keeps 4 bytes a frame, 620 kB an hour."""

    def __init__(self) -> None:
        self._before = np.empty((0, BANDS), dtype=np.float32)
        self._rises: list[NDArray[np.float32]] = [np.zeros(LAG_FRAMES, dtype=np.float32)]

    def take(self, analysis: Analysis) -> None:
        """The next stretch."""
        levels = np.concatenate((self._before, analysis.log_mel))
        rises = np.empty(levels.shape[0] - 1, dtype=np.float32)
        median_rises(levels, rises)
        self._rises.append(rises)
        self._before = levels[-1:].copy()

    def value(self) -> Vector:
        """As `bpm` of the whole: (1,)."""
        strength = np.concatenate(self._rises)
        return _bpm(strength[: strength.size + 1 - LAG_FRAMES])  # as many as frames: the last rises come too late
