"""Training and judging: MLlib against the closed form, the tables against NumPy, the JSON against the tables."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from sklearn import metrics as sklearn_metrics
from sklearn.linear_model import LogisticRegression
from tests.spark.conftest import Bench, settings_for

from classically_punk.errors import ConfigError
from classically_punk.features import PUBLISHED_NAMES, catalogue
from classically_punk.modelling import published
from classically_punk.modelling.crossfit import GRID
from classically_punk.modelling.spread import Spread
from classically_punk.settings import Settings
from classically_punk.spark import copies, genre_models, pipeline, vectors
from classically_punk.spark.ingest import ingest_clips
from classically_punk.spark.published_features import import_features
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse

MakeBench = Callable[..., Bench]


def frame(bench: Bench, name: str) -> pd.DataFrame:
    return DeltaTable(str(bench.settings.folder("warehouse.root") / name)).to_pyarrow_table().to_pandas()


def invented_table(path: Path, clips: int) -> pd.DataFrame:
    """A published table of random numbers with some signal, for the tests that need many clips and no audio."""
    random = np.random.Generator(np.random.PCG64(7))
    genres = np.array(["blues", "jazz", "rock"])[np.arange(clips) % 3]
    scales = 10.0 ** random.uniform(-4, 4, 57)
    values = (random.standard_normal((clips, 57)) + 0.4 * (np.arange(clips) % 3)[:, None]) * scales + 3 * scales
    table = pd.DataFrame(values, columns=list(PUBLISHED_NAMES.values()))
    table.insert(0, "filename", [f"{genre}.{i:05d}.au" for i, genre in enumerate(genres)])
    table.insert(1, "length", 661_794)
    table["label"] = genres
    table.to_csv(path, index=False)
    return table


@pytest.fixture(scope="module")
def trained(described: Bench) -> Bench:
    described.run(pipeline.train)
    described.run(pipeline.evaluate)
    return described


def test_a_genre_each_fitted_by_mllib_and_published_as_json(trained: Bench) -> None:
    models = frame(trained, "models").sort_values("genre")
    assert list(models.genre) == ["clicks", "hiss", "hum"]
    assert set(models.fitted_by) == {"mllib"}
    model = published.load_current(trained.settings.folder("warehouse.root"))
    assert model.model_id == models.model_id.iloc[0]
    np.testing.assert_array_equal(np.asarray(model.coefficients), np.stack(models.coefficients))
    np.testing.assert_array_equal(np.asarray(model.intercepts), models.intercept)


@pytest.mark.parametrize("strength", ["none", "0.7"])
def test_coefficients_equal_a_dense_solution(bench: MakeBench, tmp_path: Path, strength: str) -> None:
    table = invented_table(tmp_path / "table.csv", 240)
    made = bench(
        tmp_path,
        features={"published_csv": str(tmp_path / "table.csv")},
        model={"feature_set": "classic57", "regularisation": strength},
    )
    made.run(import_features)
    made.run(pipeline.train)
    models = frame(made, "models").set_index("genre")
    x = table[list(PUBLISHED_NAMES.values())].to_numpy()
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    ridge = 0.0 if strength == "none" else float(strength)
    for genre in ("blues", "jazz", "rock"):
        y = (table["label"] == genre).to_numpy(dtype=float)
        expected = np.linalg.solve(z.T @ z / len(y) + ridge * np.eye(57), z.T @ (y - y.mean()) / len(y))
        found = models.loc[genre]
        assert list(found.feature_names) == list(PUBLISHED_NAMES)
        np.testing.assert_allclose(found.coefficients, expected, rtol=0, atol=1e-8 * np.abs(expected).max())
        assert found.intercept == pytest.approx(y.mean(), abs=1e-9)
        assert (found.p_values is None) == (ridge > 0)
        if ridge == 0:
            assert ((found.p_values >= 0) & (found.p_values <= 1)).all()


def test_mllib_fits_the_spread_penalty_through_mixed_columns(
    bench: MakeBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """(C + λ(I + N))b = c solved densely, against what MLlib's plain ridge gives on the mixed columns."""
    table = invented_table(tmp_path / "table.csv", 240)
    made = bench(
        tmp_path,
        features={"published_csv": str(tmp_path / "table.csv")},
        model={"feature_set": "classic57", "regularisation": 0.7, "altered_strength": 5.0},
    )
    made.run(import_features)
    x = table[list(PUBLISHED_NAMES.values())].to_numpy()
    random = np.random.Generator(np.random.PCG64(8))
    change = random.standard_normal((100, 57)) @ random.standard_normal((57, 57)) * 0.1 * x.std(axis=0)
    spread = 5 * change.T @ change / len(change)

    monkeypatch.setattr(copies, "spread_parts", lambda data, cell, count: [Spread(1.0, 1, spread / 5)] * count)

    def train(warehouse: Warehouse, settings: Settings, run: Run) -> None:
        genre_models.train_genres(warehouse, settings, run, vectors.training(warehouse, settings))

    made.run(train)
    models = frame(made, "models").set_index("genre")
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    penalty = 0.7 * (np.eye(57) + spread / np.outer(x.std(axis=0), x.std(axis=0)))
    for genre in ("blues", "jazz", "rock"):
        y = (table["label"] == genre).to_numpy(dtype=float)
        expected = np.linalg.solve(z.T @ z / len(y) + penalty, z.T @ (y - y.mean()) / len(y))
        found = np.asarray(models.loc[genre].coefficients)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8 * np.abs(expected).max())


