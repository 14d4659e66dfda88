"""A corpus of hostile names: every file comes out once, under bytes that lead back to it; a lost one fails the run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from tests.conftest import wav_file
from tests.hostile import BYTES, printable
from tests.spark.conftest import Bench, music

from classically_punk.audio.inventory import path_bytes, path_text
from classically_punk.settings import Settings
from classically_punk.spark import coherence, exhibits, ingest, jobs, schemas, sql_shell
from classically_punk.spark.lock import WarehouseLock
from classically_punk.spark.runs import Run

MakeBench = Callable[..., Bench]


def table(bench: Bench, name: str) -> list[dict[str, Any]]:
    return list(DeltaTable(str(bench.settings.folder("warehouse.root") / name)).to_pyarrow_table().to_pylist())


def move(path: Path, to: bytes) -> bytes:
    """The file under a name that pathlib cannot spell."""
    os.makedirs(os.path.dirname(to), exist_ok=True)  # noqa: PTH103, PTH120
    os.rename(path, to)  # noqa: PTH104
    return to


def test_every_hostile_name_is_accounted_for(
    bench: MakeBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = os.fsencode(tmp_path / "corpus")
    names = [name for name in BYTES if name != b"files"]
    good = {
        move(wav_file(tmp_path / "a.wav", music(at, "hum", 1.0)), root + b"/" + name + b"/" + name): path_text(name)
        for at, name in enumerate(names)
    }
    empty = {move(make_file(tmp_path / "e", b""), root + b"/files/" + name) for name in names}
    junk = {move(make_file(tmp_path / "e", b"\x1b[31mno music\r\n" * 50), root + b"/files/junk-" + names[0])}
    pipe = root + b"/files/" + b"\x1b[2Jpipe"
    os.mkfifo(pipe)
    lost = move(make_file(tmp_path / "e", b"R" * 500), root + b"/files/lost\n.wav")
    changed = move(wav_file(tmp_path / "a.wav", music(500, "hum", 1.0)), root + b"/files/changed\r.wav")
    walk = ingest.seen_files

    def then_it_happens(where: bytes, settings: Settings) -> list[pa.Table]:
        seen = list(walk(where, settings))
        os.unlink(lost)  # noqa: PTH108
        os.truncate(changed, 5_000)
        return seen

    monkeypatch.setattr(ingest, "seen_files", then_it_happens)
    warehouse = tmp_path / "w [x]{a,b} #'é" / "?*"
    made = bench(Path(os.fsdecode(root)), warehouse={"root": str(warehouse)})
    run = made.run(ingest.ingest_clips)
    assert not run.failed_gates

    files = {row["path_bytes"]: row for row in table(made, "files")}
    assert files.keys() == {*good, *empty, *junk, pipe, lost, changed}
    assert len(table(made, "files")) == len(files) == run.counts["seen"]
    assert run.counts["seen"] == sum(run.counts[status] for status in ("accepted", "rejected", "skipped"))
    for path, row in files.items():
        assert path_bytes(row["path"]) == path
        assert row["path"] == path_text(path)
    told = {path: row["reason"] for path, row in files.items()}
    assert told == {
        **dict.fromkeys(good),
        **dict.fromkeys(empty, "EMPTY_FILE"),
        **dict.fromkeys(junk, "NOT_AUDIO"),
        pipe: "NOT_REGULAR",
        lost: "UNREADABLE",
        changed: "CHANGED_DURING_READ",
    }
    clips = table(made, "clips")
    assert {row["path"]: row["genre"] for row in clips} == {path_text(path): genre for path, genre in good.items()}
    assert {row["clip_id"] for row in table(made, "features")} == {row["clip_id"] for row in clips}
    rejects = {path_bytes(row["path"]): row["reason"] for row in table(made, "rejects")}
    assert rejects == {path: reason for path, reason in told.items() if reason is not None}
    assert {path.name for path in warehouse.iterdir()} == {*schemas.tables(), exhibits.FOLDER, coherence.FILE}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus", warehouse.parent.name]

    capsys.readouterr()
    query = "SELECT f.path, f.genre, r.detail FROM punk.files f LEFT JOIN punk.rejects r ON f.path = r.path"
    assert sql_shell._answer(made.spark, query)
    shown = capsys.readouterr().out
    assert shown.count("\n") > len(files)
    assert printable(shown.replace("\n", " "))

    # The file that vanished and one that is new would make up for each other in a count: both are told, path by path.
    new = move(make_file(tmp_path / "e", b"new"), root + b"/files/new\n.wav")
    monkeypatch.setattr(ingest, "_apply", lambda *given: None)
    monkeypatch.setattr(ingest, "seen_files", walk)
    again = Run("ingest_clips", made.settings)
    with WarehouseLock(warehouse, again.run_id, "ingest_clips") as lock:
        status = jobs._recorded(made.spark, warehouse, made.settings, again, ingest.ingest_clips, lock)
    assert status == jobs.GATE == 3
    seen = run.counts["seen"]
    assert again.failed_gates == [
        f"{seen} files seen but {seen - 1} accounted for, such as {path_text(new)}",
        f"1 files of the tables not seen, such as {path_text(lost)}",
    ]
    (row,) = [row for row in table(made, "runs") if row["run_id"] == again.run_id]
    assert (row["state"], row["detail"]) == ("gate", "; ".join(again.failed_gates))


def make_file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
