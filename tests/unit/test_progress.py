"""Lines of a run: for people, or JSON objects that carry its id; one line each, whatever they hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from classically_punk.settings import Settings
from classically_punk.spark import jobs, progress
from classically_punk.spark.runs import Run


@pytest.fixture(autouse=True)
def back_to_text() -> Iterator[None]:
    yield
    progress.log_run("test", "test", as_json=False)


def test_lines_for_people_are_plain(capfd: pytest.CaptureFixture[str]) -> None:
    Run("ingest_clips", Settings())
    progress.say("2 files\nseen")
    assert capfd.readouterr().err == "punk: 2 files\\u000aseen\n"


def test_json_lines_carry_time_level_job_and_run(capfd: pytest.CaptureFixture[str]) -> None:
    run = Run("ingest_clips", Settings.load(None, {"run": {"log": "json"}}))
    before = datetime.now(UTC)
    with run.stage("describe"):
        run.gate("2 of 3 files are rejected")
    progress.say("error: s3://user:password@host/x\nbroke")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [(line["level"], line["message"]) for line in lines] == [
        ("info", "describe …"),
        ("gate", "gate: 2 of 3 files are rejected"),
        ("error", "error: s3://***@host/x\\u000abroke"),
    ]
    for line in lines:
        assert (line["job"], line["run_id"]) == ("ingest_clips", run.run_id)
        assert abs((datetime.fromisoformat(line["time"]) - before).total_seconds()) < 5


def test_an_unexpected_end_is_one_json_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(name: str) -> None:
        raise TypeError("something else")

    monkeypatch.setattr(jobs, "session", broken)
    assert jobs.run_job("train_genres", [f"--warehouse.root={tmp_path}", "--run.log=json"], lambda *_: None) == 1
    (line,) = [json.loads(text) for text in capfd.readouterr().err.splitlines()]
    assert line["level"] == "error"
    assert line["message"].endswith("TypeError: something else")
