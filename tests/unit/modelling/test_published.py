"""The portable model survives its round trip to the bit, and nothing damaged is loaded."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classically_punk.modelling.arrays import ModelError
from classically_punk.modelling.moments import Moments
from classically_punk.modelling.published import (
    Decision,
    PublishedModel,
    PublishedModelError,
    Training,
    load_current,
    publish,
)
from classically_punk.modelling.regression import scores, solve
from classically_punk.modelling.transforms import Transform

NAMES = ("a_mean", "b_mean", "c_mean")


def model(**changes: Any) -> PublishedModel:
    """Two genres, three features, numbers without a short decimal form."""
    rng = np.random.default_rng(8)
    numbers = {
        "model_id": "0123456789abcdef",
        "genres": ("blues", "Čardáš \udc80 </script>"),
        "feature_set": "punk@0123456789ab",
        "feature_names": NAMES,
        "means": tuple(rng.normal(size=3).tolist()),
        "scales": (5e-324, 1 / 3, 1.7e308),
        "clip_low": None,
        "clip_high": None,
        "intercepts": (0.1 + 0.2, -0.0),
        "coefficients": tuple(tuple(row) for row in rng.normal(size=(2, 3)).tolist()),
        "lam": 1 / 3,
        "decision": Decision(temperature=0.1),
        "segment_s": 3.0,
        "training": Training(clips=100, groups=90, digest="ab"),
        "published_at": "2024-05-01T12:00:00Z",
        "run_id": "r-1",
        "figures": {"group-folds": {"accuracy": 2 / 3, "low": 0.5, "high": 0.75, "n": 90.0}},
    }
    return PublishedModel(**{**numbers, **changes})


def test_the_round_trip_keeps_every_bit() -> None:
    one = model(clip_low=(-4.0, -math.pi, -1.0), clip_high=(4.0, math.e, 1.0))
    again = PublishedModel.from_json(one.to_json())
    assert again == one
    assert repr(again) == repr(one)  # tells -0.0 from 0.0
    assert again.to_json() == one.to_json()


@pytest.mark.parametrize("lam", [0.0, 0.3])
def test_its_scores_are_those_of_the_fit(lam: float) -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(60, 4)) * [1, 100, 0, 1e-3] + [5, 6, 7, 8], rng.integers(2, size=60)
    fit = solve(Moments.of(x, y, np.ones(60), 2), lam)
    portable = model(
        feature_names=("w", "x", "z"),
        means=tuple(fit.means.tolist()),
        scales=tuple(fit.scales.tolist()),
        intercepts=tuple(fit.intercept.tolist()),
        coefficients=tuple(map(tuple, fit.coefficients.T.tolist())),
    )
    assert fit.dropped(("w", "x", "y", "z")) == ("y",)
    order = [3, 1, 2, 0]  # more columns than needed, and in another order
    found = portable.scores([("w", "x", "y", "z")[i] for i in order], x[:, order])
    np.testing.assert_allclose(found, scores(fit, x), rtol=0, atol=1e-12)


def unit_model(**changes: Any) -> PublishedModel:
    """Scores are (a, b) themselves, c is ignored."""
    plain = {"means": (0.0,) * 3, "scales": (1.0,) * 3, "intercepts": (0.0, 0.0), "genres": ("rock", "pop")}
    return model(**{**plain, "coefficients": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)), **changes})


def test_values_are_clipped_in_standard_deviations() -> None:
    clipped = unit_model(means=(10.0, 0.0, 0.0), scales=(2.0, 1.0, 1.0), clip_low=(-4.0,) * 3, clip_high=(4.0,) * 3)
    np.testing.assert_allclose(clipped.scores(NAMES, [[100.0, -100.0, 0.0], [12.0, 0.5, 0.0]]), [[4, -4], [1, 0.5]])


def test_a_clip_is_the_mean_of_its_segments_without_the_whole_clip_row() -> None:
    answer = unit_model().classify(NAMES, [-1, 0, 1], [[9.0, 0.0, 0.0], [0.2, 0.1, 0.0], [0.2, 0.5, 0.0]])
    assert answer.best == answer.predicted == "pop"
    assert answer.scores == pytest.approx({"rock": 0.2, "pop": 0.3})
    share = 1 / (1 + math.exp(-(0.3 - 0.2) / 0.1))
    assert answer.probabilities == pytest.approx({"rock": 1 - share, "pop": share})
    assert answer.confidence == pytest.approx(share)


def test_without_segments_the_whole_clip_row_answers() -> None:
    assert unit_model().classify(NAMES, [-1], [[9.0, 0.0, 0.0]]).scores == {"rock": 9.0, "pop": 0.0}
    with pytest.raises(PublishedModelError, match="without described segments"):
        unit_model().classify(NAMES, [], np.zeros((0, 3)))


@pytest.mark.parametrize("kind", ["argmax", "score-space"])
def test_many_clips_at_once_are_answered_as_one_by_one(kind: str) -> None:
    rng, decision = np.random.default_rng(4), score_space() if kind == "score-space" else {}
    one = unit_model(decision=Decision(**{**asdict(unit_model().decision), **decision, "threshold": 0.9}))
    of_clips = [[-1, 0, 1, 2], [-1], [0], [-1, 0], [3, 1, -1]]
    values = [rng.normal(size=(len(segments), 3)) for segments in of_clips]
    numbers = np.repeat(np.arange(5) * 7, [len(segments) for segments in of_clips])
    told = one.classify_all(NAMES, numbers, np.concatenate(of_clips), np.concatenate(values))
    assert told.sure.any()
    assert not told.sure.all()
    for at, (segments, rows) in enumerate(zip(of_clips, values, strict=True)):
        used = rows[np.asarray(segments) >= 0] if max(segments) >= 0 else rows
        np.testing.assert_allclose(told.scores[at], one.scores(NAMES, used).mean(axis=0), atol=1e-12)
        alone = one.classify(NAMES, segments, rows)
        assert one.genres[told.best[at]] == alone.best
        assert bool(told.sure[at]) == (alone.predicted is not None)
        assert told.confidence[at] == pytest.approx(alone.confidence, abs=1e-12)
        np.testing.assert_allclose(told.shares[at], list(alone.probabilities.values()), atol=1e-12)
    assert one.classify_all(NAMES, [], [], np.zeros((0, 3))).best.size == 0


def test_below_the_threshold_it_is_not_sure_but_still_has_a_best() -> None:
    for threshold, expected in ((0.5, "rock"), (0.9, None)):
        unsure = unit_model(decision=Decision(temperature=1.0, threshold=threshold))
        answer = unsure.classify(NAMES, [0], [[1.0, 0.0, 0.0]])  # probability 1 / (1 + 1/e) = 0.731
        assert (answer.best, answer.predicted) == ("rock", expected)


def test_missing_features_and_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(PublishedModelError, match="c_mean"):
        model().scores(("a_mean", "b_mean"), [[1.0, 2.0]])
    with pytest.raises(ModelError, match="NaN"):
        model().scores(NAMES, [[1.0, np.nan, 2.0]])


def damaged(**changes: Any) -> str:
    """The model's JSON with other values under some keys."""
    return json.dumps({**json.loads(model().to_json()), **changes})


