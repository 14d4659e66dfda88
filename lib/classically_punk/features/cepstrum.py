"""The outline of the spectrum: mel-frequency cepstral coefficients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from classically_punk.features.arrays import Curves, Vector, mean_and_variance
from classically_punk.features.compiled import kernel
from classically_punk.features.filterbanks import cosines
from classically_punk.features.lanes import load, splat, store
from classically_punk.features.spectrum import BANDS
from classically_punk.features.summaries import MomentsOf, logarithm_of_deviation, mean_then_deviation

if TYPE_CHECKING:
    from classically_punk.features.analysis import Analysis

COEFFICIENTS: Final = 20
STORED: Final = 24
"""Coefficients filled up to whole vectors."""


@kernel("void(float32[:, ::1], float32[:, ::1], float32[:, ::1])")
def cosine_transform(bands: Any, table: Any, out: Any) -> None:
    """(t, 128) times (128, 24) -> `out` (t, 24).

    Every frame less the level of its first band, which only the first coefficient would see: a constant then has zeros
    and no rounding in all others.
    """
    whole = np.float32(np.sqrt(bands.shape[1]))
    for frame in range(bands.shape[0]):
        base = bands[frame, 0]
        low, mid, high = splat(np.float32(0)), splat(np.float32(0)), splat(np.float32(0))
        for band in range(bands.shape[1]):
            value = splat(bands[frame, band] - base)
            low = low + value * load(table, band * STORED)
            mid = mid + value * load(table, band * STORED + 8)
            high = high + value * load(table, band * STORED + 16)
        store(out, frame * STORED, low)
        store(out, frame * STORED + 8, mid)
        store(out, frame * STORED + 16, high)
        out[frame, 0] += base * whole


def mfcc_curves(analysis: Analysis) -> Curves:
    """Orthonormal discrete cosine transform (type II) of the 128 log-mel bands, its first 20 rows: (20, t) in dB.

    Davis & Mermelstein 1980; replaces librosa.feature.mfcc(S=…, n_mfcc=20).
    """
    return transformed(analysis.log_mel)


def transformed(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Levels of 128 bands in dB, frame by frame, (t, 128) -> their first 20 coefficients (20, t) in dB."""
    out = np.empty((len(levels), STORED), dtype=np.float32)
    cosine_transform(levels, cosines(COEFFICIENTS, BANDS), out)
    return np.ascontiguousarray(out[:, :COEFFICIENTS].T)


def _own_frames(analysis: Analysis) -> Curves:
    return analysis.conditioned.cepstrum[:, analysis.conditioned.overview.lead :]


def _steps(analysis: Analysis) -> Curves:
    return np.diff(analysis.conditioned.cepstrum, axis=1)


def _deviations(_: Vector, variance: Vector) -> Vector:
    return logarithm_of_deviation(variance)


conditioned: Final = MomentsOf(_own_frames, mean_then_deviation)
"""Twenty cepstral coefficients of the conditioned piece: (40,) mean [dB] and ln deviation, one by one."""
steps: Final = MomentsOf(_steps, _deviations)
"""Their change from frame to frame: (20,) ln deviation."""


def mfcc(analysis: Analysis) -> Vector:
    """Mean [dB] and variance [dB²] of each coefficient: (40,)."""
    return mean_and_variance(mfcc_curves(analysis))
