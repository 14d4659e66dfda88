"""A line of feedback is taken as the server wrote it, and any other is refused with a reason."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from classically_punk.app import feedback as desk
from classically_punk.features import catalogue, feedback
from classically_punk.features.feedback import FeedbackError, lines, read_line

NAMES = [column.name for column in catalogue.columns("classic57")]
SET = catalogue.feature_set_id("classic57", 3.0)


def written(**changes: Any) -> dict[str, Any]:
    """What the server's own writer leaves, as a dictionary, with changes."""
    clip = {"clip_id": "a" * 64, "audio_sha256": "b" * 64, "duration_s": 30.0}
    features = {name: float(at) for at, name in enumerate(NAMES)}
    line = desk.line_of(desk.Remembered(clip, features, SET, "0123456789abcdef"), "free jazz", "page")
    return {**json.loads(line), **changes}


def as_line(told: Any) -> bytes:
    return json.dumps(told).encode() + b"\n"


def test_what_the_server_writes_is_read_back() -> None:
    said = read_line(as_line(written()), 3.0)
    assert (said.clip_id, said.audio_sha256, said.duration_s, said.label) == ("a" * 64, "b" * 64, 30.0, "free jazz")
    assert said.name == "classic57"
    assert said.values.tolist() == [float(at) for at in range(len(NAMES))]
    shuffled = written(features=dict(reversed(written()["features"].items())))
    assert read_line(as_line(shuffled), 3.0).values.tolist() == said.values.tolist()


def test_features_of_another_definition_are_told_apart_from_nonsense() -> None:
    for line, segment_s in ((written(feature_set="classic57@000000000000"), 3.0), (written(), 5.0)):
        with pytest.raises(FeedbackError, match="not measured here any more") as refused:
            read_line(as_line(line), segment_s)
        assert refused.value.code == "OTHER_FEATURES"


def changed(name: str, value: Any) -> dict[str, float]:
    return {**written()["features"], name: value}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"\n", "not JSON"),
        (b"torn", "cut off"),
        (b'{"a": \n', "not JSON"),
        (b"\xff\n", "not JSON"),
        (b"[" * 100_000 + b"\n", "not JSON"),
        (as_line([1]), "keys"),
        (as_line({**written(), "audio": "UklGRg=="}), "keys"),
        (as_line({key: value for key, value in written().items() if key != "time"}), "keys"),
        (as_line(written(schema_version=2)), "schema_version"),
        (as_line(written(schema_version=True)), "schema_version"),
        (as_line(written(clip_id="../../x")), "clip_id"),
        (as_line(written(clip_id="A" * 64)), "clip_id"),
        (as_line(written(audio_sha256=7)), "audio_sha256"),
        (as_line(written(duration_s=0)), "duration_s"),
        (as_line(written(duration_s="30")), "duration_s"),
        (as_line(written(label="")), "label"),
        (as_line(written(label="x" * 256)), "label"),
        (as_line(written(label="\ud800")), "label"),
        (as_line(written(label=None)), "label"),
        (as_line(written(features={})), "features"),
        (as_line(written(features=[1.0])), "features"),
        (as_line(written(features=changed("more", 1.0))), "features"),
        (as_line(written(features=changed(NAMES[0], float("nan")))), "finite"),
        (as_line(written(features=changed(NAMES[0], float("inf")))), "finite"),
        (as_line(written(features=changed(NAMES[0], None))), "finite"),
        (as_line(written(features=changed(NAMES[0], True))), "finite"),
        (as_line(written(features=changed(NAMES[0], 10**400))), "finite"),
        (b" " * feedback.LONGEST_LINE + as_line(written()), "longer than"),
    ],
)
def test_a_bad_line_is_refused_in_one_sentence(line: bytes, said: str) -> None:
    with pytest.raises(FeedbackError, match=said) as refused:
        read_line(line, 3.0)
    assert refused.value.code == "BAD_FEEDBACK"
    assert "\n" not in str(refused.value)


def test_lines_keep_their_numbers_whatever_stands_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback, "LONGEST_LINE", 10)
    content = b"one\n" + b"x" * 35 + b"\n" + b"three\n" + b"0123456789\nfive"
    told = list(lines(io.BytesIO(content), len(content)))
    assert [number for number, _ in told] == [1, 2, 3, 4, 5]
    assert [line for _, line in told][::2] == [b"one\n", b"three\n", b"five"]
    assert len(told[1][1]) == 11
    assert told[3][1] == b"0123456789\n"
    assert list(lines(io.BytesIO(content), 4)) == [(1, b"one\n")]  # what came after the size was taken
