"""Downloads against a server on loopback that breaks off, forgets ranges or serves something else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from classically_punk.app.download import DownloadError, download
from classically_punk.errors import ConfigError

CONTENT = bytes(range(256)) * 4_000


class Server(ThreadingHTTPServer):
    """Serves CONTENT; `cuts` are the bytes after which each further answer breaks off (None = whole)."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.cuts: list[int | None] = []
        self.ranges = True
        self.status = 0
        self.asked: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/genres.tar.gz"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        if self.server.status:
            self.send_error(self.server.status)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.server.ranges else 0
        if start >= len(CONTENT):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(CONTENT)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        cut = self.server.cuts.pop(0) if self.server.cuts else None
        self.wfile.write(CONTENT[start:] if cut is None else CONTENT[start : start + cut])

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as one:
        thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield one
        one.shutdown()
        thread.join()


def nothing(size: int, total: int | None) -> None:
    """A report nobody reads."""


def test_a_download_that_breaks_off_twice_goes_on_where_it_was(server: Server, tmp_path: Path) -> None:
    server.cuts = [300_000, 200_000, None]
    download(server.url, tmp_path / "a", nothing, pause_s=0)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=300000-", "bytes=500000-"]
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_a_second_call_takes_up_what_the_first_left(server: Server, tmp_path: Path) -> None:
    server.cuts = [300_000, *[0] * 10]
    with pytest.raises(DownloadError, match="300000 bytes are kept"):
        download(server.url, tmp_path / "a", nothing, pause_s=0)
    assert not (tmp_path / "a").exists()
    server.cuts, server.asked = [], []
    download(server.url, tmp_path / "a", nothing, pause_s=0)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert server.asked == ["bytes=300000-"]


def test_a_server_without_ranges_is_read_from_the_start(server: Server, tmp_path: Path) -> None:
    server.ranges, server.cuts = False, [300_000]
    download(server.url, tmp_path / "a", nothing, pause_s=0)
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_a_complete_part_needs_no_more_bytes(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(CONTENT)
    download(server.url, tmp_path / "a", nothing, pause_s=0)
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(b"x" * (len(CONTENT) + 1))
    download(server.url, tmp_path / "a", nothing, pause_s=0)
    assert (tmp_path / "a").read_bytes() == CONTENT


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_an_address_that_leads_nowhere_is_said_at_once(server: Server, tmp_path: Path, status: int) -> None:
    server.status = status
    with pytest.raises(ConfigError, match=str(status)):
        download(server.url, tmp_path / "a", nothing, pause_s=0)
    assert len(server.asked) == 1


def test_a_server_in_trouble_is_asked_again_and_then_given_up(server: Server, tmp_path: Path) -> None:
    server.status = 503
    with pytest.raises(DownloadError, match="503"):
        download(server.url, tmp_path / "a", nothing, pause_s=0)
    assert len(server.asked) > 1


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/x"])
def test_only_http_addresses_are_opened(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match="not an http"):
        download(url, tmp_path / "a", nothing)


def test_progress_tells_of_all_bytes_also_after_a_break(server: Server, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    server.cuts = [300_000]
    download(server.url, tmp_path / "a", lambda size, total: told.append((size, total)), pause_s=0)
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [size for size, _ in told] == sorted(size for size, _ in told)
