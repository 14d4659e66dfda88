"""A dry run counts what a run would do, by what the tables know, and leaves no trace."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tests.conftest import wav_file
from tests.spark.conftest import Bench, make_corpus, music

from classically_punk.spark import dry_run
from classically_punk.spark.ingest import ingest_clips


def everything(root: Path) -> dict[str, tuple[int, int]]:
    """Every file below a folder, its size and time."""
    files = (file for file in root.rglob("*") if file.is_file())
    return {str(file): (file.stat().st_size, file.stat().st_mtime_ns) for file in files}


def test_a_dry_run_counts_and_writes_nothing(bench: Callable[..., Bench], tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus", 1)
    os.mkfifo(corpus / "hum" / "pipe.wav")
    made = bench(corpus)
    first = dry_run.first_plan(made.settings)
    assert first.actions == {"open": 3, "settle": 1}
    assert first.bytes_to_open == sum(file.stat().st_size for file in corpus.rglob("*.wav"))
    assert not (tmp_path / "warehouse").exists()

    run = made.run(ingest_clips)
    before = everything(tmp_path)
    plan = dry_run.planned(made.warehouse, made.settings, "ingest_clips")
    assert plan.actions == {"same": 4}
    assert plan.bytes_to_open == 0

    wav_file(corpus / "hum" / "new.wav", music(77, "hum"))
    size = (corpus / "hum" / "new.wav").stat().st_size
    (corpus / "hiss" / "hiss.00000.wav").unlink()
    plan = dry_run.planned(made.warehouse, made.settings, "ingest_clips")
    assert plan.actions == {"same": 3, "open": 1, "gone": 1}
    assert plan.bytes_to_open == size
    # One file at the pace of the run before; nothing is known of a whole run of that job.
    assert plan.seconds == run.seconds["describe"] / 3
    told = plan.lines("ingest_clips", made.settings)
    assert "4 files seen: 1 new or changed" in told[1]
    assert everything(tmp_path / "warehouse") == {k: v for k, v in before.items() if "/warehouse/" in k}
