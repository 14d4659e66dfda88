"""The packaged pipeline on a cluster gives what a local run gives, and a machine that dies half-way changes nothing.

`scripts/test cluster` runs this, after `scripts/package`, and leaves `dist/cluster.json`; the default `scripts/test`
does not. Master, two workers and the gateway are nodes that see neither the checkout, nor its environment, nor the
temporary folder of who submits: only the corpus, and the folder of warehouse and reports.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.cluster import PUNK, Cluster, properties, tasks_by_host
from tests.cluster.nodes import Isolation, Node
from tests.faults.processes import ROOT, Job, command, descendants
from tests.faults.truth import table
from tests.spark.conftest import UNCOMPILED

from classically_punk.audio.synthetic import write_corpus

pytestmark = pytest.mark.timeout(1800)
DIST = ROOT / "dist"
KEYS = {
    "files": ("path",),
    "clips": ("clip_id",),
    "rejects": ("path",),
    "fingerprints": ("clip_id",),
    "features": ("clip_id", "segment"),
    "altered_features": ("clip_id", "alteration", "segment"),
    "models": ("model_id", "genre"),
    "predictions": ("model_id", "protocol", "fold", "clip_id"),
    "metrics": ("model_id", "protocol", "condition", "metric", "genre", "predicted_genre"),
}
OF_A_RUN = {"run_id", "last_run_id", "ingested_at", "published_at"}
"""Columns that say when and by which run; everything else is compared."""
QUICKER = [word for key, value in UNCOMPILED.items() for word in ("--conf", f"{key}={value}")]
"""For the runs beside the one that is as users have it."""
FITTED = ("models", "predictions", "metrics")
"""Tables of fitted numbers, equal to 1e-9 relative; all others are equal to the bit."""


def java_home() -> Path:
    """The Java that scripts/test has found."""
    told = os.environ.get("JAVA_HOME") or str(Path(str(shutil.which("java"))).resolve().parents[1])
    return Path(told).resolve()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus, and a folder for what is written: all that the nodes share."""
    folder = tmp_path_factory.mktemp("shared")
    write_corpus(folder / "corpus", 2, 3.0, 1976)
    (folder / "written").mkdir()
    return folder


def words(place: Path, name: str) -> list[str]:
    places = [f"--corpus.root={place}/corpus", f"--warehouse.root={place}/written/{name}/warehouse"]
    return [*places, f"--reports.root={place}/written/{name}/reports", "--run.files_per_task=2"]


TOML = '[corpus]\nlabels = "folder"\n\n[evaluation]\nfolds = 2\nbootstrap_draws = 100\n'


@pytest.fixture(scope="module")
def local(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Path]]:
    """A local run in the checkout, under way beside the cluster's -> what waits for its end and tells its warehouse."""
    folder = tmp_path_factory.mktemp("local")
    (folder / "pipeline.toml").write_text(TOML)
    where = ["--config", str(folder / "pipeline.toml"), *words(place, "local")]
    job = Job("run_pipeline", where, folder / "job.log", QUICKER)

    def ended() -> Path:
        assert job.wait(1500) == 0, job.text[-4000:]
        return place / "written/local/warehouse"

    try:
        yield ended
    finally:
        job.kill()


@pytest.fixture(scope="module")
def isolation() -> Isolation:
    return Isolation.here()


