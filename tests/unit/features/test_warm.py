"""Compiled code: filled by one process, read by many, written by none of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import librosa
import pytest

WORKER = """
import sys
from classically_punk.features.warm import read_only_cache
read_only_cache()
import numpy as np
from classically_punk.features.describe import describe_segments
noise = np.random.default_rng(int(sys.argv[1])).uniform(-0.5, 0.5, 5 * 22050).astype(np.float32)
print([value.hex() for row in describe_segments(noise, 3.0) for value in row.values.tolist()])
"""
LATECOMER = """
import sys
from classically_punk.features.warm import read_only_cache
read_only_cache()
read_only_cache()
sys.path.insert(0, sys.argv[1])
import compiled
print(compiled.doubled(21))
"""
COMPILED = """
import numba

@numba.jit(nopython=True, cache=True)
def doubled(number):
    return 2 * number

@numba.vectorize(["float64(float64)"], cache=True)
def halved(number):
    return number / 2
"""


def start(code: str, argument: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code, argument],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def answer(process: subprocess.Popen[str]) -> str:
    said, complained = process.communicate(timeout=300)
    assert process.returncode == 0, complained
    return said


def compiled_files(folder: Path) -> dict[Path, int]:
    """Every compiled file and every cache folder below, with its time of change in ns."""
    files = [path for kind in ("*.nbi", "*.nbc") for path in folder.rglob(kind)]
    return {path: path.stat().st_mtime_ns for path in [*files, *{path.parent for path in files}]}


@pytest.mark.timeout(900)
def test_four_cold_workers_at_once_and_a_fifth_agree_and_leave_the_cache_alone() -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-m", "classically_punk.features.warm"], check=True)
    cache = Path(librosa.__file__).parent
    before = compiled_files(cache)
    assert before, "no compiled file where numba looks without being told"
    answers = [answer(worker) for worker in [start(WORKER, "1") for _ in range(4)]]
    answers.append(answer(start(WORKER, "1")))
    assert len(set(answers)) == 1
    assert answers[0].startswith("['0x")
    assert compiled_files(cache) == before


def test_a_worker_without_a_filled_cache_compiles_for_itself_and_writes_nothing(tmp_path: Path) -> None:
    source = tmp_path / "source"
    cache = tmp_path / "cache"
    home = tmp_path / "home"
    for folder in (source, cache, home):
        folder.mkdir()
    (source / "compiled.py").write_text(COMPILED)
    surroundings = {"NUMBA_CACHE_DIR": str(cache), "HOME": str(home), "XDG_CACHE_HOME": str(home)}
    assert answer(start(LATECOMER, str(source), PYTHONDONTWRITEBYTECODE="1", **surroundings)) == "42\n"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["compiled.py"]


def test_a_worker_finds_what_was_filled_before(tmp_path: Path) -> None:
    (tmp_path / "compiled.py").write_text(COMPILED)
    fill = "import sys; sys.path.insert(0, sys.argv[1]); import compiled; compiled.doubled(1)"
    answer(start(fill, str(tmp_path)))
    before = compiled_files(tmp_path)
    assert before
    hits = "; print(sum(compiled.doubled.stats.cache_hits.values()), sum(compiled.doubled.stats.cache_misses.values()))"
    assert answer(start(LATECOMER.rstrip() + hits + "\n", str(tmp_path))) == "42\n1 0\n"
    assert compiled_files(tmp_path) == before
