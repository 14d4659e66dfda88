"""Whether a confidence of 70 % is right seven times in ten: the expected calibration error, its interval and its floor.

Clips sorted by confidence are cut into bins of equal mass (Nixon et al. 2019, "Measuring calibration in deep
learning"); the error is the mean gap between confidence and share right, weighted by clips. Chance alone makes a gap in
each bin, so a perfectly calibrated model shows an error too: an estimate of it is taken off (Kumar, Liang and Ma 2019,
"Verified uncertainty calibration"), and what is left of it is told beside the figure as the floor.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from classically_punk.modelling.arrays import Floats, Mask, ModelError, floats, same_length
from classically_punk.modelling.metrics import DRAWS, LEVEL, MetricRow, group_draws

BINS = 10
SIMULATIONS = 200


def calibration_error(
    confidence: ArrayLike, right: ArrayLike, *, weights: ArrayLike | None = None, debias: bool = True
) -> float:
    """Confidence (n,) 0 to 1, whether right (n,), how often each clip counts (n,) -> the error, 0 to 1.

    Raises ModelError without clips, for unequal lengths or confidences outside 0 to 1.
    """
    confidence, hit = floats(confidence, "confidence", 1), np.asarray(right, dtype=np.float64)
    w = np.ones(confidence.size) if weights is None else floats(weights, "weights", 1)
    if same_length(confidence=confidence, right=hit, weights=w) == 0 or w.sum() <= 0:
        raise ModelError("no clips to judge confidence by")
    if confidence.min() < 0 or confidence.max() > 1:
        raise ModelError(f"confidences run from {confidence.min()} to {confidence.max()}, need to be 0 to 1")
    order = np.argsort(confidence, kind="stable")
    return float(_errors(confidence[order], hit[order], w[order][np.newaxis], debias)[0])


def calibration_metrics(
    confidence: ArrayLike, right: ArrayLike, groups: Sequence[str], *, seed: int, draws: int = DRAWS
) -> list[MetricRow]:
    """Held-out clips -> `ece` and `ece_plain` (not debiased), and of each the value that perfect calibration shows.

    Intervals are percentiles over seeded draws of whole groups, moved so that their mean is the figure (drawing clips
    twice adds a gap of its own), none with fewer than two groups. `ece_floor`, `ece_plain_floor`: the mean over
    outcomes drawn from the confidences themselves, with the interval of single such outcomes.
    Raises ModelError as `calibration_error`.
    """
    confidence, hit = floats(confidence, "confidence", 1), np.asarray(right, dtype=bool)
    rows = []
    names, member = np.unique(np.asarray(groups, dtype=np.str_), return_inverse=True)
    order = np.argsort(confidence, kind="stable")
    sure, true = confidence[order], hit[order].astype(np.float64)
    for name, debias in (("ece", True), ("ece_plain", False)):
        value = calibration_error(confidence, hit, debias=debias)
        low = high = None
        if names.size > 1:
            drawn = [
                _errors(sure, true, times[:, member[order]], debias) for times in group_draws(names.size, draws, seed)
            ]
            spread = np.concatenate(drawn)
            ends = np.quantile(spread, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) - spread.mean() + value
            low, high = (float(max(end, 0.0)) for end in ends)
        rows.append(MetricRow(name, None, None, value, low, high, confidence.size))
        random = np.random.Generator(np.random.PCG64(seed))
        outcomes = [(random.random(sure.size) < sure).astype(np.float64) for _ in range(SIMULATIONS)]
        one = np.ones((1, sure.size))
        floor = np.asarray([_errors(sure, outcome, one, debias)[0] for outcome in outcomes])
        low, high = (float(end) for end in np.quantile(floor, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
        rows.append(MetricRow(f"{name}_floor", None, None, float(floor.mean()), low, high, confidence.size))
    return rows


def _errors(confidence: Floats, right: Floats, weights: Floats, debias: bool) -> Floats:
    """Clips sorted by confidence, (d, n) weights -> (d,) errors."""
    every = weights.sum(axis=1, keepdims=True)
    middle = np.cumsum(weights, axis=1) - weights / 2
    bins = (
        np.minimum((BINS * middle / every).astype(np.int64), BINS - 1) + BINS * np.arange(len(weights))[:, np.newaxis]
    )
    size = BINS * len(weights)

    def summed(values: Floats) -> Floats:
        total: Floats = np.bincount(bins.ravel(), (weights * values).ravel(), size).astype(np.float64)
        return total.reshape(-1, BINS)

    mass = np.bincount(bins.ravel(), weights.ravel(), size).reshape(-1, BINS)
    full: Mask = mass > 0
    share = np.divide(mass, every)
    safe = np.where(full, mass, 1.0)
    hits = summed(right) / safe
    gap = np.abs(summed(confidence) / safe - hits)
    if debias:
        error = np.sqrt(hits * (1 - hits) / safe)
        gap = gap - (_folded_normal(gap, error) - gap)
    return np.asarray(np.maximum((share * np.where(full, gap, 0.0)).sum(axis=1), 0.0))


def _folded_normal(mean: Floats, deviation: Floats) -> Floats:
    """E|N(mean, deviation²)|, elementwise; |mean| where the deviation is zero."""
    safe = np.where(deviation > 0, deviation, 1.0)
    ratio = mean / safe
    value = safe * np.sqrt(2 / np.pi) * np.exp(-np.square(ratio) / 2) + mean * special.erf(ratio / np.sqrt(2))
    return np.asarray(np.where(deviation > 0, value, np.abs(mean)))
