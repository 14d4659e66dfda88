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

    def __init__(self, name: str, words: Sequence[str], log: Path, spark: Sequence[str] = ()) -> None:
        self.log = log
        variables = {k: v for k, v in os.environ.items() if k not in ("SPARK_HOME", "PYTHONPATH")}
        variables |= {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYSPARK_PYTHON": sys.executable}
        line = ["spark-submit", "--properties-file", "conf/spark/local.conf", *spark, f"jobs/{name}.py", *words]
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                line, cwd=ROOT, env=variables, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )

    @property
    def text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def tree(self, wanted: Callable[[str], bool] = lambda line: True) -> list[int]:
        """The JVM (which spark-submit becomes) and all below it whose command line is `wanted`."""
        everything = [self.process.pid, *descendants(self.process.pid)]
        return [pid for pid in everything if wanted(command(pid))]

    def python(self) -> list[int]:
        """The driver's Python."""
        return [pid for pid in descendants(self.process.pid) if "jobs/" in command(pid) and "java" not in command(pid)]

    def workers(self) -> list[int]:
        """Python workers of a local session."""
        return [pid for pid in descendants(self.process.pid) if "pyspark.daemon" in command(pid)]

    def wait_for(self, text: str, seconds: float = 180) -> bool:
        """Waits until the job has said `text`; False where it ended before."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if text in self.text:
                return True
            if self.process.poll() is not None:
                return False
            time.sleep(0.05)
        raise TimeoutError(f"never said {text!r}:\n{self.text[-2000:]}")

    def wait(self, seconds: float = 300) -> int:
        return self.process.wait(seconds)

    def kill(self) -> None:
        """Ends all of it, whatever it was doing."""
        tree = self.tree()
        send(tree)
        self.process.wait(60)
