"""A clip's sound as small arrays that a page can draw: its waveform, and its spectrogram at so many moments.

For the eye alone, so it costs little: a few hundred spectra, however long the clip is.
"""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

import numpy as np

from classically_punk.audio.store import Mono, Samples
from classically_punk.features.analysis import SAMPLE_RATE_HZ
from classically_punk.features.filterbanks import mel_bank, mel_frequencies
from classically_punk.features.fourier import BINS

FRAME = 2 * (BINS - 1)
POINTS, COLUMNS, BANDS = 800, 300, 96
SPECTRA = 2
"""Per column, side by side; their mean is drawn."""
DEEPEST_DB = 80.0
STEPS = 255


def picture_of(samples: Samples) -> dict[str, Any]:
    """Mono samples (n,) at 22 050 Hz, n >= 1 -> arrays for drawing, in JSON under 100 kB.

    `waveform_low`, `waveform_high` (p,) in ±1, p <= 800; `spectrogram`: base64 of `bands` × `columns` bytes, lowest
    band first, 0 for 80 dB below the loudest point, 255 for that point; `band_hz` (bands,); `duration_s`.
    """
    low, high = _waveform(samples)
    power = np.asarray(_spectra(samples) @ mel_bank(BANDS).T, dtype=np.float64).T
    level = 10 * np.log10(np.maximum(power, power.max() * 10 ** (-DEEPEST_DB / 10) + np.finfo(np.float64).tiny))
    octets = np.round((level - level.max() + DEEPEST_DB) / DEEPEST_DB * STEPS).clip(0, STEPS).astype(np.uint8)
    return {
        "waveform_low": low.round(3).tolist(),
        "waveform_high": high.round(3).tolist(),
        "spectrogram": base64.b64encode(octets.tobytes()).decode(),
        "bands": octets.shape[0],
        "columns": octets.shape[1],
        "band_hz": mel_frequencies(BANDS + 2)[1:-1].round().tolist(),
        "duration_s": samples.size / SAMPLE_RATE_HZ,
    }


def _waveform(samples: Samples) -> tuple[Any, Any]:
    """Lowest and highest sample of each of p nearly equal stretches."""
    edges = np.linspace(0, samples.size, min(POINTS, samples.size) + 1).astype(int)
    if isinstance(samples, np.ndarray):
        low, high = (pick.reduceat(samples, edges[:-1]) for pick in (np.minimum, np.maximum))
    else:
        pieces = [
            samples.read(start, stop) for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        ]
        low, high = np.asarray([piece.min() for piece in pieces]), np.asarray([piece.max() for piece in pieces])
    return low.astype(np.float64), high.astype(np.float64)


def _spectra(samples: Samples) -> Any:
    """(columns, bins): mean power of a few frames, Hann window, around the middle of each column."""
    columns = min(COLUMNS, 1 + samples.size // (FRAME // 4))
    moments = (np.arange(columns * SPECTRA) + 0.5) / (columns * SPECTRA) * samples.size
    frames = np.zeros((moments.size, FRAME), dtype=np.float32)  # zeros outside of the clip
    for frame, moment in zip(frames, moments.tolist(), strict=True):
        start = round(moment) - FRAME // 2
        first, last = max(0, start), min(samples.size, start + FRAME)
        inside = samples[first:last] if isinstance(samples, np.ndarray) else samples.read(first, last)
        frame[first - start : last - start] = inside
    spectra = np.fft.rfft(frames * _window(), axis=1)
    power = (spectra.real**2 + spectra.imag**2).reshape(columns, SPECTRA, BINS)
    return power.mean(axis=1)


@cache
def _window() -> Mono:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)).astype(np.float32)
