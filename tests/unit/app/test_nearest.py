"""The nearest training clips, by name: the right ones, in order, and never from a file that does not fit the model."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.app.conftest import model

from classically_punk.app import nearest
from classically_punk.modelling import published


@pytest.fixture
def two() -> published.PublishedModel:
    return model(
        feature_names=("loudness_rms_mean", "loudness_rms_var"),
        means=(0.0, 0.0),
        scales=(1.0, 1.0),
        coefficients=((1.0, 0.0), (0.0, 1.0)),
    )


def write(root: Path, one: published.PublishedModel, vectors: Any, **more: Any) -> Path:
    names = [f"/secret/place/song {at}.wav" for at in range(len(vectors))]
    columns = {"clip_id": names, "name": names, "genre": ["jazz"] * len(names), "vector": vectors} | more
    published.publish(root, one)
    path = root / f"published/{one.model_id}.clips.parquet"
    pq.write_table(pa.table({name: values for name, values in columns.items() if values is not None}), path)
    return path


def test_the_nearest_come_first_with_their_distance_and_without_their_place(tmp_path: Path, two: Any) -> None:
    write(tmp_path, two, [[0.0, 0.0], [3.0, 4.0], [1.0, 1.0], [-9.0, 9.0]])
    neighbours = nearest.load(tmp_path, two)
    assert neighbours is not None
    told = neighbours.of([0.0, 0.0], most=3)
    assert [one["name"] for one in told] == ["song 0.wav", "song 2.wav", "song 1.wav"]
    assert [one["distance"] for one in told] == pytest.approx([0.0, 1.0, 5 / np.sqrt(2)])
    assert told[0]["genre"] == "jazz"


def test_hostile_names_are_made_visible(tmp_path: Path, two: Any) -> None:
    write(tmp_path, two, [[0.0, 0.0]], name=["a/\x1b[2J\u202eb"], genre=["\n"])
    neighbours = nearest.load(tmp_path, two)
    assert neighbours is not None
    assert (neighbours.names, neighbours.genres) == ([r"\x1b[2J\u202eb"], [r"\n"])


def test_without_a_file_there_are_none(tmp_path: Path, two: Any) -> None:
    published.publish(tmp_path, two)
    assert nearest.load(tmp_path, two) is None


@pytest.mark.parametrize(
    ("vectors", "more", "said"),
    [
        ([[1.0, 2.0, 3.0]], {}, "other features"),
        ([[1.0, float("nan")]], {}, "other features"),
        ([[1.0, 2.0], [1.0]], {}, "no table|not a table"),
        ([[1.0, 2.0]], {"genre": None}, "not a table"),
        (["text"], {}, "not a table"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(
    tmp_path: Path, two: Any, vectors: Any, more: dict[str, Any], said: str
) -> None:
    write(tmp_path, two, vectors, **more)
    with pytest.raises(nearest.NeighboursError, match=said):
        nearest.load(tmp_path, two)


def test_what_is_no_table_or_not_the_one_that_was_published_is_refused(tmp_path: Path, two: Any) -> None:
    path = write(tmp_path, two, [[1.0, 2.0]])
    pointer = tmp_path / "published/current.json"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    pointer.write_text(json.dumps({**json.loads(pointer.read_text()), "clips_sha256": digest}))
    assert nearest.load(tmp_path, two) is not None
    path.write_bytes(b"PAR1 no table PAR1")
    with pytest.raises(nearest.NeighboursError, match="published with the model"):
        nearest.load(tmp_path, two)
    published.publish(tmp_path, two)  # a pointer without a digest
    with pytest.raises(nearest.NeighboursError, match="not a table"):
        nearest.load(tmp_path, two)
