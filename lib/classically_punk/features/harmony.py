"""Which pitch classes sound in a conditioned piece, whatever its key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from classically_punk.features.arrays import Curves, Vector
from classically_punk.features.filterbanks import CLASSES
from classically_punk.features.summaries import MomentsOf

if TYPE_CHECKING:
    from classically_punk.features.analysis import Analysis

INTERVALS: Final = CLASSES // 2


def _chroma(analysis: Analysis) -> Curves:
    seen = analysis.conditioned.overview
    return seen.chroma[:, seen.lead :]


def _values(mean: Vector, _: Vector) -> Vector:
    shares = np.sort(mean) / max(mean.sum(), np.finfo(np.float32).tiny)
    away = mean - mean.mean()
    turned = np.array([np.sum(away * np.roll(away, step)) for step in range(INTERVALS + 1)])
    return np.concatenate((shares, turned[1:] / (turned[0] + 1e-9)))


pitch_classes: Final = MomentsOf(_chroma, _values)
"""Mean strength of the pitch classes, untuned, strongest of a frame 1: (18,) shares of the twelve from the weakest on,
and circular autocorrelation at 1 to 6 semitones. Neither changes with the key.

librosa.feature.chroma_stft(tuning=0).
"""