SQUARE = [[1.0, 0.0], [0.0, 1.0]]
LOGS = json.loads(json.dumps(asdict(Transform(NAMES, "log_variance"))))


def score_space(**changes: Any) -> dict[str, Any]:
    """A decision as it stands in the JSON."""
    return {**asdict(Decision("score-space")), "means": SQUARE, "covariance": SQUARE, **changes}


def test_score_space_answers_by_the_nearest_mean() -> None:
    """Means (0.9, 0.1) and (0.4, 0.3) under a spread that is wide along a and narrow along b."""
    decision = Decision("score-space", 2.0, 0.0, ((0.9, 0.1), (0.4, 0.3)), ((0.25, 0.0), (0.0, 0.01)))
    answer = unit_model(decision=decision).classify(NAMES, [0], [[0.8, 0.25, 0.0]])
    rock, pop = (-0.5 * ((0.8 - a) ** 2 / 0.25 + (0.25 - b) ** 2 / 0.01) for a, b in ((0.9, 0.1), (0.4, 0.3)))
    assert answer.best == "pop"  # though the score of rock is the larger
    assert answer.scores == pytest.approx({"rock": 0.8, "pop": 0.25})
    assert answer.confidence == pytest.approx(1 / (1 + math.exp((rock - pop) / 2.0)))


