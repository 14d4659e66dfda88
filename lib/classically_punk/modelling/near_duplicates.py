"""Which clips are the same recording: candidates from shared words, comparison bit by bit, clusters. Cost is linear.

A clip is looked up by the words of its sketch (`features.fingerprint`). Clips that share a word stand in one bucket; a
bucket gives each of its clips at most `REACH` others to be compared with, so that a bucket of n costs n and not n².
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from classically_punk.features.fingerprint import BITS, Words
from classically_punk.modelling.arrays import Ints, Mask

REACH: Final = 8
"""Neighbours in a bucket that a clip is linked with."""
SHARED: Final = 2
"""Words of the sketch that two clips must share before they are compared."""
DIFFERENT: Final = 0.20
"""Largest share of unlike bits between copies of one recording; unrelated music has a half."""
SHORTEST: Final = 24
"""Words that must lie side by side, 0.56 s, and half of the shorter fingerprint at least: less says nothing."""
TRIED: Final = 5
"""Shifts in time that are compared: those that most of the shared words speak for."""

Key = TypeVar("Key", bound=Hashable)


def links(words: NDArray[np.int32], clips: Ints) -> tuple[Ints, Ints]:
    """A word and a clip a row, (n,) each -> pairs (a, b), a < b, each distinct, at most `REACH` a row.

    Pairs appear once for every word they were linked by. Depends on the set of rows, not on their order.
    """
    order = np.lexsort((clips, words))
    words, clips = words[order], clips[order]
    pairs: list[tuple[Ints, Ints]] = []
    for step in range(1, REACH + 1):
        same = (words[step:] == words[:-step]) & (clips[step:] != clips[:-step])
        pairs.append((clips[:-step][same], clips[step:][same]))
    return np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs])


@dataclass(frozen=True)
class Relinked:
    """Pairs (a, b), (n,) each, a < b, that another number of buckets links now than before: `before` and `now` (n,)."""

    a: Ints
    b: Ints
    before: Ints
    now: Ints


def relinked(words: NDArray[np.int32], clips: Ints, was: Mask, now: Mask) -> Relinked:
    """Whole buckets before and after a change, a word, a clip and where it stands a row -> pairs that it concerns.

    Where a bucket has more than `REACH` + 1 clips, one that comes or goes also parts or joins others around it.
    """
    before, after = links(words[was], clips[was]), links(words[now], clips[now])
    a, b = (np.concatenate(side) for side in zip(before, after, strict=True))
    one, other, at = distinct_pairs(a, b)
    first, second = np.split(at, [before[0].size])
    counts = [np.bincount(part, minlength=one.size) for part in (first, second)]
    moved = counts[0] != counts[1]
    return Relinked(one[moved], other[moved], counts[0][moved], counts[1][moved])


def distinct_pairs(a: Ints, b: Ints) -> tuple[Ints, Ints, Ints]:
    """Pairs (n,) -> the distinct ones (m,), sorted, and at which of them each stands (n,)."""
    order = np.lexsort((b, a))
    left, right = a[order], b[order]
    new = np.ones(order.size, dtype=bool)
    new[1:] = (left[1:] != left[:-1]) | (right[1:] != right[:-1])
    at = np.empty(order.size, dtype=np.int64)
    at[order] = np.cumsum(new) - 1
    return left[new], right[new], at


def difference(one: Words, other: Words) -> float:
    """Share of unlike bits of two fingerprints, at the shift in time that fits best: 0 to 1.

    1 where no shift lays enough words side by side (`SHORTEST`) in which something happens. Shifts are those that the
    words found in both speak for, and their neighbours: copies that share no word are not recognised.
    """
    _, here, there = np.intersect1d(one, other, return_indices=True)
    shared = one[here] != 0
    shifts, votes = np.unique(here[shared] - there[shared], return_counts=True)
    likeliest = shifts[np.lexsort((shifts, -votes))][:TRIED]
    tried = np.unique(likeliest[:, None] + np.arange(-1, 2)).tolist()
    return min((_difference_at(one, other, shift) for shift in tried), default=1.0)


def _difference_at(one: Words, other: Words, shift: int) -> float:
    left, right = one[max(0, shift) :], other[max(0, -shift) :]
    size = min(left.size, right.size)
    if 2 * size < min(one.size, other.size):
        return 1.0
    left, right = left[:size], right[:size]
    heard = (left != 0) & (right != 0)
    count = int(np.count_nonzero(heard))
    if count < SHORTEST:
        return 1.0
    unlike = np.bitwise_count(left[heard] ^ right[heard]).sum(dtype=np.int64)
    return float(unlike) / (BITS * count)


def same_recording(one: Words, other: Words) -> bool:
    """Whether two fingerprints are of one recording: no more than `DIFFERENT` of their bits unlike."""
    return difference(one, other) <= DIFFERENT


def components(pairs: Iterable[tuple[Key, Key]]) -> list[list[Key]]:
    """Pairs -> the sets that they connect, two or more each, as lists; the order depends on that of the pairs."""
    above: dict[Key, Key] = {}

    def top(key: Key) -> Key:
        above.setdefault(key, key)
        while above[key] != key:
            above[key] = above[above[key]]
            key = above[key]
        return key

    for a, b in pairs:
        above[top(a)] = top(b)
    found: dict[Key, list[Key]] = {}
    for key in above:
        found.setdefault(top(key), []).append(key)
    return [members for members in found.values() if len(members) > 1]


def firsts(pairs: Iterable[tuple[str, str]], rank: Mapping[str, tuple[object, ...]]) -> dict[str, str]:
    """Pairs of the same recording -> each clip but the first of its cluster, and that first one: the smallest rank.

    `rank` gives every clip a key to sort by, no two the same.
    """
    first_of: dict[str, str] = {}
    for members in components(pairs):
        first, *others = sorted(members, key=lambda clip: rank[clip])
        first_of.update(dict.fromkeys(others, first))
    return first_of
