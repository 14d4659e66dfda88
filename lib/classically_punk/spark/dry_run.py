"""What a run would do, told without doing it: what would become of each file, the stages, the time it may take."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from pyarrow import compute as pc
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from classically_punk.audio import remote
from classically_punk.errors import ConfigError
from classically_punk.settings import Settings
from classically_punk.spark import classify, in_force, ingest
from classically_punk.spark.progress import say
from classically_punk.spark.tables import Warehouse

STAGES = {
    "ingest_clips": ("inventory", "describe", "derive", "near-duplicates", "write tables", "reconcile"),
    "run_pipeline": (
        *("inventory", "describe", "derive", "near-duplicates", "write tables", "reconcile"),
        *("alter", "vectors", "train", "gates", "evaluate", "report"),
    ),
    "classify_clips": (
        *("inventory", "describe", "derive", "near-duplicates", "write tables", "reconcile", "extract", "classify"),
    ),
}
"""What the jobs that can be asked for a plan go through."""
SECONDS_A_FILE = 0.1
"""One core, one clip of 30 s read and described: what is reckoned with where no run has told better."""
OF_FILES = ("describe",)
"""Stages whose time grows with the files opened; that of the others is taken from the last whole run."""


@dataclass(frozen=True)
class Plan:
    """Files by what would become of them, and what is known of the time."""

    actions: dict[str, int]
    bytes_to_open: int
    seconds_a_file: float
    other_seconds: float | None
    """Of all stages that do not open files, in the last run of the same job that was done; None where there is none."""
    waiting: int | None = None
    """Clips that are described and have no answer yet; None for jobs that answer nothing."""

    @property
    def seconds(self) -> float:
        return self.actions.get("open", 0) * self.seconds_a_file + (self.other_seconds or 0.0)

    def lines(self, job: str, settings: Settings) -> list[str]:
        """What is said of it."""
        count = {name: self.actions.get(name, 0) for name in ("open", "settle", "relabel", "gone", "same")}
        seen = sum(count.values()) - count["gone"]
        told = [
            "dry run: nothing is written",
            f"{seen} files seen: {count['open']} new or changed ({self.bytes_to_open / 2**20:.1f} MiB) to open, "
            f"{count['settle']} refused unopened, {count['relabel']} with another label, {count['same']} as they were; "
            f"{count['gone']} gone",
            f"stages: {', '.join(STAGES[job])}",
        ]
        if job == "run_pipeline":
            told.append(f"protocols: {', '.join(settings.evaluation.protocols)}, {settings.evaluation.folds} folds")
        if self.waiting is not None:
            told.append(f"{self.waiting} clips are described and wait for an answer of the model in force")
        known = "as the last runs took" if self.other_seconds is not None else "files only: no run has told of the rest"
        return [*told, f"time: about {self.seconds:.0f} s ({known})"]


def tell(job: str, settings: Settings, session: Callable[[str], SparkSession]) -> int:
    """Says what `job` would do -> exit status 0. Raises ConfigError for a job that has no plan to tell."""
    if job not in STAGES:
        raise ConfigError("run.dry_run", f"{job} has no plan to tell; {' and '.join(sorted(STAGES))} do")
    root = settings.folder("warehouse.root")
    if job == "classify_clips":
        in_force.current_model(root, settings)  # without one the job itself would stop here
    if any((root / "files" / "_delta_log").glob("*.json")):
        spark = session(job)
        try:
            plan = planned(Warehouse(spark, root), settings, job)
        finally:
            spark.stop()
    else:
        plan = first_plan(settings)
    for line in plan.lines(job, settings):
        say(line)
    return 0


def first_plan(settings: Settings) -> Plan:
    """The plan of a warehouse that is not there yet: everything is new, and Spark need not be asked."""
    actions: Counter[str] = Counter()
    size = 0
    for some in ingest.seen_files(remote.root_of(settings), settings):
        opened = some.filter(pc.is_null(some["reason"]))
        actions.update(open=len(opened), settle=len(some) - len(opened))
        size += pc.sum(opened["size_bytes"]).as_py() or 0
    return Plan(dict(actions), size, SECONDS_A_FILE / (os.cpu_count() or 1), None)


def planned(warehouse: Warehouse, settings: Settings, job: str) -> Plan:
    """The plan for a warehouse with tables; reads them and writes nothing."""
    counted = []
    if settings.corpus.root:  # classify_clips answers for what the tables hold, too
        root = remote.root_of(settings)
        some = [batch.to_pandas() for batch in ingest.seen_files(root, settings)]
        columns = [column.split()[0] for column in ingest.SEEN.split(", ")]
        seen = warehouse.spark.createDataFrame(pd.concat(some) if some else pd.DataFrame(columns=columns), ingest.SEEN)
        rows = ingest.plan_of(warehouse, seen, root, settings)
        counted = rows.groupBy("action").agg(F.count("*").alias("n"), F.sum("size_bytes").alias("size")).collect()
    waiting = None
    if job == "classify_clips":
        waiting = classify.pending(warehouse, in_force.current_model(warehouse.root, settings)).count()
    actions = {row["action"]: int(row["n"]) for row in counted}
    size = sum(int(row["size"] or 0) for row in counted if row["action"] == "open")
    runs = warehouse.read("runs").where("state = 'done'").orderBy(F.desc("started_at")).limit(200)
    done = [(row["job"], row["counts"] or {}, row["seconds"] or {}) for row in runs.collect()]
    opened = [(c["to_open"], s["describe"]) for _, c, s in done if c.get("to_open") and s.get("describe")]
    a_file = opened[0][1] / opened[0][0] if opened else SECONDS_A_FILE / (os.cpu_count() or 1)
    alike = [s for name, _, s in done if name == job]
    other = sum(took for stage, took in alike[0].items() if stage not in OF_FILES) if alike else None
    return Plan(actions, size, a_file, other, waiting)
