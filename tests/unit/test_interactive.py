"""What keeps a notebook's session from starting is said before a JVM does."""

from __future__ import annotations

from pathlib import Path

import pytest

from classically_punk.errors import ConfigError
from classically_punk.settings import Settings
from classically_punk.spark.interactive import open_tables


def test_a_warehouse_that_is_not_there(tmp_path: Path) -> None:
    settings = Settings.load(None, {"warehouse": {"root": str(tmp_path / "nowhere")}})
    with pytest.raises(ConfigError, match=r"nowhere does not exist: run a job first"):
        open_tables(settings)


def test_properties_that_are_not_there(tmp_path: Path) -> None:
    settings = Settings.load(None, {"warehouse": {"root": str(tmp_path)}})
    with pytest.raises(ConfigError, match=r"none\.conf: cannot read Spark's properties: No such file"):
        open_tables(settings, tmp_path / "none.conf")


def test_a_warehouse_that_is_not_named() -> None:
    with pytest.raises(ConfigError, match=r"warehouse\.root: not set"):
        open_tables(Settings.load(None, {}))
