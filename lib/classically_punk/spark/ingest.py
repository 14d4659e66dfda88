"""Audio files -> `files`, `clips`, `rejects` and `features`: what changed since the last run, and only that.

The walk is the inventory. Files that are new or differ in size, time or reader are opened once, in the executors;
everything the tables say about labels and duplicates is then derived anew, and only rows that differ are written.
`files` is written last: a run that dies before leaves its files to be read again, and every merge can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from classically_punk.audio import decode, inventory, labels, remote
from classically_punk.errors import ConfigError
from classically_punk.settings import Settings
from classically_punk.spark import exhibits, hadoop, near_duplicates, schemas
from classically_punk.spark.extract import describe_files, feature_rows, tasks_by_bytes
from classically_punk.spark.feedback import STAGE, take_feedback
from classically_punk.spark.progress import say, watched
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse

SKIPPED = ("NOT_REGULAR",)
"""Reasons for which a file is skipped, not rejected: it is no file of the corpus at all."""
ACCOUNTED = ("accepted", "rejected", "skipped")
"""What a file that is there may be; one that has gone is `gone`."""
TRANSIENT = ("UNREADABLE", "CHANGED_DURING_READ", "INTERNAL_ERROR")
"""Reasons that may be gone next time: such files are opened again by every run."""
WITHOUT_FILES = ("published", "feedback")
"""Decoders of clips that have no file."""
SEEN = (
    "path string, path_bytes binary, size_bytes long, modified_ns long, modified_at timestamp, "
    "reason string, detail string, genre string, group_id string, split string"
)
LABELS = ("genre", "group_id", "split")


def ingest_clips(warehouse: Warehouse, settings: Settings, run: Run) -> None:
    """Reads what is new below `corpus.root` into the tables. Raises ConfigError for a corpus without files."""
    root = remote.root_of(settings)
    with run.stage("inventory"):
        found = seen_files(root, settings)
        if found.empty:
            raise ConfigError("corpus.root", f"no files below {inventory.path_text(root)}")
        plan = warehouse.staged("plan", plan_of(warehouse, found, root, settings))
        actions = {row["action"]: row["count"] for row in plan.groupBy("action").count().collect()}
    run.counts |= {"seen": len(found), "to_open": actions.get("open", 0), "gone": actions.get("gone", 0)}
    say(f"{len(found)} files seen, {run.counts['to_open']} to open, {run.counts['gone']} gone")
    if set(actions) - {"same"}:
        _apply(warehouse, plan, settings, run)
    with run.stage("reconcile"):
        _reconcile(warehouse, plan.where("here").select("path_bytes"), root, run, settings)
    take_feedback(warehouse, settings, run)
    warehouse.drop_staged()


def seen_files(root: bytes, settings: Settings) -> pd.DataFrame:
    """The walk below `root` with its labels: one row a file, columns as in SEEN. Raises ConfigError."""
    label = _labeller(root, settings)
    rows = []
    for found in hadoop.walk(root, settings):
        genre, group_id, split = label(found.path)
        # Delta keeps microseconds: what is compared with the table is cut to them
        when = pd.Timestamp(found.modified_ns // 1000 * 1000, unit="ns", tz="UTC")
        text = inventory.path_text(found.path)
        row = (text, found.path, found.size_bytes, found.modified_ns, when, found.reason, found.detail)
        rows.append((*row, genre, group_id, split))
    return pd.DataFrame(rows, columns=[column.split()[0] for column in SEEN.split(", ")])


def _labeller(root: bytes, settings: Settings) -> Callable[[bytes], tuple[str | None, str | None, str | None]]:
    if settings.corpus.labels == "none":
        return lambda path: (None, None, None)
    if settings.corpus.labels == "manifest":
        manifest: Mapping[bytes, labels.Label] = labels.read_manifest(Path(settings.need("corpus.manifest")), root)

        def from_manifest(path: bytes) -> tuple[str | None, str | None, str | None]:
            entry = manifest.get(path)
            return (entry.genre, entry.group_id, entry.split) if entry else (None, None, None)

        return from_manifest
    return lambda path: (labels.folder_label(root, path), None, None)


def _below(column: Column, root: bytes) -> Column:
    return F.startswith(column, F.lit(root.rstrip(b"/") + b"/"))


def plan_of(warehouse: Warehouse, found: pd.DataFrame, root: bytes, settings: Settings) -> DataFrame:
    """Seen joined with known files, each with an `action`: open, settle (by the walk alone), relabel, gone or same."""
    seen = warehouse.spark.createDataFrame(found, SEEN)
    known = _accounted(warehouse, warehouse.read("files").where(_below(F.col("path_bytes"), root)))
    known = known.select("path_bytes", *(F.col(c).alias(f"known_{c}") for c in known.columns if c != "path_bytes"))
    both = seen.withColumn("here", F.lit(True)).join(known, "path_bytes", "full_outer")
    reader = F.lit(decode.reader_digest(settings.limits, settings.features.whole_clip_s))
    same_bytes = (
        F.col("size_bytes").eqNullSafe(F.col("known_size_bytes"))
        & F.col("modified_at").eqNullSafe(F.col("known_modified_at"))
        & F.col("known_reader_digest").eqNullSafe(reader)
        & F.col("known_status").isin("accepted", "rejected")
        & F.col("known_accounted")
        & ~F.coalesce(F.col("known_reason").isin(*TRANSIENT), F.lit(False))
    )
    same_labels = _equal(F.col, LABELS)
    settled = F.col("reason").isNotNull()
    same_settled = F.col("reason").eqNullSafe(F.col("known_reason")) & F.col("known_status").isin("rejected", "skipped")
    same_settled = same_settled & F.col("known_accounted")
    withdrawn = F.col("known_reason").eqNullSafe(F.lit("WITHDRAWN"))
    action = (
        F.when(F.col("here").isNull() & (F.col("known_status") == "gone"), "same")
        .when(F.col("here").isNull(), "gone")
        .when(withdrawn, "same")
        .when(settled & same_settled & same_labels, "same")
        .when(settled, "settle")
        .when(same_bytes & same_labels, "same")
        .when(same_bytes, "relabel")
        .otherwise("open")
    )
    return both.withColumn("action", action)


def _accounted(warehouse: Warehouse, files: DataFrame) -> DataFrame:
    """Rows of `files` with `accounted`: whether the row of `clips` or `rejects` that they speak of is there.

    `files` is written last, so it always is, unless a table lost a commit: then the file is read again.
    """
    clips = warehouse.read("clips").select("clip_id", F.lit(True).alias("in_clips"))
    rejects = warehouse.read("rejects").select("path", F.lit(True).alias("in_rejects"))
    there = F.when(F.col("status") == "accepted", F.col("in_clips")).otherwise(F.col("in_rejects")).isNotNull()
    joined = files.join(clips, "clip_id", "left").join(rejects, "path", "left")
    return joined.withColumn("accounted", there).drop("in_clips", "in_rejects")


def _equal(column: Callable[[str], Column], names: tuple[str, ...]) -> Column:
    same = F.lit(True)
    for name in names:
        same = same & column(name).eqNullSafe(column(f"known_{name}"))
    return same


def _apply(warehouse: Warehouse, plan: DataFrame, settings: Settings, run: Run) -> None:
    with run.stage("describe"):
        described = _describe(warehouse, plan, settings, run)
        counted = described.agg(
            F.count("*").alias("opened"),
            F.count_if(F.col("described.reason").isNull()).alias("described"),
            F.count_if(F.col("described.reason") == "INTERNAL_ERROR").alias("internal"),
            F.count_if(F.col("described.reason") == "UNREADABLE").alias("unreadable"),
        ).first()
        run.counts |= counted.asDict() if counted else {}
    with run.stage("derive"):
        files = warehouse.staged("files", _desired_files(warehouse, plan, described, settings, run))
        clips = warehouse.staged("clips", _desired_clips(warehouse.read("clips"), files, described, run))
    with run.stage("near-duplicates"):
        if run.counts["described"]:
            near_duplicates.write_fingerprints(warehouse, _firsts(described, clips))
        clips = near_duplicates.marked(warehouse, clips, files, run)
    with run.stage("write tables"):
        warehouse.at_once(
            lambda: _write_features(warehouse, described, clips, settings, run),
            lambda: warehouse.write_changed("clips", clips, ("clip_id",)),
            lambda: _write_rejects(warehouse, plan, described, files, run),
        )
        warehouse.write_changed("files", files, ("path_bytes",))  # last: now the files count as read
    if run.counts["unreadable"]:
        say(f"{run.counts['unreadable']} files could not be read: the next run tries them again")
    if run.counts["internal"]:
        run.gate(f"{run.counts['internal']} files met an error nobody foresaw (INTERNAL_ERROR in rejects)")


def _describe(warehouse: Warehouse, plan: DataFrame, settings: Settings, run: Run) -> DataFrame:
    """The files to open, with `described`; computed once and put aside."""
    columns = ("path", "path_bytes", "size_bytes", "modified_ns", "genre")
    opened = plan.where("action = 'open'").select(*columns).toPandas().sort_values("path_bytes", ignore_index=True)
    opened["task"] = tasks_by_bytes(opened["size_bytes"].tolist(), settings.run.files_per_task)
    schema = "path string, path_bytes binary, size_bytes long, modified_ns long, genre string, task int"
    placed = warehouse.spark.createDataFrame(opened, schema)
    theirs = hadoop.among(opened["path_bytes"])
    with watched(warehouse.spark.sparkContext, "files described", len(opened)):
        return warehouse.staged("described", describe_files(placed, len(opened), settings, run.run_id, theirs))


def _write_features(warehouse: Warehouse, described: DataFrame, clips: DataFrame, settings: Settings, run: Run) -> None:
    if run.counts["described"]:
        write_features(warehouse, feature_rows(_firsts(described, clips), settings))
        exhibits.keep(warehouse.root, described)
    _relabel_features(warehouse, clips)


def _firsts(described: DataFrame, clips: DataFrame) -> DataFrame:
    """One row per described content that is the first with its audio: (clip_id, genre, described)."""
    fresh = described.where("described.reason IS NULL").select("described", F.col("described.clip_id"))
    first = clips.where("duplicate_of IS NULL").select("clip_id", "genre")
    return fresh.dropDuplicates(["clip_id"]).join(first, "clip_id")


def _desired_files(
    warehouse: Warehouse, plan: DataFrame, described: DataFrame, settings: Settings, run: Run
) -> DataFrame:
    """Every row of `files` as it should be now: changed ones of this root, all others as they are but for DUPLICATE."""
    read = described.select("path_bytes", F.col("described.clip_id"), F.col("described.reason").alias("read_reason"))
    changed = plan.where("action != 'same'").join(read, "path_bytes", "left")
    is_open, is_gone, is_relabel = (F.col("action") == a for a in ("open", "gone", "relabel"))
    known = {c: F.col(f"known_{c}") for c in schemas.FILES.names if c != "path_bytes"}
    new_reason = F.when(is_open, F.col("read_reason")).otherwise(F.col("reason"))
    new_status = (
        F.when(is_gone, F.lit("gone"))
        .when(is_relabel, known["status"])
        .when(new_reason.isNull(), F.lit("accepted"))
        .when(new_reason.isin(*SKIPPED), F.lit("skipped"))
        .otherwise(F.lit("rejected"))
    )
    kept = is_gone | is_relabel
    values: dict[str, Column] = {
        "path": F.coalesce(F.col("path"), known["path"]),
        "path_bytes": F.col("path_bytes"),
        "size_bytes": F.when(is_gone, known["size_bytes"]).otherwise(F.col("size_bytes")),
        "modified_at": F.when(is_gone, known["modified_at"]).otherwise(F.col("modified_at")),
        "content_sha256": F.when(kept, known["content_sha256"]).otherwise(F.col("clip_id")),
        "status": new_status,
        "clip_id": F.when(kept, known["clip_id"]).otherwise(F.col("clip_id")),
        "reason": F.when(is_gone, F.lit(None)).when(is_relabel, known["reason"]).otherwise(new_reason),
        **{c: F.when(is_gone, known[c]).otherwise(F.col(c)) for c in LABELS},
        "reader_digest": F.when(kept, known["reader_digest"]).when(
            is_open, F.lit(decode.reader_digest(settings.limits, settings.features.whole_clip_s))
        ),
        "last_run_id": F.lit(run.run_id),
    }
    changed = changed.select(*(value.alias(name) for name, value in values.items()))
    untouched = warehouse.read("files").join(changed.select("path_bytes"), "path_bytes", "left_anti")
    everything = changed.unionByName(untouched.select(*schemas.FILES.names))
    return _mark_duplicates(everything, run)


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


def _desired_clips(known: DataFrame, files: DataFrame, described: DataFrame, run: Run) -> DataFrame:
    """Every row of `clips` as it should be now: the known and the new, labels and duplicates derived from the files."""
    d = "described"
    fresh = described.where(F.col(f"{d}.reason").isNull()).withColumn("clip_id", F.col(f"{d}.clip_id"))
    fresh = fresh.dropDuplicates(["clip_id"])
    # a clip that somebody sent is now in a file, too: what the file holds takes the place of what was sent
    sent = known.where("decoder = 'feedback'").join(fresh, "clip_id", "left_semi").select("clip_id")
    known = known.join(sent, "clip_id", "left_anti")
    facts = ("audio_sha256", "duration_s", "sample_rate_hz", "channels", "container", "codec", "warnings", "decoder")
    fresh = fresh.join(known.select("clip_id"), "clip_id", "left_anti").select(
        "clip_id",
        *(F.col(f"{d}.{c}").alias(c) for c in facts),
        F.lit(run.started_at).cast("timestamp").alias("ingested_at"),
        F.lit(run.run_id).alias("run_id"),
    )
    base = known.select(*fresh.columns, "near_duplicate_of", *(F.col(c).alias(f"old_{c}") for c in ("path", *LABELS)))
    everything = base.unionByName(fresh, allowMissingColumns=True)
    return _with_labels(everything, files)


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


def write_features(warehouse: Warehouse, rows: DataFrame) -> None:
    """Rows of `features`, one set of segments per clip: inserts, replaces, and removes segments that are no more."""
    ids = rows.select("clip_id").distinct()
    known = not warehouse.read("features").join(ids, "clip_id", "left_semi").isEmpty()
    if known:
        # in one commit: a run that dies after half of it would leave segments that nothing ever removes
        warehouse.replace("features", rows, ("clip_id", "segment"), whole=("clip_id",))
    else:
        warehouse.merge("features", rows, ("clip_id", "segment"), update=False)


def _relabel_features(warehouse: Warehouse, clips: DataFrame) -> None:
    features = warehouse.read("features").select("clip_id", F.col("genre").alias("was")).distinct()
    moved = clips.select("clip_id", "genre").join(features, "clip_id")
    moved = moved.where(~F.col("genre").eqNullSafe(F.col("was"))).select("clip_id", "genre").localCheckpoint()
    if not moved.isEmpty():
        warehouse.assign("features", moved, ("clip_id",), ("genre",))


def _write_rejects(warehouse: Warehouse, plan: DataFrame, described: DataFrame, files: DataFrame, run: Run) -> None:
    known = warehouse.read("rejects")
    walked = plan.where("action = 'settle'").select("path", "reason", "detail", F.lit("inventory").alias("stage"))
    d = "described"
    read = described.where(F.col(f"{d}.reason").isNotNull())
    read = read.select("path", *(F.col(f"{d}.{c}").alias(c) for c in ("reason", "detail", "stage")))
    fresh = walked.unionByName(read).withColumn("run_id", F.lit(run.run_id))
    same = [c for c in schemas.REJECTS.names if c != "run_id"]
    changed = fresh.join(known.select(*same), same, "left_anti").localCheckpoint()
    if not changed.isEmpty():
        warehouse.merge("rejects", changed, ("path",))
    bad = files.where(F.col("status").isin("rejected", "skipped")).select("path")
    over = known.where(F.col("stage") != STAGE).join(bad, "path", "left_anti").select("path").localCheckpoint()
    if not over.isEmpty():
        warehouse.remove("rejects", over, ("path",))


def _reconcile(warehouse: Warehouse, walked: DataFrame, root: bytes, run: Run, settings: Settings) -> None:
    """Files seen by the walk = accepted + rejected + skipped, path by path; a difference fails the run.

    Counts alone would not do: a file that was lost and another that is no longer there would make up for each other.
    """
    here = warehouse.read("files").where(_below(F.col("path_bytes"), root) & F.col("status").isin(*ACCOUNTED))
    both = walked.withColumn("seen", F.lit(1)).join(here.select("path_bytes", "status"), "path_bytes", "full_outer")
    rows = both.groupBy("seen", "status").agg(F.count("*").alias("n"), F.min("path_bytes").alias("first")).collect()
    found = dict.fromkeys(ACCOUNTED, 0) | {row["status"]: row["n"] for row in rows if row["seen"] and row["status"]}
    run.counts |= found
    seen, accounted = run.counts["seen"], sum(found.values())
    lost = [bytes(row["first"]) for row in rows if row["status"] is None]
    if seen != accounted or lost:
        run.gate(f"{seen} files seen but {accounted} accounted for{_such_as(lost)}")
    gone = [row for row in rows if row["seen"] is None]
    if gone:
        first = [min(bytes(row["first"]) for row in gone)]
        run.gate(f"{sum(row['n'] for row in gone)} files of the tables not seen{_such_as(first)}")
    if found["rejected"] > settings.limits.max_reject_share * seen:
        share = settings.limits.max_reject_share
        run.gate(f"{found['rejected']} of {seen} files rejected, more than limits.max_reject_share = {share}")
    say(f"{seen} files = {found['accepted']} accepted + {found['rejected']} rejected + {found['skipped']} skipped")


def _such_as(paths: list[bytes]) -> str:
    return f", such as {inventory.path_text(paths[0])}" if paths else ""
