"""Machines of a test cluster: each a network, mount, process and host-name space of its own, with a disk of its own.

A node sees the system's programs and libraries (read-only), Java, Spark and what the test shares with it, nothing else:
no checkout, no virtual environment, no temporary folder but its own. Nodes hang on a switch that is a network space of
its own as well, so that nothing of it is seen from outside. All of it goes with the processes that hold it.
Where the machine does not allow that, a node is a loopback address, and `Isolation` says what is missing.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.processes import born, descendants, send, still

NETWORK = "198.18.77"
"""Addresses set aside for tests of network devices (RFC 2544): nobody's, even if one leaked."""

MORTAL = ("setpriv", "--pdeathsig", "SIGKILL")
"""Whoever started it takes it along, however that one ends."""

ROOT_OF_A_NODE = r"""
set -euo pipefail
name=$1 root=$2 hosts=$3
shift 3
hostname "$name"
mount -t tmpfs tmpfs "$root"
for folder in /usr /etc; do
  mkdir "$root$folder"
  mount --bind -o ro "$folder" "$root$folder"
done
for folder in /bin /sbin /lib /lib32 /lib64; do
  if [ -L "$folder" ]; then
    cp -P "$folder" "$root$folder"
  elif [ -d "$folder" ]; then
    mkdir "$root$folder"
    mount --bind -o ro "$folder" "$root$folder"
  fi
done
mount --bind "$hosts" "$root/etc/hosts"
mkdir "$root/proc" "$root/dev" "$root/old"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
for pair; do # MODE:SOURCE:TARGET
  mode=${pair%%:*} rest=${pair#*:}
  mkdir -p "$root${rest#*:}"
  mount --bind -o "$mode" "${rest%%:*}" "$root${rest#*:}"
done
cd "$root"
pivot_root . old
cd /
umount -l /old
rmdir /old
echo ready >/var/ready
exec sleep infinity
"""


