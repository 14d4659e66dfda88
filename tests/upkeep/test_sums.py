"""Models that follow their clips by sums, against dense solutions over the same clips and against fits by MLlib."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812
from tests.spark.conftest import Bench, settings_for
from tests.spark.test_models import frame, invented_table

from classically_punk.errors import ConfigError
from classically_punk.features import PUBLISHED_NAMES
from classically_punk.modelling import published, training_clips
from classically_punk.spark import genre_models, pipeline, sums, update, vectors
from classically_punk.spark.published_features import import_features
from classically_punk.spark.withdraw import withdraw_clips

BY_SUMS: dict[str, dict[str, object]] = {"model": {"update": "sums"}}
COLUMNS = list(PUBLISHED_NAMES.values())
FIRST = 200


def clip_id(name: str) -> str:
    return hashlib.sha256(f"published:{name}".encode()).hexdigest()


def dense(table: pd.DataFrame, genre: str, lam: float = 0.7) -> np.ndarray:
    """Ridge on standardised columns, solved over the rows."""
    x, y = table[COLUMNS].to_numpy(), (table["label"] == genre).to_numpy(dtype=float)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    return np.linalg.solve(z.T @ z / len(y) + lam * np.eye(len(COLUMNS)), z.T @ (y - y.mean()) / len(y))


def in_force(bench: Bench) -> published.PublishedModel:
    return published.load_current(bench.settings.folder("warehouse.root"))


def assert_fitted_to(model: published.PublishedModel, table: pd.DataFrame) -> None:
    x = table[COLUMNS].to_numpy()
    np.testing.assert_allclose(model.means, x.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(model.scales, x.std(axis=0), rtol=1e-11)
    for g, genre in enumerate(model.genres):
        expected = dense(table, genre)
        np.testing.assert_allclose(model.coefficients[g], expected, rtol=0, atol=1e-8 * np.abs(expected).max())
        assert model.intercepts[g] == pytest.approx((table["label"] == genre).mean(), abs=1e-12)
    assert model.training.clips == len(table)


def decision_of(table: pd.DataFrame, cell: np.ndarray, genres: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Means and pooled covariance of scores by fits to the other cells, written out over the rows."""
    x, labels = table[COLUMNS].to_numpy(), table["label"].to_numpy()
    scores = np.empty((len(x), len(genres)))
    for c in np.unique(cell):
        rest = cell != c
        mean, scale = x[rest].mean(axis=0), x[rest].std(axis=0)
        for g, genre in enumerate(genres):
            share = (labels[rest] == genre).mean()
            scores[~rest, g] = share + (x[~rest] - mean) / scale @ dense(table[rest], genre)
    means = np.stack([scores[labels == genre].mean(axis=0) for genre in genres])
    centred = scores - means[[genres.index(label) for label in labels]]
    return means, centred.T @ centred / (len(x) - len(genres))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return invented_table(tmp_path_factory.mktemp("table") / "whole.csv", 240)


@pytest.fixture(scope="module")
def grown(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, table: pd.DataFrame) -> Bench:
    """A model fitted by MLlib to 200 clips; then 40 came, and it followed by sums."""
    root = tmp_path_factory.mktemp("grown")
    settings = settings_for(
        root,
        root,
        features={"published_csv": str(root / "table.csv")},
        model={"feature_set": "classic57", "regularisation": 0.7, "decision": "score-space", "altered_copies": 0},
    )
    made = Bench(spark, settings)
    table[:FIRST].to_csv(root / "table.csv", index=False)
    made.run(import_features)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(genre_models, "TOLD_BY", 120)  # not all clips come to the driver
        made.run(pipeline.train, **BY_SUMS)  # nothing stands yet: it is fitted
    (root / "before.json").write_text(in_force(made).to_json())
    table.to_csv(root / "table.csv", index=False)
    made.run(import_features)
    made.run(pipeline.train, **BY_SUMS)
    return made


def before(bench: Bench) -> published.PublishedModel:
    root = bench.settings.folder("warehouse.root").parent
    return published.PublishedModel.from_json((root / "before.json").read_text())


