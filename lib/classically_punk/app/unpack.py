"""A tar archive from a stranger: only plain files and folders come out of it, and none of them outside the target."""

from __future__ import annotations

import lzma
import re
import shutil
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from classically_punk.errors import ConfigError

MAX_BYTES = 16 << 30
"""Ten times GTZAN: more is no music archive of this kind but a bomb."""
MAX_MEMBERS = 1_000_000

DAMAGE = (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError)


def unpack(archive: Path, target: Path, report: Callable[[int], None], max_bytes: int = MAX_BYTES) -> list[Path]:
    """A tar (plain, gz, bz2, xz) -> the entries it made directly under `target`; all of it or nothing.

    Raises ConfigError for a member that would leave the target or is a link or a device, for a damaged archive, and
    where an entry exists already.
    """
    work = target / f".{archive.name}.unpacking"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        _extract(archive, work, report, max_bytes)
        entries = sorted(work.iterdir())
        for entry in entries:
            if (target / entry.name).exists():
                raise ConfigError(str(target / entry.name), "is already there; remove it or choose another --target")
        return [entry.rename(target / entry.name) for entry in entries]
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _extract(archive: Path, folder: Path, report: Callable[[int], None], max_bytes: int) -> None:
    written = 0
    try:
        with tarfile.open(archive, "r|*") as tar:
            for number, member in enumerate(tar):
                place = folder / _inside(member, archive)
                written += member.size
                if written > max_bytes or number >= MAX_MEMBERS:
                    raise ConfigError(str(archive), f"unpacks to more than {max_bytes} bytes or {MAX_MEMBERS} members")
                _write(tar, member, place)
                report(written)
    except DAMAGE as error:
        raise ConfigError(str(archive), f"cannot be unpacked: {error or type(error).__name__}") from None


def _inside(member: tarfile.TarInfo, archive: Path) -> PurePosixPath:
    """The member's path below the target. Raises ConfigError unless it is a plain file or folder that stays there."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name or re.match(r"[A-Za-z]:", member.name):
        raise ConfigError(str(archive), f"member {member.name!r} would leave the target; nothing was unpacked")
    if not (member.isfile() or member.isdir()):
        raise ConfigError(str(archive), f"member {member.name!r} is a link or a device; nothing was unpacked")
    return path


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
    # Written here, not by tarfile: neither modes nor owners of the archive count, and nothing is ever overwritten.
    if member.isdir():
        place.mkdir(parents=True, exist_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    content = tar.extractfile(member)
    if content is None:
        raise tarfile.ReadError(f"no content for {member.name!r}")
    with place.open("xb") as file:
        shutil.copyfileobj(content, file)
