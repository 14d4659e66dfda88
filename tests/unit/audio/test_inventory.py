"""The walk: every file once, whatever its name, in the order of its bytes, and nothing that hangs or loops."""
# ruff: noqa: PTH101, PTH103, PTH106, PTH108, PTH116, PTH120, PTH123, PTH211 (paths are bytes here: names need not be text)

from __future__ import annotations

import os
import pickle
import socket
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classically_punk.audio.inventory import path_bytes, path_text, walk
from classically_punk.errors import ConfigError

ODD_NAMES = [
    b"plain.wav",
    b".hidden.wav",
    b"_underscore.wav",
    b"new\nline.wav",
    "emoji \U0001f3b8.wav".encode(),
    b"latin1 caf\xe9.wav",
    b"back\\slash.wav",
    b"colon:.wav",
    b"hash#.wav",
    b"per%20cent.wav",
    b"[x].wav",
    b"{a,b}?.wav",
    b" blanks .wav ",
    b"a=b.wav",
    "nfd e\u0301.wav".encode(),
    "nfc \u00e9.wav".encode(),
    b"'\"<b>.wav",
    b"-rf",
    b"x" * 255,
    b"carriage\rreturn\r\n.wav",
    b"tab\t.wav",
    b"\x1b[2J.wav",
    "\u202ewav.exe".encode(),
    b"\n",
    b"\xff",
    b"~",
    b"...",
]


def put(path: bytes, content: bytes = b"x") -> bytes:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
    return path


def names(root: bytes) -> list[tuple[bytes, str | None]]:
    return [(found.path[len(root) + 1 :], found.reason) for found in walk(root)]


@pytest.fixture
def root(tmp_path: Path) -> bytes:
    (tmp_path / "corpus").mkdir()
    return os.fsencode(tmp_path / "corpus")


def test_every_name_is_found_once_with_size_and_time(root: bytes) -> None:
    for number, name in enumerate(ODD_NAMES):
        path = put(root + b"/rock/" + name, b"x" * number)
        os.utime(path, ns=(0, 1_234_567_890_123_456_789 + number))
    found = {entry.path: entry for entry in walk(root)}
    assert set(found) == {root + b"/rock/" + name for name in ODD_NAMES}
    for number, name in enumerate(ODD_NAMES):
        entry = found[root + b"/rock/" + name]
        assert (entry.size_bytes, entry.modified_ns) == (number, 1_234_567_890_123_456_789 + number)
        assert entry.reason is None


def test_order_is_that_of_the_whole_path(root: bytes) -> None:
    for name in (b"a/z.wav", b"a-b.wav", b"a.wav", b"B/x.wav", b"a/b/c.wav", b"\xff.wav", b"ab/x.wav"):
        put(root + b"/" + name)
    paths = [found.path for found in walk(root)]
    assert paths == sorted(paths)
    assert len(paths) == 7


