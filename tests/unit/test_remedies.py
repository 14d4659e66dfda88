"""A known cause is told in one line with its remedy, wherever in the chain of an error it stands; others are not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from classically_punk.errors import ConfigError
from classically_punk.spark import jobs
from classically_punk.spark.remedies import check_clock, remedy

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("text", "helps"),
    [
        ("[JAVA_GATEWAY_EXITED] Java gateway process exited before sending its port number.", "openjdk-17"),
        ("class org/apache/spark/launcher/Main: java.lang.UnsupportedClassVersionError: 61.0", "openjdk-17"),
        ("'JavaPackage' object is not callable", "--jars with all of dist/jars"),
        ("java.lang.ClassNotFoundException: org.apache.spark.sql.delta.catalog.DeltaCatalog", "--jars"),
        ("java.net.BindException: Address already in use: Service 'sparkDriver' failed after 16 retries", "ss -ltn"),
        ("[Errno 28] No space left on device: 'x.parquet'", "clean_warehouse"),
        ("java.nio.file.AccessDeniedException: /data/punk/files/part-0.parquet", "ls -ld"),
    ],
)
def test_a_known_cause_names_its_remedy(text: str, helps: str) -> None:
    line = remedy(RuntimeError(f"An error occurred while calling o51.save.\n: {text}\n\tat org.example.Main"))
    assert line is not None
    assert helps in line
    assert "\n" not in line
    assert text[:60] in line


def test_it_is_found_below_other_errors() -> None:
    above = RuntimeError("the run's row could not be written")
    above.__context__ = OSError(28, "No space left on device")
    assert "disk is full" in str(remedy(above))


@pytest.mark.parametrize(
    "text",
    [
        "division by zero",
        "x\n\tat org.apache.spark.sql.delta.catalog.DeltaCatalog.createTable(DeltaCatalog.scala:1)",
        "x\n\tat Permission denied",
    ],
)
def test_another_cause_is_not_explained_away(text: str) -> None:
    assert remedy(ValueError(text)) is None


def test_the_clock(tmp_path: Path) -> None:
    commit = tmp_path / "runs/_delta_log/00000000000000000000.json"
    commit.parent.mkdir(parents=True)
    commit.write_text("{}")
    os.utime(commit, (NOW, NOW))
    check_clock(tmp_path, NOW)
    check_clock(tmp_path, NOW - 299)
    with pytest.raises(ConfigError, match=r"clock: it is 2027-01-15 07:00 UTC here, but the last run wrote at .*08:00"):
        check_clock(tmp_path, NOW - 3600)
    with pytest.raises(ConfigError, match="it is 1970-01-01 00:00 UTC here"):
        check_clock(tmp_path / "empty", 0.0)


def test_a_job_tells_one_line_where_the_cause_is_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(name: str) -> None:
        raise TypeError("'JavaPackage' object is not callable")

    def other(name: str) -> None:
        raise TypeError("something else")

    words = [f"--warehouse.root={tmp_path}"]
    monkeypatch.setattr(jobs, "session", broken)
    assert jobs.run_job("train_genres", words, lambda *_: None) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("punk: error: Delta's JARs are missing: add --jars")
    monkeypatch.setattr(jobs, "session", other)
    assert jobs.run_job("train_genres", words, lambda *_: None) == 1
    assert "Traceback" in capfd.readouterr().err
