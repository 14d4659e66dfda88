"""What the page says of a model's worth comes from the model or from the report about it, and from nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.app.conftest import model

from classically_punk.app.evaluated import Evaluated, evaluated, limits_of
from classically_punk.modelling.published import Decision


def row(protocol: str, value: float, **more: Any) -> dict[str, Any]:
    plain = {"metric": "accuracy", "condition": None, "genre": None, "model_id": model().model_id, "run_id": "r"}
    return {**plain, "protocol": protocol, "value": value, "low": value - 0.1, "high": value + 0.1, "n": 80, **more}


def report(folder: Path, **more: Any) -> Path:
    content = {
        "model_id": model().model_id,
        "counts": {"synthetic": 0},
        "runs": {"r": "2026-01-02T03:04:05+00:00"},
        "protocols": [{"name": "group-folds", "caveat": "Artists are not known."}],
        "metrics": [
            row("random-folds", 0.9),
            row("group-folds", 0.5),
            row("group-folds", 0.1, condition="length:3"),
            row("group-folds", 0.1, genre="loud"),
            row("group-folds", 0.1, model_id="another"),
            row("group-folds", 0.1, metric="recall"),
        ],
    }
    (folder / "metrics.json").write_text(json.dumps(content | more))
    return folder


def test_the_report_about_this_model_tells_figures_dates_and_caveats(tmp_path: Path) -> None:
    known = evaluated(model(), report(tmp_path))
    assert known.figures["group-folds"] == {"accuracy": 0.5, "low": 0.4, "high": 0.6, "n": 80.0}
    told = limits_of(model(), known)
    assert told[0].startswith("Held-out clips it was right about: 50.0")
    assert told[0].endswith("of 80 clips, protocol group-folds, 2026-01-02. Artists are not known.")
    assert "random-folds" in told[1], "the strictest protocol comes first"
    assert not any("synthetic" in line for line in told)


def test_a_synthetic_corpus_is_said_first(tmp_path: Path) -> None:
    known = evaluated(model(), report(tmp_path, counts={"synthetic": 80}))
    assert "mean nothing about music" in limits_of(model(), known)[0]


def test_figures_of_the_model_itself_go_before_those_of_a_report(tmp_path: Path) -> None:
    one = model(figures={"group-folds": {"accuracy": 0.7}})
    assert evaluated(one, report(tmp_path)).figures == {"group-folds": {"accuracy": 0.7}}
    assert evaluated(one, None) == Evaluated({"group-folds": {"accuracy": 0.7}})


@pytest.mark.parametrize(
    "content", [None, "", "{", "[]", "{}", '{"metrics": [1]}', '{"metrics": [{"metric": "accuracy"}]}']
)
def test_without_a_report_that_can_be_read_nothing_is_claimed(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "metrics.json").write_text(content)
    assert evaluated(model(), tmp_path) == Evaluated({})
    assert limits_of(model(), Evaluated({}))[0].startswith("How often it is right is not known here")


def test_a_report_about_another_model_says_nothing_of_this_one(tmp_path: Path) -> None:
    known = evaluated(model(model_id="third"), report(tmp_path, counts={"synthetic": 80}))
    assert (dict(known.figures), known.synthetic) == ({}, None)


def test_threshold_and_decision_are_told() -> None:
    told = limits_of(model(decision=Decision(threshold=0.25)), Evaluated({}))
    assert any("25.0" in line and "not sure" in line for line in told)
    assert not any("all scores together" in line for line in told)
