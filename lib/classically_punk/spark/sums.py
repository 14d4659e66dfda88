"""The sums behind the model in force, kept in Delta: table `sums` by slot, and in `summed_clips` who is in which.

A slot is a batch (the clips that one run counted), a cell of cross-validation and a piece of it. To add clips is to
count them as a new batch; to take one out is to count its slot anew from the rows that stay. Kept slots are added up
again in one order each time, and nothing is ever subtracted.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from classically_punk import atomic
from classically_punk.modelling import digest, folds
from classically_punk.modelling.arrays import Ints, ModelError
from classically_punk.modelling.moments import Moments, merge_all
from classically_punk.modelling.protocols import Scheme
from classically_punk.modelling.published import SCHEMA_VERSION
from classically_punk.settings import Settings
from classically_punk.spark import schemas
from classically_punk.spark.delta_log import Added
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse
from classically_punk.spark.vectors import MAIN, OF_CLIPS, Training

SUMS, CLIPS = "sums", "summed_clips"
KEY = ("batch", "cell", "piece")
PIECE_CLIPS, MOST_PIECES = 2_000, 8
"""A cell is cut into pieces of at least so many clips, into so many at most: one is read again when a clip goes."""
MOST_SLOTS = 500
"""More are not added up any more: a fit makes one batch of them."""

READ = ("clips", "files", "features")
"""The tables that tell which clips there are to count."""
NOTE = "_summed.json"
"""Names the newest change of each of those, and of the two here, when the sums were written: what only came since is
all there is to add. Another newest change, or no such file, and all clips are compared."""

Key = tuple[str, int, int]


@dataclass(frozen=True, eq=False)
class Slots:
    """The slots of one batch: by number, (cell, piece); `at` (n,) the number of every clip's."""

    at: Ints
    pieces: int
    count: int

    @classmethod
    def of(cls, data: Training, scheme: Scheme) -> Slots:
        """Clips and their cells -> the slots of a whole fit."""
        pieces = max(1, min(MOST_PIECES, len(data.clips) // (scheme.cells * PIECE_CLIPS)))
        at = np.where(scheme.cell < 0, -1, scheme.cell * pieces + folds.pieces(data.units, pieces))
        return cls(at.astype(np.int64), pieces, scheme.cells * pieces)

    def key(self, slot: int) -> tuple[int, int]:
        """Number of a slot -> its cell and piece."""
        return slot // self.pieces, slot % self.pieces

    def by_cell(self, parts: Sequence[Moments]) -> list[Moments]:
        """Sums of every slot -> sums of every cell."""
        return [merge_all(parts[at : at + self.pieces]) for at in range(0, self.count, self.pieces)]


@dataclass(frozen=True, eq=False)
class Slot:
    """What one row of `sums` says: its sums over rows and over clips, by the classes `genres`."""

    model_id: str
    genres: tuple[str, ...]
    moments: Moments
    of_clips: Moments
    clips_digest: str

    @property
    def clips(self) -> int:
        """How many clips are in it."""
        return self.of_clips.rows


@dataclass(frozen=True, eq=False)
class Kept:
    """Every slot that stands, by key, all of one design."""

    design: str
    slots: Mapping[Key, Slot]

    @property
    def models(self) -> set[str]:
        """The models that some slot first went into."""
        return {slot.model_id for slot in self.slots.values()}

    @property
    def cells(self) -> int:
        """Number of cells."""
        return 1 + max(cell for _, cell, _ in self.slots)

    @property
    def clips(self) -> int:
        """Number of clips."""
        return sum(slot.clips for slot in self.slots.values())

    @cached_property
    def digest(self) -> str:
        """Digest of which clips are in which slot."""
        return digest.slots_digest((*key, slot.clips_digest) for key, slot in self.slots.items() if slot.clips)

    def by_cell(self, genres: Sequence[str]) -> tuple[list[Moments], list[Moments]]:
        """Sums of every cell over rows and over clips, added up in the order of the keys."""
        rows: list[list[Moments]] = [[] for _ in range(self.cells)]
        clips: list[list[Moments]] = [[] for _ in range(self.cells)]
        for (_, cell, _), slot in sorted(self.slots.items()):
            rows[cell].append(slot.moments.over(slot.genres, genres))
            clips[cell].append(slot.of_clips.over(slot.genres, genres))
        first = rows[0][0] if rows[0] else next(each[0] for each in rows if each)
        empty = Moments.empty(first.columns, len(genres))
        return tuple([merge_all(parts or [empty]) for parts in side] for side in (rows, clips))  # type: ignore[return-value]


def write(
    warehouse: Warehouse,
    settings: Settings,
    run: Run,
    data: Training,
    slots: Slots,
    counted: Mapping[str, Sequence[Moments]],
    model_id: str,
) -> None:
    """The sums of a whole fit, in place of all that stood: one batch. A scaled transform has none to be added to."""
    if data.transform.scaled:
        clear(warehouse)
        return
    clips = _clips_of(data, slots, run.run_id)
    told = {
        (run.run_id, *slots.key(slot)): Slot(model_id, data.genres, rows, of_clips, "")
        for slot, (rows, of_clips) in enumerate(zip(counted[MAIN], counted[OF_CLIPS + MAIN], strict=True))
        if rows.rows
    }
    # a run that dies between the two leaves tables that do not fit together, which `kept` sees
    warehouse.overwrite(CLIPS, warehouse.spark.createDataFrame(clips, schemas.SUMMED_CLIPS))
    rows = _rows(told, digests(clips), design_of(settings, data.feature_set), run)
    warehouse.overwrite(SUMS, warehouse.spark.createDataFrame(rows, schemas.SUMS))
    note(warehouse, settings)


def note(warehouse: Warehouse, settings: Settings) -> None:
    """Notes that the sums are those of the clips that there are now."""
    told = {"feedback": settings.corpus.feedback} | {name: warehouse.last_change(name) for name in (*READ, SUMS, CLIPS)}
    atomic.replace(warehouse.root / NOTE, json.dumps(told).encode())


def _noted(warehouse: Warehouse) -> dict[str, Any]:
    """What was noted last, where the sums are as they were then; else nothing."""
    try:
        told: dict[str, Any] = json.loads((warehouse.root / NOTE).read_bytes())
        same = all(told[name] is not None and told[name] == warehouse.last_change(name) for name in (SUMS, CLIPS))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}
    return told if same else {}


def added_since(warehouse: Warehouse, settings: Settings) -> dict[str, Added] | None:
    """By table of `READ`, the data files that came since the sums were written; None where more than that happened.

    Whether what people sent is among the clips depends on all others: then it is not known either.
    """
    told = _noted(warehouse)
    if settings.corpus.feedback or told.get("feedback", True):
        return None
    found = {name: warehouse.added_since(name, told[name]) for name in READ if name in told}
    came = {name: added for name, added in found.items() if added is not None}
    return came if len(came) == len(READ) else None


def clear(warehouse: Warehouse) -> None:
    """No sums stand any more."""
    for name in (SUMS, CLIPS):
        if not warehouse.read(name).limit(1).isEmpty():
            warehouse.overwrite(name, warehouse.read(name).limit(0))


def shaping(settings: Settings) -> dict[str, Any]:
    """The settings that shape a model, as plain values."""
    model = settings.model.model_dump(mode="json", exclude={"update"})
    return model | {"segment_s": settings.features.segment_s, "schema_version": SCHEMA_VERSION}


def design_of(settings: Settings, feature_set: str) -> str:
    """What sums must have in common to be added: features, transform, and every setting that shapes a model."""
    how = shaping(settings) | {"folds": settings.evaluation.folds}
    return digest.design_digest(feature_set, how, settings.evaluation.seed)


def kept(warehouse: Warehouse) -> Kept | None:
    """The sums that stand, or None where there are none or the two tables do not fit together."""
    read: dict[str, list[Any]] = {}
    counting = [] if _noted(warehouse) else [lambda: read.update(counts=_counts(warehouse))]
    warehouse.at_once(lambda: read.update(sums=warehouse.read(SUMS).toArrow().to_pylist()), *counting)
    found = read["sums"]
    if not found or len({row["design"] for row in found}) > 1:
        return None
    slots: dict[Key, Slot] = {}
    for row in found:
        shape = (row["columns"], len(row["genres"]))
        try:
            moments = Moments.from_bytes(row["moments"], *shape)
            of_clips = moments if row["of_clips"] is None else Moments.from_bytes(row["of_clips"], *shape)
        except ModelError:
            return None
        key = (row["batch"], row["cell"], row["piece"])
        slots[key] = Slot(row["model_id"], tuple(row["genres"]), moments, of_clips, row["clips_digest"])
    if len({slot.moments.columns for slot in slots.values()}) > 1:
        return None
    if counting and dict(read["counts"]) != {key: slot.clips for key, slot in slots.items() if slot.clips}:
        return None
    return Kept(found[0]["design"], slots)


def _counts(warehouse: Warehouse) -> list[tuple[Key, int]]:
    """Slots that clips are said to be in, and how many."""
    rows = warehouse.read(CLIPS).groupBy(*KEY).count().collect()
    return [((row["batch"], row["cell"], row["piece"]), row["count"]) for row in rows]


def store(
    warehouse: Warehouse, run: Run, design: str, counted: Mapping[Key, Slot], fresh: pd.DataFrame, gone: Sequence[str]
) -> None:
    """Slots counted anew and those of a new batch, with the clips that came and those that went."""
    spark = warehouse.spark

    def clips() -> None:
        if gone:
            warehouse.remove(CLIPS, spark.createDataFrame([(clip,) for clip in gone], "clip_id string"), ("clip_id",))
        if len(fresh):
            warehouse.append(CLIPS, spark.createDataFrame(fresh, schemas.SUMMED_CLIPS))

    def slots() -> None:
        rows = _rows(counted, {key: slot.clips_digest for key, slot in counted.items()}, design, run)
        frame = spark.createDataFrame(rows, schemas.SUMS)
        if all(batch == run.run_id for batch, _, _ in counted):
            warehouse.append(SUMS, frame)
        elif counted:
            warehouse.merge(SUMS, frame, KEY)

    warehouse.at_once(clips, *([slots] if counted else []))


def digests(clips: pd.DataFrame) -> dict[Key, str]:
    """Rows of `summed_clips` -> by slot, the digest of its clips."""
    members: dict[Key, list[digest.Labelled]] = defaultdict(list)
    columns = [clips[name].tolist() for name in (*KEY, "clip_id", "genre", "unit")]
    for batch, cell, piece, *clip in zip(*columns, strict=True):
        members[batch, cell, piece].append((clip[0], clip[1], clip[2]))
    return {key: digest.training_digest(mine) for key, mine in members.items()}


def clip_rows(
    clips: pd.DataFrame, units: Sequence[str], batch: str, cells: Sequence[int], pieces: Sequence[int]
) -> pd.DataFrame:
    """(clip_id, genre, recording) with the digest of each clip's unit and its slot -> rows of `summed_clips`."""
    recordings = [digest.unit_digest(str(one)) for one in clips["recording"]]
    told = {"clip_id": list(clips["clip_id"]), "genre": list(clips["genre"]), "unit": list(units)}
    told |= {"recording": recordings, "batch": [batch] * len(clips), "cell": list(cells), "piece": list(pieces)}
    return pd.DataFrame(told).astype({"cell": "int32", "piece": "int32"})


def _clips_of(data: Training, slots: Slots, batch: str) -> pd.DataFrame:
    dealt = np.flatnonzero(slots.at >= 0)
    cells, pieces = zip(*(slots.key(slot) for slot in slots.at[dealt].tolist()), strict=True)
    units = [digest.unit_digest(data.units[at]) for at in dealt]
    return clip_rows(data.clips.iloc[dealt], units, batch, cells, pieces)


def _rows(slots: Mapping[Key, Slot], told: Mapping[Key, str], design: str, run: Run) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for (batch, cell, piece), slot in sorted(slots.items()):
        moments, of_clips = slot.moments.to_bytes(), slot.of_clips.to_bytes()
        rows.append(
            {
                "batch": batch,
                "cell": cell,
                "piece": piece,
                "model_id": slot.model_id,
                "design": design,
                "genres": list(slot.genres),
                "columns": slot.moments.columns,
                "rows": slot.moments.rows,
                "clips": slot.clips,
                "clips_digest": told.get((batch, cell, piece), ""),
                "moments": moments,
                "of_clips": None if of_clips == moments else of_clips,
                "run_id": run.run_id,
            }
        )
    return pd.DataFrame(rows)
