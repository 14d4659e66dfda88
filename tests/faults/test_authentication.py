"""conf/spark/standalone.conf on a cluster that has a secret: who knows it may work there, and nobody is told it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.cluster import Cluster
from tests.faults.processes import Job, command, descendants
from tests.faults.truth import make_pool, table

pytestmark = pytest.mark.timeout(600)
PROPERTIES = "conf/spark/standalone.conf"


def conf_with(secret: str, folder: Path) -> Path:
    """SPARK_CONF_DIR as the head of standalone.conf describes it."""
    folder.mkdir()
    file = folder / "spark-defaults.conf"
    file.touch(mode=0o600)
    told = {"spark.authenticate": "true", "spark.authenticate.secret": secret, "spark.network.crypto.enabled": "true"}
    file.write_text("".join(f"{key} {value}\n" for key, value in told.items()))
    return folder


@pytest.fixture(scope="module")
def secret() -> str:
    return secrets.token_hex(24)


@pytest.fixture(scope="module")
def closed(secret: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    place = tmp_path_factory.mktemp("closed")
    with Cluster(place, workers=1, conf=conf_with(secret, place / "conf")) as running:
        yield running


def submitted(closed: Cluster, root: Path, conf: Path | None) -> Job:
    small = (
        "spark.driver.host=127.0.0.1",
        "spark.sql.shuffle.partitions=2",
        "spark.databricks.delta.snapshotPartitions=1",
    )
    options = [*closed.options, *(word for pair in small for word in ("--conf", pair))]
    if conf is not None:
        options.append("--load-spark-defaults")
    words = [f"--corpus.root={root}/corpus", f"--warehouse.root={root}/warehouse", f"--reports.root={root}/reports"]
    words += ["--config", "conf/cluster.toml", "--evaluation.folds=2", "--evaluation.bootstrap_draws=100"]
    return Job("run_pipeline", words, root / "job.log", options, PROPERTIES, conf)


def test_who_knows_the_secret_works_and_nobody_is_told_it(closed: Cluster, secret: str, tmp_path: Path) -> None:
    make_pool(tmp_path / "corpus", 6)
    job = submitted(closed, tmp_path, closed.conf)
    shown = set()
    try:
        while job.process.poll() is None:
            assert closed.master is not None
            for top in (job.process.pid, closed.master.pid, *(daemon.pid for daemon in closed.daemons)):
                shown |= {command(pid) for pid in (top, *descendants(top))}
            time.sleep(0.2)
        assert job.wait() == 0, job.text[-4000:]
    finally:
        job.kill()
    assert len(table(tmp_path / "warehouse", "clips")) == 6
    assert any("CoarseGrainedExecutorBackend" in line for line in shown)
    assert not [line for line in shown if secret in line]
    files = [file for top in (tmp_path, closed.place) for file in top.rglob("*") if file.is_file()]
    holding = [file for file in files if secret.encode() in file.read_bytes()]
    assert holding == [closed.place / "conf" / "spark-defaults.conf"]


def test_who_does_not_know_it_is_turned_away(closed: Cluster, secret: str, tmp_path: Path) -> None:
    make_pool(tmp_path / "corpus", 6)
    job = submitted(closed, tmp_path, conf_with("wrong" + secret[5:], tmp_path / "conf"))
    try:
        assert job.wait() == 1, job.text[-4000:]
    finally:
        job.kill()
    assert secret not in job.text
    assert not (tmp_path / "warehouse" / "clips").exists()
