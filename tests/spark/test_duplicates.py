"""One recording, many files: used once where the audio is the same, kept in one fold where it is merely alike."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import soundfile
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from tests.conftest import wav_file
from tests.spark.conftest import Bench, settings_for
from tests.unit.features.test_fingerprint import melody

from classically_punk.features import fingerprint
from classically_punk.modelling import folds
from classically_punk.modelling.leakage import straddling
from classically_punk.reporting.findings import Findings
from classically_punk.settings import Settings
from classically_punk.spark import near_duplicates, vectors
from classically_punk.spark.collect import collect_findings
from classically_punk.spark.evaluation import scheme_of
from classically_punk.spark.fill_in import extract_features
from classically_punk.spark.ingest import ingest_clips
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse
from classically_punk.spark.vectors import Training

RATE = 22_050
TABLES = ("files", "clips", "rejects", "features", "fingerprints")


@dataclass(frozen=True)
class State:
    """The tables after one run of ingest, extract and the choice of training clips; clips and reasons by file name."""

    clips: dict[str, dict[str, Any]]
    reasons: dict[str, tuple[str, str | None]]
    described: dict[str, str | None]
    fingerprinted: set[str]
    versions: dict[str, int]
    counts: dict[str, int]
    data: Training
    findings: Findings

    @property
    def trained_on(self) -> set[str]:
        return {Path(path).name for path in self.data.clips["path"]}

    @property
    def near(self) -> dict[str, str]:
        """Near-duplicates and the first clip of each, by file name."""
        name_of = {row["clip_id"]: name for name, row in self.clips.items()}
        return {name: name_of[row["near_duplicate_of"]] for name, row in self.clips.items() if row["near_duplicate_of"]}


def state_after_a_run(bench: Bench) -> State:
    found: list[Any] = []

    def work(warehouse: Warehouse, settings: Settings, run: Run) -> None:
        ingest_clips(warehouse, settings, run)
        extract_features(warehouse, settings, run)
        found.extend([vectors.training(warehouse, settings), collect_findings(warehouse, settings, run)])

    run = bench.run(work)
    tables = {name: DeltaTable(str(bench.settings.folder("warehouse.root") / name)) for name in TABLES}
    rows: dict[str, list[dict[str, Any]]] = {n: table.to_pyarrow_table().to_pylist() for n, table in tables.items()}
    return State(
        {Path(row["path"]).name: row for row in rows["clips"]},
        {Path(row["path"]).name: (row["status"], row["reason"]) for row in rows["files"]},
        {row["clip_id"]: row["genre"] for row in rows["features"]},
        {row["clip_id"] for row in rows["fingerprints"]},
        {name: table.version() for name, table in tables.items()},
        run.counts,
        *found,
    )


def same_audio_as(wav: Path, other: Path) -> None:
    """The samples of a WAV file in another container."""
    other.parent.mkdir(parents=True, exist_ok=True)
    samples, rate = soundfile.read(wav, dtype="int16")
    soundfile.write(other, samples, rate)


@pytest.fixture(scope="module")
def made(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Recording 1 three times (twice the same bytes), 2 under two genres, 3 with two altered copies, 4, 5 and 6."""
    place = tmp_path_factory.mktemp("duplicates")
    root = place / "corpus"
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
    return Bench(spark, settings_for(place, root, evaluation={"folds": 2}))


@pytest.fixture(scope="module")
def before(made: Bench) -> State:
    return state_after_a_run(made)


@pytest.fixture(scope="module")
def again(made: Bench, before: State) -> State:
    """After a second run over the same files."""
    return state_after_a_run(made)


@pytest.fixture(scope="module")
def with_a_copy(made: Bench, again: State) -> State:
    """After a copy of recording 4 came."""
    copy = made.settings.folder("corpus.root") / "rock" / "a 4.mp3"
    soundfile.write(copy, melody(4), RATE, format="MP3", subtype="MPEG_LAYER_III")
    return state_after_a_run(made)


@pytest.fixture(scope="module")
def after(made: Bench, with_a_copy: State) -> State:
    """After the first ones went: of the same bytes and audio, of the same recording, and one side of the quarrel."""
    for name in ("rock/one.wav", "rock/one again.wav", "jazz/two.flac", "jazz/three, cut.wav"):
        (made.settings.folder("corpus.root") / name).unlink()
    return state_after_a_run(made)


