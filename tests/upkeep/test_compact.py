"""Many small commits become few files with the same rows; what was before can be read; no commit where none helps."""

from __future__ import annotations

import shutil
from pathlib import Path

import delta
import pytest
from deltalake import DeltaTable
from pyspark.sql import Row, SparkSession
from tests.spark.conftest import Bench, forget_tables

from classically_punk.settings import Settings
from classically_punk.spark import tables
from classically_punk.spark.clean import clean_warehouse
from classically_punk.spark.compact import compact_tables
from classically_punk.spark.tables import CLUSTERED, STATISTICS, Warehouse


def table(bench: Bench, name: str) -> DeltaTable:
    return DeltaTable(str(bench.settings.folder("warehouse.root") / name))


def rows(found: DeltaTable) -> list[dict[str, object]]:
    return sorted(found.to_pyarrow_table().to_pylist(), key=repr)


def test_many_small_commits_become_few_files_with_the_same_rows(
    described: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = 3
    monkeypatch.setattr(tables, "MANY", many)
    root = tmp_path / "warehouse"
    shutil.copytree(described.settings.folder("warehouse.root"), root)
    places = described.settings.model_dump() | {"warehouse": {"root": str(root)}}
    made = Bench(described.spark, Settings.load(None, places))
    warehouse = made.warehouse.open("many")
    one = warehouse.read("features").where("segment = 0").localCheckpoint()
    for at in range(many):
        warehouse.append("features", one.withColumn("segment", one["segment"] + 1 + at))
    before = table(made, "features")
    known, files = rows(before), len(before.file_uris())
    assert files >= many
    run = made.run(compact_tables)
    after = table(made, "features")
    assert len(after.file_uris()) == 1
    assert rows(after) == known
    assert run.counts["data_files_before"] - run.counts["data_files_after"] >= files - 1
    newest = after.history(1)[0]
    assert (newest["operation"], newest["userMetadata"]) == ("OPTIMIZE", run.run_id)
    # what was there before can still be read, until it is cleaned away
    assert rows(DeltaTable(after.table_uri, version=after.version() - 1)) == known
    told = after.get_add_actions(flatten=True)
    kept = {name.removeprefix("min.") for name in told.schema.names if name.startswith("min.")}
    assert kept == set(STATISTICS["features"])

    versions = {name: table(made, name).version() for name in ("files", "clips", "features", "predictions")}
    made.run(compact_tables)
    assert {name: table(made, name).version() for name in versions} == versions

    made.run(clean_warehouse, warehouse={"retention_hours": 0.0, "short_retention": True})
    folder = Path(str(made.settings.folder("warehouse.root"))) / "features"
    assert len(list(folder.rglob("*.parquet"))) - len(list((folder / "_delta_log").rglob("*.parquet"))) == 1
    assert rows(table(made, "features")) == known


def test_tables_of_an_earlier_version_get_the_layout_of_new_ones(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def layout(root: Path, name: str) -> Row | None:
        detail = delta.DeltaTable.forPath(spark, str(root / name)).detail()
        return detail.select("properties", "clusteringColumns").first()

    forget_tables(spark)
    Warehouse(spark, tmp_path / "new").open("new")
    forget_tables(spark)
    with monkeypatch.context() as patch:
        patch.setattr(tables, "STATISTICS", {})
        patch.setattr(tables, "CLUSTERED", {})
        older = Warehouse(spark, tmp_path / "old").open("old")
    assert layout(older.root, "features") != layout(tmp_path / "new", "features")
    older.lay_out()
    for name in CLUSTERED:
        assert layout(older.root, name) == layout(tmp_path / "new", name)
    versions = [DeltaTable(older.path(name)).version() for name in CLUSTERED]
    older.lay_out()
    assert [DeltaTable(older.path(name)).version() for name in CLUSTERED] == versions
