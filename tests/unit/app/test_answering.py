"""An answer measures what it needs of a clip, and says what it would say had everything been measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import wav_file
from tests.unit.app.conftest import model

from classically_punk.app import answering
from classically_punk.app.answers import Told, Wanted
from classically_punk.audio.isolation import IsolatedDecoder
from classically_punk.features import catalogue, describe
from classically_punk.modelling.published import PublishedModel
from classically_punk.settings import Limits

NAMES = ("tempo_bpm", "timbre_cepstrum02_mean", "timbre_cepstrum05_mean", "pitch_class02_share")
WANTED = [Wanted(), Wanted(explain=True), Wanted(explain=True, table=True), Wanted(facts=True)]


def music(seconds: float) -> Any:
    """Chords over a beat, so that every entry has something to hear."""
    time = np.arange(round(22_050 * seconds)) / 22_050
    chords = np.sin(np.outer((220, 277, 330), 2 * np.pi * time)).sum(axis=0)
    beat = np.exp(-8 * (time % 0.5))
    return 0.2 * beat * chords + 0.02 * np.random.default_rng(0).standard_normal(time.size)


def of_the_whole_catalogue() -> PublishedModel:
    """A model of columns whose entries hear segments, and of one that hears the whole clip."""
    weights = (0.01, 0.2, -0.3, 0.4)
    return model(
        feature_set=catalogue.feature_set_id("punk", 3.0),
        feature_names=NAMES,
        means=(0.1,) * len(NAMES),
        scales=(1.0,) * len(NAMES),
        coefficients=(weights, tuple(-weight for weight in weights)),
    )


def told(path: Path, wanted: Wanted) -> Told:
    with IsolatedDecoder(Limits()) as decoder:
        return answering.answer(answering.Input(str(path), bytes(path)), of_the_whole_catalogue(), decoder, wanted)


@pytest.mark.parametrize("seconds", [2.0, 7.4])
@pytest.mark.parametrize("wanted", WANTED)
def test_what_is_not_needed_changes_no_answer(
    seconds: float, wanted: Wanted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    song = wav_file(tmp_path / "song.wav", music(seconds))
    sparing = told(song, wanted)
    everything = {entry.name for entry in catalogue.entries("punk")}
    monkeypatch.setattr(answering, "_entries", lambda *_: (everything, everything))
    assert sparing.line.reason is None
    assert repr(sparing) == repr(told(song, wanted))
    assert "nan" not in repr(sparing)


def test_a_line_alone_measures_nothing_that_its_model_does_not_hear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = np.array([column.name for column in catalogue.columns("punk")])
    rows: list[describe.SegmentRow] = []
    described = describe.describe_segments
    monkeypatch.setattr(describe, "describe_segments", lambda *given: rows.extend(described(*given)) or rows)
    assert told(wav_file(tmp_path / "song.wav", music(7.4)), Wanted()).line.reason is None
    of_clip, first = (set(columns[np.isfinite(rows[at].values)]) for at in (0, 1))
    assert of_clip == {"tempo_bpm"}
    assert set(NAMES) <= first
    assert len(first) < len(columns) / 4
