"""Clips whose features or fingerprint are missing or of an older definition: what they lack is measured, no more.

A published name never changes its meaning. So a row of an older feature set keeps every value that it has, to the bit:
only entries of which it lacks a value are measured, and a row that lacks none is marked as current without opening its
file. Rows of other pieces (another `features.segment_s`) are described anew.
"""

from __future__ import annotations

from functools import reduce
from operator import or_

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from classically_punk.features import catalogue
from classically_punk.features.analysis import SAMPLE_RATE_HZ
from classically_punk.settings import Settings
from classically_punk.spark import coherence, near_duplicates, schemas
from classically_punk.spark.extract import describe_files, feature_rows
from classically_punk.spark.ingest import write_features
from classically_punk.spark.present import first_files
from classically_punk.spark.progress import say, watched
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse

PIECE = ("clip_id", "segment", "start_s", "duration_s", "whole_s")
"""What says that two rows are of the same stretch of the same clip."""


def extract_features(warehouse: Warehouse, settings: Settings, run: Run) -> None:
    """Describes present clips whose rows are not all of the current definitions; a changed file fails the gate."""
    stale = warehouse.staged("stale", _stale(warehouse, settings).join(first_files(warehouse), "clip_id"))
    if stale.isEmpty():
        warehouse.drop_staged()
        return
    stale = warehouse.staged("compared", _compared(warehouse, stale, settings))
    whole = F.col("lacking") == ""
    _mark_current(warehouse, stale.where(whole), settings, run)
    found = stale.where(~F.coalesce(whole & F.col("printed"), F.lit(False)))
    if found.isEmpty():
        warehouse.drop_staged()
        return
    with run.stage("extract"):
        was_coherent = coherence.remembered(warehouse) is not None
        again, how = describe_files(found, settings, run.run_id)
        with watched(warehouse.spark.sparkContext, "clips described again", how):
            described = warehouse.staged("described-again", again)
        same = F.col("described.clip_id") == F.col("clip_id")
        rows = _completed(warehouse, feature_rows(described.where(same), settings))
        write_features(warehouse, described.where(same).select("clip_id"), warehouse.staged("completed", rows))
        near_duplicates.write_fingerprints(warehouse, described.where(same))
        marked = near_duplicates.marked(warehouse, warehouse.read("clips"), warehouse.read("files"), run)
        warehouse.write_changed("clips", marked, ("clip_id",))
        if was_coherent:
            coherence.remember(warehouse, run.counts["near_duplicates"])
        failed = described.where(~F.coalesce(same, F.lit(False))).select("path", "described.reason").collect()
    warehouse.drop_staged()
    run.counts["extracted"] = how.files - len(failed)
    for row in failed[:5]:
        say(f"not described: {row['path']}: {row['reason'] or 'other bytes than when it was ingested'}")
    if failed:
        run.gate(f"{len(failed)} clips could not be described again: ingest_clips looks at their files anew")


def _stale(warehouse: Warehouse, settings: Settings) -> DataFrame:
    """(clip_id, genre, printed) of the clips whose rows or fingerprint (`printed`) are not current."""
    feature_set = catalogue.feature_set_id("punk", settings.features.segment_s)
    of_clip = warehouse.read("features").groupBy("clip_id")
    current = of_clip.agg(F.bool_and(F.col("feature_set") == feature_set).alias("described")).where("described")
    prints = near_duplicates.current(warehouse).select("clip_id", F.lit(True).alias("printed"))
    clips = warehouse.read("clips").where("duplicate_of IS NULL").select("clip_id", "genre")
    joined = clips.join(current, "clip_id", "left").join(prints, "clip_id", "left")
    printed = F.coalesce("printed", F.lit(False))
    return joined.where(F.col("described").isNull() | ~printed).select("clip_id", "genre", printed.alias("printed"))


def _compared(warehouse: Warehouse, stale: DataFrame, settings: Settings) -> DataFrame:
    """Stale clips with what their rows lack of the current set.

    `lacking`: names of the entries to measure, between commas, null for all of them; `known_s`: how long the clip was
    when it was described.
    """
    size = round(settings.features.segment_s * SAMPLE_RATE_HZ)
    ids = stale.select("clip_id")
    known = warehouse.read("features").join(ids, "clip_id", "left_semi").groupBy("clip_id").agg(*_known(size))
    samples = F.round(F.col("known_s") * SAMPLE_RATE_HZ).cast("long")
    pieces = F.floor(samples / size) + F.when(2 * (samples % size) >= size, 1).otherwise(0)
    as_cut = F.col("segments") == F.when(samples <= size, 1).otherwise(pieces)
    as_cut &= F.col("first_s") == F.least(samples, F.lit(size)) / SAMPLE_RATE_HZ
    lacking = F.when(F.col("side_by_side") & as_cut, F.col("lacking")).alias("lacking")
    return stale.join(known, "clip_id", "left").select(*stale.columns, lacking, "known_s")


def _known(size: int) -> list[Column]:
    """What is asked of the rows of a clip: how it is cut into segments, and which entries lack a value in any row."""
    at = (F.col("segment") * size).cast("double") / SAMPLE_RATE_HZ
    lacking = [
        F.when(F.bool_or(reduce(or_, (F.col(s.name).isNull() for s in entry.scalars))), F.lit(entry.name))
        for entry in catalogue.entries("punk")
    ]
    return [
        F.max(F.when(F.col("segment") == -1, F.col("duration_s"))).alias("known_s"),
        F.max(F.when(F.col("segment") == 0, F.col("duration_s"))).alias("first_s"),
        F.count_if(F.col("segment") >= 0).alias("segments"),
        F.bool_and((F.col("segment") == -1) | (F.col("start_s") == at)).alias("side_by_side"),
        F.concat_ws(",", *lacking).alias("lacking"),
    ]


def _mark_current(warehouse: Warehouse, clips: DataFrame, settings: Settings, run: Run) -> None:
    """Rows that have every value of the current set are of it: nothing is opened."""
    feature_set = catalogue.feature_set_id("punk", settings.features.segment_s)
    marked = clips.select("clip_id", F.lit(feature_set).alias("feature_set"))
    other = warehouse.read("features").where(F.col("feature_set") != feature_set).select("clip_id").distinct()
    marked = marked.join(other, "clip_id", "left_semi").localCheckpoint()
    count = marked.count()
    if count:
        warehouse.assign("features", marked, ("clip_id",), ("feature_set",))
        run.counts["marked_current"] = count
        say(f"{count} clips have all features of this version: their files were not opened")


def _completed(warehouse: Warehouse, rows: DataFrame) -> DataFrame:
    """New rows with the values that the table has for the same pieces; the new ones only where it has none."""
    names = [column.name for column in catalogue.columns("punk")]
    whole_s = F.max(F.when(F.col("segment") == -1, F.col("duration_s"))).over(Window.partitionBy("clip_id"))
    known = warehouse.read("features").join(rows.select("clip_id").distinct(), "clip_id", "left_semi")
    known = known.withColumn("whole_s", whole_s).select(*PIECE, F.struct(*names).alias("known"))
    both = rows.withColumn("whole_s", whole_s).join(known, list(PIECE), "left")
    # what was not measured is NaN
    values = [F.coalesce(F.col(f"known.{n}"), F.when(~F.isnan(n), F.col(n))).alias(n) for n in names]
    keys = [field.name for field in schemas.features() if field.name not in names]
    return both.select(*keys, *values)
