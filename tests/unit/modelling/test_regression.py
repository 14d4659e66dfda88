"""The fit against scikit-learn and NumPy's own solvers."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from classically_punk.modelling.arrays import ModelError
from classically_punk.modelling.moments import Moments, merge_all
from classically_punk.modelling.regression import (
    Fit,
    held_out_squares,
    mixing,
    scores,
    solve,
    solve_folds,
    solve_path,
    standardised,
)

CLASSES = 4


def rows(n: int = 500, p: int = 8, seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns of very different scales that do tell the classes apart."""
    rng = np.random.default_rng(seed)
    y = rng.integers(CLASSES, size=n)
    x = (rng.normal(size=(n, p)) + rng.normal(size=(CLASSES, p))[y]) * np.logspace(-4, 5, p) + np.logspace(-3, 6, p)
    return x, y, rng.uniform(0.1, 1.0, size=n)


def standard(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Weighted population standardisation, written out."""
    mean = np.average(x, axis=0, weights=w)
    return (x - mean) / np.sqrt(np.average((x - mean) ** 2, axis=0, weights=w))


@pytest.mark.parametrize("lam", [1e-3, 1.0, 50.0])
def test_ridge_equals_scikit_learn_with_alpha_times_the_sum_of_weights(lam: float) -> None:
    x, y, w = rows()
    fit = solve(Moments.of(x, y, w, CLASSES), lam)
    other = Ridge(alpha=lam * w.sum()).fit(standard(x, w), np.eye(CLASSES)[y], sample_weight=w)
    np.testing.assert_allclose(fit.coefficients, other.coef_.T, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(fit.intercept, other.intercept_, rtol=1e-9)
    np.testing.assert_allclose(scores(fit, x), other.predict(standard(x, w)), atol=1e-10)
    np.testing.assert_allclose(
        fit.r2,
        [1 - np.average(e**2, weights=w) / np.cov(t, aweights=w, ddof=0) for e, t in residuals(fit, x, y)],
        atol=1e-10,
    )


def residuals(fit: Fit, x: np.ndarray, y: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Per class: what the fit leaves, and the target."""
    targets = np.eye(CLASSES)[y]
    return list(zip((targets - scores(fit, x)).T, targets.T, strict=True))


def test_plain_least_squares_equals_lstsq() -> None:
    x, y, w = rows()
    fit = solve(Moments.of(x, y, w, CLASSES))
    root = np.sqrt(w)[:, np.newaxis]
    design = np.hstack([np.ones((y.size, 1)), standard(x, w)])
    expected = np.linalg.lstsq(root * design, root * np.eye(CLASSES)[y], rcond=None)[0]
    np.testing.assert_allclose(fit.coefficients, expected[1:], atol=1e-11)
    np.testing.assert_allclose(fit.intercept, expected[0], atol=1e-11)
    assert not fit.rank_deficient
    correlations = np.corrcoef(standard(x, w) * root, rowvar=False)
    assert fit.condition == pytest.approx(np.linalg.cond(correlations), rel=0.2)


def test_scaling_all_weights_changes_nothing() -> None:
    x, y, w = rows()
    one, two = (solve(Moments.of(x, y, scale * w, CLASSES), 0.3) for scale in (1.0, 1e4))
    np.testing.assert_allclose(one.coefficients, two.coefficients, rtol=1e-10)


def test_clipped_columns_are_penalised_as_they_come() -> None:
    x, y, w = rows()
    clipped = np.clip(standard(x, w), -1.5, 1.5)
    fit = solve(Moments.of(clipped, y, w, CLASSES), 0.5, standardise=False)
    other = Ridge(alpha=0.5 * w.sum()).fit(clipped, np.eye(CLASSES)[y], sample_weight=w)
    np.testing.assert_allclose(fit.coefficients, other.coef_.T, atol=1e-11)
    np.testing.assert_allclose(scores(fit, clipped), other.predict(clipped), atol=1e-11)
    assert np.all(fit.scales == 1.0)


def altered(x: np.ndarray, seed: int = 8) -> np.ndarray:
    """Differences (n, p) that an alteration might make: correlated, of the columns' scales."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=x.shape) @ rng.normal(size=(x.shape[1], x.shape[1])) * 0.3 * x.std(axis=0)


def test_a_spread_penalty_is_rows_of_the_spread_with_target_zero() -> None:
    """λ·b'(I + N)b is what further rows sqrt(λ·Σw)·(I + N)^(1/2) with target 0 add to a sum of squares."""
    x, y, w = rows()
    difference = altered(x)
    lam, strength = 0.4, 5.0
    fit = solve(Moments.of(x, y, w, CLASSES), lam, spread=strength * difference.T @ difference / len(x))
    z, targets = standard(x, w), np.eye(CLASSES)[y]
    scale = np.sqrt(np.average((x - np.average(x, axis=0, weights=w)) ** 2, axis=0, weights=w))
    root = np.sqrt(w)[:, np.newaxis]
    more = np.sqrt(lam * w.sum())
    design = np.vstack([root * z, more * np.eye(8), more * np.sqrt(strength / len(x)) * difference / scale])
    goal = np.vstack([root * (targets - np.average(targets, axis=0, weights=w)), np.zeros((8 + len(x), CLASSES))])
    np.testing.assert_allclose(fit.coefficients, np.linalg.lstsq(design, goal, rcond=None)[0], atol=1e-11)


def test_a_plain_ridge_on_mixed_columns_is_the_spread_penalty() -> None:
    x, y, w = rows()
    x[:, 4] = 3.0  # a constant column that the alteration does move
    difference = altered(rows()[0])
    spread = 4 * difference.T @ difference / len(x)
    fit = solve(Moments.of(x, y, w, CLASSES), 0.4, spread=spread)
    mix = mixing(fit, spread)
    other = Ridge(alpha=0.4 * w.sum()).fit(standardised(fit, x) @ mix, np.eye(CLASSES)[y], sample_weight=w)
    np.testing.assert_allclose(mix @ other.coef_.T, fit.coefficients, atol=1e-10)


def test_the_spread_goes_along_where_the_columns_come_standardised_and_clipped() -> None:
    x, y, w = rows()
    clipped = np.clip(standard(x, w), -1.5, 1.5)
    fit = solve(Moments.of(clipped, y, w, CLASSES), 0.5, standardise=False, spread=3 * np.eye(8))
    expected = solve(Moments.of(clipped, y, w, CLASSES), 2.0, standardise=False)  # 0.5 (1 + 3)
    np.testing.assert_allclose(fit.coefficients, expected.coefficients, atol=1e-12)


def test_no_spread_is_the_plain_ridge_and_no_ridge_is_plain_least_squares() -> None:
    moments = Moments.of(*rows(), CLASSES)
    np.testing.assert_allclose(
        solve(moments, 0.3, spread=np.zeros((8, 8))).coefficients, solve(moments, 0.3).coefficients, atol=1e-14
    )
    wide = np.diag(np.diag(moments.second) / moments.weight)
    np.testing.assert_array_equal(solve(moments, 0.0, spread=wide).coefficients, solve(moments, 0.0).coefficients)


@pytest.mark.parametrize(
    ("spread", "problem"),
    [
        (np.eye(7), r"shape \(7, 7\)"),
        (np.triu(np.ones((8, 8))), "symmetric"),
        (-np.eye(8), "diagonal"),
        (2 * np.ones((8, 8)) - np.eye(8), "negative eigenvalue"),
        (np.full((8, 8), np.nan), "NaN"),
    ],
)
def test_a_spread_that_is_none_is_refused(spread: np.ndarray, problem: str) -> None:
    with pytest.raises(ModelError, match=problem):
        solve(Moments.of(*rows(), CLASSES), 0.3, spread=spread)


def test_constant_columns_are_dropped_and_named() -> None:
    x, y, w = rows()
    x[:, 2], x[:, 5] = 0.1, 0.0  # 0.1 has no exact binary form: its mean rounds
    parts = [Moments.of(x[i::7], y[i::7], w[i::7], CLASSES) for i in range(7)]
    fit = solve(merge_all(parts))
    assert fit.dropped("abcdefgh") == ("c", "f")
    alone = solve(Moments.of(np.delete(x, [2, 5], axis=1), y, w, CLASSES))
    np.testing.assert_allclose(fit.coefficients, alone.coefficients, rtol=1e-9)
    np.testing.assert_allclose(scores(fit, x), scores(alone, np.delete(x, [2, 5], axis=1)), rtol=1e-9)


def test_a_small_but_real_spread_is_kept() -> None:
    x, y, w = rows()
    x[:, 0] = 1e6 + 1e-2 * standard(x, w)[:, 0]  # eight digits of the value are the same in every row
    assert solve(Moments.of(x, y, w, CLASSES)).kept.all()


def test_collinear_columns_get_the_minimum_norm_solution_and_are_flagged() -> None:
    x, y, w = rows()
    x[:, 3] = 2 * x[:, 1] - 5 * x[:, 2]
    fit = solve(Moments.of(x, y, w, CLASSES))
    assert fit.rank_deficient
    assert fit.condition == np.inf
    root = np.sqrt(w)[:, np.newaxis]
    z, target = standard(x, w), np.eye(CLASSES)[y] - np.average(np.eye(CLASSES)[y], axis=0, weights=w)
    np.testing.assert_allclose(fit.coefficients, np.linalg.pinv(root * z, rcond=1e-9) @ (root * target), atol=1e-9)
    assert not solve(Moments.of(x, y, w, CLASSES), 0.01).rank_deficient


def test_fewer_rows_than_columns_is_rank_deficient() -> None:
    x, y, w = rows(n=6)
    fit = solve(Moments.of(x, y, w, CLASSES))
    assert fit.rank_deficient
    np.testing.assert_allclose(scores(fit, x), np.eye(CLASSES)[y], atol=1e-6)  # enough freedom to pass through each row


def test_a_genre_nobody_or_everybody_has_fits_its_share_and_has_no_r2() -> None:
    x, _, w = rows()
    fit = solve(Moments.of(x, np.ones(len(w), dtype=int), w, 3))
    np.testing.assert_allclose(fit.intercept, [0, 1, 0], atol=1e-15)
    np.testing.assert_allclose(fit.coefficients, 0, atol=1e-12)
    assert np.isnan(fit.r2).all()


def test_folds_are_each_fitted_on_the_others() -> None:
    x, y, w = rows()
    fold = np.arange(y.size) % 5
    fits = solve_folds([Moments.of(x[fold == i], y[fold == i], w[fold == i], CLASSES) for i in range(5)], 0.2)
    for i, fit in enumerate(fits):
        train = fold != i
        expected = solve(Moments.of(x[train], y[train], w[train], CLASSES), 0.2)
        np.testing.assert_allclose(scores(fit, x), scores(expected, x), atol=1e-10)


@pytest.mark.parametrize("standardise", [True, False])
def test_a_path_of_strengths_is_the_fits_one_by_one(standardise: bool) -> None:
    x, y, w = rows()
    x[:, 4] = 3.0
    moments = Moments.of(x if standardise else x / np.logspace(-4, 5, 8), y, w, CLASSES)
    spread = moments.second / moments.weight * 0.1 + np.eye(8)
    for given in (None, spread):
        for fit in solve_path(moments, (0.01, 0.5, 20.0), standardise=standardise, spread=given):
            one = solve(moments, fit.lam, standardise=standardise, spread=given)
            np.testing.assert_allclose(fit.coefficients, one.coefficients, rtol=1e-8, atol=1e-11)
            np.testing.assert_allclose(fit.r2, one.r2, atol=1e-10)
    with pytest.raises(ModelError, match="above zero"):
        solve_path(moments, (0.0,))


def test_held_out_errors_follow_from_sums() -> None:
    x, y, w = rows()
    train = np.arange(y.size) % 3 > 0
    fit = solve(Moments.of(x[train], y[train], w[train], CLASSES), 0.1)
    rest = ~train
    expected = w[rest] @ np.square(np.eye(CLASSES)[y[rest]] - scores(fit, x[rest]))
    found = held_out_squares(fit, Moments.of(x[rest], y[rest], w[rest], CLASSES))
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    with pytest.raises(ModelError, match="sums of 3 columns"):
        held_out_squares(fit, Moments.of(x[:, :3], y, w, CLASSES))


def test_what_cannot_be_fitted_is_refused() -> None:
    x, y, w = rows(n=20)
    moments = Moments.of(x, y, w, CLASSES)
    with pytest.raises(ModelError, match="no rows"):
        solve(Moments.empty(3, 2))
    for lam in (-1.0, np.nan, np.inf):
        with pytest.raises(ModelError, match="ridge strength"):
            solve(moments, lam)
    with pytest.raises(ModelError, match="none of the 2 columns"):
        solve(Moments.of(np.ones((20, 2)), y, w, CLASSES))
    with pytest.raises(ModelError, match="7 columns"):
        standardised(solve(moments, 1.0), x[:, :7])
