"""Where in the spectrum the sound lies, and how wide it is."""

from __future__ import annotations

import librosa

from classically_punk.features.analysis import SAMPLE_RATE_HZ, Analysis
from classically_punk.features.arrays import Vector, mean_and_variance

ROLLOFF_SHARE = 0.85


def centroid(analysis: Analysis) -> Vector:
    """Magnitude-weighted mean frequency of every frame: (2,) mean in Hz, variance in Hz²; 0 for a silent frame."""
    return mean_and_variance(librosa.feature.spectral_centroid(S=analysis.magnitude, sr=SAMPLE_RATE_HZ))


def bandwidth(analysis: Analysis) -> Vector:
    """Magnitude-weighted deviation from the centroid: (2,) mean in Hz, variance in Hz²; 0 for a silent frame."""
    return mean_and_variance(librosa.feature.spectral_bandwidth(S=analysis.magnitude, sr=SAMPLE_RATE_HZ))


def rolloff(analysis: Analysis) -> Vector:
    """Frequency below which 85 % of the magnitude lies: (2,) mean in Hz, variance in Hz²; 0 for a silent frame."""
    curve = librosa.feature.spectral_rolloff(S=analysis.magnitude, sr=SAMPLE_RATE_HZ, roll_percent=ROLLOFF_SHARE)
    return mean_and_variance(curve)
