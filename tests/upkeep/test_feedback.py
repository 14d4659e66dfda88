"""What people say becomes clips, once; a file of the corpus has the better word; training asks before it listens."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from pyspark.sql import functions as F  # noqa: N812
from tests.spark.conftest import RATE, Bench, make_corpus, music

from classically_punk.app import feedback as desk
from classically_punk.audio.isolation import IsolatedDecoder
from classically_punk.features import catalogue
from classically_punk.features.describe import describe_segments
from classically_punk.features.feedback import place
from classically_punk.modelling import drift
from classically_punk.reporting.findings import Sent
from classically_punk.settings import Limits, Settings
from classically_punk.spark.drift import measure_drift
from classically_punk.spark.feedback import summary, take_feedback
from classically_punk.spark.ingest import ingest_clips
from classically_punk.spark.pipeline import training
from classically_punk.spark.present import present_clips
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse

WRITTEN = ("clips", "features", "rejects", "files")


def sound(seed: int, kind: str, form: str = "WAV") -> bytes:
    target = io.BytesIO()
    soundfile.write(target, music(seed, kind), RATE, format=form, subtype="PCM_16")
    return target.getvalue()


def say(root: Path, content: bytes, label: str, decoder: IsolatedDecoder) -> str:
    """Leaves the line that the server would of a clip it heard; its clip_id."""
    clip = decoder.decode_content(content)
    (values,) = (row.values for row in describe_segments(clip.samples, 3.0) if row.segment == -1)
    names = [column.name for column in catalogue.columns("punk")]
    facts = {name: getattr(clip, name) for name in ("clip_id", "audio_sha256", "duration_s")}
    features = dict(zip(names, values.tolist(), strict=True))
    heard = desk.Remembered(facts, features, catalogue.feature_set_id("punk", 3.0), "0123456789abcdef")
    desk.append(root, desk.line_of(heard, label, "api"))
    return str(clip.clip_id)


def test_what_people_say_is_taken_in_once_and_trained_on_when_asked(
    bench: Callable[..., Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = make_corpus(tmp_path / "corpus", clips=2)
    made = bench(corpus)
    root = made.settings.writable_folder("warehouse.root")
    made.run(ingest_clips)
    known = sorted(corpus.rglob("*.wav"))[0].read_bytes()  # clicks
    samples, rate = soundfile.read(io.BytesIO(known), dtype="int16")
    again = io.BytesIO()
    soundfile.write(again, samples, rate, format="FLAC", subtype="PCM_16")
    with IsolatedDecoder(Limits()) as decoder:
        sent = sound(901, "hum")
        first = say(root, sent, "hiss", decoder)
        assert say(root, sent, "hum", decoder) == first  # they thought again
        later = say(root, later_file := sound(902, "hiss"), "hiss", decoder)
        strange = say(root, sound(903, "clicks"), "free jazz", decoder)
        say(root, known, "hum", decoder)
        copied = say(root, again.getvalue(), "hum", decoder)
    with place(root).open("ab") as file:
        file.write(b"no line\n")

    run = made.run(ingest_clips)
    assert (run.counts["feedback_clips"], run.counts["feedback_bad_lines"], run.counts["to_open"]) == (5, 1, 0)
    clips = made.warehouse.read("clips")
    told = clips.where("decoder = 'feedback'").select("clip_id", "genre", "path", "duplicate_of", "run_id").collect()
    labels = {row["clip_id"]: row["genre"] for row in told}
    assert labels == {first: "hum", later: "hiss", strange: "free jazz", copied: "hum"}
    assert {(row["path"], row["duplicate_of"], row["run_id"]) for row in told} == {(None, None, run.run_id)}
    assert clips.count() == 6 + 4
    rows = made.warehouse.read("features").where(F.col("clip_id").isin(*labels)).collect()
    assert sorted((row["clip_id"], row["segment"], row["genre"]) for row in rows) == sorted(
        (clip, -1, genre) for clip, genre in labels.items()
    )
    by_hand = {row["clip_id"]: row["loudness_rms_mean"] for row in rows}
    expected = np.sqrt(np.mean(music(901, "hum") ** 2))  # but for the ends, and 16 bits
    assert by_hand[first] == pytest.approx(expected, rel=0.02)
    (reject,) = made.warehouse.read("rejects").collect()
    assert (reject["reason"], reject["stage"], reject["detail"]) == ("BAD_FEEDBACK", "feedback", "is not JSON")
    assert reject["path"].endswith("feedback/feedback.jsonl:7")

    # a run with nothing new, and one with something new in the corpus, change none of it
    versions = {name: made.warehouse.version(name) for name in WRITTEN}
    made.run(ingest_clips)
    assert {name: made.warehouse.version(name) for name in WRITTEN} == versions
    (corpus / "hiss" / "sent.wav").write_bytes(later_file)
    made.run(ingest_clips)
    told = made.warehouse.read("clips").where(F.col("clip_id").isin(*labels)).collect()
    assert {row["clip_id"]: row["decoder"] == "feedback" for row in told} == {
        first: True, later: False, strange: True, copied: True
    }  # fmt: skip
    assert made.warehouse.read("features").where(F.col("clip_id") == later).count() == 2  # now with its segment
    assert made.warehouse.read("rejects").count() == 1

    def learn(warehouse: Warehouse, settings: Settings, run: Run) -> None:
        data = training(warehouse, settings)
        assert len(data.clips) == 7  # of the corpus alone
        for _ in range(2):  # the second time nothing is new
            measure_drift(warehouse, settings, run, data, "0123456789abcdef")

    monkeypatch.setattr(drift, "LEAST", 3)
    made.run(learn)
    measured = made.warehouse.read("metrics").where("protocol = 'feedback'").collect()
    assert sorted((row["condition"], row["metric"], row["n"]) for row in measured) == sorted(
        (f"drift:{family}", metric, 3)
        for family in ("tempo", "pitch", "timbre", "loudness")
        for metric in ("psi", "psi_beyond")
    )
    without, asked = (present_clips(made.warehouse, feedback=one).select("clip_id") for one in (False, True))
    # neither a label of no genre here nor a recording that is known
    assert [row["clip_id"] for row in asked.join(without, "clip_id", "left_anti").collect()] == [first]
    assert summary(made.warehouse, made.settings) == Sent({"hum": 2, "free jazz": 1}, bad_lines=1)


def test_a_file_too_large_is_a_gate_and_one_moved_away_takes_nothing_along(
    bench: Callable[..., Bench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = bench(tmp_path)
    root = made.settings.writable_folder("warehouse.root")
    with IsolatedDecoder(Limits()) as decoder:
        say(root, sound(901, "hum"), "hum", decoder)
    made.run(take_feedback)
    assert json.loads(place(root).read_text())["label"] == "hum"
    place(root).write_bytes(b"no line\n" * 3)
    assert made.run(take_feedback).counts["feedback_bad_lines"] == 3
    assert made.warehouse.read("rejects").count() == 3
    place(root).write_bytes(b"no line\n")
    made.run(take_feedback)
    assert made.warehouse.read("rejects").count() == 1
    assert made.warehouse.read("clips").where("genre = 'hum'").count() == 1
    monkeypatch.setattr("classically_punk.spark.feedback.MOST_BYTES", 3)
    (failure,) = made.run(take_feedback).failed_gates
    assert "move it away" in failure
