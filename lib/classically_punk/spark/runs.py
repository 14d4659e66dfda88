"""One row of `runs` per run: what ran, with which versions, how long each stage took, what was counted."""

from __future__ import annotations

import platform
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import to_arrow_schema

from classically_punk.settings import Settings
from classically_punk.spark import schemas
from classically_punk.spark.progress import log_run, say
from classically_punk.spark.tables import Warehouse

VERSIONED = (
    "classically-punk",
    "pyspark",
    "delta-spark",
    "librosa",
    "numba",
    "numpy",
    "scipy",
    "soundfile",
    "soxr",
    "pandas",
    "pyarrow",
)


@dataclass
class Run:
    """The run in progress; jobs fill `counts` and time their stages."""

    job: str
    settings: Settings
    run_id: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}")
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    counts: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    failed_gates: list[str] = field(default_factory=list)
    forced_gates: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        log_run(self.job, self.run_id, as_json=self.settings.run.log == "json")

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times a stage and says that it begins."""
        say(f"{name} …")
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + round(time.perf_counter() - start, 3)

    def gate(self, failure: str) -> None:
        """Notes a failed gate: the run goes on, and its exit status will be 3."""
        self.failed_gates.append(failure)
        say(f"gate: {failure}")

    def force(self, failure: str) -> None:
        """Notes a gate that failed and was passed by `gate.force`: the row of the run tells of it."""
        self.forced_gates.append(failure)
        self.counts["gates_forced"] = len(self.forced_gates)
        say(f"gate passed by force: {failure}")

    @property
    def detail(self) -> str | None:
        """What the gates found; None where there is nothing to tell."""
        return "; ".join([*self.failed_gates, *(f"forced: {failure}" for failure in self.forced_gates)]) or None

    def record(self, warehouse: Warehouse, state: str, detail: str | None = None) -> None:
        """Writes this run's row, or replaces it."""
        row = (
            self.run_id,
            self.job,
            self.started_at,
            None if state == "running" else datetime.now(UTC),
            state,
            detail,
            versions(warehouse.spark),
            self.settings.digest,
            self.counts,
            self.seconds,
        )
        # as Arrow: rows of Python's own would need a worker of Spark's to be started for them
        columns = zip(row, to_arrow_schema(schemas.RUNS, timezone="UTC"), strict=True)
        values = [pa.array([list(v.items()) if isinstance(v, dict) else v], field.type) for v, field in columns]
        rows = warehouse.spark.createDataFrame(pa.table(values, names=schemas.RUNS.names), schemas.RUNS)
        if state == "running":
            warehouse.append("runs", rows)
        else:
            warehouse.merge("runs", rows, ("run_id",))


def versions(spark: SparkSession) -> dict[str, str]:
    """Versions of everything that shapes a number."""
    java = spark.sparkContext._jvm.java.lang.System.getProperty("java.version")  # type: ignore[union-attr]
    packages = {name: version(name) for name in VERSIONED}
    return packages | {"python": platform.python_version(), "java": str(java), "spark": spark.version}
