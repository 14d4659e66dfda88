"""The 57 classic values of real tracks against the published table of the same tracks."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from classically_punk.features import PUBLISHED_NAMES, describe_clip

pytestmark = pytest.mark.corpus

NOISE = {"harmony_mean", "perceptr_mean"}
"""Means of waveforms: rounding noise around zero."""
LOOSE = {"harmony_var", "perceptr_var"}
TRACKS_A_GENRE = 2


def described(
    corpus: Path, reference: Path, tracks_a_genre: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Real tracks, the first ones of each genre -> published column -> values by us, and by the table."""
    with (reference / "features_30_sec.csv").open(newline="") as file:
        table = {Path(row["filename"]).stem: row for row in csv.DictReader(file)}
    names = list(PUBLISHED_NAMES.values())
    ours, theirs = [], []
    for genre in sorted(folder for folder in (corpus / "gtzan").iterdir() if folder.is_dir()):
        for track in sorted(genre.glob(f"{genre.name}.*"))[:tracks_a_genre]:
            samples, rate = soundfile.read(track, dtype="float32")
            values = {PUBLISHED_NAMES[name]: value for name, value in describe_clip(samples, rate).items()}
            ours.append([values[name] for name in names])
            theirs.append([float(table[track.stem][name]) for name in names])
    return (
        dict(zip(names, np.array(ours).T, strict=True)),
        dict(zip(names, np.array(theirs).T, strict=True)),
    )


@pytest.fixture(scope="module")
def both(corpus: Path, reference: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    return described(corpus, reference, TRACKS_A_GENRE)


@pytest.mark.parametrize("column", [name for name in PUBLISHED_NAMES.values() if name not in {*NOISE, "tempo"}])
def test_a_column_agrees_with_the_published_table(
    column: str, both: tuple[dict[str, np.ndarray], dict[str, np.ndarray]]
) -> None:
    ours, theirs = both[0][column], both[1][column]
    assert ours.size == 10 * TRACKS_A_GENRE
    apart = np.median(np.abs(ours - theirs) / np.abs(theirs))
    assert apart <= (1e-3 if column in LOOSE else 1e-6 if column.startswith("zero_crossing") else 1e-5)


def test_tempo_is_the_published_one(both: tuple[dict[str, np.ndarray], dict[str, np.ndarray]]) -> None:
    ours, theirs = both[0]["tempo"], both[1]["tempo"]
    assert np.count_nonzero(np.isclose(ours, theirs, rtol=1e-6)) >= 0.98 * ours.size


def test_the_published_table_has_our_columns_in_our_order(reference: Path) -> None:
    with (reference / "features_30_sec.csv").open(newline="") as file:
        header = next(csv.reader(file))
    assert [name for name in header if name not in {"filename", "length", "label"}] == list(PUBLISHED_NAMES.values())
