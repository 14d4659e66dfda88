"""Progress of long work: one line that is rewritten on a terminal, plain log lines elsewhere."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from pyspark import SparkContext

from classically_punk.errors import redacted
from classically_punk.reporting.text import visible
from classically_punk.spark.packing import Packing

LEVELS = ("error", "gate", "warning")
"""How a line begins that is more than news."""
EVERY_S = {True: 0.5, False: 10.0}
_OF_RUN: dict[str, str] = {}
"""What every JSON line carries; empty where lines are text."""


def log_run(job: str, run_id: str, *, as_json: bool) -> None:
    """From now on lines speak of this run: as JSON objects that carry its id, or as plain text."""
    _OF_RUN.clear()
    if as_json:
        _OF_RUN.update(job=job, run_id=run_id)


def say(text: str) -> None:
    """One line for whoever watches the run; results go to tables, never here.

    Whatever names the text holds, it stays one line, moves no cursor and tells no password.
    """
    if _OF_RUN:
        level = next((word for word in LEVELS if text.startswith(f"{word}: ")), "info")
        when = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"time": when, "level": level, **_OF_RUN, "message": visible(redacted(text))}
        print(json.dumps(line, ensure_ascii=False), file=sys.stderr, flush=True)
        return
    clear = "\r\x1b[K" if sys.stderr.isatty() else ""
    print(f"{clear}punk: {visible(redacted(text))}", file=sys.stderr, flush=True)


@contextmanager
def watched(context: SparkContext, what: str, how: Packing) -> Iterator[None]:
    """Shows `what` n of all files, the rate and the time left, from the tasks that Spark has finished meanwhile."""
    group = f"progress-{time.monotonic_ns()}"
    context.setJobGroup(group, what)
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(context, group, what, how, over), daemon=True)
    start = time.monotonic()
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        context._jsc.clearJobGroup()
        context.setLocalProperty("spark.job.description", None)  # type: ignore[arg-type]
    took = time.monotonic() - start
    say(f"{what}: {how.files} in {took:.1f} s ({how.files / max(took, 1e-9):.1f} per second)")


def _watch(context: SparkContext, group: str, what: str, how: Packing, over: threading.Event) -> None:
    total = how.files
    terminal = sys.stderr.isatty() and not _OF_RUN
    start = time.monotonic()
    while not over.wait(EVERY_S[terminal]):
        share = how.share(_tasks_done(context, group))  # tasks are begun in the order of their numbers
        took = time.monotonic() - start
        if share <= 0:
            text = f"{what}: 0 of {total}, {took:.0f} s"
        else:
            left = took / share - took
            text = f"{what}: {share * total:.0f} of {total}, {share * total / took:.1f} per second, {left:.0f} s left"
        if terminal:
            print(f"\r\x1b[Kpunk: {text}", end="", file=sys.stderr, flush=True)
        else:
            say(text)


def _tasks_done(context: SparkContext, group: str) -> int:
    """Finished tasks in the widest stage of the group's jobs: the one that opens the files."""
    tracker = context.statusTracker()
    widest, done = 0, 0
    for job in tracker.getJobIdsForGroup(group):
        info = tracker.getJobInfo(job)
        for stage in info.stageIds if info else ():
            state = tracker.getStageInfo(stage)
            if state and state.numTasks > widest:
                widest, done = state.numTasks, state.numCompletedTasks
    return done
