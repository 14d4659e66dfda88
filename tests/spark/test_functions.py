"""`punk_describe` and `punk_describe_content` in SQL: a healthy, a short and a junk file, by path and by content."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import wav_file
from tests.spark.conftest import Bench, music

from classically_punk.features import catalogue, describe_clip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    wav_file(tmp_path / "a" / "good.wav", music(3, "hum"))
    wav_file(tmp_path / "a" / "short.wav", music(3, "hum", 0.1))
    (tmp_path / "a" / "junk.wav").write_bytes(b"{}" * 400)
    return tmp_path / "a"


def test_sql_describes_by_path_by_bytes_and_by_content(bench: Callable[..., Bench], folder: Path) -> None:
    import soundfile

    made = bench(folder)
    spark = made.spark
    samples, rate = soundfile.read(folder / "good.wav", dtype="float32")
    expected = describe_clip(samples, rate, "punk")
    names = {name: str(folder / f"{name}.wav") for name in ("good", "short", "junk")}
    paths = spark.createDataFrame(
        [(name, path, path.encode()) for name, path in names.items()], "n string, p string, b binary"
    )
    paths.createOrReplaceTempView("paths")
    queries = {
        "text": "SELECT n, d.* FROM (SELECT n, punk_describe(p) AS d FROM paths)",
        "bytes": "SELECT n, d.* FROM (SELECT n, punk_describe(b) AS d FROM paths)",
        "content": "SELECT n, d.* FROM (SELECT regexp_extract(path, '([a-z]+).wav$', 1) AS n, "
        "punk_describe_content(content) AS d FROM binaries)",
    }
    spark.read.format("binaryFile").load(str(folder)).createOrReplaceTempView("binaries")
    for how, query in queries.items():
        found = {row["n"]: row.asDict() for row in spark.sql(query).collect()}
        assert found["good"]["reason"] is None, how
        assert {c.name: found["good"][c.name] for c in catalogue.columns("punk")} == expected, how
        assert {name: found[name]["reason"] for name in ("short", "junk")} == {
            "short": "TOO_SHORT",
            "junk": "NOT_AUDIO",
        }
        assert found["junk"]["tempo_bpm"] is None
        assert found["junk"]["detail"]
