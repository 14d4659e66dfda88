"""The calibration error against its definition, simulation and known cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from classically_punk.modelling.arrays import ModelError
from classically_punk.modelling.reliability import _folded_normal, calibration_error, calibration_metrics


def outcomes(n: int, seed: int, tilt: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Confidences, and answers that are right as often as they say, less `tilt`."""
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.3, 1.0, n)
    return confidence, rng.random(n) < confidence - tilt


def test_the_plain_error_is_the_mean_gap_over_bins_of_equal_mass() -> None:
    confidence, right = outcomes(500, 1)
    order = np.argsort(confidence)
    gaps = [abs(confidence[b].mean() - right[b].mean()) for b in np.array_split(order, 10)]
    assert calibration_error(confidence, right, debias=False) == pytest.approx(np.mean(gaps), abs=1e-12)


def test_weights_count_clips_as_often_as_they_say() -> None:
    confidence, right = outcomes(200, 2)
    twice = np.arange(200) % 2 + 1.0
    repeated = np.repeat(np.arange(200), twice.astype(int))
    assert calibration_error(confidence, right, weights=twice, debias=False) == pytest.approx(
        calibration_error(confidence[repeated], right[repeated], debias=False), abs=0.01
    )


def test_debiasing_takes_most_of_the_floor_away_and_leaves_a_real_gap() -> None:
    calm = np.asarray([[calibration_error(*outcomes(900, s), debias=d) for d in (False, True)] for s in range(40)])
    assert calm[:, 0].mean() == pytest.approx(0.033, abs=0.008)  # what 930 clips show in ten bins
    assert calm[:, 1].mean() < 0.75 * calm[:, 0].mean()
    tilted = [calibration_error(*outcomes(900, seed, tilt=0.15)) for seed in range(40)]
    assert np.mean(tilted) == pytest.approx(0.15, abs=0.01)


def test_the_mean_of_a_folded_normal() -> None:
    for mean, deviation in ((0.0, 1.0), (0.3, 0.5), (2.0, 0.1), (0.4, 0.0)):
        expected = stats.foldnorm.mean(mean / deviation, scale=deviation) if deviation else mean
        assert _folded_normal(np.asarray([mean]), np.asarray([deviation]))[0] == pytest.approx(expected, rel=1e-9)


def test_rows_have_intervals_and_floors_that_depend_on_the_seed_alone() -> None:
    confidence, right = outcomes(600, 3, tilt=0.2)
    groups = [f"g{at // 3}" for at in range(600)]
    rows = {row.metric: row for row in calibration_metrics(confidence, right, groups, seed=5, draws=200)}
    assert list(rows) == ["ece", "ece_floor", "ece_plain", "ece_plain_floor"]
    ece = rows["ece"]
    assert ece.value is not None
    assert ece.low is not None
    assert ece.high is not None
    assert 0.1 < ece.low < ece.value < ece.high < 0.3
    assert rows["ece_plain_floor"].value == pytest.approx(0.04, abs=0.01)
    again = calibration_metrics(confidence, right, groups, seed=5, draws=200)
    assert list(rows.values()) == again
    shuffled = np.random.default_rng(0).permutation(600)
    other = calibration_metrics(confidence[shuffled], right[shuffled], [groups[i] for i in shuffled], seed=5, draws=200)
    assert other[0].value == pytest.approx(ece.value, abs=1e-12)
    assert other[0].low == pytest.approx(ece.low, abs=1e-12)


def test_one_group_has_no_interval_and_no_clips_are_refused() -> None:
    rows = calibration_metrics(*outcomes(50, 4), ["one"] * 50, seed=0, draws=100)
    assert (rows[0].low, rows[0].high) == (None, None)
    with pytest.raises(ModelError, match="no clips"):
        calibration_error([], [])
    with pytest.raises(ModelError, match="0 to 1"):
        calibration_error([1.2], [True])
