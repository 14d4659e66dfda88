"""The programs that make the documentation, as modules: they lie beside the pages, not in the package."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def making() -> dict[str, ModuleType]:
    """Every module of docs/making but the site's configuration, by name."""
    folder = ROOT / "docs" / "making"
    sys.path.insert(0, str(folder))
    try:
        return {file.stem: importlib.import_module(file.stem) for file in folder.glob("*.py") if file.stem != "conf"}
    finally:
        sys.path.remove(str(folder))
