"""Progress of long work: one line that is rewritten on a terminal, plain log lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark import SparkContext

from classically_punk.errors import redacted
from classically_punk.reporting.text import visible

EVERY_S = {True: 0.5, False: 10.0}


def say(text: str) -> None:
    """One line for whoever watches the run; results go to tables, never here.

    Whatever names the text holds, it stays one line, moves no cursor and tells no password.
    """
    clear = "\r\x1b[K" if sys.stderr.isatty() else ""
    print(f"{clear}punk: {visible(redacted(text))}", file=sys.stderr, flush=True)


@contextmanager
def watched(context: SparkContext, what: str, total: int) -> Iterator[None]:
    """Shows `what` n of `total`, the rate and the time left, from the tasks that Spark has finished meanwhile."""
    group = f"progress-{time.monotonic_ns()}"
    context.setJobGroup(group, what)
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(context, group, what, total, over), daemon=True)
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
    say(f"{what}: {total} in {took:.1f} s ({total / max(took, 1e-9):.1f} per second)")


def _watch(context: SparkContext, group: str, what: str, total: int, over: threading.Event) -> None:
    terminal = sys.stderr.isatty()
    start = time.monotonic()
    while not over.wait(EVERY_S[terminal]):
        share = _share_done(context, group)
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


def _share_done(context: SparkContext, group: str) -> float:
    """Share of finished tasks in the widest stage of the group's jobs: the one that opens the files."""
    tracker = context.statusTracker()
    widest, done = 0, 0
    for job in tracker.getJobIdsForGroup(group):
        info = tracker.getJobInfo(job)
        for stage in info.stageIds if info else ():
            state = tracker.getStageInfo(stage)
            if state and state.numTasks > widest:
                widest, done = state.numTasks, state.numCompletedTasks
    return done / widest if widest else 0.0
