"""The file of feedback only grows, by whole lines, whoever writes at once and whatever broke off before."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from classically_punk.app import feedback

MANY = """
import sys
from pathlib import Path
from classically_punk.app import feedback
for number in range(200):
    feedback.append(Path(sys.argv[1]), (sys.argv[2] + str(number) + "x" * 5000 + "\\n").encode())
"""


def test_lines_of_several_processes_stay_whole(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", MANY, str(tmp_path), name]) for name in "abc"]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    lines = (tmp_path / "feedback/feedback.jsonl").read_text().splitlines()
    assert sorted(line.rstrip("x") for line in lines) == sorted(f"{name}{at}" for name in "abc" for at in range(200))


def test_a_torn_end_of_an_earlier_time_is_closed(tmp_path: Path) -> None:
    feedback.append(tmp_path, b"first\n")
    with (tmp_path / "feedback/feedback.jsonl").open("ab") as file:
        file.write(b"torn")
    feedback.append(tmp_path, b"second\n")
    assert (tmp_path / "feedback/feedback.jsonl").read_text() == "first\ntorn\nsecond\n"


def test_what_a_full_disk_cut_off_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    feedback.append(tmp_path, b"first\n")
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, line: write(descriptor, line[:3]))
    with pytest.raises(OSError, match="full"):
        feedback.append(tmp_path, b"second\n")
    monkeypatch.undo()
    assert (tmp_path / "feedback/feedback.jsonl").read_text() == "first\n"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "feedback").mkdir()
    (tmp_path / "feedback/feedback.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        feedback.append(tmp_path, b"line\n")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("jazz", "jazz"),
        ("a\x1bgenre of the model", "a\x1bgenre of the model"),
        ("  free  jazz ", "free  jazz"),
        ("e\u0301", "\xe9"),
        ("日本", "日本"),
        ("x" * 40, "x" * 40),
        ("x" * 41, None),
        ("", None),
        ("  ", None),
        ("a\nb", None),
        ("\u202ejazz", None),
        (7, None),
        (None, None),
    ],
)
def test_a_label_is_a_genre_or_a_short_printable_text(text: Any, stored: str | None) -> None:
    assert feedback.checked_label(text, ["jazz", "a\x1bgenre of the model"]) == stored


def test_only_the_last_answers_are_remembered_and_tokens_do_not_repeat() -> None:
    memory = feedback.Memory(most=3)
    answer = feedback.Remembered({"clip_id": "a", "audio_sha256": "b", "duration_s": 1.0}, {}, "punk@1", "m")
    tokens = [memory.remember(answer) for _ in range(5)]
    assert len(set(tokens)) == 5
    assert [memory.recall(token) is not None for token in tokens] == [False, False, True, True, True]
    assert memory.recall("") is None
    line = feedback.line_of(answer, "a\nb", "api")
    assert line.count(b"\n") == 1
    assert json.loads(line)["label"] == "a\nb"
