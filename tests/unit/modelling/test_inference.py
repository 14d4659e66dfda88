"""Cluster-robust errors against statsmodels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm

from classically_punk.modelling.arrays import ModelError
from classically_punk.modelling.inference import finish, meat_of, total
from classically_punk.modelling.moments import Moments
from classically_punk.modelling.regression import solve

CLASSES = 3


def rows(groups: int = 40, p: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Segments of groups that share an offset, so that plain errors would be too small; weights 1 / segments."""
    rng = np.random.default_rng(11)
    sizes = rng.integers(1, 9, size=groups)
    group = np.repeat(np.arange(groups), sizes)
    y = rng.integers(CLASSES, size=groups)[group]
    x = rng.normal(size=(group.size, p)) + rng.normal(size=(groups, p))[group] + 0.7 * np.eye(CLASSES, p)[y]
    return x * np.logspace(-3, 4, p) + 5, y, 1.0 / sizes[group], np.asarray([f"artist {i}" for i in group])


def test_errors_t_and_p_equal_statsmodels_wls_with_clusters() -> None:
    x, y, w, groups = rows()
    moments = Moments.of(x, y, w, CLASSES)
    fit = solve(moments)
    found = finish(meat_of(x, y, w, groups, fit), moments, fit)
    assert found is not None
    assert (found.groups, found.degrees) == (40, 39)
    mean = np.average(x, axis=0, weights=w)
    z = (x - mean) / np.sqrt(np.average((x - mean) ** 2, axis=0, weights=w))
    _, codes = np.unique(groups, return_inverse=True)
    for genre in range(CLASSES):
        other = sm.WLS(np.eye(CLASSES)[y][:, genre], sm.add_constant(z), weights=w).fit(
            cov_type="cluster", cov_kwds={"groups": codes}, use_t=True
        )
        np.testing.assert_allclose(np.r_[found.intercept_error[genre], found.error[:, genre]], other.bse, rtol=1e-9)
        np.testing.assert_allclose(np.r_[found.intercept_t[genre], found.t[:, genre]], other.tvalues, rtol=1e-8)
        np.testing.assert_allclose(np.r_[found.intercept_p[genre], found.p[:, genre]], other.pvalues, rtol=1e-7)


def test_chunks_of_whole_groups_add_up_and_row_order_does_not_matter() -> None:
    x, y, w, groups = rows()
    moments = Moments.of(x, y, w, CLASSES)
    fit = solve(moments)
    whole = meat_of(x, y, w, groups, fit)
    order = np.random.default_rng(2).permutation(y.size)
    x, y, w, groups = x[order], y[order], w[order], groups[order]
    chunk = np.asarray([int(name.split()[1]) % 5 for name in groups])
    parts = [meat_of(x[chunk == i], y[chunk == i], w[chunk == i], groups[chunk == i], fit) for i in range(6)]
    summed = total(parts)
    assert (summed.groups, summed.rows) == (whole.groups, whole.rows)
    np.testing.assert_allclose(summed.matrix, whole.matrix, rtol=1e-9, atol=1e-12)


def test_tiny_p_values_do_not_collapse_to_zero() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    x = (y + 0.1 * rng.normal(size=200))[:, np.newaxis]
    moments = Moments.of(x, y, np.ones(200), 2)
    fit = solve(moments)
    found = finish(meat_of(x, y, np.ones(200), [str(i) for i in range(200)], fit), moments, fit)
    assert found is not None
    assert 0 < found.p.max() < 1e-100


def test_no_errors_where_they_would_mean_nothing() -> None:
    x, y, w, groups = rows()
    moments = Moments.of(x, y, w, CLASSES)
    ridge = solve(moments, 0.1)
    assert finish(meat_of(x, y, w, groups, ridge), moments, ridge) is None
    collinear = np.hstack([x, x[:, :1] - x[:, 1:2]])
    sums = Moments.of(collinear, y, w, CLASSES)
    deficient = solve(sums)
    assert finish(meat_of(collinear, y, w, groups, deficient), sums, deficient) is None
    plain = solve(moments)
    meat = meat_of(x, y, w, groups, plain)
    assert finish(replace(meat, groups=8), moments, plain) is None  # two groups for each of four columns
    assert finish(replace(meat, groups=9), moments, plain) is not None


def test_a_genre_without_residuals_has_no_t() -> None:
    x, y, w, groups = rows()
    moments = Moments.of(x, y, w, CLASSES + 1)
    fit = solve(moments)
    found = finish(meat_of(x, y, w, groups, fit), moments, fit)
    assert found is not None
    assert np.isnan(found.t[:, CLASSES]).all()
    assert np.isnan(found.intercept_p[CLASSES])
    assert np.isfinite(found.p[:, :CLASSES]).all()


def test_sums_and_residuals_of_other_rows_are_refused() -> None:
    x, y, w, groups = rows()
    moments = Moments.of(x, y, w, CLASSES)
    fit = solve(moments)
    with pytest.raises(ModelError, match="do not belong"):
        finish(meat_of(x[1:], y[1:], w[1:], groups[1:], fit), moments, fit)
    with pytest.raises(ModelError, match="nothing to add"):
        total([])
