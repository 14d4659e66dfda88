"""The interpreter of this environment as a tree that can lie anywhere: program, standard library, shared libraries."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from release import libraries

NOT_NEEDED = (
    "__pycache__",
    "config-*",
    "dist-packages",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "pydoc_data",
    "site-packages",
    "sitecustomize.py",
    "test",
    "tests",
    "tkinter",
    "turtledemo",
    "turtle.py",
    "_tkinter.*",
    "_test*",
    "_xxtest*",
    "_ctypes_test.*",
    "xxlimited*",
)
"""What no job imports: the tests and the tools of Python itself, what draws windows, what others have installed."""


def copy_interpreter(tree: Path) -> Path:
    """Copies the interpreter below `tree` -> its program. What it links to is copied, never linked."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    program = tree / "bin" / version
    program.parent.mkdir(parents=True)
    _copy(Path(sys._base_executable).resolve(), program)  # type: ignore[attr-defined]
    for name in ("python3", "python"):
        (tree / "bin" / name).symlink_to(version)
    library = tree / "lib" / version
    ignored = shutil.ignore_patterns(*NOT_NEEDED)
    shutil.copytree(sysconfig.get_path("stdlib"), library, ignore=ignored)
    shared = sysconfig.get_config_var("INSTSONAME")
    if sysconfig.get_config_var("Py_ENABLE_SHARED") and shared:
        _copy(Path(sysconfig.get_config_var("LIBDIR")) / shared, tree / "lib" / shared)
    for binary in libraries.binaries(tree):
        libraries.search_here(binary.path, tree)
    return program


def _copy(source: Path, target: Path) -> None:
    if not source.is_file():
        raise FileNotFoundError(f"the interpreter has no {source}")
    shutil.copyfile(source, target)
    target.chmod(0o755)


def packages_folder(tree: Path, program: Path) -> Path:
    """Where the interpreter of the tree looks for packages: Debian's has another name for it."""
    asked = "import site; print(*site.getsitepackages(), sep='\\n')"
    told = subprocess.run([program, "-I", "-c", asked], check=True, capture_output=True, text=True).stdout
    inside = [Path(line) for line in told.splitlines() if Path(line).is_relative_to(tree)]
    if not inside:
        raise FileNotFoundError(f"{program} looks for packages outside of its tree: {told.split()}")
    inside[0].mkdir(parents=True, exist_ok=True)
    return inside[0]
