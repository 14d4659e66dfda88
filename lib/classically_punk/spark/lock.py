"""One writer a warehouse: a lock that the operating system drops when its holder dies, so that it is never left behind.

Two processes write: the driver (exhibits, published models) and its JVM (every Delta commit), and either may outlive
the other by a moment when one of them is killed. Each holds a lock file of its own, so that the next run begins only
once both have ended. Readers take no lock: Delta, the published models and the exhibits show them the last whole state.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from py4j.protocol import Py4JError
from pyspark.sql import SparkSession

from classically_punk.errors import ConfigError

DRIVER, ENGINE = "_lock", "_lock.jvm"
DRIVER_WAIT_S, ENGINE_WAIT_S = 5.0, 60.0
"""How long a driver that was just killed, and its JVM, may take to end."""
POLL_S = 0.2


class WarehouseLock:
    """The right to write to the warehouse below `root`, for one run; a context manager.

    Entering waits `wait_s` for a holder that is just ending, then raises ConfigError naming the run that writes.
    """

    def __init__(self, root: Path, run_id: str, job: str, wait_s: float = DRIVER_WAIT_S) -> None:
        self.root, self.run_id, self.job, self.wait_s = root, run_id, job, wait_s
        self._file: int | None = None
        self._engine: Any = None

    def __enter__(self) -> WarehouseLock:
        # not inherited by child processes: the lock ends with this one
        file = os.open(self.root / DRIVER, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._take(file)
            os.ftruncate(file, 0)
            os.pwrite(file, self._card().encode(), 0)
        except BaseException:
            os.close(file)
            raise
        self._file = file
        return self

    def _take(self, file: int) -> None:
        until = time.monotonic() + self.wait_s
        while True:
            try:
                return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise ConfigError("warehouse.root", f"{holder(self.root)} is writing to {self.root}") from None
                time.sleep(POLL_S)
            except OSError as error:
                raise ConfigError("warehouse.root", f"cannot lock {self.root}: {error.strerror}") from None

    def _card(self) -> str:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        told = {"run_id": self.run_id, "job": self.job, "pid": os.getpid(), "host": socket.gethostname()}
        return json.dumps(told | {"since": since}) + "\n"

    def hold_in_engine(self, spark: SparkSession, wait_s: float = ENGINE_WAIT_S) -> None:
        """Locks the JVM's own file; waits `wait_s` for the JVM of a run that was just killed. Raises ConfigError."""
        java = spark.sparkContext._jvm.java  # type: ignore[union-attr]
        file = java.io.RandomAccessFile(str(self.root / ENGINE), "rw")
        until = time.monotonic() + wait_s
        while (lock := file.getChannel().tryLock()) is None:
            if time.monotonic() >= until:
                file.close()
                raise ConfigError("warehouse.root", f"the JVM of another run is still writing to {self.root}")
            time.sleep(POLL_S)
        # kept on this side, or the JVM's garbage collector would close the file and drop the lock
        self._engine = (file, lock)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._engine is not None:
            with suppress(Py4JError, OSError):  # a JVM that is gone has dropped its lock
                self._engine[0].close()
            self._engine = None
        if self._file is not None:
            os.close(self._file)
            self._file = None


def holder(root: Path) -> str:
    """Who holds the lock, as a phrase for people: `run … (job, process … on host, since …)`."""
    try:
        told = json.loads((root / DRIVER).read_text(encoding="utf-8"))
        where = f"process {told['pid']} on {told['host']}, since {told['since']}"
        return f"run {told['run_id']} ({told['job']}, {where})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another run"
