"""What a protocol keeps apart between training and test, it keeps apart inside the training part too."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from classically_punk.modelling.folds import Split, blocks, shuffled_parts
from classically_punk.modelling.protocols import ORDER, Clips, Scheme, scheme, whole

GENRES = ("blues", "jazz", "rock")


def clips(per_genre: int = 40, per_artist: int | None = 4) -> Clips:
    """Tracks numbered within their genre, artists one after the other, one pair of copies."""
    ids, paths, genres, groups = [], [], [], []
    for genre in GENRES:
        for number in range(per_genre):
            ids.append(f"{number * 7919 % 97:02d}-{genre}-{number}")
            paths.append(f"/music/{genre}/{genre}.{number}.wav")
            genres.append(genre)
            groups.append(None if per_artist is None else f"{genre}-{number // per_artist}")
    copies: list[str | None] = [None] * len(ids)
    copies[1] = copies[7] = "recording:x"
    if per_artist is None:
        groups = list(copies)
    return Clips(ids, paths, genres, groups, copies)


def listed(known: Clips) -> Split:
    """Parts that keep artists apart; a tenth of the clips in no list."""
    number = np.asarray([int(path.rsplit(".", 2)[1]) for path in known.paths])
    part = np.where(number >= 36, -1, (number // 4) % 3)
    return Split(part.astype(np.int64), int((part < 0).sum()), 0, "ab")


def made(protocol: str, known: Clips, k: int = 5) -> Scheme:
    return scheme(protocol, known, k=k, seed=0, split=listed(known))


@pytest.mark.parametrize("protocol", ORDER)
@pytest.mark.parametrize("k", [2, 3, 5])
def test_every_fold_learns_from_cells_that_are_not_judged_in_it(protocol: str, k: int) -> None:
    known = clips()
    found = made(protocol, known, k)
    assert set(found.judged) == set(found.lessons)
    judged = [cell for cells in found.judged.values() for cell in cells]
    assert len(judged) == len(set(judged))
    for fold, cells in found.judged.items():
        lesson = found.lessons[fold]
        assert not set(lesson.cells) & set(cells)
        assert len(lesson.inner) >= 4
        assert sorted(cell for group in lesson.apart for cell in group) == list(lesson.cells)
        np.testing.assert_array_equal(np.flatnonzero(np.isin(found.cell, cells)), np.flatnonzero(found.fold == fold))
        assert np.isin(found.cell, lesson.cells).sum() + (found.fold == fold).sum() == (found.cell >= 0).sum()


@pytest.mark.parametrize("protocol", ["group-folds", "block-folds"])
@pytest.mark.parametrize("k", [2, 5])
def test_groups_are_never_split_not_even_into_cells(protocol: str, k: int) -> None:
    known = clips()
    found = made(protocol, known, k)
    cells = {}
    for group, cell in zip(known.groups, found.cell.tolist(), strict=True):
        assert cells.setdefault(group, cell) == cell


def test_random_folds_keep_copies_together_and_nothing_else() -> None:
    known = clips()
    found = made("random-folds", known)
    assert found.fold[1] == found.fold[7]
    split = {
        g for g in set(known.groups) if len({f for f, o in zip(found.fold, known.groups, strict=True) if o == g}) > 1
    }
    assert len(split) > 20


def test_blocks_are_runs_of_neighbours_by_number() -> None:
    known = clips(per_artist=None)
    found = blocks(known.paths, known.ids, [None] * len(known.ids), known.genres, 4)
    assert found[:40].tolist() == [0] * 10 + [1] * 10 + [2] * 10 + [3] * 10  # 9 comes before 10
    shuffled = np.random.default_rng(1).permutation(len(known.ids)).tolist()
    other = known.at(shuffled)
    again = blocks(other.paths, other.ids, [None] * len(known.ids), other.genres, 4)
    np.testing.assert_array_equal(again, found[shuffled])


def test_the_rotation_judges_each_part_by_the_other_two() -> None:
    known = clips()
    found, split = made("published-rotation", known), listed(known)
    np.testing.assert_array_equal(found.fold, split.part)
    assert sorted(found.judged) == [0, 1, 2]
    lesson = found.lessons[2]
    assert (len(lesson.inner), len(lesson.apart)) == (6, 3)
    # inner groups are blocks of neighbours: the largest number of one is at most the smallest of the next
    number = np.asarray([int(path.rsplit(".", 2)[1]) for path in known.paths])
    ends = [(number[np.isin(found.cell, g)].min(), number[np.isin(found.cell, g)].max()) for g in lesson.inner]
    assert all(high <= low for (_, high), (low, _) in itertools.pairwise(ends))


def test_the_published_split_judges_the_test_list_alone() -> None:
    known = clips()
    found, split = made("published-split", known), listed(known)
    np.testing.assert_array_equal(found.fold == 1, split.test)
    np.testing.assert_array_equal(found.fold == 0, split.train)
    assert list(found.judged) == [1]


def test_the_random_control_has_the_sizes_of_the_parts_in_each_genre() -> None:
    known = clips()
    found, split = made("size-matched-random", known), listed(known)
    sizes = Counter(zip(known.genres, split.part.tolist(), strict=True))
    assert Counter(zip(known.genres, found.fold.tolist(), strict=True)) == sizes
    assert found.fold[1] == found.fold[7]  # copies stay together
    assert 0.2 < (found.fold == split.part).mean() < 0.6
    other = shuffled_parts(split.part, [f"u{at}" for at in range(len(known.ids))], known.genres, seed=1)
    assert (other != found.fold).any()


def test_a_published_model_learns_apart_by_artist_or_by_blocks_where_none_is_known() -> None:
    grouped = whole(clips(), k=5, seed=0)
    assert len(grouped.lessons[0].inner) == 5
    unknown = whole(clips(per_artist=None), k=5, seed=0)
    assert (len(unknown.lessons[0].inner), len(unknown.lessons[0].apart)) == (6, 3)
    assert unknown.cell[0] == unknown.cell[2]  # neighbours
    assert unknown.cell[1] == unknown.cell[7]  # copies
    two = clips(per_artist=None).at([0, 40])
    assert whole(two, k=5, seed=0).cells == 6  # the empty blocks count: their sums are zero
    assert whole(two, k=5, seed=0).lessons[0].cells
