"""What is missing is told in one line that names the remedy: each piece is really taken away, and a job submitted."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pyspark
import pytest
from tests.jobs.conftest import QUICK, ROOT

pytestmark = pytest.mark.timeout(600)
HOME = Path(pyspark.__file__).parent


def submitted(
    words: Sequence[str], spark: Sequence[str] = (), before: Sequence[str] = (), **variables: str
) -> tuple[int, list[str]]:
    """A job that needs no corpus -> its status and its errors, which spark-submit puts into its own output."""
    told = {**os.environ, "SPARK_HOME": str(HOME), "PYSPARK_PYTHON": sys.executable, **QUICK, **variables}
    submit = [f"{told['SPARK_HOME']}/bin/spark-submit", "--properties-file", "conf/spark/local.conf", *spark]
    line = [*before, *submit, "jobs/clean_warehouse.py", *words]
    run = subprocess.run(line, cwd=ROOT, env=told, capture_output=True, text=True, check=False)
    return run.returncode, [text for text in (run.stdout + run.stderr).splitlines() if text.startswith("punk: error: ")]


def test_no_delta_jar(tmp_path: Path) -> None:
    for entry in HOME.iterdir():
        if entry.name != "jars":
            (tmp_path / entry.name).symlink_to(entry)
    (tmp_path / "jars").mkdir()
    for jar in (HOME / "jars").glob("*.jar"):
        if not jar.name.startswith("io.delta"):
            (tmp_path / "jars" / jar.name).symlink_to(jar)
    status, (line,) = submitted([f"--warehouse.root={tmp_path}/warehouse"], SPARK_HOME=str(tmp_path))
    assert status == 1
    assert line.startswith("punk: error: Delta's JARs are missing: add --jars with all of dist/jars")


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = f"spark.driver.port={taken.getsockname()[1]}"
        status, (line,) = submitted(
            [f"--warehouse.root={tmp_path}"], ["--conf", port, "--conf", "spark.port.maxRetries=0"]
        )
    assert status == 1
    assert line.startswith("punk: error: a port is taken: leave spark.driver.port")


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """A disk of its own, of 64 kB, for the warehouse alone."""
    mount = 'mount -t tmpfs -o size=64k full "$0" && exec "$@"'
    line = ["unshare", "--mount", "sh", "-c", mount, str(tmp_path)]
    if subprocess.run([*line, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a disk")
    status, (told,) = submitted([f"--warehouse.root={tmp_path}"], before=line)
    assert status == 1
    assert told.startswith("punk: error: the disk is full: free some, for example with scripts/submit clean_warehouse")
