"""Segments to clips, scores to probabilities, and the one temperature."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss as sklearn_log_loss

from classically_punk.modelling.arrays import ModelError
from classically_punk.modelling.calibration import COLDEST, HOTTEST, fit_temperature, log_loss
from classically_punk.modelling.decision import Layer, best, clip_scores, probabilities, score_space


def test_a_clip_scores_the_weighted_mean_of_its_segments() -> None:
    rng = np.random.default_rng(1)
    segments, index, w = rng.normal(size=(30, 4)), rng.permutation(np.arange(30) % 7), rng.uniform(0.1, 1, size=30)
    for weights in (None, w):
        expected = [
            np.average(segments[index == i], axis=0, weights=None if weights is None else w[index == i])
            for i in range(7)
        ]
        np.testing.assert_allclose(clip_scores(segments, index, 7, weights), expected, rtol=1e-12)


def test_clips_without_segments_and_bad_weights_are_refused() -> None:
    with pytest.raises(ModelError, match="1 of 3 clips"):
        clip_scores(np.ones((2, 2)), [0, 2], 3)
    with pytest.raises(ModelError, match="above zero"):
        clip_scores(np.ones((2, 2)), [0, 1], 2, [0.0, 1.0])
    with pytest.raises(ModelError, match="rows do not match"):
        clip_scores(np.ones((2, 2)), [0], 1)


def test_the_largest_score_wins_and_ties_go_to_the_first() -> None:
    assert best([[0.1, 0.7, 0.2], [0.5, 0.5, 0.0], [-3.0, -2.0, -1.0]]).tolist() == [1, 0, 2]
    with pytest.raises(ModelError, match="NaN"):
        best([[np.nan, 1.0]])


def test_probabilities_are_the_softmax_over_the_temperature() -> None:
    scores = np.random.default_rng(0).normal(size=(50, 10))
    for temperature in (1e-3, 0.1, 1.0, 1e3):
        found = probabilities(scores, temperature)
        np.testing.assert_allclose(found, softmax(scores / temperature, axis=1), atol=1e-12)
        np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)
    for temperature in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ModelError, match="temperature"):
            probabilities(scores, temperature)


def test_log_loss_equals_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    scores, true = rng.normal(size=(80, 5)), rng.integers(5, size=80)
    expected = sklearn_log_loss(true, softmax(scores / 0.4, axis=1), labels=range(5))
    assert log_loss(scores, true, 0.4) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("temperature", [0.05, 0.3, 2.0])
def test_the_temperature_that_made_the_labels_is_found_again(temperature: float) -> None:
    rng = np.random.default_rng(5)
    scores = rng.normal(size=(20_000, 4)) * temperature
    drawn = np.argmax(scores / temperature + rng.gumbel(size=scores.shape), axis=1)  # labels drawn from the softmax
    assert fit_temperature(scores, drawn) == pytest.approx(temperature, rel=0.05)


def test_two_classes_equal_a_logistic_regression_without_intercept() -> None:
    rng = np.random.default_rng(6)
    scores = rng.normal(size=(300, 2))
    true = (scores[:, 1] - scores[:, 0] + rng.logistic(scale=0.5, size=300) > 0).astype(int)
    logistic = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10, max_iter=1000)
    slope = logistic.fit((scores[:, 1] - scores[:, 0])[:, np.newaxis], true).coef_[0, 0]
    assert fit_temperature(scores, true) == pytest.approx(1 / slope, rel=1e-4)


def test_the_temperature_stays_within_its_bounds_for_perfect_and_for_hopeless_scores() -> None:
    true = np.arange(60) % 3
    perfect = np.eye(3)[true]
    assert COLDEST <= fit_temperature(perfect, true) < 0.1
    assert 100 < fit_temperature(-perfect, true) <= HOTTEST


def test_nothing_to_calibrate_on_is_refused() -> None:
    with pytest.raises(ModelError, match="no clips"):
        fit_temperature(np.zeros((0, 3)), np.zeros(0, dtype=int))
    with pytest.raises(ModelError, match="needs 0 to 2"):
        fit_temperature(np.zeros((1, 3)), [3])


def masked(n: int = 3000, seed: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Three classes in a row: the least-squares score of the middle one is never the largest (Hastie 2009, 4.2)."""
    rng = np.random.default_rng(seed)
    true = rng.integers(3, size=n)
    x = true + rng.normal(scale=0.2, size=n) - 1.0
    design = np.column_stack([np.ones(n), x])
    return design @ np.linalg.lstsq(design, np.eye(3)[true], rcond=None)[0], true


