"""The environment for `--archives`: interpreter, packages, compiled code, in one tree that can lie anywhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
import zipfile
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path

from release import interpreter, libraries, packages
from release.archives import set_times

COMMAND = """#!/bin/sh
exec "$(dirname "$(readlink -f "$0")")/python3" -m classically_punk.app.cli "$@"
"""
IMPORTS = """
import importlib, pathlib, sys
import librosa, matplotlib.pyplot, pandas, pyarrow.parquet, pyspark.sql, scipy.signal, sklearn, soundfile, soxr
import sqlite3, ssl
import classically_punk.app.cli, classically_punk.spark.pipeline
from classically_punk.features import compiled, describe_clip
import numpy
values = describe_clip(numpy.sin(numpy.arange(66150, dtype=numpy.float32) / 20), 22050)
assert len(values) == 57, len(values)
assert compiled._stored(), "no compiled kernels for this processor"
foreign = [path for path in sys.path if not pathlib.Path(path).is_relative_to(sys.prefix)]
assert foreign == [], foreign
print("imports", len(sys.modules))
"""
"""What the tree must be able to do on its own: every compiled library that a job loads, and a clip described."""

SHUT_IN = 'mount --bind /proc "$0/proc" && exec chroot "$0" "$@"'
"""The loader finds out through /proc where a program lies."""


@dataclass(frozen=True)
class Environment:
    """The tree, what is in it, and what it asks of a node."""

    tree: Path
    program: Path
    packages: dict[str, Distribution]
    libraries: list[tuple[str, Path]]
    changed: list[Path]
    glibc: str

    def compiled(self) -> list[Path]:
        """The files of machine code, which no two builds have alike."""
        return sorted((self.tree / "share" / "classically_punk").iterdir())


def build(tree: Path, wheel: Path, epoch: int) -> Environment:
    """Makes the environment below `tree`, which must not exist, with the project's own wheel in it."""
    program = interpreter.copy_interpreter(tree)
    # Before anything is run: what the interpreter itself needs comes first.
    brought = libraries.bring_in(tree, program)
    folder = interpreter.packages_folder(tree, program)
    found = packages.closure()
    for name, package in found.items():
        if name != packages.PROJECT:
            packages.copy_package(package, folder)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    changed = libraries.forget_outside(folder)
    for file in changed:
        packages.record_again(folder, file)
    brought += libraries.bring_in(tree, program)
    command = tree / "bin" / "punk"
    command.write_text(COMMAND)
    command.chmod(0o755)
    set_times(tree, epoch)
    _compile(tree, program)
    set_times(tree, epoch)
    return Environment(tree, program, found, sorted(brought), changed, libraries.newest_glibc(tree))


def _compile(tree: Path, program: Path) -> None:
    """Bytecode that is never compared with its source, since nothing in the archive changes, and machine code."""
    home = tree.parent / "home"
    home.mkdir(exist_ok=True)
    quiet = {"HOME": str(home), "PATH": os.defpath, "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}
    library = tree / "lib" / program.name
    words: list[str | Path] = ["-I", "-m", "compileall", "-q", "-f", "-j1", "--invalidation-mode", "unchecked-hash"]
    words += ["-s", str(tree), "-p", "", "-x", r"/(bad|badsyntax)_", str(library)]
    subprocess.run([program, *words], check=True, env=quiet, stdout=subprocess.DEVNULL)
    (tree / "share" / "classically_punk").mkdir(parents=True)
    warm: list[str | Path] = [program, "-I", "-m", "classically_punk.features.warm"]
    subprocess.run(warm, check=True, env=quiet, stdout=subprocess.DEVNULL)
    shutil.rmtree(home)


def tag() -> str:
    """For which interpreter and system it is: "cp311-linux_x86_64"."""
    return f"{sysconfig.get_config_var('SOABI').split('-')[1].join(['cp', ''])}-{_system()}"


def _system() -> str:
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")


def prove(archive: Path, place: Path) -> str:
    """Unpacks the archive in an empty folder and lets it import and compute, alone -> how it was shut in.

    As root, that folder is all there is: nothing but the tree and glibc. Otherwise the system around it can be seen.
    """
    tree = place / "env"
    tree.mkdir(parents=True)
    subprocess.run(["tar", "-xzf", archive, "-C", tree], check=True)
    program = tree / "bin" / "python3"
    quiet = {"HOME": "/nowhere", "PATH": f"{os.defpath}:/usr/sbin:/sbin", "MPLCONFIGDIR": "/tmp"}
    line: list[str | Path] = [program, "-I", "-c", IMPORTS]
    shut = "in a folder of its own"
    if subprocess.run(["unshare", "--mount", "true"], env=quiet, capture_output=True, check=False).returncode == 0:
        _bring_glibc(program, place)
        for name in ("tmp", "proc"):
            (place / name).mkdir()
        line = ["unshare", "--mount", "sh", "-c", SHUT_IN, place, "/env/bin/python3", "-I", "-c", IMPORTS]
        shut = "in a root folder with nothing but itself and glibc"
    run = subprocess.run(line, env=quiet, capture_output=True, text=True, cwd=place)
    if run.returncode:
        raise RuntimeError(f"the environment does not run {shut}:\n{run.stderr[-3000:]}")
    return shut


def _bring_glibc(program: Path, root: Path) -> None:
    """Copies the system's glibc, and nothing else, below `root` to where it lies here."""
    told = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    (folder,) = {Path(line.split()[2]).parent for line in told.splitlines() if line.split()[:1] == ["libc.so.6"]}
    loader = next(Path(word) for word in told.split() if "/ld-linux" in word)
    for source in (loader, *(folder / name for name in libraries.BASELINE)):
        if source.exists():
            target = root / source.relative_to("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            target.chmod(0o755)
