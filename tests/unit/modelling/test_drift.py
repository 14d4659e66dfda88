"""The stability index against its formula, and against what chance makes of it."""

from __future__ import annotations

import numpy as np
import pytest

from classically_punk.modelling import drift
from classically_punk.modelling.arrays import ModelError


def test_the_index_is_that_of_the_formula() -> None:
    training = np.arange(1000.0)[:, np.newaxis]
    sent = np.concatenate([np.full(60, 50.0), np.full(40, 950.0)])[:, np.newaxis]  # in the first and the last tenth
    index, bound = drift.stability(training, sent)
    p = (np.full(10, 100) + 0.5) / 1005
    q = (np.array([60, *[0] * 8, 40]) + 0.5) / 105
    assert index[0] == pytest.approx(float(np.sum((q - p) * np.log(q / p))), abs=2e-2)  # the edges fall between clips
    assert bound[0] == pytest.approx((1 / 1000 + 1 / 100) * 16.919, rel=1e-4)  # χ² of 9 at 95 %, from a printed table
    assert index[0] > bound[0]


@pytest.mark.parametrize(("training", "sent"), [(2000, 200), (300, 100)])
def test_chance_alone_stays_below_the_bound_in_95_of_100_columns(training: int, sent: int) -> None:
    random = np.random.default_rng(5)
    index, bound = drift.stability(random.standard_normal((training, 800)), random.standard_normal((sent, 800)))
    assert 0.02 < np.mean(index > bound) < 0.08
    assert np.median(index) == pytest.approx((1 / training + 1 / sent) * 8.343, rel=0.1)  # the median of χ² of 9


def test_what_moves_is_seen_and_a_constant_column_is_not() -> None:
    random = np.random.default_rng(6)
    training, sent = random.standard_normal((1000, 3)), random.standard_normal((150, 3))
    sent[:, 1] += 1.0
    training[:, 2], sent[:, 2] = 7.0, 7.0
    index, bound = drift.stability(training, sent)
    assert (index > bound).tolist() == [False, True, False]
    assert index[1] > 0.25
    assert index[2] < 0.01  # the half clips alone
    told = drift.by_family(["a", "b", "b"], index, bound)
    assert [(one.family, one.columns) for one in told] == [("b", 2), ("a", 1)]
    assert told[0].psi == pytest.approx((index[1] + index[2]) / 2)
    assert told[0].beyond == 0.5


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(ModelError):
        drift.stability([[1.0], [float("nan")]], [[1.0]])
