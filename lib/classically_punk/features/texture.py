"""How a conditioned sound is made up, frame by frame: bright or dark, full or hollow, steady or changing."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from classically_punk.features.arrays import Curves, Vector
from classically_punk.features.conditioning import HIGHEST_HZ, LOWEST_HZ
from classically_punk.features.filterbanks import SAMPLE_RATE_HZ
from classically_punk.features.fourier import N_FFT
from classically_punk.features.overview import FLOOR_POWER, first_bin
from classically_punk.features.summaries import MomentsOf, Sums, logarithm_of_deviation, mean_then_deviation
from classically_punk.features.waveform import FRAME_HOPS, HOP, crossing_counts

if TYPE_CHECKING:
    from classically_punk.features.analysis import Analysis

DB_OF_POWER: Final = 10 / np.log(10)
DB_OF_MAGNITUDE: Final = 20 / np.log(10)
LEVEL_BANDS: Final = 16
SOFTEST: Final = 1e-3
"""Root mean square of a spectrum (over bins) that is added to every frame's before its level is taken."""


def _outline(analysis: Analysis) -> Curves:
    seen = analysis.conditioned.overview
    return np.asarray(np.log2(seen.outline[:, seen.lead :] / np.float32(LOWEST_HZ) + np.float32(1)))


def _contrast(analysis: Analysis) -> Curves:
    seen = analysis.conditioned.overview
    return seen.contrast[:, seen.lead :] * np.float32(DB_OF_MAGNITUDE)


def _flatness(analysis: Analysis) -> Curves:
    seen = analysis.conditioned.overview
    return seen.flatness[None, seen.lead :] * np.float32(DB_OF_POWER)


def _flux(analysis: Analysis) -> Curves:
    return analysis.conditioned.overview.flux[None, 1:]


def _level(analysis: Analysis) -> Curves:
    seen = analysis.conditioned.overview
    return np.log(np.sqrt(seen.high_and_all[1:, seen.lead :]) + np.float32(SOFTEST)) * np.float32(DB_OF_MAGNITUDE)


def _crossings(analysis: Analysis) -> Curves:
    signal = analysis.conditioned
    counts = np.empty(1 + signal.samples.size // HOP, dtype=np.int32)
    crossing_counts(signal.samples, counts)
    return (counts[None, signal.own] / np.float32(FRAME_HOPS * HOP)).astype(np.float32)


def _deviation(_: Vector, variance: Vector) -> Vector:
    return np.sqrt(variance)


def _logarithms(mean: Vector, variance: Vector) -> Vector:
    return np.stack([np.log(mean + 1e-3), logarithm_of_deviation(variance)], axis=-1).reshape(-1)


outline: Final = MomentsOf(_outline, mean_then_deviation)
"""Centroid, width around it and 85 % rolloff, log2(1 + Hz / 30): (6,) mean [octaves] and ln deviation, in turn.

librosa.feature.spectral_centroid, .spectral_bandwidth, .spectral_rolloff.
"""
contrast: Final = MomentsOf(_contrast, mean_then_deviation)
"""Peaks over valleys in seven bands: (14,) mean [dB] and ln deviation, band by band.

Jiang et al. 2002, with 2 % of the bins; librosa.feature.spectral_contrast but for its bands.
"""
flatness: Final = MomentsOf(_flatness, mean_then_deviation)
"""Geometric over arithmetic mean of power between 30 and 9000 Hz: (2,) mean [dB], at most 0, and ln deviation."""
flux: Final = MomentsOf(_flux, mean_then_deviation)
"""Length of what rises from frame to frame, spectra of length 1: (2,) mean in 0..1 and ln deviation."""
level: Final = MomentsOf(_level, _deviation)
"""Deviation of the frames' level: (1,) in dB."""
crossings: Final = MomentsOf(_crossings, _logarithms)
"""Sign changes a sample: (2,) ln of mean and of deviation."""


@cache
def level_bands() -> NDArray[np.int64]:
    """(16, 2) first bin and bin after the last of bands even in pitch from 30 to 9000 Hz; a bin at least."""
    edges = np.geomspace(LOWEST_HZ, HIGHEST_HZ, LEVEL_BANDS + 1)
    width = SAMPLE_RATE_HZ / N_FFT
    return np.array([[first_bin(low), first_bin(max(high, low + width))] for low, high in pairwise(edges.tolist())])


def _spectrum(analysis: Analysis) -> Vector:
    seen = analysis.conditioned.overview
    return np.append(seen.spectrum, seen.frames)


def _band_levels(sums: Vector) -> Vector:
    mean = sums[:-1] / sums[-1]
    power = np.array([mean[first:after].mean() for first, after in level_bands()])
    levels = 10 * np.log10(power + FLOOR_POWER)
    return np.asarray(levels - levels.mean())


bands: Final = Sums(_spectrum, _band_levels)
"""Mean power in 16 bands even in pitch, less the mean of the 16 levels: (16,) in dB."""
