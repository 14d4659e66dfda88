"""Who is tested on what: seeded folds that keep groups apart, and published lists of tracks."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from classically_punk.errors import ConfigError
from classically_punk.modelling.arrays import Ints, Mask, ModelError
from classically_punk.modelling.near_duplicates import components

PARTS = ("train", "valid", "test")


def unit_keys(clip_ids: Sequence[str], groups: Sequence[str | None]) -> tuple[str, ...]:
    """Clips and their groups -> one key per clip, the same within a group; a clip without a group stands alone."""
    return tuple(
        f"clip:{clip}" if group is None else f"group:{group}" for clip, group in zip(clip_ids, groups, strict=True)
    )


def joined_groups(
    clip_ids: Sequence[str], groups: Sequence[str | None], recordings: Sequence[str]
) -> tuple[str | None, ...]:
    """Clips, their groups, and a key that copies of one recording share -> groups that hold both together.

    Groups that a recording connects become one, named like the smallest of them (or `recording:` and the key, where
    none of the clips has a group). Clips without a group and without a copy keep None; without copies nothing changes.
    """
    copies = Counter(recordings)
    nodes: list[tuple[str, str]] = []  # of each clip: what stands for it
    edges: list[tuple[tuple[str, str], tuple[str, str]]] = []
    for clip, group, recording in zip(clip_ids, groups, recordings, strict=True):
        node = ("clip", clip) if group is None else ("group", group)
        nodes.append(node)
        if copies[recording] > 1:
            edges.append((node, ("recording", recording)))
    name_of: dict[tuple[str, str], str] = {}
    for members in components(edges):
        named = sorted(name for kind, name in members if kind == "group")
        recording = min(name for kind, name in members if kind == "recording")
        name_of.update(dict.fromkeys(members, named[0] if named else f"recording:{recording}"))
    return tuple(name_of.get(node, group) for node, group in zip(nodes, groups, strict=True))


def assign(clip_ids: Sequence[str], groups: Sequence[str | None], genres: Sequence[str], k: int, seed: int) -> Ints:
    """Clips with group and genre -> (n,) fold of each, 0 to k-1; a group is never split and no fold is empty.

    Genre by genre, groups (the large ones first, then in the order of a hash of seed and group) go to the fold that has
    the fewest clips of the genre, then the fewest clips: stratified, and a function of the set, not of the row order.
    Raises ConfigError if k < 2 or there are fewer groups than folds; ModelError if a clip stands there twice.
    """
    if len(set(clip_ids)) != len(clip_ids):
        raise ModelError("a clip stands twice among the clips to be dealt into folds")
    units = unit_keys(clip_ids, groups)
    inside: dict[str, Counter[str]] = defaultdict(Counter)
    for unit, genre in zip(units, genres, strict=True):
        inside[unit][genre] += 1
    if k < 2:
        raise ConfigError("evaluation.folds", f"is {k}, needs to be 2 or more")
    if len(inside) < k:
        raise ConfigError("evaluation.folds", f"is {k}, but there are only {len(inside)} groups of clips to keep apart")

    dealt: dict[str, int] = {}
    sizes = [0] * k
    per_genre: dict[str, list[int]] = defaultdict(lambda: [0] * k)
    for unit in sorted(inside, key=lambda unit: _turn(unit, inside[unit], seed)):
        genre = _main_genre(inside[unit])
        fold = min(range(k), key=lambda fold: (per_genre[genre][fold], sizes[fold], fold))
        dealt[unit] = fold
        sizes[fold] += inside[unit].total()
        for each, count in inside[unit].items():
            per_genre[each][fold] += count
    return np.asarray([dealt[unit] for unit in units], dtype=np.int64)


def dealt_further(
    clip_ids: Sequence[str],
    units: Sequence[str],
    genres: Sequence[str],
    known: Mapping[str, int],
    counts: Mapping[str, Sequence[float]],
    seed: int,
) -> Ints:
    """Clips that come to others already dealt -> (n,) cell of each, as `assign` goes on; who was dealt stays.

    A unit goes to the cell that it has in `known`, else to the one that has the fewest clips of its genre, then the
    fewest clips; `counts` are the clips of each genre by cell.
    """
    cells = len(next(iter(counts.values())))
    per_genre = {genre: list(there) for genre, there in counts.items()}
    sizes = [sum(there[cell] for there in per_genre.values()) for cell in range(cells)]
    inside: dict[str, Counter[str]] = defaultdict(Counter)
    for unit, genre in zip(units, genres, strict=True):
        inside[unit][genre] += 1
    dealt: dict[str, int] = {}
    # those whose place is known first: the others go where there is room then
    for unit in sorted(inside, key=lambda unit: (unit not in known, _turn(unit, inside[unit], seed))):
        of_genre = per_genre[_main_genre(inside[unit])]
        cell = known.get(unit, min(range(cells), key=lambda cell: (of_genre[cell], sizes[cell], cell)))
        dealt[unit] = cell
        sizes[cell] += inside[unit].total()
        for genre, count in inside[unit].items():
            per_genre[genre][cell] += count
    return np.asarray([dealt[unit] for unit in units], dtype=np.int64)


def pieces(units: Sequence[str], count: int) -> Ints:
    """Units of clips -> (n,) piece of each, 0 to count-1: runs of units in their order, as even as units allow."""
    _, rank = np.unique(np.asarray(units, dtype=np.str_), return_inverse=True)
    return np.asarray(rank * count // (int(rank.max(initial=0)) + 1), dtype=np.int64)


def blocks(
    places: Sequence[str], clip_ids: Sequence[str], groups: Sequence[str | None], genres: Sequence[str], k: int
) -> Ints:
    """Clips by place (path or name), group and genre -> (n,) block of each, 0 to k-1: neighbours of a genre together.

    Within a genre, clips in the order of their places (numbers in them by value) are cut into k runs of equal length:
    where artists are unknown, the files of one often stand side by side. A group goes where its first clip goes.
    """
    units = unit_keys(clip_ids, groups)
    order = sorted(range(len(units)), key=lambda at: (genres[at], _natural(places[at]), clip_ids[at]))
    of_genre = Counter(genres)
    seen: Counter[str] = Counter()
    block_of: dict[str, int] = {}
    for at in order:
        block_of.setdefault(units[at], seen[genres[at]] * k // of_genre[genres[at]])
        seen[genres[at]] += 1
    return np.asarray([block_of[unit] for unit in units], dtype=np.int64)


def shuffled_parts(part: Ints, units: Sequence[str], genres: Sequence[str], seed: int) -> Ints:
    """Parts (n,), -1 for none -> parts dealt anew by hash over the same clips: the same sizes in each genre.

    A unit that is larger than one clip stays whole, so the sizes may differ by a few clips.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for at in np.flatnonzero(part >= 0).tolist():
        members[units[at]].append(at)
    turn = {unit: hashlib.sha256(f"{seed}\0{unit}".encode()).hexdigest() for unit in members}
    room: dict[str, Counter[int]] = defaultdict(Counter)
    for at in np.flatnonzero(part >= 0).tolist():
        room[genres[at]][int(part[at])] += 1
    dealt = np.full(part.size, -1, dtype=np.int64)
    for unit in sorted(members, key=lambda unit: (-len(members[unit]), turn[unit])):
        genre = genres[members[unit][0]]
        # by lot, each place in a part as likely as any other: the hash chooses among the places that are left
        places = [each for each, left in sorted(room[genre].items()) for _ in range(max(left, 0))]
        chosen = places[int(turn[unit][:12], 16) % len(places)] if places else int(part[members[unit][0]])
        for at in members[unit]:
            dealt[at] = chosen
            room[genres[at]][chosen] -= 1
    return dealt


