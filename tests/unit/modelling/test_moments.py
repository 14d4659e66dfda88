"""The sums against NumPy's own weighted statistics, and their merge in any order."""

from __future__ import annotations

import numpy as np
import pytest

from classically_punk.modelling.arrays import ModelError
from classically_punk.modelling.moments import Moments, all_but, merge, merge_all

CLASSES = 3


def rows(n: int = 400, p: int = 6, seed: int = 7) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Correlated columns of audio-like scales: some far from zero, one spread over 1e6."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p)) @ rng.normal(size=(p, p)) * np.logspace(-3, 6, p) + np.logspace(-2, 7, p)
    return x, rng.integers(CLASSES, size=n), rng.uniform(0.1, 1.0, size=n)


def assert_same(a: Moments, b: Moments, tolerance: float) -> None:
    """All sums agree relative to the size of each column's own spread."""
    assert a.rows == b.rows
    np.testing.assert_allclose(a.weight, b.weight, rtol=tolerance)
    np.testing.assert_allclose(a.targets, b.targets, rtol=tolerance)
    deviations = np.sqrt(np.diag(a.second))
    np.testing.assert_allclose(a.means, b.means, rtol=tolerance)
    np.testing.assert_allclose(
        a.second / np.outer(deviations, deviations), b.second / np.outer(deviations, deviations), atol=tolerance
    )
    targets = np.sqrt(a.target_second)
    np.testing.assert_allclose(
        a.cross / np.outer(deviations, targets), b.cross / np.outer(deviations, targets), atol=tolerance
    )


def test_bytes_keep_every_bit_and_say_when_they_do_not_fit() -> None:
    rng = np.random.default_rng(3)
    one = Moments.of(rng.normal(size=(9, 4)), rng.integers(3, size=9), rng.uniform(0.1, 1, 9), 3)
    again = Moments.from_bytes(one.to_bytes(), 4, 3)
    assert again.to_row() == one.to_row()
    with pytest.raises(ModelError, match="hold"):
        Moments.from_bytes(one.to_bytes()[:-8], 4, 3)
    with pytest.raises(ModelError, match="hold"):
        Moments.from_bytes(one.to_bytes(), 5, 3)


def test_sums_equal_numpy_weighted_mean_and_covariance() -> None:
    x, y, w = rows()
    moments = Moments.of(x, y, w, CLASSES)
    together = np.hstack([x, np.eye(CLASSES)[y]])
    covariance = np.cov(together, rowvar=False, aweights=w, ddof=0) * w.sum()
    np.testing.assert_allclose(moments.means, np.average(x, axis=0, weights=w), rtol=1e-12)
    np.testing.assert_allclose(moments.second, covariance[:6, :6], rtol=1e-9)
    np.testing.assert_allclose(moments.cross, covariance[:6, 6:], rtol=1e-9, atol=1e-12 * np.abs(covariance).max())
    np.testing.assert_allclose(moments.target_second, np.diag(covariance)[6:], rtol=1e-12)
    np.testing.assert_allclose(moments.target_means, np.bincount(y, weights=w) / w.sum(), rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_any_partition_merged_in_any_order_agrees_to_1e_12(seed: int) -> None:
    x, y, w = rows()
    rng = np.random.default_rng(seed)
    part = rng.integers(9, size=y.size)  # uneven parts; one may be of a single class or empty
    parts = [Moments.of(x[part == i], y[part == i], w[part == i], CLASSES) for i in rng.permutation(12)]
    assert_same(merge_all(parts), Moments.of(x, y, w, CLASSES), 1e-12)


def test_the_same_parts_in_the_same_order_give_the_same_bits() -> None:
    x, y, w = rows()
    parts = [Moments.of(x[i::5], y[i::5], w[i::5], CLASSES) for i in range(5)]
    one, two = merge_all(parts), merge_all([Moments.from_row(part.to_row()) for part in parts])
    assert one.to_row() == two.to_row()


def test_one_row_at_a_time_equals_all_at_once() -> None:
    x, y, w = rows(n=40)
    parts = [Moments.of(x[i : i + 1], y[i : i + 1], w[i : i + 1], CLASSES) for i in range(40)]
    assert_same(merge_all(parts), Moments.of(x, y, w, CLASSES), 1e-12)


def test_nothing_is_the_neutral_element() -> None:
    moments = Moments.of(*rows(), CLASSES)
    empty = Moments.of(np.zeros((0, 6)), np.zeros(0, dtype=int), np.zeros(0), CLASSES)
    assert empty.to_row() == Moments.empty(6, CLASSES).to_row()
    assert merge(moments, empty) is moments
    assert merge(empty, moments) is moments


def test_all_but_one_part_is_the_sum_of_the_others() -> None:
    x, y, w = rows()
    parts = [Moments.of(x[i::4], y[i::4], w[i::4], CLASSES) for i in range(4)]
    rest = np.arange(y.size) % 4 != 2
    assert_same(all_but(parts, 2), Moments.of(x[rest], y[rest], w[rest], CLASSES), 1e-12)


def test_a_large_offset_does_not_eat_the_digits() -> None:
    x = np.asarray([[1e9], [1e9 + 1], [1e9 + 2]])  # variance 2/3; sums of squares near 1e18 would lose it
    moments = merge(Moments.of(x[:1], [0], [1.0], 2), Moments.of(x[1:], [1, 1], [1.0, 1.0], 2))
    np.testing.assert_allclose(moments.second, [[2.0]], rtol=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    x, y, w = rows(n=10)
    x[3, 2] = bad
    with pytest.raises(ModelError, match="x holds 1 values"):
        Moments.of(x, y, w, CLASSES)
    with pytest.raises(ModelError, match="w holds 1 values"):
        Moments.of(rows(n=10)[0], y, np.where(np.arange(10) == 4, bad, w), CLASSES)


def test_zero_weights_unknown_classes_and_unequal_lengths_are_refused() -> None:
    x, y, w = rows(n=10)
    with pytest.raises(ModelError, match="weight"):
        Moments.of(x, y, np.where(np.arange(10) == 0, 0.0, w), CLASSES)
    with pytest.raises(ModelError, match="needs 0 to 1"):
        Moments.of(x, np.full(10, 2), w, 2)
    with pytest.raises(ModelError, match="rows do not match"):
        Moments.of(x, y[:9], w, CLASSES)
    with pytest.raises(ModelError, match="whole numbers"):
        Moments.of(x, y + 0.5, w, CLASSES)


def test_rows_that_do_not_fit_together_are_refused() -> None:
    row = Moments.of(*rows(n=10), CLASSES).to_row()
    with pytest.raises(ModelError, match="6 columns"):
        Moments.from_row({**row, "second": row["second"][:-1]})
    with pytest.raises(ModelError, match="nothing to merge"):
        merge_all([])
    with pytest.raises(ModelError, match="differ"):
        merge(Moments.empty(2, 3), Moments.empty(3, 3))
