"""A driver that stays: its tables through Spark Connect, its metrics through Spark's own servlet, both on loopback."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from subprocess import PIPE, STDOUT

import pytest
from tests.jobs.conftest import ROOT

pytestmark = pytest.mark.timeout(900)
SAMPLE = re.compile(r"^[a-zA-Z_:][a-zA-Z0-9_:]*\{[^}]*\} -?[0-9.eE+-]+$")
TOKEN = "SPARK_CONNECT_AUTHENTICATE_TOKEN"


@dataclass
class Server:
    """A running `jobs/serve_tables.py`."""

    driver: subprocess.Popen[str]
    port: int
    page: int
    token: str

    def ask(self, *words: str, token: str | None = None) -> subprocess.CompletedProcess[str]:
        """`scripts/sql --remote` with these words."""
        environment = {**os.environ, TOKEN: self.token if token is None else token}
        line = [ROOT / "scripts/sql", f"--remote=sc://127.0.0.1:{self.port}", *words]
        return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=180)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def server(demo: str) -> Iterator[Server]:
    """Over the demo's warehouse, with the driver's page switched on."""
    assert demo
    port, page, token = free_port(), free_port(), secrets.token_hex(24)
    line = (
        "unset PYSPARK_PYTHON SPARK_HOME; export SPARK_LOCAL_IP=127.0.0.1; . .venv/bin/activate; "
        "exec spark-submit --properties-file conf/spark/local.conf --conf spark.ui.enabled=true "
        f"--conf spark.ui.port={page} jobs/serve_tables.py --config conf/local.toml --connect.port={port}"
    )
    environment = {**os.environ, TOKEN: token}
    driver = subprocess.Popen(["bash", "-c", line], cwd=ROOT, env=environment, text=True, stdout=PIPE, stderr=STDOUT)
    assert driver.stdout is not None
    told = next((said for said in driver.stdout if "schema punk at" in said), "")
    assert f"sc://localhost:{port} " in told
    yield Server(driver, port, page, token)
    found = re.search(r"SIGTERM to process (\d+)", told)
    assert found
    os.kill(int(found[1]), signal.SIGTERM)
    rest = driver.communicate(timeout=60)[0]
    assert driver.returncode == 0, rest
    assert token not in told + rest


def read(url: str) -> str:
    """The page; a server that has just begun is waited for."""
    until = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > until:
                raise
            time.sleep(0.3)


def test_queries_are_answered_elsewhere_for_who_knows_the_token(server: Server) -> None:
    run = server.ask("-e", "SELECT count(DISTINCT genre) AS genres FROM clips; SHOW TABLES")
    assert run.returncode == 0, run.stderr
    assert re.search(r"\|genres\|\n\+-+\+\n\|10 +\|", run.stdout)
    assert re.search(r"\|punk +\|features +\|false", run.stdout)
    wrong = server.ask("-e", "SELECT 1 FROM missing")
    assert wrong.returncode == 1
    assert "TABLE_OR_VIEW_NOT_FOUND" in wrong.stderr + wrong.stdout

    stranger = server.ask("-e", "SELECT 1", token="0" * 48)
    assert stranger.returncode == 2
    assert "does not accept the token in SPARK_CONNECT_AUTHENTICATE_TOKEN" in stranger.stderr + stranger.stdout


def test_what_prometheus_reads(server: Server) -> None:
    told = read(f"http://127.0.0.1:{server.page}/metrics/prometheus/").splitlines()
    assert len(told) > 50
    assert [line for line in told if not SAMPLE.match(line)] == []
    names = {line.partition("{")[0] for line in told}
    assert "metrics_punk_driver_BlockManager_memory_maxMem_MB_Value" in names
    assert any(name.startswith("metrics_punk_driver_DAGScheduler_job_allJobs") for name in names)
    executors = read(f"http://127.0.0.1:{server.page}/metrics/executors/prometheus/")
    assert "metrics_executor_memoryUsed_bytes{" in executors


@pytest.mark.skipif(shutil.which("ss") is None, reason="ss is missing: where a socket listens is not told")
def test_both_listen_on_loopback_only(server: Server) -> None:
    bound = subprocess.run(["ss", "-ltnH"], capture_output=True, text=True, check=True)
    listening = [row.split()[3] for row in bound.stdout.splitlines()]
    mine = [where for where in listening if where.rpartition(":")[2] in (str(server.port), str(server.page))]
    assert len(mine) == 2
    assert [where for where in mine if not re.match(r"\[?(::ffff:)?127\.0\.0\.1\]?:", where)] == []
