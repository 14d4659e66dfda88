"""Processes that a test has started, and only those: their descendants, and a job submitted as a user does it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.prefix) / "bin"


def command(pid: int) -> str:
    """The command line of a process, or nothing where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def born(pid: int) -> str:
    """When a process began, in ticks; nothing where it is gone. Numbers are given out again, so that both name it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def still(known: dict[int, str]) -> list[int]:
    """Those of the processes {number: born} that are there and the same as then."""
    return [pid for pid, when in known.items() if when and born(pid) == when]


def descendants(pid: int) -> list[int]:
    """Every living process below `pid`, parents first."""
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            below.setdefault(parent, []).append(int(entry.name))
    found, ahead = [], [pid]
    while ahead:
        children = below.get(ahead.pop(), [])
        found += children
        ahead += children
    return found


def send(pids: Sequence[int], number: int = signal.SIGKILL) -> int:
    """Sends a signal to each process that is still there; how many there were."""
    sent = 0
    for pid in pids:
        try:
            os.kill(pid, number)
            sent += 1
        except ProcessLookupError:
            continue
    return sent


class Job:
    """A job given to spark-submit; its output is collected in `log`."""

    def __init__(
        self,
        name: str,
        words: Sequence[str],
        log: Path,
        spark: Sequence[str] = (),
        properties: str = "conf/spark/local.conf",
        conf: Path | None = None,
    ) -> None:
        self.log = log
        variables = {k: v for k, v in os.environ.items() if k not in ("SPARK_HOME", "PYTHONPATH")}
        variables |= {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYSPARK_PYTHON": sys.executable}
        if conf is not None:
            variables["SPARK_CONF_DIR"] = str(conf)
        line = ["spark-submit", "--properties-file", properties, *spark, f"jobs/{name}.py", *words]
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                line, cwd=ROOT, env=variables, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )
        self.known: dict[int, str] = {}

    @property
    def text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def tree(self, wanted: Callable[[str], bool] = lambda line: True) -> list[int]:
        """The JVM (which spark-submit becomes) and all below it whose command line is `wanted`."""
        if self.process.poll() is None:
            for pid in (self.process.pid, *descendants(self.process.pid)):
                self.known[pid] = born(pid)
        return [pid for pid in still(self.known) if wanted(command(pid))]

    def python(self) -> list[int]:
        """The driver's Python."""
        return self.tree(lambda line: "jobs/" in line and "java" not in line)

    def workers(self) -> list[int]:
        """Python workers of a local session."""
        return self.tree(lambda line: "pyspark.daemon" in line)

    def wait_for(self, text: str, seconds: float = 300) -> bool:
        """Waits until the job has said `text`; False where it ended before."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if text in self.text:
                return True
            if self.process.poll() is not None:
                return False
            self.tree()
            time.sleep(0.1)
        raise TimeoutError(f"never said {text!r}:\n{self.text[-2000:]}")

    def wait(self, seconds: float = 600) -> int:
        return self.process.wait(seconds)

    def kill(self) -> None:
        """Ends all of it, whatever it was doing."""
        send(self.tree())
        self.process.wait(60)
