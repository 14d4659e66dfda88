"""Diagnostics against statsmodels, formulas and published values."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.outliers_influence import variance_inflation_factor
from statsmodels.stats.proportion import proportion_confint

from classically_punk.modelling.arrays import ModelError
from classically_punk.modelling.diagnostics import calibration_bins, condition_number, skewness, variance_inflation


def test_variance_inflation_is_that_of_statsmodels() -> None:
    x = np.random.default_rng(1).normal(size=(200, 5)) @ np.random.default_rng(2).normal(size=(5, 5)) + 3
    told = variance_inflation(x)
    assert told is not None
    design = np.column_stack([np.ones(len(x)), x])
    np.testing.assert_allclose(told, [variance_inflation_factor(design, at) for at in range(1, 6)], rtol=1e-8)


def test_two_columns_of_correlation_r_have_1_over_1_less_r_squared_and_condition_1_plus_r_over_1_less_r() -> None:
    a = np.tile([1.0, -1.0, 1.0, -1.0], 25)
    b = 0.6 * a + 0.8 * np.tile([1.0, 1.0, -1.0, -1.0], 25)  # orthogonal parts: r = 0.6
    x = np.column_stack([a, b])
    told, condition = variance_inflation(x), condition_number(x)
    assert told is not None
    np.testing.assert_allclose(told, 1 / (1 - 0.36))
    assert condition == pytest.approx(1.6 / 0.4)


@pytest.mark.parametrize("kind", ["collinear", "constant", "few rows"])
def test_where_an_inverse_means_nothing_there_is_none(kind: str) -> None:
    x = np.random.default_rng(1).normal(size=(3 if kind == "few rows" else 60, 3))
    if kind == "collinear":
        x[:, 2] = x[:, 0] - 2 * x[:, 1]
    if kind == "constant":
        x[:, 1] = 4.0
    assert variance_inflation(x) is None
    assert condition_number(x) is None


def test_bins_hold_equal_numbers_by_rising_confidence_with_wilson_intervals() -> None:
    sure = np.linspace(1, 0, 40)
    right = sure > 0.5
    bins = calibration_bins(sure, right, 4)
    assert [(one.n, one.right) for one in bins] == [(10, 0.0), (10, 0.0), (10, 1.0), (10, 1.0)]
    assert [one.confidence for one in bins] == sorted(one.confidence for one in bins)
    assert (bins[-1].low, bins[-1].high) == pytest.approx(proportion_confint(10, 10, method="wilson"))


def test_few_clips_make_few_bins_and_none_makes_none() -> None:
    assert [one.n for one in calibration_bins([0.2, 0.9], [0, 1])] == [1, 1]
    assert calibration_bins([], []) == []
    with pytest.raises(ModelError):
        calibration_bins([0.5], [1, 0])


def test_skewness_of_an_exponential_distribution_is_2() -> None:
    quantiles = -np.log1p(-(np.arange(200_000) + 0.5) / 200_000)
    assert skewness(quantiles) == pytest.approx(2, abs=0.01)
    assert skewness([1.0, 1.0, 1.0]) is None
    assert skewness([-1.0, 0.0, 1.0]) == pytest.approx(0)
