"""Is a warehouse in order? Tables that open, rows that fit together, a model that loads. Reads, and writes nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from pyspark.errors import PySparkException
from pyspark.sql import functions as F  # noqa: N812

from classically_punk.errors import ConfigError, PunkError
from classically_punk.modelling import published
from classically_punk.modelling.published import PublishedModelError
from classically_punk.settings import Settings, help_text
from classically_punk.spark import schemas, withdraw, withdrawn
from classically_punk.spark.ingest import WITHOUT_FILES
from classically_punk.spark.jobs import DONE, GATE, USAGE, session
from classically_punk.spark.present import live
from classically_punk.spark.progress import say
from classically_punk.spark.tables import Warehouse

KEYS: dict[str, tuple[str, ...]] = {
    "files": ("path_bytes",),
    "clips": ("clip_id",),
    "rejects": ("path",),
    "features": ("clip_id", "segment"),
    "sums": ("batch", "cell", "piece"),
    "summed_clips": ("clip_id",),
    "withdrawn": ("clip_id",),
    "models": ("model_id", "genre"),
    "runs": ("run_id",),
}
"""What may stand in a table once only."""


def check_health(argv: Sequence[str] | None = None) -> int:
    """`--config FILE [--section.key=value …]` -> exit status: 0 in order, 3 not, 2 usage."""
    words = list(sys.argv[1:] if argv is None else argv)
    if "--help" in words or "-h" in words:
        print(help_text("jobs/check_health.py"))
        return DONE
    try:
        settings = Settings.from_command_line(words)
        root = settings.folder("warehouse.root")
        if not root.is_dir():
            raise ConfigError("warehouse.root", f"{root} does not exist: run a job first")
    except PunkError as error:
        say(f"error: {error}")
        return USAGE
    spark = session("check_health")
    try:
        found = problems(Warehouse(spark, root))
    finally:
        spark.stop()
    for problem in found:
        say(f"not in order: {problem}")
    if not found:
        say("in order: tables open, rows fit together, what is published loads")
    return GATE if found else DONE


def problems(warehouse: Warehouse) -> list[str]:
    """Everything that is not as it should be, a line each."""
    unreadable = list(_unreadable(warehouse))
    if unreadable:
        return unreadable  # nothing can be said of the rest
    checks: tuple[Callable[[Warehouse], Iterator[str]], ...] = (
        *(_columns, _keys, _files, _features, _withdrawn, _model, _runs),
    )
    return [problem for check in checks for problem in check(warehouse)]


def _unreadable(warehouse: Warehouse) -> Iterator[str]:
    for name in schemas.tables():
        try:
            warehouse.read(name).limit(1).collect()
        except PySparkException as error:
            yield f"table {name} cannot be read: {str(error).splitlines()[0][:200]}"


def _columns(warehouse: Warehouse) -> Iterator[str]:
    for name in schemas.tables():
        if missing := warehouse.lacking(name):
            yield f"table {name} lacks the columns {missing} of this version: run extract_features"


def _keys(warehouse: Warehouse) -> Iterator[str]:
    for name, key in KEYS.items():
        doubled = warehouse.read(name).groupBy(*key).count().where("count > 1").count()
        if doubled:
            yield f"table {name} holds {doubled} keys more than once"


def _files(warehouse: Warehouse) -> Iterator[str]:
    """Every accepted file has its clip, every refused one its row of `rejects`, and no such row is of another file."""
    files, clips = warehouse.read("files"), warehouse.read("clips")
    lost = live(files).join(clips, "clip_id", "left_anti").count()
    if lost:
        yield f"{lost} clips of accepted files are not in clips: run ingest_clips, which reads such files again"
    refused = files.where("status IN ('rejected', 'skipped')").select("path")
    told = warehouse.read("rejects").select("path")
    for one, other, what in (
        (refused, told, "refused files without a row in rejects"),
        (told, refused, "rejects of no file"),
    ):
        count = one.join(other, "path", "left_anti").count()
        if count:
            yield f"{count} {what}: run ingest_clips"
    unknown = files.where("status NOT IN ('accepted', 'rejected', 'skipped', 'gone') OR status IS NULL").count()
    if unknown:
        yield f"{unknown} files with a status that nobody knows"


def _features(warehouse: Warehouse) -> Iterator[str]:
    """Every clip that is used once is described, and nothing is described that is no clip."""
    clips = warehouse.read("clips")
    used = clips.where("duplicate_of IS NULL").select("clip_id")
    with_files = used.join(live(warehouse.read("files")), "clip_id", "left_semi")
    features = warehouse.read("features")
    bare = with_files.join(features.where("segment = -1").select("clip_id"), "clip_id", "left_anti").count()
    if bare:
        yield f"{bare} clips are not described: run extract_features"
    strange = features.select("clip_id").distinct().join(clips, "clip_id", "left_anti").count()
    if strange:
        yield f"{strange} clips in features are not in clips"
    unsegmented = clips.where(~F.col("decoder").isin(*WITHOUT_FILES)).select("clip_id")
    segments = features.where("segment >= 0").select("clip_id").distinct()
    wanting = unsegmented.join(features.where("segment = -1").select("clip_id"), "clip_id", "left_semi")
    count = wanting.join(segments, "clip_id", "left_anti").count()
    if count:
        yield f"{count} clips have no segments: run extract_features"


def _withdrawn(warehouse: Warehouse) -> Iterator[str]:
    """What was withdrawn is nowhere."""
    gone = F.broadcast(warehouse.read(withdrawn.TABLE).select("clip_id"))
    for name in (*withdraw.OF_CLIPS, "summed_clips", "files"):
        if not warehouse.read(name).join(gone, "clip_id", "left_semi").limit(1).isEmpty():
            yield f"table {name} holds withdrawn clips: run withdraw_clips again"


def _model(warehouse: Warehouse) -> Iterator[str]:
    """What is published loads, by its digest, and is a model of the table."""
    rows = warehouse.read("models")
    if not (warehouse.root / published.FOLDER / published.CURRENT).exists():
        if rows.count():
            yield "a model is in models but none is published: run train_genres"
        return
    try:
        model = published.load_current(warehouse.root)
    except PublishedModelError as error:
        yield f"the published model does not load: {error}: run train_genres"
        return
    if not rows.where(F.col("model_id") == model.model_id).count():
        yield f"the published model {model.model_id} is not in models"


def _runs(warehouse: Warehouse) -> Iterator[str]:
    """Runs that were killed, and a last run that did not end well."""
    runs = warehouse.read("runs").select("run_id", "job", "state", "detail", "started_at")
    running = runs.where("state = 'running'").collect()
    day_old = [row for row in running if (datetime.now(UTC) - row["started_at"].astimezone(UTC)).days >= 1]
    for row in day_old:
        yield f"run {row['run_id']} ({row['job']}) has been running for over a day, or was killed: run clean_warehouse"
    last = runs.where("state NOT IN ('running', 'lost')").orderBy(F.desc("started_at")).first()
    if last is not None and last["state"] != "done":
        yield f"the last run, {last['run_id']} ({last['job']}), ended in state {last['state']}: {last['detail']}"
