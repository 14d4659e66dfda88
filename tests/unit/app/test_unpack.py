"""Archives that try to write where they should not."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from classically_punk.app.unpack import unpack
from classically_punk.errors import ConfigError

Build = Callable[[tarfile.TarFile], None]


def add(tar: tarfile.TarFile, name: str, content: bytes = b"x", kind: bytes = tarfile.REGTYPE, link: str = "") -> None:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    member.size = len(content) if kind == tarfile.REGTYPE else 0
    member.mode = 0o6777
    tar.addfile(member, io.BytesIO(content))


def archive(tmp_path: Path, build: Build, mode: str = "w:gz") -> Path:
    path = tmp_path / "given.tar.gz"
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        build(tar)
    return path


def unpacked(tmp_path: Path, build: Build, mode: str = "w:gz", max_bytes: int = 1 << 20) -> list[Path]:
    target = tmp_path / "deep" / "target"
    return unpack(archive(tmp_path, build, mode), target, lambda size: None, max_bytes)


def everything_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz", "w"])
def test_files_come_out_as_they_went_in(tmp_path: Path, mode: str) -> None:
    def build(tar: tarfile.TarFile) -> None:
        add(tar, "genres", kind=tarfile.DIRTYPE)
        add(tar, "./genres/blues/b.au", b"one")
        add(tar, "genres/metal/m.au", b"two")

    (entry,) = unpacked(tmp_path, build, mode)
    assert entry == tmp_path / "deep/target/genres"
    assert (entry / "blues/b.au").read_bytes() == b"one"
    assert (entry / "metal/m.au").read_bytes() == b"two"
    assert everything_below(tmp_path / "deep/target") == {
        "genres",
        "genres/blues",
        "genres/blues/b.au",
        "genres/metal",
        "genres/metal/m.au",
    }


def test_no_mode_of_the_archive_is_taken_over(tmp_path: Path) -> None:
    (entry,) = unpacked(tmp_path, lambda tar: add(tar, "song.au"))
    assert entry.stat().st_mode & 0o7111 == 0


@pytest.mark.parametrize(
    ("name", "kind", "link"),
    [
        ("/absolute", tarfile.REGTYPE, ""),
        ("../above", tarfile.REGTYPE, ""),
        ("genres/../../above", tarfile.REGTYPE, ""),
        ("genres/..", tarfile.DIRTYPE, ""),
        ("..\\above", tarfile.REGTYPE, ""),
        ("C:above", tarfile.REGTYPE, ""),
        ("link", tarfile.SYMTYPE, "/etc"),
        ("link", tarfile.SYMTYPE, "genres/good.au"),
        ("hard", tarfile.LNKTYPE, "genres/good.au"),
        ("pipe", tarfile.FIFOTYPE, ""),
        ("device", tarfile.CHRTYPE, ""),
        ("disk", tarfile.BLKTYPE, ""),
    ],
)
def test_an_evil_member_leaves_nothing_behind(tmp_path: Path, name: str, kind: bytes, link: str) -> None:
    def build(tar: tarfile.TarFile) -> None:
        add(tar, "genres/good.au")
        add(tar, name, kind=kind, link=link)

    with pytest.raises(ConfigError, match="nothing was unpacked"):
        unpacked(tmp_path, build)
    assert everything_below(tmp_path) == {"given.tar.gz", "deep", "deep/target"}


def test_a_link_is_no_way_out_for_a_later_member(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()

    def build(tar: tarfile.TarFile) -> None:
        add(tar, "genres", kind=tarfile.SYMTYPE, link=os.fspath(outside))
        add(tar, "genres/escaped.au")

    with pytest.raises(ConfigError):
        unpacked(tmp_path, build)
    assert list(outside.iterdir()) == []


def test_a_member_that_comes_twice_is_refused(tmp_path: Path) -> None:
    def build(tar: tarfile.TarFile) -> None:
        add(tar, "genres/a.au", b"one")
        add(tar, "genres/a.au", b"two")

    with pytest.raises(ConfigError, match="cannot be unpacked"):
        unpacked(tmp_path, build)


def test_a_bomb_is_stopped_before_it_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="more than 1000 bytes"):
        unpacked(tmp_path, lambda tar: add(tar, "big", bytes(1001)), max_bytes=1000)
    assert everything_below(tmp_path / "deep/target") == set()


def test_a_truncated_archive_leaves_nothing_behind(tmp_path: Path) -> None:
    path = archive(tmp_path, lambda tar: add(tar, "genres/a.au", os.urandom(50_000)))
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(ConfigError, match="cannot be unpacked"):
        unpack(path, tmp_path / "target", lambda size: None)
    assert everything_below(tmp_path / "target") == set()


def test_what_is_there_already_is_not_overwritten(tmp_path: Path) -> None:
    mine = tmp_path / "deep/target/genres/mine.au"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(ConfigError, match="already there"):
        unpacked(tmp_path, lambda tar: add(tar, "genres/mine.au", b"theirs"))
    assert everything_below(tmp_path / "deep/target") == {"genres", "genres/mine.au"}
    assert mine.read_bytes() == b"mine"
