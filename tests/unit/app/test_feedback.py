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

from classically_punk import atomic
from classically_punk.app import feedback
from classically_punk.features.feedback import remove

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


def test_lines_are_withdrawn_by_bytes_and_by_audio_and_the_file_goes_on(tmp_path: Path) -> None:
    told = [{"clip_id": one, "audio_sha256": audio} for one, audio in (("a", "1"), ("b", "2"), ("c", "1"), ("d", "4"))]
    for line in (*map(json.dumps, told), "no line"):
        feedback.append(tmp_path, line.encode() + b"\n")
    path = feedback.place(tmp_path)
    with path.open("rb") as old:
        assert remove(tmp_path, lambda clip, audio: clip == "b" or audio == "1") == 3
        assert old.read() != path.read_bytes()  # another file: whoever waits for the lock of the old one looks again
    feedback.append(tmp_path, b"later\n")
    assert path.read_text().splitlines() == [json.dumps(told[3]), "no line", "later"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert remove(tmp_path, lambda clip, audio: clip == "b") == 0
    assert remove(tmp_path / "none", lambda clip, audio: True) == 0


def test_who_waited_while_lines_were_withdrawn_writes_to_the_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feedback.append(tmp_path, b"one\n")
    path, lock, waits = feedback.place(tmp_path), feedback.fcntl.flock, []

    def flock(descriptor: int, how: int) -> None:
        if not waits:  # between opening and locking, another file took its place
            waits.append(descriptor)
            atomic.replace(path, b"kept\n")
        lock(descriptor, how)

    monkeypatch.setattr(feedback.fcntl, "flock", flock)
    feedback.append(tmp_path, b"two\n")
    assert path.read_text() == "kept\ntwo\n"


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
