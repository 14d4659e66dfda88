"""Held-out clips heard in another way are judged by the fits that never saw them, and compared with themselves."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.modelling.test_crossfit import FOLDS, LESSONS, clips, learner, ridge

from classically_punk.modelling.arrays import ModelError
from classically_punk.modelling.crossfit import judge
from classically_punk.modelling.robustness import answers, compared


@pytest.mark.parametrize("kind", ["argmax", "score-space"])
def test_clips_as_they_are_get_the_answers_they_had(kind: str) -> None:
    x, y, cell = clips()
    learnt = learner(x, y, cell, lam=0.2, kind=kind)
    found = judge(learnt, FOLDS, LESSONS, calibrated=False)
    np.testing.assert_array_equal(answers(learnt, FOLDS, LESSONS, found.at, x[found.at]), found.best)


def test_altered_clips_are_judged_by_fits_on_the_other_folds_as_they_are() -> None:
    x, y, cell = clips()
    at = np.arange(0, len(y), 3)
    heard = x[at] * np.linspace(0.5, 1.5, x.shape[1])
    found = answers(learner(x, y, cell, lam=0.2), FOLDS, LESSONS, at, heard)
    for cells in FOLDS.values():
        train, here = ~np.isin(cell, cells), np.isin(cell[at], cells)
        np.testing.assert_array_equal(found[here], ridge(x[train], y[train], 0.2, heard[here]).argmax(axis=1))
    assert (found != answers(learner(x, y, cell, lam=0.2), FOLDS, LESSONS, at, x[at])).any()


def test_a_clip_that_no_fold_judges_is_an_error() -> None:
    x, y, cell = clips()
    with pytest.raises(ModelError, match="40 of 240 clips are judged by no fold"):
        answers(learner(x, y, cell, lam=0.2), {0: (0, 1), 1: (2, 3), 2: (4,)}, LESSONS, np.arange(len(y)), x)


def test_the_difference_is_over_the_same_clips() -> None:
    true = np.arange(100) % 3
    before, after = true.copy(), true.copy()
    before[:40] += 1  # 60 right
    after[20:70] += 1  # 50 right, of which 20 were wrong
    units = [str(clip) for clip in range(100)]
    accuracy, difference = compared(true, after % 3, before % 3, units, seed=0)
    assert (accuracy.metric, accuracy.value, accuracy.n) == ("accuracy", 0.5, 100)
    assert (difference.metric, difference.value) == ("accuracy_difference", pytest.approx(-0.1))
    # of 100 differences 20 are +1 and 30 are -1: their mean has a standard error of sqrt(0.5 - 0.01) / 10
    assert difference.low == pytest.approx(-0.1 - 1.96 * 0.07, abs=0.015)
    assert difference.high == pytest.approx(-0.1 + 1.96 * 0.07, abs=0.015)


def test_without_clips_there_is_nothing_to_compare() -> None:
    none = np.zeros(0, dtype=np.int64)
    with pytest.raises(ModelError, match="no clip"):
        compared(none, none, none, [], seed=0)
