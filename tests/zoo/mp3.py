"""MPEG layer III: counts in the first frame, tags on both ends, cuts, and streams that begin in the middle."""

from __future__ import annotations

import struct
from functools import cache

import numpy as np

from classically_punk.audio.mpeg import frame_bytes
from tests.zoo.case import Case, accepted, encoded, missing, patched, random_bytes, rejected, stereo, tone

HZ = 44_100


@cache
def mp3(seconds: float = 1.5, rate: int = HZ, mode: str = "CONSTANT", level: float = 0.5) -> bytes:
    """By LAME, with a first frame that counts the others (Info if all have one size, Xing if not)."""
    return encoded("MP3", None, tone(seconds, rate), rate, bitrate_mode=mode, compression_level=level)


def frames(content: bytes) -> list[bytes]:
    found, at = [], 0
    while at + 4 <= len(content) and (length := frame_bytes(content[at : at + 4])):
        found.append(content[at : at + length])
        at += length
    return found


def uncounted(seconds: float = 1.5, mode: str = "CONSTANT") -> bytes:
    """Without the first frame, as many encoders and all radio streams are."""
    return b"".join(frames(mp3(seconds, mode=mode))[1:])


def count_at(content: bytes) -> int:
    """Offset of the number of frames."""
    mark = max(content[:200].find(b"Xing"), content[:200].find(b"Info"))
    return mark + 8


def counting(number: int) -> bytes:
    return patched(mp3(), count_at(mp3()), struct.pack(">I", number))


def id3(size: int, body: bytes = b"", flags: int = 0, version: int = 4) -> bytes:
    """A tag that claims `size` bytes, with a body filled up to it by zeros unless given."""
    claimed = bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127])
    return b"ID3" + bytes([version, 0, flags]) + claimed + body.ljust(size if not body else len(body), b"\0")


def text_frame() -> bytes:
    return b"TIT2" + struct.pack(">IH", 7, 0) + b"\x03A song"


def cover(kilobytes: int) -> bytes:
    image = b"\0image/jpeg\0\x03\0" + b"\xff\xd8\xff\xe0" + b"\xff\xfb\x90\x44" + random_bytes(1_000 * kilobytes)
    return b"APIC" + struct.pack(">IH", len(image), 0) + image


def ape_tag(flags: int = 0x80000000) -> bytes:
    """APEv2 of one item, with header and footer."""
    item = struct.pack("<II", 6, 0) + b"Title\0A song"
    size = len(item) + 32

    def end(flag: int) -> bytes:
        return b"APETAGEX" + struct.pack("<IIII", 2_000, size, 1, flag) + bytes(8)

    return end(flags | 0x20000000) + item + end(flags)


def id3v1() -> bytes:
    return b"TAG" + b"A song".ljust(30, b"\0") + bytes(94) + b"\x11"


def lyrics() -> bytes:
    return b"LYRICSBEGININD0000200LYR00004la la000030LYRICS200"


def free_format() -> bytes:
    """The same frames without their bit rate (ISO/IEC 11172-3, 2.4.2.3: index 0, all frames of one size)."""
    whole = frames(encoded("MP3", None, tone(1.5, 48_000), 48_000, bitrate_mode="CONSTANT", compression_level=0.5))[1:]
    return b"".join(patched(each, 2, bytes([each[2] & 0x0F])) for each in whole)


def vbri() -> bytes:
    """The header of Fraunhofer's encoder in place of LAME's."""
    first, *rest = frames(mp3())
    total = len(b"".join(rest)) + len(first)
    table = struct.pack(">HHHHH", 1, 1, 2, len(rest), 0)
    head = b"VBRI" + struct.pack(">HHHII", 1, 0, 75, total, len(rest)) + table
    return b"".join([(first[:4] + bytes(32) + head).ljust(len(first), b"\0"), *rest])


def adts() -> bytes:
    """Frames of AAC as broadcasters send it."""
    return (b"\xff\xf1\x50\x80\x19\x1f\xfc" + random_bytes(193)) * 20


def layer(number: int) -> bytes:
    """Frames of silence of layer I or II: headers with nothing behind them."""
    header = {1: b"\xff\xff\x50\x00", 2: b"\xff\xfd\x80\x00"}[number]
    return (header + bytes((frame_bytes(header) or 0) - 4)) * 60


