"""What a run says of itself to catalogues, held against OpenLineage's own rules for names and events."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from classically_punk.errors import ConfigError
from classically_punk.settings import Settings
from classically_punk.spark import lineage
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse


def commit(root: Path, table: str, version: int) -> None:
    log = root / table / "_delta_log"
    log.mkdir(parents=True, exist_ok=True)
    (log / f"{version:020d}.json").write_text("{}\n")


def a_run(tmp_path: Path, corpus: str = "/music") -> tuple[Run, Warehouse, Path]:
    into = tmp_path / "lineage.jsonl"
    sections: dict[str, dict[str, Any]] = {
        "warehouse": {"root": str(tmp_path)},
        "corpus": {"root": corpus},
        "run": {"lineage": str(into)},
    }
    told = SimpleNamespace(
        root=tmp_path, path=lambda name: str(tmp_path / name), were_read=set(), spark=SimpleNamespace(version="4.2.0")
    )
    return Run("ingest_clips", Settings.load(None, sections)), cast(Warehouse, told), into


def events(into: Path) -> list[Any]:
    return [json.loads(line) for line in into.read_text().splitlines()]


def test_a_run_tells_what_it_read_and_which_versions_it_wrote(tmp_path: Path) -> None:
    run, warehouse, into = a_run(tmp_path)
    commit(tmp_path, "clips", 0)
    commit(tmp_path, "models", 4)
    with lineage.told(run, warehouse):
        warehouse.were_read |= {"models"}
        commit(tmp_path, "clips", 1)
        commit(tmp_path, "clips", 2)
        commit(tmp_path, "features", 0)
    start, end = events(into)
    assert (start["eventType"], start["outputs"]) == ("START", [])
    assert end["eventType"] == "COMPLETE"
    assert start["run"]["runId"] == end["run"]["runId"] == str(uuid.UUID(end["run"]["runId"]))
    assert end["run"]["facets"]["tags"]["tags"][0] | {"_": 0} == {"key": "run_id", "value": run.run_id, "_": 0}
    assert end["job"]["name"] == "ingest_clips"
    assert {(one["namespace"], one["name"]) for one in end["inputs"]} == {
        ("file", "/music"),
        ("file", str(tmp_path / "models")),
    }
    wrote = {one["name"]: one["facets"]["version"]["datasetVersion"] for one in end["outputs"]}
    assert wrote == {str(tmp_path / "clips"): "2", str(tmp_path / "features"): "0"}


def test_a_run_that_dies_is_a_failure_with_its_reason_and_dies_all_the_same(tmp_path: Path) -> None:
    run, warehouse, into = a_run(tmp_path)
    with pytest.raises(OSError, match="no space"), lineage.told(run, warehouse):
        raise OSError("no space on s3://me:hunter2@bucket/music")
    assert [event["eventType"] for event in events(into)] == ["START", "FAIL"]
    message = events(into)[1]["run"]["facets"]["errorMessage"]["message"]
    assert "no space on" in message
    assert "hunter2" not in message


def test_a_failed_gate_is_a_failure(tmp_path: Path) -> None:
    run, warehouse, into = a_run(tmp_path)
    with lineage.told(run, warehouse):
        run.gate("3 of 4 files rejected")
    assert events(into)[1]["eventType"] == "FAIL"
    assert events(into)[1]["run"]["facets"]["errorMessage"]["message"] == "3 of 4 files rejected"


def test_without_the_key_nothing_is_told(tmp_path: Path) -> None:
    _, warehouse, into = a_run(tmp_path)
    with lineage.told(Run("ingest_clips", Settings()), warehouse):
        commit(tmp_path, "clips", 0)
    assert not into.exists()


@pytest.mark.parametrize(
    ("where", "place"),
    [
        ("/music/a", ("file", "/music/a")),
        ("file:///music/a", ("file", "/music/a")),
        ("s3://bucket/some/music", ("s3://bucket", "some/music")),
        ("s3://me:hunter2@bucket/music?endpoint_override=x", ("s3://bucket", "music")),
        ("hdfs://name:8020/music", ("hdfs://name:8020", "music")),
    ],
)
def test_places_are_named_as_openlineage_names_them(where: str, place: tuple[str, str]) -> None:
    assert lineage.place_of(where) == place


def test_a_file_that_cannot_be_written_is_refused_before_spark_starts(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"run\.lineage: cannot write to"):
        lineage.check(Settings.load(None, {"run": {"lineage": str(tmp_path / "none" / "lineage.jsonl")}}))


def test_a_file_that_goes_away_costs_a_line_and_not_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, warehouse, into = a_run(tmp_path)
    with lineage.told(run, warehouse):
        into.unlink()
        into.mkdir()
    assert "lineage: " in capsys.readouterr().err
