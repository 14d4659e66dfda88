"""How good, and how sure of it: figures per genre with bootstrap intervals over groups.

Groups, not clips, are drawn: tracks of one artist resemble each other, and intervals over clips would be too narrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from classically_punk.modelling.arrays import Floats, Ints, ModelError, class_indices, floats, same_length

DRAWS = 1000
LEVEL = 0.95
_CHUNK = 100  # draws held at once: bounds the memory for many groups, and does not change what is drawn


@dataclass(frozen=True)
class MetricRow:
    """One number of the table `metrics`; `genre` None speaks of all, `value` None is undefined (then `n` is 0).

    `low`, `high`: 95 % interval, None where fewer than two groups stand behind the number. `n`: clips behind it.
    """

    metric: str
    genre: str | None
    predicted_genre: str | None
    value: float | None
    low: float | None
    high: float | None
    n: int


def evaluate(
    true: ArrayLike,
    predicted: ArrayLike,
    scores: ArrayLike,
    groups: Sequence[str],
    classes: Sequence[str],
    *,
    seed: int,
    draws: int = DRAWS,
) -> list[MetricRow]:
    """Held-out clips: true and predicted class (n,), scores (n, g), group keys (n,), genres (g) -> every metric row.

    accuracy; precision, recall and f1 of each genre and, as genre None, their mean over the genres that have clips (an
    undefined precision counts as zero there); r2 of each genre and their mean; confusion as counts of clips.
    r2 is 1 - Σ(y - s)²/Σ(y - ȳ)² over the clips, s the clip's score for the genre, y whether it is of the genre and ȳ
    the share of the genre among these clips: what the score explains beyond that share, negative when less.
    Intervals are percentiles over seeded draws of whole groups with replacement, left out where a draw is undefined.
    Raises ModelError without clips, for unequal lengths, unknown classes or scores that are not finite.
    """
    g = len(classes)
    true, predicted = class_indices(true, "true", g), class_indices(predicted, "predicted", g)
    scores, keys = floats(scores, "scores", 2), np.asarray(groups, dtype=np.str_)
    if same_length(true=true, predicted=predicted, scores=scores, groups=keys) == 0:
        raise ModelError("no clips to judge by")
    if scores.shape[1] != g:
        raise ModelError(f"scores of {scores.shape[1]} classes, {g} are named")

    names, member = np.unique(keys, return_inverse=True)
    counts = np.zeros((names.size, g, g))
    np.add.at(counts, (member, true, predicted), 1.0)
    squares = np.zeros((names.size, g))
    np.add.at(squares, member, np.square(np.eye(g)[true] - scores))

    here = _Figures.of(counts.sum(axis=0), squares.sum(axis=0))
    drawn = [
        _Figures.of(np.tensordot(times, counts, axes=1), times @ squares)
        for times in group_draws(names.size, draws, seed)
    ]
    groups_true, groups_predicted = (counts.sum(axis=axis) > 0 for axis in (2, 1))

    def row(metric: str, at: tuple[int, ...], n: int, groups_behind: int, *genres: str) -> MetricRow:
        value = float(getattr(here, metric)[at])
        spread = np.concatenate([np.atleast_1d(getattr(each, metric)[(..., *at)]) for each in drawn]) if drawn else None
        genre, predicted_genre = (*genres, None, None)[:2]
        if np.isnan(value):
            return MetricRow(metric, genre, predicted_genre, None, None, None, 0)
        if spread is None or groups_behind < 2:
            return MetricRow(metric, genre, predicted_genre, value, None, None, n)
        low, high = np.nanquantile(spread, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return MetricRow(metric, genre, predicted_genre, value, float(low), float(high), n)

    every = (true.size, names.size)
    rows = [row("accuracy", (), *every)]
    rows += [row(metric, (g,), *every) for metric in ("precision", "recall", "f1", "r2")]
    for i, genre in enumerate(classes):
        is_true, is_predicted = true == i, predicted == i
        behind = {
            "precision": (int(is_predicted.sum()), int(groups_predicted[:, i].sum())),
            "recall": (int(is_true.sum()), int(groups_true[:, i].sum())),
            "f1": (int((is_true | is_predicted).sum()), int((groups_true | groups_predicted)[:, i].sum())),
            "r2": every,
        }
        rows += [row(metric, (i,), n, groups_behind, genre) for metric, (n, groups_behind) in behind.items()]
        rows += [row("confusion", (i, j), *behind["recall"], genre, other) for j, other in enumerate(classes)]
    return rows


def shares(
    named: Mapping[str, tuple[ArrayLike, ArrayLike]], groups: Sequence[str], *, seed: int, draws: int = DRAWS
) -> list[MetricRow]:
    """By name, what counts and out of what, one number a clip (n,), and group keys (n,) -> a row each: Σpart / Σwhole.

    The same seeded draws of whole groups stand behind every name, so a difference of two models' hits over the same
    clips is a paired comparison. `n` counts the clips whose whole is not zero; without any, the value is undefined.
    Raises ModelError for unequal lengths or numbers that are not finite.
    """
    names, member = np.unique(np.asarray(groups, dtype=np.str_), return_inverse=True)
    rows = []
    for metric, given in named.items():
        part, whole = (floats(values, metric, 1) for values in given)
        same_length(part=part, whole=whole, groups=member)
        tops, bottoms = (np.bincount(member, values, minlength=names.size) for values in (part, whole))
        n = int(np.count_nonzero(whole))
        if n == 0:
            rows.append(MetricRow(metric, None, None, None, None, None, 0))
            continue
        value, low, high = float(part.sum() / whole.sum()), None, None
        if np.count_nonzero(bottoms) > 1:
            drawn = np.concatenate(
                [_share(times @ tops, times @ bottoms) for times in group_draws(names.size, draws, seed)]
            )
            low, high = (float(end) for end in np.nanquantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
        rows.append(MetricRow(metric, None, None, value, low, high, n))
    return rows


def worst_recall(
    true: ArrayLike, predicted: ArrayLike, groups: Sequence[str], *, seed: int, draws: int = DRAWS
) -> MetricRow:
    """True and predicted class (n,), group keys (n,) -> the recall of the genre that is recognised least, as one row.

    The interval is of the least recall in each draw, whichever genre has it there: it leans to the low side, as the
    least of several uncertain figures does. Raises ModelError for unequal lengths.
    """
    true, predicted = np.asarray(true), np.asarray(predicted)
    names, member = np.unique(np.asarray(groups, dtype=np.str_), return_inverse=True)
    if same_length(true=true, predicted=predicted, groups=member) == 0:
        raise ModelError("no clips to judge by")
    present = np.unique(true)
    clips, hits = (np.zeros((names.size, present.size)) for _ in range(2))
    np.add.at(clips, (member, np.searchsorted(present, true)), 1.0)
    np.add.at(hits, (member, np.searchsorted(present, true)), (true == predicted).astype(np.float64))
    value = float((hits.sum(axis=0) / clips.sum(axis=0)).min())
    low = high = None
    if names.size > 1:
        drawn = [
            np.nanmin(_share(times @ hits, times @ clips), axis=1) for times in group_draws(names.size, draws, seed)
        ]
        low, high = (float(end) for end in np.nanquantile(np.concatenate(drawn), [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    return MetricRow("worst_recall", None, None, value, low, high, int(true.size))


def group_draws(groups: int, draws: int, seed: int) -> Iterator[Floats]:
    """Seeded draws of groups with replacement -> chunks (up to `_CHUNK`, groups) of how often each was drawn."""
    return _draws(groups, draws, np.random.Generator(np.random.PCG64(seed)))


@dataclass(frozen=True, eq=False)
class _Figures:
    """The figures of one set of clips, or along a first axis of many; the last of g + 1 entries is the mean."""

    accuracy: Floats
    precision: Floats
    recall: Floats
    f1: Floats
    r2: Floats
    confusion: Floats

    @classmethod
    def of(cls, confusion: Floats, squares: Floats) -> _Figures:
        """Counts (…, g, g) true by predicted, sums of squared errors (…, g) -> the figures, NaN where undefined."""
        right = np.diagonal(confusion, axis1=-2, axis2=-1)
        true, predicted = confusion.sum(axis=-1), confusion.sum(axis=-2)
        clips = confusion.sum(axis=(-2, -1))
        present = true > 0
        precision, recall = _share(right, predicted), _share(right, true)
        f1 = _share(2 * right, true + predicted)
        r2 = 1 - _share(squares, true - _share(np.square(true), np.asarray(clips)[..., np.newaxis]))
        return cls(
            accuracy=_share(right.sum(axis=-1), clips),
            precision=_with_mean(precision, np.nan_to_num(precision), present),
            recall=_with_mean(recall, recall, present),
            f1=_with_mean(f1, f1, present),
            r2=_with_mean(r2, r2, ~np.isnan(r2)),
            confusion=confusion,
        )


def _share(part: Floats, whole: Floats) -> Floats:
    """part / whole, NaN where the whole is zero."""
    out = np.full(np.broadcast_shapes(np.shape(part), np.shape(whole)), np.nan)
    return np.asarray(np.divide(part, whole, out=out, where=np.asarray(whole) > 0))


def _with_mean(values: Floats, counted: Floats, where: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Floats:
    """(…, g) -> (…, g + 1): behind the values, the mean of what is counted."""
    mean = _share(np.where(where, counted, 0.0).sum(axis=-1), where.sum(axis=-1).astype(np.float64))
    return np.concatenate([values, np.asarray(mean)[..., np.newaxis]], axis=-1)


def _draws(groups: int, draws: int, random: np.random.Generator) -> Iterator[Floats]:
    """(up to `_CHUNK`, groups) how often each group is drawn, chunk by chunk."""
    for start in range(0, draws, _CHUNK):
        picks: Ints = random.integers(groups, size=(min(_CHUNK, draws - start), groups))
        offsets = np.arange(picks.shape[0])[:, np.newaxis] * groups
        yield np.bincount((picks + offsets).ravel(), minlength=picks.size).reshape(picks.shape).astype(np.float64)
