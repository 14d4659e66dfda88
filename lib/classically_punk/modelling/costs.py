"""What answers cost a business: a wrong genre, "not sure", a person who looks; and the threshold that costs least."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from classically_punk.modelling.arrays import Floats, Ints, class_indices, floats, same_length
from classically_punk.modelling.metrics import DRAWS, MetricRow, shares

THRESHOLDS = tuple(at / 100 for at in range(0, 101))
"""Where the cheapest threshold is looked for."""
CLIPS = 1000
"""Costs are told per so many clips."""


@dataclass(frozen=True)
class Costs:
    """Cost of a wrong answer (`wrong`, or by pair of true and answered genre) and of no answer.

    A clip without an answer costs `not_sure` and the `human_check` it then needs. A right answer costs nothing.
    """

    wrong: float = 1.0
    pairs: Mapping[tuple[str, str], float] | None = None
    not_sure: float = 0.0
    human_check: float = 0.3

    def matrix(self, classes: Sequence[str]) -> Floats:
        """(g, g) cost of answering a column for a clip of a row; pairs of genres that are not there are passed over."""
        table = np.full((len(classes), len(classes)), self.wrong)
        np.fill_diagonal(table, 0.0)
        place = {genre: at for at, genre in enumerate(classes)}
        for (true, answered), cost in (self.pairs or {}).items():
            if true in place and answered in place and true != answered:
                table[place[true], place[answered]] = cost
        return table

    def of(self, true: ArrayLike, best: ArrayLike, answered: ArrayLike, classes: Sequence[str]) -> Floats:
        """Clips: true class, best class (n,), whether it is answered (n,) -> (n,) costs."""
        g = len(classes)
        here = self.matrix(classes)[class_indices(true, "true", g), class_indices(best, "best", g)]
        return np.where(np.asarray(answered, dtype=bool), here, self.not_sure + self.human_check)


def cheapest(confidence: ArrayLike, best: ArrayLike, true: ArrayLike, classes: Sequence[str], costs: Costs) -> float:
    """Clips that a model has not seen -> the threshold of `THRESHOLDS` with the least cost; of equals the smallest.

    Raises ModelError for unequal lengths.
    """
    sure = floats(confidence, "confidence", 1)
    every = np.ones(sure.size, dtype=bool)
    wrong = costs.of(true, best, every, classes)
    same_length(confidence=sure, wrong=wrong)
    unsure = costs.not_sure + costs.human_check
    total = [np.where(sure >= threshold, wrong, unsure).sum() for threshold in THRESHOLDS]
    return THRESHOLDS[int(np.argmin(np.round(total, 9)))]


def threshold_metrics(
    threshold: float | Floats,
    confidence: Floats,
    best: Ints,
    true: Ints,
    groups: Sequence[str],
    classes: Sequence[str],
    costs: Costs,
    *,
    seed: int,
    draws: int = DRAWS,
) -> list[MetricRow]:
    """Held-out clips answered where the confidence reaches a threshold (one, or one a clip) -> what comes of it.

    `coverage` (share answered), `accuracy` (of those answered), `cost_per_1000` clips, with intervals over groups.
    """
    answered = confidence >= threshold
    right = answered & (best == true)
    cost = costs.of(true, best, answered, classes)
    one = np.ones(confidence.size)
    return shares(
        {
            "coverage": (answered.astype(np.float64), one),
            "accuracy": (right.astype(np.float64), answered.astype(np.float64)),
            "cost_per_1000": (CLIPS * cost, one),
        },
        groups,
        seed=seed,
        draws=draws,
    )
