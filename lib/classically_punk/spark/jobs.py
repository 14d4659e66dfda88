"""What every job has around its one call: configuration, session, warehouse, a row in `runs`, an exit status."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pyspark.sql import SparkSession

from classically_punk.errors import ConfigError, PunkError, redacted
from classically_punk.reporting.text import visible
from classically_punk.settings import Settings, help_text
from classically_punk.spark import dry_run, functions, lineage, watch
from classically_punk.spark.lock import WarehouseLock
from classically_punk.spark.progress import say
from classically_punk.spark.remedies import check_clock, remedy
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse

DONE, UNEXPECTED, USAGE, GATE = 0, 1, 2, 3

Work = Callable[[Warehouse, Settings, Run], None]
Check = Callable[[Settings], object]


def run_job(name: str, argv: Sequence[str] | None, work: Work, *checks: Check, watches: bool = False) -> int:
    """Reads the configuration, runs `checks` on it before Spark starts, then `work`. Returns the exit status.

    A job that `watches` does its work again and again where `run.watch` asks for it; others refuse that key.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if "--help" in words or "-h" in words:
        print(help_text(f"jobs/{name}.py"))
        return DONE
    try:
        settings = Settings.from_command_line(words)
        if settings.run.watch and not watches:
            raise ConfigError("run.watch", f"{name} does not watch a folder; ingest_clips and classify_clips do")
        for check in checks:
            check(settings)
        if settings.run.dry_run:
            return dry_run.tell(name, settings, session)
        root = settings.writable_folder("warehouse.root")
        check_clock(root)
        lineage.check(settings)
    except PunkError as error:
        say(f"error: {error}")
        return USAGE
    try:
        if settings.run.watch:
            return _watched(name, root, settings, work)
        run = Run(name, settings)
        with WarehouseLock(root, run.run_id, name) as lock, _session(name) as spark:
            return _recorded(spark, root, settings, run, work, lock)
    except ConfigError as error:
        say(f"error: {error}")
        return USAGE
    except Exception as error:  # noqa: BLE001  the last frame of the program: told in full, and the status says so
        return _told(error, settings)


def _told(error: Exception, settings: Settings) -> int:
    """Says what helps, in one line, where that is known; else everything there is to say."""
    line = remedy(error)
    if line is not None:
        say(f"error: {line}")
        return UNEXPECTED
    if settings.run.log == "json":
        say(f"error: {traceback.format_exc().rstrip()}")
        return UNEXPECTED
    for text in traceback.format_exc().rstrip().split("\n"):
        print(visible(redacted(text)), file=sys.stderr)
    return UNEXPECTED


def _watched(name: str, root: Path, settings: Settings, work: Work) -> int:
    """Rounds in one session, each a run of its own with the lock of the warehouse: others may write between them."""

    def one_round() -> int | None:
        run = Run(name, settings)
        with ExitStack() as held:
            try:
                lock = held.enter_context(WarehouseLock(root, run.run_id, name))
            except ConfigError as error:
                say(f"waiting: {error}")
                return None
            return _recorded(spark, root, settings, run, work, lock)

    with _session(name) as spark:
        return watch.rounds(root, settings, one_round, lambda: watch.is_alive(spark))


@contextmanager
def _session(name: str) -> Iterator[SparkSession]:
    spark = session(name)
    try:
        yield spark
    finally:
        if watch.is_alive(spark):
            spark.stop()


def session(name: str) -> SparkSession:
    """The session that spark-submit configured; only its name is set here."""
    return SparkSession.builder.appName(f"classically-punk {name}").getOrCreate()


def _recorded(spark: SparkSession, root: Path, settings: Settings, run: Run, work: Work, lock: WarehouseLock) -> int:
    lock.hold_in_engine(spark)
    warehouse = Warehouse(spark, root).open(run.run_id)
    run.record(warehouse, "running")
    functions.register(warehouse.spark, settings)
    try:
        with lineage.told(run, warehouse):
            work(warehouse, settings, run)
    except BaseException as error:
        warehouse.drop_staged()
        run.record(warehouse, "failed", redacted(f"{type(error).__name__}: {error}")[:500])
        raise
    run.record(warehouse, "gate" if run.failed_gates else "done", run.detail)
    say(f"run {run.run_id} {'failed a gate' if run.failed_gates else 'done'}")
    return GATE if run.failed_gates else DONE
