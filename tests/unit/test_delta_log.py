"""Checkpoints that are lost or damaged stop no reader: the table's commits tell the same."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from classically_punk.spark.delta_log import HINT, mend


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Seven commits, checkpoints at the third and the sixth."""
    place = tmp_path / "table"
    for number in range(7):
        write_deltalake(place, pa.table({"n": [number]}), mode="append")
        if number in (2, 5):
            DeltaTable(place).create_checkpoint()
    return place


def rows(table: Path) -> list[int]:
    return sorted(DeltaTable(table).to_pyarrow_table()["n"].to_pylist())


def checkpoints(table: Path) -> list[Path]:
    return sorted((table / "_delta_log").glob("*.checkpoint.parquet"))


def test_a_whole_log_is_left_alone(table: Path) -> None:
    before = sorted((table / "_delta_log").iterdir())
    assert mend(table) == []
    assert sorted((table / "_delta_log").iterdir()) == before
    assert mend(table.with_name("none")) == []


@pytest.mark.parametrize("hint", ["", "{half", '{"version": 99}', "[]"])
def test_a_hint_that_leads_nowhere_goes(table: Path, hint: str) -> None:
    (table / "_delta_log" / HINT).write_text(hint)
    assert mend(table) == [HINT]
    assert rows(table) == list(range(7))


def test_a_lost_checkpoint_takes_its_hint_along(table: Path) -> None:
    checkpoints(table)[-1].unlink()
    with pytest.raises(Exception, match="hint"):
        rows(table)
    assert mend(table) == [HINT]
    assert rows(table) == list(range(7))


@pytest.mark.parametrize("kept", [0, 700])
def test_half_a_checkpoint_goes_and_the_older_one_stays(table: Path, kept: int) -> None:
    old, new = checkpoints(table)
    new.write_bytes(new.read_bytes()[:kept])
    assert mend(table) == [new.name, HINT]
    assert checkpoints(table) == [old]
    assert rows(table) == list(range(7))


def test_what_the_commits_no_longer_tell_is_not_taken_away(table: Path) -> None:
    old, new = checkpoints(table)
    old.unlink()
    (table / "_delta_log" / f"{0:020d}.json").unlink()
    new.write_bytes(new.read_bytes()[:700])
    assert mend(table) == []
    assert new.exists()
