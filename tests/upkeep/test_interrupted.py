"""A run that dies between two writes leaves readable tables, and the next run ends as an undisturbed one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from tests.conftest import wav_file
from tests.faults.truth import Truth, check_between, make_pool, table
from tests.spark.conftest import Bench, music, settings_for

from classically_punk.errors import ConfigError
from classically_punk.settings import Settings
from classically_punk.spark import checks
from classically_punk.spark.clean import clean_warehouse
from classically_punk.spark.fill_in import extract_features
from classically_punk.spark.ingest import ingest_clips
from classically_punk.spark.tables import Warehouse

MakeBench = Callable[..., Bench]


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the run gets to handle it."""


def dies(monkeypatch: pytest.MonkeyPatch, method: str, name: str, *, after: bool) -> None:
    """The next write of a table ends the run, just before it or just after it."""
    write = getattr(Warehouse, method)

    def written(self: Warehouse, at: str, *words: Any, **named: Any) -> Any:
        if at == name:
            if after:
                write(self, at, *words, **named)
            raise Killed
        return write(self, at, *words, **named)

    monkeypatch.setattr(Warehouse, method, written)


def test_every_half_of_an_ingest_is_made_whole_by_the_next(
    bench: MakeBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = make_pool(tmp_path / "corpus", 2)
    whole = Bench(bench(corpus).spark, settings_for(tmp_path / "whole", corpus))
    whole.run(ingest_clips)
    truth = Truth.of(tmp_path / "whole" / "warehouse")
    made = bench(corpus)
    root = made.settings.folder("warehouse.root")
    (root / "clips" / "_delta_log" / "_staged_commits").mkdir(parents=True)  # a run killed while it made the tables
    for method, name, after in (
        ("append", "features", False),
        ("write_changed", "clips", True),
        ("append", "files", False),
    ):
        with monkeypatch.context() as patch:
            dies(patch, method, name, after=after)
            with pytest.raises(Killed):
                made.run(ingest_clips)
        check_between(root)
    assert table(root, "files") == []
    made.run(ingest_clips)
    truth.check(root, corpus)
    # a commit of `clips` whose content a power failure took: what `files` speaks of is not there
    log = root / "clips" / "_delta_log"
    last = DeltaTable(str(root / "clips")).version()
    for file in (log / f"{last:020d}.json", log / f".{last:020d}.json.crc", log / f"{last:020d}.crc"):
        file.unlink(missing_ok=True)
    assert made.run(ingest_clips).counts["to_open"] == 3  # two clips, one of them under two names
    truth.check(root, corpus)


def test_segments_of_an_older_length_go_in_the_same_commit(
    bench: MakeBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wav_file(tmp_path / "corpus" / "hum" / "a.wav", music(1, "hum", 4.0))
    made = bench(tmp_path / "corpus", features={"segment_s": 1.0})
    made.run(ingest_clips)
    root = made.settings.folder("warehouse.root")
    assert len(table(root, "features")) == 5
    version = DeltaTable(str(root / "features")).version()
    made.run(extract_features, features={"segment_s": 3.0})
    assert DeltaTable(str(root / "features")).version() == version + 1
    assert sorted(row["segment"] for row in table(root, "features")) == [-1, 0]


def test_cleaning_takes_leftovers_and_only_them(bench: MakeBench, tmp_path: Path) -> None:
    made = bench(make_pool(tmp_path / "corpus", 2, odd=False))
    made.run(ingest_clips)
    root = made.settings.folder("warehouse.root")
    before = {name: table(root, name) for name in ("files", "clips", "features")}
    kept = sorted((root / "exhibits").iterdir())
    (root / "_staging" / "dead" / "plan").mkdir(parents=True)
    (root / "exhibits" / ("0" * 64 + ".npz")).write_bytes(b"")
    (root / "exhibits" / ".half.npz.00.tmp").write_bytes(b"")
    (root / "clips" / "part-00000-of-a-dead-run.parquet").write_bytes(b"")
    with pytest.raises(Killed):
        made.run(lambda warehouse, settings, run: (_ for _ in ()).throw(Killed()))
    run = made.run(clean_warehouse, warehouse={"retention_hours": 0.0, "short_retention": True})
    assert {name: run.counts[name] for name in run.counts if name != "data_files_removed"} == {
        "staged_runs_removed": 1,
        "half_files_removed": 1,
        "exhibits_removed": 1,
        "clip_lists_removed": 0,
        "runs_lost": 1,
    }
    assert run.counts["data_files_removed"] >= 1
    assert {name: table(root, name) for name in before} == before
    assert sorted((root / "exhibits").iterdir()) == kept
    assert sorted(row["state"] for row in table(root, "runs")) == ["done", "done", "lost"]


def test_a_short_retention_must_be_meant() -> None:
    told: dict[str, dict[str, object]] = {"warehouse": {"retention_hours": 24}}
    with pytest.raises(ConfigError, match="24 is below 168"):
        checks.retention(Settings.load(None, told))
    told["warehouse"]["short_retention"] = True
    checks.retention(Settings.load(None, told))
