"""What a kill can leave in a Delta log and Delta does not get over: taken away, since the commits tell the same.

A checkpoint is a summary, and `_last_checkpoint` a hint to it: both may go without loss. A hint to a checkpoint that is
not there stops delta-rs, a checkpoint of which half is there stops every reader. Only `tables` calls this.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from pyarrow import parquet

HINT = "_last_checkpoint"
LOOKED_BACK = 10
"""Commits among which the last change is looked for."""
UPKEEP = ("OPTIMIZE", "VACUUM", "SET TBLPROPERTIES", "CLUSTER BY")
"""How operations begin that leave every row as it is."""
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint\.parquet")
_COMMIT = re.compile(r"(\d{20})\.json")


def mend(table: Path) -> list[str]:
    """The folder of a local Delta table -> names of what was taken out of its log, mostly none.

    A damaged checkpoint stays where the commits before it are gone too, since only it could be repaired by hand then.
    """
    log = table / "_delta_log"
    names = [file.name for file in log.iterdir()] if log.is_dir() else []
    checkpoints = sorted((int(match[1]) for name in names if (match := _CHECKPOINT.fullmatch(name))), reverse=True)
    commits = {int(match[1]) for name in names if (match := _COMMIT.fullmatch(name))}
    gone: list[str] = []
    for at, version in enumerate(checkpoints):
        if _is_whole(log / _name(version)):
            break
        before = next((v for v in checkpoints[at + 1 :] if _is_whole(log / _name(v))), -1)
        if set(range(before + 1, version + 1)) <= commits:
            gone.append(_name(version))
    if HINT in names and _hinted(log / HINT) not in set(checkpoints) - {int(name[:20]) for name in gone}:
        gone.append(HINT)
    for name in gone:
        _take_away(log, name)
    return gone


def take_away_unborn(table: Path) -> bool:
    """The folder of a table whose first commit never came: removed, or Delta refuses to make a table there.

    Only a folder that holds nothing but the beginnings of a log goes; whatever else lies there is not ours.
    """
    log = table / "_delta_log"
    if not log.is_dir() or [file.name for file in table.iterdir()] != [log.name]:
        return False
    if not all(file.name.startswith(".") or file.name == "_staged_commits" for file in log.iterdir()):
        return False
    if any(log.glob("_staged_commits/*")):
        return False
    shutil.rmtree(table)
    return True


def last_change(table: Path) -> list[object] | None:
    """The folder of a local Delta table -> version and digest of its newest commit but upkeep, which moves no row.

    None where upkeep alone fills the last few commits, or there is none.
    """
    log = table / "_delta_log"
    for version in sorted(_commits(log), reverse=True)[:LOOKED_BACK]:
        content = (log / _commit(version)).read_bytes()
        if not _operation(content).startswith(UPKEEP):
            return [version, hashlib.sha256(content).hexdigest()]
    return None


@dataclass(frozen=True)
class Added:
    """Data files that were added to a table and nothing else: their names below its folder, and how many rows."""

    files: tuple[str, ...]
    rows: int


def added_since(table: Path, change: object) -> Added | None:
    """The folder of a local Delta table and a `last_change` -> what was only added to it since.

    None where a row was changed or taken away, where upkeep moved some, or where the log does not tell.
    """
    log = table / "_delta_log"
    commits = _commits(log)
    version = change[0] if isinstance(change, list) and change else None
    if not isinstance(version, int) or version not in commits:
        return None
    if change != [version, hashlib.sha256((log / _commit(version)).read_bytes()).hexdigest()]:
        return None
    files: list[str] = []
    rows = 0
    for later in range(version + 1, max(commits) + 1):
        if later not in commits:
            return None
        actions = [json.loads(line) for line in (log / _commit(later)).read_bytes().splitlines()]
        if any(kind in action for action in actions for kind in ("remove", "metaData", "protocol")):
            return None
        for add in (action["add"] for action in actions if "add" in action):
            stats: dict[str, Any] = json.loads(add.get("stats") or "{}")
            if "numRecords" not in stats:
                return None
            files.append(unquote(add["path"]))
            rows += int(stats["numRecords"])
    return Added(tuple(files), rows)


def newest(table: Path) -> int:
    """The folder of a local Delta table -> its newest version; -1 where there is none."""
    return max(_commits(table / "_delta_log"), default=-1)


def _commits(log: Path) -> set[int]:
    """Versions whose commits are in a log."""
    names = [file.name for file in log.iterdir()] if log.is_dir() else []
    return {int(match[1]) for name in names if (match := _COMMIT.fullmatch(name))}


def _commit(version: int) -> str:
    return f"{version:020d}.json"


def _operation(commit: bytes) -> str:
    told = [json.loads(line) for line in commit.splitlines() if line.startswith(b'{"commitInfo"')]
    return str(told[0]["commitInfo"].get("operation", "")) if told else ""


def _name(version: int) -> str:
    return f"{version:020d}.checkpoint.parquet"


def _is_whole(checkpoint: Path) -> bool:
    try:
        parquet.read_metadata(checkpoint)
    except (OSError, pa.ArrowInvalid):
        return False
    return True


def _hinted(hint: Path) -> int:
    """The version that the hint names, or -1 where it names none."""
    try:
        told = json.loads(hint.read_text(encoding="utf-8"))
        return int(told["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return -1


def _take_away(log: Path, name: str) -> None:
    for each in (name, f".{name}.crc"):  # Hadoop's checksum of it lies beside
        (log / each).unlink(missing_ok=True)