@pytest.fixture(scope="module")
def cluster(place: Path, isolation: Isolation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    assert (DIST / "SHA256SUMS").is_file(), "scripts/package comes first"
    shared = {place / "corpus": "ro", place / "written": "rw"}
    with Cluster(tmp_path_factory.mktemp("cluster"), DIST, shared, isolation, java_home()) as running:
        yield running


@pytest.fixture(scope="module")
def report(isolation: Isolation) -> Iterator[dict[str, Any]]:
    """What `dist/cluster.json` will say; written when all of it has been found out."""
    (DIST / "cluster.json").unlink(missing_ok=True)
    told: dict[str, Any] = {"hosts": [], "rows_compared": 0, "skipped": list(isolation.skipped)}
    yield told
    if "rows_compared_after_kill" in told:
        (DIST / "cluster.json").write_text(json.dumps(told, indent=1) + "\n")


def submitted(
    cluster: Cluster,
    place: Path,
    name: str,
    meanwhile: Callable[[], None] = lambda: None,
    spark: Sequence[str] = (),
) -> tuple[Path, str]:
    """Runs the pipeline on the cluster to its end -> its warehouse and what it said."""
    log = cluster.place / f"{name}.log"
    with cluster.submitted("run_pipeline", words(place, name), TOML, log, spark) as process:
        meanwhile()
        status = process.wait(1500)
    assert status == 0, log.read_text(errors="replace")[-4000:]
    return place / f"written/{name}/warehouse", log.read_text(errors="replace")


def test_nodes_see_only_what_is_shared(cluster: Cluster, place: Path, isolation: Isolation) -> None:
    if not isolation.spaces:
        pytest.skip("; ".join(isolation.skipped))
    (cluster.place / "seen-by-nobody").write_text("the driver's own temporary folder")
    for name in ("worker-1", "worker-2", "gateway"):
        node = cluster.nodes[name]
        hidden = [
            ROOT,
            Path(sys.prefix),
            cluster.place / "seen-by-nobody",
            Path.home() / ".cache",
        ]
        if not Path(sys.base_prefix).is_relative_to("/usr"):
            hidden.append(Path(sys.base_prefix))
        for path in hidden:
            assert node.says("test", "-e", str(path))[0] == 1, f"{name} sees {path}"
        assert node.says("test", "-d", f"{place}/corpus/blues") == (0, "")
        assert node.says("touch", f"{place}/corpus/x")[0] == 1
        assert node.says("hostname") == (0, f"{name}\n")
        status, addresses = node.says("cat", "/proc/net/fib_trie")
        assert status == 0
        assert f"198.18.77.{node.number}" in addresses
    assert cluster.nodes["worker-1"].says("test", "-e", PUNK)[0] == 1, "a worker sees what only the gateway has"


def test_a_packaged_pipeline_gives_what_a_local_run_gives(
    cluster: Cluster, place: Path, local: Callable[[], Path], report: dict[str, Any], isolation: Isolation
) -> None:
    warehouse, said = submitted(cluster, place, "cluster")
    report["rows_compared"] = compared(local(), warehouse)
    events = cluster.events()
    done = tasks_by_host(events, "files described")
    assert set(done) == {cluster.nodes[name].host for name in ("worker-1", "worker-2")}, done
    report["hosts"] = sorted(done)
    report["tasks_that_described_files"] = dict(sorted(done.items()))
    told = properties(events)
    kept = ("spark.authenticate", "spark.network.crypto.enabled", "spark.io.encryption.enabled")
    assert [told[key] for key in kept] == ["true"] * 3
    assert cluster.secret not in said
    assert cluster.secret not in json.dumps(events)
    report["isolation"] = {
        "network": "a namespace a node, on a bridge in another" if isolation.spaces else "loopback addresses",
        "mounts": "a root of its own a node: /usr and /etc read-only, Java, Spark, what is shared"
        if isolation.spaces
        else "none: the workers see this machine's files",
        "processes": "a namespace a node" if isolation.spaces else "none",
        "shared": ["corpus, read-only", "warehouse and reports"],
        "authentication": True,
        "encryption": "network and spill files",
    }


def test_a_machine_that_dies_half_way_changes_nothing(
    cluster: Cluster, place: Path, local: Callable[[], Path], report: dict[str, Any]
) -> None:
    died = []

    def pull_a_plug() -> None:
        """When both workers describe files."""
        until = time.monotonic() + 900
        workers = [cluster.nodes["worker-1"], cluster.nodes["worker-2"]]
        while not all(any("classically_punk.audio.child" in line for line in programs(w)) for w in workers):
            assert time.monotonic() < until, "the workers never began to describe files"
            time.sleep(0.2)
        time.sleep(1)
        cluster.kill("worker-2")
        died.append(time.monotonic())

    warehouse, _ = submitted(cluster, place, "killed", pull_a_plug, QUICKER)
    assert died
    done = tasks_by_host(cluster.events(), "files described")
    assert done[cluster.nodes["worker-1"].host] > 0
    lost = [e for e in cluster.events() if e["Event"] == "SparkListenerExecutorRemoved"]
    assert lost, "no executor was lost: the plug was pulled too late"
    report["rows_compared_after_kill"] = compared(local(), warehouse)


def programs(node: Node) -> list[str]:
    """The command lines of everything that runs on a node."""
    tops = [*node.started, *([node.process] if node.process else [])]
    return [command(pid) for top in tops for pid in descendants(top.pid)]


def compared(expected: Path, found: Path) -> int:
    """Compares all tables of two warehouses over the same corpus -> rows compared."""
    count = 0
    for name, key in KEYS.items():
        ours, theirs = (by_key(table(root, name), key) for root in (expected, found))
        assert set(ours) == set(theirs), f"{name}: other keys"
        assert ours or name == "fingerprints", f"{name} is empty"
        for at, row in ours.items():
            for column in set(row) - OF_A_RUN:
                same = close(row[column], theirs[at][column], 1e-9 if name in FITTED else 0.0)
                assert same, f"{name} {at} {column}: {row[column]!r} and {theirs[at][column]!r}"
        count += len(ours)
    return count


def by_key(rows: list[dict[str, Any]], key: tuple[str, ...]) -> dict[tuple[Any, ...], dict[str, Any]]:
    found = {tuple(row[column] for column in key): row for row in rows}
    assert len(found) == len(rows), "a key stands twice"
    return found


def close(one: Any, other: Any, relative: float) -> bool:
    """Equal, or numbers that differ by no more than `relative` of the largest beside them."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and close(list(one.values()), [other[name] for name in one], relative)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        if len(one) != len(other):
            return False
        if one and all(isinstance(x, float) for x in (*one, *other)):
            largest = max(map(abs, one))
            return all(abs(x - y) <= relative * largest for x, y in zip(one, other, strict=True))
        return all(close(x, y, relative) for x, y in zip(one, other, strict=True))
    if isinstance(one, float) and isinstance(other, float):
        both_nan = math.isnan(one) and math.isnan(other)
        return one == other or both_nan or math.isclose(one, other, rel_tol=relative)
    return bool(one == other)