def test_a_transform_and_a_decision_survive_the_round_trip() -> None:
    made = Transform(
        ("c_mean", "a_var"), "fourier", (0.1, -1 / 3), (1.0, 2 / 3), clip=4.0, weight=0.05, count=3, width=1.0, seed=7
    )
    one = unit_model(
        feature_names=("a_var", "fourier:0002", "c_mean"),
        transform=made,
        decision=Decision("score-space", 2.0, 0.3, ((1.0, 0.0), (0.0, 1.0)), ((0.1, -0.1), (-0.1, 1 / 3))),
    )
    again = PublishedModel.from_json(one.to_json())
    assert again == one
    assert again.inputs == ("c_mean", "a_var")
    rows = np.asarray([[5.0, 0.3], [1e-9, -2.0]])
    columns = made.apply(rows[:, ::-1])[:, [1, 4, 0]]
    np.testing.assert_allclose(again.scores(("a_var", "c_mean"), rows), columns[:, :2], rtol=1e-15)
    with pytest.raises(PublishedModelError, match="not described: a_var"):
        again.scores(("c_mean",), [[1.0]])


def test_a_model_of_the_first_version_is_still_read() -> None:
    raw = json.loads(model().to_json())
    del raw["transform"]
    assert PublishedModel.from_json(json.dumps({**raw, "schema_version": 1})) == model()
    with pytest.raises(PublishedModelError, match="lacks \\['transform'\\]"):
        PublishedModel.from_json(json.dumps(raw))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        (model().to_json()[:-40], "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[1]", "one JSON object"),
        (damaged(schema_version=3), "schema_version is 3, this program reads 1 and 2"),
        (damaged(schema_version=None), "schema_version is None"),
        (damaged(extra=1), "unknown \\['extra'\\]"),
        (damaged(means=[0.0, float("nan"), 0.0]), "holds NaN"),
        (damaged(means=[0.0, float("-inf"), 0.0]), "holds -Infinity"),
        (model().to_json().replace("1.7e+308", "1e999"), "NaN or infinite"),
        (model().to_json().replace("1.7e+308", "1" + "0" * 400), "within double precision"),
        (model().to_json().replace('"run_id"', '"run_id": "x", "run_id"'), "stands twice"),
        (damaged(means=[0.0, 0.0]), "means has 2 entries, needs 3"),
        (damaged(means="000"), "means must be a list of numbers, found '000'"),
        (damaged(means=[0.0, "1", 2.0]), "means must be a number, found '1'"),
        (damaged(means=[0.0, True, 2.0]), "found True"),
        (damaged(scales=[1.0, 0.0, 1.0]), "scales must be above zero"),
        (damaged(coefficients=[[1.0, 2.0, 3.0]]), "coefficients has 1 entries"),
        (damaged(coefficients=[[1.0, 2.0, 3.0], [1.0]]), "a row of coefficients has 1"),
        (damaged(clip_low=[0.0, 0.0, 0.0]), "clip_high must be a list"),
        (damaged(clip_low=[1.0] * 3, clip_high=[0.0] * 3), "must not be above"),
        (damaged(genres=["x", "x"]), "each once"),
        (damaged(feature_names=[1, 2, 3]), "feature_names must be text"),
        (damaged(decision=None), "decision must be an object"),
        (damaged(decision={**asdict(Decision()), "kind": "oracle"}), "'oracle', this program knows argmax"),
        (damaged(decision={**asdict(Decision()), "means": SQUARE}), "argmax has no means"),
        (damaged(decision=score_space(means=None)), "score-space needs decision.means"),
        (damaged(decision=score_space(means=[[1.0, 0.0]])), "decision.means has 1 entries, needs 2"),
        (damaged(decision=score_space(covariance=[[1.0], [0.0, 1.0]])), "a row of decision.covariance has 1"),
        (damaged(decision=score_space(covariance=[[1.0, 0.5], [0.4, 1.0]])), "covariance must be symmetric"),
        (damaged(decision=score_space(covariance=[[-1.0, 0.0], [0.0, 1.0]])), "negative diagonal"),
        (damaged(transform="log"), "transform must be an object"),
        (damaged(transform={**LOGS, "kind": "exec"}), "the transform is 'exec'"),
        (damaged(transform={**LOGS, "names": ["a_mean", "b_mean"]}), "makes no column c_mean"),
        (damaged(transform={**LOGS, "clip": 4.0}), "needs centre and scale"),
        (damaged(transform={**LOGS, "count": 1.5}), "transform.count must be a whole number"),
        (damaged(transform={k: v for k, v in LOGS.items() if k != "seed"}), "transform lacks \\['seed'\\]"),
        (damaged(decision={**asdict(Decision()), "temperature": 0}), "temperature must be above zero"),
        (damaged(decision={**asdict(Decision()), "threshold": 2}), "from 0 to 1"),
        (damaged(training={"clips": 1.5, "groups": 1, "digest": ""}), "training.clips must be a whole number"),
        (damaged(training={"clips": 1}), "lacks \\['digest', 'groups'\\]"),
        (damaged(figures={"p": 1}), "figures must be"),
        (damaged(figures={"p": {"accuracy": None}}), "figures.p.accuracy must be a number"),
        (damaged(model_id="../../etc/passwd"), "model_id must be letters"),
    ],
)
def test_a_damaged_file_is_refused_with_its_name_and_the_fault(text: str, message: str) -> None:
    with pytest.raises(PublishedModelError, match=message) as caught:
        PublishedModel.from_json(text, where="somewhere.json")
    assert str(caught.value).startswith("somewhere.json: ")


