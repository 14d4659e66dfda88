"""Clips taken out for good, as an artist may ask: rows, sums, exhibits, neighbours, and the model made without them.

What is withdrawn is noted first, by its hashes; everything after follows from that note, so that a run that is killed
can be run again. Last, files of older versions of the tables are removed: time travel finds nothing of it either.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from classically_punk.audio import inventory
from classically_punk.errors import ConfigError
from classically_punk.features import feedback
from classically_punk.modelling import published, training_clips
from classically_punk.settings import Settings
from classically_punk.spark import exhibits, near_duplicates, pipeline, sums, withdrawn
from classically_punk.spark.altered import alter_clips
from classically_punk.spark.genre_models import train_genres
from classically_punk.spark.progress import say
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse
from classically_punk.spark.update import updated

OF_CLIPS = ("predictions", "altered_features", "fingerprints", "features", "clips")
"""Tables with rows of single clips, in the order in which they lose them."""
EMPTIED = (*OF_CLIPS, "files", "sums", "summed_clips")
"""Tables whose older versions may hold them."""
SHOWN = 5


def named(settings: Settings) -> list[str]:
    """What is to be withdrawn, as it was named: clip_id or path, each once. Raises ConfigError."""
    names = list(settings.withdraw.clips)
    if settings.withdraw.list:
        path = Path(settings.withdraw.list)
        try:
            names += path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise ConfigError("withdraw.list", f"cannot read {path}: {reason}") from None
    names = list(dict.fromkeys(name.strip() for name in names if name.strip()))
    if not names:
        raise ConfigError("withdraw.clips", "names no clip; give clip_id or path here or in withdraw.list, one a line")
    return names


def withdraw_clips(warehouse: Warehouse, settings: Settings, run: Run) -> None:
    """Takes out what is named, and whatever holds the same audio. Raises ConfigError, before anything is written, for a
    name that nothing is known by.
    """
    with run.stage("withdraw"):
        found = _resolved(warehouse, named(settings))
        together = _same_recordings(warehouse, settings, found)
        _note(warehouse, together, run)
        gone = warehouse.read(withdrawn.TABLE).select("clip_id")
        run.counts["withdrawn"] = len(together)
        run.counts["files_withdrawn"] = _files(warehouse, gone, run)
        for name in OF_CLIPS:
            _remove(warehouse, name, gone)
        _choose_anew(warehouse, gone, run)
        refused = withdrawn.Refused.of(warehouse)
        for clip_id in exhibits.kept(warehouse.root) & refused.ids:
            exhibits.drop(warehouse.root, clip_id)
        run.counts["feedback_lines_removed"] = feedback.remove(warehouse.root, refused.has)
    _republish(warehouse, settings, run)
    with run.stage("vacuum"):
        for name in EMPTIED:
            warehouse.vacuum(name, 0.0)
    say(f"{len(together)} clips withdrawn; their bytes and their audio are not taken in again")
    say("reports and slides still show what they showed: run evaluate_genres and write_report")


def _resolved(warehouse: Warehouse, names: Sequence[str]) -> set[str]:
    """Names -> clip_id of all of them. Raises ConfigError for those that nothing is known by."""
    spellings = {name: {name, inventory.path_text(os.path.abspath(os.fsencode(name)))} for name in names}  # noqa: PTH100
    asked = [(name, spelling) for name, several in spellings.items() for spelling in sorted(several)]
    told = F.broadcast(warehouse.spark.createDataFrame(asked, "name string, spelling string"))
    clips, files = warehouse.read("clips"), warehouse.read("files")
    known = (
        clips.select(F.col("clip_id").alias("spelling"), "clip_id"),
        warehouse.read(withdrawn.TABLE).select(F.col("clip_id").alias("spelling"), "clip_id"),
        clips.where("path IS NOT NULL").select(F.col("path").alias("spelling"), "clip_id"),
        files.select(F.col("path").alias("spelling"), F.coalesce("clip_id", "content_sha256").alias("clip_id")),
    )
    found: dict[str, set[str]] = {}
    for side in known:
        for row in told.join(side.where("clip_id IS NOT NULL"), "spelling").select("name", "clip_id").collect():
            found.setdefault(row["name"], set()).add(row["clip_id"])
    unknown = [name for name in names if name not in found]
    if unknown:
        some = ", ".join(repr(name) for name in unknown[:SHOWN])
        raise ConfigError("withdraw.clips", f"no clip is known as {some} ({len(unknown)} of {len(names)} names)")
    return set().union(*found.values())


def _same_recordings(warehouse: Warehouse, settings: Settings, found: set[str]) -> dict[str, str | None]:
    """Clips -> those and all others of the same audio, with its SHA-256; near-duplicates too if they are asked for."""
    clips = warehouse.read("clips").withColumn("recording", F.coalesce("near_duplicate_of", "clip_id"))
    told = warehouse.spark.createDataFrame([(clip,) for clip in sorted(found)], "clip_id string")
    mine = clips.join(F.broadcast(told), "clip_id", "left_semi")
    noted = warehouse.read(withdrawn.TABLE).join(F.broadcast(told), "clip_id", "left_semi")
    alike = {row["clip_id"]: row["audio_sha256"] for row in noted.select("clip_id", "audio_sha256").collect()}
    wanted = {"near-duplicate": mine.select("recording").distinct(), "same": mine.select("audio_sha256").distinct()}
    near = clips.join(F.broadcast(wanted["near-duplicate"]), "recording", "left_semi")
    if settings.withdraw.near_duplicates:
        mine = near
    audio = mine.where("audio_sha256 IS NOT NULL").select("audio_sha256").distinct()
    for side in (mine, clips.join(F.broadcast(audio), "audio_sha256", "left_semi")):
        alike |= {row["clip_id"]: row["audio_sha256"] for row in side.select("clip_id", "audio_sha256").collect()}
    alike |= dict.fromkeys(found - alike.keys())  # a file of which no clip is left
    stay = sorted(row["clip_id"] for row in near.select("clip_id").collect() if row["clip_id"] not in alike)
    if stay:
        more = "--withdraw.near_duplicates=true takes them out too"
        say(f"warning: {len(stay)} near-duplicates of what is withdrawn stay, such as {stay[0]}; {more}")
    return alike


def _note(warehouse: Warehouse, clips: Mapping[str, str | None], run: Run) -> None:
    rows = [(clip, audio, run.started_at, run.run_id) for clip, audio in sorted(clips.items())]
    schema = "clip_id string, audio_sha256 string, withdrawn_at timestamp, run_id string"
    fresh = warehouse.spark.createDataFrame(rows, schema)
    fresh = fresh.join(warehouse.read(withdrawn.TABLE), "clip_id", "left_anti").localCheckpoint()
    if not fresh.isEmpty():
        warehouse.append(withdrawn.TABLE, fresh)


def _files(warehouse: Warehouse, gone: DataFrame, run: Run) -> int:
    """Files of withdrawn clips: path and hash stay, as skipped, with a row in `rejects` -> how many there are.

    A file that is no longer there stays `gone`, and is refused by its hash should it come back.
    """
    files = warehouse.read("files")
    mine = files.join(gone, F.col("content_sha256") == gone["clip_id"], "left_semi")
    gone_file = F.col("status") == "gone"
    desired = mine.withColumns(
        {
            "status": F.when(gone_file, F.col("status")).otherwise(F.lit("skipped")),
            "reason": F.when(gone_file, F.col("reason")).otherwise(F.lit(withdrawn.CODE)),
            "clip_id": F.lit(None).cast("string"),
        }
    )
    values = ("status", "reason", "clip_id")
    moved = desired.withColumn("last_run_id", F.lit(run.run_id)).join(
        files.select("path_bytes", F.struct(*values).alias("was")), "path_bytes"
    )
    moved = moved.where(~F.struct(*values).eqNullSafe(F.col("was"))).drop("was").localCheckpoint()
    if not moved.isEmpty():
        warehouse.assign("files", moved, ("path_bytes",), (*values, "last_run_id"))
    skipped = warehouse.read("files").where(F.col("reason") == withdrawn.CODE).select("path", "reason")
    told = {"detail": F.lit(withdrawn.BYTES), "stage": F.lit(withdrawn.STAGE), "run_id": F.lit(run.run_id)}
    known = warehouse.read("rejects").where(F.col("reason") == withdrawn.CODE).select("path")
    fresh = skipped.join(known, "path", "left_anti").withColumns(told).localCheckpoint()
    if not fresh.isEmpty():
        warehouse.merge("rejects", fresh, ("path",))
    return mine.count()


def _remove(warehouse: Warehouse, name: str, gone: DataFrame) -> None:
    if not warehouse.read(name).join(F.broadcast(gone), "clip_id", "left_semi").limit(1).isEmpty():
        warehouse.remove(name, gone, ("clip_id",))


def _choose_anew(warehouse: Warehouse, gone: DataFrame, run: Run) -> None:
    """Clips that were near-duplicates of a withdrawn one get another first. Exact duplicates have gone with it."""
    clips = warehouse.read("clips")
    orphans = clips.join(F.broadcast(gone), clips["near_duplicate_of"] == gone["clip_id"], "left_semi")
    if not orphans.limit(1).isEmpty():
        marked = near_duplicates.marked(warehouse, clips, warehouse.read("files"), run)
        warehouse.write_changed("clips", marked, ("clip_id",))


def _republish(warehouse: Warehouse, settings: Settings, run: Run) -> None:
    """A model without them, by sums or else by a fit; none is left in force where none can be fitted."""
    root, gone = warehouse.root, warehouse.read(withdrawn.TABLE).select("clip_id")
    if (root / published.FOLDER / published.CURRENT).exists():
        try:
            alter_clips(warehouse, settings, run)
            if updated(warehouse, settings, run) is None:
                train_genres(warehouse, settings, run, pipeline.training(warehouse, settings))
        except ConfigError as error:
            published.take_back(root)
            run.gate(f"no model is published any more, since none can be fitted without them: {error}")
    counted = warehouse.read(sums.CLIPS).join(F.broadcast(gone), "clip_id", "left_semi")
    if not counted.limit(1).isEmpty():
        sums.clear(warehouse)  # those of a model that is not in force
    for listed in training_clips.superseded(root, pointed=False):
        listed.unlink()
