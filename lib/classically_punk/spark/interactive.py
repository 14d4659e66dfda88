"""A session over a warehouse for a notebook or a script: what spark-submit would have configured is read here."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from classically_punk.errors import ConfigError
from classically_punk.settings import Settings
from classically_punk.spark import functions
from classically_punk.spark.tables import SCHEMA, Warehouse


def open_tables(settings: Settings, properties: Path = Path("conf/spark/local.conf")) -> SparkSession:
    """The warehouse of `settings` as schema `punk` of a session with the given properties; to be stopped by the caller.

    Memory and Java options only count where no session ran in this process before. Raises ConfigError where there is no
    warehouse or no properties file.
    """
    root = settings.present_warehouse()
    os.environ["PYSPARK_PYTHON"] = sys.executable  # the workers' interpreter, whatever python3 is on the path
    builder = SparkSession.builder.appName("classically-punk interactive")
    for key, value in _read(properties).items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    Warehouse(spark, root).open()
    functions.register(spark, settings)
    spark.catalog.setCurrentDatabase(SCHEMA)
    return spark


def _read(properties: Path) -> dict[str, str]:
    try:
        lines = properties.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError(str(properties), f"cannot read Spark's properties: {error.strerror or error}") from None
    pairs = (line.split(None, 1) for line in lines if line.strip() and not line.startswith("#"))
    return {key: value.strip() for key, value in pairs}
