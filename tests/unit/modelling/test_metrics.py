"""Figures against scikit-learn, intervals against theory."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from sklearn import metrics as sk

from classically_punk.modelling.arrays import ModelError
from classically_punk.modelling.metrics import MetricRow, evaluate

CLASSES = ("blues", "jazz", "metal", "pop")
Key = tuple[str, str | None, str | None]


def clips(n: int = 300, seed: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True classes, predictions that are right about half of the time, scores that fit them."""
    rng = np.random.default_rng(seed)
    true = rng.integers(len(CLASSES), size=n)
    scores = 0.5 * np.eye(len(CLASSES))[true] + rng.normal(scale=0.4, size=(n, len(CLASSES)))
    return true, scores.argmax(axis=1), scores


def by_key(rows: list[MetricRow]) -> dict[Key, MetricRow]:
    """Rows by their key, which must be unique."""
    found = {(row.metric, row.genre, row.predicted_genre): row for row in rows}
    assert len(found) == len(rows)
    return found


def alone(n: int) -> list[str]:
    """Each clip a group of its own."""
    return [f"clip {i:05}" for i in range(n)]


def test_every_figure_equals_scikit_learn() -> None:
    true, predicted, scores = clips()
    rows = by_key(evaluate(true, predicted, scores, alone(300), CLASSES, seed=1, draws=10))
    assert rows["accuracy", None, None].value == pytest.approx(sk.accuracy_score(true, predicted))
    precision, recall, f1, support = sk.precision_recall_fscore_support(true, predicted)
    macro = sk.precision_recall_fscore_support(true, predicted, average="macro")
    targets = np.eye(len(CLASSES))[true]
    each = {
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "r2": sk.r2_score(targets, scores, multioutput="raw_values"),
    }
    for metric, values in each.items():
        for genre, value in zip(CLASSES, values, strict=True):
            assert rows[metric, genre, None].value == pytest.approx(value)
    for metric, value in zip(("precision", "recall", "f1"), macro, strict=False):
        assert rows[metric, None, None].value == pytest.approx(value)
    assert rows["r2", None, None].value == pytest.approx(sk.r2_score(targets, scores))
    confusion = sk.confusion_matrix(true, predicted)
    for i, genre in enumerate(CLASSES):
        assert rows["recall", genre, None].n == support[i]
        for j, other in enumerate(CLASSES):
            assert rows["confusion", genre, other].value == confusion[i, j]
            assert rows["confusion", genre, other].n == support[i]
    assert rows["accuracy", None, None].n == 300
    assert rows["precision", "jazz", None].n == (predicted == 1).sum()
    assert len(rows) == 1 + 4 + 4 * len(CLASSES) + len(CLASSES) ** 2


def test_the_interval_of_accuracy_is_the_binomial_one_when_clips_stand_alone() -> None:
    true, predicted, scores = clips(n=1000)
    row = by_key(evaluate(true, predicted, scores, alone(1000), CLASSES, seed=2))["accuracy", None, None]
    assert row.value is not None
    assert row.low is not None
    assert row.high is not None
    half = 1.96 * math.sqrt(row.value * (1 - row.value) / 1000)
    assert row.high - row.low == pytest.approx(2 * half, rel=0.12)
    assert row.low < row.value < row.high


def test_groups_of_ten_like_clips_widen_the_interval_by_the_root_of_ten() -> None:
    true, predicted, scores = clips(n=200)
    repeated = [np.repeat(values, 10, axis=0) for values in (true, predicted, scores)]
    groups = [f"artist {i // 10}" for i in range(2000)]
    wide = by_key(evaluate(*repeated, groups, CLASSES, seed=3))["accuracy", None, None]
    narrow = by_key(evaluate(*repeated, alone(2000), CLASSES, seed=3))["accuracy", None, None]
    assert wide.value == narrow.value
    assert (wide.high - wide.low) / (narrow.high - narrow.low) == pytest.approx(math.sqrt(10), rel=0.15)  # type: ignore[operator]


