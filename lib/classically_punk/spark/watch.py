"""A job over a folder that grows: it looks again and again, and begins a round where something has changed.

A loop and not a stream of Spark's: that remembers the names of files it has taken, in a checkpoint beside the tables,
and sees none that was changed, moved or removed. A round is the job itself, with the same tables as its only memory:
what kills it costs a round, and whatever is told of a folder is told of it however it came to be.
"""

from __future__ import annotations

import hashlib
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from py4j.protocol import Py4JError
from pyspark.sql import SparkSession

from classically_punk.audio import remote
from classically_punk.errors import ConfigError
from classically_punk.features import feedback
from classically_punk.modelling import published
from classically_punk.settings import Settings
from classically_punk.spark import hadoop
from classically_punk.spark.progress import say

PATIENCE = 6
"""Looks after which a folder that never rests is read all the same."""
SLICE_S = 0.5
"""How soon a wait notices that it is over."""
SIGNALS = (signal.SIGTERM, signal.SIGINT)

Round = Callable[[], int | None]
"""One run of the job: its exit status, or None where the warehouse is busy and it could not begin."""


def rounds(root: Path, settings: Settings, one_round: Round, alive: Callable[[], bool] = lambda: True) -> int:
    """Rounds over `corpus.root` and the warehouse folder `root`, until a signal or `run.watch_for_s` -> exit status.

    A round that has begun is finished. The status is the first one that was not 0. A round begins once two looks in a
    row saw the same: most of what is still being copied is then whole. Raises ConfigError of the first round; of later
    ones it is told, and the next change is waited for.
    """
    how, status, behind, before, restless, begun = settings.run, 0, "", "", 0, 0
    until = time.monotonic() + (how.watch_for_s or math.inf)
    ending = f"SIGTERM to process {os.getpid()} ends it after a round"  # spark-submit itself would take Spark along
    say(f"watching {settings.corpus.root}: a look every {how.watch_every_s:g} s; {ending}")
    with told_to_stop() as stop:
        while not stop.is_set() and alive():
            now = look(root, settings)
            restless = restless + 1 if now != before else 0
            if now and now != behind and (now == before or restless >= PATIENCE):
                restless = 0
                try:
                    ended = one_round()
                except ConfigError as error:
                    if not begun:
                        raise
                    say(f"error: {error}; waiting for a change")
                    ended = status
                if ended is not None:
                    behind, begun, status = now, begun + 1, status or ended
            before = now
            if time.monotonic() >= until:
                break
            _wait(min(until, time.monotonic() + how.watch_every_s), stop, alive)
    say(f"watched {settings.corpus.root}: {begun} rounds")
    return status


def look(root: Path, settings: Settings) -> str:
    """What is there, as one digest: files by path, size and time, the model in force, the feedback.

    Empty where there is no file: a folder that is not mounted is no folder whose files have gone.
    """
    digest, files = hashlib.blake2b(digest_size=16), 0
    try:
        for found in hadoop.walk(remote.root_of(settings), settings):
            files += 1
            digest.update(b"%s\0%d\0%d\0" % (found.path, found.size_bytes, found.modified_ns))
    except ConfigError as error:
        say(f"not there: {error}")
        return ""
    for beside in (root / published.FOLDER / published.CURRENT, feedback.place(root)):
        try:
            status = beside.stat()
        except FileNotFoundError:
            continue
        digest.update(b"%d\0%d\0" % (status.st_size, status.st_mtime_ns))
    return digest.hexdigest() if files else ""


def is_alive(spark: SparkSession) -> bool:
    """Whether the session's engine still runs: whoever ends spark-submit ends that first."""
    try:
        return not spark.sparkContext._jsc.sc().isStopped()
    except (Py4JError, OSError, AttributeError):
        return False


@contextmanager
def told_to_stop() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set, instead of what they would do otherwise."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(until: float, stop: threading.Event, alive: Callable[[], bool]) -> None:
    while (left := until - time.monotonic()) > 0 and alive():
        if stop.wait(min(left, SLICE_S)):
            return
