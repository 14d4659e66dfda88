"""Altered copies: described like any clip, made once, of present clips only, and gone with no audio kept."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from deltalake import DeltaTable
from tests.conftest import wav_file
from tests.spark.conftest import Bench, make_corpus, music, settings_for

from classically_punk.audio import alterations
from classically_punk.audio.alterations import Alteration
from classically_punk.features import catalogue
from classically_punk.features.altered import describe_altered
from classically_punk.spark import altered
from classically_punk.spark.ingest import ingest_clips

MakeBench = Callable[..., Bench]
NAMES = [column.name for column in catalogue.columns("punk")]
COPIES = {"altered_copies": 2, "altered_sample": 8}


def frame(bench: Bench, name: str) -> pd.DataFrame:
    return DeltaTable(str(bench.settings.folder("warehouse.root") / name)).to_pyarrow_table().to_pandas()


def version(bench: Bench) -> int:
    return DeltaTable(str(bench.settings.folder("warehouse.root") / altered.TABLE)).version()


@pytest.fixture(scope="module")
def copied(spark: object, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Three genres of three short clips and one of 8 s; two copies of each of eight clips."""
    root = tmp_path_factory.mktemp("altered")
    corpus = make_corpus(root / "corpus", clips=3)
    wav_file(corpus / "hum" / "long.wav", music(77, "hum", 8.0))
    made = Bench(spark, settings_for(root, corpus, model=COPIES))  # type: ignore[arg-type]
    made.run(ingest_clips)
    made.run(altered.alter_clips)
    return made


def test_rows_are_those_of_the_altered_sound_and_say_how_it_was_altered(copied: Bench) -> None:
    rows, clips = frame(copied, altered.TABLE), frame(copied, "clips").set_index("clip_id")
    assert rows.clip_id.nunique() == 8
    assert rows.groupby("genre").clip_id.nunique().sort_values().tolist() == [2, 3, 3]  # as even as it goes
    assert not rows.duplicated(list(altered.KEY)).any()
    for (clip_id, line), part in rows.groupby(["clip_id", "alteration"]):
        assert line in {alterations.drawn(clip_id, copy, 0).text for copy in range(2)}
        samples = soundfile.read(clips.path[clip_id], dtype="float32")[0]
        expected = describe_altered(samples, Alteration.parse(line), clip_id, 3.0)
        found = part.sort_values("segment")
        assert found.segment.tolist() == [row.segment for row in expected]
        np.testing.assert_array_equal(found[NAMES].to_numpy(), [row.values for row in expected])
        assert set(found.genre) == {clips.genre[clip_id]}
        assert set(found.feature_set) == {catalogue.feature_set_id("punk", 3.0)}


def test_a_second_run_opens_nothing(copied: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    before = version(copied)

    def opened(*_: object) -> None:
        raise AssertionError("nothing is to be opened")

    monkeypatch.setattr(altered, "_described", opened)
    run = copied.run(altered.alter_clips)
    assert version(copied) == before
    assert "altered" not in run.counts


def test_copies_keep_up_with_settings_labels_and_files(
    bench: MakeBench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = make_corpus(tmp_path / "corpus", clips=2)
    made = bench(corpus, model={"altered_copies": 1, "altered_sample": 6})
    made.run(ingest_clips)
    made.run(altered.alter_clips, model={"altered_copies": 0})
    assert frame(made, altered.TABLE).empty

    assert made.run(altered.alter_clips, model={"altered_sample": 3}).counts["altered"] == 3
    first = frame(made, altered.TABLE)
    assert set(first.genre) == {"clicks", "hiss", "hum"}
    # the other three, of which two are no longer what was ingested
    others = frame(made, "clips").query("clip_id not in @first.clip_id").set_index("genre").path
    Path(others["hum"]).unlink()
    was = Path(others["hiss"]).stat()
    wav_file(Path(others["hiss"]), music(6, "hiss"))  # other bytes, the same size and time
    os.utime(others["hiss"], ns=(was.st_atime_ns, was.st_mtime_ns))
    run = made.run(altered.alter_clips)
    assert (run.counts["altered"], run.counts["not_altered"], run.failed_gates) == (1, 2, [])
    told = capsys.readouterr().err.splitlines()
    for genre, reason in (("hum", "UNREADABLE"), ("hiss", "CHANGED_DURING_READ")):
        assert any(Path(others[genre]).name in line and reason in line for line in told), told
    second = frame(made, altered.TABLE)
    assert pd.concat([first, second]).duplicated().sum() == len(first)  # what was there has not changed
    [added] = set(second.clip_id) - set(first.clip_id)
    assert frame(made, "clips").set_index("clip_id").path[added] == others["clicks"]

    moved = Path(others["clicks"])
    moved.rename(corpus / "hum" / "moved.wav")
    made.run(ingest_clips)
    assert "altered" in made.run(altered.alter_clips).counts  # the bytes that took the place of others are a clip
    labels = frame(made, "clips").set_index("clip_id").genre
    rows = frame(made, altered.TABLE)
    assert (rows.genre == labels.loc[rows.clip_id].to_numpy()).all()
    assert len(altered.sample(made.warehouse.open(), 100, 0)) == 5  # without the one that has gone
