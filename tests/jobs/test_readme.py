"""The README's commands and the lines that the demo prints, run as they stand, from the root of the checkout."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOREIGN = {"VIRTUAL_ENV", "PYTHONPATH", "SPARK_HOME", "PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON"}

pytestmark = [
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not (ROOT / ".venv/.setup/kernels").exists(), reason="this checkout was not set up"),
]


@dataclass(frozen=True)
class Block:
    """A fenced block of commands, and why it is not run (empty = it is)."""

    text: str
    excuse: str


def blocks() -> list[Block]:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.finditer(r"(?:<!-- not run by a test: (.*?) -->\n)?```sh\n(.*?)```", readme, re.DOTALL)
    return [Block(match[2], match[1] or "") for match in found]


def shell(text: str) -> subprocess.CompletedProcess[str]:
    """Runs commands as a user would, in a shell that has not activated anything."""
    path = os.pathsep.join(
        part for part in os.environ["PATH"].split(os.pathsep) if Path(part) != Path(sys.prefix) / "bin"
    )
    variables = {name: value for name, value in os.environ.items() if name not in FOREIGN} | {"PATH": path}
    return subprocess.run(
        ["bash", "-e", "-c", text], cwd=ROOT, env=variables, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


def succeeded(text: str) -> str:
    run = shell(text)
    assert run.returncode == 0, f"{text}\n{run.stdout[-2000:]}\n{run.stderr[-4000:]}"
    return run.stdout


@pytest.fixture(scope="module")
def demo() -> str:
    """What the README's first command prints."""
    return succeeded(blocks()[0].text)


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder: a few clips of two genres."""
    folder = tmp_path_factory.mktemp("own") / "My Music"
    program = [sys.executable, "-m", "classically_punk.audio.synthetic", str(folder), "--clips", "3", "--seconds", "2"]
    subprocess.run(program, check=True, capture_output=True)
    return folder


def test_blocks_are_read_from_the_readme() -> None:
    texts = [block.text.splitlines()[0] for block in blocks()]
    assert texts[:2] == ["scripts/demo", "scripts/test"]
    assert [bool(block.excuse) for block in blocks()[:2]] == [False, True]


def test_the_demo_names_files_that_are_there(demo: str) -> None:
    for what in ("Report", "Slides"):
        (name,) = re.findall(rf"^  {what} +(\S+)$", demo, re.MULTILINE)
        assert (ROOT / name).stat().st_size > 1000
    assert "synthetic" in demo


def test_the_demos_classify_line_works_as_printed(demo: str) -> None:
    (line,) = re.findall(r"^  Classify +(.+)$", demo, re.MULTILINE)
    (answer,) = map(json.loads, succeeded(f"{line} --json").splitlines())
    assert answer["path"] == shlex.split(line)[-1]
    assert answer["best"] in {folder.name for folder in (ROOT / "demo/corpus").iterdir()}
    assert answer["probabilities"][answer["best"]] == answer["confidence"]


def test_the_demos_query_works_as_printed(demo: str) -> None:
    (line,) = re.findall(r"^  Query +(.+)$", demo, re.MULTILINE)
    rows = [row.split("|")[1:3] for row in succeeded(line).splitlines() if row.startswith("|")][1:]
    assert {genre.strip(): int(clips) for genre, clips in rows} == {
        folder.name: sum(1 for song in folder.iterdir() if song.name.startswith(folder.name))
        for folder in (ROOT / "demo/corpus").iterdir()
    }


@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize("block", [b for b in blocks()[1:] if not b.excuse], ids=lambda b: b.text.split("\n")[0][:40])
def test_a_block_of_the_readme_runs_as_it_stands(block: Block, music: Path) -> None:
    said = succeeded(block.text.replace("MUSIC=~/Music", f"MUSIC={shlex.quote(str(music))}"))
    assert said.strip()
