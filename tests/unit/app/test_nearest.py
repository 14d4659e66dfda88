"""The nearest training clips, by name: the right ones, in order, and never from a file that does not fit the model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.app.conftest import model

from classically_punk.app import nearest
from classically_punk.modelling import published, training_clips
from classically_punk.modelling.arrays import ModelError
from classically_punk.modelling.training_clips import TrainingClipsError


@pytest.fixture
def two() -> published.PublishedModel:
    return model(
        feature_names=("loudness_rms_mean", "loudness_rms_var"),
        means=(0.0, 0.0),
        scales=(1.0, 1.0),
        coefficients=((1.0, 0.0), (0.0, 1.0)),
    )


def table(vectors: Any, **more: Any) -> bytes:
    """A list of clips as somebody else may have written it: any columns, vectors of any kind."""
    names = [f"/secret/place/song {at}.wav" for at in range(len(vectors))]
    columns = {"clip_id": names, "name": names, "genre": ["jazz"] * len(names), "vector": vectors} | more
    target = pa.BufferOutputStream()
    pq.write_table(pa.table({name: values for name, values in columns.items() if values is not None}), target)
    return bytes(target.getvalue())


def write(root: Path, one: published.PublishedModel, vectors: Any, **more: Any) -> Path:
    published.publish(root, one, table(vectors, **more))
    return root / f"published/{one.model_id}.clips.parquet"


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


def test_the_nearest_of_many_are_those_of_all_distances(tmp_path: Path, two: Any) -> None:
    random = np.random.default_rng(1)
    vectors = random.standard_normal((3000, 2))
    vectors[7] = vectors[1234] + 1e-5  # nearer to each other than float32 sees in a difference of squares
    ids = [f"{at:04d}" for at in range(3000)]
    content = training_clips.to_parquet(ids, [f"{one}.wav" for one in ids], ["jazz"] * 3000, vectors)
    published.publish(tmp_path, two, content)
    neighbours = nearest.load(tmp_path, two)
    assert neighbours is not None
    for here in (*vectors[:20], vectors[1234]):
        far = np.linalg.norm(np.float32(vectors).astype(float) - np.float32(here), axis=1) / np.sqrt(2)
        told = neighbours.of(here, most=5)
        assert [one["distance"] for one in told] == pytest.approx(np.sort(far)[:5], abs=1e-9)
        assert told[0]["name"] == f"{int(np.argmin(far)):04d}.wav"


def test_of_none_none_are_near(tmp_path: Path, two: Any) -> None:
    published.publish(tmp_path, two, training_clips.to_parquet([], [], [], np.empty((0, 2))))
    neighbours = nearest.load(tmp_path, two)
    assert neighbours is not None
    assert neighbours.of([0.0, 0.0]) == []


def test_without_a_list_there_are_none(tmp_path: Path, two: Any) -> None:
    published.publish(tmp_path, two)
    assert nearest.load(tmp_path, two) is None


@pytest.mark.parametrize(
    ("vectors", "more", "said"),
    [
        ([[1.0, 2.0, 3.0]], {}, "not a table"),
        ([[1.0, float("nan")]], {}, "without numbers"),
        ([[1.0, 2.0], None], {}, "without numbers"),
        ([[1.0, 2.0], [1.0]], {}, "not a table"),
        ([[1.0, 2.0]], {"genre": None}, "not a table"),
        (["text"], {}, "not a table"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(
    tmp_path: Path, two: Any, vectors: Any, more: dict[str, Any], said: str
) -> None:
    write(tmp_path, two, vectors, **more)
    with pytest.raises(TrainingClipsError, match=said):
        nearest.load(tmp_path, two)


def test_what_is_not_the_list_that_was_published_is_refused(tmp_path: Path, two: Any) -> None:
    path = write(tmp_path, two, [[1.0, 2.0]])
    assert nearest.load(tmp_path, two) is not None
    path.write_bytes(table([[9.0, 9.0]]))
    with pytest.raises(TrainingClipsError, match="published with the model"):
        nearest.load(tmp_path, two)
    path.unlink()
    with pytest.raises(TrainingClipsError, match="cannot be read"):
        nearest.load(tmp_path, two)
    pointer = tmp_path / "published/current.json"
    told = json.loads(pointer.read_text())
    pointer.write_text(json.dumps({**told, "clips_file": "../elsewhere.parquet"}))
    with pytest.raises(TrainingClipsError, match="plain file name"):
        nearest.load(tmp_path, two)


def test_a_list_that_is_no_table_is_refused(tmp_path: Path, two: Any) -> None:
    published.publish(tmp_path, two, b"PAR1 no table PAR1")
    with pytest.raises(TrainingClipsError, match="not a table"):
        nearest.load(tmp_path, two)


def test_another_list_under_the_id_in_force_gets_a_name_of_its_own(tmp_path: Path, two: Any) -> None:
    path = write(tmp_path, two, [[1.0, 2.0]])
    first = path.read_bytes()
    published.publish(tmp_path, two, table([[3.0, 4.0]]))
    assert path.read_bytes() == first  # a reader between the two writes still finds what the pointer names
    neighbours = nearest.load(tmp_path, two)
    assert neighbours is not None
    assert neighbours.standings.tolist() == [[3.0, 4.0]]


@pytest.mark.parametrize(("ids", "standings"), [(["a"], [[1.0], [2.0]]), (["a"], [[float("inf")]]), (["a"], [1.0])])
def test_what_is_not_n_rows_of_numbers_is_never_written(ids: list[str], standings: Any) -> None:
    with pytest.raises(ModelError):
        training_clips.to_parquet(ids, ids, ids, standings)


def test_only_the_list_in_force_is_kept(tmp_path: Path, two: Any) -> None:
    old = write(tmp_path, two, [[1.0, 2.0]])
    write(tmp_path, two, [[3.0, 4.0]])  # the same model, another list
    other = write(tmp_path, replace(two, model_id="another"), [[5.0, 6.0]])
    assert old in training_clips.superseded(tmp_path)
    assert len(training_clips.superseded(tmp_path)) == 2
    assert other not in training_clips.superseded(tmp_path)
    (tmp_path / "published/current.json").write_text("{")
    assert training_clips.superseded(tmp_path) == []
