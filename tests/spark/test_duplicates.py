"""One recording, many files: used once where the audio is the same, kept in one fold where it is merely alike."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from tests.conftest import wav_file
from tests.spark.conftest import Bench
from tests.unit.features.test_fingerprint import melody

from classically_punk.features import fingerprint
from classically_punk.modelling import folds
from classically_punk.modelling.arrays import Ints
from classically_punk.modelling.leakage import straddling
from classically_punk.spark import near_duplicates, vectors
from classically_punk.spark.collect import collect_findings
from classically_punk.spark.evaluation import scheme_of
from classically_punk.spark.fill_in import extract_features
from classically_punk.spark.ingest import ingest_clips
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse
from classically_punk.spark.vectors import Training

MakeBench = Callable[..., Bench]
RATE = 22_050


def table(bench: Bench, name: str) -> list[dict[str, object]]:
    return list(DeltaTable(str(bench.settings.folder("warehouse.root") / name)).to_pyarrow_table().to_pylist())


def clips_by_name(bench: Bench) -> dict[str, dict[str, object]]:
    return {Path(str(row["path"])).name: row for row in table(bench, "clips")}


def versions(bench: Bench) -> dict[str, int]:
    root = bench.settings.folder("warehouse.root")
    names = ("files", "clips", "rejects", "features", "fingerprints")
    return {name: DeltaTable(str(root / name)).version() for name in names}


def ingested(bench: Bench) -> Run:
    run = bench.run(ingest_clips)
    bench.run(extract_features)
    return run


def trained_on(bench: Bench) -> Training:
    found: list[Training] = []
    bench.run(lambda warehouse, settings, run: found.append(vectors.training(warehouse, settings)))
    return found[0]


def names_of(data: Training) -> set[str]:
    return {Path(path).name for path in data.clips["path"]}


def same_audio_as(wav: Path, other: Path) -> Path:
    """The samples of a WAV file in another container."""
    other.parent.mkdir(parents=True, exist_ok=True)
    samples, rate = soundfile.read(wav, dtype="int16")
    soundfile.write(other, samples, rate)
    return other


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Recordings 1 to 6: 1 three times (twice the same bytes), 2 under two genres, 3 with two altered copies."""
    root = tmp_path / "corpus"
    first = wav_file(root / "rock" / "one.wav", melody(1))
    (root / "rock" / "one again.wav").write_bytes(first.read_bytes())
    same_audio_as(first, root / "rock" / "one.flac")
    quarrel = wav_file(root / "rock" / "two.wav", melody(2))
    same_audio_as(quarrel, root / "jazz" / "two.flac")
    wav_file(root / "jazz" / "three.wav", melody(3))
    soundfile.write(root / "jazz" / "three.ogg", melody(3), RATE, format="OGG", subtype="VORBIS")
    wav_file(root / "jazz" / "three, cut.wav", melody(3)[round(0.3 * RATE) :] / 2)
    for number, genre in ((4, "rock"), (5, "rock"), (6, "jazz")):
        wav_file(root / genre / f"{number}.wav", melody(number))
    return root