@dataclass(frozen=True, eq=False)
class Split:
    """Clips matched to published lists: `part` (n,) is 0 train, 1 valid, 2 test, -1 in no list.

    `left_out` counts the clips in no list, `missing` the listed tracks without a clip; `digest` is that of the lists.
    """

    part: Ints
    left_out: int
    missing: int
    digest: str

    @property
    def train(self) -> Mask:
        """(n,) mask of the clips to fit on: the train and the valid list."""
        return np.asarray((self.part == 0) | (self.part == 1))

    @property
    def test(self) -> Mask:
        """(n,) mask of the clips to be judged on."""
        return np.asarray(self.part == 2)


def split_folds(folder: Path, name: str, stems: Sequence[str]) -> Split:
    """Lists `train_`, `valid_`, `test_<name>.txt` in `folder` and the file stems of the clips -> who is in which part.

    A line is `genre/stem.ext`; only the stem counts (`stem_of`). Raises ConfigError if a list is missing, unreadable or
    empty, if a track stands in two lists, or if no clip is left to fit on or to be judged on.
    """
    lists = [_read_list(folder / f"{part}_{name}.txt") for part in PARTS]
    where: dict[str, int] = {}
    for part, listed in enumerate(lists):
        for stem in listed:
            if where.setdefault(stem, part) != part:
                both = f"{PARTS[where[stem]]}_{name}.txt and {PARTS[part]}_{name}.txt"
                raise ConfigError("evaluation.split_dir", f"{stem} stands in both {both}")
    part_of = np.asarray([where.get(stem, -1) for stem in stems], dtype=np.int64)
    split = Split(
        part=part_of,
        left_out=int((part_of < 0).sum()),
        missing=len(where.keys() - set(stems)),
        digest=hashlib.sha256(repr([sorted(listed) for listed in lists]).encode()).hexdigest()[:16],
    )
    for purpose, mask in (("train or valid", split.train), ("test", split.test)):
        if not mask.any():
            raise ConfigError("evaluation.split_dir", f"no clip matches the {purpose} list of '{name}' in {folder}")
    return split


def stem_of(path: str) -> str:
    """A path or file name -> the part that split lists are matched by: `blues/blues.00012.wav` -> `blues.00012`."""
    return PurePosixPath(path).stem


def _read_list(path: Path) -> frozenset[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError("evaluation.split_dir", f"cannot read the list {path}: {reason}") from error
    stems = frozenset(stem_of(line.strip()) for line in text.splitlines() if line.strip())
    if not stems:
        raise ConfigError("evaluation.split_dir", f"the list {path} is empty")
    return stems


def _natural(place: str) -> tuple[tuple[int, str], ...]:
    """A key in which `track 9` comes before `track 10`: digits count by their number, the rest as text."""
    parts = re.split(r"([0-9]+)", place)
    return tuple((int(part), "") if at % 2 else (-1, part) for at, part in enumerate(parts))


def _main_genre(counts: Counter[str]) -> str:
    return min(counts, key=lambda genre: (-counts[genre], genre))


def _turn(unit: str, counts: Counter[str], seed: int) -> tuple[str, int, str]:
    return _main_genre(counts), -counts.total(), hashlib.sha256(f"{seed}\0{unit}".encode()).hexdigest()
