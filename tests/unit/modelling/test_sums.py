"""Decisions and deals that come from sums, against the same written out over clips."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from classically_punk.modelling import folds, regression
from classically_punk.modelling.arrays import ModelError
from classically_punk.modelling.crossfit import Learner, Lesson
from classically_punk.modelling.decision import ScoreSums, score_space
from classically_punk.modelling.moments import Moments, merge_all
from classically_punk.spark.vectors import Chunk, chunks

CLASSES, CELLS = 3, 4


def clips(n: int = 200, p: int = 5, seed: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(CLASSES, size=n)
    x = (rng.normal(size=(n, p)) + rng.normal(size=(CLASSES, p))[y]) * np.logspace(-3, 3, p) + np.logspace(-2, 4, p)
    return x, y, rng.integers(CELLS, size=n)


def of_cells(x: np.ndarray, y: np.ndarray, cell: np.ndarray) -> list[Moments]:
    return [Moments.of(x[cell == c], y[cell == c], np.ones((cell == c).sum()), CLASSES) for c in range(CELLS)]


def test_sums_of_scores_are_those_of_the_scores_themselves() -> None:
    x, y, _ = clips()
    fit = regression.solve(Moments.of(x[:120], y[:120], np.ones(120), CLASSES), 0.3)
    scores = regression.scores(fit, x[120:])
    found = regression.score_sums(fit, Moments.of(x[120:], y[120:], np.ones(80), CLASSES))
    np.testing.assert_array_equal(found.counts, np.bincount(y[120:], minlength=CLASSES))
    within = np.zeros((CLASSES, CLASSES))
    for g in range(CLASSES):
        mine = scores[y[120:] == g]
        np.testing.assert_allclose(found.means[g], mine.mean(axis=0), rtol=0, atol=1e-12)
        within += np.cov(mine, rowvar=False) * (len(mine) - 1)
    np.testing.assert_allclose(found.within, within, rtol=0, atol=1e-12 * np.abs(within).max())


def test_sums_of_scores_add_up_whoever_lacks_a_genre() -> None:
    rng = np.random.default_rng(1)
    scores, y = rng.normal(size=(60, CLASSES)), np.repeat([0, 1, 2], 20)
    whole = ScoreSums.of(scores, y)
    for cut in (10, 20, 45):  # with 20, one side has the first genre alone
        both = ScoreSums.of(scores[:cut], y[:cut]) + ScoreSums.of(scores[cut:], y[cut:])
        np.testing.assert_allclose(both.means, whole.means, rtol=1e-12)
        np.testing.assert_allclose(both.within, whole.within, rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(both.counts, whole.counts)
    with pytest.raises(ModelError, match="no clips to learn a decision from"):
        ScoreSums.of(np.empty((0, 3)), np.empty(0, dtype=int)).layer()


@pytest.mark.parametrize("missing", [False, True])
def test_a_decision_from_sums_is_that_from_the_clips_columns(missing: bool) -> None:
    x, y, cell = clips()
    if missing:  # a genre with one clip in all: none in most cells
        keep = (y != 2) | (np.cumsum(y == 2) == 1)
        x, y, cell = x[keep], y[keep], cell[keep]
    parts = of_cells(x, y, cell)
    lesson = Lesson(tuple((c,) for c in range(CELLS)), ((0, 1), (2, 3)))
    by_clips = Learner(parts, cell, x, y, kind="score-space", lam=0.1)
    nobody = np.empty(0, dtype=np.int64)
    by_sums = Learner(parts, nobody, x[:0], nobody, kind="score-space", lam=0.1, of_clips=parts)
    assert by_sums.filled(lesson) == by_clips.filled(lesson)
    expected, found = by_clips.undecided(lesson, 0.1), by_sums.undecided(lesson, 0.1)
    np.testing.assert_allclose(found.means, expected.means, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(found.covariance, expected.covariance, rtol=0, atol=1e-12)


def test_clips_of_several_segments_decide_by_their_means() -> None:
    x, y, cell = clips(60)
    rows, owner = np.repeat(x, 3, axis=0), np.repeat(np.arange(60), 3)
    rows = rows + np.random.default_rng(3).normal(size=rows.shape) * x.std(axis=0)
    means = rows.reshape(60, 3, -1).mean(axis=1)
    weights = np.full(180, 1 / 3)
    of_rows = [
        Moments.of(rows[cell[owner] == c], y[owner][cell[owner] == c], weights[cell[owner] == c], CLASSES)
        for c in range(CELLS)
    ]
    lesson = Lesson(tuple((c,) for c in range(CELLS)), ())
    nobody = np.empty(0, dtype=np.int64)
    learner = Learner(of_rows, nobody, x[:0], nobody, kind="score-space", lam=0.5, of_clips=of_cells(means, y, cell))
    scores = np.empty((60, CLASSES))
    for c in range(CELLS):
        apart = merge_all([part for at, part in enumerate(of_rows) if at != c])
        scores[cell == c] = regression.scores(regression.solve(apart, 0.5), means[cell == c])
    expected = score_space(scores, y)
    found = learner.undecided(lesson, 0.5)
    np.testing.assert_allclose(found.means, expected.means, atol=1e-11)
    np.testing.assert_allclose(found.covariance, expected.covariance, atol=1e-11)


def test_sums_follow_the_names_of_their_genres() -> None:
    x, y, _ = clips(50)
    moments = Moments.of(x, y, np.ones(50), CLASSES)
    moved = moments.over(("b", "d", "a"), ("a", "b", "c", "d"))
    order = np.asarray([1, 3, 0])[y]  # b, d, a among a, b, c, d
    expected = Moments.of(x, order, np.ones(50), 4)
    np.testing.assert_allclose(moved.targets, expected.targets)
    np.testing.assert_allclose(moved.cross, expected.cross, atol=1e-9)
    assert moved.target_second[2] == 0
    with pytest.raises(ModelError, match="hold rows of d, which are not among a, b"):
        moments.over(("b", "d", "a"), ("a", "b"))


def test_who_comes_later_goes_to_its_kin_and_else_where_its_genre_is_rare() -> None:
    counts = {"jazz": [3, 1, 2], "rock": [0, 5, 5]}
    cells = folds.dealt_further(
        ["a", "b", "c", "d"], ["u", "v", "v", "w"], ["jazz", "jazz", "jazz", "rock"], {"u": 0}, counts, 0
    )
    # u has its place; the two of v go where jazz is rarest, w where rock is
    assert cells.tolist() == [0, 1, 1, 0]


def test_pieces_cut_no_unit_and_are_even() -> None:
    units = [f"clip:{at:03d}" for at in range(99)] + ["group:x"] * 7
    piece = folds.pieces(units, 4)
    assert len(set(piece[-7:])) == 1
    assert np.bincount(piece[:99]).tolist() == [25, 25, 25, 24]


def batch(at: list[int]) -> pa.RecordBatch:
    rows = {"at": pa.array(at, pa.int32()), "y": pa.array([0] * len(at), pa.int32())}
    rows["weight"] = pa.array([1.0] * len(at))
    rows["x"] = pa.array([[float(one), 10.0 * place] for place, one in enumerate(at)])
    return pa.RecordBatch.from_pydict(rows)


def test_chunks_cut_no_clip_and_lose_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("classically_punk.spark.vectors.CHUNK_ROWS", 3)
    batches = [batch([0, 0, 1, 1]), batch([1, 1]), batch([]), batch([2, 5, 5, 5, 5, 5]), batch([5]), batch([7])]
    found = list(chunks(iter(batches), 2))
    assert [one.at.tolist() for one in found] == [[0, 0], [1, 1, 1, 1, 2], [5] * 6, [7]]
    for one in found:
        np.testing.assert_array_equal(one.x[:, 0], one.at)


def test_means_of_clips_are_weighted() -> None:
    chunk = Chunk(np.asarray([4, 4, 9]), np.zeros(3, dtype=int), np.asarray([0.25, 0.75, 1.0]), np.zeros((3, 1)))
    assert chunk.means(np.asarray([[0.0], [4.0], [8.0]])).ravel().tolist() == [3.0, 8.0]
