"""The README's commands and the lines that the demo prints, run as they stand, from the root of the checkout."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from tests.jobs.conftest import ROOT, Block, blocks, succeeded

pytestmark = pytest.mark.timeout(1200)


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
