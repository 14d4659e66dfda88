"""What the job tests share: a shell as a user has it, the README's commands, the demo run once, a user's own music."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.spark.conftest import UNCOMPILED

ROOT = Path(__file__).resolve().parents[2]
FOREIGN = {"VIRTUAL_ENV", "PYTHONPATH", "SPARK_HOME", "PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON"}
QUICK = {"JAVA_TOOL_OPTIONS": " ".join(f"-D{key}={value}" for key, value in UNCOMPILED.items())}
"""Variables under which a JVM takes over Spark's switches for tests."""


@dataclass(frozen=True)
class Block:
    """A fenced block of commands, and why it is not run (empty = it is)."""

    text: str
    excuse: str


def blocks() -> list[Block]:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.finditer(r"(?:<!-- not run by a test: (.*?) -->\n)?```sh\n(.*?)```", readme, re.DOTALL)
    return [Block(match[2], match[1] or "") for match in found]


def shell(text: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Runs commands as a user would, in a shell that has not activated anything; `more` are variables."""
    path = os.pathsep.join(
        part for part in os.environ["PATH"].split(os.pathsep) if Path(part) != Path(sys.prefix) / "bin"
    )
    variables = {name: value for name, value in os.environ.items() if name not in FOREIGN} | {"PATH": path} | more
    return subprocess.run(
        ["bash", "-e", "-c", text], cwd=ROOT, env=variables, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


def succeeded(text: str, **more: str) -> str:
    run = shell(text, **more)
    assert run.returncode == 0, f"{text}\n{run.stdout[-2000:]}\n{run.stderr[-4000:]}"
    return run.stdout


def answered(text: str) -> str:
    """What commands say that have few rows to ask: Spark compiles nothing for them."""
    return succeeded(text, **QUICK)


@pytest.fixture(scope="session")
def demo() -> str:
    """What the README's first command prints, where nothing is left of another version's models."""
    for name in ("warehouse", "reports"):
        shutil.rmtree(ROOT / "demo" / name, ignore_errors=True)
    return succeeded(blocks()[0].text)


@pytest.fixture(scope="session")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder: a few clips of two genres."""
    folder = tmp_path_factory.mktemp("own") / "My Music"
    program = [sys.executable, "-m", "classically_punk.audio.synthetic", str(folder), "--clips", "3", "--seconds", "2"]
    subprocess.run(program, check=True, capture_output=True)
    return folder
