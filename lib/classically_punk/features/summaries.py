"""From curves to the numbers that sum them up, of a whole piece or of one that comes stretch by stretch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from classically_punk.features.arrays import Curves, Vector, moments

if TYPE_CHECKING:
    from classically_punk.features.analysis import Analysis
    from classically_punk.features.running import Running

SMALLEST: Final = 1e-3
"""Deviation that is added before a logarithm is taken: smaller ones are all the same."""

Take = Callable[["Analysis"], Curves]
"""What is measured: of a stretch, the part that is its own; (k, t), t may be 0."""


@dataclass(frozen=True)
class MomentsOf:
    """An entry made of mean and variance of curves: `finish` turns (k,) means and (k,) variances into its scalars.

    Without a single frame both are 0.
    """

    curves: Take
    finish: Callable[[Vector, Vector], Vector]

    def __call__(self, analysis: Analysis) -> Vector:
        """The scalars of one piece: (m,)."""
        _, mean, variance = _moments_of(self.curves(analysis))
        return self.finish(mean, variance)

    def running(self) -> Running:
        """The same for a clip that comes stretch by stretch."""
        return _RunningMomentsOf(self)


@dataclass(frozen=True)
class Whole:
    """An entry that needs its curves (k, t) as a whole; few and coarse ones, for all are kept."""

    curves: Take
    finish: Callable[[Curves], Vector]

    def __call__(self, analysis: Analysis) -> Vector:
        """The scalars of one piece: (m,)."""
        return self.finish(self.curves(analysis))

    def running(self) -> Running:
        """The same for a clip that comes stretch by stretch."""
        return _RunningWhole(self)


@dataclass(frozen=True)
class Sums:
    """An entry made of what adds up from stretch to stretch: `finish` turns the total (k,) into its scalars."""

    parts: Callable[[Analysis], Vector]
    finish: Callable[[Vector], Vector]

    def __call__(self, analysis: Analysis) -> Vector:
        """The scalars of one piece: (m,)."""
        return self.finish(self.parts(analysis))

    def running(self) -> Running:
        """The same for a clip that comes stretch by stretch."""
        return _RunningSums(self)


def logarithm_of_deviation(variance: Vector) -> Vector:
    """ln of the standard deviation, at least ln 0.001."""
    return np.asarray(np.log(np.sqrt(variance) + SMALLEST))


def mean_then_deviation(mean: Vector, variance: Vector) -> Vector:
    """Mean and ln of the deviation, curve by curve: (2k,)."""
    return np.stack([mean, logarithm_of_deviation(variance)], axis=-1).reshape(-1)


def _moments_of(curves: Curves) -> tuple[int, Vector, Vector]:
    """Number of frames, and mean and population variance of each curve (k,)."""
    count = curves.shape[1]
    if not count:
        return 0, np.zeros(len(curves)), np.zeros(len(curves))
    found: NDArray[np.float64] = np.empty((len(curves), 2))
    first = curves[:, :1].astype(np.float32)
    # from the first value on: what does not change at all has no deviation, not even one of rounding
    for curve, place in zip(np.subtract(curves, first, dtype=np.float32), found, strict=True):
        moments(curve, place)
    return count, found[:, 0] + first[:, 0], found[:, 1]


@dataclass
class _RunningMomentsOf:
    entry: MomentsOf
    count: int = 0
    mean: Vector = field(default_factory=lambda: np.zeros(1))
    squares: Vector = field(default_factory=lambda: np.zeros(1))

    def take(self, analysis: Analysis) -> None:
        count, mean, variance = _moments_of(self.entry.curves(analysis))
        total = max(1, self.count + count)
        away = mean - self.mean
        self.squares = self.squares + variance * count + away**2 * (self.count * count / total)
        self.mean = self.mean + away * (count / total)
        self.count += count

    def value(self) -> Vector:
        return self.entry.finish(self.mean, self.squares / max(1, self.count))


@dataclass
class _RunningWhole:
    entry: Whole
    kept: list[Curves] = field(default_factory=list)

    def take(self, analysis: Analysis) -> None:
        self.kept.append(self.entry.curves(analysis))

    def value(self) -> Vector:
        return self.entry.finish(np.concatenate(self.kept, axis=1))


@dataclass
class _RunningSums:
    entry: Sums
    total: Vector | None = None

    def take(self, analysis: Analysis) -> None:
        parts = self.entry.parts(analysis)
        self.total = parts if self.total is None else self.total + parts

    def value(self) -> Vector:
        assert self.total is not None, "a clip has at least one stretch"
        return self.entry.finish(self.total)
