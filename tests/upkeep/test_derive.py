"""A part derived alone is that part of everything derived anew: random sequences of changes, both ways, row by row."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import BooleanType, LongType, StringType, StructField, StructType

from classically_punk.features import fingerprint
from classically_punk.settings import Settings
from classically_punk.spark import derive, ingest, near_duplicates, schemas
from classically_punk.spark.extract import DESCRIBED
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse

Row = dict[str, Any]
KEYS = {"files": "path_bytes", "clips": "clip_id"}
SEEN = ("path", "size_bytes", "modified_at", "reason", "genre", "group_id", "split")
CHANGED = StructType(
    [
        *(field for field in schemas.FILES if field.name in ("path_bytes", *SEEN)),
        StructField("here", BooleanType()),
        StructField("modified_ns", LongType()),
        StructField("action", StringType()),
        *(StructField(f"known_{f.name}", f.dataType) for f in schemas.FILES if f.name != "path_bytes"),
    ]
)
OPENED = StructType(
    [field for field in schemas.FILES if field.name in ("path", "path_bytes", "genre")]
    + [StructField("described", DESCRIBED)]
)
JINGLE = np.asarray([0x01020304, 0x0A0B0C0D], dtype=np.uint32)
"""Words that all recordings share: their bucket has more clips than are linked with each other."""


def content_of(recording: int, altered: int, container: int) -> Row:
    """What describing a made-up file would tell. Copies of an altered recording share little more than the jingle."""
    chance = np.random.Generator(np.random.PCG64(recording))
    words = np.concatenate([JINGLE, chance.integers(1, 2**32, 40, dtype=np.uint32)])
    words[2:] ^= np.uint32((1 << altered) - 1)
    audio = hashlib.sha256(f"{recording} {altered}".encode()).hexdigest()
    clip = hashlib.sha256(f"{recording} {altered} {container}".encode()).hexdigest()
    # the jingle's words stand in every sketch, whatever their hash
    sketch = [*JINGLE.view(np.int32).tolist(), *fingerprint.sketch(words[2:12]).tolist()]
    facts = {"duration_s": 1.0, "sample_rate_hz": 22_050, "channels": 1, "container": "WAV", "codec": "PCM_16"}
    return {
        **{"clip_id": clip, "audio_sha256": audio, **facts, "warnings": [], "decoder": "made up"},
        **{"fingerprint": fingerprint.packed(words), "sketch": sketch},
    }


class Tables:
    """Stands for a warehouse: tables in memory, what is put aside is computed at once."""

    def __init__(self, spark: SparkSession) -> None:
        self.spark = spark
        self.rows: dict[str, list[Row]] = {"files": [], "clips": [], "fingerprints": []}

    def copy(self) -> Tables:
        other = Tables(self.spark)
        other.rows = {name: list(rows) for name, rows in self.rows.items()}
        return other

    def read(self, name: str) -> DataFrame:
        schema = schemas.tables()[name]
        rows = [tuple(row[c] for c in schema.names) for row in self.rows[name]]
        return self.spark.createDataFrame(rows, schema).coalesce(1)

    def staged(self, name: str, rows: DataFrame) -> DataFrame:
        return rows.localCheckpoint()

    def insert(self, name: str, rows: DataFrame, key: Sequence[str]) -> None:
        known = {tuple(row[c] for c in key) for row in self.rows[name]}
        new = [row.asDict() for row in rows.collect()]
        self.rows[name] += [row for row in new if tuple(row[c] for c in key) not in known]

    def write(self, name: str, rows: DataFrame) -> None:
        """Rows by key, over those that are there."""
        key = KEYS[name]
        desired = {row[key]: row.asDict(recursive=True) for row in rows.collect()}
        self.rows[name] = [*desired.values(), *(row for row in self.rows[name] if row[key] not in desired)]

    def told(self) -> dict[str, list[Row]]:
        """Every row, in an order of its own."""
        keys = KEYS | {"fingerprints": "clip_id"}
        return {name: sorted(rows, key=lambda row, at=keys[name]: row[at]) for name, rows in self.rows.items()}


@dataclass
class Corpus:
    """Files by path: what they hold (None is no audio), their label, when they were touched last."""

    files: dict[str, tuple[Row | None, str, int]] = field(default_factory=dict)

    def change(self, chance: np.random.Generator, turn: int) -> None:
        """A few random changes: files come, change, go, move, get another label."""
        for _ in range(int(chance.integers(1, 5))):
            kind = chance.choice(["new", "new", "gone", "other", "label", "moved"])
            paths = sorted(self.files)
            path = paths[int(chance.integers(len(paths)))] if paths else ""
            label = str(chance.choice(["rock", "jazz"]))
            if kind == "new" or not paths:
                self.files[f"/m/{chance.integers(10_000):05d}"] = (self.some(chance), label, turn)
            elif kind == "gone":
                del self.files[path]
            elif kind == "other":
                self.files[path] = (self.some(chance), label, turn)
            elif kind == "label":
                self.files[path] = (*self.files[path][:1], label, self.files[path][2])
            else:
                self.files[f"/m/{chance.integers(10_000):05d}"] = (*self.files.pop(path)[:2], turn)

    @staticmethod
    def some(chance: np.random.Generator) -> Row | None:
        if chance.random() < 0.1:
            return None
        return content_of(int(chance.integers(12)), int(chance.integers(3)), int(chance.integers(2)))

    def plan(self, known: list[Row]) -> tuple[list[Row], list[Row]]:
        """What changed against known rows of `files`, and what describing the opened ones tells."""
        before, changed, opened = {row["path"]: row for row in known}, [], []
        for path in sorted({*self.files, *before}):
            was, here = before.get(path), self.files.get(path)
            seen: Row = dict.fromkeys(CHANGED.names) | {"path_bytes": path.encode()}
            seen |= {f"known_{name}": value for name, value in (was or {}).items() if name != "path_bytes"}
            if here is None:
                if was is not None and was["status"] != "gone":
                    changed.append(seen | {"action": "gone"})
                continue
            content, label, touched = here
            when = datetime.fromtimestamp(touched, UTC).replace(tzinfo=None)
            seen |= {"path": path, "here": True, "size_bytes": 1, "modified_at": when, "genre": label}
            if was is not None and was["status"] != "gone" and was["modified_at"] == when:
                if was["genre"] != label:
                    changed.append(seen | {"action": "relabel"})
                continue
            changed.append(seen | {"action": "open"})
            told = dict.fromkeys(DESCRIBED.names) | (
                content or {"reason": "NOT_AUDIO", "detail": "", "stage": "decode"}
            )
            opened.append({"path": path, "path_bytes": path.encode(), "genre": label, "described": told})
        return changed, opened


def derived(tables: Tables, corpus: Corpus, run: Run, near: int | None) -> int:
    """One run's derivation into `tables` -> how many near-duplicates it tells of; everything where `near` is None."""
    warehouse = cast(Warehouse, tables)
    changed_rows, opened_rows = corpus.plan(tables.rows["files"])
    changed = tables.spark.createDataFrame(changed_rows, CHANGED)  # type: ignore[type-var]
    described = tables.spark.createDataFrame(opened_rows, OPENED)  # type: ignore[type-var]
    known = derive.everything(warehouse) if near is None else derive.touched(warehouse, changed, described)
    files = derive.desired_files(known.files, changed, described, Settings(), run).localCheckpoint()
    clips = derive.desired_clips(known.clips, files, described, run).localCheckpoint()
    firsts = ingest._firsts(warehouse, described, clips)
    marked = ingest._near_duplicates(warehouse, ingest._Derived(known, files, clips, firsts), run, near)
    tables.write("clips", marked)
    tables.write("files", files)
    return run.counts["near_duplicates"]


