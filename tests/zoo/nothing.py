"""What lies in folders of music and is none: text, images, data, archives whatever their name, and next to nothing."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import struct
import tarfile
import zipfile
import zlib

from tests.zoo.case import Case, pcm16, random_bytes, rejected, tone
from tests.zoo.wav import wav


def zipped(name: str = "a.wav", compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), wav())
    return target.getvalue()


def tarred(kind: int, name: str = "a.wav") -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=kind) as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(wav())
        archive.addfile(entry, io.BytesIO(wav()))
    return target.getvalue()


def old_tar() -> bytes:
    """Version 7, of 1979: no magic, but a checksum over its header."""
    head = bytearray(512)
    head[:5] = b"a.wav"
    head[100:108], head[108:116], head[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    head[124:136], head[136:148], head[148:156] = b"%011o\0" % 900, b"%011o\0" % 0, b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + bytes(1_024)


ARCHIVES: dict[str, bytes] = {
    "rar 4": b"Rar!\x1a\x07\x00",
    "rar 5": b"Rar!\x1a\x07\x01\x00",
    "7z": b"7z\xbc\xaf\x27\x1c\x00\x04",
    "zstd": b"\x28\xb5\x2f\xfd\x04",
    "lz4": b"\x04\x22\x4d\x18\x64",
    "lzip": b"LZIP\x01\x0c",
    "cabinet": b"MSCF\0\0\0\0",
    "ar": b"!<arch>\ndebian-binary   ",
    "cpio": b"070701000000000000",
    "compress": b"\x1f\x9d\x90",
    "zip, spanned": b"PK\x07\x08PK\x03\x04",
    "xar": b"xar!\0\x1c\0\1",
}

TEXTS: dict[str, bytes] = {
    "liner notes": b"These are the liner notes of the record.\n" * 9,
    "UTF-8 with a mark": b"\xef\xbb\xbfnotes with a mark in front, in UTF-8\n" * 3,
    "UTF-16": ("These are the liner notes.\n" * 9).encode("utf-16"),
    "UTF-16 without a mark": ("These are the liner notes.\n" * 9).encode("utf-16-le"),
    "HTML of a failed download": b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head></html>",
    "HTML in upper case behind blank lines": b"\n\n\n   <HTML><BODY>Please log in</BODY></HTML>" * 3,
    "XML": b'<?xml version="1.0"?><rss><channel><item/></channel></rss>',
    "XML of an object store's refusal": b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>',
    "JSON": json.dumps({"title": "a song", "length": 123}).encode(),
    "CSV": b"filename,label\nblues.00000.wav,blues\n",
    "playlist": b"#EXTM3U\n#EXTINF:123,A song\nsong.mp3\n",
    "playlist of an HTTP stream": b"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n",
    "cue sheet": b'FILE "album.wav" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n',
    "subtitles": b"1\n00:00:01,000 --> 00:00:02,000\nla la la\n",
    "Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 1323044\n",
    "base64 of a wav": b"UklGRkQAAABXQVZFZm10IBAAAAABAAEAIlYAAERbAAACABAA" * 9,
    "shell script": b"#!/bin/sh\nexec play song.wav\n",
    "SQL": b"DROP TABLE clips; -- a file that hopes to be run\n",
    "torrent": b"d8:announce35:udp://tracker.example.org:8000/4:infod6:lengthi9ee",
    "headers of HTTP": b"HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\n\r\n" + b"and a body that is none\n" * 9,
    "UTF-16 of a few words, which begins like MPEG": "la la\n".encode("utf-16") * 9,
    "prose on a Mac": b"MAC users have more fun, says the text.\n" * 20,
    "prose on DSD": b"DSD is a format.\n" * 50,
    "the word RIFF in prose": b"RIFFs are what this song is made of, says the leaflet.\n" * 9,
}
"""The last three begin like formats."""

BINARIES: dict[str, bytes] = {
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(100),
    "jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + random_bytes(500),
    "jpeg with Exif": b"\xff\xd8\xff\xe1\x00\x10Exif\x00\x00" + random_bytes(500),
    "gif": b"GIF89a\x01\0\x01\0" + bytes(100),
    "bmp": b"BM\x36\0\0\0" + bytes(100),
    "tiff": b"II*\0\x08\0\0\0" + bytes(100),
    "webp": b"RIFF\x64\x00\x00\x00WEBPVP8 " + bytes(100),
    "icon": b"\0\0\1\0\1\0\x10\x10" + bytes(100),
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(100),
    "pickle": pickle.dumps({"samples": list(range(50))}),
    "pickle of protocol 0": pickle.dumps({"samples": list(range(50))}, protocol=0),
    "ELF": b"\x7fELF\x02\x01\x01" + bytes(100),
    "executable of Windows": b"MZ\x90\0\3\0\0\0" + bytes(100),
    "Java class": b"\xca\xfe\xba\xbe\0\0\0\x41" + bytes(100),
    "Parquet": b"PAR1" + bytes(100) + b"PAR1",
    "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(100),
    "SQLite": b"SQLite format 3\0" + bytes(100),
    "Office of old": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    "companion of a Macintosh file": b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        " + bytes(100),
    "folder view of a Macintosh": b"\0\0\0\1Bud1\0\0\x10\0" + bytes(100),
    "peaks of an editor": b"LWPP\x01\0\0\0" + random_bytes(300),
    "zlib stream": zlib.compress(wav()),
    "zeros": bytes(10_000),
    "all ones": b"\xff" * 10_000,
    "spaces": b" " * 10_000,
    "random bytes": random_bytes(10_000),
    "random bytes of another seed": random_bytes(50_000, 2),
    "samples without a header": pcm16(tone()),
    "a wav behind one byte too many": b"\n" + wav(),
    "a wav without its first byte": wav()[1:],
    "a wav with its bytes swapped in pairs": bytes(
        x for pair in zip(wav()[1::2], wav()[::2], strict=False) for x in pair
    ),
    "a wav encrypted": bytes(a ^ b for a, b in zip(wav(), random_bytes(len(wav())), strict=True)),
    "a wav upside down": wav()[::-1],
    "the first kilobyte of a wav overwritten with zeros": bytes(1_000) + wav()[1_000:],
    "flac in capitals": b"FLAC" + bytes(100),
}

CASES: list[Case] = [
    rejected("EMPTY_FILE", "nothing", lambda: b""),
    rejected("TOO_SMALL", "one byte", lambda: b"\0"),
    rejected("TOO_SMALL", "a line end", lambda: b"\n"),
    rejected("TOO_SMALL", "four letters", lambda: b"RIFF"),
    rejected("TOO_SMALL", "23 bytes of a wav", lambda: wav()[:23]),
    rejected("TOO_SMALL", "a sync word", lambda: b"\xff\xfb\x90\x44"),
    rejected("TOO_SMALL", "an ID3 tag of no bytes", lambda: b"ID3\4\0\0\0\0\0\0"),
    rejected("TOO_SMALL", "an empty zip", lambda: b"PK\x05\x06" + bytes(18)),
    rejected("TOO_SMALL", "a short note", lambda: b"file not found"),
    *(rejected("NOT_AUDIO", f"text, {name}", lambda text=text: text) for name, text in TEXTS.items()),
    *(rejected("NOT_AUDIO", f"binary, {name}", lambda content=content: content) for name, content in BINARIES.items()),
    *(
        rejected("ARCHIVE", f"archive, {name}", lambda magic=magic: magic + random_bytes(2_000))
        for name, magic in ARCHIVES.items()
    ),
    rejected("ARCHIVE", "archive, zip", zipped),
    rejected("ARCHIVE", "archive, zip without compression", lambda: zipped(compression=zipfile.ZIP_STORED)),
    rejected("ARCHIVE", "archive, zip whose entry climbs out of its folder", lambda: zipped("../../etc/cron.d/a.wav")),
    rejected("ARCHIVE", "archive, zip of a wav with a wav behind", lambda: zipped() + wav()),
    rejected("ARCHIVE", "archive, half a zip", lambda: zipped()[: len(zipped()) // 2]),
    rejected("ARCHIVE", "archive, a document of an office suite", lambda: zipped("word/document.xml")),
    rejected("ARCHIVE", "archive, tar", lambda: tarred(tarfile.USTAR_FORMAT)),
    rejected("ARCHIVE", "archive, tar of GNU", lambda: tarred(tarfile.GNU_FORMAT)),
    rejected("ARCHIVE", "archive, tar of POSIX with a long name", lambda: tarred(tarfile.PAX_FORMAT, "x" * 300)),
    rejected("ARCHIVE", "archive, tar of version 7", old_tar),
    rejected("ARCHIVE", "archive, gzip", lambda: gzip.compress(wav(), mtime=0)),
    rejected("ARCHIVE", "archive, gzip of zeros, a thousand to one", lambda: gzip.compress(bytes(10_000_000), mtime=0)),
    rejected("ARCHIVE", "archive, bzip2", lambda: bz2.compress(wav())),
    rejected("ARCHIVE", "archive, xz", lambda: lzma.compress(wav())),
    rejected("ARCHIVE", "archive, lzma", lambda: lzma.compress(wav(), lzma.FORMAT_ALONE)),
    rejected("ARCHIVE", "archive, a tar that begins like a wav", lambda: tarred(tarfile.USTAR_FORMAT, "RIFF")),
    rejected("ARCHIVE", "archive, CD image", lambda: bytes(32_768) + b"\x01CD001\x01" + bytes(4_000)),
    rejected("TOO_LARGE", "text beyond the limit on bytes", lambda: b"la " * 1_400_000),
    rejected("TOO_LARGE", "a wav beyond the limit on bytes", lambda: wav() + bytes(4_000_000)),
    rejected("NOT_AUDIO", "numbers that look like nothing", lambda: struct.pack("<500I", *range(500))),
]
