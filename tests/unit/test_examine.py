"""What the report looks for in answers and models, without a session: against formulas, NumPy and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.outliers_influence import variance_inflation_factor
from tests.unit.app.conftest import model

from classically_punk.features import catalogue
from classically_punk.spark import examine

NAMES = ("timbre_cepstrum01_mean", "timbre_cepstrum02_mean", "pitch_class01_share")


def three_columns() -> examine.PublishedModel:
    return model(
        genres=("loud", "quiet"),
        feature_set=catalogue.feature_set_id("punk", 3.0),
        feature_names=NAMES,
        means=(0.0, 0.0, 0.0),
        scales=(1.0, 2.0, 1.0),
        intercepts=(0.5, 0.5),
        coefficients=((3.0, -4.0, 1.0), (0.0, 0.5, -2.0)),
    )


def test_the_weight_of_a_group_is_the_length_of_its_coefficients() -> None:
    told = {(one.genre, one.group): one for one in examine._weights(three_columns(), {})}
    assert told["loud", "mfcc"].size == 5.0  # 3, -4
    assert told["quiet", "chroma"].size == 2.0
    assert (told["loud", "mfcc"].columns, told["loud", "mfcc"].family) == (2, "timbre")
    assert all(one.low is None and one.high is None for one in told.values())


def test_where_standard_errors_are_defined_its_interval_is_twice_their_length() -> None:
    told = {(one.genre, one.group): one for one in examine._weights(three_columns(), {"loud": [0.3, 0.4, 9.0]})}
    assert (told["loud", "mfcc"].low, told["loud", "mfcc"].high) == pytest.approx((4.0, 6.0))
    assert (told["loud", "chroma"].low, told["loud", "chroma"].high) == pytest.approx((0.0, 19.0))
    assert told["quiet", "mfcc"].low is None


def test_spreads_tell_own_clips_and_others_apart() -> None:
    scores = np.array([[0.9, 0.0], [0.7, 0.2], [0.1, 0.8], [-0.1, 1.2]])
    targets = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    told = {(one.genre, one.target): one for one in examine._spreads(("loud", "quiet"), scores, targets)}
    own, others = told["loud", 1], told["loud", 0]
    assert (own.n, own.mean, own.median) == pytest.approx((2, 0.8, 0.8))
    assert own.residual_sd == pytest.approx(0.1)
    assert (others.n, others.mean) == pytest.approx((2, 0.0))
    assert told["quiet", 1].p95 == pytest.approx(np.quantile([0.8, 1.2], 0.95))


def test_a_genre_without_clips_has_no_spread_of_its_own() -> None:
    told = examine._spreads(("loud", "quiet"), np.array([[0.9, 0.0]]), np.array([[1.0, 0.0]]))
    assert [(one.genre, one.target) for one in told] == [("loud", 1), ("quiet", 0)]


def test_collinearity_is_that_of_statsmodels_and_names_the_worst_column() -> None:
    x = np.random.default_rng(5).normal(size=(300, 3))
    x[:, 1] += 2 * x[:, 0]
    told = examine._collinearity(three_columns(), x)
    design = np.column_stack([np.ones(len(x)), x])
    wanted = [variance_inflation_factor(design, at) for at in (1, 2, 3)]
    assert told is not None
    assert told.vif_worst == pytest.approx(max(wanted))
    assert told.vif_median == pytest.approx(np.median(wanted))
    assert told.worst_column == NAMES[int(np.argmax(wanted))]
    few = examine._collinearity(three_columns(), x[:3])
    assert few is not None
    assert (few.rows, few.vif_worst, few.condition) == (3, None, None)
    assert examine._collinearity(three_columns(), None) is None
