"""Writes the notebooks from their text, or runs them.

    python docs/making/notebooks.py write             notebooks/*.py -> notebooks/*.ipynb, without outputs
    python docs/making/notebooks.py run [NAME…]       from a clean kernel each, into build/notebooks/*.ipynb

What is edited is the text (jupytext's percent format); a notebook saved by Jupyter goes back into it by
`jupytext --to py:percent FILE.ipynb`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "notebooks"
EXECUTED = ROOT / "build" / "notebooks"


def names() -> list[str]:
    """The notebooks by file name, without its ending."""
    return sorted(file.stem for file in FOLDER.glob("*.py"))


def from_text(name: str) -> nbformat.NotebookNode:
    """The notebook that the text describes; cells are numbered, not named by chance."""
    notebook = jupytext.read(FOLDER / f"{name}.py")
    for number, cell in enumerate(notebook.cells, start=1):
        cell["id"] = f"cell-{number}"
    return notebook


def write(name: str) -> None:
    """The `.ipynb` beside the text, written anew."""
    nbformat.write(from_text(name), FOLDER / f"{name}.ipynb")


def run(name: str) -> None:
    """Executes the notebook in a kernel of its own. Raises CellExecutionError."""
    notebook = from_text(name)
    client = NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}})
    try:
        client.execute()
    finally:
        EXECUTED.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, EXECUTED / f"{name}.ipynb")


def main(argv: Sequence[str]) -> int:
    """Does what is asked; the exit status is the return value."""
    verb, chosen = (argv[0] if argv else ""), list(argv[1:]) or names()
    if verb not in ("write", "run") or not set(chosen) <= set(names()):
        print(f"usage: write | run [NAME…]; NAME is one of: {' '.join(names())}", file=sys.stderr)
        return 2
    failed = 0
    for name in chosen:
        start = time.perf_counter()
        try:
            (write if verb == "write" else run)(name)
        except CellExecutionError as error:
            failed = 1
            print(f"{name}: {error}", file=sys.stderr)
        else:
            print(
                f"{name}: {'written' if verb == 'write' else 'ran'} ({time.perf_counter() - start:.0f} s)", flush=True
            )
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
