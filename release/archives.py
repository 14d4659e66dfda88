"""Archives in the same bytes from the same files: sorted names, one time, no owners, two modes."""

from __future__ import annotations

import gzip
import hashlib
import os
import posixpath
import tarfile
from collections.abc import Iterator
from pathlib import Path


def set_times(tree: Path, epoch: int) -> None:
    """Gives everything below `tree` one modification time: caches of compiled code note that of their sources."""
    for path in tree.rglob("*"):
        os.utime(path, (epoch, epoch), follow_symlinks=False)


def members(tree: Path) -> list[Path]:
    """Every file and link below `tree`, in the order of their names' bytes."""
    found = [path for path in tree.rglob("*") if path.is_symlink() or path.is_file()]
    return sorted(found, key=lambda path: path.relative_to(tree).as_posix().encode())


def write_tar(tree: Path, target: Path, epoch: int) -> None:
    """The files below `tree` as a gzipped tar whose names begin below it, without time or name in its header."""
    with (
        target.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for path in members(tree):
            entry = tarfile.TarInfo(path.relative_to(tree).as_posix())
            entry.mtime = epoch
            if path.is_symlink():
                entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, str(path.readlink()), 0o777
                tar.addfile(entry)
                continue
            entry.size = path.stat().st_size
            entry.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
            with path.open("rb") as content:
                tar.addfile(entry, content)


def leaving(archive: Path) -> Iterator[str]:
    """Members of a tar that lie outside of it, or point out of it as links."""
    with tarfile.open(archive) as tar:
        for entry in tar:
            place = entry.name
            if entry.issym():
                place = posixpath.join(posixpath.dirname(entry.name), entry.linkname)
            elif entry.islnk():
                place = entry.linkname
            if posixpath.isabs(place) or posixpath.normpath(place).split("/")[0] == "..":
                yield f"{entry.name} -> {place}"


def sha256(file: Path) -> str:
    """SHA-256 of a file's bytes, hex."""
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