def test_a_model_that_clips_were_added_to_is_that_of_all_of_them(grown: Bench, table: pd.DataFrame) -> None:
    model, old = in_force(grown), before(grown)
    assert model.model_id != old.model_id
    assert_fitted_to(old, table[:FIRST])
    assert_fitted_to(model, table)
    rows = frame(grown, "models").groupby("model_id").fitted_by.first()
    assert (rows[old.model_id], rows[model.model_id]) == ("mllib", "sums")
    assert model.training.groups == 240
    kept = ("kind", "temperature", "threshold")
    assert [getattr(model.decision, name) for name in kept] == [getattr(old.decision, name) for name in kept]
    assert model.lam == old.lam == 0.7


def test_its_decision_is_learnt_anew_from_scores_of_models_that_have_not_seen_the_clip(
    grown: Bench, table: pd.DataFrame
) -> None:
    model = in_force(grown)
    cells = frame(grown, "summed_clips").set_index("clip_id").cell
    cell = cells.loc[[clip_id(name) for name in table["filename"]]].to_numpy()
    means, covariance = decision_of(table, cell, model.genres)
    np.testing.assert_allclose(model.decision.means, means, atol=1e-9)
    np.testing.assert_allclose(model.decision.covariance, covariance, atol=1e-9)
    means, covariance = decision_of(table[:FIRST], cell[:FIRST], model.genres)
    np.testing.assert_allclose(before(grown).decision.means, means, atol=1e-9)
    np.testing.assert_allclose(before(grown).decision.covariance, covariance, atol=1e-9)


def test_the_neighbours_of_an_answer_are_those_of_all_clips(grown: Bench, table: pd.DataFrame) -> None:
    model = in_force(grown)
    content = training_clips.read(grown.settings.folder("warehouse.root"), model.model_id)
    assert content is not None
    listed = training_clips.from_parquet(content)
    names = {clip_id(name): name for name in table["filename"]}
    assert listed.ids == sorted(names)
    assert listed.names == [names[clip] for clip in listed.ids]
    raw = table.set_index("filename").loc[listed.names, COLUMNS].to_numpy()
    expected = (raw - np.asarray(model.means)) / np.asarray(model.scales)
    np.testing.assert_allclose(listed.standings, expected, atol=1e-5)


def test_sums_say_who_is_in_which_slot(grown: Bench) -> None:
    kept, clips = frame(grown, "sums"), frame(grown, "summed_clips")
    assert kept.batch.nunique() == 2
    counts = clips.groupby(["batch", "cell", "piece"]).size()
    assert kept.set_index(["batch", "cell", "piece"]).clips.to_dict() == counts.to_dict()
    assert kept["rows"].sum() == kept.clips.sum() == 240
    assert kept.of_clips.isna().all()  # each clip is one row


def test_with_nothing_new_a_model_by_sums_stands_and_is_evaluated(grown: Bench) -> None:
    root = grown.settings.folder("warehouse.root")
    versions = {name: DeltaTable(str(root / name)).version() for name in ("sums", "summed_clips", "models")}
    current = (root / "published/current.json").read_bytes()
    grown.run(pipeline.train, **BY_SUMS)
    assert {name: DeltaTable(str(root / name)).version() for name in versions} == versions
    assert (root / "published/current.json").read_bytes() == current
    grown.run(pipeline.evaluate, **BY_SUMS, evaluation={"ablation": False, "controls": False})
    assert set(frame(grown, "metrics").model_id) == {in_force(grown).model_id}


def test_a_killed_update_is_finished_by_the_next(grown: Bench) -> None:
    """Sums were stored, and the run died before the model was."""
    root = grown.settings.folder("warehouse.root")
    whole, old = in_force(grown), before(grown)
    pointer = (root / "published/current.json").read_bytes()
    files = sorted((root / "published").glob(f"{old.model_id}*"))
    listed = next(file for file in files if file.name.endswith(".parquet"))
    grown.run(lambda w, s, r: w.remove("models", w.read("models").where(F.col("fitted_by") == "sums"), ("model_id",)))
    published.publish(root, old, listed.read_bytes())
    grown.run(pipeline.train, **BY_SUMS)
    again = in_force(grown)
    assert again.model_id == whole.model_id
    assert again.coefficients == whole.coefficients
    assert again.training == whole.training
    assert (root / "published/current.json").read_bytes() == pointer or again.published_at != whole.published_at


