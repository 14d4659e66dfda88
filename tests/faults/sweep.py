"""Kill and run again, many times: `python -m tests.faults.sweep --trials N --seed S [--real N] [--minutes M]`.

Cheap trials run in one long-lived session: the run is cut off just before or just after a random write (from then on
none of its threads writes), or its Python workers get SIGKILL, and it is run again in the same JVM. Real trials give
the job to spark-submit and kill its process tree at a random moment after its start. Some of the runs again are cut
off too. After every cut: all tables open in delta-rs, no key twice. After every run to the end: keys and values as in
an undisturbed run. Every trial is a line of JSON on standard output; the sums come last.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from tests.faults.processes import Job, command, descendants, send
from tests.faults.truth import Truth, check_between, make_pool
from tests.spark.conftest import Bench, configured, settings_for

from classically_punk import atomic
from classically_punk.settings import Settings
from classically_punk.spark import exhibits
from classically_punk.spark.fill_in import extract_features
from classically_punk.spark.ingest import ingest_clips
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse

WRITES = ("staged", "append", "merge", "replace", "assign", "remove")
PER_WAREHOUSE = 12
"""Trials in one warehouse: with each, files are added to its corpus."""
KINDS = ("before a write", "after a write", "before a write", "after a write", "workers killed")


class Cut(BaseException):
    """The run ends here, as if it had been killed."""


class Scissors:
    """Cuts a run off at its `at`-th write, before or after it; later writes of its other threads fail too."""

    def __init__(self) -> None:
        self.at, self.after, self.seen, self.dead, self.where = -1, False, 0, False, ""
        self.guard = threading.Lock()
        for name in WRITES:
            setattr(Warehouse, name, self.around(getattr(Warehouse, name), name))
        exhibits.keep = self.around(exhibits.keep, "exhibits")
        atomic.replace = self.around(atomic.replace, "file")

    def arm(self, at: int, after: bool) -> None:
        self.at, self.after, self.seen, self.dead, self.where = at, after, 0, False, ""

    def around(self, write: Callable[..., Any], name: str) -> Callable[..., Any]:
        def cut(*words: Any, **named: Any) -> Any:
            with self.guard:
                if self.dead:
                    raise Cut
                self.seen += 1
                now = self.seen == self.at
                if now:
                    self.where = f"{name} {next((w for w in words if isinstance(w, str)), '')}".strip()
                if now and not self.after:
                    self.dead = True
                    raise Cut
            result = write(*words, **named)
            if now:
                self.dead = True
                raise Cut
            return result

        return cut


def work(warehouse: Warehouse, settings: Settings, run: Run) -> None:
    """What a trial runs."""
    ingest_clips(warehouse, settings, run)
    extract_features(warehouse, settings, run)


class Sweep:
    """A pool of files, the undisturbed run over it, and trials that draw from it."""

    def __init__(self, spark: SparkSession, place: Path, seed: int) -> None:
        self.dice, self.place, self.spark = random.Random(seed), place, spark
        self.pool = make_pool(place / "pool", 3 * PER_WAREHOUSE)
        Bench(spark, settings_for(place / "truth", self.pool)).run(work)
        self.truth = Truth.of(place / "truth/warehouse")
        self.scissors = Scissors()
        self.waiting: list[Path] = []
        self.corpus, self.bench, self.number = place, Bench(spark, settings_for(place, place)), 0

    def more_files(self) -> None:
        """A few more files of the pool in the corpus; a new warehouse when the pool is used up."""
        if len(self.waiting) < 3:
            shutil.rmtree(self.place / f"w{self.number}", ignore_errors=True)
            self.number += 1
            self.corpus = self.place / f"w{self.number}" / "corpus"
            self.bench = Bench(self.spark, settings_for(self.corpus.parent, self.corpus))
            self.waiting = sorted(file for file in self.pool.rglob("*") if file.is_file())
            self.dice.shuffle(self.waiting)
        for _ in range(3):
            file = self.waiting.pop()
            target = self.corpus / file.relative_to(self.pool)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target)

    @property
    def warehouse(self) -> Path:
        return self.corpus.parent / "warehouse"

    def cheap(self) -> dict[str, Any]:
        """Cuts one or two runs off in this JVM, then runs to the end."""
        self.more_files()
        cuts = []
        for _ in range(1 + (self.dice.random() < 0.2)):
            kind = self.dice.choice(KINDS)
            cuts.append(self.workers_killed() if kind == "workers killed" else self.cut(kind))
            check_between(self.warehouse)
        self.scissors.arm(-1, False)
        self.bench.run(work)
        self.truth.check(self.warehouse, self.corpus)
        return {"cuts": cuts}

    def cut(self, kind: str) -> str:
        self.scissors.arm(self.dice.randint(2, 13), kind == "after a write")  # 1 is the row of `runs`
        try:
            self.bench.run(work)
        except Cut:
            return f"{kind}: {self.scissors.where}"
        return f"{kind}: beyond the last"

    def workers_killed(self) -> str:
        self.scissors.arm(-1, False)
        over, killed = threading.Event(), Counter[str]()
        start, every = self.dice.uniform(0, 3), self.dice.choice((0.05, 10.0))

        def hunt() -> None:
            mine = descendants(int(self.spark.sparkContext._gateway.proc.pid))
            while not over.wait(start if not killed else every):
                mine = descendants(int(self.spark.sparkContext._gateway.proc.pid))
                killed["n"] += send([pid for pid in mine if "pyspark.daemon" in command(pid)]) + 1

        hunter = threading.Thread(target=hunt)
        hunter.start()
        failed = False
        try:
            self.bench.run(work)
        except Exception:  # noqa: BLE001  whatever a run dies of when its workers do
            failed = True
        finally:
            over.set()
            hunter.join()
        if killed["n"] < 2:
            return "workers killed: there were none yet"
        return f"workers killed: the run {'failed' if failed else 'went on'}"

    def real(self) -> dict[str, Any]:
        """Kills the process tree of one or two jobs, then lets one run to the end."""
        self.more_files()
        words = [f"--corpus.root={self.corpus}", f"--warehouse.root={self.warehouse}", "--run.files_per_task=2"]
        log = self.corpus.parent / "log"
        cuts = []
        for _ in range(1 + (self.dice.random() < 0.5)):
            log.unlink(missing_ok=True)
            job = Job("ingest_clips", words, log, ("--conf", "spark.ui.enabled=false"))
            try:
                job.wait_for("inventory …")
                delay = self.dice.uniform(0, 14)
                until = time.monotonic() + delay
                while time.monotonic() < until and job.process.poll() is None:
                    time.sleep(0.02)
                ended = job.process.poll() is not None
                whole = self.dice.random() < 0.6
                victims = job.tree() if whole else self.dice.choice(([job.process.pid], job.python()))
                which = "all of it" if whole else "the JVM" if victims == [job.process.pid] else "the driver's Python"
                said = [line for line in job.text.splitlines() if line.endswith("…")]
                send(victims)
                job.wait(60)
                at = "after its end" if ended else f"{which} at {said[-1] if said else 'start'}"
                cuts.append(f"SIGKILL: {at}")
            finally:
                job.kill()
            check_between(self.warehouse)
        log.unlink(missing_ok=True)
        job = Job("ingest_clips", words, log)
        try:
            assert job.wait() == 0, job.text[-3000:]
        finally:
            job.kill()
        self.truth.check(self.warehouse, self.corpus)
        return {"cuts": cuts}


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--trials", type=int, default=200, help="cheap trials, in one session")
    ask.add_argument("--real", type=int, default=0, help="real trials, by spark-submit and SIGKILL")
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--minutes", type=float, default=60, help="stops before this, whatever is left")
    asked = ask.parse_args()
    until = time.monotonic() + 60 * asked.minutes
    kinds = ["real"] * asked.real + ["cheap"] * asked.trials
    random.Random(asked.seed).shuffle(kinds)
    sums: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="sweep-") as place:
        spark = configured()
        spark.conf.set("spark.sql.shuffle.partitions", 1)  # tiny tables, many trials
        sweep = Sweep(spark, Path(place), asked.seed)
        for at, kind in enumerate(kinds):
            if time.monotonic() > until:
                break
            start = time.monotonic()
            told: dict[str, Any] = {"trial": at, "kind": kind, "seed": asked.seed}
            try:
                told |= sweep.real() if kind == "real" else sweep.cheap()
                told["right"] = True
            except AssertionError as error:
                told |= {"right": False, "error": str(error)[:2000]}
                sweep.waiting = []  # go on with a new warehouse
            told["seconds"] = round(time.monotonic() - start, 1)
            print(json.dumps(told, ensure_ascii=False), flush=True)
            sums["right" if told["right"] else "wrong"] += 1
            for cut in told.get("cuts", []):
                sums["cuts"] += 1
                sums[cut] += 1
        spark.stop()
    print(json.dumps({"sums": dict(sorted(sums.items()))}, ensure_ascii=False), flush=True)
    return 1 if sums["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
