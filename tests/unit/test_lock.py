"""One writer a warehouse: the second is told who writes, and a killed one holds nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from classically_punk.errors import ConfigError
from classically_punk.spark.lock import DRIVER, WarehouseLock

HOLDER = """
import sys, time
from pathlib import Path
from classically_punk.spark.lock import WarehouseLock
with WarehouseLock(Path(sys.argv[1]), "run-1", "ingest_clips"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def writer(tmp_path: Path) -> subprocess.Popen[str]:
    line = [sys.executable, "-c", HOLDER, str(tmp_path)]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_writer_is_told_of_the_first_and_a_killed_one_holds_nothing(
    tmp_path: Path, writer: subprocess.Popen[str]
) -> None:
    try:
        told = rf"run run-1 \(ingest_clips, process {writer.pid} on .*, since .*\) is writing to "
        with pytest.raises(ConfigError, match=told), WarehouseLock(tmp_path, "run-2", "train_genres", wait_s=0.3):
            pass
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    with WarehouseLock(tmp_path, "run-2", "train_genres", wait_s=5):
        assert '"run_id": "run-2"' in (tmp_path / DRIVER).read_text()


def test_a_lock_file_of_another_time_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / DRIVER).write_text('{"run_id": "long ago", "pid": 1, and then the power went')
    second = WarehouseLock(tmp_path, "run-3", "ingest_clips", wait_s=0)
    with WarehouseLock(tmp_path, "run-2", "ingest_clips"), pytest.raises(ConfigError, match=r"run run-2 \(ingest"):
        second.__enter__()
    with WarehouseLock(tmp_path, "run-3", "ingest_clips", wait_s=0):
        pass
