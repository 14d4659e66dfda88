"""Fits and decisions of any part of the clips, from sums per cell: cross-validation inside cross-validation, no rows.

Clips are dealt into small cells, whose sums are taken in one pass over the rows. Training on any set of cells is adding
their sums and solving; a clip's score is linear in its columns, so their means over the clip are enough to judge it.
Whatever is chosen or learnt beside the coefficients (ridge strength, decision, temperature) sees training cells only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add

import numpy as np

from classically_punk.modelling import calibration, decision, regression
from classically_punk.modelling.arrays import Floats, Ints, Mask, ModelError
from classically_punk.modelling.decision import Layer
from classically_punk.modelling.moments import Moments, merge_all
from classically_punk.modelling.regression import Fit

GRID = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Ridge strengths that `auto` chooses from."""
UNEQUAL = 2
"""Largest over smallest genre from which the largest score is no fair decision (docs/evaluation.md has the figures)."""

Cells = tuple[int, ...]


@dataclass(frozen=True)
class Lesson:
    """What a fold learns from: groups of cells, each of which can be held out from the others.

    `inner` groups give the scores that the decision is learnt from and the errors that choose λ; `apart`, as many or
    fewer, each a union of inner groups, stand further from each other and give the temperature. Empty cells do no harm.
    """

    inner: tuple[Cells, ...]
    apart: tuple[Cells, ...]

    @property
    def cells(self) -> Cells:
        """All cells to learn from."""
        return tuple(sorted(cell for group in self.inner for cell in group))

    def without(self, cells: Cells) -> Lesson:
        """The lesson with some cells held out."""
        groups = (tuple(cell for cell in group if cell not in cells) for group in self.inner)
        left = tuple(group for group in groups if group)
        return Lesson(left, left)