def test_score_space_finds_the_genre_that_argmax_masks() -> None:
    scores, true = masked()
    assert (best(scores) == 1).mean() < 0.05
    layer = score_space(scores, true)
    assert (best(layer.leanings(scores)) == true).mean() > 0.97


def test_score_space_equals_linear_discriminants_on_the_scores() -> None:
    """Nearest mean under a pooled covariance is linear discriminant analysis with equal priors."""
    rng = np.random.default_rng(4)
    true = rng.integers(5, size=400)
    scores = rng.normal(size=(400, 5)) @ rng.normal(size=(5, 5)) + 2 * np.eye(5)[true]
    layer = score_space(scores, true)
    lda = LinearDiscriminantAnalysis(solver="svd", priors=np.full(5, 0.2)).fit(scores, true)
    found = layer.at(temperature=395 / 400).probabilities(scores)  # scikit-learn divides by n, the layer by n - g
    np.testing.assert_allclose(found, lda.predict_proba(scores), atol=1e-9)


def test_scores_that_sum_to_one_do_not_break_it() -> None:
    """At equal ridge they do, to the last digit: a plain inverse of their covariance is noise."""
    rng = np.random.default_rng(5)
    true = rng.integers(10, size=800)
    scores = 0.1 + 0.6 * np.eye(10)[true] + rng.normal(scale=0.1, size=(800, 10))
    scores += (1 - scores.sum(axis=1, keepdims=True)) / 10
    covariance = score_space(scores, true).covariance
    assert covariance is not None
    assert np.linalg.cond(covariance) > 1e12
    answers = best(score_space(scores, true).leanings(scores))
    without_one = scores[:, :9]  # nine of them say the same
    expected = LinearDiscriminantAnalysis(priors=np.full(10, 0.1)).fit(without_one, true).predict(without_one)
    np.testing.assert_array_equal(answers, expected)
    assert (answers == true).mean() > 0.99


def test_shrunk_means_lie_between_those_measured_and_equal_ones() -> None:
    rng = np.random.default_rng(8)
    true = rng.integers(0, 4, 300)
    scores = 0.2 * rng.normal(size=(300, 4)) + np.diag([0.1, 0.3, 0.5, 0.9])[true]
    measured, shrunk, equal = (score_space(scores, true, share) for share in (0.0, 0.3, 1.0))
    assert measured.means is not None
    assert shrunk.means is not None
    assert equal.means is not None
    np.testing.assert_array_equal(shrunk.covariance, measured.covariance)
    np.testing.assert_allclose(shrunk.means, 0.7 * measured.means + 0.3 * equal.means, atol=1e-12)
    # all apart by the same, about the same centre, and a genre's own score as far above it as measured, in the mean
    apart = np.linalg.norm(equal.means[:, None] - equal.means[None], axis=2)
    np.testing.assert_allclose(apart[~np.eye(4, dtype=bool)], apart[0, 1], rtol=1e-12)
    centre = measured.means.mean(axis=0)
    np.testing.assert_allclose(equal.means.mean(axis=0), centre, atol=1e-12)
    above = [np.diag(one.means - centre).mean() for one in (equal, measured) if one.means is not None]
    assert above[0] == pytest.approx(above[1])


def test_shrinking_passes_over_genres_that_are_not_there() -> None:
    scores, true = masked()
    alone = score_space(scores, true, 0.3)
    wider = score_space(np.hstack([scores, np.zeros((len(scores), 1))]), true, 0.3)
    assert alone.means is not None
    assert wider.means is not None
    np.testing.assert_allclose(wider.means[:-1, :-1], alone.means, atol=1e-12)


def test_a_genre_without_clips_is_never_answered() -> None:
    scores, true = masked()
    layer = score_space(np.column_stack([scores, np.zeros(len(true))]), true)
    shares = layer.at(temperature=5.0).probabilities(np.column_stack([scores, np.zeros(len(true))]))
    assert shares[:, 3].max() < 1e-12
    assert np.isfinite(shares).all()


def test_scores_without_any_spread_go_by_plain_distance() -> None:
    layer = score_space(np.eye(3), np.arange(3))
    np.testing.assert_array_equal(best(layer.leanings([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7]])), [0, 2])


def test_layers_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ModelError, match="knows argmax and score-space"):
        Layer("oracle")
    with pytest.raises(ModelError, match="needs means"):
        Layer("score-space")
    with pytest.raises(ModelError, match="no clips"):
        score_space(np.empty((0, 3)), np.empty(0, dtype=int))
    with pytest.raises(ModelError, match="scores of 2 genres"):
        score_space(*masked()).leanings([[0.1, 0.9]])
