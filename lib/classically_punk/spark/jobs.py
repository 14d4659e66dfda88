"""What every job has around its one call: configuration, session, warehouse, a row in `runs`, an exit status."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from pyspark.sql import SparkSession

from classically_punk.errors import ConfigError, PunkError, redacted
from classically_punk.reporting.text import visible
from classically_punk.settings import Settings, help_text
from classically_punk.spark import dry_run, functions
from classically_punk.spark.lock import WarehouseLock
from classically_punk.spark.progress import say
from classically_punk.spark.remedies import check_clock, remedy
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse

DONE, UNEXPECTED, USAGE, GATE = 0, 1, 2, 3

Work = Callable[[Warehouse, Settings, Run], None]
Check = Callable[[Settings], object]


def run_job(name: str, argv: Sequence[str] | None, work: Work, *checks: Check) -> int:
    """Reads the configuration, runs `checks` on it before Spark starts, then `work`. Returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    if "--help" in words or "-h" in words:
        print(help_text(f"jobs/{name}.py"))
        return DONE
    try:
        settings = Settings.from_command_line(words)
        for check in checks:
            check(settings)
        if settings.run.dry_run:
            return dry_run.tell(name, settings, session)
        root = settings.writable_folder("warehouse.root")
        check_clock(root)
    except PunkError as error:
        say(f"error: {error}")
        return USAGE
    run = Run(name, settings)
    try:
        with WarehouseLock(root, run.run_id, name) as lock:
            return _in_session(root, settings, run, work, lock)
    except ConfigError as error:
        say(f"error: {error}")
        return USAGE
    except Exception as error:  # noqa: BLE001  the last frame of the program: told in full, and the status says so
        return _told(error)


def _told(error: Exception) -> int:
    """Says what helps, in one line, where that is known; else everything there is to say."""
    line = remedy(error)
    if line is not None:
        say(f"error: {line}")
        return UNEXPECTED
    for text in traceback.format_exc().rstrip().split("\n"):
        print(visible(redacted(text)), file=sys.stderr)
    return UNEXPECTED


def _in_session(root: Path, settings: Settings, run: Run, work: Work, lock: WarehouseLock) -> int:
    spark = session(run.job)
    warehouse = Warehouse(spark, root)
    try:
        lock.hold_in_engine(spark)
        return _recorded(warehouse.open(run.run_id), settings, run, work)
    finally:
        spark.stop()


def session(name: str) -> SparkSession:
    """The session that spark-submit configured; only its name is set here."""
    return SparkSession.builder.appName(f"classically-punk {name}").getOrCreate()


def _recorded(warehouse: Warehouse, settings: Settings, run: Run, work: Work) -> int:
    run.record(warehouse, "running")
    functions.register(warehouse.spark, settings)
    try:
        work(warehouse, settings, run)
    except BaseException as error:
        warehouse.drop_staged()
        run.record(warehouse, "failed", redacted(f"{type(error).__name__}: {error}")[:500])
        raise
    run.record(warehouse, "gate" if run.failed_gates else "done", "; ".join(run.failed_gates) or None)
    say(f"run {run.run_id} {'failed a gate' if run.failed_gates else 'done'}")
    return GATE if run.failed_gates else DONE
