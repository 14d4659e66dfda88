"""Local Spark as `conf/spark/local.conf` describes it, for benchmarks that run without spark-submit."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from classically_punk.spark import schemas, tables

ROOT = Path(__file__).resolve().parents[1]


def forget_tables(spark: SparkSession) -> None:
    """Takes the tables of a warehouse out of the session's catalogue, so that another may be opened; files stay."""
    if spark.catalog.databaseExists(tables.SCHEMA):
        for name in schemas.tables():
            spark.sql(f"DROP TABLE IF EXISTS {tables.SCHEMA}.{name}")


def local_session(name: str, **more: str) -> SparkSession:
    """A session of that name; `more` are further properties (`{"spark.…": value}`)."""
    os.environ["PYSPARK_PYTHON"] = sys.executable  # the workers' interpreter, whatever python3 is on the path
    builder = SparkSession.builder.appName(name)
    for line in (ROOT / "conf/spark/local.conf").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            key, value = line.split(None, 1)
            builder = builder.config(key, value.strip())
    for key, value in more.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()
