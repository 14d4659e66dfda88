"""A warehouse of an earlier version: what it has stays to the bit, and only what it lacks is measured."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from deltalake import DeltaTable
from pyspark.sql import functions as F  # noqa: N812
from tests.spark.conftest import Bench, forget_tables

from classically_punk.errors import ConfigError
from classically_punk.settings import Settings
from classically_punk.spark import health, schemas
from classically_punk.spark.fill_in import extract_features
from classically_punk.spark.tables import Warehouse

LACKING = ("tempo_bpm", "timbre_flux_mean")
"""One that is measured on the whole clip, and one of an entry of two."""
EXTRA = "timbre_forgotten"
OLD = "punk@000000000000"


@pytest.fixture
def older(described: Bench, tmp_path: Path) -> Bench:
    """A copy of the described warehouse as a version left it that knew none of `LACKING` and measured `EXTRA`."""
    root = tmp_path / "warehouse"
    shutil.copytree(described.settings.folder("warehouse.root"), root)
    rows = described.warehouse.read("features").drop(*LACKING)
    # no kernel gives such a level: whoever measures it again is found out
    rows = rows.withColumns({"loudness_rms_mean": F.lit(-1.5), EXTRA: F.lit(7.0), "feature_set": F.lit(OLD)})
    shutil.rmtree(root / "features")
    rows.write.format("delta").save(str(root / "features"))
    return Bench(
        described.spark, Settings.load(None, described.settings.model_dump() | {"warehouse": {"root": str(root)}})
    )


def table(bench: Bench) -> DeltaTable:
    return DeltaTable(str(bench.settings.folder("warehouse.root") / "features"))


def rows(bench: Bench) -> pd.DataFrame:
    return table(bench).to_pyarrow_table().to_pandas().sort_values(["clip_id", "segment"], ignore_index=True)


def test_an_older_table_gets_what_it_lacks_and_keeps_what_it_has(
    older: Bench, described: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    before, truth = rows(older), rows(described)
    (problem,) = health._columns(older.warehouse)
    assert problem.startswith("table features lacks the columns tempo_bpm, timbre_flux_mean")
    older.warehouse.open()  # to read
    assert "the next run that writes adds them" in capsys.readouterr().err
    assert older.warehouse.read("features").columns == schemas.features().names
    assert older.warehouse.read("features").where("tempo_bpm IS NULL").count() == len(before)

    run = older.run(extract_features)
    assert run.counts["extracted"] == 15
    after = rows(older)
    kept = [name for name in before.columns if name != "feature_set"]
    pd.testing.assert_frame_equal(after[kept], before[kept], check_exact=True)
    for name in LACKING:
        assert after[name].to_numpy().tobytes() == truth[name].to_numpy().tobytes()
    assert set(after["feature_set"]) == set(truth["feature_set"])
    fields = {field.name: field for field in table(older).schema().fields}
    assert fields["tempo_bpm"].metadata["comment"].endswith("[BPM]")
    assert fields["tempo_bpm"].nullable
    assert list(health._columns(older.warehouse)) == []

    version = table(older).version()
    assert older.run(extract_features).counts == {}
    assert table(older).version() == version


def test_other_pieces_are_measured_and_rows_that_lack_nothing_are_marked_without_their_audio(older: Bench) -> None:
    seconds: dict[str, object] = {"segment_s": 1.0}
    assert older.run(extract_features, features=seconds).counts["extracted"] == 15
    cut = rows(older)
    assert list(cut["segment"]) == [-1, 0, 1] * 15
    assert set(cut[cut["segment"] == -1]["loudness_rms_mean"]) == {-1.5}
    assert (cut[cut["segment"] >= 0]["loudness_rms_mean"] >= 0).all()
    # several segments, and an entry that all of them lack
    place = f"delta.`{older.warehouse.path('features')}`"
    older.spark.sql(f"UPDATE {place} SET feature_set = '{OLD}', tempo_bpm = NULL, loudness_rms_mean = -2.5")
    assert older.run(extract_features, features=seconds).counts["extracted"] == 15
    again = rows(older)
    assert set(again["loudness_rms_mean"]) == {-2.5}
    assert again["tempo_bpm"].to_numpy().tobytes() == cut["tempo_bpm"].to_numpy().tobytes()
    # nothing that any of them lacks
    older.spark.sql(f"UPDATE {place} SET feature_set = '{OLD}'")
    run = older.run(extract_features, features=seconds)
    assert run.counts == {"marked_current": 15}
    assert "extract" not in run.seconds
    assert OLD not in set(rows(older)["feature_set"])


def test_a_column_of_another_type_is_refused_by_name(described: Bench, tmp_path: Path) -> None:
    files = described.warehouse.read("files").withColumn("size_bytes", F.col("size_bytes").cast("string"))
    files.write.format("delta").save(str(tmp_path / "files"))
    forget_tables(described.spark)
    with pytest.raises(ConfigError, match="column size_bytes of table files is string, expected bigint"):
        Warehouse(described.spark, tmp_path).open("first")
