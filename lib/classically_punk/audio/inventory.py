"""What lies below a corpus root: every file exactly once, whatever its name, and nothing that could hang a reader.

Spark's own file source is no inventory: it hides empty files, names with a leading `_` or `.` and names that are not
UTF-8. This walk hides nothing; what cannot be read as a file comes with its reason.
"""
# ruff: noqa: PTH100, PTH116 (paths are bytes here: names need not be text, which pathlib insists on)

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from classically_punk.errors import ConfigError, NotRegularError, UnreadableError

REMOTE = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://[^/]*")
"""How a path begins that is no local one: scheme and authority of a URI."""
_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")

Identity = tuple[int, int]
"""Device and inode: the same for every name of one folder."""


@dataclass(frozen=True, slots=True)
class Found:
    """One entry of the walk; `reason` is None where it is a regular file that can be handed to the decoder."""

    path: bytes
    size_bytes: int
    modified_ns: int
    reason: str | None = None
    detail: str | None = None


@dataclass(frozen=True)
class _Folder:
    """A folder still to be listed: the name it is shown under, and how the walk came to it."""

    path: bytes
    above: frozenset[Identity]  # the folders on the way down, to see a loop
    by_link: bool


def path_text(path: bytes) -> str:
    r"""Any path bytes -> text that can be turned back: bytes that are not UTF-8, and the backslash itself, as \xNN."""
    return path.replace(b"\\", rb"\x5c").decode("utf-8", "backslashreplace")


def path_bytes(text: str) -> bytes:
    r"""The bytes of a path written by `path_text`; text without \xNN is simply its UTF-8."""
    return _ESCAPED.sub(lambda match: bytes([int(match[1], 16)]), text.encode("utf-8", "surrogateescape"))


def absolute(path: bytes) -> bytes:
    """An absolute path, or a URI, without `.`, `..` or a slash at the end; links stay as they are named."""
    if match := REMOTE.match(path):
        inside = os.path.normpath(b"/" + path[match.end() :].lstrip(b"/"))
        return match[0] + inside.rstrip(b"/")
    return os.path.abspath(path)


def walk(root: bytes) -> Iterator[Found]:
    """Every file below the root, sorted by path bytes; pipes, devices and stray links come with NOT_REGULAR.

    A link to a file or folder inside the root is followed, a folder at most once under a linked name; a link that
    leaves the root, leads nowhere or loops is one entry. A folder or file that cannot be read comes with UNREADABLE.
    Raises ConfigError if the root is missing, is not a folder or cannot be listed.
    """
    root = absolute(root)
    try:
        is_folder = stat.S_ISDIR(os.stat(root).st_mode)
    except (OSError, ValueError) as error:
        raise ConfigError("corpus.root", f"{path_text(root)}: {_why(error)}") from error
    if not is_folder:
        raise ConfigError("corpus.root", f"{path_text(root)} is not a folder")
    try:
        os.scandir(root).close()
    except OSError as error:
        raise ConfigError("corpus.root", f"{path_text(root)}: {_why(error)}") from error
    return _walk(root)


def _walk(root: bytes) -> Iterator[Found]:
    real_root = os.path.realpath(root)
    linked: set[Identity] = set()  # folders already listed under a linked name
    stack: list[Found | _Folder] = [_Folder(root, frozenset(), by_link=False)]
    while stack:  # not recursive: a corpus may be deeper than Python's stack
        entry = stack.pop()
        if isinstance(entry, Found):
            yield entry
        else:
            stack.extend(reversed(_list_folder(entry, real_root, linked)))


def _list_folder(folder: _Folder, real_root: bytes, linked: set[Identity]) -> list[Found | _Folder]:
    try:
        identity = _identity(os.stat(folder.path))
        if folder.by_link:
            if identity in linked:
                return []  # its files have been listed under their own and under one linked name
            linked.add(identity)
        with os.scandir(folder.path) as listing:
            entries = [_examine(entry, folder, identity, real_root, linked) for entry in listing]
    except OSError as error:
        return [_refused(folder.path, None, UnreadableError.code, _why(error))]
    # A folder sorts as `name/`, so that the whole walk is in the order of the full path's bytes.
    return sorted(entries, key=lambda found: found.path + (b"/" if isinstance(found, _Folder) else b""))


def _examine(
    entry: os.DirEntry[bytes], folder: _Folder, identity: Identity, real_root: bytes, linked: set[Identity]
) -> Found | _Folder:
    above = folder.above | {identity}
    status: os.stat_result | None = None
    try:
        status = entry.stat(follow_symlinks=False)
        is_link = stat.S_ISLNK(status.st_mode)
        if is_link:
            target = os.path.realpath(entry.path)
            if not is_below(target, real_root):
                return _refused(entry.path, status, NotRegularError.code, "a link that leaves the corpus root")
            try:
                status = os.stat(entry.path)
            except OSError as error:
                return _refused(entry.path, status, NotRegularError.code, f"a link to nothing: {_why(error)}")
        if stat.S_ISDIR(status.st_mode):
            if is_link and _identity(status) in above:
                return _refused(entry.path, status, NotRegularError.code, "a link that loops")
            if is_link and _identity(status) in linked:
                return _refused(entry.path, status, NotRegularError.code, "a second link to the same folder")
            return _Folder(entry.path, above, by_link=folder.by_link or is_link)
        if not stat.S_ISREG(status.st_mode):
            return _refused(entry.path, status, NotRegularError.code, f"{_kind(status.st_mode)}, not a file")
        if not os.access(entry.path, os.R_OK):
            return _refused(entry.path, status, UnreadableError.code, "no permission to read")
    except OSError as error:  # gone since it was listed, a path too long, a folder that may not be entered
        return _refused(entry.path, status, UnreadableError.code, _why(error))
    return Found(entry.path, status.st_size, status.st_mtime_ns)


def _refused(path: bytes, status: os.stat_result | None, reason: str, detail: str) -> Found:
    if status is None:
        return Found(path, 0, 0, reason, detail)
    return Found(path, status.st_size, status.st_mtime_ns, reason, detail)


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino


def is_below(path: bytes, root: bytes) -> bool:
    """Whether an absolute path is the root or lies under it, by name alone."""
    return path == root or path.startswith(root.rstrip(b"/") + b"/")


def _kind(mode: int) -> str:
    kinds = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
    return kinds.get(stat.S_IFMT(mode), "something unknown")


def _why(error: OSError | ValueError) -> str:
    """The system's own words, without the path (which may not be text)."""
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)
