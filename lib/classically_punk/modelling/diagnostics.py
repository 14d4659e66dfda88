"""What shows whether a linear regression's assumptions hold: collinearity, spread of scores, calibration by bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg, stats

from classically_punk.modelling.arrays import Floats, floats, same_length

WELL_POSED = 1e-9
"""Smallest over largest eigenvalue of a correlation matrix above which its inverse means something."""


@dataclass(frozen=True)
class Bin:
    """Clips of like confidence: `n`, mean confidence, share right with its Wilson 95 % interval; all but n 0-1."""

    n: int
    confidence: float
    right: float
    low: float
    high: float


def variance_inflation(x: ArrayLike) -> Floats | None:
    """Rows (n, p) -> (p,) VIF >= 1 of each column: diagonal of the inverse correlation matrix; 1 / (1 - R²).

    None where that has no meaning: no more rows than columns, a constant column, or exactly collinear columns.
    Raises ModelError for values that are not finite.
    """
    x = floats(x, "x", 2)
    if len(x) <= x.shape[1] or not x.shape[1] or (np.ptp(x, axis=0) == 0).any():
        return None
    matrix = np.atleast_2d(np.corrcoef(x, rowvar=False))
    values = linalg.eigvalsh(matrix)
    if values[0] <= WELL_POSED * values[-1]:
        return None
    return np.asarray(np.maximum(np.diag(linalg.inv(matrix)), 1.0))


def condition_number(x: ArrayLike) -> float | None:
    """Rows (n, p) -> largest over smallest eigenvalue of the correlation matrix, >= 1; None as `variance_inflation`."""
    x = floats(x, "x", 2)
    if len(x) <= x.shape[1] or not x.shape[1] or (np.ptp(x, axis=0) == 0).any():
        return None
    values = linalg.eigvalsh(np.atleast_2d(np.corrcoef(x, rowvar=False)))
    return float(values[-1] / values[0]) if values[0] > WELL_POSED * values[-1] else None


def calibration_bins(confidence: ArrayLike, right: ArrayLike, bins: int = 10) -> list[Bin]:
    """Confidence (n,) 0 to 1, whether right (n,) -> up to `bins` bins of equal mass by rising confidence.

    Raises ModelError for unequal lengths.
    """
    sure, hit = floats(confidence, "confidence", 1), np.asarray(right, dtype=np.float64)
    n = same_length(confidence=sure, right=hit)
    order = np.argsort(sure, kind="stable")
    told = []
    for part in np.array_split(order, min(bins, n)) if n else []:
        share, size = float(hit[part].mean()), part.size
        interval = stats.binomtest(round(share * size), size).proportion_ci(0.95, "wilson")
        told.append(Bin(size, float(sure[part].mean()), share, float(interval.low), float(interval.high)))
    return told


def skewness(values: ArrayLike) -> float | None:
    """(n,) -> third standardised moment, 0 for anything symmetric; None for fewer than three or equal values."""
    x = floats(values, "values", 1)
    if x.size < 3 or np.ptp(x) == 0:
        return None
    return float(stats.skew(x))
