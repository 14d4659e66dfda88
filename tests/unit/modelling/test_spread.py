"""What alterations do to the columns: against a plain double loop, and through a fit against the copies themselves."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from classically_punk.modelling import regression
from classically_punk.modelling.arrays import Floats, ModelError
from classically_punk.modelling.moments import Moments
from classically_punk.modelling.spread import Spread, merge_all, penalty


def pairs(seed: int = 0, n: int = 60, p: int = 5) -> tuple[Floats, Floats, Floats]:
    rng = np.random.default_rng(seed)
    original = rng.standard_normal((n, p)) * 10.0 ** np.arange(-2, p - 2)
    return original, original + rng.standard_normal((n, p)) @ rng.standard_normal((p, p)), rng.uniform(0.1, 2, n)


def test_the_mean_square_is_that_of_a_double_loop() -> None:
    original, altered, w = pairs()
    expected = np.zeros((5, 5))
    for i in range(5):
        for j in range(5):
            total = 0.0
            for row in range(60):
                total += w[row] * (altered[row, i] - original[row, i]) * (altered[row, j] - original[row, j])
            expected[i, j] = total / sum(w)
    np.testing.assert_allclose(Spread.of(original, altered, w).mean_square(), expected, rtol=1e-12)


def test_parts_merge_to_the_whole_and_survive_a_table() -> None:
    original, altered, w = pairs()
    cuts = [0, 7, 7, 30, 60]
    parts = [Spread.of(original[a:b], altered[a:b], w[a:b]) for a, b in itertools.pairwise(cuts)]
    whole, total = Spread.of(original, altered, w), merge_all(parts)
    np.testing.assert_allclose(total.second, whole.second, rtol=1e-12)
    assert (total.pairs, total.weight) == (60, pytest.approx(whole.weight))
    again = Spread.from_row(whole.to_row())
    np.testing.assert_array_equal(again.second, whole.second)
    assert (again.weight, again.pairs) == (whole.weight, whole.pairs)


def test_a_clip_weighs_the_same_however_many_segments_and_copies_it_has() -> None:
    """Two clips that move by 1 and by 3: the mean square is 5, though one has twenty pairs and the other two."""
    moved = np.concatenate([np.full(20, 1.0), np.full(2, 3.0)])[:, np.newaxis]
    w = np.concatenate([np.full(20, 1 / 20), np.full(2, 1 / 2)])
    assert Spread.of(np.zeros((22, 1)), moved, w).mean_square()[0, 0] == pytest.approx(5.0)


def test_the_penalty_is_the_strength_times_the_mean_square_of_the_folds_given() -> None:
    folds = [Spread.of(*pairs(seed)) for seed in range(3)]
    two = [np.concatenate(values) for values in zip(pairs(0), pairs(2), strict=True)]
    expected = 4 * Spread.of(*two).mean_square()
    np.testing.assert_allclose(penalty([folds[0], folds[2]], 4.0), expected, rtol=1e-12)


def test_nothing_to_add_is_none() -> None:
    assert penalty([Spread.empty(5)], 4.0) is None
    assert penalty([Spread.of(*pairs())], 0.0) is None
    np.testing.assert_array_equal(Spread.empty(3).mean_square(), np.zeros((3, 3)))


def test_small_random_moves_as_a_penalty_are_endless_copies_as_rows() -> None:
    """Copies with independent moves of variance v add n·v to the diagonal: rows of theirs, and g·λ·v, agree."""
    rng = np.random.default_rng(3)
    n, p, copies, v = 200, 4, 2_000, 0.3
    z = rng.standard_normal((n, p))
    z = (z - z.mean(axis=0)) / z.std(axis=0)
    y = np.arange(n) % 2
    moves = np.sqrt(v) * rng.standard_normal((copies, p))
    spread = Spread.of(np.zeros((copies, p)), moves, np.ones(copies))
    lam = 0.5
    fit = regression.solve(Moments.of(z, y, np.ones(n), 2), lam, spread=penalty([spread], 1 / lam))
    rows = np.concatenate([z + move for move in moves[:400]])
    target = np.tile(np.eye(2)[y] - 0.5, (400, 1))
    dense = np.linalg.solve(rows.T @ rows / len(rows) + lam * np.eye(p), rows.T @ target / len(rows))
    np.testing.assert_allclose(fit.coefficients, dense, atol=0.02)
    plain = regression.solve(Moments.of(z, y, np.ones(n), 2), lam)
    assert np.abs(plain.coefficients - dense).max() > 5 * np.abs(fit.coefficients - dense).max()


@pytest.mark.parametrize("strength", [-1.0, float("nan"), float("inf")])
def test_a_strength_that_is_none_is_refused(strength: float) -> None:
    with pytest.raises(ModelError, match="strength"):
        penalty([Spread.of(*pairs())], strength)


def test_rows_that_do_not_fit_are_refused() -> None:
    original, altered, w = pairs()
    with pytest.raises(ModelError, match="do not match"):
        Spread.of(original, altered[:-1], w)
    with pytest.raises(ModelError, match="columns"):
        Spread.of(original, altered[:, :4], w)
    with pytest.raises(ModelError, match="weight"):
        Spread.of(original, altered, 0 * w)
    with pytest.raises(ModelError, match="altered"):
        Spread.of(original, altered * np.nan, w)
    with pytest.raises(ModelError, match="columns"):
        merge_all([Spread.of(original, altered, w), Spread.empty(4)])
    with pytest.raises(ModelError, match="nothing"):
        merge_all([])
    with pytest.raises(ModelError, match="hold"):
        Spread.from_row({"weight": 1.0, "pairs": 1, "columns": 3, "second": [1.0]})
