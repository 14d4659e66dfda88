"""The warehouse: documented tables that delta-rs reads, and writes that can be repeated."""

from __future__ import annotations

from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from tests.spark.conftest import Bench, forget_tables

from classically_punk.errors import ConfigError
from classically_punk.features import PUBLISHED_NAMES, catalogue
from classically_punk.spark import schemas
from classically_punk.spark.tables import Warehouse

TABLES = {
    "files",
    "clips",
    "rejects",
    "features",
    "altered_features",
    "fingerprints",
    "sums",
    "summed_clips",
    "withdrawn",
    "models",
    "predictions",
    "metrics",
    "runs",
}


def test_all_tables_open_in_delta_rs_with_every_column_commented(described: Bench) -> None:
    root = described.warehouse.root
    assert set(schemas.tables()) == TABLES
    for name in TABLES:
        arrow = DeltaTable(str(root / name)).to_pyarrow_table()
        assert arrow.column_names == schemas.tables()[name].names
        for field in DeltaTable(str(root / name)).schema().fields:
            assert field.metadata.get("comment"), f"{name}.{field.name}"


def test_features_has_a_column_per_scalar_with_its_unit_and_published_name(described: Bench) -> None:
    fields = {field.name: field for field in DeltaTable(str(described.warehouse.root / "features")).schema().fields}
    for column in catalogue.columns("punk"):
        comment = fields[column.name].metadata["comment"]
        assert comment.endswith(f"[{column.unit}]")
        if column.name in PUBLISHED_NAMES:
            assert f"published: {PUBLISHED_NAMES[column.name]} " in comment


def test_describe_table_shows_units(described: Bench) -> None:
    described.warehouse.open()
    rows = {r["col_name"]: r["comment"] for r in described.spark.sql("DESCRIBE TABLE punk.features").collect()}
    assert "[BPM]" in rows["tempo_bpm"]


def test_every_commit_carries_its_run(described: Bench) -> None:
    runs = set(DeltaTable(str(described.warehouse.root / "runs")).to_pyarrow_table()["run_id"].to_pylist())
    for name in ("files", "clips", "features", "runs"):
        for commit in DeltaTable(str(described.warehouse.root / name)).history():
            assert commit["userMetadata"] in runs, (name, commit["operation"])


def test_a_merge_done_twice_leaves_each_key_once(spark: SparkSession, tmp_path: Path) -> None:
    warehouse = Warehouse(spark, tmp_path)
    forget_tables(spark)
    warehouse.open("first")
    rows = spark.createDataFrame([("a", "EMPTY_FILE"), ("b", "SILENT")], "path string, reason string")
    warehouse.merge("rejects", rows, ("path",))
    warehouse.merge("rejects", rows.limit(1), ("path",))
    found = DeltaTable(str(tmp_path / "rejects")).to_pyarrow_table().select(["path", "reason"]).to_pylist()
    assert sorted((row["path"], row["reason"]) for row in found) == [("a", "EMPTY_FILE"), ("b", "SILENT")]


def test_writing_what_stands_already_makes_no_commit(spark: SparkSession, tmp_path: Path) -> None:
    warehouse = Warehouse(spark, tmp_path)
    forget_tables(spark)
    warehouse.open("first")
    rows = spark.createDataFrame([("a", "EMPTY_FILE", None)], "path string, reason string, detail string")
    warehouse.write_changed("rejects", rows, ("path",))
    version = DeltaTable(str(tmp_path / "rejects")).version()
    warehouse.write_changed("rejects", rows, ("path",))
    assert DeltaTable(str(tmp_path / "rejects")).version() == version


def test_a_table_of_another_shape_is_refused_by_name(spark: SparkSession, tmp_path: Path) -> None:
    spark.range(3).write.format("delta").save(str(tmp_path / "files"))
    forget_tables(spark)
    with pytest.raises(ConfigError, match="table files lacks the columns path, "):
        Warehouse(spark, tmp_path).open("first")
