"""What several unit tests use."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def fuzz(repository: Path) -> ModuleType:
    """The module behind `scripts/fuzz`, which is in no package."""
    spec = importlib.util.spec_from_file_location("fuzz", repository / "bench" / "fuzz.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz"] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module
