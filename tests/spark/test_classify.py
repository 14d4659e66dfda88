"""Unlabelled clips get the answers of `punk classify`, once; and `punk_classify` gives them in SQL."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from tests.conftest import wav_file
from tests.spark.conftest import Bench, forget_tables, make_corpus, music, settings_for

from classically_punk.app import answering, nearest
from classically_punk.app import classify as desk
from classically_punk.app.answers import Wanted
from classically_punk.audio.isolation import IsolatedDecoder
from classically_punk.errors import ConfigError
from classically_punk.settings import Settings
from classically_punk.spark import checks, dry_run, functions, jobs, neighbours
from classically_punk.spark.classify import PROTOCOL, classify_clips
from classically_punk.spark.genre_models import train_genres
from classically_punk.spark.ingest import ingest_clips
from classically_punk.spark.lock import WarehouseLock
from classically_punk.spark.pipeline import train, training
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse

UNHEARD = {"a": "hum", "b": "hiss", "c": "clicks", "d": "hum"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where corpus, warehouse and what nobody has labelled lie."""
    return tmp_path_factory.mktemp("classify")


@pytest.fixture(scope="module")
def trained(spark: SparkSession, place: Path) -> Bench:
    """A published model of three genres, and a folder of sounds beside its corpus that nobody has labelled."""
    made = Bench(spark, settings_for(place, make_corpus(place / "corpus", clips=3)))
    functions.register(spark, made.settings)
    made.run(ingest_clips)
    made.run(train)
    for name, kind in UNHEARD.items():
        wav_file(place / "new" / f"{name}.wav", music(900 + ord(name), kind, 7.0))
    (place / "new" / "junk.wav").write_bytes(b"{}" * 400)
    return made


def test_unlabelled_clips_are_answered_once_as_on_the_desk_and_in_sql(trained: Bench, place: Path) -> None:
    assert trained.run(classify_clips, corpus={"root": ""}).counts["classified"] == 0  # training clips have a label
    unlabelled = {"root": str(place / "new"), "labels": "none"}
    run = trained.run(classify_clips, corpus=unlabelled)
    assert (run.counts["classified"], run.counts["opened"]) == (4, 5)

    model, settings = desk.load([f"--warehouse.root={trained.settings.warehouse.root}"])
    found = desk.listed([os.fsencode(place / "new")], settings)
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
    wav_file(place / "new" / "later" / "e.wav", music(77, "hiss"))
    over = Settings.load(None, {**trained.settings.model_dump(), "corpus": unlabelled})
    assert dry_run.planned(trained.warehouse, over, "classify_clips").actions == {"same": 5, "open": 1}
    trained.run(ingest_clips, corpus=unlabelled)
    plan = dry_run.planned(trained.warehouse, over, "classify_clips")
    assert (plan.actions, plan.waiting) == ({"same": 6}, 1)
    assert "1 clips are described and wait for an answer of the model in force" in plan.lines("classify_clips", over)
    assert trained.run(classify_clips, corpus=unlabelled).counts["classified"] == 1
    assert answers.count() == 5

    listed = trained.spark.createDataFrame([(str(place / "new" / f"{n}.wav"),) for n in ("a", "junk")], "path string")
    listed.createOrReplaceTempView("listed")
    told = trained.spark.sql("SELECT path, punk_classify(path) AS said FROM listed").collect()
    by_name = {Path(row["path"]).stem: row["said"].asDict() for row in told}
    line = lines[str(place / "new" / "a.wav")]
    assert by_name["a"]["probabilities"] == pytest.approx(line.probabilities, abs=1e-9)
    assert (by_name["a"]["best"], by_name["a"]["reason"]) == (line.best, None)
    assert (by_name["junk"]["best"], by_name["junk"]["reason"]) == (None, "NOT_AUDIO")


