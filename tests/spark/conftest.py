"""One Spark session for all tests of the adapters, configured by `conf/spark/local.conf`, and one small warehouse."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession
from tests.conftest import wav_file

from classically_punk.settings import Settings
from classically_punk.spark import functions
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse

ROOT = Path(__file__).resolve().parents[2]
RATE = 22_050
UNCOMPILED = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
"""Spark's own switches for tests: compiling a query of a few rows takes longer than answering it."""


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """The session that the jobs would get from spark-submit."""
    session = configured()
    yield session
    session.stop()


def configured() -> SparkSession:
    """A session as `conf/spark/local.conf` describes it."""
    os.environ["PYSPARK_PYTHON"] = sys.executable  # the workers' interpreter, whatever python3 is on the path
    builder = SparkSession.builder.appName("tests")
    for line in (ROOT / "conf/spark/local.conf").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            key, value = line.split(None, 1)
            builder = builder.config(key, value.strip())
    for key, value in UNCOMPILED.items():
        builder = builder.config(key, value)
    builder = builder.config("spark.executorEnv.PYTHONPATH", str(ROOT / "tests/spark/poison"))
    return builder.getOrCreate()


def forget_tables(spark: SparkSession) -> None:
    """Takes the tables of the last warehouse out of the catalogue, so that another one can be opened."""
    spark.sql("DROP SCHEMA IF EXISTS punk CASCADE")  # files of tables that have a place of their own stay


def music(seed: int, kind: str, seconds: float = 2.0) -> np.ndarray:
    """A clip of one of three kinds that any sane feature tells apart: hum, hiss and clicks."""
    random = np.random.Generator(np.random.PCG64(seed))
    t = np.arange(round(seconds * RATE)) / RATE
    if kind == "hum":
        return 0.3 * np.sin(2 * np.pi * random.uniform(80, 160) * t) + 0.01 * random.standard_normal(t.size)
    if kind == "hiss":
        return 0.1 * random.uniform(0.5, 1) * random.standard_normal(t.size)
    clicks = 0.002 * random.standard_normal(t.size)
    clicks[:: round(RATE * random.uniform(0.2, 0.3))] += 0.8
    return clicks


def make_corpus(root: Path, clips: int = 5) -> Path:
    """Three folders of distinct clips below `root`."""
    for at, kind in enumerate(("clicks", "hiss", "hum")):
        for number in range(clips):
            wav_file(root / kind / f"{kind}.{number:05d}.wav", music(100 * at + number, kind))
    return root


def settings_for(root: Path, corpus: Path, /, **sections: dict[str, object]) -> Settings:
    """Settings over a corpus, with everything else below `root`."""
    places: dict[str, dict[str, object]] = {
        "corpus": {"root": str(corpus)},
        "warehouse": {"root": str(root / "warehouse")},
        "reports": {"root": str(root / "reports"), "pdf": False},
        "evaluation": {"folds": 3, "bootstrap_draws": 200},
        "model": {"altered_copies": 0},  # switched on where they are tested: they cost as much as the clips
    }
    for name, values in sections.items():
        places[name] = {**places.get(name, {}), **values}
    return Settings.load(None, places)


@dataclass
class Bench:
    """A warehouse with its settings, and a way to run a step as a job does: in a run of its own."""

    spark: SparkSession
    settings: Settings

    def run(self, work: Callable[[Warehouse, Settings, Run], object], **sections: dict[str, object]) -> Run:
        settings = self.settings
        if sections:
            dumped = settings.model_dump()
            merged = {name: {**dumped[name], **sections.get(name, {})} for name in dumped}
            settings = Settings.load(None, merged)
        run = Run("test", settings)
        warehouse = self.warehouse.open(run.run_id)
        run.record(warehouse, "running")
        work(warehouse, settings, run)
        run.record(warehouse, "gate" if run.failed_gates else "done")
        return run

    @property
    def warehouse(self) -> Warehouse:
        forget_tables(self.spark)
        return Warehouse(self.spark, self.settings.writable_folder("warehouse.root"))


@pytest.fixture
def bench(spark: SparkSession, tmp_path: Path) -> Callable[..., Bench]:
    """`bench(corpus, **sections)`: an empty warehouse of its own over a corpus."""

    def make(corpus: Path, /, **sections: dict[str, object]) -> Bench:
        settings = settings_for(tmp_path, corpus, **sections)
        functions.register(spark, settings)
        return Bench(spark, settings)

    return make


@pytest.fixture(scope="session")
def described(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A warehouse into which a corpus of three genres has been ingested: read it, do not change it."""
    from classically_punk.spark.ingest import ingest_clips

    root = tmp_path_factory.mktemp("described")
    made = Bench(spark, settings_for(root, make_corpus(root / "corpus")))
    made.run(ingest_clips)
    return made
