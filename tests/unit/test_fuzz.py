"""A minute of mutated audio, and that the search would say so if it found something."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from classically_punk import errors


@pytest.mark.timeout(240)
def test_no_mutation_kills_a_process_or_gives_a_row_that_is_not_finite(repository: Path, tmp_path: Path) -> None:
    alone = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    script = [sys.executable, "-W", "ignore", repository / "bench" / "fuzz.py"]
    command = [*script, "--inputs", "8000", "--save", tmp_path / "found"]
    done = subprocess.run(command, env={**os.environ, **alone}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["inputs"] == 8_000
    assert told["described"] > 1_600
    assert not (tmp_path / "found").exists()
    codes = {kind.code for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "code")}
    assert set(told["counts"]) <= codes | {"accepted"}
    assert len(told["counts"]) > 12


def test_an_input_is_told_by_its_number_alone(fuzz: ModuleType) -> None:
    assert [fuzz.mutated(3, n) for n in range(300)] == [fuzz.mutated(3, n) for n in range(300)]
    assert len({fuzz.mutated(3, n) for n in range(300)}) > 280
    assert fuzz.mutated(3, 0) != fuzz.mutated(4, 0)


def test_an_error_a_death_and_a_hang_are_findings_and_the_rest_is_done(
    fuzz: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = {fuzz.mutated(0, 3): "raise", fuzz.mutated(0, 5): "die", fuzz.mutated(0, 8): "hang"}

    def judge(content: bytes) -> str:
        act = bad.get(content)
        if act == "raise":
            raise ZeroDivisionError("on purpose")
        if act == "die":
            os._exit(11)
        if act == "hang":
            time.sleep(60)
        return "accepted"

    monkeypatch.setattr(fuzz, "HANGS_S", 1.0)
    result = fuzz.run(0, 0, 12, None, 2, judge)
    found = dict(result.findings)
    assert sorted(found) == [3, 5, 8]
    assert "ZeroDivisionError" in found[3]
    assert "died with 11" in found[5]
    assert "no answer" in found[8]
    assert result.counts["accepted"] >= 12 - 3 - 4  # a worker that dies takes along what it did not report yet
    fuzz.save(tmp_path, 0, result.findings)
    assert (tmp_path / "0-5.bin").read_bytes() == fuzz.mutated(0, 5)


def test_a_row_that_is_not_finite_is_a_finding(fuzz: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    class Row:
        values = (0.0, float("nan"))

    monkeypatch.setattr(fuzz, "describe_segments", lambda *_: [Row])
    with pytest.raises(AssertionError, match="not finite"):
        fuzz.judge(fuzz.seeds()[0])
