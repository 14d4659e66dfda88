"""`scripts/fetch_corpus`, by its module: what is checked, what is said, what is left."""

from __future__ import annotations

import hashlib
import http.server
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from classically_punk.app import fetch

PAGE = b"\n<!DOCTYPE html><html><title>Download</title></html>"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    song = tmp_path / "genres" / "blues" / "blues.00000.au"
    song.parent.mkdir(parents=True)
    song.write_bytes(b".snd and so on")
    path = tmp_path / "served" / "genres.tar.gz"
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as tar:
        tar.add(song.parents[1], "genres")
    return path


@pytest.fixture
def address(archive: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=archive.parent)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/genres.tar.gz?token=1"
        server.shutdown()
        thread.join()


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def test_an_address_becomes_a_corpus(
    archive: Path, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "target"
    assert fetch.main([address, "--target", str(target), "--md5", md5(archive).upper()]) == 0
    assert (target / "genres/blues/blues.00000.au").read_bytes() == b".snd and so on"
    assert capsys.readouterr().out == f"{target / 'genres'}\n"


def test_a_local_archive_becomes_a_corpus_and_stays(archive: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    assert fetch.main([str(archive), "--target", str(target), "--md5", md5(archive)]) == 0
    assert [entry.name for entry in target.iterdir()] == ["genres"]
    assert archive.exists()


def test_another_archive_than_gtzan_is_refused_by_its_sum(
    archive: Path, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for source in (str(archive), address):
        target = tmp_path / "target"
        assert fetch.main([source, "--target", str(target)]) == 2
        assert f"MD5 {md5(archive)}, not 5b3d6dddb579ab49814ab86dba69e7c7" in capsys.readouterr().err
        assert list(target.iterdir()) == []
    assert archive.exists()


def test_a_web_page_under_an_archives_name_is_called_one(
    archive: Path, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.write_bytes(PAGE)
    for source in (str(archive), address):
        assert fetch.main([source, "--target", str(tmp_path / "target"), "--no-check"]) == 2
        assert "is a web page, not an archive" in capsys.readouterr().err


def test_no_check_takes_any_archive(archive: Path, tmp_path: Path) -> None:
    assert fetch.main([str(archive), "--target", str(tmp_path / "target"), "--no-check"]) == 0


def test_a_missing_archive_is_a_line_and_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fetch.main([str(tmp_path / "none.tar.gz"), "--target", str(tmp_path / "target")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.corpus
def test_the_real_web_page_named_genres_tar_gz(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = corpus / "faulty" / "html-page-named.genres.tar.gz"
    assert fetch.main([str(page), "--target", str(tmp_path)]) == 2
    assert "is a web page" in capsys.readouterr().err
