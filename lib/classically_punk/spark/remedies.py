"""What is missing where a run cannot go on, in one line that names the remedy; docs/runbook.md has them all."""

from __future__ import annotations

import time
from pathlib import Path

from classically_punk.errors import ConfigError

DELTA = "io.delta:delta-spark_4.2_2.13:4.4.0"
LEEWAY_S = 300.0
"""How far the clocks of two machines may be apart."""
OLDEST_S = 1_735_689_600.0
"""2025-01-01: a clock that tells an earlier time has lost it."""

CAUSE = 200
"""Characters of the cause that are told."""

KNOWN: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("JAVA_GATEWAY_EXITED", "UnsupportedClassVersionError", "JAVA_HOME is not set"),
        "Spark's Java did not start: Java 17 or newer must be in JAVA_HOME or on the path (java -version); "
        "on Debian or Ubuntu: sudo apt-get install openjdk-17-jre-headless",
    ),
    (
        (
            "'JavaPackage' object is not callable",
            "ClassNotFoundException: io.delta",
            "ClassNotFoundException: org.apache.spark.sql.delta",
            "Cannot find catalog plugin class for catalog 'spark_catalog'",
            "Failed to find the data source: delta",
        ),
        f"Delta's JARs are missing: add --jars with all of dist/jars, or --packages {DELTA}",
    ),
    (
        ("Address already in use",),
        "a port is taken: leave spark.driver.port and spark.blockManager.port out, or name free ones "
        "(ss -ltn lists those in use)",
    ),
    (
        ("No space left on device", "Disk quota exceeded"),
        "the disk is full: free some, for example with scripts/submit clean_warehouse, and run the job again; "
        "SPARK_LOCAL_DIRS puts Spark's own files elsewhere (df -h lists disks)",
    ),
    (
        ("Permission denied", "AccessDeniedException", "Mkdirs failed to create"),
        "not allowed to write: whoever runs driver and executors must own warehouse.root and reports.root (ls -ld)",
    ),
)
"""What the text of an error holds, and what helps."""


def remedy(error: BaseException) -> str | None:
    """The line for an error in whose chain a known cause is told, with that in brackets; None for any other."""
    lines = [line for text in _chain(error) for line in text.splitlines() if not line.lstrip().startswith("at ")]
    for signs, help_ in KNOWN:
        for line in lines:
            if any(sign in line for sign in signs):
                return f"{help_} [{line.strip(': ')[:CAUSE]}]"
    return None


def _chain(error: BaseException | None) -> list[str]:
    """The error and what it came from, as texts: those of Java tell their own causes."""
    found: list[str] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        found.append(f"{type(error).__name__}: {error}")
        error = error.__cause__ or error.__context__
    return found


def check_clock(root: Path, now: float | None = None) -> None:
    """Raises ConfigError where the clock here cannot be right: years ago, or before the warehouse's newest commit."""
    now = time.time() if now is None else now
    commits = (root / "runs" / "_delta_log").glob("*.json")
    newest = max((file.stat().st_mtime for file in commits), default=0.0)
    if now < OLDEST_S or newest > now + LEEWAY_S:
        here = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now))
        last = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(newest))
        beyond = f", but the last run wrote at {last}" if newest > now else ""
        raise ConfigError("clock", f"it is {here} here{beyond}: set it (timedatectl set-ntp true) and run again")
