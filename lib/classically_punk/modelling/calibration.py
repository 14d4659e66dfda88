"""One temperature that turns scores into honest probabilities (Guo, Pleiss, Sun and Weinberger 2017)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from classically_punk.modelling.arrays import ModelError, class_indices, floats, same_length

COLDEST, HOTTEST = 1e-3, 1e3
"""Bounds of the temperature: at the one a lead of 0.01 is certainty, at the other all genres are equally likely."""


def log_loss(scores: ArrayLike, true: ArrayLike, temperature: float) -> float:
    """Clip scores (n, g), true classes (n,), temperature above zero -> mean of -ln p(true class), 0 and up, in nats.

    Raises ModelError without clips, for unequal lengths, scores that are not finite or classes outside the scores.
    """
    scores = floats(scores, "scores", 2)
    true = class_indices(true, "true", scores.shape[1])
    if same_length(scores=scores, true=true) == 0:
        raise ModelError("no clips to calibrate on")
    return float(-np.mean(special.log_softmax(scores / temperature, axis=1)[np.arange(true.size), true]))


def fit_temperature(scores: ArrayLike, true: ArrayLike) -> float:
    """Clip scores (n, g) of a model that has not seen these clips, true classes (n,) -> temperature, 0.001 to 1000.

    The log loss is convex in 1/temperature, so the search always ends at the same place. Raises ModelError as
    `log_loss` does.
    """
    found = optimize.minimize_scalar(
        lambda log_temperature: log_loss(scores, true, float(np.exp(log_temperature))),
        bounds=(np.log(COLDEST), np.log(HOTTEST)),
        method="bounded",
        options={"xatol": 1e-8},
    )
    return float(np.exp(found.x))