@pytest.fixture(scope="module")
def listed(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """An invented table under published lists, with every choice of the model made in another than the plain way."""
    root = tmp_path_factory.mktemp("listed")
    table = invented_table(root / "table.csv", 240)
    for at, part in enumerate(("train", "valid", "test")):
        names = [name for place, name in enumerate(table.filename) if place // 12 % 3 == at and place < 216]
        (root / f"{part}_filtered.txt").write_text("\n".join(names))
    settings = settings_for(
        root,
        root,
        features={"published_csv": str(root / "table.csv")},
        model={"feature_set": "classic57", "decision": "score-space", "regularisation": "auto", "threshold": 0.6}
        | {"transform": "squares", "clip_sd": 3.0, "map_weight": 0.1, "altered_copies": 0},
        evaluation={"protocols": ["published-rotation", "published-split", "size-matched-random"]}
        | {"split_dir": str(root), "baselines": ["logistic"], "ablation": False},
    )
    made = Bench(spark, settings)
    for step in (import_features, pipeline.train, pipeline.evaluate):
        made.run(step)
    return made


def test_a_transformed_fit_by_mllib_equals_a_dense_solution(listed: Bench) -> None:
    table = pd.read_csv(listed.settings.folder("warehouse.root").parent / "table.csv")
    model = published.load_current(listed.settings.folder("warehouse.root"))
    x = table[list(PUBLISHED_NAMES.values())].to_numpy()
    logs = np.asarray([name.endswith("_var") for name in PUBLISHED_NAMES])
    x[:, logs] = np.log(np.maximum(x[:, logs], 1e-8))
    z = np.clip((x - x.mean(axis=0)) / x.std(axis=0), -3, 3)
    columns = np.hstack([z, np.sqrt(0.05) * (z**2 - 1)])
    centred = columns - columns.mean(axis=0)
    assert model.lam in GRID
    assert model.decision.kind == "score-space"
    for g, genre in enumerate(model.genres):
        y = (table["label"] == genre).to_numpy(dtype=float)
        system = centred.T @ centred / len(y) + model.lam * np.eye(114)
        expected = np.linalg.solve(system, centred.T @ (y - y.mean()) / len(y))
        np.testing.assert_allclose(model.coefficients[g], expected, rtol=0, atol=1e-8 * np.abs(expected).max())
    raw = table[list(PUBLISHED_NAMES.values())].to_numpy()
    shares = [(table["label"] == genre).mean() for genre in model.genres]
    expected = centred @ np.asarray(model.coefficients).T + shares
    np.testing.assert_allclose(model.scores(tuple(PUBLISHED_NAMES), raw), expected, atol=1e-9)


def test_parts_in_rotation_judge_every_listed_clip_and_low_confidence_is_not_sure(listed: Bench) -> None:
    predictions = frame(listed, "predictions").query("protocol == 'published-rotation'")
    assert len(predictions) == predictions.clip_id.nunique() == 216
    assert sorted(predictions.fold.unique()) == [0, 1, 2]
    unsure = predictions.confidence < 0.6
    assert unsure.any()
    np.testing.assert_array_equal(predictions.predicted.isna(), unsure)
    split = frame(listed, "predictions").query("protocol == 'published-split'")
    assert len(split) == 72
    merged = split.merge(predictions, on="clip_id")  # the third part is judged by the same two
    np.testing.assert_allclose(
        [list(dict(s).values()) for s in merged.scores_x], [list(dict(s).values()) for s in merged.scores_y], atol=1e-9
    )


def test_the_price_of_the_same_artist_is_a_paired_difference(listed: Bench) -> None:
    measured = frame(listed, "metrics")
    main = {(m.protocol, m.metric): m for m in measured[measured.condition.isna() & measured.genre.isna()].itertuples()}
    price = main["size-matched-random", "same_artist_price"]
    two = [main[protocol, "accuracy"].value for protocol in ("size-matched-random", "published-rotation")]
    assert price.value == pytest.approx(two[0] - two[1], abs=1e-12)
    assert price.low < price.value < price.high


def test_looks_at_the_test_part_are_counted(listed: Bench) -> None:
    runs, measured = frame(listed, "runs"), frame(listed, "metrics")
    assert sum(dict(counts).get("test_part_looks", 0) for counts in runs.counts) == 1  # once a run, two protocols
    looks = measured[measured.metric == "test_part_looks"]
    assert looks.groupby("protocol").value.max().to_dict() == {"published-rotation": 1.0, "published-split": 1.0}


def test_other_learners_of_mllib_are_judged_on_the_strictest_protocol(listed: Bench) -> None:
    measured = frame(listed, "metrics").query("condition == 'baseline:logistic' and metric == 'accuracy'")
    assert list(measured.protocol) == ["published-rotation"]
    # scikit-learn's figure on the same parts, columns and strength is within a few clips
    table = pd.read_csv(listed.settings.folder("warehouse.root").parent / "table.csv")
    x = table[list(PUBLISHED_NAMES.values())].to_numpy()
    logs = np.asarray([name.endswith("_var") for name in PUBLISHED_NAMES])
    x[:, logs] = np.log(np.maximum(x[:, logs], 1e-8))
    z = np.clip((x - x.mean(axis=0)) / x.std(axis=0), -3, 3)
    part, right = np.arange(240) // 12 % 3, []
    part[216:] = -1
    for at in range(3):
        train, test = (part >= 0) & (part != at), part == at
        scale = z[train].std(axis=0)
        one = LogisticRegression(C=1 / (0.01 * train.sum()), max_iter=1000).fit(z[train] / scale, table["label"][train])
        right.extend(one.predict(z[test] / scale) == table["label"][test])
    assert measured.value.iloc[0] == pytest.approx(np.mean(right), abs=0.03)


def test_constant_columns_are_dropped_by_name(bench: MakeBench, tmp_path: Path) -> None:
    table = invented_table(tmp_path / "table.csv", 60)
    table["tempo"] = 120.0
    table.to_csv(tmp_path / "table.csv", index=False)
    made = bench(tmp_path, features={"published_csv": str(tmp_path / "table.csv")}, model={"feature_set": "classic57"})
    made.run(import_features)
    made.run(pipeline.train)
    models = frame(made, "models")
    assert [list(names) for names in models.dropped] == [["tempo_bpm"]] * 3
    assert all("tempo_bpm" not in names for names in models.feature_names)


def test_metrics_follow_from_the_predictions(trained: Bench) -> None:
    predictions, measured = frame(trained, "predictions"), frame(trained, "metrics")
    assert sorted(predictions.clip_id) == sorted(frame(trained, "clips").clip_id)
    true, best = predictions.genre, predictions.best
    measured = measured[measured.condition.isna()]
    value = {(m.metric, m.genre, m.predicted_genre): m.value for m in measured.itertuples()}
    assert value["accuracy", None, None] == pytest.approx(sklearn_metrics.accuracy_score(true, best), abs=1e-12)
    genres = sorted(set(true))
    recall = sklearn_metrics.recall_score(true, best, labels=genres, average=None)
    for genre, expected in zip(genres, recall, strict=True):
        assert value["recall", genre, None] == pytest.approx(expected, abs=1e-12)
    matrix = sklearn_metrics.confusion_matrix(true, best, labels=genres)
    for (i, a), (j, b) in itertools.product(enumerate(genres), repeat=2):
        assert value["confusion", a, b] == matrix[i, j]
    for row in predictions.itertuples():
        scores = dict(row.scores)
        assert max(scores, key=lambda genre: scores[genre]) == row.best
        assert 1 / 3 <= row.confidence <= 1
    assert value["worst_recall", None, None] == pytest.approx(recall.min(), abs=1e-12)
    assert 0 <= value["ece", None, None] <= 1
    assert value["coverage", None, None] == 1.0
    assert value["lambda", None, None] == 1.0
    for what in ("clips", "duplicates", "near_duplicates"):
        assert value[f"straddling_{what}", None, None] == 0
    assert set(measured.run_id) <= set(frame(trained, "runs").run_id)


def test_conditions_are_told_beside_the_model_on_the_same_clips(trained: Bench) -> None:
    measured, predictions = frame(trained, "metrics"), frame(trained, "predictions")
    value = {(m.condition, m.metric, m.genre): m for m in measured.itertuples() if m.condition is not None}
    conditions = {condition for condition, _, _ in value}
    groups = catalogue.groups("punk")
    assert conditions >= {f"ablation:{group}" for group in groups}
    assert conditions >= {"control:length", "control:raw", "control:conditioned"}
    assert conditions >= {"baseline:chance", "baseline:majority", "baseline:least-squares", "baseline:score-space"}
    assert value["baseline:chance", "accuracy", None].value == pytest.approx(1 / 3)
    right = (predictions.genre == predictions.best).mean()
    for condition in sorted(c for c in conditions if c.startswith(("ablation:", "baseline:score"))):
        accuracy, difference = (value[condition, m, None] for m in ("accuracy", "accuracy_difference"))
        assert accuracy.value - difference.value == pytest.approx(right, abs=1e-12)
        assert difference.low <= difference.value <= difference.high
        assert accuracy.n == len(predictions)
    # all clips are equally long: a fit on their length cannot be made, which is told and not tried again
    assert np.isnan(value["control:length", "accuracy", None].value)
    for threshold in (0.3, 0.6, 0.9):
        answered = predictions.confidence >= threshold
        told = value[f"threshold:{threshold:g}", "coverage", None]
        assert told.value == pytest.approx(answered.mean(), abs=1e-12)
        wrong = (answered & (predictions.genre != predictions.best)).mean()
        cost = value[f"threshold:{threshold:g}", "cost_per_1000", None]
        assert cost.value == pytest.approx(1000 * (wrong + 0.3 * (1 - answered.mean())))
    assert 0 <= value["threshold:cheapest", "threshold", None].value <= 1


def test_held_out_scores_are_those_of_models_that_never_saw_the_clip(trained: Bench) -> None:
    predictions = frame(trained, "predictions")
    features = frame(trained, "features").query("segment == 0").set_index("clip_id").loc[predictions.clip_id]
    names = list(published.load_current(trained.settings.folder("warehouse.root")).feature_names)
    x, genres = features[names].to_numpy(), predictions.genre.to_numpy()
    for fold in sorted(set(predictions.fold)):
        train, test = (predictions.fold != fold).to_numpy(), (predictions.fold == fold).to_numpy()
        mean, scale = x[train].mean(axis=0), x[train].std(axis=0)
        keep = scale > 1e-9 * np.abs(mean)
        z, z_test = ((part[:, keep] - mean[keep]) / scale[keep] for part in (x[train], x[test]))
        for genre in sorted(set(genres)):
            y = (genres[train] == genre).astype(float)
            theta = np.linalg.solve(z.T @ z / len(y) + 1.0 * np.eye(keep.sum()), z.T @ (y - y.mean()) / len(y))
            told = [dict(scores)[genre] for scores in predictions.scores[test]]
            np.testing.assert_allclose(told, y.mean() + z_test @ theta, atol=1e-9)


def test_everything_again_changes_only_runs(trained: Bench) -> None:
    root = trained.settings.folder("warehouse.root")
    names = ("files", "clips", "rejects", "features", "models", "predictions", "metrics")
    before = {name: DeltaTable(str(root / name)).version() for name in names}
    current = (root / "published" / "current.json").read_bytes()
    for step in (ingest_clips, pipeline.train, pipeline.evaluate):
        trained.run(step)
    assert {name: DeltaTable(str(root / name)).version() for name in names} == before
    assert (root / "published" / "current.json").read_bytes() == current


def test_a_condition_that_is_missing_is_added_without_redoing_the_others(trained: Bench) -> None:
    before = frame(trained, "metrics")
    predictions = DeltaTable(str(trained.settings.folder("warehouse.root") / "predictions")).version()
    trained.run(pipeline.evaluate, evaluation={"thresholds": [0.3, 0.77]})
    after = frame(trained, "metrics")
    assert set(after.condition.dropna()) - set(before.condition.dropna()) == {"threshold:0.77"}
    assert len(after) == len(before) + 3
    assert DeltaTable(str(trained.settings.folder("warehouse.root") / "predictions")).version() == predictions


def test_a_damaged_published_model_is_written_anew(trained: Bench) -> None:
    root = trained.settings.folder("warehouse.root")
    pointer = root / "published" / "current.json"
    whole = pointer.read_bytes()
    pointer.write_text("{")
    trained.run(pipeline.train)
    assert pointer.read_bytes() == whole


def test_an_evaluation_without_its_model_says_what_to_run(bench: MakeBench, tmp_path: Path) -> None:
    invented_table(tmp_path / "table.csv", 30)
    made = bench(tmp_path, features={"published_csv": str(tmp_path / "table.csv")}, model={"feature_set": "classic57"})
    made.run(import_features)
    with pytest.raises(ConfigError, match="run train_genres first"):
        made.run(pipeline.evaluate)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda t: t.drop(columns="mfcc7_var"), "lacks the columns mfcc7_var"),
        (lambda t: t.assign(tempo=["x", *t.tempo[1:]]), "line 2: a value is missing or not a number"),
        (lambda t: t.iloc[:0], "has no rows"),
    ],
)
def test_a_bad_published_table_is_refused(
    bench: MakeBench, tmp_path: Path, damage: Callable[[pd.DataFrame], Any], expected: str
) -> None:
    damage(invented_table(tmp_path / "table.csv", 12)).to_csv(tmp_path / "table.csv", index=False)
    with pytest.raises(ConfigError, match=expected):
        bench(tmp_path, features={"published_csv": str(tmp_path / "table.csv")}).run(import_features)