def test_copies_are_told_apart_used_once_and_kept_in_one_fold(
    bench: MakeBench, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = bench(corpus, evaluation={"folds": 2})
    assert ingested(made).counts["near_duplicates"] == 2
    clip = clips_by_name(made)
    reasons = {Path(str(row["path"])).name: row["reason"] for row in table(made, "files")}
    assert {name for name, reason in reasons.items() if reason == "DUPLICATE"} == {"one.wav"}  # "one again" sorts first
    assert clip["one.flac"]["duplicate_of"] == clip["one again.wav"]["clip_id"]
    assert clip["two.wav"]["duplicate_of"] == clip["two.flac"]["clip_id"]
    for name in ("two.wav", "two.flac"):
        assert clip[name]["genre"] is None
        assert clip[name]["warnings"] == ["LABEL_CONFLICT"]
    first = clip["three, cut.wav"]["clip_id"]
    near = {name: row["near_duplicate_of"] for name, row in clip.items()}
    assert {name: of for name, of in near.items() if of is not None} == {"three.wav": first, "three.ogg": first}
    described = {row["clip_id"] for row in table(made, "features")}
    assert described == {row["clip_id"] for row in table(made, "fingerprints")}
    assert described == {row["clip_id"] for row in clip.values() if row["duplicate_of"] is None}

    data = trained_on(made)
    assert names_of(data) == {"one again.wav", "three.wav", "three.ogg", "three, cut.wav", "4.wav", "5.wav", "6.wav"}
    assert len(set(data.clips["audio"])) == len(data.clips)
    assert len(set(data.units)) == 5

    def fold(protocol: str, seed: int) -> Ints:
        evaluation = made.settings.evaluation.model_copy(update={"seed": seed})
        return scheme_of(protocol, made.settings.model_copy(update={"evaluation": evaluation}), data).fold

    recordings = list(data.clips["recording"])
    cases = [(protocol, seed) for protocol in ("group-folds", "random-folds") for seed in range(8)]
    assert [straddling(recordings, fold(*case)) for case in cases] == [0] * 16
    monkeypatch.setattr(folds, "joined_groups", lambda clips, groups, recordings: groups)
    assert any(straddling(recordings, fold("random-folds", seed)) for seed in range(8))
    monkeypatch.setattr(folds, "unit_keys", lambda clips, groups: tuple(clips))
    assert any(straddling(recordings, fold("group-folds", seed)) for seed in range(8))
    monkeypatch.undo()

    def told(warehouse: Warehouse, settings: object, run: Run) -> None:
        found = collect_findings(warehouse, made.settings, run)
        assert found.counts.near_duplicates == 2
        assert found.counts.duplicates == 3
        pairs = {(pair.name, pair.first) for pair in found.near_duplicates}
        assert pairs == {("three.wav", "three, cut.wav"), ("three.ogg", "three, cut.wav")}

    made.run(told)
    before = versions(made)
    ingested(made)
    assert versions(made) == before


def test_when_a_first_one_goes_the_next_takes_its_place(bench: MakeBench, corpus: Path) -> None:
    made = bench(corpus)
    ingested(made)
    for name in ("rock/one.wav", "rock/one again.wav", "jazz/two.flac", "jazz/three, cut.wav"):
        (corpus / name).unlink()
    assert ingested(made).counts["near_duplicates"] == 1
    clip = clips_by_name(made)
    assert clip["one.flac"]["duplicate_of"] is None
    assert clip["two.wav"]["duplicate_of"] is None
    assert (clip["two.wav"]["genre"], clip["two.wav"]["warnings"]) == ("rock", [])
    assert clip["three.ogg"]["near_duplicate_of"] is None
    assert clip["three.wav"]["near_duplicate_of"] == clip["three.ogg"]["clip_id"]
    assert clip["three, cut.wav"]["near_duplicate_of"] is None
    data = trained_on(made)
    assert names_of(data) == {"one.flac", "two.wav", "three.wav", "three.ogg", "4.wav", "5.wav", "6.wav"}
    genre = {row["clip_id"]: row["genre"] for row in table(made, "features")}
    assert genre[clip["one.flac"]["clip_id"]] == genre[clip["two.wav"]["clip_id"]] == "rock"


def test_a_new_copy_changes_its_own_row_alone(bench: MakeBench, corpus: Path) -> None:
    made = bench(corpus)
    ingested(made)
    soundfile.write(corpus / "rock" / "a 4.mp3", melody(4), RATE, format="MP3", subtype="MPEG_LAYER_III")
    before = versions(made)
    run = ingested(made)
    assert (run.counts["opened"], run.counts["near_duplicates"]) == (1, 3)
    clip = clips_by_name(made)
    # its path is the smaller one, but the other was there before
    assert clip["a 4.mp3"]["near_duplicate_of"] == clip["4.wav"]["clip_id"]
    assert versions(made)["clips"] == before["clips"] + 1
    written = DeltaTable(str(made.settings.folder("warehouse.root") / "clips")).history(1)[0]["operationMetrics"]
    assert (int(written["numTargetRowsInserted"]), int(written["numTargetRowsUpdated"])) == (1, 0)


def test_pairs_do_not_depend_on_rows_and_partitions(spark: SparkSession) -> None:
    words = [fingerprint.fingerprint(melody(seed)[cut:]) for seed in range(6) for cut in (0, 3_000, 6_000)]
    ids = [hashlib.sha256(bytes([at])).hexdigest() for at in range(len(words))]
    rows = [
        (clip, fingerprint.packed(each), fingerprint.sketch(each).tolist())
        for clip, each in zip(ids, words, strict=True)
    ]
    expected = {tuple(sorted((ids[3 * i + a], ids[3 * i + b]))) for i in range(6) for a, b in ((0, 1), (0, 2), (1, 2))}
    usual = spark.conf.get("spark.sql.shuffle.partitions")
    for partitions, order in (("3", rows), ("7", rows[::-1])):
        spark.conf.set("spark.sql.shuffle.partitions", partitions)
        prints = spark.createDataFrame(order, "clip_id string, words binary, sketch array<int>").repartition(5)
        found = near_duplicates.same_recordings(prints)
        spark.conf.set("spark.sql.shuffle.partitions", str(usual))
        assert found == sorted((min(pair), max(pair)) for pair in found)
        assert set(found) == expected
