"""`punk serve` as a process: it says where it is, answers, keeps nothing, and ends when it is told to."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.unit.app.conftest import LOUD, model, sine

from classically_punk.app import cli
from classically_punk.modelling import published

WriteWav = Callable[..., Path]
COMMAND = [sys.executable, "-m", "classically_punk.app.cli", "serve"]


class Served:
    """A running server."""

    def __init__(self, *words: str, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [*COMMAND, *words],
            stdout=subprocess.PIPE,
            stderr=(folder / "log").open("wb"),
            text=True,
            env={**os.environ, "TMPDIR": str(folder)},
        )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        (port,) = re.findall(r"http://127\.0\.0\.1:(\d+)/", said)
        self.port = int(port)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(
            method, path, body or None, {name.replace("_", "-"): value for name, value in headers.items()}
        )
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, json.loads(content) if content else None

    def classify(self, content: bytes) -> tuple[int, Any]:
        head = b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="/etc/passwd"\r\n\r\n'
        return self.ask(
            "POST",
            "/api/classify",
            head + content + b"\r\n--xyz--\r\n",
            Content_Type="multipart/form-data; boundary=xyz",
        )

    def raw(self, content: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as channel:
            channel.sendall(content)
            return b"".join(iter(lambda: channel.recv(65_536), b""))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("serve")
    published.publish(folder / "warehouse", model())
    (folder / "tmp").mkdir()
    server = Served(
        "--port", "0", f"--warehouse.root={folder / 'warehouse'}", "--serve.max_bytes=1000000", folder=folder / "tmp"
    )
    yield server
    server.process.kill()
    server.process.wait()


def test_many_at_once_are_all_answered_and_nothing_is_kept(served: Served, tmp_path: Path, write_wav: WriteWav) -> None:
    song = write_wav(tmp_path / "song.wav", sine(LOUD)).read_bytes()
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(served.classify, [song, b"no music " * 20] * 10))
    assert [status for status, _ in answers] == [200, 422] * 10
    assert {told.get("best") or told["reason"] for _, told in answers} == {"loud", "NOT_AUDIO"}
    # libsndfile's bindings and the decoder may make folders of their own, but no file has a byte of a clip
    kept = [path for path in served.folder.rglob("*") if path.is_file() and path.name != "log"]
    assert kept == []
    assert served.ask("GET", "/openapi.json")[1]["paths"]["/api/classify"]


def test_who_sends_too_much_gets_to_read_why(served: Served) -> None:
    for size in (1_100_000, 5_000_000):
        status, told = served.classify(b"x" * size)
        assert (status, told["reason"]) == (413, "TOO_LARGE")


def test_what_is_no_http_is_refused_in_json(served: Served) -> None:
    answer = served.raw(b"NONSENSE\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["reason"] == "BAD_REQUEST"
    long = served.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\nA: " + b"x" * 400_000 + b"\r\n\r\n")
    assert long.startswith(b"HTTP/1.1 400 ")
    assert served.ask("GET", "/healthz")[0] == 200


def test_a_worker_that_is_killed_is_replaced(served: Served, tmp_path: Path, write_wav: WriteWav) -> None:
    song = write_wav(tmp_path / "song.wav", sine(LOUD)).read_bytes()
    children = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children")
    if not children.exists():
        pytest.skip("needs /proc to find the workers")
    for child in children.read_text().split():
        os.kill(int(child), signal.SIGKILL)
    assert [served.classify(song)[0] for _ in range(4)] == [200] * 4


def test_a_port_that_is_taken_and_an_empty_warehouse_are_usage(
    served: Served, tmp_path: Path, warehouse: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["serve", "--port", str(served.port), warehouse]) == 2
    assert "cannot listen" in capsys.readouterr().err
    assert cli.main(["serve", f"--warehouse.root={tmp_path}"]) == 2
    assert "no model is published there" in capsys.readouterr().err
    assert cli.main(["serve", "--port", "many", warehouse]) == 2
    assert "serve.port" in capsys.readouterr().err
    assert cli.main(["serve", "--serve.address=nowhere.invalid", warehouse]) == 2
    assert "cannot listen" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_peace_and_leaves_no_process(tmp_path: Path, warehouse: str, number: signal.Signals) -> None:
    server = Served("--port", "0", warehouse, folder=tmp_path)
    assert server.ask("GET", "/healthz")[0] == 200
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    left = [int(child) for child in children.read_text().split()] if children.exists() else []
    server.process.send_signal(number)
    assert server.process.wait(timeout=20) == 0
    assert (tmp_path / "log").read_bytes() == b""
    until = time.monotonic() + 5
    while any(Path(f"/proc/{child}").exists() for child in left) and time.monotonic() < until:
        time.sleep(0.05)
    assert not [child for child in left if Path(f"/proc/{child}").exists()]