@pytest.mark.parametrize(("seed", "turns"), [(3, 4)])
def test_a_part_derived_alone_is_that_part_of_everything(spark: SparkSession, seed: int, turns: int) -> None:
    chance = np.random.Generator(np.random.PCG64(seed))
    corpus, tables, near = Corpus(), Tables(spark), 0
    for at in range(16):
        corpus.files[f"/m/{at:05d}"] = (content_of(at % 12, at // 12, 0), "rock", 0)
    for turn in range(turns):
        run = Run("test", Settings(), run_id=f"run {turn}", started_at=datetime(2026, 1, 1 + turn, tzinfo=UTC))
        anew = tables.copy()
        near_anew = derived(anew, corpus, run, None)
        if turn:
            near_part = derived(tables, corpus, run, near)
            assert tables.told() == anew.told(), (seed, turn)
            assert near_part == near_anew == sum(row["near_duplicate_of"] is not None for row in anew.rows["clips"])
        tables, near = anew, near_anew
        corpus.change(chance, turn + 1)
    assert near > 0


def test_where_a_change_moves_too_much_everything_is_derived_anew(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = Corpus({f"/m/{at}": (content_of(at // 2, at % 2, 0), "rock", 0) for at in range(8)})
    tables = Tables(spark)
    run = Run("test", Settings(), run_id="run 0", started_at=datetime(2026, 1, 1, tzinfo=UTC))
    near = derived(tables, corpus, run, None)
    del corpus.files["/m/0"], corpus.files["/m/2"]
    monkeypatch.setattr(near_duplicates, "MOST_ALIKE", 1)
    anew = tables.copy()
    assert derived(anew, corpus, run, None) == derived(tables, corpus, run, near) == near - 2
    assert tables.told() == anew.told()
