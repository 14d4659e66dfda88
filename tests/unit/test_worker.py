"""The adapter's last line of defence: an error nobody foresaw costs one row; exhibits cost little."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import wav_file

from classically_punk.audio.isolation import IsolatedDecoder
from classically_punk.settings import Limits
from classically_punk.spark.worker import Task, Worker


@pytest.fixture
def worker() -> Iterator[Worker]:
    limits = Limits()
    task = Task(limits=limits, segment_s=3.0, whole_clip_s=600.0, run_id="r")
    with IsolatedDecoder(limits) as decoder:
        yield Worker(task, decoder)


def noise(seed: int) -> np.ndarray:
    return 0.1 * np.random.Generator(np.random.PCG64(seed)).standard_normal(22_050)


def test_an_unforeseen_error_is_a_row_with_a_digest(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("nobody thought of this")

    monkeypatch.setattr(worker.decoder, "decode_file", broken)
    row = worker.describe_path(b"/x.wav")
    assert row["reason"] == "INTERNAL_ERROR"
    assert row["stage"] == "decode"
    assert "KeyError in broken: 'nobody thought of this' (traceback " in row["detail"]


def test_memory_that_runs_out_is_a_row_too(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(worker.decoder, "decode_content", greedy)
    assert worker.describe_content(b"RIFF")["reason"] == "INTERNAL_ERROR"


def test_the_smallest_clip_of_a_genre_always_brings_its_exhibit(worker: Worker, tmp_path: Path) -> None:
    files = [wav_file(tmp_path / f"{i}.wav", noise(i)) for i in range(4)]
    rows = []
    for file in files:
        status = file.stat()
        rows.append(worker.describe_file(bytes(file), status.st_size, status.st_mtime_ns, "noise"))
    smallest = min(str(row["clip_id"]) for row in rows)
    shown = {str(row["clip_id"]) for row in rows if row["exhibit"] is not None}
    assert smallest in shown
    running = [min(str(r["clip_id"]) for r in rows[: i + 1]) for i in range(4)]
    assert shown == set(running)  # only those that were the smallest so far
