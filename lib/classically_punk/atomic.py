"""Files that are there as a whole or not at all, whatever is killed meanwhile."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

LEFT_BEHIND = ".*.tmp"
"""Glob of what a process that is killed while it writes leaves beside the file; nothing ever reads it."""


def replace(path: Path, content: bytes, mode: int | None = None) -> None:
    """Write beside, flush to disk, rename: `path` holds the old content or the new one, whole. Raises OSError.

    `mode` are its permissions, where they are not to be the usual ones.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with beside.open("xb") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
