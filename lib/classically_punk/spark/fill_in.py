"""Clips whose features or fingerprint are missing or of an older definition: their files are opened and described."""

from __future__ import annotations

from pyspark.sql import functions as F  # noqa: N812

from classically_punk.features import catalogue
from classically_punk.settings import Settings
from classically_punk.spark import coherence, near_duplicates
from classically_punk.spark.extract import describe_files
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
    found = warehouse.staged("stale", stale.join(first_files(warehouse), "clip_id"))
    if found.isEmpty():
        warehouse.drop_staged()
        return
    with run.stage("extract"):
        was_coherent = coherence.remembered(warehouse) is not None
        again, how = describe_files(found, settings, run.run_id)
        with watched(warehouse.spark.sparkContext, "clips described again", how):
            described = warehouse.staged("described-again", again)
        same = F.col("described.clip_id") == F.col("clip_id")
        write_features(warehouse, described.where(same), settings)
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
