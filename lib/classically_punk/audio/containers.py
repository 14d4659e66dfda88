"""What a container promises against what the file holds: libsndfile shortens a clip that was cut off without a word."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import BinaryIO

from classically_punk.audio import mpeg
from classically_punk.audio.bytesource import read_at
from classically_punk.audio.sniff import Container

_MOST_CHUNKS = 4_096  # a billion empty chunks must not keep a worker busy
_MOST_PAGES = 2_000_000  # Ogg pages: a gigabyte of the usual 4 kB pages is a quarter million

# What writers that cannot seek back (pipes, recorders) leave in a 32-bit length: all ones, or the largest number of
# 31 bits, some of them rounded down to whole blocks.
_UNKNOWN_32 = frozenset({0xFFFFFFFF, 0x80000000}) | frozenset(range(0x7FFFF000, 0x80000000))
_UNKNOWN_TOP = 0xFFFFFF00

# Codes of `fmt ` that libsndfile reads: PCM, MS ADPCM, float, A-law, mu-law, IMA ADPCM, GSM 6.10, G.721, NMS, MP3,
# G.726 and the extensible form, which names its codec elsewhere.
_WAV_CODECS = frozenset({0x01, 0x02, 0x03, 0x06, 0x07, 0x11, 0x31, 0x38, 0x40, 0x45, 0x55, 0x64, 0xFFFE})


# mu-law, integers of 8 to 32 bits, floats, doubles, G.721, G.723 at 24 and 40 kbit/s, A-law.
_AU_CODECS = frozenset({1, 2, 3, 4, 5, 6, 7, 23, 25, 26, 27})


@dataclass(frozen=True)
class Promise:
    """What the container says about its own length."""

    missing_share: float = 0.0  # of the promised bytes, 0 to 1
    missing: str = ""  # what is missing, in words; empty if nothing is
    length_unknown: bool = False
    chained: bool = False  # a second logical stream follows, which the decoder ignores
    empty: bool = False  # a header and nothing behind it
    counts_frames: bool = True  # the decoder's number of frames comes from the file, it is not an estimate
    unknown_codec: str = ""  # in words, where the container names a codec that the decoder has never heard of


def read_promise(source: BinaryIO, container: Container, start: int, size: int) -> Promise:
    """The promise of the container that begins at byte `start` of an open file of `size` bytes.

    A structure that makes no sense gives no promise: what it is worth is for the decoder to say.
    """
    if container in (Container.WAV, Container.RF64):
        return _riff(source, start, size)
    if container is Container.W64:
        return _w64(source, start, size)
    if container is Container.AIFF:
        return _aiff(source, start, size)
    if container is Container.AU:
        return _au(source, start, size)
    if container is Container.CAF:
        return _caf(source, start, size)
    if container is Container.OGG:
        return _ogg(source, start, size)
    if container is Container.MP3:
        return Promise(counts_frames=mpeg.tells_length(source, start))
    return Promise()


def _bytes_promise(promised: int, offset: int, size: int) -> Promise:
    present = max(size - offset, 0)
    if promised == 0 or present == 0:
        return Promise(empty=True)
    if present >= promised:
        return Promise()
    return Promise((promised - present) / promised, f"{present} of {promised} bytes of audio are there")


def _riff(source: BinaryIO, start: int, size: int) -> Promise:
    """RIFF, RIFX and RF64 (EBU Tech 3306): 4 bytes of name, 4 of size, padded to even."""
    order = ">" if read_at(source, start, 4) == b"RIFX" else "<"
    at, data_bytes_64, unknown_codec = start + 12, None, ""
    for _ in range(_MOST_CHUNKS):
        header = read_at(source, at, 8)
        if len(header) < 8:
            break
        name, length = struct.unpack(f"{order}4sI", header)
        if name == b"ds64":
            sizes = read_at(source, at + 8, 16)
            data_bytes_64 = struct.unpack("<QQ", sizes)[1] if len(sizes) == 16 else None
        if name == b"fmt " and length >= 16 and at + 8 + length <= size:
            codec = struct.unpack(f"{order}H", read_at(source, at + 8, 2))[0]
            unknown_codec = "" if codec in _WAV_CODECS else f"WAV with the codec 0x{codec:04X}"
        if name == b"data":
            if length == 0xFFFFFFFF and data_bytes_64 is not None:
                promise = _bytes_promise(data_bytes_64, at + 8, size)
            elif _is_unknown(length) and length > size:
                promise = Promise(length_unknown=True, empty=at + 8 >= size)
            else:
                promise = _bytes_promise(length, at + 8, size)
            return replace(promise, unknown_codec=unknown_codec)
        at += 8 + length + length % 2
    return Promise(unknown_codec=unknown_codec)


def _w64(source: BinaryIO, start: int, size: int) -> Promise:
    """Sony Wave64: 16 bytes of GUID, 8 of size that count the 24 themselves, padded to 8."""
    at = start + 40
    for _ in range(_MOST_CHUNKS):
        header = read_at(source, at, 24)
        if len(header) < 24:
            break
        length = int.from_bytes(header[16:], "little")
        if length < 24:
            break
        if header.startswith(b"data"):
            return _bytes_promise(length - 24, at + 24, size)
        at += length + -length % 8
    return Promise()


def _aiff(source: BinaryIO, start: int, size: int) -> Promise:
    """AIFF and AIFC: big-endian chunks padded to even; audio begins 8 bytes (offset, block) into SSND."""
    at = start + 12
    for _ in range(_MOST_CHUNKS):
        header = read_at(source, at, 8)
        if len(header) < 8:
            break
        name, length = struct.unpack(">4sI", header)
        if name == b"SSND":
            if _is_unknown(length) and length > size:
                return Promise(length_unknown=True, empty=at + 16 >= size)
            return _bytes_promise(max(length - 8, 0), at + 16, size)
        at += 8 + length + length % 2
    return Promise()


def _au(source: BinaryIO, start: int, size: int) -> Promise:
    """AU: magic, offset of the audio, its bytes; all ones is the legal way to say that they were not counted."""
    magic, *fields = struct.unpack(">4s3I", read_at(source, start, 16))
    if magic == b"dns.":  # the same with every number little-endian
        fields = [int.from_bytes(field.to_bytes(4, "big"), "little") for field in fields]
    offset, length, codec = fields
    if length == 0xFFFFFFFF:
        promise = Promise(length_unknown=True, empty=start + offset >= size)
    else:
        promise = _bytes_promise(length, start + offset, size)
    return replace(promise, unknown_codec="" if codec in _AU_CODECS else f"AU with the codec {codec}")


def _caf(source: BinaryIO, start: int, size: int) -> Promise:
    """Core Audio Format: 4 bytes of name, 8 of signed size (-1 in the last chunk: up to the end); 4 of edit count."""
    at = start + 8
    for _ in range(_MOST_CHUNKS):
        header = read_at(source, at, 12)
        if len(header) < 12:
            break
        name, length = struct.unpack(">4sq", header)
        if name == b"data":
            if length == -1:
                return Promise(length_unknown=True, empty=at + 16 >= size)
            return _bytes_promise(max(length - 4, 0), at + 16, size)
        if length < 0:
            break
        at += 12 + length
    return Promise()


def _ogg(source: BinaryIO, start: int, size: int) -> Promise:
    """Ogg pages (RFC 3533, section 6): flag 2 begins a logical stream, flag 4 ends it."""
    at, first, ended, chained = start, b"", False, False
    for _ in range(_MOST_PAGES):
        header = read_at(source, at, 27 + 255)
        if not header.startswith(b"OggS") or len(header) < 27:
            break
        flags, serial = header[5], header[14:18]
        length = 27 + header[26] + sum(header[27 : 27 + header[26]])
        first = first or serial
        chained = chained or (serial != first and bool(flags & 2)) or (serial == first and ended and bool(flags & 2))
        is_cut = at + length > size
        ended = ended or (serial == first and bool(flags & 4) and not is_cut)
        at += length
    if ended:
        return Promise(chained=chained)
    return Promise(1.0, "the stream has no end-of-stream page", chained=chained)


def _is_unknown(length: int) -> bool:
    return length in _UNKNOWN_32 or length >= _UNKNOWN_TOP