def test_a_relative_root_gives_absolute_paths(root: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    put(root + b"/rock/a.wav")
    monkeypatch.chdir(os.fsdecode(os.path.dirname(root)))
    assert [found.path for found in walk(b"./corpus/")] == [root + b"/rock/a.wav"]


def test_pipes_sockets_and_links_to_devices_are_not_regular(root: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(os.fsdecode(root))
    os.mkfifo(b"pipe.wav")
    os.symlink("/dev/zero", b"zero.wav")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.wav")
        assert names(root) == [
            (b"pipe.wav", "NOT_REGULAR"),
            (b"socket.wav", "NOT_REGULAR"),
            (b"zero.wav", "NOT_REGULAR"),
        ]


def test_a_link_inside_the_root_is_followed_and_one_that_leaves_it_is_not(root: bytes) -> None:
    outside = put(os.path.dirname(root) + b"/secret/password.wav")
    put(root + b"/rock/a.wav")
    os.symlink(b"../rock/a.wav", root + b"/rock/b.wav")
    os.symlink(b"rock", root + b"/stone")
    os.symlink(outside, root + b"/file-out.wav")
    os.symlink(os.path.dirname(outside), root + b"/folder-out")
    os.symlink(b"nowhere.wav", root + b"/dangling.wav")
    assert names(root) == [
        (b"dangling.wav", "NOT_REGULAR"),
        (b"file-out.wav", "NOT_REGULAR"),
        (b"folder-out", "NOT_REGULAR"),
        (b"rock/a.wav", None),
        (b"rock/b.wav", None),
        (b"stone/a.wav", None),
        (b"stone/b.wav", None),
    ]


def test_a_sibling_whose_name_begins_like_the_root_is_outside(root: bytes) -> None:
    put(root + b"-private/a.wav")
    os.symlink(root + b"-private/a.wav", root + b"/a.wav")
    assert names(root) == [(b"a.wav", "NOT_REGULAR")]


def test_loops_end_and_list_no_file_again(root: bytes) -> None:
    put(root + b"/rock/a.wav")
    os.symlink(b"..", root + b"/rock/up")
    os.symlink(b".", root + b"/rock/here")
    os.symlink(b"itself", root + b"/itself")
    assert names(root) == [
        (b"itself", "NOT_REGULAR"),
        (b"rock/a.wav", None),
        (b"rock/here", "NOT_REGULAR"),
        (b"rock/up", "NOT_REGULAR"),
    ]


def test_folders_that_link_to_each_other_list_each_file_at_most_twice(root: bytes) -> None:
    folders = [b"a", b"b", b"c", b"d", b"e"]
    for folder in folders:
        put(root + b"/" + folder + b"/song.wav")
        for other in folders:
            if other != folder:
                os.symlink(b"../" + other, root + b"/" + folder + b"/to-" + other)
    found = [entry for entry in walk(root) if entry.reason is None]
    assert {os.stat(entry.path).st_ino for entry in found} == {
        os.stat(root + b"/" + folder + b"/song.wav").st_ino for folder in folders
    }
    inodes = [os.stat(entry.path).st_ino for entry in found]
    assert max(inodes.count(inode) for inode in inodes) <= 2


def test_a_folder_that_cannot_be_listed_is_one_unreadable_entry(root: bytes) -> None:
    # A path longer than the system takes cannot be listed even by root, whom permissions do not stop.
    descriptor = os.open(root, os.O_RDONLY)
    name = b"d" * 250
    for _ in range(17):
        os.mkdir(name, dir_fd=descriptor)
        below = os.open(name, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(os.open(b"lost.wav", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
    os.close(descriptor)
    put(root + b"/rock/a.wav")
    found = list(walk(root))
    assert [entry.reason for entry in found] == ["UNREADABLE", None]
    assert "too long" in (found[0].detail or "")


def as_nobody(root: bytes) -> list[tuple[bytes, str | None]]:
    """`names(root)` as a user who may do little: in a child process, which root can turn into one."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover  (another process)
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65_534)
                os.setuid(65_534)
            os.write(writer, pickle.dumps(names(root)))
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as told:
        content = told.read()
    os.waitpid(child, 0)
    return list(pickle.loads(content))


def test_no_permission_is_unreadable() -> None:
    with tempfile.TemporaryDirectory() as made:  # tmp_path lies in folders that others may not enter
        root = os.fsencode(made) + b"/corpus"
        put(root + b"/open/b.wav")
        os.chmod(put(root + b"/open/a.wav"), 0)
        for folder, mode in ((b"closed", 0), (b"listed only", 0o644)):
            put(root + b"/" + folder + b"/a.wav")
            os.chmod(root + b"/" + folder, mode)
        os.chmod(made, 0o755)
        try:
            assert as_nobody(root) == [
                (b"closed", "UNREADABLE"),
                (b"listed only/a.wav", "UNREADABLE"),
                (b"open/a.wav", "UNREADABLE"),
                (b"open/b.wav", None),
            ]
        finally:
            for folder in (b"closed", b"listed only"):
                os.chmod(root + b"/" + folder, 0o755)


def test_a_file_whose_path_is_too_long_is_unreadable_and_its_neighbours_are_not(root: bytes) -> None:
    # The folder can be listed by its path, of 4 095 bytes at most, but not every file in it can be named.
    descriptor, path = os.open(root, os.O_RDONLY), root
    while len(path) < 3_990:
        name = b"d" * min(200, 4_000 - len(path))
        os.mkdir(name, dir_fd=descriptor)
        below = os.open(name, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor, path = below, path + b"/" + name
    for name in (b"short.wav", b"l" * 200):
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
    os.close(descriptor)
    assert [(found.path, found.reason) for found in walk(root)] == [
        (path + b"/" + b"l" * 200, "UNREADABLE"),
        (path + b"/short.wav", None),
    ]


def test_what_vanishes_while_the_walk_goes_on_is_told_and_ends_nothing(
    root: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (b"a/lost.wav", b"a/stays.wav", b"b/gone.wav", b"c/stays.wav"):
        put(root + b"/" + name)
    real = os.scandir

    class Late:
        """A listing after which a file is removed."""

        def __init__(self, path: bytes) -> None:
            with real(path) as listing:
                self.entries = list(listing)
            if path.endswith(b"/a"):
                os.unlink(path + b"/lost.wav")

        def __enter__(self) -> list[os.DirEntry[bytes]]:
            return self.entries

        def __exit__(self, *error: object) -> None: ...

        def close(self) -> None: ...

    monkeypatch.setattr(os, "scandir", Late)
    found = []
    for entry in walk(root):
        found.append((entry.path[len(root) + 1 :], entry.reason))
        if entry.path.endswith(b"a/stays.wav"):
            os.unlink(root + b"/b/gone.wav")
            os.rmdir(root + b"/b")
    assert found == [
        (b"a/lost.wav", "UNREADABLE"),
        (b"a/stays.wav", None),
        (b"b", "UNREADABLE"),
        (b"c/stays.wav", None),
    ]


def test_folders_named_like_tables_and_hard_links_are_nothing_special(root: bytes) -> None:
    first = put(root + b"/_delta_log/00000.json")
    for name in (b"files", b"clips", b"genre=02", b"published"):
        os.makedirs(root + b"/" + name)
        os.link(first, root + b"/" + name + b"/part-0.snappy.parquet")
    assert names(root) == [
        (b"_delta_log/00000.json", None),
        (b"clips/part-0.snappy.parquet", None),
        (b"files/part-0.snappy.parquet", None),
        (b"genre=02/part-0.snappy.parquet", None),
        (b"published/part-0.snappy.parquet", None),
    ]


def test_a_file_without_permission_is_told_by_the_system(root: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    put(root + b"/rock/a.wav")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert names(root) == [(b"rock/a.wav", "UNREADABLE")]


def test_a_root_that_is_missing_or_a_file_stops_before_the_first_entry(root: bytes) -> None:
    with pytest.raises(ConfigError, match=r"corpus\.root"):
        walk(root + b"/missing")
    with pytest.raises(ConfigError, match="not a folder"):
        walk(put(root + b"/file.wav"))


def test_an_empty_root_has_no_entries(root: bytes) -> None:
    assert list(walk(root)) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (b"/m/caf\xe9.wav", "/m/caf\\xe9.wav"),
        (b"/m/a\\b.wav", "/m/a\\x5cb.wav"),
        (b"/m/\\xe9.wav", "/m/\\x5cxe9.wav"),
        ("/m/café \U0001f3b8\n.wav".encode(), "/m/café \U0001f3b8\n.wav"),
        (b"\xff\xfe", "\\xff\\xfe"),
        (b"\xed\xa0\x80", "\\xed\\xa0\\x80"),  # a lone surrogate is not UTF-8
    ],
)
def test_path_text_writes_what_is_no_text_as_hex(path: bytes, text: str) -> None:
    assert path_text(path) == text


@given(st.binary(max_size=40))
def test_path_text_can_be_turned_back(path: bytes) -> None:
    text = path_text(path)
    text.encode("utf-8")
    assert path_bytes(text) == path
