"""A standalone Spark cluster on loopback: a master and two workers, ended by the pids that were started."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pyspark
from tests.faults.processes import born, command, descendants, send, still
from tests.spark.conftest import UNCOMPILED

HOME = Path(pyspark.__file__).parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Cluster:
    """A master and `workers` worker daemons of one core each, small; a context manager."""

    def __init__(self, place: Path, workers: int = 2, conf: Path | None = None) -> None:
        """`conf` is a folder with a `spark-defaults.conf` of its own, read by every daemon."""
        self.place, self.count, self.conf = place, workers, conf
        self.port = free_port()
        self.master: subprocess.Popen[bytes] | None = None
        self.daemons: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        return f"spark://127.0.0.1:{self.port}"

    def __enter__(self) -> Cluster:
        try:
            words = ["--host", "127.0.0.1", "--port", str(self.port), "--webui-port", "0"]
            self.master = self._start("master.Master", words, "master")
            self._said("master", "I have been elected leader")
            for _ in range(self.count):
                self.start_worker()
        except BaseException:
            self.stop()
            raise
        return self

    def start_worker(self) -> None:
        """One more worker daemon."""
        name = f"worker{len(self.daemons)}"
        words = ["--host", "127.0.0.1", "--cores", "1", "--memory", "1g", "--webui-port", "0"]
        self.daemons.append(
            self._start("worker.Worker", [*words, "--work-dir", str(self.place / name), self.url], name)
        )
        self._said(name, "Successfully registered with master")

    def _start(self, kind: str, words: list[str], name: str) -> subprocess.Popen[bytes]:
        variables = {**os.environ, "SPARK_HOME": str(HOME), "SPARK_NO_DAEMONIZE": "1", "SPARK_DAEMON_MEMORY": "256m"}
        variables |= {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_WORKER_OPTS": "-Dspark.ui.enabled=false"}
        if self.conf is not None:
            variables["SPARK_CONF_DIR"] = str(self.conf)
        with (self.place / f"{name}.log").open("ab") as out:
            line = [str(HOME / "bin/spark-class"), f"org.apache.spark.deploy.{kind}", *words]
            return subprocess.Popen(line, env=variables, stdout=out, stderr=subprocess.STDOUT, cwd=self.place)

    def _said(self, name: str, text: str, seconds: float = 90) -> None:
        log, until = self.place / f"{name}.log", time.monotonic() + seconds
        while text not in log.read_text(errors="replace"):
            if time.monotonic() > until:
                raise TimeoutError(f"{name} never said {text!r}:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)

    def executors(self) -> list[int]:
        """JVMs that run tasks."""
        below = [pid for daemon in self.daemons for pid in descendants(daemon.pid)]
        return [pid for pid in below if "CoarseGrainedExecutorBackend" in command(pid)]

    def python_workers(self) -> list[int]:
        below = [pid for daemon in self.daemons for pid in descendants(daemon.pid)]
        return [pid for pid in below if "pyspark.daemon" in command(pid)]

    def decoders(self) -> list[int]:
        """Children that decode for the Python workers."""
        below = [pid for daemon in self.daemons for pid in descendants(daemon.pid)]
        return [pid for pid in below if "classically_punk.audio.child" in command(pid)]

    def kill_worker(self, at: int) -> None:
        """SIGKILL to a worker daemon; what it had started ends with it."""
        daemon = self.daemons.pop(at)
        below = {pid: born(pid) for pid in descendants(daemon.pid)}
        send([daemon.pid])
        daemon.wait(30)
        until = time.monotonic() + 20
        while still(below) and time.monotonic() < until:
            time.sleep(0.2)
        send(still(below))

    def stop(self) -> None:
        for process in [*self.daemons, *([self.master] if self.master else [])]:
            below = {pid: born(pid) for pid in descendants(process.pid)}
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)
            send(still(below))

    def __exit__(self, *error: object) -> None:
        self.stop()

    @property
    def options(self) -> list[str]:
        """What spark-submit needs beside the properties file."""
        told = {
            "spark.pyspark.python": sys.executable,
            "spark.executor.memory": "512m",
            "spark.executor.cores": "1",
            "spark.driver.memory": "1g",
            "spark.executorEnv.SPARK_LOCAL_IP": "127.0.0.1",
            "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m",
        } | UNCOMPILED
        return ["--master", self.url, *(word for key, value in told.items() for word in ("--conf", f"{key}={value}"))]
