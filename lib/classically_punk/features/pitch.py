"""Which of the twelve pitch classes sound."""

from __future__ import annotations

import librosa

from classically_punk.features.analysis import N_FFT, SAMPLE_RATE_HZ, Analysis
from classically_punk.features.arrays import Curves, Vector, mean_and_variance


def chroma_curves(analysis: Analysis) -> Curves:
    """Power per pitch class C to B, tuned to the clip, each frame divided by its largest: (12, t) in 0..1."""
    return librosa.feature.chroma_stft(S=analysis.power, sr=SAMPLE_RATE_HZ, n_fft=N_FFT)


def chroma(analysis: Analysis) -> Vector:
    """Mean and variance over all pitch classes and frames together: (2,), both in 0..1."""
    return mean_and_variance(chroma_curves(analysis).reshape(1, -1))
