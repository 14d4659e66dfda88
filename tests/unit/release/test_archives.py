"""Archives have the same bytes wherever they are made, and a link that leaves one is found."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest
from release import archives

EPOCH = 1_700_000_000


def tree(root: Path, names: list[str], when: int, mode: int) -> Path:
    """The same content, made in the order given, at another time and with other rights for group and others."""
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
        file.chmod(mode | (0o100 if name.startswith("bin/") else 0))
        os.utime(file, (when, when))
    (root / "bin/python").symlink_to("python3")
    return root


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    names = ["bin/python3", "lib/b.py", "lib/a.py", "lib/sub/ä.txt"]
    first = tree(tmp_path / "one", names, 1_000_000_000, 0o644)
    second = tree(tmp_path / "two" / "deeper", names[::-1], 1_500_000_000, 0o600)
    for made, target in ((first, "first.tar.gz"), (second, "second.tar.gz")):
        archives.write_tar(made, tmp_path / target, EPOCH)
    assert (tmp_path / "first.tar.gz").read_bytes() == (tmp_path / "second.tar.gz").read_bytes()
    with tarfile.open(tmp_path / "first.tar.gz") as tar:
        told = [(m.name, m.mode, m.mtime, m.uid, m.uname, m.linkname) for m in tar]
    assert told == [
        ("bin/python", 0o777, EPOCH, 0, "", "python3"),
        ("bin/python3", 0o755, EPOCH, 0, "", ""),
        ("lib/a.py", 0o644, EPOCH, 0, "", ""),
        ("lib/b.py", 0o644, EPOCH, 0, "", ""),
        ("lib/sub/ä.txt", 0o644, EPOCH, 0, "", ""),
    ]


@pytest.mark.parametrize(
    ("name", "kind", "target", "leaves"),
    [
        ("lib/x.so", tarfile.SYMTYPE, "../bin/x", False),
        ("lib/x.so", tarfile.SYMTYPE, "../../etc/x", True),
        ("lib/x.so", tarfile.SYMTYPE, "/usr/lib/x.so", True),
        ("lib/x.so", tarfile.LNKTYPE, "lib/y.so", False),
        ("lib/x.so", tarfile.LNKTYPE, "../y.so", True),
        ("../x", tarfile.REGTYPE, "", True),
        ("/x", tarfile.REGTYPE, "", True),
    ],
)
def test_what_leaves_an_archive_is_found(tmp_path: Path, name: str, kind: bytes, target: str, leaves: bool) -> None:
    archive = tmp_path / "x.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for at, (member, type_, link) in enumerate([("lib/y.so", tarfile.REGTYPE, ""), (name, kind, target)]):
            entry = tarfile.TarInfo(member)
            entry.type, entry.linkname = type_, link
            tar.addfile(entry, io.BytesIO(b"") if at == 0 else None)
    assert bool(list(archives.leaving(archive))) is leaves
