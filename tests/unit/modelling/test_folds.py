"""Folds keep groups apart and genres spread, whatever the order of the rows; lists match by stem."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classically_punk.errors import ConfigError
from classically_punk.modelling.arrays import ModelError
from classically_punk.modelling.folds import assign, split_folds, stem_of, unit_keys


def clips(per_genre: int = 20, genres: int = 5) -> tuple[list[str], list[str | None], list[str]]:
    """Clip ids, no groups, genres."""
    ids = [f"{g}-{i}" for g in range(genres) for i in range(per_genre)]
    return ids, [None] * len(ids), [f"genre {g}" for g in range(genres) for _ in range(per_genre)]


def test_without_groups_every_fold_holds_the_same_number_of_each_genre() -> None:
    ids, groups, genres = clips()
    folds = assign(ids, groups, genres, k=5, seed=1)
    table = {(genre, fold): 0 for genre in genres for fold in range(5)}
    for genre, fold in zip(genres, folds.tolist(), strict=True):
        table[genre, fold] += 1
    assert set(table.values()) == {4}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 8) | st.none(), st.sampled_from("abc")), min_size=12, max_size=60),
    st.integers(2, 4),
    st.integers(0, 2**31),
    st.randoms(use_true_random=False),
)
def test_groups_stay_together_no_fold_is_empty_and_row_order_does_not_matter(rows, k, seed, random) -> None:  # type: ignore[no-untyped-def]
    ids = [f"clip {i}" for i in range(len(rows))]
    groups = [None if group is None else f"artist {group}" for group, _ in rows]
    genres = [genre for _, genre in rows]
    units = unit_keys(ids, groups)
    if len(set(units)) < k:
        return
    folds = assign(ids, groups, genres, k, seed)
    assert set(folds) == set(range(k))
    assert len(set(zip(units, folds.tolist(), strict=True))) == len(set(units))
    order = list(range(len(ids)))
    random.shuffle(order)
    again = assign([ids[i] for i in order], [groups[i] for i in order], [genres[i] for i in order], k, seed)
    assert again.tolist() == folds[order].tolist()


@pytest.mark.parametrize("seed", range(5))
def test_fold_sizes_are_equal_where_groups_of_different_size_allow_it(seed: int) -> None:
    sizes = [1] * 20 + [4] * 5  # five folds of eight clips, if the large groups are dealt first
    groups = [f"{genre} artist {i}" for genre in "ab" for i, size in enumerate(sizes) for _ in range(size)]
    genres = [genre for genre in "ab" for _ in range(sum(sizes))]
    folds = assign([str(i) for i in range(len(groups))], groups, genres, k=5, seed=seed)
    for genre in "ab":
        assert np.bincount(folds[[each == genre for each in genres]]).tolist() == [8] * 5


def test_a_genre_of_two_clips_stands_in_two_folds() -> None:
    ids, groups, genres = clips(per_genre=2, genres=6)
    folds = assign(ids, groups, genres, k=4, seed=5)
    assert all(folds[2 * g] != folds[2 * g + 1] for g in range(6))
    assert np.bincount(folds).tolist() == [3, 3, 3, 3]


def test_the_seed_deals_anew_and_the_same_seed_deals_the_same() -> None:
    ids, groups, genres = clips()
    one, again, other = (assign(ids, groups, genres, 5, seed).tolist() for seed in (1, 1, 2))
    assert one == again
    assert one != other


def test_a_group_named_like_a_clip_is_not_that_clip() -> None:
    assert len(set(unit_keys(["a", "b"], ["b", None]))) == 2


def test_too_few_groups_or_folds_and_double_clips_are_refused() -> None:
    with pytest.raises(ConfigError, match="only 1 groups"):
        assign(["a", "b", "c"], ["x", "x", "x"], ["g", "g", "h"], k=2, seed=0)
    with pytest.raises(ConfigError, match="2 or more"):
        assign(["a", "b"], [None, None], ["g", "h"], k=1, seed=0)
    with pytest.raises(ModelError, match="twice"):
        assign(["a", "a"], [None, None], ["g", "h"], k=2, seed=0)


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    """A folder of lists; the name has one track each in valid and test, two in train."""
    (tmp_path / "train_filtered.txt").write_text("blues/blues.00029.wav\r\nrock/rock.00001.au\n\n")
    (tmp_path / "valid_filtered.txt").write_text("\ufeffblues/blues.00000.wav\n", encoding="utf-8")
    (tmp_path / "test_filtered.txt").write_text("rock/rock.00012.wav\nrock/gone.wav\n")
    return tmp_path


def test_clips_match_the_lists_by_stem(lists: Path) -> None:
    paths = ("/x/rock.00012.au", "blues.00029.wav", "blues/blues.00000.ogg", "/y/rock.00001.mp3", "new.flac")
    stems = [stem_of(path) for path in paths]
    assert stems == ["rock.00012", "blues.00029", "blues.00000", "rock.00001", "new"]
    split = split_folds(lists, "filtered", stems)
    assert split.part.tolist() == [2, 0, 1, 0, -1]
    assert split.train.tolist() == [False, True, True, True, False]
    assert split.test.tolist() == [True, False, False, False, False]
    assert (split.left_out, split.missing) == (1, 1)


def test_the_digest_follows_the_content_of_the_lists_not_their_order(lists: Path) -> None:
    stems = ["blues.00029", "rock.00012"]
    before = split_folds(lists, "filtered", stems).digest
    (lists / "train_filtered.txt").write_text("rock/rock.00001.au\nblues/blues.00029.wav\n")
    assert split_folds(lists, "filtered", stems).digest == before
    (lists / "train_filtered.txt").write_text("rock/rock.00002.au\nblues/blues.00029.wav\n")
    assert split_folds(lists, "filtered", stems).digest != before


def test_lists_that_are_missing_empty_or_overlap_are_refused(lists: Path) -> None:
    stems = ["blues.00029", "rock.00012"]
    with pytest.raises(ConfigError, match=r"train_other\.txt"):
        split_folds(lists, "other", stems)
    with pytest.raises(ConfigError, match="no clip matches the test list"):
        split_folds(lists, "filtered", ["blues.00029"])
    with pytest.raises(ConfigError, match="no clip matches the train or valid list"):
        split_folds(lists, "filtered", ["rock.00012"])
    (lists / "test_filtered.txt").write_text("blues/blues.00029.wav\n")
    with pytest.raises(ConfigError, match=r"blues\.00029 stands in both train_filtered\.txt and test_filtered\.txt"):
        split_folds(lists, "filtered", stems)
    (lists / "test_filtered.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        split_folds(lists, "filtered", stems)
    (lists / "test_filtered.txt").write_text("\n")
    with pytest.raises(ConfigError, match="is empty"):
        split_folds(lists, "filtered", stems)
