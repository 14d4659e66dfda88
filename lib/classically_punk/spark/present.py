"""What is there now: clips that a file still holds, and the file that stands for each."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from classically_punk.spark.tables import Warehouse

ACCEPTED = "status = 'accepted'"


def live(files: DataFrame) -> DataFrame:
    """Rows of `files` -> clip_id of every clip with an accepted file, each once."""
    return files.where(ACCEPTED).select("clip_id").distinct()


def present_clips(warehouse: Warehouse, *, feedback: bool = False, only: DataFrame | None = None) -> DataFrame:
    """Rows of `clips` that have a live file, and the published ones, which never had any.

    With `feedback` also what people sent and labelled with a genre of these, where none of these has the same audio.
    With a few `only` (clip_id), those of them.
    """
    clips, files = warehouse.read("clips"), warehouse.read("files")
    if only is not None and not feedback:  # what people sent depends on all others
        clips, files = (table.join(F.broadcast(only), "clip_id", "left_semi") for table in (clips, files))
    published = clips.where("decoder = 'published'")
    sent = clips.where("decoder = 'feedback'")
    of_files = clips.where("decoder NOT IN ('published', 'feedback')")
    present = of_files.join(live(files), "clip_id", "left_semi").unionByName(published)
    if not feedback:
        return present
    sent = sent.join(present.select("genre"), "genre", "left_semi").join(present, "audio_sha256", "left_anti")
    at = F.row_number().over(Window.partitionBy("audio_sha256").orderBy("clip_id"))
    first = sent.withColumn("at", at).where("at = 1")
    every = present.unionByName(first.select(*present.columns))
    return every if only is None else every.join(F.broadcast(only), "clip_id", "left_semi")


def first_files(warehouse: Warehouse) -> DataFrame:
    """One accepted file of each clip, the smallest path: clip_id, path, path_bytes, size_bytes, modified_ns."""
    first = F.row_number().over(Window.partitionBy("clip_id").orderBy("path_bytes"))
    files = warehouse.read("files").where(ACCEPTED).withColumn("at", first).where("at = 1")
    modified_ns = (F.unix_micros("modified_at") * 1000).alias("modified_ns")
    return files.select("clip_id", "path", "path_bytes", "size_bytes", modified_ns)
