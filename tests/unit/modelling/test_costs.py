"""Costs and thresholds on cases counted by hand; paired shares against a bootstrap written out."""

from __future__ import annotations

import numpy as np
import pytest

from classically_punk.modelling.costs import Costs, cheapest, threshold_metrics
from classically_punk.modelling.metrics import shares, worst_recall

GENRES = ("blues", "metal", "pop")
TRUE = np.asarray([0, 0, 1, 1, 2, 2])
BEST = np.asarray([0, 1, 1, 2, 2, 0])
SURE = np.asarray([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
UNITS = list("abcdef")


def test_costs_are_those_of_the_pairs() -> None:
    costs = Costs(wrong=1.0, pairs={("blues", "metal"): 5.0, ("jazz", "pop"): 9.0}, not_sure=0.1, human_check=0.4)
    np.testing.assert_array_equal(costs.matrix(GENRES), [[0, 5, 1], [1, 0, 1], [1, 1, 0]])
    found = costs.of(TRUE, BEST, SURE >= 0.55, GENRES)
    np.testing.assert_allclose(found, [0, 5, 0, 1, 0.5, 0.5])


def test_what_a_threshold_gives_is_counted() -> None:
    costs = Costs(human_check=0.3)
    rows = {r.metric: r for r in threshold_metrics(0.65, SURE, BEST, TRUE, UNITS, GENRES, costs, seed=0, draws=100)}
    assert rows["coverage"].value == pytest.approx(3 / 6)
    assert rows["accuracy"].value == pytest.approx(2 / 3)
    assert rows["accuracy"].n == 3
    assert rows["cost_per_1000"].value == pytest.approx(1000 * (1 + 3 * 0.3) / 6)
    nobody = {r.metric: r for r in threshold_metrics(0.95, SURE, BEST, TRUE, UNITS, GENRES, costs, seed=0, draws=100)}
    assert (nobody["accuracy"].value, nobody["accuracy"].n, nobody["coverage"].value) == (None, 0, 0.0)


def test_the_cheapest_threshold_is_found_by_trying_all() -> None:
    rng = np.random.default_rng(3)
    sure = rng.uniform(0.3, 1, 500)
    true = rng.integers(3, size=500)
    best = np.where(rng.random(500) < sure, true, (true + 1) % 3)
    costs = Costs(human_check=0.3)
    found = cheapest(sure, best, true, GENRES, costs)
    price = {t: ((best != true) & (sure >= t)).sum() + 0.3 * (sure < t).sum() for t in np.arange(101) / 100}
    assert price[found] == min(price.values())
    assert found == pytest.approx(0.7, abs=0.12)  # a check is worth it where more than three in ten are wrong
    assert cheapest(sure, best, true, GENRES, Costs(human_check=9.0)) == 0.0


def test_shares_are_sums_over_sums_with_paired_intervals() -> None:
    rng = np.random.default_rng(7)
    one, other = rng.random(300) < 0.6, rng.random(300) < 0.5
    groups = [f"g{at // 5}" for at in range(300)]
    difference = one.astype(float) - other
    (row,) = shares({"difference": (difference, np.ones(300))}, groups, seed=1, draws=2000)
    assert row.value == pytest.approx(one.mean() - other.mean())
    per_group = difference.reshape(60, 5).mean(axis=1)
    drawn = per_group[rng.integers(60, size=(2000, 60))].mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert row.low == pytest.approx(low, abs=0.012)
    assert row.high == pytest.approx(high, abs=0.012)


def test_the_worst_recall_is_the_least() -> None:
    row = worst_recall([0, 0, 0, 0, 1, 1, 2], [0, 0, 0, 1, 1, 0, 2], list("abcdefg"), seed=0, draws=100)
    assert row.value == 0.5
    assert row.low is not None
    assert row.low <= 0.5
