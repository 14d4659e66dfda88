"""From the scores of segments to one answer per clip."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from classically_punk.modelling.arrays import Floats, Ints, ModelError, class_indices, floats, same_length


def clip_scores(
    segment_scores: ArrayLike, clip_index: ArrayLike, clips: int, weights: ArrayLike | None = None
) -> Floats:
    """Segment scores (n, g), the clip of each (n,), optional weights (n,) -> (clips, g) weighted means.

    Raises ModelError if a clip has no segment, or for unequal lengths or weights of zero or less.
    """
    scores, index = floats(segment_scores, "scores", 2), class_indices(clip_index, "clip_index", clips)
    w = np.ones(index.size) if weights is None else floats(weights, "weights", 1)
    same_length(scores=scores, clip_index=index, weights=w)
    if w.size and w.min() <= 0:
        raise ModelError(f"the smallest weight is {w.min()!r}, needs to be above zero")
    share = np.bincount(index, weights=w, minlength=clips)
    if (share == 0).any():
        raise ModelError(f"{int((share == 0).sum())} of {clips} clips have no segment")
    sums = np.zeros((clips, scores.shape[1]))
    np.add.at(sums, index, w[:, np.newaxis] * scores)
    return np.asarray(sums / share[:, np.newaxis])


def best(scores: ArrayLike) -> Ints:
    """Clip scores (n, g) -> (n,) index of the largest; of equal ones the first. Raises ModelError if not finite."""
    return np.asarray(np.argmax(floats(scores, "scores", 2), axis=1), dtype=np.int64)


def probabilities(scores: ArrayLike, temperature: float) -> Floats:
    """Clip scores (n, g) and a temperature above zero -> (n, g) shares that sum to one: softmax of scores/temperature.

    Raises ModelError for scores that are not finite or a temperature that is not a number above zero.
    """
    if not (np.isfinite(temperature) and temperature > 0):
        raise ModelError(f"the temperature is {temperature!r}, needs to be a number above zero")
    scores = floats(scores, "scores", 2)
    powers = np.exp((scores - scores.max(axis=1, keepdims=True)) / temperature)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
