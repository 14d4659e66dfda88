"""Held-out clips heard in another way: what the models that judge them answer then, and how far that is from before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from classically_punk.modelling import decision, metrics, regression
from classically_punk.modelling.arrays import Floats, Ints, ModelError, same_length
from classically_punk.modelling.crossfit import Cells, Learner, Lesson
from classically_punk.modelling.metrics import MetricRow


def answers(
    learner: Learner, judged: Mapping[int, Cells], lessons: Mapping[int, Lesson], at: Ints, columns: Floats
) -> Ints:
    """Clips by position (n,) and their mean columns as heard (n, p) -> the answers (n,) of the folds that judge them.

    Fits and decisions are those of `crossfit.judge`: learnt from the clips as they are. Raises ModelError for a clip
    that no fold judges.
    """
    same_length(at=at, columns=columns)
    best = np.full(at.size, -1, dtype=np.int64)
    for fold, cells in judged.items():
        here = np.flatnonzero(np.isin(learner.cell[at], cells))
        lesson = learner.filled(lessons[fold])
        if not here.size or not lesson.cells:
            continue
        lam = learner.strength(lesson)
        scores = regression.scores(learner.fit(lesson.cells, lam), columns[here])
        best[here] = decision.best(learner.undecided(lesson, lam).leanings(scores))
    if (best < 0).any():
        raise ModelError(f"{int((best < 0).sum())} of {at.size} clips are judged by no fold")
    return best


def compared(
    true: Ints, altered: Ints, original: Ints, units: Sequence[str], *, seed: int, draws: int = metrics.DRAWS
) -> list[MetricRow]:
    """Classes (n,), answers to the altered clips (n,) and to the same clips as they are (n,), group keys (n,) ->
    `accuracy` of the altered ones and `accuracy_difference`, what the alteration adds: negative where it takes.

    The difference is paired: over the same clips, in every draw of whole groups. Raises ModelError without clips.
    """
    if same_length(true=true, altered=altered, original=original) == 0:
        raise ModelError("no clip that can be altered so is judged")
    right, before = (np.asarray(each == true, dtype=np.float64) for each in (altered, original))
    one = np.ones(true.size)
    return metrics.shares(
        {("accuracy", None): (right, one), ("accuracy_difference", None): (right - before, one)},
        units,
        seed=seed,
        draws=draws,
    )