DELAY = 0.06  # of encoder and decoder, kept where no header says how much of it to cut off
CASES: list[Case] = [
    accepted("mp3, constant bit rate", mp3),
    accepted("mp3, variable bit rate", lambda: mp3(mode="VARIABLE")),
    accepted("mp3, average bit rate", lambda: mp3(mode="AVERAGE")),
    accepted("mp3, stereo", lambda: encoded("MP3", None, stereo(1.5, HZ), HZ)),
    accepted("mp3, 8 kHz, MPEG 2.5", lambda: mp3(rate=8_000)),
    accepted("mp3, 11.025 kHz, MPEG 2.5", lambda: mp3(rate=11_025)),
    accepted("mp3, 22.05 kHz, MPEG 2", lambda: mp3(rate=22_050)),
    accepted("mp3, 32 kHz", lambda: mp3(rate=32_000)),
    accepted("mp3, 48 kHz", lambda: mp3(rate=48_000)),
    accepted("mp3, 320 kbit/s", lambda: mp3(level=0.0)),
    accepted("mp3, lowest bit rate", lambda: mp3(level=0.99), seconds=1.501),
    accepted("mp3, constant, not counted", uncounted, seconds=None),
    accepted("mp3, variable, not counted", lambda: uncounted(mode="VARIABLE"), seconds=None),
    accepted("mp3, VBRI", vbri, seconds=None),
    accepted("mp3, free format", free_format, seconds=None),
    accepted("mp3, ID3v2.4", lambda: id3(300) + mp3()),
    accepted("mp3, ID3v2.3 with a title", lambda: id3(len(text_frame()), text_frame(), version=3) + mp3()),
    accepted("mp3, ID3v2.2", lambda: id3(100, version=2) + mp3()),
    accepted("mp3, ID3v2.4 with a footer", lambda: id3(50, bytes(50), flags=0x10) + b"3DI\4\0\x10\0\0\0\x32" + mp3()),
    accepted("mp3, a cover of 300 kB that holds a sync word", lambda: id3(len(cover(300)), cover(300)) + mp3()),
    accepted("mp3, a tag of 3 MB", lambda: id3(3_000_000) + mp3()),
    accepted("mp3, two ID3 tags in a row", lambda: id3(30) + id3(400) + mp3()),
    accepted("mp3, zeros behind the ID3 tag", lambda: id3(100) + bytes(777) + mp3()),
    accepted("mp3, ID3v1 behind", lambda: mp3() + id3v1()),
    accepted("mp3, ID3v2 and ID3v1", lambda: id3(100) + mp3() + id3v1()),
    accepted("mp3, APE tag behind", lambda: mp3() + ape_tag()),
    accepted("mp3, APE tag, lyrics and ID3v1 behind", lambda: mp3() + ape_tag() + lyrics() + id3v1()),
    accepted("mp3, not counted, APE tag and ID3v1 behind", lambda: uncounted() + ape_tag() + id3v1(), seconds=None),
    accepted("mp3, zeros behind", lambda: mp3() + bytes(1_000)),
    accepted("mp3, begins in the middle of a frame", lambda: uncounted()[150:], seconds=None),
    accepted("mp3, zeros in front", lambda: bytes(600) + mp3()),
    accepted(
        "mp3, two files joined, the first counts for itself", lambda: mp3() + mp3(), "LENGTH_UNKNOWN", seconds=None
    ),
    accepted(
        "mp3, changes its rate half way, where the decoder stops",
        lambda: uncounted() + b"".join(frames(mp3(rate=22_050))[1:]),
        "LENGTH_UNKNOWN",
        seconds=1.53,
    ),
    accepted(
        "mp3, changes from stereo to mono",
        lambda: b"".join(frames(encoded("MP3", None, stereo(1.5, HZ), HZ))[1:]) + uncounted(),
        "LENGTH_UNKNOWN",
        seconds=1.53,
    ),
    accepted("mp3, text between two streams", lambda: uncounted() + b"advert " * 100 + uncounted(), seconds=3.07),
    accepted(
        "mp3, noise between two streams",
        lambda: uncounted() + random_bytes(500) + uncounted(),
        "LENGTH_UNKNOWN",
        seconds=None,
    ),
    accepted("mp3, an APE tag in front", lambda: ape_tag() + mp3()),
    accepted("mp3, an ID3v2.4 tag behind", lambda: mp3() + id3(50, bytes(50), flags=0x10) + b"3DI\4\0\x10\0\0\0\x32"),
    rejected("NO_SAMPLES", "mp3, the frame that counts and no other", lambda: frames(mp3())[0]),
    rejected("FORMAT_NOT_ALLOWED", "mp3's tag in front of AAC", lambda: id3(100) + adts()),
    rejected(
        "FORMAT_NOT_ALLOWED", "mp3's tag in front of Monkey's Audio", lambda: id3(100) + b"MAC \x96\x0f" + bytes(99)
    ),
    rejected("HEADER_CORRUPT", "mp3's tag in front of a zip", lambda: id3(100) + b"PK\3\4" + bytes(99)),
    accepted("mp3, counts of 0 frames", lambda: counting(0), seconds=None),
    accepted("mp3, a frame of noise among 190", lambda: _with_noise(), seconds=None),
    accepted("mp3, 0.5 % missing", lambda: missing(mp3(6.0), 0.005), "TRUNCATED", seconds=None),
    rejected("TRUNCATED", "mp3, 2 % missing", lambda: missing(mp3(6.0), 0.02)),
    rejected("TRUNCATED", "mp3, half missing", lambda: missing(mp3(), 0.5)),
    rejected("TRUNCATED", "mp3, half missing, tags in front", lambda: id3(300) + missing(mp3(), 0.5)),
    rejected("TRUNCATED", "mp3, variable, half missing", lambda: missing(mp3(mode="VARIABLE"), 0.5)),
    accepted("mp3, not counted, half missing: nobody can tell", lambda: missing(uncounted(3.0), 0.5), seconds=None),
    rejected("TRUNCATED", "mp3, counts twice its frames", lambda: counting(120)),
    rejected("TOO_LONG", "mp3, counts 2^30 frames", lambda: counting(1 << 30)),
    rejected("TOO_SHORT", "mp3, one frame", lambda: frames(uncounted())[0]),
    rejected("TOO_SHORT", "mp3, ten frames", lambda: b"".join(frames(uncounted())[:10])),
    rejected("HEADER_CORRUPT", "mp3, an ID3 tag larger than the file", lambda: id3(1 << 27, bytes(30)) + mp3()),
    rejected("HEADER_CORRUPT", "mp3, an ID3 tag of an impossible size", lambda: b"ID3\4\0\0\xff\xff\xff\xff" + mp3()),
    rejected(
        "HEADER_CORRUPT",
        "mp3, an ID3 tag that ends in the middle of a cover",
        lambda: id3(len(cover(9)) // 2, cover(9)) + mp3(),
    ),
    rejected("HEADER_CORRUPT", "mp3, an ID3 tag and text", lambda: id3(100) + b"no music here\n" * 90),
    rejected("HEADER_CORRUPT", "mp3, an ID3 tag and nothing else", lambda: id3(1_000)),
    rejected("HEADER_CORRUPT", "mp3, fifty ID3 tags and nothing else", lambda: id3(0) * 50),
    rejected("NOT_AUDIO", "mp3, one sync word and noise", lambda: b"\xff\xfb\x90\x44" + random_bytes(9_000)),
    rejected("NOT_AUDIO", "mp3, all ones", lambda: b"\xff" * 9_000),
    rejected("FORMAT_NOT_ALLOWED", "mpeg layer I", lambda: layer(1)),
    rejected("FORMAT_NOT_ALLOWED", "mpeg layer II", lambda: layer(2)),
    rejected("SILENT", "mp3 of silence", lambda: encoded("MP3", None, np.zeros(HZ), HZ)),
]


def _with_noise() -> bytes:
    """Six seconds in which the inside of one frame was overwritten: the decoder conceals it or plays a click."""
    found = frames(mp3(6.0))
    found[100] = found[100][:4] + random_bytes(len(found[100]) - 4, seed=7)
    return b"".join(found)