@dataclass(eq=False)
class Learner:
    """Sums per cell, and for every clip its cell (-1: in none), its mean columns (n, p) and its class.

    `scaled`: the columns come standardised and are penalised as they are. `spread`: training cells -> what alterations
    do to the columns (p, p), as `regression.solve` takes it. `kind` is that of a decision, or `auto`: see `kind_for`.
    `lam` None chooses λ by inner folds. `shrinkage` is that of the genre means of score-space. Fits are kept: the same
    training cells are solved once for each λ asked for.
    `of_clips`: sums per cell over the clips' mean columns, weight 1 each. With them coefficients, λ and decision come
    from sums alone, and `cell`, `columns` and `classes` may speak of a sample of clips, which gives the temperature.
    """

    parts: Sequence[Moments]
    cell: Ints
    columns: Floats
    classes: Ints
    scaled: bool = False
    spread: Callable[[Cells], Floats | None] | None = None
    kind: str = "argmax"
    lam: float | None = None
    of_clips: Sequence[Moments] | None = None
    shrinkage: float = 0.0
    _fits: dict[tuple[Cells, float], Fit] = field(default_factory=dict)
    _paths: dict[Cells, tuple[Fit, ...]] = field(default_factory=dict)

    def under(self, kind: str, lam: float | None) -> Learner:
        """The same with another decision or strength; what has been solved is shared."""
        return replace(self, kind=kind, lam=lam)

    def take(self, columns: Mask) -> Learner:
        """The same without some columns: their sums are part of the sums that are there."""
        at, spread = np.flatnonzero(columns), self.spread

        def less(cells: Cells) -> Floats | None:
            whole = None if spread is None else spread(cells)
            return None if whole is None else np.asarray(whole[np.ix_(at, at)])

        parts = [part.take(at) for part in self.parts]
        of_clips = None if self.of_clips is None else [part.take(at) for part in self.of_clips]
        fewer = self.columns[:, at]
        return replace(self, parts=parts, columns=fewer, spread=less, of_clips=of_clips, _fits={}, _paths={})

    def clips(self, cells: Cells) -> Ints:
        """Positions of the clips in these cells."""
        return np.flatnonzero(np.isin(self.cell, cells)).astype(np.int64)

    def filled(self, lesson: Lesson) -> Lesson:
        """The lesson without groups that hold no clip."""
        dealt = range(len(self.parts)) if self.of_clips is not None else set(self.cell.tolist())
        here = {cell for cell in dealt if cell >= 0 and self.parts[cell].rows > 0}

        def some(groups: tuple[Cells, ...]) -> tuple[Cells, ...]:
            kept = (tuple(cell for cell in group if cell in here) for group in groups)
            return tuple(group for group in kept if group)

        return Lesson(some(lesson.inner), some(lesson.apart))

    def fit(self, cells: Cells, lam: float) -> Fit:
        """Training cells and λ -> the fit of every genre. Raises ModelError as `regression.solve`."""
        key = (tuple(sorted(cells)), lam)
        if key not in self._fits:
            self._fits[key] = regression.solve(
                self._sums(key[0]), lam, standardise=not self.scaled, spread=self.spread_of(key[0])
            )
        return self._fits[key]

    def strength(self, lesson: Lesson) -> float:
        """The λ asked for, or the one of `GRID` whose squared error on the held-out inner groups is least.

        One λ for all genres, from sums alone; of equals the larger. Without two groups to hold out from each other it
        is the middle of the grid.
        """
        if self.lam is not None:
            return self.lam
        lesson = self.filled(lesson)
        if len(lesson.inner) < 2:
            return GRID[len(GRID) // 2]
        errors = np.zeros(len(GRID))
        for group in lesson.inner:
            held_out = self._sums(group)
            path = self._path(lesson.without(group).cells)
            errors += [regression.held_out_squares(fit, held_out).sum() for fit in path]
        return max(lam for lam, error in zip(GRID, errors, strict=True) if error <= errors.min() * (1 + 1e-12))

    def scores(self, fit: Fit, at: Ints) -> Floats:
        """Clips by position -> (n, g)."""
        return regression.scores(fit, self.columns[at])

    def out_of_fold(self, lesson: Lesson, lam: float) -> tuple[Ints, Floats]:
        """Clips of the lesson and their scores by fits on the inner groups they are not in."""
        at: list[Ints] = []
        found: list[Floats] = []
        for group in lesson.inner:
            at.append(self.clips(group))
            found.append(self.scores(self.fit(lesson.without(group).cells, lam), at[-1]))
        return np.concatenate(at), np.vstack(found)

    def kind_for(self, lesson: Lesson) -> str:
        """The kind of decision of a lesson: where it is left open, score-space for genres of unequal size.

        The largest score leans towards genres with many clips. Where the largest genre has more than `UNEQUAL` times
        the clips of the smallest, and two groups can be held out from each other, the distances to genre means decide.
        """
        if self.kind != "auto":
            return self.kind
        lesson = self.filled(lesson)
        counts = self._clips_of_genres(lesson.cells)
        unequal = counts.max() > UNEQUAL * counts[counts > 0].min()
        return "score-space" if unequal and len(lesson.inner) > 1 else "argmax"

    def undecided(self, lesson: Lesson, lam: float) -> Layer:
        """The decision of a lesson before its temperature. Raises ModelError without two groups for score-space."""
        kind = self.kind_for(lesson)
        if kind == "argmax":
            return Layer()
        if len(lesson.inner) < 2:
            raise ModelError("score-space needs clips of two groups that can be held out from each other")
        return self._decision_of(lesson, lam)

    def layer(self, lesson: Lesson, lam: float) -> Layer:
        """The decision of a lesson with its temperature, which is 1 where there are not two groups to learn it from."""
        lesson = self.filled(lesson)
        layer = self.undecided(lesson, lam)
        told = self.leanings_apart(lesson, lam)
        return layer if told is None else layer.at(temperature=calibration.fit_temperature(*told))

    def leanings_apart(self, lesson: Lesson, lam: float) -> tuple[Floats, Ints] | None:
        """Leanings (n, g) and classes (n,) of the lesson's clips, each by regressions and a decision without its group.

        Nothing that the leanings come from has seen the clip, so a temperature fitted to them is honest. Clips of a
        genre that the rest does not have are left out. None where there are not two groups.
        """
        lesson = self.filled(lesson)
        if self.kind == "auto":  # one temperature for one kind, whatever the shares in a part of the lesson
            return self.under(self.kind_for(lesson), self.lam).leanings_apart(lesson, lam)
        leanings: list[Floats] = []
        classes: list[Ints] = []
        for group in lesson.apart if len(lesson.apart) > 1 else ():
            rest = lesson.without(group)
            if self.kind == "score-space" and len(rest.inner) < 2:
                return self._leanings_of_decision(lesson, lam)
            layer = self.undecided(rest, lam)
            at = self.clips(group)
            at = at[np.isin(self.classes[at], self.classes[self.clips(rest.cells)])]
            leanings.append(layer.leanings(self.scores(self.fit(rest.cells, lam), at)))
            classes.append(self.classes[at])
        if not sum(len(some) for some in classes):
            return None
        return np.vstack(leanings), np.concatenate(classes)

    def _leanings_of_decision(self, lesson: Lesson, lam: float) -> tuple[Floats, Ints]:
        """With two groups only: the decision has seen the clips, the regressions have not."""
        at, scores = self.out_of_fold(lesson, lam)
        return self._decision_of(lesson, lam).leanings(scores), self.classes[at]

    def _decision_of(self, lesson: Lesson, lam: float) -> Layer:
        """The score-space decision, from scores of clips by fits on the inner groups they are not in."""
        if self.of_clips is None:
            at, scores = self.out_of_fold(lesson, lam)
            return decision.score_space(scores, self.classes[at], self.shrinkage)
        told = [
            regression.score_sums(self.fit(lesson.without(group).cells, lam), self.of_clips[cell])
            for group in lesson.inner
            for cell in group
        ]
        return reduce(add, told).layer(self.shrinkage)

    def _clips_of_genres(self, cells: Cells) -> Floats:
        if self.of_clips is not None:
            return np.asarray(sum(self.of_clips[cell].targets for cell in cells))
        return np.bincount(self.classes[self.clips(cells)]).astype(np.float64)

    def _sums(self, cells: Cells) -> Moments:
        return merge_all([self.parts[cell] for cell in cells])

    def spread_of(self, cells: Cells) -> Floats | None:
        """What alterations do to the columns (p, p), as these training cells tell it; None for a plain ridge."""
        return None if self.spread is None else self.spread(cells)

    def _path(self, cells: Cells) -> tuple[Fit, ...]:
        if cells not in self._paths:
            self._paths[cells] = regression.solve_path(
                self._sums(cells), GRID, standardise=not self.scaled, spread=self.spread_of(cells)
            )
            self._fits.update({(cells, fit.lam): fit for fit in self._paths[cells]})
        return self._paths[cells]


@dataclass(frozen=True, eq=False)
class Judged:
    """Held-out clips: positions `at` (n,), their `fold`, `scores` (n, g), `best` class, probabilities `shares` (n, g).

    Per fold, `lams` is the λ and `told` confidence, answer and class (m,) of training clips, by fits that have not seen
    them: what a threshold may be chosen by.
    """

    at: Ints
    fold: Ints
    scores: Floats
    best: Ints
    shares: Floats
    lams: dict[int, float]
    told: dict[int, tuple[Floats, Ints, Ints]]

    @property
    def confidence(self) -> Floats:
        """(n,) the share of the best class."""
        return np.asarray(self.shares.max(axis=1))


def judge(learner: Learner, judged: dict[int, Cells], lessons: dict[int, Lesson], *, calibrated: bool = True) -> Judged:
    """Test cells and lesson of each fold -> its clips judged by what the lesson gives, in the order of the clips.

    Without `calibrated` temperatures are 1 and nothing is told of training clips: for answers alone.
    """
    at: list[Ints] = []
    fold: list[Ints] = []
    scores: list[Floats] = []
    best: list[Ints] = []
    shares: list[Floats] = []
    lams: dict[int, float] = {}
    told: dict[int, tuple[Floats, Ints, Ints]] = {}
    for number, cells in judged.items():
        lesson = learner.filled(lessons[number])
        here = learner.clips(cells)
        if not here.size or not lesson.cells:
            continue
        lam = learner.strength(lesson)
        layer = learner.undecided(lesson, lam)
        if calibrated and (known := learner.leanings_apart(lesson, lam)) is not None:
            layer = layer.at(temperature=calibration.fit_temperature(*known))
            inner = decision.probabilities(known[0], layer.temperature)
            told[number] = inner.max(axis=1), inner.argmax(axis=1), known[1]
        lams[number] = lam
        at.append(here)
        fold.append(np.full(here.size, number, dtype=np.int64))
        scores.append(learner.scores(learner.fit(lesson.cells, lam), here))
        best.append(decision.best(layer.leanings(scores[-1])))
        shares.append(layer.probabilities(scores[-1]))
    if not at:
        raise ModelError("no clips to judge")
    order = np.argsort(np.concatenate(at), kind="stable")
    return Judged(
        np.concatenate(at)[order],
        np.concatenate(fold)[order],
        np.vstack(scores)[order],
        np.concatenate(best)[order],
        np.vstack(shares)[order],
        lams,
        told,
    )
