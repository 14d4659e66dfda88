"""Many files by several processes: the same answers, in order, and none lost whoever dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.app.conftest import LOUD, QUIET, model, sine

from classically_punk.app import cli
from classically_punk.app.answering import Input, answer
from classically_punk.app.answers import Told, Wanted
from classically_punk.app.pool import WORKER, Pool
from classically_punk.audio.isolation import IsolatedDecoder
from classically_punk.settings import Limits

WriteWav = Callable[..., Path]
EVERYTHING = Wanted(explain=True, table=True, facts=True, picture=True)

# A worker that dies of files called poison, hangs on those called hang, and answers for all others.
MISBEHAVING = """
import json, os, sys, time
from multiprocessing.connection import Connection
channel = Connection(int(sys.argv[1]))
channel.recv_bytes()
while True:
    request = json.loads(channel.recv_bytes())
    if "model" in request:
        continue
    for one in request["files"]:
        if one["has_content"]:
            channel.recv_bytes()
    ready = []
    for one in request["files"]:
        name = one["shown"]
        if name.startswith("poison"):
            os.kill(os.getpid(), 9)
        if name.startswith("once") and not os.path.exists(name + ".seen"):
            open(name + ".seen", "w").close()
            os._exit(3)
        if name.startswith("hang"):
            time.sleep(60)
        ready.append({"line": {"path": name, "best": "loud"}})
        if name.startswith("now"):
            channel.send_bytes(json.dumps(ready).encode())
            ready = []
    if ready:
        channel.send_bytes(json.dumps(ready).encode())
"""


def misbehaving(**more: Any) -> Pool:
    return Pool(Limits(), 600.0, 2, command=(sys.executable, "-c", MISBEHAVING), **more)


@pytest.fixture
def files(tmp_path: Path, write_wav: WriteWav) -> list[Input]:
    paths = [
        write_wav(tmp_path / f"music/{number:02d}.wav", sine(LOUD if number % 3 else QUIET)) for number in range(9)
    ]
    (tmp_path / "music/05.wav").write_text("This is no music.\n" * 50)
    return [Input(str(path), os.fsencode(path)) for path in paths]


def test_answers_are_those_of_one_process_in_order(files: list[Input]) -> None:
    walked = [*files, Input("pipe", b"pipe", reason="NOT_REGULAR", detail="a pipe")]
    content = Path(files[0].shown).read_bytes()
    walked.append(Input("-", content=content))
    with IsolatedDecoder(Limits()) as decoder:
        alone = [answer(file, model(), decoder, EVERYTHING) for file in walked]
    with Pool(Limits(), 600.0, 2) as pool:
        together = list(pool.answers(walked, model(), EVERYTHING))
    assert together == alone
    assert [told.line.reason for told in alone if told.line.reason] == ["NOT_AUDIO", "NOT_REGULAR"]
    assert alone[0].picture is not None
    assert alone[-1].clip == alone[0].clip
    assert Told.from_raw(json.loads(alone[0].as_json())) == alone[0]


def test_a_new_model_is_used_from_the_next_file_on(files: list[Input]) -> None:
    with Pool(Limits(), 600.0, 1) as pool:
        assert pool.submit(files[1], model()).result().line.best == "loud"
        assert pool.submit(files[1], model(genres=("noisy", "quiet"))).result().line.best == "noisy"


def test_a_file_that_kills_every_process_gets_a_reason_and_all_others_their_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    few = ["a", "poison1", "b", "once1", "c", "poison2", "once2", "d"]
    healthy = [f"{'now' if number % 3 else 'later'}{number}" for number in range(100)]
    names = [*healthy[:50], *few, *healthy[50:]]  # so many that several are handed out together
    with misbehaving() as pool:
        told = list(pool.answers([Input(name, b"x") for name in names], model()))
    assert [one.line.path for one in told] == names
    assert {one.line.path: one.line.reason for one in told if one.line.reason} == {
        "poison1": "INTERNAL_ERROR",
        "poison2": "INTERNAL_ERROR",
    }
    assert told[51].line.detail == "the process that described it was ended by SIGKILL"


def test_an_answer_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("classically_punk.app.pool.STARTING_S", 5.0)
    with misbehaving(answer_s=3.0) as pool:
        hanging, healthy = pool.submit(Input("hang", b"x"), model()), pool.submit(Input("a", b"x"), model())
        assert healthy.result(timeout=60).line.best == "loud"
        assert hanging.result(timeout=60).line.reason == "DECODE_TIMEOUT"


def test_closing_ends_the_processes_whatever_they_do() -> None:
    pool = misbehaving()
    hanging = pool.submit(Input("hang", b"x"), model())
    waiting = [pool.submit(Input("hang", b"x"), model()) for _ in range(5)]
    ids = pool.process_ids
    begun = time.monotonic()
    pool.close()
    assert time.monotonic() - begun < 10
    assert all(future.done() for future in (hanging, *waiting))
    for process in ids:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_a_folder_is_answered_for_by_several_processes_even_if_one_is_killed(
    tmp_path: Path, write_wav: WriteWav, warehouse: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(12):
        write_wav(tmp_path / f"music/{number:02d}.wav", sine(LOUD))
    assert cli.main(["classify", str(tmp_path / "music"), "--workers", "2", "--json", warehouse]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["path"] for one in told] == [f"{tmp_path}/music/{number:02d}.wav" for number in range(12)]
    assert {one["best"] for one in told} == {"loud"}
    with Pool(Limits(), 600.0, 2, command=WORKER) as pool:
        answers = pool.answers([Input(one["path"], os.fsencode(one["path"])) for one in told], model())
        assert next(answers).line.best == "loud"
        os.kill(pool.process_ids[0], signal.SIGKILL)
        assert [one.line.best for one in answers] == ["loud"] * 11


def test_ctrl_c_ends_cleanly_with_status_130(tmp_path: Path, warehouse: str) -> None:
    (tmp_path / "music").mkdir()
    for number in range(3000):
        (tmp_path / f"music/{number}.wav").write_bytes(b"RIFF" + bytes(100))
    command = [sys.executable, "-m", "classically_punk.app.cli", "classify", str(tmp_path / "music"), warehouse]
    # a shell starts what it puts in the background, these tests perhaps, deaf to Ctrl-C
    ours = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        started = subprocess.Popen(
            [*command, "--workers=2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
    finally:
        signal.signal(signal.SIGINT, ours)
    with started as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.readline()
        os.killpg(run.pid, signal.SIGINT)  # as a terminal does: workers and decoders get it, too
        run.stdout.read()
        assert run.stderr.read().endswith("punk: interrupted\n")
    assert run.returncode == cli.INTERRUPTED
