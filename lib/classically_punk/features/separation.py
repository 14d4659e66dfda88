"""The steady (harmonic) and the struck (percussive) part of the sound, as waveforms."""

from __future__ import annotations

from classically_punk.features.analysis import Analysis
from classically_punk.features.arrays import Vector, mean_and_variance


def harmonic(analysis: Analysis) -> Vector:
    """Mean and variance of the harmonic waveform: (2,) at full scale 1.0 and its square; the mean is noise around 0."""
    return mean_and_variance(analysis.harmonic_and_percussive[0][None, :])


def percussive(analysis: Analysis) -> Vector:
    """Mean and variance of the percussive waveform: (2,) at full scale 1.0 and its square; the mean is noise near 0."""
    return mean_and_variance(analysis.harmonic_and_percussive[1][None, :])
