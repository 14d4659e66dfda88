"""Clips whose features or fingerprint are missing or of an older definition: their files are opened and described."""

from __future__ import annotations

from pyspark.sql import functions as F  # noqa: N812

from classically_punk.features import catalogue
from classically_punk.settings import Settings
from classically_punk.spark import near_duplicates
from classically_punk.spark.extract import describe_files, feature_rows, tasks_by_bytes
from classically_punk.spark.ingest import write_features
from classically_punk.spark.present import first_files
from classically_punk.spark.progress import say, watched
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse


def extract_features(warehouse: Warehouse, settings: Settings, run: Run) -> None:
    """Describes present clips whose rows are not all of the current definitions; a changed file fails the gate."""
    feature_set = catalogue.feature_set_id("punk", settings.features.segment_s)
    of_clip = warehouse.read("features").groupBy("clip_id")
    current = of_clip.agg(F.bool_and(F.col("feature_set") == feature_set).alias("all")).where("all").select("clip_id")
    clips = warehouse.read("clips").where("duplicate_of IS NULL").select("clip_id", "genre")
    current = current.join(near_duplicates.current(warehouse), "clip_id", "left_semi")
    stale = clips.join(current, "clip_id", "left_anti")
    found = stale.join(first_files(warehouse), "clip_id").toPandas()
    if found.empty:
        return
    found["task"] = tasks_by_bytes(found["size_bytes"].tolist(), settings.run.files_per_task)
    schema = "clip_id string, genre string, path string, path_bytes binary, size_bytes long, modified_ns long, task int"
    columns = [column.split()[0] for column in schema.split(", ")]
    with run.stage("extract"):
        opened = warehouse.spark.createDataFrame(found[columns], schema)
        with watched(warehouse.spark.sparkContext, "clips described again", len(found)):
            again = describe_files(opened, len(found), settings, run.run_id)
            described = warehouse.staged("described-again", again)
        same = F.col("described.clip_id") == F.col("clip_id")
        write_features(warehouse, feature_rows(described.where(same), settings))
        near_duplicates.write_fingerprints(warehouse, described.where(same))
        marked = near_duplicates.marked(warehouse, warehouse.read("clips"), warehouse.read("files"), run)
        warehouse.write_changed("clips", marked, ("clip_id",))
        failed = described.where(~F.coalesce(same, F.lit(False))).select("path", "described.reason").collect()
    warehouse.drop_staged()
    run.counts["extracted"] = len(found) - len(failed)
    for row in failed[:5]:
        say(f"not described: {row['path']}: {row['reason'] or 'other bytes than when it was ingested'}")
    if failed:
        run.gate(f"{len(failed)} clips could not be described again: ingest_clips looks at their files anew")