def test_the_number_of_partitions_changes_nothing(grown: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    spark, found = grown.spark, []
    for partitions, collected in ((4, vectors.COLLECTED_BYTES), (1, vectors.COLLECTED_BYTES), (7, 0)):
        monkeypatch.setattr(vectors, "COLLECTED_BYTES", collected)  # 0: merged by the executors
        spark.conf.set("spark.sql.shuffle.partitions", str(partitions))
        try:
            data = vectors.training(grown.warehouse.open(), grown.settings)
            cell = np.arange(len(data.clips)) % 3
            found.append(vectors.sums(data, cell, 3, {vectors.MAIN: data.design})[vectors.MAIN])
            data.unpersist()
        finally:
            spark.conf.set("spark.sql.shuffle.partitions", "4")
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            width = np.sqrt(np.diag(one.second))
            np.testing.assert_allclose(two.means, one.means, rtol=1e-12)
            np.testing.assert_allclose(
                two.second / np.outer(width, width), one.second / np.outer(width, width), atol=1e-9
            )


def test_a_few_clips_on_the_driver_give_the_sums_that_executors_give(
    grown: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse, settings = grown.warehouse.open(), grown.settings
    clips = vectors.learnable(warehouse, settings).orderBy("clip_id").limit(30).toPandas()
    only = grown.spark.createDataFrame(clips[["clip_id"]])
    genres = in_force(grown).genres
    there = vectors.training(warehouse, settings, only=only, genres=genres)
    cell = np.arange(30) % 3
    lacks_some = DeltaTable(str(grown.settings.folder("warehouse.root") / "features")).file_uris()[-1]
    for files in ((), (lacks_some.rpartition("/")[2],)):
        here = vectors.few(warehouse, settings, clips, genres, files)
        assert here is not None
        assert list(here.clips["clip_id"]) == list(there.clips["clip_id"])
        for name in (vectors.MAIN, vectors.OF_CLIPS + vectors.MAIN):
            one, two = (vectors.sums(d, cell, 3, {vectors.MAIN: d.design}, of_clips=True)[name] for d in (here, there))
            for left, right in zip(one, two, strict=True):
                assert (left.rows, left.weight) == (right.rows, right.weight)
                np.testing.assert_allclose(left.means, right.means, rtol=1e-12)
                np.testing.assert_allclose(left.second, right.second, rtol=1e-9, atol=1e-9 * abs(right.second).max())
                np.testing.assert_allclose(left.cross, right.cross, atol=1e-9 * abs(right.cross).max())
        columns = [vectors.clip_columns(d, {vectors.MAIN: d.design})[vectors.MAIN] for d in (here, there)]
        np.testing.assert_allclose(*columns, rtol=1e-12)
    there.unpersist()
    monkeypatch.setattr(vectors, "FEW_ROWS", 29)
    assert vectors.few(warehouse, settings, clips, genres) is None


def test_what_the_logs_of_the_tables_tell_is_what_a_comparison_finds(
    grown: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clips come, and one that was counted loses its label: by the logs alone, and without them."""
    warehouse, settings = grown.warehouse.open(), grown.settings
    assert update.compared(warehouse, settings)[3] == ()  # nothing came
    clips = warehouse.read("clips")
    model = grown.spark.createDataFrame(clips.orderBy("clip_id").limit(1).collect(), clips.schema)
    new = model.withColumn("clip_id", F.lit("f" * 64))
    unlabelled = model.select("clip_id", F.lit(None).cast("string").alias("genre"))
    rows = warehouse.read("features").join(model.select("clip_id"), "clip_id", "left_semi")
    root = grown.settings.folder("warehouse.root")
    try:
        warehouse.append("clips", new)
        warehouse.append("features", rows.withColumn("clip_id", F.lit("f" * 64)))
        assert sums.added_since(warehouse, settings) is not None
        came, went, stay, files = update.compared(warehouse, settings)
        assert [len(part) for part in (came, went, stay)] == [1, 0, 0]
        assert [str(root / "features" / file) for file in files] == [
            str(file) for file in sorted((root / "features").glob("*.parquet"), key=os.path.getmtime)[-len(files) :]
        ]
        with monkeypatch.context() as patch:
            patch.setattr(sums, "added_since", lambda *_: None)
            pd.testing.assert_frame_equal(update.compared(warehouse, settings)[0], came, check_dtype=False)
        warehouse.assign("clips", unlabelled, ("clip_id",), ("genre",))
        assert sums.added_since(warehouse, settings) is None
        assert [len(part) for part in update.compared(warehouse, settings)[:2]] == [1, 1]
    finally:
        for name in ("clips", "features"):
            warehouse.remove(name, new, ("clip_id",))
        warehouse.assign("clips", model.select("clip_id", "genre"), ("clip_id",), ("genre",))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": {"update": "sums", "regularisation": 0.2}}, "of other features or settings"),
        ({"model": {"update": "sums", "clip_sd": 3.0}}, "takes centre and scale from all clips"),
    ],
)
def test_other_settings_are_fitted_and_it_is_said_why(
    grown: Bench, change: dict[str, dict[str, object]], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    from classically_punk.spark.update import updated

    grown.run(lambda w, s, r: None if updated(w, s, r) is None else pytest.fail("it was updated"), **change)
    assert said in capfd.readouterr().err


def test_withdrawn_clips_leave_the_sums_and_everything_else(grown: Bench, table: pd.DataFrame) -> None:
    """The last test of this warehouse: it goes on without ten of its clips."""
    root = grown.settings.folder("warehouse.root")
    names = list(table["filename"][5:205:20])
    (root.parent / "names.txt").write_text("\n".join(names[1:]) + "\n\n")
    older = DeltaTable(str(root / "features")).version()
    slots = frame(grown, "sums")
    asked: dict[str, object] = {"clips": [clip_id(names[0])], "list": str(root.parent / "names.txt")}
    run = grown.run(withdraw_clips, withdraw=asked, warehouse={"short_retention": True})
    assert not run.failed_gates
    assert run.counts["withdrawn"] == 10
    rest = table[~table["filename"].isin(names)]
    model = in_force(grown)
    assert_fitted_to(model, rest)
    assert frame(grown, "models").groupby("model_id").fitted_by.first()[model.model_id] == "sums"
    assert model.training.groups == 230
    counted = set(frame(grown, "sums").query("run_id == @run.run_id").batch)
    assert counted <= set(slots.batch)  # slots of old batches, counted anew; the others as they were
    cell = frame(grown, "summed_clips").set_index("clip_id").cell.loc[[clip_id(name) for name in rest["filename"]]]
    means, covariance = decision_of(rest, cell.to_numpy(), model.genres)
    np.testing.assert_allclose(model.decision.means, means, atol=1e-9)
    np.testing.assert_allclose(model.decision.covariance, covariance, atol=1e-9)
    assert_nowhere(root, [clip_id(name) for name in names])
    with pytest.raises(Exception, match=r"does not exist|FILE_NOT_EXIST|not find|FileNotFound"):
        grown.spark.read.format("delta").option("versionAsOf", older).load(str(root / "features")).collect()
    grown.run(import_features)  # the table of the outside still has them
    assert len(frame(grown, "clips")) == 230


def test_a_clip_that_nothing_is_known_of_is_refused_before_anything_is_written(grown: Bench) -> None:
    root = grown.settings.folder("warehouse.root")
    names = ("withdrawn", "files", "clips", "features", "sums")
    versions = {name: DeltaTable(str(root / name)).version() for name in names}
    with pytest.raises(ConfigError, match=r"no clip is known as 'nobody.au' \(1 of 2 names\)"):
        grown.run(withdraw_clips, withdraw={"clips": ["nobody.au", clip_id("blues.00000.au")]})
    assert {name: DeltaTable(str(root / name)).version() for name in names} == versions


def assert_nowhere(root: Path, clips: list[str]) -> None:
    """No file of the warehouse holds these ids, but for the note that they were withdrawn and the hashes in `files`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for file in root.rglob("*"):
        if not file.is_file() or file.parts[len(root.parts)] in ("withdrawn", "files"):
            continue
        content = file.read_bytes()
        assert [clip for clip in clips if clip.encode() in content or clip in file.name] == [], file
        if file.name.endswith(".parquet"):
            rows = pq.read_table(pa.BufferReader(content))
            for name in rows.column_names:
                if pa.types.is_string(rows.schema.field(name).type):
                    assert not set(rows[name].to_pylist()) & set(clips), (file, name)
