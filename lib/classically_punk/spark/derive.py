"""What `files` and `clips` should say: derived from what is there, for everything or for what a change touches.

A change touches the clips that its files hold or held, the clips with the same audio as these, and their files.
Nothing that is derived here looks further, so that a part derived alone is that part of everything derived anew.
Near-duplicates look further: see `near_duplicates`.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from classically_punk.audio import decode
from classically_punk.settings import Settings
from classically_punk.spark import schemas, withdrawn
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse

SKIPPED = ("NOT_REGULAR", withdrawn.CODE)
"""Reasons for which a file is skipped, not rejected: it is no file of the corpus at all, or no longer."""
LABELS = ("genre", "group_id", "split")


@dataclass(frozen=True)
class Known:
    """Rows of `files` and `clips` as they are: all of them, or all that a change touches."""

    files: DataFrame
    clips: DataFrame
    whole: bool


def everything(warehouse: Warehouse) -> Known:
    """All rows of both tables."""
    return Known(warehouse.read("files"), warehouse.read("clips"), whole=True)


def touched(warehouse: Warehouse, changed: DataFrame, described: DataFrame) -> Known:
    """What a change touches: its clips, all with the same audio, and their files; put aside, for it is little."""
    files, clips = warehouse.read("files"), warehouse.read("clips")
    held = changed.select(F.col("known_clip_id").alias("clip_id"))
    ids = held.unionByName(described.select("described.clip_id")).where("clip_id IS NOT NULL").distinct()
    # the tables are large beside a change: they are read through it, not sorted
    audio = clips.join(F.broadcast(ids), "clip_id", "left_semi").select("audio_sha256")
    audio = audio.unionByName(described.select("described.audio_sha256")).where("audio_sha256 IS NOT NULL").distinct()
    clips = warehouse.staged("touched-clips", clips.join(F.broadcast(audio), "audio_sha256", "left_semi"))
    of_clips = files.join(F.broadcast(clips.select("clip_id")), "clip_id", "left_semi").select(*schemas.FILES.names)
    return Known(warehouse.staged("touched-files", of_clips), clips.select(*schemas.CLIPS.names), whole=False)


def desired_files(
    known: DataFrame, changed: DataFrame, described: DataFrame, settings: Settings, run: Run
) -> DataFrame:
    """Known rows of `files` as they should be now: the changed ones, all others as they are but for DUPLICATE."""
    read = described.select("path_bytes", F.col("described.clip_id"), F.col("described.reason").alias("read_reason"))
    changed = changed.join(read, "path_bytes", "left")
    is_open, is_gone, is_relabel = (F.col("action") == a for a in ("open", "gone", "relabel"))
    was = {c: F.col(f"known_{c}") for c in schemas.FILES.names if c != "path_bytes"}
    new_reason = F.when(is_open, F.col("read_reason")).otherwise(F.col("reason"))
    new_status = (
        F.when(is_gone, F.lit("gone"))
        .when(is_relabel, was["status"])
        .when(new_reason.isNull(), F.lit("accepted"))
        .when(new_reason.isin(*SKIPPED), F.lit("skipped"))
        .otherwise(F.lit("rejected"))
    )
    kept = is_gone | is_relabel
    values: dict[str, Column] = {
        "path": F.coalesce(F.col("path"), was["path"]),
        "path_bytes": F.col("path_bytes"),
        "size_bytes": F.when(is_gone, was["size_bytes"]).otherwise(F.col("size_bytes")),
        "modified_at": F.when(is_gone, was["modified_at"]).otherwise(F.col("modified_at")),
        "content_sha256": F.when(kept, was["content_sha256"]).otherwise(F.col("clip_id")),
        "status": new_status,
        "clip_id": F.when(kept, was["clip_id"]).when(new_reason.isNull(), F.col("clip_id")),
        "reason": F.when(is_gone, F.lit(None)).when(is_relabel, was["reason"]).otherwise(new_reason),
        **{c: F.when(is_gone, was[c]).otherwise(F.col(c)) for c in LABELS},
        "reader_digest": F.when(kept, was["reader_digest"]).when(
            is_open, F.lit(decode.reader_digest(settings.limits, settings.features.whole_clip_s))
        ),
        "last_run_id": F.lit(run.run_id),
    }
    changed = changed.select(*(value.alias(name) for name, value in values.items()))
    untouched = known.join(changed.select("path_bytes"), "path_bytes", "left_anti")
    return _mark_duplicates(changed.unionByName(untouched.select(*schemas.FILES.names)), run)


def _mark_duplicates(files: DataFrame, run: Run) -> DataFrame:
    """Accepted files of one content: the smallest path has no reason, all others DUPLICATE."""
    order = Window.partitionBy("clip_id").orderBy("path_bytes")
    live = F.col("status") == "accepted"
    accepted = files.where(live).withColumn("at", F.row_number().over(order))
    reason = F.when(F.col("at") > 1, F.lit("DUPLICATE"))
    moved = ~F.col("reason").eqNullSafe(reason)
    accepted = accepted.withColumn("last_run_id", F.when(moved, F.lit(run.run_id)).otherwise(F.col("last_run_id")))
    accepted = accepted.withColumn("reason", reason).drop("at")
    return accepted.unionByName(files.where(~live))


def desired_clips(known: DataFrame, files: DataFrame, described: DataFrame, run: Run) -> DataFrame:
    """Known and new rows of `clips` as they should be now: labels and duplicates derived from the files."""
    d = "described"
    fresh = described.where(F.col(f"{d}.reason").isNull()).withColumn("clip_id", F.col(f"{d}.clip_id"))
    facts = ("audio_sha256", "duration_s", "sample_rate_hz", "channels", "container", "codec", "warnings", "decoder")
    fresh = fresh.select("clip_id", *(F.col(f"{d}.{c}").alias(c) for c in facts)).dropDuplicates(["clip_id"])
    # a clip that somebody sent is now in a file, too: what the file holds takes the place of what was sent
    sent = known.where("decoder = 'feedback'").join(fresh, "clip_id", "left_semi").select("clip_id")
    known = known.join(sent, "clip_id", "left_anti")
    fresh = fresh.join(known.select("clip_id"), "clip_id", "left_anti").withColumns(
        {"ingested_at": F.lit(run.started_at).cast("timestamp"), "run_id": F.lit(run.run_id)}
    )
    base = known.select(*fresh.columns, "near_duplicate_of", *(F.col(c).alias(f"old_{c}") for c in ("path", *LABELS)))
    return _with_labels(base.unionByName(fresh, allowMissingColumns=True), files)


def _with_labels(clips: DataFrame, files: DataFrame) -> DataFrame:
    live = files.where("status = 'accepted'").groupBy("clip_id")
    of_files = live.agg(
        F.min("path_bytes").alias("first_path"),
        F.min_by("path", "path_bytes").alias("path"),
        F.array_sort(F.collect_set("genre")).alias("genres"),
        F.min("group_id").alias("group_id"),
        F.min("split").alias("split"),
    )
    joined = clips.join(of_files, "clip_id", "left")
    alive = F.col("first_path").isNotNull()
    same_audio = Window.partitionBy("audio_sha256", "alive")
    joined = joined.withColumn("alive", alive)
    joined = joined.withColumn("first", F.min_by("clip_id", F.struct("ingested_at", "first_path")).over(same_audio))
    joined = joined.withColumn("genres", F.array_distinct(F.flatten(F.collect_list("genres").over(same_audio))))
    conflict = F.size("genres") > 1
    plain = F.array_remove("warnings", F.lit("LABEL_CONFLICT"))
    derived: dict[str, Column] = {
        "duplicate_of": F.when(F.col("first") != F.col("clip_id"), F.col("first")),
        "path": F.col("path"),
        "genre": F.when(~conflict, F.try_element_at("genres", F.lit(1))),
        "group_id": F.col("group_id"),
        "split": F.col("split"),
        "warnings": F.when(conflict, F.array_append(plain, F.lit("LABEL_CONFLICT"))).otherwise(plain),
    }
    # a clip whose files have gone, or that never had one, keeps what was last known of it
    fallback = {c: F.col(f"old_{c}") for c in ("path", *LABELS)} | {"duplicate_of": F.lit(None), "warnings": plain}
    columns = [
        F.when(F.col("alive"), derived[c]).otherwise(fallback[c]).cast(schemas.CLIPS[c].dataType).alias(c)
        if c in derived
        else F.col(c)
        for c in schemas.CLIPS.names
    ]
    return joined.select(*columns)


def relabelled(known: DataFrame, clips: DataFrame) -> DataFrame:
    """(clip_id, genre) of known clips that now have another genre, or none, or have one at last."""
    was = known.select("clip_id", F.col("genre").alias("was"))
    moved = clips.select("clip_id", "genre").join(was, "clip_id")
    return moved.where(~F.col("genre").eqNullSafe(F.col("was"))).select("clip_id", "genre")
