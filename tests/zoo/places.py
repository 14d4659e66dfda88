"""A folder of odd names and things that are no files: what the walk has to say of each."""
# ruff: noqa: PTH101, PTH103, PTH211 (paths are bytes here)

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

from tests.zoo.wav import wav


@dataclass(frozen=True)
class Place:
    """A path below the root; `reason` as the walk gives it, or the reject's code, None for a clip that is accepted."""

    path: bytes
    walked: str | None = None
    code: str | None = None


ODD_NAMES: tuple[bytes, ...] = (
    b"_begins with an underscore.wav",
    b".begins with a dot.wav",
    b"._companion.wav",
    b"..two dots.wav",
    b"co:lon.wav",
    b"file:/scheme.wav".replace(b"/", b"-"),
    b"hash#tag.wav",
    b"per%20cent.wav",
    b"what?.wav",
    b"[brackets].wav",
    b"{a,b}.wav",
    b"star*.wav",
    b"tilde~.wav",
    b"-rf.wav",
    b"--config=x.wav",
    b"=cmd|' /C calc'!A0.wav",
    b"<script>alert(1)</script>.wav".replace(b"/", b"-"),
    b"' OR '1'='1.wav",
    b"'; DROP TABLE clips; --.wav",
    b'"quoted".wav',
    b"back\\slash.wav",
    b"back\\xe9slash.wav",
    b"$HOME `id` $(id).wav",
    b"new\nline.wav",
    b"carriage\rreturn.wav",
    b"tab\t.wav",
    b"bell\x07.wav",
    b"escape \x1b[31mred.wav",
    b"blank at the end.wav ",
    b" blank in front.wav",
    b"dot at the end.wav.",
    "emoji \U0001f3b8.wav".encode(),
    "right to left \u202egnp.wav".encode(),
    "zero width \u200b.wav".encode(),
    "composed \u00e9.wav".encode(),
    "decomposed e\u0301.wav".encode(),
    "\u97f3\u697d.wav".encode(),
    b"latin-1 caf\xe9.wav",
    b"broken utf-8 \xf0\x9f\x8e.wav",
    b"surrogate \xed\xa0\x80.wav",
    b"all ones \xff\xfe.wav",
    b"x" * 251 + b".wav",
    "\u00e9".encode() * 125 + b".wav",
    b"no extension",
    b"wrong extension.mp3",
    b"wrong extension.txt",
    b"song.wav.part",
    b"song.wav.gz",
    b"UPPER.WAV",
    b"CON",
    b"NA",
    b"NaN.wav",
    b"null",
    b"02",
    b"genre=rock.wav",
    b"__HIVE_DEFAULT_PARTITION__",
)
"""Names of good files: each is read like any other."""

ODD_FOLDERS: tuple[bytes, ...] = (
    b"_underscore",
    b".hidden",
    b"genre=02",
    b"02",
    b"a:b",
    b"[x]",
    b"caf\xe9",
    b"new\nline",
    b"x" * 255,
    b"/".join([b"deep"] * 60),
)


def make(root: bytes) -> list[Place]:
    """Fill a new folder `root`/corpus -> what has to come of every entry, in any order."""
    corpus = root + b"/corpus"
    places = [_file(corpus, b"names/" + name) for name in ODD_NAMES]
    places += [_file(corpus, folder + b"/song.wav") for folder in ODD_FOLDERS]
    places += _things(root, corpus)
    return places


def _file(corpus: bytes, path: bytes, content: bytes | None = None, code: str | None = None) -> Place:
    full = corpus + b"/" + path
    os.makedirs(full.rsplit(b"/", 1)[0], exist_ok=True)
    descriptor = os.open(full, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(wav() if content is None else content)
    return Place(path, None, code)


def _things(root: bytes, corpus: bytes) -> list[Place]:
    places = [
        _file(corpus, b"things/empty.wav", b"", "EMPTY_FILE"),
        _file(corpus, b"things/_empty", b"", "EMPTY_FILE"),
        _file(corpus, b"things/.DS_Store", b"\0\0\0\1Bud1" + bytes(50), "NOT_AUDIO"),
        _file(corpus, b"things/desktop.ini", b"[.ShellClassInfo]\r\nIconIndex=0\r\n", "NOT_AUDIO"),
        _file(corpus, b"things/real.wav"),
    ]
    sparse = _file(corpus, b"things/a-terabyte-of-nothing.wav", b"RIFF", "TOO_LARGE")
    os.truncate(corpus + b"/" + sparse.path, 1 << 40)
    places.append(sparse)
    _file(root, b"secret/outside.wav")
    os.mkfifo(corpus + b"/things/pipe.wav")
    with socket.socket(socket.AF_UNIX) as server:
        # the path of a socket has at most 108 bytes: it is bound from within
        here = os.getcwd()  # noqa: PTH109 (bytes)
        os.chdir(corpus + b"/things")
        server.bind("socket.wav")
        os.chdir(here)
    links = {
        b"to-a-device.wav": b"/dev/zero",
        b"to-the-system.wav": b"/etc/passwd",
        b"out-of-the-root.wav": b"../../secret/outside.wav",
        b"out-of-the-root": b"../../secret",
        b"to-nothing.wav": b"missing.wav",
        b"to-itself.wav": b"to-itself.wav",
        b"up": b"..",
        b"here": b".",
        b"to-the-pipe.wav": b"pipe.wav",
    }
    for name, target in links.items():
        os.symlink(target, corpus + b"/things/" + name)
    os.symlink(b"real.wav", corpus + b"/things/inside.wav")
    places += [Place(b"things/" + name, "NOT_REGULAR") for name in (*links, b"pipe.wav", b"socket.wav")]
    places.append(Place(b"things/inside.wav"))
    if os.geteuid() != 0:  # whom permissions do not stop
        places.append(Place(_file(corpus, b"things/no-permission.wav").path, "UNREADABLE"))
        os.chmod(corpus + b"/things/no-permission.wav", 0)
    return places
