"""Audio files -> `files`, `clips`, `rejects` and `features`: what changed since the last run, and only that.

The walk is the inventory. Files that are new or differ in size, time or reader are opened once, in the executors. What
the tables say about labels and duplicates is then derived anew for all that the change touches, and only rows that
differ are written; where the tables are not as the last derivation left them (`coherence`), for everything. `files` is
written last: a run that dies before leaves its files to be read again, and every merge can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from classically_punk.audio import decode, inventory, labels, remote
from classically_punk.errors import ConfigError
from classically_punk.settings import Settings
from classically_punk.spark import coherence, derive, exhibits, hadoop, near_duplicates, schemas, withdrawn
from classically_punk.spark.derive import LABELS, Known
from classically_punk.spark.extract import describe_files, feature_rows
from classically_punk.spark.feedback import STAGE, take_feedback
from classically_punk.spark.progress import say, watched
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse

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
CHANGES = ("open", "settle", "relabel", "gone")
"""Actions that change a row."""
SEEN_AT_ONCE = 50_000
"""Files of the walk that the driver holds at a time."""
FEW, FEW_SHARE = 20_000, 1 / 3
"""Changed files, and their share of those seen, up to which only what they touch is derived."""
_IN_ARROW = pa.schema(
    [
        *(("path", pa.string()), ("path_bytes", pa.binary()), ("size_bytes", pa.int64()), ("modified_ns", pa.int64())),
        *(("modified_at", pa.timestamp("us", "UTC")), ("reason", pa.string()), ("detail", pa.string())),
        *((name, pa.string()) for name in LABELS),
    ]
)


def ingest_clips(warehouse: Warehouse, settings: Settings, run: Run) -> None:
    """Reads what is new below `corpus.root` into the tables. Raises ConfigError for a corpus without files."""
    root = remote.root_of(settings)
    with run.stage("inventory"):
        seen = warehouse.staged_batches("seen", seen_files(root, settings), SEEN)
        near = coherence.remembered(warehouse)
        plan = warehouse.staged("plan", _brief(plan_of(warehouse, seen, root, settings, accounted=near is not None)))
        refused = F.count_if(F.col("known_status").isin("rejected", "skipped"))
        rows = plan.groupBy("action").agg(F.count("*").alias("n"), refused.alias("refused")).collect()
        actions = {row["action"]: row["n"] for row in rows}
    run.counts |= {"seen": sum(actions.values()) - actions.get("gone", 0) - actions.get("absent", 0)}
    if not run.counts["seen"]:
        raise ConfigError("corpus.root", f"no files below {inventory.path_text(root)}")
    run.counts |= {"to_open": actions.get("open", 0), "gone": actions.get("gone", 0)}
    say(f"{run.counts['seen']} files seen, {run.counts['to_open']} to open, {run.counts['gone']} gone")
    changed = sum(actions.get(action, 0) for action in CHANGES)
    if changed:
        few = changed <= min(FEW, FEW_SHARE * run.counts["seen"])
        rejects = any(row["action"] == "settle" or (row["action"] in CHANGES and row["refused"]) for row in rows)
        changes = _Changes(plan.where(F.col("action").isin(*CHANGES)), rejects)
        near = _apply(warehouse, changes, settings, run, near if few else None)
    with run.stage("reconcile"):
        _reconcile(warehouse, plan, root, run, settings, anew=changed > 0)
    take_feedback(warehouse, settings, run)
    if near is not None and (changed or run.counts.get("feedback_clips")):
        coherence.remember(warehouse, near)
    warehouse.drop_staged()


def seen_files(root: bytes, settings: Settings) -> Iterator[pa.Table]:
    """The walk below `root` with its labels, some at a time: one row a file, columns as in SEEN. Raises ConfigError."""
    label = _labeller(root, settings)
    found = hadoop.walk(root, settings)
    while some := list(islice(found, SEEN_AT_ONCE)):
        genres, groups, splits = zip(*(label(one.path) for one in some), strict=True)
        yield pa.table(
            [
                [inventory.path_text(one.path) for one in some],
                [one.path for one in some],
                [one.size_bytes for one in some],
                [one.modified_ns for one in some],
                # Delta keeps microseconds: what is compared with the table is cut to them
                pa.array([one.modified_ns // 1000 for one in some], pa.timestamp("us", "UTC")),
                [one.reason for one in some],
                [one.detail for one in some],
                *(list(genres), list(groups), list(splits)),
            ],
            schema=_IN_ARROW,
        )


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


def plan_of(
    warehouse: Warehouse, seen: DataFrame, root: bytes, settings: Settings, *, accounted: bool = False
) -> DataFrame:
    """Seen joined with known files, each with an `action`: open, settle (by the walk alone), relabel, gone, same.

    `absent` is a file that went before. `accounted`: every known file is known to have its row in `clips` or `rejects`.
    """
    known = warehouse.read("files").where(_below(F.col("path_bytes"), root))
    known = known.withColumn("accounted", F.lit(True)) if accounted else _accounted(warehouse, known)
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
        F.when(F.col("here").isNull() & (F.col("known_status") == "gone"), "absent")
        .when(F.col("here").isNull(), "gone")
        .when(withdrawn, "same")
        .when(settled & same_settled & same_labels, "same")
        .when(settled, "settle")
        .when(same_bytes & same_labels, "same")
        .when(same_bytes, "relabel")
        .otherwise("open")
    )
    return both.withColumn("action", action)


def _brief(plan: DataFrame) -> DataFrame:
    """The plan without what nobody asks of a file that is as it was."""
    asked = ("path_bytes", "here", "known_status", "action")
    changes = F.col("action").isin(*CHANGES)
    return plan.select(*asked, *(F.when(changes, F.col(c)).alias(c) for c in plan.columns if c not in asked))


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


@dataclass(frozen=True)
class _Changes:
    """Rows of the plan that change something, and whether any of their files was or will be refused by its looks."""

    rows: DataFrame
    rejects: bool


@dataclass(frozen=True)
class _Derived:
    """What was there, and what follows for it from a change: rows of `files` and `clips` as they should be."""

    known: Known
    files: DataFrame
    clips: DataFrame
    firsts: DataFrame | None
    """(clip_id, genre, described) of what was described and is to have features; None where nothing was."""


def _apply(warehouse: Warehouse, changes: _Changes, settings: Settings, run: Run, near: int | None) -> int:
    """Opens and writes what has changed -> how many near-duplicates there are now.

    `near` is how many there were, or None where everything has to be derived anew.
    """
    changed, few = changes.rows, near is not None
    with run.stage("describe"):
        described = withdrawn.refused(warehouse, _describe(warehouse, changed, settings, run))
        counted = described.agg(
            F.count("*").alias("opened"),
            F.count_if(F.col("described.reason").isNull()).alias("described"),
            F.count_if(F.col("described.reason") == "INTERNAL_ERROR").alias("internal"),
            F.count_if(F.col("described.reason") == "UNREADABLE").alias("unreadable"),
        ).first()
        run.counts |= counted.asDict() if counted else {}
    rejects = not few or changes.rejects or run.counts["described"] < run.counts["opened"]
    with run.stage("derive"):
        known = derive.touched(warehouse, changed, described) if few else derive.everything(warehouse)
        files = warehouse.staged("files", derive.desired_files(known.files, changed, described, settings, run))
        clips = warehouse.staged("clips", derive.desired_clips(known.clips, files, described, run))
        firsts = _firsts(warehouse, described, clips) if run.counts["described"] else None
        now = _Derived(known, files, clips, firsts)
    with run.stage("near-duplicates"):
        marked = _near_duplicates(warehouse, now, run, near)
    with run.stage("write tables"):
        warehouse.at_once(
            lambda: _write_features(warehouse, described, now, settings),
            lambda: warehouse.write_changed("clips", marked, ("clip_id",), few=few),
            lambda: _write_rejects(warehouse, changed, described, now, run) if rejects else None,
        )
        warehouse.write_changed("files", files, ("path_bytes",), few=few)  # last: now the files count as read
    if run.counts["unreadable"]:
        say(f"{run.counts['unreadable']} files could not be read: the next run tries them again")
    if run.counts["internal"]:
        run.gate(f"{run.counts['internal']} files met an error nobody foresaw (INTERNAL_ERROR in rejects)")
    return run.counts["near_duplicates"]


def _describe(warehouse: Warehouse, changed: DataFrame, settings: Settings, run: Run) -> DataFrame:
    """The files to open, with `described`; computed once and put aside."""
    opened = changed.where("action = 'open'").select("path", "path_bytes", "size_bytes", "modified_ns", "genre")
    described, how = describe_files(opened, settings, run.run_id)
    with watched(warehouse.spark.sparkContext, "files described", how):
        return warehouse.staged("described", described)


def _near_duplicates(warehouse: Warehouse, derived: _Derived, run: Run, near: int | None) -> DataFrame:
    """The desired `clips` with their near-duplicates, and every other clip that the change has moved."""
    known, files, clips, firsts = derived.known, derived.files, derived.clips, derived.firsts
    fresh = clips.limit(0) if firsts is None else firsts
    told = [] if near is None else near_duplicates.moved(warehouse, known, clips, files, fresh)
    if firsts is not None:
        near_duplicates.write_fingerprints(warehouse, firsts)
    marked = None if near is None else near_duplicates.marked_again(warehouse, clips, files, told, run, near)
    if marked is not None:
        return marked
    every_clip, every_file = (
        rows if known.whole else rows.unionByName(warehouse.read(name).join(rows.select(key), key, "left_anti"))
        for name, rows, key in (("clips", clips, "clip_id"), ("files", files, "path_bytes"))
    )
    return near_duplicates.marked(warehouse, every_clip, every_file, run)


def _write_features(warehouse: Warehouse, described: DataFrame, derived: _Derived, settings: Settings) -> None:
    if derived.firsts is not None:
        ids, rows = derived.firsts.select("clip_id"), feature_rows(derived.firsts, settings)
        write_features(warehouse, ids, rows)
        exhibits.keep(warehouse.root, described)
    _relabel_features(warehouse, derived)


def _firsts(warehouse: Warehouse, described: DataFrame, clips: DataFrame) -> DataFrame:
    """One row per described content that is the first with its audio: (clip_id, genre, described).

    What was described is large, and nearly all of it is a first one with the genre of its file: the few others are
    looked for by their names alone.
    """
    narrow = described.where("described.reason IS NULL").select("path_bytes", "described.clip_id", "genre")
    first = narrow.groupBy("clip_id").agg(F.min("path_bytes").alias("first_path"))
    labels = clips.where("duplicate_of IS NULL").select(
        "clip_id", F.col("genre").alias("label"), F.lit(True).alias("is")
    )
    both = narrow.join(first.join(labels, "clip_id"), "clip_id", "left")
    used = F.col("is").isNotNull() & (F.col("first_path") == F.col("path_bytes"))
    told = both.select("path_bytes", "genre", "label", F.coalesce(used, F.lit(False)).alias("used"))
    others = warehouse.staged(
        "others", told.where(~F.col("used") | ~F.col("label").eqNullSafe(F.col("genre"))).drop("genre")
    )
    rows = described.where("described.reason IS NULL").join(others, "path_bytes", "left")
    genre = F.when(F.col("used").isNull(), F.col("genre")).otherwise(F.col("label"))
    rows = rows.where(F.coalesce("used", F.lit(True)))
    return rows.select(F.col("described.clip_id"), genre.alias("genre"), "described")


def write_features(warehouse: Warehouse, ids: DataFrame, rows: DataFrame) -> None:
    """clip_id, each once, and their rows of `features`: all segments of a clip, and no others of it."""
    if warehouse.read("features").join(ids, "clip_id", "left_semi").isEmpty():
        warehouse.append("features", rows)
    else:
        # in one commit: a run that dies after half of it would leave segments that nothing ever removes
        warehouse.replace("features", rows, ("clip_id", "segment"), whole=("clip_id",))


def _relabel_features(warehouse: Warehouse, derived: _Derived) -> None:
    whole = derived.known.whole
    known = warehouse.read("features").select("clip_id", "genre").distinct() if whole else derived.known.clips
    moved = derive.relabelled(known, derived.clips).localCheckpoint()
    if not moved.isEmpty():
        warehouse.assign("features", moved, ("clip_id",), ("genre",))


def _write_rejects(warehouse: Warehouse, changed: DataFrame, described: DataFrame, derived: _Derived, run: Run) -> None:
    there = warehouse.read("rejects")
    walked = changed.where("action = 'settle'").select("path", "reason", "detail", F.lit("inventory").alias("stage"))
    d = "described"
    read = described.where(F.col(f"{d}.reason").isNotNull())
    read = read.select("path", *(F.col(f"{d}.{c}").alias(c) for c in ("reason", "detail", "stage")))
    fresh = walked.unionByName(read).withColumn("run_id", F.lit(run.run_id))
    same = [c for c in schemas.REJECTS.names if c != "run_id"]
    news = fresh.join(there.select(*same), same, "left_anti").localCheckpoint()
    if not news.isEmpty():
        warehouse.merge("rejects", news, ("path",))
    bad = derived.files.where(F.col("status").isin("rejected", "skipped")).select("path")
    if not derived.known.whole:
        there = there.join(changed.select(F.coalesce("path", "known_path").alias("path")), "path", "left_semi")
    over = there.where(F.col("stage") != STAGE).join(bad, "path", "left_anti").select("path").localCheckpoint()
    if not over.isEmpty():
        warehouse.remove("rejects", over, ("path",))


def _reconcile(warehouse: Warehouse, plan: DataFrame, root: bytes, run: Run, settings: Settings, *, anew: bool) -> None:
    """Files seen by the walk = accepted + rejected + skipped, path by path; a difference fails the run.

    Counts alone would not do: a file that was lost and another that is no longer there would make up for each other.
    Where nothing was written, the plan has told already; `anew`: the tables are asked again.
    """
    walked = plan.where("here").select("path_bytes", F.lit(1).alias("seen"))
    if anew:
        here = warehouse.read("files").where(_below(F.col("path_bytes"), root) & F.col("status").isin(*ACCOUNTED))
        both = walked.join(here.select("path_bytes", "status"), "path_bytes", "full_outer")
    else:
        status = F.when(F.col("known_status").isin(*ACCOUNTED), F.col("known_status")).alias("status")
        both = plan.where("action != 'absent'").select("path_bytes", F.when(F.col("here"), 1).alias("seen"), status)
    rows = both.groupBy("seen", "status").agg(F.count("*").alias("n"), F.min("path_bytes").alias("first")).collect()
    found = dict.fromkeys(ACCOUNTED, 0)
    for row in rows:
        if row["seen"] and row["status"]:
            found[row["status"]] = row["n"]
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
