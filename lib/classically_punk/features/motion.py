"""How the bands of a conditioned sound move together from frame to frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from classically_punk.features.arrays import Vector
from classically_punk.features.compiled import kernel
from classically_punk.features.overview import BROAD

if TYPE_CHECKING:
    from classically_punk.features.analysis import Analysis

FLOOR: Final = np.float32(1e-4)
"""Power below which nothing moves; a mel band of a piece at its level of 0.1 has about 1."""
LEAST: Final = 0.01
"""Variance that is added to every band's [ln²]: a silent band has a logarithm, too."""


def broad_levels(analysis: Analysis) -> NDArray[np.float32]:
    """ln(power + 0.0001) in 12 mel bands, frame by frame, also of the one in front of a stretch: (t, 12)."""
    return np.asarray(np.log(analysis.conditioned.overview.broad[:, :BROAD] + FLOOR))


@kernel("void(float32[:, ::1], float64[::1], float64[:, ::1])")
def step_moments(levels: Any, mean: Any, products: Any) -> None:
    """Mean (k,) of the steps from row to row of (t, k), t >= 2, and sums of products (k, k) around it."""
    frames, bands = levels.shape
    for band in range(bands):
        mean[band] = (np.float64(levels[frames - 1, band]) - np.float64(levels[0, band])) / (frames - 1)
    step = np.empty(bands)
    products[:, :] = 0
    for frame in range(1, frames):
        for band in range(bands):
            step[band] = np.float64(levels[frame, band] - levels[frame - 1, band]) - mean[band]
        for row in range(bands):
            for column in range(row, bands):
                products[row, column] += step[row] * step[column]
    for row in range(bands):
        for column in range(row):
            products[row, column] = products[column, row]


class RunningMotion:
    """Number, mean and products of the steps so far; parts merge as in Chan, Golub, LeVeque 1979."""

    def __init__(self) -> None:
        self._count = 0
        self._mean: Vector = np.zeros(BROAD)
        self._products: NDArray[np.float64] = np.zeros((BROAD, BROAD))

    def take(self, analysis: Analysis) -> None:
        """The next stretch."""
        levels = broad_levels(analysis)
        count = len(levels) - 1
        if count < 1:
            return
        mean, products = np.empty(BROAD), np.empty((BROAD, BROAD))
        step_moments(np.ascontiguousarray(levels), mean, products)
        total = self._count + count
        away = mean - self._mean
        self._products += products + np.outer(away, away) * (self._count * count / total)
        self._mean += away * (count / total)
        self._count = total

    def value(self) -> Vector:
        """Upper triangle, row by row, of ln(covariance + 0.01): (78,)."""
        covariance = self._products / max(1, self._count) + LEAST * np.eye(BROAD)
        powers, axes = np.linalg.eigh(covariance)
        logarithm = (axes * np.log(np.maximum(powers, LEAST / 2))) @ axes.T
        return np.asarray(logarithm[np.triu_indices(BROAD)])


def motion(analysis: Analysis) -> Vector:
    """Matrix logarithm of the covariance of the steps of 12 mel levels: upper triangle, row by row, (78,).

    Log-Euclidean covariance (Arsigny et al. 2006) of the differences of ln(power + 0.0001).
    """
    running = RunningMotion()
    running.take(analysis)
    return running.value()
