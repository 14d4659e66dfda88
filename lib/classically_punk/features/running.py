"""Values of a clip that is described stretch by stretch: what each has found so far, in memory that hardly grows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from classically_punk.features.arrays import Vector

if TYPE_CHECKING:
    from classically_punk.features.analysis import Analysis

Kernel = Callable[["Analysis"], Vector]
"""The values of one catalogue entry."""


class Running(Protocol):
    """One entry of the catalogue on its way through a clip."""

    def take(self, analysis: Analysis) -> None:
        """The next stretch; they come in order and side by side."""

    def value(self) -> Vector:
        """What the entry's kernel gives for all stretches as one clip: (m,)."""


class RunningMoments:
    """Means and variances, as a kernel gives them for each stretch, merged in float64 (Chan, Golub, LeVeque 1979).

    `over` says what the kernel averages over: a stretch weighs as much as it has of them.
    """

    def __init__(self, kernel: Kernel, over: Literal["frames", "samples"] = "frames") -> None:
        self._kernel = kernel
        self._over = over
        self._count = 0
        self._mean: Vector = np.zeros(1)
        self._squares: Vector = np.zeros(1)

    def take(self, analysis: Analysis) -> None:
        """The next stretch."""
        count = analysis.frames if self._over == "frames" else analysis.own_samples.size
        mean, variance = self._kernel(analysis).reshape(-1, 2).T
        total = self._count + count
        away = mean - self._mean
        self._squares = self._squares + variance * count + away**2 * (self._count * count / total)
        self._mean = self._mean + away * (count / total)
        self._count = total

    def value(self) -> Vector:
        """Mean, then variance, curve by curve: (2k,)."""
        return np.stack([self._mean, self._squares / self._count], axis=-1).reshape(-1)
