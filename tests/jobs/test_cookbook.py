"""The cookbook's queries on the demo's warehouse: what the page says is what they give."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tests.jobs.conftest import QUICK, ROOT


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("demo")
def test_every_answer_of_the_cookbook_is_what_its_query_gives() -> None:
    program = [sys.executable, "docs/making/cookbook.py"]
    run = subprocess.run(
        program, cwd=ROOT, env=os.environ | QUICK, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert run.returncode == 0, f"{run.stdout[-6000:]}\n{run.stderr[-2000:]}"
    assert "20 answers are what the queries give" in run.stdout