def test_copies_are_told_apart(before: State) -> None:
    clip = before.clips
    # "one again.wav" sorts before "one.wav", and "three, cut.wav" before the others
    assert {name for name, (_, reason) in before.reasons.items() if reason == "DUPLICATE"} == {"one.wav"}
    assert clip["one.flac"]["duplicate_of"] == clip["one again.wav"]["clip_id"]
    assert clip["one.flac"]["audio_sha256"] == clip["one again.wav"]["audio_sha256"]
    assert clip["two.wav"]["duplicate_of"] == clip["two.flac"]["clip_id"]
    assert before.near == {"three.wav": "three, cut.wav", "three.ogg": "three, cut.wav"}
    assert before.counts["near_duplicates"] == before.findings.counts.near_duplicates == 2
    assert before.findings.counts.duplicates == 3
    assert {(pair.name, pair.first) for pair in before.findings.near_duplicates} == set(before.near.items())


def test_two_genres_for_one_audio_in_two_containers_are_a_conflict(before: State) -> None:
    for name in ("two.wav", "two.flac"):
        assert before.clips[name]["genre"] is None
        assert before.clips[name]["warnings"] == ["LABEL_CONFLICT"]


def test_each_audio_is_described_and_used_once_and_a_conflict_trains_nothing(before: State) -> None:
    firsts = {row["clip_id"] for row in before.clips.values() if row["duplicate_of"] is None}
    assert set(before.described) == before.fingerprinted == firsts
    three = {"three.wav", "three.ogg", "three, cut.wav"}
    assert before.trained_on == {"one again.wav", "4.wav", "5.wav", "6.wav"} | three
    assert len(set(before.data.clips["audio"])) == len(before.data.clips)
    assert len(set(before.data.units)) == 5


def test_no_recording_straddles_folds_unless_grouping_is_broken(
    made: Bench, before: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    recordings = list(before.data.clips["recording"])

    def apart(protocol: str, seed: int) -> int:
        evaluation = made.settings.evaluation.model_copy(update={"seed": seed})
        settings = made.settings.model_copy(update={"evaluation": evaluation})
        return straddling(recordings, scheme_of(protocol, settings, before.data).fold)

    cases = [(protocol, seed) for protocol in ("group-folds", "random-folds") for seed in range(8)]
    assert [apart(*case) for case in cases] == [0] * 16
    monkeypatch.setattr(folds, "joined_groups", lambda clips, groups, recordings: groups)
    assert any(apart("random-folds", seed) for seed in range(8))
    monkeypatch.setattr(folds, "unit_keys", lambda clips, groups: tuple(clips))
    assert any(apart("group-folds", seed) for seed in range(8))


def test_the_same_files_again_write_nothing(before: State, again: State) -> None:
    assert again.versions == before.versions


def test_a_new_copy_changes_its_own_row_alone(made: Bench, again: State, with_a_copy: State) -> None:
    assert (with_a_copy.counts["opened"], with_a_copy.counts["near_duplicates"]) == (1, 3)
    # its path is the smaller one, but the other was there before
    assert with_a_copy.near == again.near | {"a 4.mp3": "4.wav"}
    assert with_a_copy.versions["clips"] == again.versions["clips"] + 1
    written = DeltaTable(str(made.settings.folder("warehouse.root") / "clips")).history(1)[0]["operationMetrics"]
    assert int(written["numOutputRows"]) == 1


def test_when_the_first_ones_go_the_next_take_their_place(after: State) -> None:
    assert {name for name, (status, _) in after.reasons.items() if status == "gone"} == {
        "one.wav",
        "one again.wav",
        "two.flac",
        "three, cut.wav",
    }
    assert after.counts["opened"] == 0
    clip = after.clips
    assert clip["one.flac"]["duplicate_of"] is None
    assert clip["two.wav"]["duplicate_of"] is None
    assert (clip["two.wav"]["genre"], clip["two.wav"]["warnings"]) == ("rock", [])
    assert after.near == {"three.wav": "three.ogg", "a 4.mp3": "4.wav"}
    assert after.trained_on == {
        *("one.flac", "two.wav", "three.wav", "three.ogg", "4.wav", "a 4.mp3", "5.wav", "6.wav")
    }
    assert after.described[clip["one.flac"]["clip_id"]] == after.described[clip["two.wav"]["clip_id"]] == "rock"


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
