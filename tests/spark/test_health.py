"""A warehouse that is in order is called so; each thing that is wrong is found and named."""

from __future__ import annotations

import shutil
from pathlib import Path

from pyspark.sql import SparkSession
from tests.spark.conftest import Bench, forget_tables

from classically_punk.spark import health
from classically_punk.spark.tables import Warehouse

DAMAGE = (
    "UPDATE @files SET status = 'rejected' WHERE genre = 'hum'",
    "DELETE FROM @clips WHERE genre = 'hiss'",
    "DELETE FROM @features WHERE segment = -1 AND genre = 'clicks'",
    "UPDATE @runs SET state = 'gate', detail = 'too many rejects'",
)
SAID = (
    "table clips holds 1 keys more than once",
    "5 clips of accepted files are not in clips: run ingest_clips, which reads such files again",
    "5 refused files without a row in rejects: run ingest_clips",
    "5 clips are not described: run extract_features",
    "5 clips in features are not in clips",
)


def test_what_does_not_fit_together_is_named(spark: SparkSession, described: Bench, tmp_path: Path) -> None:
    shutil.copytree(described.warehouse.root, tmp_path / "warehouse")
    forget_tables(spark)
    copied = Warehouse(spark, tmp_path / "warehouse")
    assert health.problems(copied) == []

    for statement in DAMAGE:
        name = next(word for word in statement.split() if word.startswith("@"))
        spark.sql(statement.replace(name, f"delta.`{copied.path(name[1:])}`"))
    copied.read("clips").limit(1).write.format("delta").mode("append").save(copied.path("clips"))
    (copied.root / "published").mkdir(exist_ok=True)
    (copied.root / "published" / "current.json").write_text("{half")
    found = health.problems(copied)
    assert found[:5] == list(SAID)
    assert found[5].startswith("the published model does not load")
    assert found[6].endswith("ended in state gate: too many rejects")
    assert len(found) == 7

    shutil.rmtree(copied.root / "features" / "_delta_log")
    (problem,) = health.problems(copied)
    assert problem.startswith("table features cannot be read")
