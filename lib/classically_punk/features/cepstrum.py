"""The outline of the spectrum: mel-frequency cepstral coefficients."""

from __future__ import annotations

import librosa

from classically_punk.features.analysis import Analysis
from classically_punk.features.arrays import Curves, Vector, mean_and_variance

COEFFICIENTS = 20


def mfcc_curves(analysis: Analysis) -> Curves:
    """Orthonormal discrete cosine transform (type II) of the 128 log-mel bands, its first 20 rows: (20, t) in dB."""
    return librosa.feature.mfcc(S=analysis.log_mel, n_mfcc=COEFFICIENTS)


def mfcc(analysis: Analysis) -> Vector:
    """Mean [dB] and variance [dB²] of each coefficient: (40,)."""
    return mean_and_variance(mfcc_curves(analysis))