@dataclass(frozen=True)
class Isolation:
    """What this machine allows, and what is missing of it in words."""

    spaces: bool
    skipped: tuple[str, ...] = ()

    @classmethod
    def here(cls) -> Isolation:
        """Tries it. Missing is said, never passed over."""
        for tool in ("ip", "unshare", "nsenter", "pivot_root", "setpriv"):
            if not _found(tool):
                return cls(False, (f"namespaces: {tool} is not on this machine; nodes are loopback addresses",))
        tried = "ip link add name one type veth peer name two && ip link add name three type bridge"
        tried += " && mount -t tmpfs none /mnt"
        line = ["unshare", "--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "sh", "-c", tried]
        run = subprocess.run(line, env=_tools(), capture_output=True, text=True, check=False)
        if run.returncode:
            why = (run.stderr.strip().splitlines() or ["no reason given"])[-1]
            return cls(False, (f"namespaces: not allowed here ({why}); nodes are loopback addresses",))
        return cls(True)


def _tools() -> dict[str, str]:
    return {"PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"}


def _found(tool: str) -> bool:
    return shutil.which(tool, path=_tools()["PATH"]) is not None


def _in(pid: int, *words: str) -> None:
    """Runs a command of `ip` in the network space of a process."""
    subprocess.run(["nsenter", "-t", str(pid), "-n", "ip", *words], env=_tools(), check=True, capture_output=True)


def _own(pid: int, kind: str, seconds: float = 20) -> None:
    """Waits until a process has a space of its own."""
    until = time.monotonic() + seconds
    while Path(f"/proc/{pid}/ns/{kind}").readlink() == Path(f"/proc/self/ns/{kind}").readlink():
        if time.monotonic() > until:
            raise TimeoutError(f"process {pid} never got a space of its own ({kind})")
        time.sleep(0.02)


class Switch:
    """A network space with a bridge in it."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([*MORTAL, "unshare", "--net", "sleep", "infinity"], env=_tools())
        _own(self.process.pid, "net")
        _in(self.process.pid, "link", "add", "name", "bridge", "type", "bridge")
        _in(self.process.pid, "link", "set", "bridge", "up")

    def join(self, pid: int, number: int) -> None:
        """Gives the network space of a process a link to the bridge and the address `NETWORK.number`."""
        ours, theirs = f"port{number}", "eth0"
        _in(self.process.pid, "link", "add", "name", ours, "type", "veth", "peer", "name", theirs, "netns", str(pid))
        _in(self.process.pid, "link", "set", ours, "master", "bridge", "up")
        _in(pid, "address", "add", f"{NETWORK}.{number}/24", "dev", theirs)
        for device in (theirs, "lo"):
            _in(pid, "link", "set", device, "up")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(20)


@dataclass
class Node:
    """One machine. `shared` are folders of the host that it sees under the same path: {path: "ro" or "rw"}."""

    name: str
    number: int
    disk: Path
    brought: Mapping[str, Path]
    """What it has of its own: {path on the node: folder of the host}, read-only."""
    shared: Mapping[Path, str]
    switch: Switch | None
    process: subprocess.Popen[bytes] | None = None
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def host(self) -> str:
        """The name under which others reach it."""
        return self.name if self.switch else f"127.0.0.{self.number}"

    def path(self, place: str) -> str:
        """Where something lies for a program on this node that lies at `place` in a space of its own."""
        if self.switch:
            return place
        for target, source in self.brought.items():
            if place == target or place.startswith(f"{target}/"):
                return str(source) + place.removeprefix(target)
        return str(self.disk / place.lstrip("/"))

    def start(self, hosts: Path) -> None:
        """`hosts` is the file of all nodes' names and addresses."""
        for name in ("tmp", "var"):
            (self.disk / name).mkdir(parents=True, exist_ok=True)
        if self.switch is None:
            return
        root = self.disk / "root"
        root.mkdir()
        binds = [f"ro:{source}:{target}" for target, source in self.brought.items()]
        binds += [f"rw:{self.disk / name}:/{name}" for name in ("tmp", "var")]
        binds += [f"{mode}:{path}:{path}" for path, mode in self.shared.items()]
        spaces = ["--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--propagation", "private"]
        line = [*MORTAL, "unshare", *spaces, "bash", "-c", ROOT_OF_A_NODE, "node", self.name, root, hosts, *binds]
        with (self.disk / "root.log").open("wb") as log:
            self.process = subprocess.Popen(line, env=_tools(), stdout=log, stderr=log)
        _own(self.process.pid, "net")
        self.switch.join(self.process.pid, self.number)
        until = time.monotonic() + 30
        while not (self.disk / "var/ready").exists():
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{self.name} did not start:\n{(self.disk / 'root.log').read_text()}")
            time.sleep(0.05)

    @property
    def inside(self) -> int:
        """The first process of the node, as the host counts."""
        assert self.process is not None
        return descendants(self.process.pid)[0]

    def command(self, words: Sequence[str], variables: Mapping[str, str], folder: str = "/tmp") -> list[str]:
        """What starts a program on this node, with these variables and no others."""
        bare = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8", "HOME": self.path("/tmp")}
        told = [f"{name}={value}" for name, value in {**bare, **variables}.items()]
        line = ["env", "-i", *told, "sh", "-c", 'cd "$0" && exec "$@"', self.path(folder), *words]
        if self.switch is None:
            return line
        return ["nsenter", "-t", str(self.inside), "-m", "-u", "-i", "-n", "-p", "-r", "-w", *line]

    def popen(
        self, words: Sequence[str], variables: Mapping[str, str], log: Path, folder: str = "/tmp"
    ) -> subprocess.Popen[bytes]:
        """Starts a program; what it says goes to a file of the host."""
        with log.open("ab") as out:
            started = subprocess.Popen(
                self.command(words, variables, folder),
                env=_tools(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.started.append(started)
        return started

    def says(self, *words: str) -> tuple[int, str]:
        """Runs a program to its end -> its status and what it printed."""
        run = subprocess.run(
            self.command(words, {}), env=_tools(), capture_output=True, text=True, check=False, timeout=60
        )
        return run.returncode, run.stdout + run.stderr

    def kill(self) -> None:
        """As if its plug were pulled: every process of it ends at once."""
        tops = [*self.started, *([self.process] if self.process else [])]
        below = {pid: born(pid) for top in tops for pid in descendants(top.pid)}
        for top in tops:
            if top.poll() is None:
                top.send_signal(signal.SIGKILL)
        for top in tops:
            top.wait(30)
        until = time.monotonic() + 10
        while still(below) and time.monotonic() < until:
            time.sleep(0.1)
        send(still(below))
