"""The fixed weights between spectrum and features: mel bands, pitch classes, cosine transform. Tables, made once.

Definitions are librosa's, which are Slaney's (Auditory Toolbox, 1998) and Ellis's (chromagram, 2007); computed here so
that describing a clip does not import librosa.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from classically_punk.features.fourier import BINS, LANES, N_FFT

SAMPLE_RATE_HZ: Final = 22_050
CLASSES: Final = 12

LINEAR_HZ: Final = 200 / 3
"""Slaney's scale: one mel is 200/3 Hz up to 1000 Hz, and a factor of 6.4^(1/27) beyond."""
BREAK_HZ: Final = 1000.0
LOG_STEP: Final = np.log(6.4) / 27


@cache
def mel_frequencies(count: int, lowest_hz: float = 0.0, highest_hz: float = SAMPLE_RATE_HZ / 2) -> NDArray[np.float64]:
    """(count,) Hz between two frequencies, at most and at least 1000 Hz, evenly spaced on Slaney's mel scale.

    librosa.mel_frequencies.
    """
    top = BREAK_HZ / LINEAR_HZ + np.log(highest_hz / BREAK_HZ) / LOG_STEP
    mel = np.linspace(lowest_hz / LINEAR_HZ, top, count)
    bent = BREAK_HZ * np.exp(LOG_STEP * (mel - BREAK_HZ / LINEAR_HZ))
    return np.where(mel < BREAK_HZ / LINEAR_HZ, LINEAR_HZ * mel, bent)


@cache
def mel_bank(bands: int, lowest_hz: float = 0.0, highest_hz: float = SAMPLE_RATE_HZ / 2) -> NDArray[np.float32]:
    """Triangles of equal area between neighbours' centres: (bands, 1025); librosa.filters.mel."""
    edges = mel_frequencies(bands + 2, lowest_hz, highest_hz)
    bins = np.arange(BINS) * (SAMPLE_RATE_HZ / N_FFT)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    height = 2 / (edges[2:] - edges[:-2])
    triangles = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    return (triangles * height[:, None]).astype(np.float32)


@cache
def sparse_mel_bank(
    bands: int, lowest_hz: float = 0.0, highest_hz: float = SAMPLE_RATE_HZ / 2
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The same without its zeros: (bands, 3) first bin, bin after the last, place of the first weight; (m,) weights.

    Filled up to whole vectors by empty bands.
    """
    bank = mel_bank(bands, lowest_hz, highest_hz)
    ranges = np.zeros((-(-bands // LANES) * LANES, 3), dtype=np.int64)
    weights: list[NDArray[np.float32]] = []
    place = 0
    for band, row in enumerate(bank):
        used = np.flatnonzero(row)
        first, after = (int(used[0]), int(used[-1]) + 1) if used.size else (0, 0)
        ranges[band] = first, after, place
        weights.append(row[first:after])
        place += after - first
    return ranges, np.concatenate(weights)


@cache
def cosines(coefficients: int, bands: int) -> NDArray[np.float32]:
    """Orthonormal type II cosine transform, cut off and padded to whole vectors: (bands, 8 ceil(coefficients / 8))."""
    angle = np.pi / bands * np.outer(np.arange(bands) + 0.5, np.arange(coefficients))
    matrix = np.sqrt(2 / bands) * np.cos(angle)
    matrix[:, 0] = np.sqrt(1 / bands)
    table = np.zeros((bands, -(-coefficients // 8) * 8), dtype=np.float32)
    table[:, :coefficients] = matrix
    return table


@lru_cache(maxsize=128)
def chroma_bank(tuning: float) -> NDArray[np.float32]:
    """Weight of every bin in every pitch class, A440 moved by `tuning` semitones: (1025, 12), C first.

    Gaussians a semitone wide (wider where bins are), columns of unit length, under a Gaussian of two octaves around
    the fifth octave of A = 27.5 Hz; the transpose of librosa.filters.chroma. 100 tunings are possible.
    """
    hertz = np.arange(1, N_FFT) * (SAMPLE_RATE_HZ / N_FFT)
    semitones = CLASSES * np.log2(hertz / (440 * 2 ** (tuning / CLASSES) / 16))
    semitones = np.concatenate(([semitones[0] - 1.5 * CLASSES], semitones))
    width = np.concatenate((np.maximum(np.diff(semitones), 1), [1]))[:BINS]
    semitones = semitones[:BINS]
    away = np.remainder(semitones[:, None] - np.arange(CLASSES) + 10.5 * CLASSES, CLASSES) - CLASSES / 2
    bumps = np.exp(-2 * (away / width[:, None]) ** 2)
    bumps /= np.sqrt(np.sum(bumps**2, axis=1, keepdims=True))
    bumps *= np.exp(-0.5 * ((semitones / CLASSES - 5) / 2) ** 2)[:, None]
    return np.ascontiguousarray(np.roll(bumps, -3, axis=1), dtype=np.float32)
