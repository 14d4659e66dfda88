"""Where in the spectrum the sound lies, and how wide it is. The curves are made in `spectrum`, frame by frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from classically_punk.features.arrays import Vector, mean_and_variance

if TYPE_CHECKING:
    from classically_punk.features.analysis import Analysis


def centroid(analysis: Analysis) -> Vector:
    """Magnitude-weighted mean frequency of every frame: (2,) mean in Hz, variance in Hz²; 0 for a silent frame."""
    return mean_and_variance(analysis.shape[0:1])


def bandwidth(analysis: Analysis) -> Vector:
    """Magnitude-weighted deviation from the centroid: (2,) mean in Hz, variance in Hz²; 0 for a silent frame."""
    return mean_and_variance(analysis.shape[1:2])


def rolloff(analysis: Analysis) -> Vector:
    """Frequency below which 85 % of the magnitude lies: (2,) mean in Hz, variance in Hz²; 0 for a silent frame."""
    return mean_and_variance(analysis.shape[2:3])
