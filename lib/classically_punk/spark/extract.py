"""Files -> descriptions, by a pandas UDF that opens each path inside the worker: one decode feeds everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.functions import pandas_udf
from pyspark.sql.types import ArrayType, BinaryType, DoubleType, IntegerType, StringType, StructField, StructType

from classically_punk.features import catalogue
from classically_punk.settings import Settings
from classically_punk.spark import hadoop
from classically_punk.spark.worker import Lacking, Task, worker_of_this_process

DESCRIBED = StructType(
    [
        StructField("reason", StringType()),
        StructField("detail", StringType()),
        StructField("stage", StringType()),
        StructField("clip_id", StringType()),
        StructField("audio_sha256", StringType()),
        StructField("duration_s", DoubleType()),
        StructField("sample_rate_hz", IntegerType()),
        StructField("channels", IntegerType()),
        StructField("container", StringType()),
        StructField("codec", StringType()),
        StructField("warnings", ArrayType(StringType())),
        StructField("decoder", StringType()),
        StructField("segments", ArrayType(IntegerType())),
        StructField("starts_s", ArrayType(DoubleType())),
        StructField("durations_s", ArrayType(DoubleType())),
        StructField("feature_values", ArrayType(ArrayType(DoubleType()))),
        StructField("fingerprint", BinaryType()),
        StructField("sketch", ArrayType(IntegerType())),
        StructField("exhibit", BinaryType()),
    ]
)
"""One file as a worker left it: either `reason`, `detail`, `stage`, or everything else."""


NOT_BROUGHT = "Spark's reader passes over it: a name that begins with _ or ., or a file that could not be read"


def task_of(settings: Settings, run_id: str, *, exhibits: bool = True) -> Task:
    """The part of the configuration that a worker needs."""
    how = settings.features
    return Task(settings.limits, how.segment_s, how.whole_clip_s, run_id, exhibits, settings.storage)


def describe_files(
    files: DataFrame, count: int, settings: Settings, run_id: str, theirs: Sequence[bytes] = ()
) -> DataFrame:
    """(path_bytes, size_bytes, modified_ns, genre, task) -> the same rows with `described`, each exactly once.

    `task` says which Spark task opens the file, as `tasks_by_bytes` dealt out the `count` files. With the columns
    `lacking` (entries between commas; null for all) and `known_s` too, what a clip has already is not measured again.
    `theirs` are the paths among them that only Hadoop reads.
    """
    if "lacking" not in files.columns:
        files = files.withColumns({"lacking": F.lit(None).cast("string"), "known_s": F.lit(None).cast("double")})
    task, tasks = task_of(settings, run_id), task_count(count, settings.run.files_per_task)
    there = hadoop.lies_there(theirs)
    described = _describe_paths(files.where(~there) if theirs else files, tasks, task)
    if theirs:
        described = described.unionByName(_describe_contents(files.where(there), theirs, task))
    return described.drop("lacking", "known_s")


def _describe_paths(files: DataFrame, tasks: int, task: Task) -> DataFrame:
    """Files that the workers open themselves."""

    @pandas_udf(DESCRIBED)  # type: ignore[call-overload,untyped-decorator,unused-ignore]
    def describe(
        paths: pd.Series, sizes: pd.Series, times: pd.Series, genres: pd.Series, lacking: pd.Series, known: pd.Series
    ) -> pd.DataFrame:
        worker = worker_of_this_process(task)
        rows = [
            worker.describe_file(bytes(path), int(size), int(modified), genre, _lacking(entries, known_s))
            for path, size, modified, genre, entries, known_s in zip(
                paths, sizes, times, genres, lacking, known, strict=True
            )
        ]
        return as_columns(rows, DESCRIBED.names)

    placed = files.repartitionById(tasks, F.col("task").cast("int"))
    columns = ("path_bytes", "size_bytes", "modified_ns", "genre", "lacking", "known_s")
    return placed.withColumn("described", describe(*columns))


def _describe_contents(files: DataFrame, paths: Sequence[bytes], task: Task) -> DataFrame:
    """Files whose bytes Spark brings to the workers; one that it does not bring has its reject."""

    @pandas_udf(DESCRIBED)  # type: ignore[call-overload,untyped-decorator,unused-ignore]
    def describe(
        contents: pd.Series, moved: pd.Series, genres: pd.Series, lacking: pd.Series, known: pd.Series
    ) -> pd.DataFrame:
        worker = worker_of_this_process(task)
        rows = [
            worker.describe_brought(bytes(content), bool(other), genre, _lacking(entries, known_s))
            for content, other, genre, entries, known_s in zip(contents, moved, genres, lacking, known, strict=True)
        ]
        return as_columns(rows, DESCRIBED.names)

    most = min(task.limits.max_bytes, hadoop.LARGEST_BYTES)
    described = describe("content", "moved", "genre", "lacking", "known_s")
    told = hadoop.contents(files, paths, most).select("path_bytes", described.alias("told"))
    size = F.col("size_bytes")
    reject = {
        "reason": F.when(size == 0, "EMPTY_FILE").when(size > most, "TOO_LARGE").otherwise("UNREADABLE"),
        "detail": F.when(size == 0, "0 bytes").when(size > most, f"more than {most} bytes").otherwise(NOT_BROUGHT),
        "stage": F.lit("decode"),
    }
    missing = F.struct(*(reject.get(f.name, F.lit(None)).cast(f.dataType).alias(f.name) for f in DESCRIBED))
    both = files.join(told, "path_bytes", "left")
    return both.select(*files.columns, F.coalesce("told", missing).alias("described"))


def _lacking(entries: str | None, known_s: float) -> Lacking | None:
    return None if entries is None else Lacking(frozenset(entries.split(",")), known_s)


def as_columns(rows: Sequence[Mapping[str, object]], names: Sequence[str]) -> pd.DataFrame:
    """Rows of named values -> one column per name; what a row lacks is None, never NaN."""
    return pd.DataFrame({name: pd.Series([row.get(name) for row in rows], dtype=object) for name in names})


def task_count(files: int, files_per_task: int) -> int:
    """How many tasks open that many files: 1 and up."""
    return max(1, -(-files // files_per_task))


def tasks_by_bytes(sizes: Sequence[int], files_per_task: int) -> list[int]:
    """File sizes -> task of each: as even in bytes as dealing the largest first to the lightest task makes them."""
    count = task_count(len(sizes), files_per_task)
    order = sorted(range(len(sizes)), key=lambda at: (-sizes[at], at))
    tasks = [0] * len(sizes)
    # back and forth over the tasks: every task gets one of each size class
    for turn, at in enumerate(order):
        lap, place = divmod(turn, count)
        tasks[at] = place if lap % 2 == 0 else count - 1 - place
    return tasks


def feature_rows(described: DataFrame, settings: Settings) -> DataFrame:
    """(clip_id, genre, described) of accepted clips -> rows of `features`, one per segment."""
    feature_set = catalogue.feature_set_id("punk", settings.features.segment_s)
    d = "described"
    zipped = F.arrays_zip(f"{d}.segments", f"{d}.starts_s", f"{d}.durations_s", f"{d}.feature_values")
    rows = described.select("clip_id", "genre", F.explode(zipped).alias("s"))
    keys: list[Column] = [
        F.col("clip_id"),
        F.col("s.segments").alias("segment"),
        F.col("s.starts_s").alias("start_s"),
        F.col("s.durations_s").alias("duration_s"),
        F.col("genre"),
        F.lit(feature_set).alias("feature_set"),
    ]
    values = [F.col("s.feature_values")[i].alias(c.name) for i, c in enumerate(catalogue.columns("punk"))]
    return rows.select(*keys, *values)
