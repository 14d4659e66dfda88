"""Files that lie elsewhere: what a URI is, what a listing becomes, and what a store may do while it is read."""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyarrow import fs

from classically_punk.audio import inventory, labels, remote
from classically_punk.errors import ChangedDuringReadError, ConfigError, TooLargeError, UnreadableError
from classically_punk.settings import Settings, Storage

ROOT = b"s3://music/corpus"


def settings(root: str) -> Settings:
    return Settings.load(None, {"corpus": {"root": root}})


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands in for the store behind every URI: buckets are its folders."""
    system = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())
    monkeypatch.setattr(remote, "_system", lambda *_: system)
    monkeypatch.setattr(remote, "_PATIENCE", remote._Patience())
    return tmp_path


def put(store: Path, name: str, content: bytes = b"x") -> Path:
    file = store / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://music/corpus/", b"s3://music/corpus"),
        ("S3A://music", b"s3a://music"),
        ("gs://music/a b#%20", b"gs://music/a b#%20"),
        ("abfs://box@account.dfs.core.windows.net/x", b"abfs://box@account.dfs.core.windows.net/x"),
        ("file:///music/corpus", b"/music/corpus"),
        ("/music/corpus", b"/music/corpus"),
    ],
)
def test_a_corpus_is_a_folder_or_a_uri(text: str, expected: bytes) -> None:
    assert remote.root_of(settings(text)) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("s3:///x", "names no bucket"),
        ("s3://KEY:SECRET@music/x", "holds credentials"),
        ("s3://music/x?endpoint_override=host", "holds options"),
    ],
)
def test_a_uri_that_cannot_be_meant_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as refused:
        remote.root_of(settings(text))
    assert "SECRET" not in str(refused.value)


def test_the_walk_has_every_file_once_by_its_uri_in_the_order_of_bytes(store: Path) -> None:
    names = ("corpus/rock/b.wav", "corpus/rock/a #?%20é.wav", "corpus/.hidden", "corpus/rock.wav", "corpus/empty.wav")
    for at, name in enumerate(names):
        put(store / "music", name, b"x" * (0 if "empty" in name else at + 1))
    (store / "music/corpus/folder of nothing").mkdir()
    put(store, "other/corpus/no.wav")
    found = list(remote.walk(ROOT, Storage()))
    assert [one.path for one in found] == sorted(b"s3://music/" + name.encode() for name in names)
    by_path = {one.path: one for one in found}
    assert by_path[b"s3://music/corpus/rock/b.wav"].size_bytes == 1
    assert by_path[b"s3://music/corpus/empty.wav"].size_bytes == 0
    status = (store / "music/corpus/rock.wav").stat()
    assert by_path[b"s3://music/corpus/rock.wav"].modified_ns == status.st_mtime_ns
    assert {one.reason for one in found} == {None}
    assert list(remote.walk(bytes(store / "music/corpus"), Storage())) == list(
        inventory.walk(bytes(store / "music/corpus"))
    )


def test_a_root_that_is_not_there_is_said(store: Path) -> None:
    with pytest.raises(ConfigError, match=r"corpus\.root: s3://music/corpus cannot be listed"):
        remote.walk(ROOT, Storage())


def test_what_only_hadoop_knows_is_not_read_here() -> None:
    assert remote.root_of(settings("hdfs:///music/")) == b"hdfs:///music"
    with pytest.raises(ConfigError, match="hdfs:///music is not read here; expected a folder or one of s3, "):
        remote.walk(b"hdfs:///music", Storage())
    with pytest.raises(UnreadableError, match="only ingest_clips and extract_features read"):
        remote.copy(b"hdfs:///music/a.wav", io.BytesIO(), Storage(), 1000)


def test_labels_come_from_the_folder_of_a_key_and_from_a_manifest(tmp_path: Path) -> None:
    assert labels.folder_label(ROOT, b"s3://music/corpus/disc 1/rock/a.wav") == "rock"
    assert labels.folder_label(ROOT, b"s3://music/corpus/a.wav") is None
    assert labels.folder_label(b"s3://music", b"s3://music/rock/a.wav") == "rock"
    table = tmp_path / "labels.csv"
    table.write_text("path,genre\nx/./a.wav,rock\nx/b.wav,jazz\n")
    assert {path: label.genre for path, label in labels.read_manifest(table, ROOT).items()} == {
        b"s3://music/corpus/x/a.wav": "rock",
        b"s3://music/corpus/x/b.wav": "jazz",
    }
    table.write_text("path,genre\n../../music2/a.wav,rock\n")
    with pytest.raises(ConfigError, match=r"is not below corpus\.root s3://music/corpus"):
        labels.read_manifest(table, ROOT)


def read(uri: bytes, size: int | None = None, modified_ns: int | None = None, storage: Storage | None = None) -> bytes:
    sink = io.BytesIO()
    remote.copy(uri, sink, storage or Storage(), 1000, size, modified_ns)
    return sink.getvalue()


def test_a_file_is_copied_whole_and_as_it_was_listed(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "BLOCK_BYTES", 7)
    content = bytes(range(100))
    put(store, "music/corpus/a.wav", content)
    (found,) = remote.walk(ROOT, Storage())
    assert read(found.path) == read(found.path, found.size_bytes, found.modified_ns) == content
    half_a_second = found.modified_ns // remote.SECOND_NS * remote.SECOND_NS
    assert read(found.path, found.size_bytes, half_a_second) == content  # HTTP tells whole seconds
    for size, moved_s, problem in ((99, 0, "99 bytes"), (101, 0, "101 bytes"), (100, 2, "the time of change moved")):
        with pytest.raises(ChangedDuringReadError, match=problem):
            read(found.path, size, found.modified_ns + moved_s * remote.SECOND_NS)
    put(store, "music/corpus/a.wav", bytes(1001))
    for size in (None, 1001):
        with pytest.raises(TooLargeError, match="1001 bytes, at most 1000"):
            read(found.path, size, found.modified_ns)


def test_a_file_that_has_gone_can_perhaps_be_read_next_time(store: Path) -> None:
    for expected in ((None, None), (5, 0)):
        with pytest.raises(UnreadableError):
            read(b"s3://music/corpus/a.wav", *expected)


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a server that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_store_that_does_not_answer_costs_a_file_its_time_and_no_more(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "_PATIENCE", remote._Patience())
    monkeypatch.setattr(remote, "SILENT_S", 0.2)
    how = Storage(
        s3_endpoint=silent, s3_region="here", s3_anonymous=True, request_timeout_s=60, attempts=1, read_timeout_s=1
    )
    for longest in (2.0, 1.0):  # the second file is not waited for as long
        begun = time.monotonic()
        with pytest.raises(UnreadableError, match="the file system does not answer"):
            read(b"s3://music/corpus/a.wav", storage=how)
        assert time.monotonic() - begun < longest


def test_a_store_that_refuses_is_told_in_one_line_without_a_key() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    how = Storage(
        s3_endpoint=f"http://127.0.0.1:{port}", s3_region="here", s3_access_key="AKIA", s3_secret_key="hush", attempts=1
    )
    with pytest.raises(UnreadableError) as refused:
        read(b"s3://music/corpus/a.wav", 5, 0, storage=how)
    with pytest.raises(ConfigError, match=r"cannot be listed: .*onnect") as unlisted:
        remote.check(ROOT, how)
    for said in (str(refused.value), str(unlisted.value), repr(how)):
        assert "hush" not in said
        assert "\n" not in said
