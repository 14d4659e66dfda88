"""Names depend on content alone: not on row order, and on everything that shapes a number."""

from __future__ import annotations

import re

import pytest

from classically_punk.modelling.digest import evaluation_digest, model_id, training_digest

CLIPS = [("a", "rock", None), ("b", "pop", "artist"), ("c", "pop", "artist")]
SETTINGS = {"regularisation": 0.3, "decision": "argmax", "transform": "none"}


def test_the_order_of_clips_and_settings_does_not_matter() -> None:
    name = model_id(CLIPS, "punk@1", SETTINGS, 0)
    assert re.fullmatch("[0-9a-f]{16}", name)
    assert model_id(CLIPS[::-1], "punk@1", dict(reversed(SETTINGS.items())), 0) == name
    assert training_digest(iter(CLIPS[::-1])) == training_digest(CLIPS)


def test_whatever_shapes_the_model_changes_its_name() -> None:
    others = [
        model_id(CLIPS[:2], "punk@1", SETTINGS, 0),
        model_id([*CLIPS, ("d", "rock", None)], "punk@1", SETTINGS, 0),
        model_id([("a", "pop", None), *CLIPS[1:]], "punk@1", SETTINGS, 0),
        model_id([("a", "rock", "a"), *CLIPS[1:]], "punk@1", SETTINGS, 0),
        model_id([("a", "rock", "None"), *CLIPS[1:]], "punk@1", SETTINGS, 0),
        model_id([("a", "rock", ""), *CLIPS[1:]], "punk@1", SETTINGS, 0),
        model_id(CLIPS, "punk@2", SETTINGS, 0),
        model_id(CLIPS, "punk@1", {**SETTINGS, "regularisation": 0.4}, 0),
        model_id(CLIPS, "punk@1", SETTINGS, 1),
        model_id(CLIPS, "punk@1", SETTINGS, 0),
    ]
    assert len(set(others)) == len(others)


def test_whatever_shapes_the_evaluation_changes_its_digest() -> None:
    plain = {"seed": 0, "folds": 5, "split": None, "decision": "argmax"}
    changes = [{}, {"seed": 1}, {"folds": 10}, {"split": "ab"}, {"decision": "score-space"}, {"settings": {"draws": 9}}]
    digests = [evaluation_digest("group-folds", **{**plain, **change}) for change in changes]  # type: ignore[arg-type]
    digests.append(evaluation_digest("random-folds", **plain))  # type: ignore[arg-type]
    assert len(set(digests)) == len(digests)
    assert evaluation_digest("group-folds", **plain) == digests[0]  # type: ignore[arg-type]


def test_settings_without_a_plain_form_are_refused() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        model_id(CLIPS, "punk@1", {"lambda": float("nan")}, 0)
    with pytest.raises(TypeError):
        model_id(CLIPS, "punk@1", {"lambda": object()}, 0)
