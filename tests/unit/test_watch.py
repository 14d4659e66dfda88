"""Watching a folder: a round where something changed and came to rest, none where nothing did, an end when told."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from classically_punk.errors import ConfigError
from classically_punk.settings import Settings
from classically_punk.spark import watch

Answer = Callable[[int], int | None]


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """The warehouse, and a corpus that is still empty."""
    (tmp_path / "music").mkdir()
    (tmp_path / "wh/published").mkdir(parents=True)
    return tmp_path / "wh", tmp_path / "music"


def settings(places: tuple[Path, Path], seconds: float) -> Settings:
    run = {"watch": True, "watch_every_s": 0.1, "watch_for_s": seconds}
    return Settings.load(None, {"corpus": {"root": str(places[1])}, "run": run})


def watched(
    places: tuple[Path, Path], meanwhile: Callable[[], object], answer: Answer = lambda number: 0, seconds: float = 3.0
) -> tuple[int, int]:
    """Watches while another thread does something -> exit status, and how many rounds were asked for."""
    asked: list[float] = []

    def one_round() -> int | None:
        asked.append(time.monotonic())
        return answer(len(asked))

    doer = threading.Thread(target=meanwhile)
    doer.start()
    try:
        return watch.rounds(places[0], settings(places, seconds), one_round), len(asked)
    finally:
        doer.join()


def end_after(seconds: float, *steps: Callable[[], object]) -> Callable[[], None]:
    """Does the steps so many seconds apart, then ends the watch as `kill` does."""

    def run() -> None:
        for step in steps:
            time.sleep(seconds)
            step()
        time.sleep(seconds)
        if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:  # else the watch has ended, and the tests would, too
            os.kill(os.getpid(), signal.SIGTERM)

    return run


def test_a_round_for_each_change_and_none_without(places: tuple[Path, Path]) -> None:
    root, music = places
    steps = [
        lambda: (music / "a.wav").write_bytes(b"one"),
        lambda: None,
        lambda: os.utime(music / "a.wav", (1, 1)),
        lambda: (root / "published/current.json").write_text("{}"),  # another model: all is to be answered again
        lambda: (music / "a.wav").rename(music / "b.wav"),
    ]
    handler = signal.getsignal(signal.SIGTERM)
    assert watched(places, end_after(0.5, *steps), seconds=60) == (0, 4)
    assert signal.getsignal(signal.SIGTERM) is handler


def test_a_folder_that_empties_is_no_reason_to_forget_it(places: tuple[Path, Path]) -> None:
    song = places[1] / "a.wav"
    song.write_bytes(b"x")
    steps = [song.unlink, places[1].rmdir]  # not mounted any more
    assert watched(places, end_after(0.6, *steps), seconds=60) == (0, 1)


def test_a_file_that_grows_is_waited_for_but_not_for_ever(places: tuple[Path, Path]) -> None:
    def grow() -> None:
        with (places[1] / "a.wav").open("wb", buffering=0) as file:
            for _ in range(44):  # larger at every look
                file.write(b"x" * 100)
                time.sleep(0.05)

    _, rounds = watched(places, grow, seconds=2.0)
    assert 1 <= rounds <= 2.0 / 0.1 / watch.PATIENCE


def test_a_busy_warehouse_is_tried_again(places: tuple[Path, Path]) -> None:
    (places[1] / "a.wav").write_bytes(b"x")
    assert watched(places, lambda: None, lambda number: None if number < 3 else 0, seconds=1.5) == (0, 3)


def test_a_failed_gate_is_the_status_in_the_end(places: tuple[Path, Path]) -> None:
    (places[1] / "a.wav").write_bytes(b"x")
    later = end_after(0.6, lambda: (places[1] / "b.wav").write_bytes(b"y"))
    assert watched(places, later, lambda number: 3 if number == 1 else 0, seconds=60) == (3, 2)


def test_what_is_wrong_from_the_beginning_ends_it_and_later_on_does_not(places: tuple[Path, Path]) -> None:
    (places[1] / "a.wav").write_bytes(b"x")

    def wrong_at(wrong: int) -> Answer:
        def answer(number: int) -> int:
            if number == wrong:
                raise ConfigError("warehouse.root", "no model is published there")
            return 0

        return answer

    with pytest.raises(ConfigError, match="no model"):
        watched(places, lambda: None, wrong_at(1))
    steps = [lambda: (places[1] / "b.wav").write_bytes(b"y"), lambda: (places[1] / "c.wav").write_bytes(b"z")]
    assert watched(places, end_after(0.6, *steps), wrong_at(2), seconds=60) == (0, 3)


def test_it_ends_with_its_engine(places: tuple[Path, Path]) -> None:
    until = time.monotonic() + 0.5
    start = time.monotonic()
    assert watch.rounds(places[0], settings(places, 0.0), lambda: 0, lambda: time.monotonic() < until) == 0
    assert time.monotonic() - start < 5
