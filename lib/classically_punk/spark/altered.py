"""Altered copies of a sample of clips -> `altered_features`, and what they tell a fit.

A copy is made and described in the executors while its clip is open, and its sound is thrown away; the row keeps the
line that the sound can be made again from. Only copies that the table lacks are made.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.functions import pandas_udf
from pyspark.sql.types import ArrayType, DoubleType, IntegerType, StringType, StructField, StructType

from classically_punk.audio import alterations
from classically_punk.features import catalogue
from classically_punk.settings import Settings
from classically_punk.spark.extract import as_columns, task_of
from classically_punk.spark.packing import Packing, placed
from classically_punk.spark.present import first_files, live
from classically_punk.spark.progress import say, watched
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse
from classically_punk.spark.worker import worker_of_this_process

TABLE = "altered_features"
KEY = ("clip_id", "segment", "alteration")
WANTED = "clip_id string, alteration string"
FILES = ("clip_id", "genre", "path", "path_bytes", "size_bytes", "modified_ns", "alterations")
OPENED = (
    "clip_id string, genre string, path string, path_bytes binary, size_bytes long, modified_ns long, "
    "alterations array<string>"
)
COPY_BYTES = 1 << 20
"""What a file costs is its copies, each of half a minute at most, more than its bytes."""
SHOWN = 5
COPIES = StructType(
    [
        StructField("reason", StringType()),
        StructField("detail", StringType()),
        StructField("stage", StringType()),
        StructField("failed", ArrayType(StringType())),
        StructField("alterations", ArrayType(StringType())),
        StructField("segments", ArrayType(IntegerType())),
        StructField("starts_s", ArrayType(DoubleType())),
        StructField("durations_s", ArrayType(DoubleType())),
        StructField("feature_values", ArrayType(ArrayType(DoubleType()))),
    ]
)
"""The copies of one file as a worker left them: `reason`, `detail`, `stage`, or what failed and a row a segment."""


def alter_clips(warehouse: Warehouse, settings: Settings, run: Run) -> None:
    """Describes the altered copies that the model is to learn from and that are missing."""
    make(warehouse, settings, run, training_copies(warehouse, settings))


def training_copies(warehouse: Warehouse, settings: Settings) -> pd.DataFrame:
    """(clip_id, alteration) of every copy that the model is to learn from; none where copies are off."""
    how, seed = settings.model, settings.evaluation.seed
    # the penalty is a share of the ridge
    off = how.altered_copies == 0 or how.altered_strength == 0 or how.ridge == 0
    clips = [] if off else sample(warehouse, how.altered_sample, seed)
    copies = [(clip, alterations.drawn(clip, n, seed).text) for clip in clips for n in range(how.altered_copies)]
    return pd.DataFrame(copies, columns=["clip_id", "alteration"], dtype=object)


def sample(
    warehouse: Warehouse, count: int, seed: int, *, longer_than_s: float = 0.0, among: Sequence[str] | None = None
) -> list[str]:
    """At most `count` labelled clips with a present file, as even over the genres as there are clips, sorted.

    The first of each genre in the order of a hash of seed and clip_id: a corpus that grows keeps most of them.
    """
    clips = warehouse.read("clips").where("genre IS NOT NULL AND duplicate_of IS NULL")
    clips = clips.where(F.col("duration_s") > longer_than_s).join(live(warehouse.read("files")), "clip_id", "left_semi")
    if among is not None:
        known = warehouse.spark.createDataFrame([(clip,) for clip in among], "clip_id string")
        clips = clips.join(F.broadcast(known), "clip_id", "left_semi")
    clips = clips.withColumn("turn", F.sha2(F.concat(F.lit(f"{seed}:"), "clip_id"), 256))
    ranked = clips.withColumn("rank", F.row_number().over(Window.partitionBy("genre").orderBy("turn")))
    chosen = ranked.where(F.col("rank") <= count).orderBy("rank", "turn").limit(count).select("clip_id").collect()
    return sorted(row["clip_id"] for row in chosen)


def described(warehouse: Warehouse, settings: Settings) -> DataFrame:
    """The rows of the table in the definitions that the configured model sees."""
    return warehouse.read(TABLE).where(F.col("feature_set") == _feature_set(settings))


def make(warehouse: Warehouse, settings: Settings, run: Run, wanted: pd.DataFrame) -> None:
    """Makes and describes those of the wanted (clip_id, alteration) that the table lacks in the current definitions.

    A file that cannot be opened as it was ingested is passed over, counted and named: training does without its copies.
    """
    if wanted.empty:
        return
    _relabel(warehouse)
    files = _missing(warehouse, settings, wanted)
    if files.empty:
        return
    with run.stage("alter"):
        copies = int(files["alterations"].map(len).sum())
        opened, how = _opened(warehouse, files, settings, run.run_id)
        with watched(warehouse.spark.sparkContext, f"clips altered into {copies} copies", how):
            copied = warehouse.staged("altered", opened)
        warehouse.replace(TABLE, _rows(copied, settings), KEY, whole=("clip_id", "alteration"))
        passed = [row.asDict(recursive=True) for row in _passed_over(copied).collect()]
    warehouse.drop_staged()
    lost = sum(len(row["failed"] or row["alterations"]) for row in passed)
    run.counts |= {"altered": copies - lost, "not_altered": lost}
    for row in passed[:SHOWN]:
        say(f"not altered: {row['path']}: {row['reason'] or '; '.join(row['failed'])}")
    unforeseen = sum(row["reason"] == "INTERNAL_ERROR" for row in passed)
    if unforeseen:
        run.gate(f"{unforeseen} clips met an error nobody foresaw while they were altered: {passed[0]['detail']}")


def _missing(warehouse: Warehouse, settings: Settings, wanted: pd.DataFrame) -> pd.DataFrame:
    """The files to open: clip_id, genre, path, path_bytes, size_bytes, modified_ns, alterations."""
    asked = warehouse.spark.createDataFrame(wanted, WANTED)
    there = described(warehouse, settings)
    absent = asked.join(there.select("clip_id", "alteration").distinct(), ["clip_id", "alteration"], "left_anti")
    copies = absent.groupBy("clip_id").agg(F.array_sort(F.collect_set("alteration")).alias("alterations"))
    genres = warehouse.read("clips").select("clip_id", "genre")
    files = copies.join(first_files(warehouse), "clip_id").join(genres, "clip_id").select(*FILES)
    return files.toPandas().sort_values("clip_id", ignore_index=True)


def _opened(warehouse: Warehouse, files: pd.DataFrame, settings: Settings, run_id: str) -> tuple[DataFrame, Packing]:
    """(clip_id, genre, path, alterations) of every file, with `described` as `COPIES`; and how they were dealt out."""
    task, feature_set = task_of(settings, run_id, exhibits=False), settings.model.feature_set

    @pandas_udf(COPIES)  # type: ignore[call-overload,untyped-decorator,unused-ignore]
    def describe(
        paths: pd.Series, sizes: pd.Series, times: pd.Series, clips: pd.Series, lines: pd.Series
    ) -> pd.DataFrame:
        worker = worker_of_this_process(task)
        rows = [
            worker.describe_copies(bytes(path), int(size), int(modified), clip, list(wanted), feature_set)
            for path, size, modified, clip, wanted in zip(paths, sizes, times, clips, lines, strict=True)
        ]
        return as_columns(rows, COPIES.names)

    opened = warehouse.spark.createDataFrame(files, OPENED)
    dealt, how = placed(opened, settings.run.files_per_task, F.size("alterations") * COPY_BYTES)
    columns = ("path_bytes", "size_bytes", "modified_ns", "clip_id", "alterations")
    return dealt.select("clip_id", "genre", "path", "alterations", describe(*columns).alias("described")), how


def _rows(copied: DataFrame, settings: Settings) -> DataFrame:
    """(clip_id, genre, described) -> rows of the table, one per segment of each copy; what was not measured is null."""
    names = catalogue.model_names(settings.model.feature_set)
    arrays = ("alterations", "segments", "starts_s", "durations_s", "feature_values")
    made = copied.where("described.reason IS NULL")
    zipped = F.arrays_zip(*(F.col(f"described.{name}").alias(name) for name in arrays))
    rows = made.select("clip_id", "genre", F.explode(zipped).alias("s"))
    return rows.select(
        "clip_id",
        F.col("s.segments").alias("segment"),
        F.col("s.starts_s").alias("start_s"),
        F.col("s.durations_s").alias("duration_s"),
        "genre",
        F.lit(_feature_set(settings)).alias("feature_set"),
        *(F.col("s.feature_values")[i].alias(name) for i, name in enumerate(names)),
        F.col("s.alterations").alias("alteration"),
    )


def _passed_over(copied: DataFrame) -> DataFrame:
    """(path, alterations, reason, detail, failed) of the files of which a copy is missing still."""
    reason, failed = F.col("described.reason"), F.coalesce(F.col("described.failed"), F.array())
    rows = copied.select("path", "alterations", reason, "described.detail", failed.alias("failed"))
    return rows.where(F.col("reason").isNotNull() | (F.size("failed") > 0)).orderBy("path")


def _feature_set(settings: Settings) -> str:
    return catalogue.feature_set_id(settings.model.feature_set, settings.features.segment_s)


def _relabel(warehouse: Warehouse) -> None:
    """A changed label reaches the copies as it reaches `features`: nothing is described again."""
    copies = warehouse.read(TABLE).select("clip_id", F.col("genre").alias("was")).distinct()
    moved = warehouse.read("clips").select("clip_id", "genre").join(copies, "clip_id")
    moved = moved.where(~F.col("genre").eqNullSafe(F.col("was"))).select("clip_id", "genre").localCheckpoint()
    if not moved.isEmpty():
        warehouse.assign(TABLE, moved, ("clip_id",), ("genre",))