def test_a_drawn_set_of_groups_gives_the_figure_of_its_clips() -> None:
    """The intervals come from the figures themselves: two groups have three distinct draws, all checked by hand."""
    true, predicted, scores = [0, 0, 1, 1, 0, 1], [0, 1, 1, 1, 0, 0], np.full((6, 2), 0.5)
    rows = by_key(evaluate(true, predicted, scores, ["a", "a", "a", "b", "b", "b"], ("x", "y"), seed=1))
    assert rows["recall", "x", None] == MetricRow("recall", "x", None, pytest.approx(2 / 3), 0.5, 1.0, 3)
    assert rows["recall", "y", None] == MetricRow("recall", "y", None, pytest.approx(2 / 3), 0.5, 1.0, 3)
    assert rows["confusion", "x", "y"] == MetricRow("confusion", "x", "y", 1.0, 0.0, 2.0, 3)


def test_the_same_seed_gives_the_same_rows_whatever_the_row_order() -> None:
    true, predicted, scores = clips()
    groups = [f"artist {i % 60}" for i in range(300)]
    order = np.random.default_rng(0).permutation(300)
    one = evaluate(true, predicted, scores, groups, CLASSES, seed=7)
    two = evaluate(true[order], predicted[order], scores[order], [groups[i] for i in order], CLASSES, seed=7)
    for a, b in zip(one, two, strict=True):
        assert (a.metric, a.genre, a.predicted_genre, a.n) == (b.metric, b.genre, b.predicted_genre, b.n)
        np.testing.assert_allclose([a.value, a.low, a.high], [b.value, b.low, b.high], rtol=1e-9)  # type: ignore[arg-type]
    assert evaluate(true, predicted, scores, groups, CLASSES, seed=8) != one


def test_what_is_undefined_has_no_value() -> None:
    true, predicted = [0, 0, 1, 1], [0, 1, 1, 1]
    rows = by_key(evaluate(true, predicted, np.full((4, 3), 0.3), alone(4), ("x", "y", "z"), seed=1))
    assert rows["precision", "z", None] == MetricRow("precision", "z", None, None, None, None, 0)
    assert rows["recall", "z", None] == MetricRow("recall", "z", None, None, None, None, 0)
    assert rows["f1", "z", None] == MetricRow("f1", "z", None, None, None, None, 0)
    assert rows["r2", "z", None] == MetricRow("r2", "z", None, None, None, None, 0)
    assert rows["recall", None, None].value == pytest.approx(0.75)  # over the two genres that have clips
    assert not any(v is not None and math.isnan(v) for row in rows.values() for v in (row.value, row.low, row.high))


def test_a_genre_never_predicted_counts_as_zero_in_the_mean_precision() -> None:
    true, predicted = [0, 0, 1, 2], [0, 0, 1, 1]
    rows = by_key(evaluate(true, predicted, np.full((4, 3), 0.3), alone(4), ("x", "y", "z"), seed=1))
    assert rows["precision", "z", None].value is None
    expected = sk.precision_score(true, predicted, average="macro", zero_division=0)
    assert rows["precision", None, None].value == pytest.approx(expected)


def test_one_group_has_no_interval() -> None:
    rows = by_key(evaluate([0, 0, 1], [0, 1, 1], np.full((3, 2), 0.5), ["a", "a", "b"], ("x", "y"), seed=1))
    assert rows["recall", "x", None].value == pytest.approx(0.5)
    assert (rows["recall", "x", None].low, rows["recall", "x", None].high) == (None, None)
    assert rows["accuracy", None, None].low is not None


def test_a_thousand_clips_take_less_than_a_second() -> None:
    true, predicted, scores = clips(n=1000)
    started = time.process_time()
    evaluate(true, predicted, scores, alone(1000), CLASSES, seed=1)
    assert time.process_time() - started < 1.0


def test_bad_input_is_refused() -> None:
    with pytest.raises(ModelError, match="no clips"):
        evaluate([], [], np.zeros((0, 2)), [], ("x", "y"), seed=1)
    with pytest.raises(ModelError, match="predicted runs from -1"):
        evaluate([0], [-1], np.zeros((1, 2)), ["a"], ("x", "y"), seed=1)
    with pytest.raises(ModelError, match="scores of 3 classes"):
        evaluate([0], [1], np.zeros((1, 3)), ["a"], ("x", "y"), seed=1)
    with pytest.raises(ModelError, match="rows do not match"):
        evaluate([0, 1], [1, 1], np.zeros((2, 2)), ["a"], ("x", "y"), seed=1)
