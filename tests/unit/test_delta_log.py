"""Checkpoints that are lost or damaged stop no reader: the table's commits tell the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from pyarrow import parquet as pq

from classically_punk.spark.delta_log import HINT, added_since, last_change, mend, take_away_unborn


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


@pytest.mark.parametrize(
    "left", [[], ["_staged_commits/"], ["_staged_commits/", ".0.json.x.tmp", "..0.json.x.tmp.crc"]]
)
def test_a_table_that_was_never_made_is_taken_away(tmp_path: Path, left: list[str]) -> None:
    log = tmp_path / "table" / "_delta_log"
    log.mkdir(parents=True)
    for name in left:
        (log / name).mkdir() if name.endswith("/") else (log / name).write_bytes(b"{")
    assert take_away_unborn(tmp_path / "table")
    assert not (tmp_path / "table").exists()


def test_a_table_and_other_peoples_files_are_never_taken_away(table: Path, tmp_path: Path) -> None:
    assert not take_away_unborn(table)
    assert rows(table) == list(range(7))
    other = tmp_path / "other"
    (other / "_delta_log").mkdir(parents=True)
    (other / "song.wav").write_bytes(b"RIFF")
    assert not take_away_unborn(other)
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "song.wav").write_bytes(b"RIFF")
    assert not take_away_unborn(tmp_path / "music")
    assert (other / "song.wav").exists()


def test_the_last_change_moves_with_rows_and_not_with_upkeep(table: Path) -> None:
    before = last_change(table)
    assert before is not None
    assert before[0] == 6
    DeltaTable(table).optimize.compact()
    assert DeltaTable(table).version() == 7
    assert last_change(table) == before
    write_deltalake(table, pa.table({"n": [7]}), mode="append")
    after = last_change(table)
    assert after is not None
    assert after[0] == 8
    # a commit that was lost and made anew under the same number is another one
    (table / "_delta_log" / f"{8:020d}.json").unlink()
    write_deltalake(table, pa.table({"n": [8]}), mode="append")
    again = last_change(table)
    assert again is not None
    assert again[0] == 8
    assert again != after
    assert last_change(table.with_name("none")) is None


def test_what_was_only_added_is_told_file_by_file(table: Path) -> None:
    before = last_change(table)
    nothing = added_since(table, before)
    assert nothing is not None
    assert (nothing.files, nothing.rows) == ((), 0)
    write_deltalake(table, pa.table({"n": [7, 8]}), mode="append")
    write_deltalake(table, pa.table({"n": [9]}), mode="append")
    found = added_since(table, before)
    assert found is not None
    assert found.rows == 3
    assert sorted(n for file in found.files for n in pq.read_table(table / file)["n"].to_pylist()) == [7, 8, 9]


def replaced(table: Path) -> None:
    write_deltalake(table, pa.table({"n": [7]}), mode="overwrite")


def taken_away(table: Path) -> None:
    DeltaTable(table).delete("n = 3")


def moved(table: Path) -> None:
    DeltaTable(table).optimize.compact()


def widened(table: Path) -> None:
    write_deltalake(table, pa.table({"n": [7], "m": [1]}), mode="append", schema_mode="merge")


def lost(table: Path) -> None:
    for _ in range(2):
        write_deltalake(table, pa.table({"n": [7]}), mode="append")
    (table / "_delta_log" / f"{7:020d}.json").unlink()


def made_anew(table: Path) -> None:
    (table / "_delta_log" / f"{6:020d}.json").unlink()
    write_deltalake(table, pa.table({"n": [66]}), mode="append")


@pytest.mark.parametrize("change", [replaced, taken_away, moved, widened, lost, made_anew])
def test_of_any_other_change_it_is_said_that_nothing_is_known(table: Path, change: Callable[[Path], None]) -> None:
    before = last_change(table)
    change(table)
    assert added_since(table, before) is None


@pytest.mark.parametrize("change", [None, [], ["6", "x"], [6, "another"], [99, "x"]])
def test_nothing_is_known_since_a_change_that_is_not_in_the_log(table: Path, change: object) -> None:
    assert added_since(table, change) is None
    assert added_since(table.with_name("none"), change) is None
