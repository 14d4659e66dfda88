"""Every job refuses a wrong run in one line with status 2, before Spark starts."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from classically_punk.spark import jobs

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(path.stem for path in (ROOT / "jobs").glob("*.py"))


@pytest.fixture(autouse=True)
def no_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    def started(name: str) -> None:
        raise AssertionError(f"{name} started Spark")

    monkeypatch.setattr(jobs, "session", started)


def main(name: str) -> Callable[[list[str]], int]:
    spec = importlib.util.spec_from_file_location(f"job_{name}", ROOT / "jobs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    result: Callable[[list[str]], int] = module.main
    return result


def refused(name: str, words: list[str], capfd: pytest.CaptureFixture[str]) -> str:
    assert main(name)(words) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("punk: error: ")
    return line


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_key_is_named_with_those_there_are(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    line = refused(name, ["--config", str(ROOT / "conf/local.toml"), "--corpus.rot=x"], capfd)
    assert "command line: corpus.rot: unknown key; expected one of corpus.feedback, corpus.labels" in line


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_configuration_is_named(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert "nowhere.toml: cannot read" in refused(name, ["--config", "nowhere.toml"], capfd)


def test_a_missing_corpus(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = [f"--corpus.root={tmp_path}/none", f"--warehouse.root={tmp_path}/wh", f"--reports.root={tmp_path}/rep"]
    for name in ("run_pipeline", "ingest_clips"):
        assert "corpus.root" in refused(name, words, capfd)


def test_an_empty_corpus(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "music").mkdir()
    words = [f"--corpus.root={tmp_path}/music", f"--warehouse.root={tmp_path}/wh", f"--reports.root={tmp_path}/rep"]
    assert "no files below" in refused("run_pipeline", words, capfd)


ALWAYS_READING = {"query_tables", "serve_tables", "check_health"}


@pytest.mark.parametrize("name", sorted({*NAMES} - {"ingest_clips", "classify_clips"} - ALWAYS_READING))
def test_only_who_reads_a_folder_watches_one(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    line = refused(name, [f"--warehouse.root={tmp_path}/wh", "--run.watch=true"], capfd)
    assert "run.watch: " in line
    assert "ingest_clips and classify_clips do" in line


def test_what_is_watched_must_be_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    line = refused("classify_clips", [f"--warehouse.root={tmp_path}/wh", "--run.watch=true"], capfd)
    assert "corpus.root: not set" in line


def test_a_warehouse_that_cannot_be_written(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    line = refused("train_genres", [f"--warehouse.root={tmp_path}/file/wh"], capfd)
    assert "warehouse.root: cannot write to" in line


def test_a_warehouse_that_is_not_local(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    line = refused("train_genres", ["--warehouse.root=s3a://bucket/x"], capfd)
    assert "warehouse.root: 's3a://bucket/x' is not a local folder" in line


def test_help_lists_every_key_and_ends_well(capfd: pytest.CaptureFixture[str]) -> None:
    assert main("run_pipeline")(["--help"]) == 0
    said = capfd.readouterr().out
    assert "--evaluation.split_name=" in said
    assert "--limits.max_reject_share=1.0" in said


def test_a_dry_run_of_a_new_warehouse_starts_no_spark_and_makes_no_folder(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "corpus/a").mkdir(parents=True)
    (tmp_path / "corpus/a/x.wav").write_bytes(b"RIFF" * 100)
    words = [f"--{name}.root={tmp_path}/{name}" for name in ("corpus", "warehouse", "reports")]
    assert main("run_pipeline")([*words, "--run.dry_run=true"]) == 0
    said = capfd.readouterr().err
    assert "punk: 1 files seen: 1 new or changed (0.0 MiB) to open" in said
    assert "punk: time: about 0 s" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus"]
    line = refused("train_genres", [*words, "--run.dry_run=true"], capfd)
    assert "run.dry_run: train_genres has no plan to tell; classify_clips and ingest_clips and run_pipeline do" in line
