"""What the waveform itself tells, without a spectrum: level and sign changes."""

from __future__ import annotations

import librosa

from classically_punk.features.analysis import HOP, N_FFT, PADDING, Analysis
from classically_punk.features.arrays import Vector, mean_and_variance


def rms(analysis: Analysis) -> Vector:
    """Root mean square of every frame: (2,) mean at full scale 1.0, variance in its square; 0 for silence."""
    return mean_and_variance(
        librosa.feature.rms(y=analysis.samples, frame_length=N_FFT, hop_length=HOP, pad_mode=PADDING)
    )


def crossings(analysis: Analysis) -> Vector:
    """Sign changes a sample in every frame, edges repeated outwards: (2,) mean and variance, both in 0..1."""
    return mean_and_variance(librosa.feature.zero_crossing_rate(analysis.samples, frame_length=N_FFT, hop_length=HOP))
