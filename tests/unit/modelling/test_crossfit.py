"""Nested fits from sums against the same written out over rows, and that no held-out clip is ever learnt from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from classically_punk.modelling import decision
from classically_punk.modelling.arrays import ModelError
from classically_punk.modelling.crossfit import GRID, Judged, Learner, Lesson, judge
from classically_punk.modelling.moments import Moments

CLASSES, CELLS = 3, 6


def clips(n: int = 240, p: int = 5, seed: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(CLASSES, size=n)
    x = (rng.normal(size=(n, p)) + 1.2 * rng.normal(size=(CLASSES, p))[y]) * np.logspace(-2, 2, p)
    return x, y, np.arange(n) % CELLS


def learner(x: np.ndarray, y: np.ndarray, cell: np.ndarray, **more: Any) -> Learner:
    parts = [Moments.of(x[cell == c], y[cell == c], np.ones((cell == c).sum()), CLASSES) for c in range(CELLS)]
    return Learner(parts, cell, x, y, **more)


def ridge(x: np.ndarray, y: np.ndarray, lam: float, at: np.ndarray) -> np.ndarray:
    """Fit on standardised rows, scores of others, written out."""
    mean, scale, targets = x.mean(axis=0), x.std(axis=0), np.eye(CLASSES)[y]
    z = (x - mean) / scale
    slopes = np.linalg.solve(z.T @ z / len(z) + lam * np.eye(z.shape[1]), z.T @ (targets - targets.mean(0)) / len(z))
    return (at - mean) / scale @ slopes + targets.mean(axis=0)


FOLDS = {0: (0, 1), 1: (2, 3), 2: (4, 5)}
LESSONS = {
    k: Lesson(inner=tuple((c,) for c in range(CELLS) if c not in tests), apart=tuple(FOLDS[o] for o in FOLDS if o != k))
    for k, tests in FOLDS.items()
}


def test_scores_are_those_of_a_ridge_on_the_other_folds() -> None:
    x, y, cell = clips()
    found = judge(learner(x, y, cell, lam=0.2), FOLDS, LESSONS)
    for fold, cells in FOLDS.items():
        test = np.isin(cell, cells)
        expected = ridge(x[~test], y[~test], 0.2, x[test])
        np.testing.assert_allclose(found.scores[found.fold == fold], expected, atol=1e-10)
    np.testing.assert_array_equal(found.at, np.arange(len(y)))
    np.testing.assert_array_equal(found.best, found.scores.argmax(axis=1))


def test_the_strength_is_the_one_with_the_least_error_on_inner_groups() -> None:
    x, y, cell = clips()
    errors = {}
    for lam in GRID:
        errors[lam] = 0.0
        for group in range(2, 6):
            test, train = cell == group, (cell >= 2) & (cell != group)
            errors[lam] += np.square(np.eye(CLASSES)[y[test]] - ridge(x[train], y[train], lam, x[test])).sum()
    assert learner(x, y, cell).strength(LESSONS[0]) == min(errors, key=lambda lam: errors[lam])
    assert learner(x, y, cell, lam=0.0).strength(LESSONS[0]) == 0.0


@pytest.mark.parametrize("shrinkage", [0.0, 0.3])
def test_the_decision_comes_from_inner_scores(shrinkage: float) -> None:
    x, y, cell = clips()
    layer = learner(x, y, cell, kind="score-space", shrinkage=shrinkage).undecided(LESSONS[0], 0.1)
    inner = np.zeros((len(y), CLASSES))
    for group in range(2, 6):
        train = (cell >= 2) & (cell != group)
        inner[cell == group] = ridge(x[train], y[train], 0.1, x[cell == group])
    expected = decision.score_space(inner[cell >= 2], y[cell >= 2], shrinkage)
    np.testing.assert_allclose(layer.means, expected.means, atol=1e-10)
    np.testing.assert_allclose(layer.covariance, expected.covariance, atol=1e-10)


def test_the_temperature_comes_from_clips_that_neither_regressions_nor_decision_have_seen() -> None:
    x, y, cell = clips()
    known = learner(x, y, cell, kind="score-space").leanings_apart(LESSONS[0], 0.1)
    assert known is not None
    leanings = []
    for group, rest in (((2, 3), (4, 5)), ((4, 5), (2, 3))):
        inner = np.zeros((len(y), CLASSES))
        for one, other in (rest, rest[::-1]):
            inner[cell == one] = ridge(x[cell == other], y[cell == other], 0.1, x[cell == one])
        here = np.isin(cell, rest)
        layer = decision.score_space(inner[here], y[here])
        leanings.append(layer.leanings(ridge(x[here], y[here], 0.1, x[np.isin(cell, group)])))
    np.testing.assert_allclose(known[0], np.vstack(leanings), atol=1e-8)


@pytest.mark.parametrize("kind", ["argmax", "score-space"])
def test_labels_of_held_out_clips_change_nothing_about_them(kind: str) -> None:
    """Turn the labels of a fold around: what is said of its clips must stay the same to the last bit."""
    x, y, cell = clips()
    turned = np.where(np.isin(cell, FOLDS[1]), (y + 1) % CLASSES, y)
    one, two = (judge(learner(x, labels, cell, kind=kind), FOLDS, LESSONS) for labels in (y, turned))
    in_fold = one.fold == 1
    np.testing.assert_array_equal(one.scores[in_fold], two.scores[in_fold])
    np.testing.assert_array_equal(one.shares[in_fold], two.shares[in_fold])
    assert one.lams[1] == two.lams[1]
    assert not np.array_equal(one.scores[~in_fold], two.scores[~in_fold])


def test_columns_left_out_need_no_new_sums() -> None:
    x, y, cell = clips()
    keep = np.asarray([True, False, True, True, False])
    less = judge(learner(x, y, cell, lam=0.1, kind="score-space").take(keep), FOLDS, LESSONS)
    anew = judge(learner(x[:, keep], y, cell, lam=0.1, kind="score-space"), FOLDS, LESSONS)
    np.testing.assert_allclose(less.shares, anew.shares, atol=1e-9)


def test_few_groups_are_told_or_done_without() -> None:
    x, y, cell = clips()
    alone = Lesson(((1,),), ((1,),))
    found: Judged = judge(learner(x, y, cell, lam=0.1), {0: (0,)}, {0: alone})
    assert found.told == {}  # nothing to learn a temperature from: it is 1
    assert learner(x, y, cell).strength(alone) == GRID[len(GRID) // 2]
    with pytest.raises(ModelError, match="two groups"):
        judge(learner(x, y, cell, lam=0.1, kind="score-space"), {0: (0,)}, {0: alone})
    two = Lesson(((1,), (2,)), ((1,), (2,)))
    assert judge(learner(x, y, cell, lam=0.1, kind="score-space"), {0: (0,)}, {0: two}).told[0][0].size == 80


def test_a_genre_that_a_fold_does_not_learn_is_never_answered() -> None:
    x, y, cell = clips()
    y = np.where((y == 2) & (cell > 1), 0, y)
    found = judge(learner(x, y, cell, kind="score-space", lam=0.1), FOLDS, LESSONS)
    assert (found.best[found.fold == 0] != 2).all()
    assert np.isfinite(found.shares).all()


@pytest.mark.parametrize(("kept", "expected"), [(1.0, "argmax"), (0.25, "score-space")])
def test_the_decision_left_open_follows_the_sizes_of_the_genres(kept: float, expected: str) -> None:
    x, y, cell = clips(n=600)
    stays = (y != 0) | (np.arange(len(y)) % 100 < 100 * kept)
    x, y, cell = x[stays], y[stays], cell[stays]
    found = judge(learner(x, y, cell, lam=0.2, kind="auto"), FOLDS, LESSONS)
    told = judge(learner(x, y, cell, lam=0.2, kind=expected), FOLDS, LESSONS)
    np.testing.assert_array_equal(found.best, told.best)
    np.testing.assert_array_equal(found.shares, told.shares)
    other = "argmax" if expected == "score-space" else "score-space"
    assert (found.shares != judge(learner(x, y, cell, lam=0.2, kind=other), FOLDS, LESSONS).shares).any()


def test_a_genre_without_training_clips_does_not_make_the_others_unequal() -> None:
    x, y, cell = clips(n=600)
    held = Lesson(inner=((0,), (1,)), apart=((0,), (1,)))
    absent = (y == 2) & np.isin(cell, (0, 1))
    assert learner(x[~absent], y[~absent], cell[~absent], kind="auto").kind_for(held) == "argmax"


def test_one_group_leaves_the_largest_score_to_decide() -> None:
    x, y, cell = clips()
    some = (y != 0) | (np.arange(len(y)) % 10 == 0)
    alone = Lesson(inner=((0, 1),), apart=((0, 1),))
    assert learner(x[some], y[some], cell[some], kind="auto").kind_for(alone) == "argmax"