def test_what_is_published_is_loaded_and_the_newest_is_in_force(tmp_path: Path) -> None:
    first, second = model(), model(model_id="fedcba9876543210", run_id="r-2")
    publish(tmp_path, first)
    assert load_current(tmp_path) == first
    path = publish(tmp_path, second)
    assert path == tmp_path / "published" / "fedcba9876543210.json"
    assert load_current(tmp_path) == second
    files = sorted(path.name for path in (tmp_path / "published").iterdir())
    assert files == ["0123456789abcdef.json", "current.json", "fedcba9876543210.json"]
    publish(tmp_path, replace(first, decision=Decision(temperature=0.5)))
    assert load_current(tmp_path).decision.temperature == 0.5


def test_a_crash_between_the_two_files_leaves_the_old_model_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, model())
    renamed: list[str] = []
    rename = Path.replace

    def crash_at_the_second(self: Path, target: Path) -> Path:
        renamed.append(Path(target).name)
        if len(renamed) == 2:
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", crash_at_the_second)
    with pytest.raises(OSError, match="No space"):
        publish(tmp_path, model(model_id="fedcba9876543210"))
    assert renamed == ["fedcba9876543210.json", "current.json"]
    assert load_current(tmp_path) == model()
    assert not list((tmp_path / "published").glob(".*"))  # nothing half written stays behind


def test_nothing_published_and_files_tampered_with_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PublishedModelError, match="no model is published there"):
        load_current(tmp_path)
    path = publish(tmp_path, model())
    pointer = tmp_path / "published" / "current.json"
    named = json.loads(pointer.read_text())
    path.write_text(path.read_text().replace("r-1", "r-9"))
    with pytest.raises(PublishedModelError, match="has SHA-256"):
        load_current(tmp_path)
    path.unlink()
    with pytest.raises(PublishedModelError, match="is missing, though"):
        load_current(tmp_path)
    publish(tmp_path, model())
    for changes, message in (
        ({"model_id": "another"}, "names 'another'"),
        ({"file": "../published/0123456789abcdef.json"}, "not a plain file name"),
        ({"file": ".hidden"}, "not a plain file name"),
        ({"sha256": None}, "must name"),
    ):
        pointer.write_text(json.dumps({**named, **changes}))
        with pytest.raises(PublishedModelError, match=message):
            load_current(tmp_path)
    pointer.write_bytes(b"\xff\xfe")
    with pytest.raises(PublishedModelError, match="not UTF-8"):
        load_current(tmp_path)


def test_loading_needs_neither_scipy_nor_pandas_nor_spark() -> None:
    code = "import sys, classically_punk.modelling.published; print(sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "numpy" in loaded
    for heavy in ("scipy", "pandas", "pyspark", "pyarrow", "sklearn", "librosa", "pydantic"):
        assert f"'{heavy}'" not in loaded
