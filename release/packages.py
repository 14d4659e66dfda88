"""The packages that the project needs to run, as their wheels brought them: taken from this environment, checked."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = "classically-punk"
LEFT_OUT = frozenset({"tests", "__pycache__"})
"""Folders of packages that no job reads: a fifth of all bytes."""
OPTIONAL = ("numba/np/ufunc/tbbpool.", "numba/np/ufunc/omppool.")
"""Beginnings of names that numba does without: thread pools on libraries that no wheel brings and no kernel uses."""
OF_THE_INSTALLER = frozenset({"INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json"})


class PackageDamagedError(Exception):
    """A file of an installed package is not the one that its wheel brought."""


def closure(name: str = PROJECT) -> dict[str, Distribution]:
    """The distributions that a project needs at run time, itself first, by canonical name."""
    found: dict[str, Distribution] = {}
    ahead: list[tuple[str, tuple[str, ...]]] = [(name, ())]
    while ahead:
        wanted, extras = ahead.pop(0)
        key = canonicalize_name(wanted)
        if key in found:
            continue
        found[key] = distribution(wanted)
        for text in found[key].requires or ():
            needed = Requirement(text)
            environments = [{"extra": extra} for extra in ("", *extras)]
            if needed.marker is None or any(needed.marker.evaluate(given) for given in environments):
                ahead.append((needed.name, tuple(sorted(needed.extras))))
    return found


def copy_package(package: Distribution, target: Path) -> None:
    """Copies a package's files into `target`, each checked against its wheel's RECORD, and writes a RECORD of those.

    Programs of `bin/` stay behind, as their first line names this environment; so does what the installer wrote.
    """
    kept = []
    for name, told in _recorded(package):
        parts = PurePosixPath(name).parts
        if ".." in parts or LEFT_OUT & set(parts) or name.endswith(".pyc") or name.startswith(OPTIONAL):
            continue
        if parts[0].endswith(".dist-info") and parts[-1] in OF_THE_INSTALLER:
            continue
        if parts[0] == "pyspark" and len(parts) > 2 and parts[1] in ("jars", "licenses", "examples", "data"):
            continue  # the cluster's own Spark has them
        source = Path(str(package.locate_file(name)))
        content = source.read_bytes()
        if told and told != _digest(content):
            raise PackageDamagedError(f"{source} is not what the wheel of {package.name} brought")
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content)
        copy.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)
        kept.append((name, f"sha256={_digest(content)}", str(len(content))))
    info = next(PurePosixPath(name).parts[0] for name, _, _ in kept if ".dist-info/" in name)
    record = io.StringIO()
    csv.writer(record, lineterminator="\n").writerows([*sorted(kept), (f"{info}/RECORD", "", "")])
    (target / info / "RECORD").write_text(record.getvalue())


def record_again(folder: Path, changed: Path) -> None:
    """Brings the RECORD of the package that `changed` belongs to up to date."""
    name, content = changed.relative_to(folder).as_posix(), changed.read_bytes()
    for record in sorted(folder.glob("*.dist-info/RECORD")):
        rows = list(csv.reader(record.read_text().splitlines()))
        if any(row[0] == name for row in rows):
            new = [[name, f"sha256={_digest(content)}", str(len(content))] if row[0] == name else row for row in rows]
            with record.open("w", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(new)


def _recorded(package: Distribution) -> Iterator[tuple[str, str]]:
    """Names of a package's files and their digests, empty where RECORD holds none."""
    text = package.read_text("RECORD")
    if text is None:
        raise PackageDamagedError(f"{package.name} has no RECORD")
    for row in csv.reader(text.splitlines()):
        if row:
            yield row[0], row[1].removeprefix("sha256=")


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