def test_the_training_clips_are_published_with_the_model_where_they_stand(trained: Bench, place: Path) -> None:
    root = trained.settings.folder("warehouse.root")
    model, settings = desk.load([f"--warehouse.root={root}"])
    near = nearest.load(root, model)
    assert near is not None
    paths = sorted((place / "corpus").rglob("*.wav"))
    assert sorted(near.names) == [path.name for path in paths]
    with IsolatedDecoder(settings.limits, settings.features.whole_clip_s) as decoder:
        for path in paths[::4]:
            file = answering.Input(str(path), os.fsencode(path))
            standing = answering.answer(file, model, decoder, Wanted(facts=True)).standing
            assert standing is not None
            at = near.names.index(path.name)
            assert near.genres[at] == path.parent.name
            np.testing.assert_allclose(near.standings[at], standing, rtol=1e-5, atol=1e-5)  # stored as float32
            found = near.of(standing, most=1)
            assert (found[0]["name"], found[0]["distance"]) == (path.name, pytest.approx(0, abs=1e-5))

    pointer, (listed,) = root / "published/current.json", (root / "published").glob("*.clips.parquet")

    def some(warehouse: Warehouse, settings: Settings, run: Run) -> None:
        data = training(warehouse, settings)
        (place / "some.parquet").write_bytes(neighbours.clips_of(data, model, most=4))
        listed.write_bytes(b"other")
        train_genres(warehouse, settings, run, data)  # what was damaged comes back
        assert nearest.load(root, model) is not None
        was = (pointer.read_bytes(), pointer.stat().st_ino)
        train_genres(warehouse, settings, run, data)  # and what is whole is not written again
        assert (pointer.read_bytes(), pointer.stat().st_ino) == was

    trained.run(some)
    told = pq.read_table(place / "some.parquet").to_pydict()
    ids = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths)
    assert told["clip_id"] == ids[:4]
    vectors = [near.standings[near.names.index(name)] for name in told["name"]]
    np.testing.assert_array_equal(np.asarray(told["vector"], dtype=np.float32), vectors)


def test_a_folder_that_is_watched_is_answered_for_as_it_grows(
    trained: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spark, root, folder = trained.spark, trained.settings.folder("warehouse.root"), tmp_path / "growing"
    folder.mkdir()
    monkeypatch.setattr(jobs, "session", lambda name: spark)
    monkeypatch.setattr(spark, "stop", lambda: None)  # the session is that of all tests
    forget_tables(spark)
    seen = []

    def answered() -> int:
        table = DeltaTable(str(root / "predictions")).to_pyarrow_table(columns=["clip_id"]).to_pydict()
        ids = {hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
        return len(ids & {*table["clip_id"]})

    def feed() -> None:
        for number in (1, 2):
            wav_file(folder / f"{number}.wav", music(7000 + number, "hum"))
            until = time.monotonic() + 120
            while answered() < number and time.monotonic() < until:
                time.sleep(0.2)
            seen.append(answered())
        os.kill(os.getpid(), signal.SIGTERM)

    feeder = threading.Thread(target=feed)
    feeder.start()
    words = [f"--corpus.root={folder}", f"--warehouse.root={root}", "--corpus.labels=none"]
    words += ["--run.watch=true", "--run.watch_every_s=0.2", "--run.watch_for_s=300"]
    status = jobs.run_job("classify_clips", words, classify_clips, checks.unlabelled, watches=True)
    feeder.join()
    assert (status, seen) == (0, [1, 2])
    with WarehouseLock(root, "another", "test", wait_s=0):
        pass  # it lets go of the warehouse


def test_without_a_published_model_it_says_what_to_run(bench: Callable[..., Bench], tmp_path: Path) -> None:
    wav_file(tmp_path / "new" / "a.wav", music(1, "hum"))
    made = bench(tmp_path / "new", corpus={"labels": "none"})
    with pytest.raises(ConfigError, match=r"no model is published there.*train_genres"):
        made.run(classify_clips)
