"""Every notebook runs to its end from a clean kernel, on the demo's warehouse."""

from __future__ import annotations

import subprocess
import sys

import nbformat
import pytest
from tests.jobs.conftest import ROOT

NAMES = sorted(file.stem for file in (ROOT / "notebooks").glob("*.py"))


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_from_a_clean_kernel(name: str) -> None:
    program = [sys.executable, "-W", "ignore", "docs/making/notebooks.py", "run", name]
    run = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert run.returncode == 0, run.stderr[-4000:]
    cells = nbformat.read(ROOT / "build" / "notebooks" / f"{name}.ipynb", as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    shown = [output for cell in code for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in shown)
    assert not [output.text for output in shown if "DeprecationWarning" in output.get("text", "")]
