"""What a report shows of one clip, small enough to travel: taken while its audio is open, drawn later."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from classically_punk.features import cepstrum
from classically_punk.features.analysis import HOP, SAMPLE_RATE_HZ, Analysis, to_decibels
from classically_punk.features.arrays import Curves, Samples
from classically_punk.features.describe import checked
from classically_punk.features.filterbanks import mel_bank, mel_frequencies

WAVEFORM_POINTS = 800
TIME_COLUMNS = 300
MEL_BANDS = 96


def exhibit_of(samples: ArrayLike) -> dict[str, NDArray[Any]]:
    """Mono samples (n,) at 22 050 Hz -> arrays for drawing, under 150 kB together, all finite.

    `waveform_min`, `waveform_max` (p,) at full scale 1.0 around `waveform_times_s` (p,), p <= 800;
    `spectrogram_db` (96, c) in dB below the loudest point, -80..0, bands centred on `mel_hz` (96,);
    `chroma` (12, c) in 0..1 from C to B; `mfcc` (20, c) in dB; each column centred on `times_s` (c,), c <= 300;
    `duration_s` (). Raises ClipTooShortError if n < 1025, NonFiniteError, OutOfRangeError; ValueError for other shapes.
    """
    clip = checked(samples)
    analysis = Analysis(clip)
    frames = analysis.frames
    columns = min(TIME_COLUMNS, frames)
    mel = mel_bank(MEL_BANDS) @ _pooled(analysis.power, columns)
    level = to_decibels(mel.astype(np.float32))
    centres = _pooled(np.arange(frames, dtype=np.float64)[None, :] * HOP / SAMPLE_RATE_HZ, columns)[0]
    return _envelope(clip) | {
        "spectrogram_db": (level - level.max()).astype(np.float16),
        "mel_hz": mel_frequencies(MEL_BANDS + 2)[1:-1].astype(np.float32),
        "chroma": _pooled(analysis.pitch_classes_alone(), columns).astype(np.float16),
        "mfcc": _pooled(cepstrum.mfcc_curves(analysis), columns).astype(np.float16),
        "times_s": centres.astype(np.float32),
        "duration_s": np.float32(clip.size / SAMPLE_RATE_HZ).reshape(()),
    }


def _pooled(curves: Curves, columns: int) -> Curves:
    """Means over `columns` nearly equal stretches of frames: (k, t) -> (k, columns), columns <= t."""
    edges = np.linspace(0, curves.shape[1], columns + 1).astype(int)
    sums = np.add.reduceat(curves, edges[:-1], axis=1, dtype=np.float64)
    return np.asarray(sums / np.diff(edges))


def _envelope(clip: Samples) -> dict[str, NDArray[Any]]:
    edges = np.linspace(0, clip.size, min(WAVEFORM_POINTS, clip.size) + 1).astype(int)
    return {
        "waveform_min": np.minimum.reduceat(clip, edges[:-1]),
        "waveform_max": np.maximum.reduceat(clip, edges[:-1]),
        "waveform_times_s": ((edges[:-1] + edges[1:]) / 2 / SAMPLE_RATE_HZ).astype(np.float32),
    }
