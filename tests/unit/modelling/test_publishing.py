"""A reader sees the old model or the new one, never a half, however fast they change and whoever is killed."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.modelling.test_published import model

from classically_punk import atomic
from classically_punk.modelling.published import CURRENT, FOLDER, PublishedModelError, load_current, publish

PUBLISHES, READS, KILLS = 100, 10_000, 200

PUBLISHER = """
import sys, time
from pathlib import Path
from classically_punk.modelling.published import PublishedModel, publish
first = PublishedModel.from_json(Path(sys.argv[2]).read_text())
from dataclasses import replace
sys.stdin.readline()
for turn in range(int(sys.argv[3])):
    # every third publish brings other numbers under the id that is in force
    publish(Path(sys.argv[1]), replace(first, model_id=f"m{turn - (turn % 3 == 2)}", lam=float(turn + 1)))
    time.sleep(0.005)
"""
"""Publishes models one after the other: `lam` counts them."""

KILLED = """
import os, random, signal, sys, time
from dataclasses import replace
from pathlib import Path
from classically_punk.modelling.published import PublishedModel, load_current, publish
root, first = Path(sys.argv[1]), PublishedModel.from_json(Path(sys.argv[2]).read_text())
dice, seen = random.Random(int(sys.argv[3])), 1.0
for kill in range(int(sys.argv[4])):
    if not (child := os.fork()):
        for turn in range(10**9):
            publish(root, replace(first, model_id=f"m{(kill + turn) % 5}", lam=seen + turn + 1))
    time.sleep(dice.uniform(0, 0.05))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    now = load_current(root).lam
    assert now >= seen, (kill, now, seen)
    seen = now
print(int(seen))
"""
"""Forks publishers and kills each with SIGKILL at a random moment; what is in force after it is whole and no older."""


def start(program: str, root: Path, *words: object) -> subprocess.Popen[str]:
    template = root / "template.json"
    template.write_text(model(model_id="m").to_json())
    line = [sys.executable, "-c", program, str(root), str(template), *map(str, words)]
    return subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_ten_thousand_reads_during_a_hundred_publishes_are_all_whole(tmp_path: Path) -> None:
    publish(tmp_path, model(lam=0.0))
    publisher = start(PUBLISHER, tmp_path, PUBLISHES)
    assert publisher.stdin is not None
    publisher.stdin.write("go\n")
    publisher.stdin.flush()
    seen, reads = [0.0], 0
    while reads < READS or publisher.poll() is None:
        seen.append(load_current(tmp_path).lam)  # raises on anything but a whole model
        reads += 1
    _, error = publisher.communicate()
    assert publisher.returncode == 0, error
    assert seen == sorted(seen)
    assert len(set(seen)) > PUBLISHES // 4  # the reads did fall between the publishes
    assert load_current(tmp_path).lam == PUBLISHES


def test_two_hundred_killed_publishers_leave_a_whole_model(tmp_path: Path) -> None:
    publish(tmp_path, model(lam=1.0))
    said, error = start(KILLED, tmp_path, 20_240_501, KILLS).communicate("")
    assert error == ""
    assert int(said) > KILLS // 4  # they did publish before they were killed
    assert load_current(tmp_path).lam == int(said)


def test_other_numbers_under_the_id_in_force_get_a_name_of_their_own(tmp_path: Path) -> None:
    old, new = publish(tmp_path, model(lam=1.0)), publish(tmp_path, model(lam=2.0))
    assert old != new
    told = json.loads((tmp_path / FOLDER / CURRENT).read_text())
    assert told["file"] == new.name
    assert told["sha256"] == hashlib.sha256(new.read_bytes()).hexdigest()
    assert load_current(tmp_path).lam == 2.0
    assert publish(tmp_path, model(lam=1.0)) == old


def test_a_damaged_file_is_published_anew_under_its_own_name(tmp_path: Path) -> None:
    place = publish(tmp_path, model())
    place.write_bytes(place.read_bytes()[:-9])
    with pytest.raises(PublishedModelError):
        load_current(tmp_path)
    assert publish(tmp_path, model()) == place
    assert load_current(tmp_path) == model()


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "model.json"
    atomic.replace(place, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        atomic.replace(place, b"new and longer")
    assert place.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["model.json"]
