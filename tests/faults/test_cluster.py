"""Anything may be killed on a cluster: the next run ends as an undisturbed one, and nothing is lost or doubled.

A standalone master with two workers on loopback; the jobs are submitted as a user does it. The seed of the kill points
is printed (PUNK_FAULTS_SEED repeats them). `scripts/test faults` runs this; the default `scripts/test` does not.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from tests.conftest import wav_file
from tests.faults.cluster import Cluster
from tests.faults.processes import BIN, ROOT, Job, command, descendants, send
from tests.faults.truth import TABLES, Truth, check_between, make_pool, table
from tests.spark.conftest import music

from classically_punk.modelling import published

pytestmark = pytest.mark.timeout(900)
SEED = int(os.environ.get("PUNK_FAULTS_SEED") or random.SystemRandom().randrange(10**6))
SECONDS = 20.0
"""Kill points fall within this time of the first stage of a run."""


class Place:
    """A corpus, a warehouse and the cluster that works on them."""

    def __init__(self, root: Path, cluster: Cluster, truth: Truth | None, pool: Path, dice: random.Random) -> None:
        self.root, self.cluster, self.known, self.dice = root, cluster, truth, dice
        self.corpus, self.warehouse = root / "corpus", root / "warehouse"
        if not self.corpus.exists():
            shutil.copytree(pool, self.corpus)

    def submit(self, name: str = "ingest_clips", *words: str) -> Job:
        log = self.root / f"{len(list(self.root.glob('*.log')))}.log"
        places = [f"--corpus.root={self.corpus}", f"--warehouse.root={self.warehouse}", "--run.files_per_task=2"]
        if name == "run_pipeline":
            places += [
                f"--reports.root={self.root}/reports",
                "--evaluation.folds=2",
                "--evaluation.bootstrap_draws=100",
            ]
        return Job(name, [*places, *words], log, self.cluster.options)

    def to_the_end(self, name: str = "ingest_clips", *words: str, status: int = 0) -> str:
        job = self.submit(name, *words)
        try:
            assert job.wait() == status, job.text[-4000:]
        finally:
            job.kill()
        return job.text

    def disturbed(self, harm: Callable[[Job], object], name: str = "ingest_clips", *words: str) -> tuple[int, str]:
        """A run that is harmed at a random moment -> its exit status and what it said."""
        job = self.submit(name, *words)
        try:
            job.wait_for("inventory …")
            delay = self.dice.uniform(0, SECONDS)
            until = time.monotonic() + delay
            while time.monotonic() < until and job.process.poll() is None:
                time.sleep(0.05)
            stages = [line for line in job.text.splitlines() if line.endswith("…")]
            print(f"harm {delay:.2f} s after the first stage, in {stages[-1]!r}")
            harm(job)
            status = job.wait()
        finally:
            job.kill()
        check_between(self.warehouse)
        return status, job.text

    def recovered(self, status: int) -> None:
        """What a harmed run has left: right as it is where it got to the end, else after one more run."""
        if status != 0:
            self.to_the_end()
        self.check()

    def check(self) -> None:
        assert self.known is not None
        self.known.check(self.warehouse, self.corpus)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    print(f"seed {SEED}")
    with Cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pool(tmp_path_factory.mktemp("pool"), 8)


@pytest.fixture(scope="module")
def undisturbed(cluster: Cluster, pool: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("undisturbed"), cluster, None, pool, random.Random(0))
    place.to_the_end()
    place.known = Truth.of(place.warehouse)
    assert len(place.known.clips) == 8
    assert sorted(place.known.refused.values()) == ["EMPTY_FILE", "NOT_AUDIO", "SILENT"]
    return place


@pytest.fixture
def place(
    request: pytest.FixtureRequest, tmp_path: Path, cluster: Cluster, undisturbed: Place, pool: Path
) -> Iterator[Place]:
    """A corpus of its own and no warehouse yet."""
    print(f"seed {SEED}")
    yield Place(tmp_path, cluster, undisturbed.known, pool, random.Random(f"{SEED} {request.node.name}"))
    while len(cluster.daemons) < cluster.count:
        cluster.start_worker()


@pytest.fixture
def ingested(place: Place, undisturbed: Place) -> Place:
    """The warehouse of the undisturbed run, copied, over the same corpus: not to be changed."""
    shutil.copytree(undisturbed.warehouse, place.warehouse)
    place.corpus = undisturbed.corpus
    return place


def test_driver_killed_again_and_again(place: Place) -> None:
    """Each run finds what the one before it has left: killed whole, the JVM or Python alone, and told to end."""
    status, _ = place.disturbed(lambda job: send(job.tree()))
    assert status in (0, -signal.SIGKILL)
    place.disturbed(lambda job: send([job.process.pid]))
    place.disturbed(lambda job: send(job.python()))
    place.disturbed(lambda job: send(job.tree(), signal.SIGTERM))
    place.to_the_end()
    place.check()


def test_killed_while_it_makes_the_tables(place: Place) -> None:
    job = place.submit()
    try:
        until = time.monotonic() + 120
        while not (place.warehouse / "files" / "_delta_log").exists() and time.monotonic() < until:
            time.sleep(0.002)
        time.sleep(place.dice.uniform(0, 0.3))
        send(job.tree())
        job.wait()
    finally:
        job.kill()
    check_between(place.warehouse)
    place.to_the_end()
    place.check()


def test_executor_killed(place: Place) -> None:
    status, _ = place.disturbed(lambda job: send(place.dice.sample(place.cluster.executors(), 1)))
    place.recovered(status)


def test_worker_daemon_killed(place: Place) -> None:
    status, _ = place.disturbed(lambda job: place.cluster.kill_worker(place.dice.randrange(len(place.cluster.daemons))))
    place.recovered(status)


def test_python_workers_killed(place: Place) -> None:
    def hunt(job: Job) -> None:
        while job.process.poll() is None and not send(place.cluster.python_workers()):
            time.sleep(0.1)

    status, _ = place.disturbed(hunt)
    place.recovered(status)


def test_decoders_killed(place: Place) -> None:
    """A decoder that is killed from outside is asked again: no healthy file becomes a reject."""

    def hunt(job: Job) -> None:
        while job.process.poll() is None and not send(place.cluster.decoders()):
            time.sleep(0.05)

    job = place.submit()
    try:
        job.wait_for("describe …")
        hunt(job)
        assert job.wait() == 0, job.text[-3000:]
    finally:
        job.kill()
    place.check()


def test_killed_between_training_and_publishing(ingested: Place) -> None:
    """The whole chain: a reader of the published model sees none or a whole one, at the end the one of `models`."""
    over = threading.Event()
    wrong: list[str] = []

    def read() -> None:
        while not over.wait(0.01):
            if (ingested.warehouse / published.FOLDER / published.CURRENT).exists():
                try:
                    published.load_current(ingested.warehouse)
                except published.PublishedModelError as error:
                    wrong.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        job = ingested.submit("run_pipeline")
        try:
            job.wait_for("train …")
            time.sleep(ingested.dice.uniform(0, 8))
            send(job.tree())
            job.wait()
        finally:
            job.kill()
        check_between(ingested.warehouse)
        ingested.to_the_end("run_pipeline")
    finally:
        over.set()
        reader.join()
    assert wrong == []
    ingested.check()
    models = table(ingested.warehouse, "models")
    assert {row["model_id"] for row in models} == {published.load_current(ingested.warehouse).model_id}
    assert sorted(row["genre"] for row in models) == ["hiss", "hum"]
    assert len({row["clip_id"] for row in table(ingested.warehouse, "predictions")}) == 8


def test_disk_full(place: Place) -> None:
    """No process of the run may write a file beyond a few kilobytes: the driver fails as on a full disk."""
    limit = place.dice.choice((2_000, 8_000, 30_000))
    words = [f"--corpus.root={place.corpus}", f"--warehouse.root={place.warehouse}"]
    bare = ["spark-submit", "--properties-file", "conf/spark/local.conf", "jobs/ingest_clips.py", *words]
    variables = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYSPARK_PYTHON": sys.executable}
    variables |= {"JAVA_TOOL_OPTIONS": "-XX:-UsePerfData"}
    line = ["bash", "-c", 'trap "" XFSZ; ulimit -f "$0"; exec "$@"', str(max(1, limit // 1024)), *bare]
    run = subprocess.run(line, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 1, (run.stdout + run.stderr)[-3000:]
    check_between(place.warehouse)
    place.to_the_end()
    place.check()


def test_checkpoints_lost_or_damaged(ingested: Place) -> None:
    for name in TABLES:  # checkpoints of every table, by the reader that is not Spark
        DeltaTable(str(ingested.warehouse / name)).create_checkpoint()
    for name in TABLES:
        log = ingested.warehouse / name / "_delta_log"
        (checkpoint,) = log.glob("*.checkpoint.parquet")
        if ingested.dice.random() < 0.5:
            checkpoint.unlink()
        else:
            checkpoint.write_bytes(checkpoint.read_bytes()[: ingested.dice.randrange(1000)])
    (ingested.warehouse / "clips" / "_delta_log" / "_last_checkpoint").write_text("{half")
    said = ingested.to_the_end()
    assert "out of its log" in said
    ingested.check()


def test_a_lost_commit_is_read_again(ingested: Place) -> None:
    """A machine that loses power may lose the content of the newest commit; Delta does not flush to disk."""
    commits = sorted((ingested.warehouse / "clips" / "_delta_log").glob("0*.json"))
    commits[-1].write_text("")
    (commits[-1].parent / f".{commits[-1].name}.crc").unlink(missing_ok=True)
    for summary in commits[-1].parent.glob("*.crc"):
        summary.unlink()
    ingested.to_the_end()
    ingested.check()


def test_leftovers_of_dead_runs(ingested: Place) -> None:
    (ingested.warehouse / "_staging" / "dead-run" / "files").mkdir(parents=True)
    (ingested.warehouse / "_lock").write_text(json.dumps({"run_id": "dead", "pid": 1}))
    (ingested.warehouse / "exhibits").mkdir(exist_ok=True)
    (ingested.warehouse / "exhibits" / f"{'0' * 64}.npz").write_bytes(b"")
    (ingested.warehouse / "published").mkdir(exist_ok=True)
    (ingested.warehouse / "published" / ".current.json.00.tmp").write_bytes(b"{")
    stray = next((ingested.warehouse / "clips").glob("*.parquet"))
    shutil.copy(stray, stray.with_name("part-of-no-version.parquet"))
    runs = DeltaTable(str(ingested.warehouse / "runs"))
    known = runs.to_pyarrow_table()
    (row,) = known.to_pylist()
    dead = pa.Table.from_pylist([row | {"run_id": "dead", "state": "running"}], known.schema)
    write_deltalake(runs, dead, mode="append")
    ingested.to_the_end()
    ingested.check()
    ingested.to_the_end("clean_warehouse", "--warehouse.retention_hours=0", "--warehouse.short_retention=true")
    ingested.check()
    assert not (ingested.warehouse / "_staging").exists()
    assert not list((ingested.warehouse / "published").glob(".*"))
    assert not (ingested.warehouse / "exhibits" / f"{'0' * 64}.npz").exists()
    assert "running" not in {row["state"] for row in table(ingested.warehouse, "runs")}
    for name in set(TABLES) - {"runs"}:  # whose row of this run came after
        named = {Path(uri).name for uri in DeltaTable(str(ingested.warehouse / name)).file_uris()}
        assert {file.name for file in (ingested.warehouse / name).glob("*.parquet")} == named


def test_two_runs_at_once(place: Place) -> None:
    first = place.submit()
    try:
        first.wait_for("inventory …")
        said = place.to_the_end(status=2)
        assert "is writing to" in said
        assert "ingest_clips, process" in said
        assert first.wait() == 0, first.text[-3000:]
    finally:
        first.kill()
    place.check()


def test_corpus_changes_under_the_run(place: Place) -> None:
    gone = place.corpus / "hiss" / "hiss.00000.wav"
    other = place.corpus / "hum" / "hum.00003.wav"
    kept, whole = gone.read_bytes(), other.stat()

    def change(job: Job) -> None:
        gone.unlink(missing_ok=True)
        wav_file(other, music(77, "hum", 1.0))

    status, said = place.disturbed(change)
    assert status in (0, 3), said[-3000:]
    gone.write_bytes(kept)
    wav_file(other, music(10_003, "hum", 1.0))
    os.utime(other, ns=(whole.st_atime_ns, whole.st_mtime_ns + 10**9))
    place.to_the_end()
    place.check()


def test_nothing_was_left_running(cluster: Cluster) -> None:
    time.sleep(3)
    assert cluster.executors() == []
    assert cluster.master is not None
    assert not [pid for pid in descendants(cluster.master.pid) if "Executor" in command(pid)]
