"""From the scores of segments to one answer per clip.

`argmax` takes the largest score. `score-space` takes the nearest genre mean in the space of the scores, where distance
is measured by one covariance pooled over the genres (Mahalanobis): the ten regressions stay as they are, but a genre
that always scores low, masked by its neighbours, can win (Hastie, Tibshirani and Buja 1994, "Flexible discriminant
analysis by optimal scoring"). Means and covariance come from scores of clips that the regressions have not seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from classically_punk.modelling.arrays import Floats, Ints, ModelError, class_indices, floats, same_length

KINDS = ("argmax", "score-space")

NULL_SHARE = 1e-9
"""Eigenvalues of the covariance up to this share of the largest count as zero: at the same ridge for every genre the
scores sum to one, which leaves one near 1e-16; the smallest real ones are above 1e-3."""


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


@dataclass(frozen=True, eq=False)
class Layer:
    """Scores -> probabilities -> answer. `temperature` > 0; below `threshold` (0 to 1) the answer is "not sure".

    `score-space` has `means` (g, g), a row per genre, and `covariance` (g, g) of the scores; `argmax` has neither.
    """

    kind: str = "argmax"
    temperature: float = 1.0
    threshold: float = 0.0
    means: Floats | None = None
    covariance: Floats | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ModelError(f"the decision is {self.kind!r}, this program knows {' and '.join(KINDS)}")
        if (self.kind == "score-space") != (self.means is not None and self.covariance is not None):
            raise ModelError("score-space needs means and a covariance, argmax has neither")

    def leanings(self, scores: ArrayLike) -> Floats:
        """Clip scores (n, g) -> (n, g): the scores themselves, or -½ of the squared distance to each genre's mean.

        Raises ModelError for scores that are not finite or of another number of genres.
        """
        scores = floats(scores, "scores", 2)
        if self.means is None or self.covariance is None:
            return scores
        if scores.shape[1] != self.means.shape[1]:
            raise ModelError(f"scores of {scores.shape[1]} genres, the decision knows {self.means.shape[1]}")
        root = _whitening(self.covariance)
        apart = (scores @ root)[:, np.newaxis, :] - (self.means @ root)[np.newaxis]
        return np.asarray(-0.5 * np.square(apart).sum(axis=2))

    def probabilities(self, scores: ArrayLike) -> Floats:
        """Clip scores (n, g) -> (n, g) shares that sum to one. Raises ModelError as `leanings` does."""
        return probabilities(self.leanings(scores), self.temperature)

    def at(self, *, temperature: float | None = None, threshold: float | None = None) -> Layer:
        """The same with another temperature or threshold."""
        return replace(
            self,
            temperature=self.temperature if temperature is None else temperature,
            threshold=self.threshold if threshold is None else threshold,
        )


@dataclass(frozen=True, eq=False)
class ScoreSums:
    """What `score-space` is learnt from, for n clips and g genres: sums that add up over clips.

    `counts` (g,) clips of each genre; `means` (g, g) their mean scores, a row a genre, zeros where there are none;
    `within` (g, g) Σ(s - m)(s - m)' over all clips, m the mean of the clip's genre.
    """

    counts: Floats
    means: Floats
    within: Floats

    @classmethod
    def of(cls, scores: ArrayLike, true: ArrayLike) -> ScoreSums:
        """Scores (n, g), true classes (n,) -> their sums. Raises ModelError for unequal lengths or as `floats`."""
        scores = floats(scores, "scores", 2)
        genres = scores.shape[1]
        true = class_indices(true, "true", genres)
        same_length(scores=scores, true=true)
        counts = np.bincount(true, minlength=genres).astype(np.float64)
        sums = np.zeros((genres, genres))
        np.add.at(sums, true, scores)
        means = sums / np.maximum(counts, 1)[:, np.newaxis]
        centred = scores - means[true]
        return cls(counts, means, centred.T @ centred)

    def __add__(self, other: ScoreSums) -> ScoreSums:
        counts = self.counts + other.counts
        share = (other.counts / np.maximum(counts, 1))[:, np.newaxis]
        apart = other.means - self.means
        # a genre that one side lacks has its mean from the other, and adds nothing between them
        between = (apart * (self.counts * other.counts / np.maximum(counts, 1))[:, np.newaxis]).T @ apart
        return ScoreSums(counts, self.means + share * apart, self.within + other.within + between)

    def layer(self, shrinkage: float = 0.0) -> Layer:
        """The decision, temperature 1. Raises ModelError without clips.

        `shrinkage` (0 to 1) draws the means of the genres towards those of `alike`. A genre without clips gets a mean
        so far off that it is never the nearest.
        """
        clips, here = self.counts.sum(), self.counts > 0
        if clips == 0:
            raise ModelError("no clips to learn a decision from")
        means = self.means.copy()
        present = np.ix_(here, here)
        means[present] += shrinkage * (alike(means[present]) - means[present])
        covariance = self.within / max(float(clips - here.sum()), 1.0)
        covariance = (covariance + covariance.T) / 2
        if not here.all():
            values, vectors = np.linalg.eigh(covariance)
            centre = self.counts @ self.means / clips
            # along the widest direction, so that it stays far whatever the pseudo-inverse leaves out
            means[~here] = centre + FAR * max(np.sqrt(max(values[-1], 0.0)), 1.0) * vectors[:, -1]
        return Layer("score-space", means=means, covariance=covariance)


def alike(means: Floats) -> Floats:
    """Mean scores (k, k), a row a genre -> the same if every genre stood out by as much, and from all others alike.

    Their centre stays; each genre's own score lies above it by the mean of what the genres' own scores do, the others
    below it by equal parts of that. What a genre's mean tells beyond this is learnt from its few artists.
    """
    genres, centre = len(means), means.mean(axis=0)
    if genres < 2:
        return means
    stands_out = np.trace(means - centre) / (genres - 1)
    return np.asarray(centre + stands_out * (np.eye(genres) - 1 / genres))


def score_space(scores: ArrayLike, true: ArrayLike, shrinkage: float = 0.0) -> Layer:
    """Scores (n, g) of clips that the regressions have not seen, true classes (n,) -> the layer, temperature 1.

    `shrinkage` as `ScoreSums.layer` takes it. Raises ModelError without clips, for unequal lengths, scores that are not
    finite or classes outside the scores.
    """
    return ScoreSums.of(scores, true).layer(shrinkage)


FAR = 1e3
"""How far a genre without clips is put, in standard deviations."""


def _whitening(covariance: Floats) -> Floats:
    """(g, g) -> (g, r) whose product with its transpose is the pseudo-inverse; the identity where nothing varies."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    usable = values > NULL_SHARE * values[-1]
    if values[-1] <= 0 or not usable.any():
        return np.eye(covariance.shape[0])
    return np.asarray(vectors[:, usable] / np.sqrt(values[usable]))
