"""What a library needs is read as patchelf and the loader read it, and a tree that lacks one is found out."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
import scipy
from release import libraries

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="packages are made on Linux")


def some() -> Iterator[Path]:
    """Libraries of several makers: with RPATH, with RUNPATH, with neither."""
    yield Path(sys.executable).resolve()
    for package, pattern in ((numpy, "*.libs/*.so*"), (scipy, "scipy/special/*.so")):
        yield from sorted(Path(package.__file__).parents[1].glob(pattern))[:6]
    yield from sorted(Path(numpy.__file__).parents[1].glob("pyarrow/lib.*.so"))


def patchelf(*words: str | Path) -> str:
    return subprocess.run([libraries.PATCHELF, *words], check=True, capture_output=True, text=True).stdout.strip()


def test_what_a_file_needs_is_what_patchelf_says() -> None:
    read = [libraries.read(file) for file in some()]
    assert len(read) > 8
    for binary in read:
        assert binary is not None
        assert list(binary.needed) == patchelf("--print-needed", binary.path).split()
        assert ":".join(binary.search) == patchelf("--print-rpath", binary.path)
    assert {bool(binary and binary.has_runpath) for binary in read} == {True, False}


def test_what_is_no_library_is_passed_over(tmp_path: Path) -> None:
    for name, content in (("a.py", b"print()"), ("empty", b""), ("short.so", b"\x7fELF")):
        (tmp_path / name).write_bytes(content)
        assert libraries.read(tmp_path / name) is None


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A program of this system and one library, which needs another that nobody has."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "lib" / "deep").mkdir(parents=True)
    for source, target in ((shutil.which("true"), "bin/program"), (libc(), "lib/deep/other.so")):
        shutil.copy(str(source), tmp_path / target)
    patchelf("--add-needed", "libnobody-has-this.so.1", tmp_path / "lib/deep/other.so")
    return tmp_path


def libc() -> Path:
    """Any shared library with a dynamic section that patchelf can rewrite."""
    return next(file for file in some() if ".libs" in str(file) and "gfortran" not in file.name)


def test_a_missing_library_is_found_out_and_brought_in_only_if_there_is_one(tree: Path) -> None:
    lacking = [name for _, name in libraries.missing(tree, tree / "bin/program")]
    assert "libnobody-has-this.so.1" in lacking
    assert not set(lacking) & libraries.BASELINE
    with pytest.raises(FileNotFoundError, match="libnobody-has-this"):
        libraries.bring_in(tree, tree / "bin/program")
    (tree / "lib" / "libnobody-has-this.so.1").write_bytes(b"")
    libraries.search_here(tree / "lib/deep/other.so", tree)
    assert "libnobody-has-this.so.1" not in [name for _, name in libraries.missing(tree, tree / "bin/program")]


def test_a_search_path_out_of_the_tree_is_forgotten(tree: Path) -> None:
    other = tree / "lib/deep/other.so"
    patchelf("--force-rpath", "--set-rpath", "$ORIGIN/..:/opt/elsewhere:$ORIGIN/../../../..", other)
    assert libraries.forget_outside(tree) == [other]
    assert patchelf("--print-rpath", other) == "$ORIGIN/.."
    assert libraries.forget_outside(tree) == []


def test_glibc_of_a_tree_is_no_newer_than_the_one_it_runs_on(tree: Path) -> None:
    told = subprocess.run(["ldd", "--version"], check=True, capture_output=True, text=True).stdout.split("\n")[0]
    here = tuple(map(int, told.split()[-1].split(".")))
    assert (2, 2) <= tuple(map(int, libraries.newest_glibc(tree).split("."))) <= here
