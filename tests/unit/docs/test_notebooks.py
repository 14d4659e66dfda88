"""The notebooks in the repository: pairs that say the same, without outputs, without logic of their own."""

from __future__ import annotations

import ast
from types import ModuleType

import nbformat
import pytest
from tests.conftest import ROOT

NAMES = sorted(file.stem for file in (ROOT / "notebooks").glob("*.py"))


def kept(name: str) -> nbformat.NotebookNode:
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


def test_there_are_five_pairs() -> None:
    assert sorted(file.stem for file in (ROOT / "notebooks").glob("*.ipynb")) == NAMES
    assert [name[0] for name in NAMES] == list("12345")


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_what_its_text_says(name: str, making: dict[str, ModuleType]) -> None:
    assert kept(name) == making["notebooks"].from_text(name), "run scripts/notebooks write"


@pytest.mark.parametrize("name", NAMES)
def test_no_output_is_kept(name: str) -> None:
    notebook = kept(name)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) > 5
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_defines_nothing_and_explains_itself(name: str) -> None:
    tree = ast.parse((ROOT / "notebooks" / f"{name}.py").read_text(encoding="utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.While)]
    assert any(
        isinstance(node, ast.ImportFrom) and (node.module or "").startswith("classically_punk") for node in tree.body
    )
    assert kept(name).cells[0].source.startswith(f"# {name[0]} · ")
