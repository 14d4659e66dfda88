"""A local session listens on loopback only: its JVM and every Python process below it, as the kernel tells it."""

from __future__ import annotations

import ipaddress
import os
import re
import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

PROC = Path("/proc")
LISTEN = "0A"


def family(pid: int) -> set[int]:
    """A process and everything below it."""
    parents = {}
    for file in PROC.glob("[0-9]*/stat"):
        try:
            parents[int(file.parent.name)] = int(file.read_text().rpartition(")")[2].split()[1])
        except OSError:  # gone since it was listed
            continue
    found = {pid}
    while new := {child for child, parent in parents.items() if parent in found} - found:
        found |= new
    return found


def sockets(pid: int) -> set[str]:
    """Inodes of the sockets that a process holds open."""
    found = set()
    for file in (PROC / str(pid) / "fd").glob("*"):
        try:
            link = re.match(r"socket:\[(\d+)\]", os.readlink(file))  # noqa: PTH115
        except OSError:
            continue
        found |= {link[1]} if link else set()
    return found


def address(figures: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address as /proc/net/tcp writes it: words of 32 bits, each with its lowest byte first."""
    raw = bytes.fromhex(figures)
    found = ipaddress.ip_address(b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4)))
    return getattr(found, "ipv4_mapped", None) or found


def listening(inodes: set[str]) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    found = []
    for name in ("tcp", "tcp6"):
        table = PROC / "net" / name
        for line in table.read_text().splitlines()[1:] if table.exists() else []:
            words = line.split()
            if words[3] == LISTEN and words[9] in inodes:
                found.append(address(words[1].partition(":")[0]))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_every_listening_socket_is_on_loopback(spark: SparkSession) -> None:
    assert spark.sparkContext.parallelize(range(4), 2).map(lambda n: n + 1).sum() == 10  # Python workers are there now
    found = listening({inode for pid in family(os.getpid()) for inode in sockets(pid)})
    assert len(found) >= 3  # the gateway, the driver and its block manager at least
    assert [str(one) for one in found if not one.is_loopback] == []


def test_addresses_are_read_as_the_kernel_writes_them() -> None:
    assert str(address("0100007F")) == "127.0.0.1"
    assert str(address("0000000000000000FFFF00000100007F")) == "127.0.0.1"
    assert not address("00000000").is_loopback
    assert not address("00000000000000000000000000000000").is_loopback
