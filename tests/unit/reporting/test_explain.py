"""An explanation is the score taken apart: its pushes and the mean clip's score give it back, whatever the grouping."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.unit.app.conftest import model

from classically_punk.features import catalogue
from classically_punk.modelling.transforms import Transform
from classically_punk.reporting import explain

COLUMNS = [column.name for column in catalogue.columns("punk")]
UNITS = {column.name: column.unit for column in catalogue.columns("punk")}


def random_model(seed: int = 3) -> Any:
    chance = np.random.default_rng(seed)
    names = tuple(sorted(COLUMNS, key=lambda name: hash((seed, name))))  # not the order of the catalogue
    k = len(names)
    return model(
        genres=("a", "b", "c"),
        feature_set=catalogue.feature_set_id("punk", 3.0),
        feature_names=names,
        means=tuple(chance.normal(size=k).tolist()),
        scales=tuple(chance.uniform(0.5, 2, size=k).tolist()),
        clip_low=(-1.0,) * k,
        clip_high=(1.0,) * k,
        intercepts=(0.1, 0.2, 0.7),
        coefficients=tuple(map(tuple, chance.normal(size=(3, k)).tolist())),
    )


@pytest.mark.parametrize("segments", [[-1, 0, 1, 2], [-1]])
def test_pushes_add_up_to_the_raw_score_of_the_answer(segments: list[int]) -> None:
    one = random_model()
    values = np.random.default_rng(4).normal(size=(len(segments), len(COLUMNS))) * 2
    said = one.classify(COLUMNS, segments, values)
    for genre in one.genres:
        why = explain.explain(one, COLUMNS, segments, values, genre)
        assert why.score == pytest.approx(said.scores[genre], abs=1e-12)
        assert why.mean_clip_score + sum(family.push for family in why.families) == pytest.approx(why.score, abs=1e-12)
        for family in why.families:
            assert sum(group.push for group in why.groups(family.name)) == pytest.approx(family.push, abs=1e-12)
        assert sorted(reason.feature for reason in why.reasons) == sorted(COLUMNS)


def test_the_mean_clip_is_pushed_nowhere_and_one_feature_pushes_by_its_coefficient() -> None:
    one = random_model()
    mean = np.asarray([[dict(zip(one.feature_names, one.means, strict=True))[name] for name in COLUMNS]])
    still = explain.explain(one, COLUMNS, [-1], mean, "b")
    assert (still.score, {reason.push for reason in still.reasons}) == (0.2, {0.0})
    at = one.feature_names.index("tempo_bpm")
    mean[0, COLUMNS.index("tempo_bpm")] += 0.5 * one.scales[at]
    moved = explain.explain(one, COLUMNS, [-1], mean, "b")
    assert moved.reasons[0].feature == "tempo_bpm"
    assert moved.reasons[0].push == pytest.approx(0.5 * one.coefficients[1][at])
    assert moved.families[0 if moved.reasons[0].push > 0 else -1].name == "tempo"


TWO = ("loudness_rms_mean", "loudness_rms_var")


def transformed(kind: str, columns: tuple[str, ...], means: tuple[float, ...], **more: Any) -> Any:
    k = len(columns)
    return model(
        feature_names=columns,
        means=means,
        scales=(2.0,) * k,
        coefficients=(tuple(range(1, k + 1)), (0.0,) * k),
        transform=Transform(TWO, kind, **more),
    )


@pytest.mark.parametrize(
    "one",
    [
        transformed("log_variance", TWO, (0.5, -3.0)),
        transformed(
            "squares", (*TWO, f"square:{TWO[1]}"), (0.0,) * 3,
            centre=(0.5, -3.0), scale=(1.0, 2.0), weight=0.1,
        ),
        transformed(
            "fourier", (*TWO, "fourier:0000", "fourier:0001"), (0.0,) * 4,
            centre=(0.5, -3.0), scale=(1.0, 2.0), weight=0.1, count=2, width=1.0,
        ),
    ],
    ids=["log_variance", "squares", "fourier"],
)  # fmt: skip
def test_what_a_transform_makes_of_features_is_told_as_the_features(one: Any) -> None:
    values = [[0.7, 0.01]]
    why = explain.explain(one, TWO, [-1], values, "loud")
    assert why.score == pytest.approx(one.classify(TWO, [-1], values).scores["loud"], abs=1e-12)
    assert why.mean_clip_score + sum(family.push for family in why.families) == pytest.approx(why.score, abs=1e-12)
    told = {each.feature: each for each in why.reasons}
    assert told.keys() - {"fourier"} == set(TWO)
    assert told[TWO[0]].mean == pytest.approx(0.5)
    assert told[TWO[1]].mean == pytest.approx(np.exp(-3)), "in its own unit, though logarithms were averaged"
    assert told[TWO[1]].value == pytest.approx(0.01)
    if "fourier" in told:
        assert told["fourier"].words == "all features together"
        assert why.families[0].name == explain.MIXED or why.families[-1].name == explain.MIXED


def test_tempo_and_loudness_are_told_in_their_units() -> None:
    values = dict.fromkeys(COLUMNS, 0.0) | {"tempo_bpm": 151.99, "loudness_integrated_lufs": -14.25}
    assert explain.in_words(COLUMNS, [values[name] for name in COLUMNS], "punk") == ["152 BPM", "−14.2 LUFS"]


def reason(unit: str, value: float, mean: float, deviation: float) -> explain.Reason:
    return explain.Reason("x_y", "x", "x_y", "beats a minute", unit, value, mean, deviation, 0.1)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (reason("BPM", 151.99, 119.2, 1.0), "faster: 152 BPM; training mean 119 (beats a minute)"),
        (reason("BPM", 60.0, 119.2, -1.0), "slower: 60 BPM; training mean 119 (beats a minute)"),
        (reason("LUFS", -9.0, -14.25, 1.0), "louder: −9 LUFS; training mean −14.2 (beats a minute)"),
        (reason("Hz", 2043.0, 4043.0, -0.02), "lower: 2040 Hz; training mean 4040 (beats a minute)"),
        (reason("1", 0.5, 0.5, 0.001), "average: 0.5; training mean 0.5 (beats a minute)"),
        (reason("ln dB", np.log(15.2), np.log(7.5), 1.0), "higher: 15.2 dB; training mean 7.50 (beats a minute)"),
        (reason("ln ln²", -0.2, 0.1, -1.0), "lower than in training: beats a minute"),
    ],
)
def test_a_reason_is_a_comparison_in_words_and_units(one: explain.Reason, words: str) -> None:
    assert one.words == words


def test_lines_name_each_family_once_the_strongest_push_towards_first() -> None:
    one = random_model()
    values = np.random.default_rng(5).normal(size=(2, len(COLUMNS)))
    why = explain.explain(one, COLUMNS, [-1, 0], values, "c")
    told = explain.told(why)
    families = {column.family for column in catalogue.columns("punk")}
    assert len(told) == len(families)
    assert [line.split()[0] for line in told] == sorted(
        (line.split()[0] for line in told), key=["towards", "against"].index
    )
    groups = {(feature.family, feature.group or feature.name) for feature in catalogue.CATALOGUE}
    data = why.as_json(2)
    assert {each["family"] for each in data["families"]} == families
    for family in data["families"]:
        assert len(family["features"]) <= 2
        assert all(each["push"] * family["push"] > 0 for each in family["features"])
        assert all(each["unit"] == UNITS[each["feature"]] for each in family["features"])
    assert sum(len(family["features"]) for family in why.as_json()["families"]) == len(COLUMNS)
    assert len(explain.table(why)) == 1 + len(families) + len(groups) + len(COLUMNS)
