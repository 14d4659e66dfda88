"""A standalone cluster of nodes, set up from the packaged artefacts alone; every connection needs a secret."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyspark
from tests.cluster.nodes import NETWORK, Isolation, Node, Switch

PORT = 7077
SPARK = "/opt/spark"
PUNK = "/opt/punk"
SECRET = "/opt/secret"


class Cluster:
    """Master, two workers, and the gateway from which jobs are submitted; a context manager."""

    def __init__(self, place: Path, dist: Path, shared: dict[Path, str], isolation: Isolation, java: Path) -> None:
        self.place, self.dist, self.java = place, dist, java
        self.switch = Switch() if isolation.spaces else None
        self.secret = secrets.token_hex(24)
        brought = {SPARK: self._spark(), SECRET: self._conf(), "/opt/java": java}
        names = ("gateway", "master", "worker-1", "worker-2")
        self.nodes = {}
        for number, name in enumerate(names, 10):
            own = {**brought, PUNK: self._release()} if name == "gateway" else brought
            sees = {path: mode for path, mode in shared.items() if name != "master"}
            self.nodes[name] = Node(name, number, place / name, own, sees, self.switch)
        self.hosts = place / "hosts"
        lines = [f"{NETWORK}.{node.number} {name}" for name, node in self.nodes.items()]
        self.hosts.write_text("\n".join(["127.0.0.1 localhost", *lines]) + "\n")

    def _spark(self) -> Path:
        """Spark as it is downloaded: without the Delta JARs of this checkout."""
        home = self.place / "spark"
        if not home.exists():
            shutil.copytree(Path(pyspark.__file__).parent, home, ignore=shutil.ignore_patterns("io.*.jar"))
        return home

    def _release(self) -> Path:
        """The release as an administrator lays it on the gateway: `dist/`, and its environment unpacked."""
        folder = self.place / "release"
        shutil.copytree(self.dist, folder)
        (archive,) = folder.glob("*-env.tar.gz")
        (folder / "env").mkdir()
        subprocess.run(["tar", "-xzf", archive, "-C", folder / "env"], check=True)
        return folder

    def _conf(self) -> Path:
        """SPARK_CONF_DIR as the head of conf/spark/standalone.conf describes it."""
        folder = self.place / "secret"
        folder.mkdir(exist_ok=True)
        file = folder / "spark-defaults.conf"
        file.touch(mode=0o600)
        told = {"authenticate": "true", "authenticate.secret": self.secret, "network.crypto.enabled": "true"}
        file.write_text("".join(f"spark.{key} {value}\n" for key, value in told.items()))
        return folder

    def __enter__(self) -> Cluster:
        try:
            for node in self.nodes.values():
                node.start(self.hosts)
            master = self.nodes["master"]
            self._daemon(master, "master.Master", ["--host", master.host, "--port", str(PORT), "--webui-port", "0"])
            self._said("master", "I have been elected leader")
            for name in ("worker-1", "worker-2"):
                self.start_worker(name)
        except BaseException:
            self.stop()
            raise
        return self

    @property
    def url(self) -> str:
        return f"spark://{self.nodes['master'].host}:{PORT}"

    def start_worker(self, name: str) -> None:
        node = self.nodes[name]
        words = ["--host", node.host, "--cores", "1", "--memory", "2g", "--webui-port", "0"]
        self._daemon(node, "worker.Worker", [*words, "--work-dir", node.path("/var/work"), self.url])
        self._said(name, "Successfully registered with master")

    def variables(self, node: Node) -> dict[str, str]:
        # Which of its kernels OpenBLAS takes is a property of the machine, and told to it by these.
        told = {name: value for name, value in os.environ.items() if name.startswith("OPENBLAS_")}
        return told | {
            "SPARK_HOME": node.path(SPARK),
            "SPARK_CONF_DIR": node.path(SECRET),
            "JAVA_HOME": node.path("/opt/java"),
            "SPARK_LOCAL_HOSTNAME": node.host,
        }

    def _daemon(self, node: Node, kind: str, words: Sequence[str]) -> None:
        told = {
            "SPARK_NO_DAEMONIZE": "1",
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_WORKER_OPTS": "-Dspark.ui.enabled=false",
        }
        line = [node.path(f"{SPARK}/bin/spark-class"), f"org.apache.spark.deploy.{kind}", *words]
        node.popen(line, {**self.variables(node), **told}, self.place / f"{node.name}.log")

    def _said(self, name: str, text: str, seconds: float = 120) -> None:
        log, until = self.place / f"{name}.log", time.monotonic() + seconds
        while text not in (told := log.read_text(errors="replace")):
            if time.monotonic() > until:
                raise TimeoutError(f"{name} never said {text!r}:\n{told[-3000:]}")
            time.sleep(0.1)

    @contextmanager
    def submitted(
        self, job: str, words: Sequence[str], toml: str, log: Path, spark: Sequence[str] = ()
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A job given to spark-submit on the gateway, with nothing but the release; `log` gets what it says."""
        gateway = self.nodes["gateway"]
        release = self.place / "release"
        (release / "pipeline.toml").write_text(toml)
        (wheel,), (archive,) = release.glob("*.zip"), release.glob("*-env.tar.gz")
        events = self.place / "gateway/var/events"
        events.mkdir(exist_ok=True)
        told = {
            "spark.pyspark.python": "./env/bin/python3",
            "spark.pyspark.driver.python": gateway.path(f"{PUNK}/env/bin/python3"),
            "spark.driver.host": gateway.host,
            "spark.driver.bindAddress": gateway.host,
            "spark.driver.memory": "1g",
            "spark.executor.memory": "768m",
            "spark.executor.cores": "1",
            "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m",
            "spark.sql.shuffle.partitions": "2",
            "spark.databricks.delta.snapshotPartitions": "1",
            "spark.eventLog.enabled": "true",
            "spark.eventLog.compress": "false",
            "spark.eventLog.rolling.enabled": "false",
            "spark.eventLog.dir": f"file://{gateway.path('/var/events')}",
        }
        line = [gateway.path(f"{SPARK}/bin/spark-submit"), "--load-spark-defaults", "--master", self.url]
        line += ["--properties-file", "conf/spark/standalone.conf", "--py-files", wheel.name]
        line += ["--archives", f"{archive.name}#env", "--files", "pipeline.toml"]
        line += ["--jars", ",".join(f"jars/{jar.name}" for jar in sorted((release / "jars").glob("*.jar")))]
        line += [word for key, value in told.items() for word in ("--conf", f"{key}={value}")]
        line += [*spark, f"jobs/{job}.py", "--config", "pipeline.toml", *words]
        process = gateway.popen(line, self.variables(gateway), log, PUNK)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(60)

    def events(self) -> list[dict[str, Any]]:
        """Everything that Spark noted of the last job."""
        files = sorted((self.place / "gateway/var/events").iterdir(), key=lambda file: file.stat().st_mtime)
        return [json.loads(line) for line in files[-1].read_text().splitlines()]

    def kill(self, name: str) -> None:
        """Pulls a node's plug."""
        self.nodes[name].kill()

    def stop(self) -> None:
        for node in self.nodes.values():
            node.kill()
        if self.switch:
            self.switch.stop()

    def __exit__(self, *error: object) -> None:
        self.stop()


def tasks_by_host(events: Sequence[dict[str, Any]], description: str) -> Counter[str]:
    """How many tasks of the stages with this description succeeded on each host."""
    stages = set()
    for event in events:
        if event["Event"] == "SparkListenerJobStart":
            told = event.get("Properties", {}).get("spark.job.description", "")
            if told == description:
                stages |= set(event["Stage IDs"])
    done = (e for e in events if e["Event"] == "SparkListenerTaskEnd" and e["Stage ID"] in stages)
    return Counter(e["Task Info"]["Host"] for e in done if e["Task End Reason"]["Reason"] == "Success")


def properties(events: Sequence[dict[str, Any]]) -> dict[str, str]:
    """The configuration under which a job ran, as Spark noted it."""
    found: dict[str, str] = {}
    for event in events:
        if event["Event"] == "SparkListenerEnvironmentUpdate":
            found |= event["Spark Properties"]
    return found
