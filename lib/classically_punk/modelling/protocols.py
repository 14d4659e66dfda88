"""Who is judged by whom, and what each fold may learn from: the protocols that accuracy is told under.

A figure means nothing without its protocol. Here each is a deal of clips into cells, the cells that are judged in each
fold, and a `Lesson` of cells to learn from, in groups that keep apart inside the training part what the protocol keeps
apart between training and test.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from classically_punk.modelling import folds
from classically_punk.modelling.arrays import Ints
from classically_punk.modelling.crossfit import Cells, Lesson
from classically_punk.modelling.folds import Split

ORDER = ("group-folds", "published-rotation", "published-split", "block-folds", "size-matched-random", "random-folds")
"""From the strictest to the kindest."""
LISTED = ("published-rotation", "published-split", "size-matched-random")
"""Protocols that need published lists; the first two judge on their test part."""
OPENS_TEST = ("published-rotation", "published-split")

BLOCKS = 6
"""Blocks of neighbours that the training clips of a published list are cut into: enough to learn a decision from."""
APART = 3
"""Coarser blocks for the temperature: with small ones, neighbours by the same artist on both sides make it too sure."""
LEAST_INNER = 4
"""Fewest groups that a fold learns from; with fewer folds, each is divided."""


@dataclass(frozen=True, eq=False)
class Clips:
    """What the deal looks at, one entry a clip: identity, path, genre, artist or session, recording.

    `group` holds together what shares an artist or a recording, `copies` what shares a recording only; None alone.
    """

    ids: Sequence[str]
    paths: Sequence[str]
    genres: Sequence[str]
    groups: Sequence[str | None]
    copies: Sequence[str | None]

    def at(self, places: Sequence[int]) -> Clips:
        """Those at some positions."""
        columns = (self.ids, self.paths, self.genres, self.groups, self.copies)
        ids, paths, genres, groups, copies = ([values[at] for at in places] for values in columns)
        return Clips(ids, paths, genres, groups, copies)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Scheme:
    """`cell` (n,) of every clip, -1 left out; `fold` (n,) for telling; by judged fold, test cells and lesson."""

    protocol: str
    cell: Ints
    fold: Ints
    judged: dict[int, Cells]
    lessons: dict[int, Lesson]

    @property
    def cells(self) -> int:
        """Number of cells, the empty ones included."""
        named = (cell for lesson in self.lessons.values() for cell in lesson.cells)
        return max(int(self.cell.max(initial=-1)), *named) + 1


def scheme(protocol: str, clips: Clips, *, k: int, seed: int, split: Split | None = None) -> Scheme:
    """The deal of a protocol; `split` for those in `LISTED`. Raises ConfigError where there are too few groups."""
    if protocol == "group-folds":
        return _folded(
            protocol, clips, folds.assign(clips.ids, clips.groups, clips.genres, k, seed), clips.groups, seed
        )
    if protocol == "random-folds":  # looks away from artists (its figure is labelled optimistic), not from copies
        return _folded(
            protocol, clips, folds.assign(clips.ids, clips.copies, clips.genres, k, seed), clips.copies, seed
        )
    if protocol == "block-folds":
        return _folded(protocol, clips, _blocks(clips, k), clips.groups, seed)
    if split is None:
        raise ValueError(f"{protocol} needs published lists")
    if protocol == "size-matched-random":
        units = folds.unit_keys(clips.ids, clips.copies)
        part = folds.shuffled_parts(split.part, units, clips.genres, seed)
        return _parted(protocol, clips, part, (0, 1, 2), lambda some: _by_lot(some, some.copies, BLOCKS, seed))
    judged = (0, 1, 2) if protocol == "published-rotation" else (2,)
    return _parted(protocol, clips, split.part, judged, lambda some: _blocks(some, BLOCKS))


def whole(clips: Clips, *, k: int, seed: int) -> Scheme:
    """The lesson of a model that is published, from every clip, as number 0; nothing is judged.

    By group where artists are known of any clip, else by blocks of neighbours, since the same artist may be in them.
    """
    if any(group is not None and group != copy for group, copy in zip(clips.groups, clips.copies, strict=True)):
        units = len(set(folds.unit_keys(clips.ids, clips.groups)))
        if units < 2:
            cell = np.zeros(len(clips.ids), dtype=np.int64)
        else:
            cell = folds.assign(clips.ids, clips.groups, clips.genres, min(k, units), seed)
        inner: tuple[Cells, ...] = tuple((at,) for at in range(int(cell.max()) + 1))
        return Scheme("whole", cell, cell, {}, {0: Lesson(inner, inner)})
    cell = _blocks(clips, BLOCKS)
    return Scheme("whole", cell, cell, {}, {0: _blocked([(block,) for block in range(BLOCKS)], APART)})


def _blocks(clips: Clips, k: int) -> Ints:
    return folds.blocks(clips.paths, clips.ids, clips.groups, clips.genres, k)


def _by_lot(clips: Clips, groups: Sequence[str | None], k: int, seed: int) -> Ints:
    """(n,) 0 to k-1 by a hash, another than the one that dealt the folds; groups whole, genres even."""
    units = len(set(folds.unit_keys(clips.ids, groups)))
    if min(k, units) < 2:
        return np.zeros(len(clips.ids), dtype=np.int64)
    return folds.assign(clips.ids, groups, clips.genres, min(k, units), seed + 1)


def _folded(protocol: str, clips: Clips, fold: Ints, groups: Sequence[str | None], seed: int) -> Scheme:
    """K folds, each judged by the others, which are the groups of its lesson; few folds are divided further."""
    k = int(fold.max()) + 1
    pieces = max(1, math.ceil(LEAST_INNER / (k - 1))) if k > 1 else 1
    piece = np.zeros_like(fold)
    if pieces > 1:
        for each in range(k):
            here = np.flatnonzero(fold == each).tolist()
            piece[here] = _by_lot(clips.at(here), [groups[at] for at in here], pieces, seed)
    judged = {each: tuple(each * pieces + at for at in range(pieces)) for each in range(k)}
    lessons = {}
    for each in range(k):
        inner: tuple[Cells, ...] = tuple((cell,) for cell in range(k * pieces) if cell not in judged[each])
        lessons[each] = Lesson(inner, inner)
    return Scheme(protocol, fold * pieces + piece, fold, judged, lessons)


def _parted(protocol: str, clips: Clips, part: Ints, judged: tuple[int, ...], dealt: Callable[[Clips], Ints]) -> Scheme:
    """Three parts of published lists; each judged one learns from the other two, in groups that `dealt` makes of them.

    A cell is what no lesson tells apart.
    """
    group = np.full((part.size, len(judged)), -1, dtype=np.int64)  # of each clip in each lesson
    for column, each in enumerate(judged):
        here = np.flatnonzero((part >= 0) & (part != each))
        group[here, column] = dealt(clips.at(here.tolist()))
    kinds, cell = np.unique(np.column_stack([part, group])[part >= 0], axis=0, return_inverse=True)
    every = np.full(part.size, -1, dtype=np.int64)
    every[part >= 0] = cell.ravel()
    tests, lessons = {}, {}
    for column, each in enumerate(judged):
        number = each if len(judged) > 1 else 1  # one test part: fold 1, and what it learns from is fold 0
        tests[number] = tuple(np.flatnonzero(kinds[:, 0] == each).tolist())
        groups = [tuple(np.flatnonzero(kinds[:, 1 + column] == at).tolist()) for at in range(BLOCKS)]
        lessons[number] = _blocked(groups, APART)
    fold = part if len(judged) > 1 else np.where(part < 0, -1, (part == judged[0]).astype(np.int64))
    return Scheme(protocol, every, np.asarray(fold, dtype=np.int64), tests, lessons)


def _blocked(groups: list[Cells], apart: int) -> Lesson:
    """Neighbouring groups, joined into fewer for what has to stand further apart."""
    size = len(groups) // apart
    joined = [tuple(cell for group in groups[at : at + size] for cell in group) for at in range(0, len(groups), size)]
    return Lesson(tuple(groups), tuple(joined))
