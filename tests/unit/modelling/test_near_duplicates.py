"""Links within buckets stay linear, comparison finds the shift, clusters have one first, folds keep them whole."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classically_punk.modelling import near_duplicates as nd
from classically_punk.modelling.folds import assign, joined_groups
from classically_punk.modelling.leakage import straddling, straddling_metrics


def random_words(seed: int, size: int = 200) -> np.ndarray:
    return np.random.Generator(np.random.PCG64(seed)).integers(1, 2**32, size, dtype=np.uint32)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 30)), unique=True, max_size=80), st.integers(0, 99))
def test_links_stand_in_one_bucket_and_do_not_depend_on_the_order_of_rows(
    rows: list[tuple[int, int]], seed: int
) -> None:
    words = np.asarray([word for word, _ in rows], dtype=np.int32)
    clips = np.asarray([clip for _, clip in rows], dtype=np.int64)
    a, b = nd.links(words, clips)
    assert (a < b).all()
    buckets = {word: {clip for each, clip in rows if each == word} for word, _ in rows}
    for pair in zip(a.tolist(), b.tolist(), strict=True):
        assert any(set(pair) <= bucket for bucket in buckets.values())
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(rows))
    again = nd.links(words[order], clips[order])
    assert sorted(zip(*again, strict=True)) == sorted(zip(a, b, strict=True))


def test_a_small_bucket_gives_every_pair_and_a_large_one_a_fixed_number_a_clip() -> None:
    small = nd.links(np.zeros(5, dtype=np.int32), np.arange(5))
    assert set(zip(*map(np.ndarray.tolist, small), strict=True)) == {(i, j) for j in range(5) for i in range(j)}
    many = 10_000
    a, b = nd.links(np.zeros(many, dtype=np.int32), np.arange(many))
    assert a.size <= nd.REACH * many
    assert len(nd.components(zip(a.tolist(), b.tolist(), strict=True))) == 1  # and still holds together


def test_the_difference_is_the_share_of_unlike_bits_at_the_best_shift() -> None:
    words = random_words(1)
    assert nd.difference(words, words) == 0
    assert nd.difference(words, words[13:]) == 0
    changed = words.copy()
    changed[::4] ^= np.uint32(0b1011)  # three of 32 bits in one word of four
    assert nd.difference(words, changed) == pytest.approx(3 / 32 / 4)
    assert nd.difference(changed[20:], words) == pytest.approx(3 / 32 / 4)


def test_what_shares_no_word_or_too_little_time_is_not_the_same() -> None:
    words = random_words(2)
    assert nd.difference(words, random_words(3)) == 1
    assert nd.difference(words, np.zeros(0, dtype=np.uint32)) == 1
    assert nd.difference(words[:23], words[:23]) == 1
    assert nd.difference(words[:24], words[:24]) == 0
    end_on_beginning = np.concatenate([words[-80:], random_words(4, 120)])
    assert nd.difference(words, end_on_beginning) > 0.2  # under half of both lies side by side
    still = np.zeros(200, dtype=np.uint32)
    still[:20] = words[:20]
    assert nd.difference(still, still) == 1  # nothing happens in most of it


def test_the_threshold_lies_between_copies_and_strangers() -> None:
    random = np.random.Generator(np.random.PCG64(5))
    words = random_words(6, 1000)
    for share, same in ((0.1, True), (0.3, False)):
        flips = np.packbits(random.uniform(size=(1000, 32)) < share, axis=1).view(np.uint32).ravel()
        flips[::10] = 0  # some words stay: codecs err in bursts
        assert nd.same_recording(words, words ^ flips) is same


def test_the_first_of_a_cluster_has_the_smallest_rank() -> None:
    pairs = [("b", "c"), ("e", "f"), ("c", "d")]
    rank = {clip: (-ord(clip),) for clip in "abcdef"}
    assert nd.firsts(pairs, rank) == {"b": "d", "c": "d", "e": "f"}
    assert nd.firsts(reversed([(b, a) for a, b in pairs]), rank) == nd.firsts(pairs, rank)


def test_groups_that_share_a_recording_become_one_and_others_stay_as_they_are() -> None:
    clips = ["a", "b", "c", "d", "e", "f"]
    groups = ["artist 2", None, "artist 1", "artist 2", None, None]
    assert joined_groups(clips, groups, clips) == tuple(groups)
    # b is a copy of a, c of d; e and f of a third clip that is not here
    joined = joined_groups(clips, groups, ["a", "a", "d", "d", "x", "x"])
    assert joined == ("artist 1", "artist 1", "artist 1", "artist 1", "recording:x", "recording:x")


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9) | st.none(), st.integers(0, 12)), min_size=20, max_size=60),
    st.integers(0, 1000),
)
def test_neither_groups_nor_recordings_straddle_folds(rows: list[tuple[int | None, int]], seed: int) -> None:
    clips = [f"clip {i:03d}" for i in range(len(rows))]
    groups = [None if group is None else f"artist {group}" for group, _ in rows]
    recordings = [f"clip {at}" if at < 8 else clip for clip, (_, at) in zip(clips, rows, strict=True)]
    joined = joined_groups(clips, groups, recordings)
    if len({clip if group is None else group for clip, group in zip(clips, joined, strict=True)}) < 2:
        return
    fold = assign(clips, joined, ["g"] * len(clips), 2, seed)
    assert straddling(recordings, fold) == 0
    named = [group or clip for clip, group in zip(clips, groups, strict=True)]
    assert straddling(named, fold) == 0


def test_what_straddles_folds_is_counted_in_clips() -> None:
    fold = np.array([0, 1, 1, 0, -1, 2])
    assert straddling(["x", "x", "x", "y", "y", "z"], fold) == 3  # y's other clip is left out
    clean, broken = straddling_metrics({"clips": list("abcdef"), "near_duplicates": list("xxxyyz")}, fold)
    assert (clean.metric, clean.value, clean.n) == ("straddling_clips", 0.0, 5)
    assert (broken.metric, broken.value, broken.n) == ("straddling_near_duplicates", 3.0, 5)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), unique=True, max_size=120),
    st.sets(st.integers(0, 40), max_size=8),
    st.sets(st.integers(0, 40), max_size=8),
)
def test_relinked_pairs_are_those_that_other_numbers_of_buckets_link(
    rows: list[tuple[int, int]], gone: set[int], new: set[int]
) -> None:
    words = np.asarray([word for word, _ in rows], dtype=np.int32)
    clips = np.asarray([clip for _, clip in rows], dtype=np.int64)
    was, now = (~np.isin(clips, list(out)) for out in (new, gone))

    def linked(there: np.ndarray) -> Counter[tuple[int, int]]:
        """Straight from the words of the page: in a bucket, each with its next `REACH`."""
        found: Counter[tuple[int, int]] = Counter()
        for word in range(4):
            bucket = sorted(clips[there & (words == word)].tolist())
            for at, clip in enumerate(bucket):
                found.update((clip, other) for other in bucket[at + 1 : at + 1 + nd.REACH])
        return found

    before, after = linked(was), linked(now)
    expected = {pair: (before[pair], after[pair]) for pair in {*before, *after} if before[pair] != after[pair]}
    moved = nd.relinked(words, clips, was, now)
    columns = (column.tolist() for column in (moved.a, moved.b, moved.before, moved.now))
    assert {(a, b): (n, m) for a, b, n, m in zip(*columns, strict=True)} == expected


def test_distinct_pairs_stand_once_and_every_pair_is_found_there() -> None:
    a, b = np.asarray([3, 1, 3, 1, 3]), np.asarray([4, 2, 4, 5, 4])
    one, other, at = nd.distinct_pairs(a, b)
    assert list(zip(one.tolist(), other.tolist(), strict=True)) == [(1, 2), (1, 5), (3, 4)]
    assert at.tolist() == [2, 0, 2, 1, 2]
    assert nd.distinct_pairs(a[:0], b[:0])[0].size == 0
