"""Unlabelled clips get the answers of `punk classify`, once; and `punk_classify` gives them in SQL."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import wav_file
from tests.spark.conftest import Bench, make_corpus, music

from classically_punk.app import answering
from classically_punk.app import classify as desk
from classically_punk.audio.isolation import IsolatedDecoder
from classically_punk.errors import ConfigError
from classically_punk.spark.classify import PROTOCOL, classify_clips
from classically_punk.spark.ingest import ingest_clips
from classically_punk.spark.pipeline import train

UNHEARD = {"a": "hum", "b": "hiss", "c": "clicks", "d": "hum"}


@pytest.fixture
def trained(bench: Callable[..., Bench], tmp_path: Path) -> Bench:
    """A published model of three genres, and a folder of sounds beside its corpus that nobody has labelled."""
    made = bench(make_corpus(tmp_path / "corpus", clips=3))
    made.run(ingest_clips)
    made.run(train)
    for name, kind in UNHEARD.items():
        wav_file(tmp_path / "new" / f"{name}.wav", music(900 + ord(name), kind, 7.0))
    (tmp_path / "new" / "junk.wav").write_bytes(b"{}" * 400)
    return made


def test_unlabelled_clips_are_answered_once_as_on_the_desk_and_in_sql(trained: Bench, tmp_path: Path) -> None:
    assert trained.run(classify_clips, corpus={"root": ""}).counts["classified"] == 0  # training clips have a label
    unlabelled = {"root": str(tmp_path / "new"), "labels": "none"}
    run = trained.run(classify_clips, corpus=unlabelled)
    assert (run.counts["classified"], run.counts["opened"]) == (4, 5)

    model, settings = desk.load([f"--warehouse.root={trained.settings.warehouse.root}"])
    found = desk.listed([os.fsencode(tmp_path / "new")], settings)
    with IsolatedDecoder(settings.limits, settings.features.whole_clip_s) as decoder:
        lines = {line.path: line for line in (answering.answer(file, model, decoder).line for file in found)}
    answers = trained.warehouse.read("predictions").where(f"protocol = '{PROTOCOL}'")
    files = trained.warehouse.read("files").select("clip_id", "path")
    rows = [row.asDict() for row in answers.join(files, "clip_id").collect()]
    assert sorted(Path(row["path"]).stem for row in rows) == sorted(UNHEARD)
    for row in rows:
        line = lines[row["path"]]
        assert (row["best"], row["predicted"], row["model_id"]) == (line.best, line.predicted, model.model_id)
        assert row["best"] == UNHEARD[Path(row["path"]).stem]
        assert (row["genre"], row["fold"], row["run_id"]) == (None, None, run.run_id)
        assert row["scores"] == pytest.approx(line.scores, abs=1e-9, rel=1e-9)
        assert row["confidence"] == pytest.approx(line.confidence, abs=1e-9)

    again = trained.run(classify_clips, corpus=unlabelled)
    assert (again.counts["classified"], again.counts["to_open"]) == (0, 0)
    wav_file(tmp_path / "new" / "later" / "e.wav", music(77, "hiss"))
    assert trained.run(classify_clips, corpus=unlabelled).counts["classified"] == 1
    assert answers.count() == 5

    listed = trained.spark.createDataFrame(
        [(str(tmp_path / "new" / f"{n}.wav"),) for n in ("a", "junk")], "path string"
    )
    listed.createOrReplaceTempView("listed")
    told = trained.spark.sql("SELECT path, punk_classify(path) AS said FROM listed").collect()
    by_name = {Path(row["path"]).stem: row["said"].asDict() for row in told}
    line = lines[str(tmp_path / "new" / "a.wav")]
    assert by_name["a"]["probabilities"] == pytest.approx(line.probabilities, abs=1e-9)
    assert (by_name["a"]["best"], by_name["a"]["reason"]) == (line.best, None)
    assert (by_name["junk"]["best"], by_name["junk"]["reason"]) == (None, "NOT_AUDIO")


def test_without_a_published_model_it_says_what_to_run(bench: Callable[..., Bench], tmp_path: Path) -> None:
    wav_file(tmp_path / "new" / "a.wav", music(1, "hum"))
    made = bench(tmp_path / "new", corpus={"labels": "none"})
    with pytest.raises(ConfigError, match=r"no model is published there.*train_genres"):
        made.run(classify_clips)
