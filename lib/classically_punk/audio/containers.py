"""What a container promises against what the file holds: libsndfile shortens a clip that was cut off without a word."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import BinaryIO

from classically_punk.audio import mpeg
from classically_punk.audio.bytesource import read_at
from classically_punk.audio.sniff import Container
from classically_punk.errors import BadSampleRateError, HeaderCorruptError, TooManyChannelsError

_MOST_CHUNKS = 4_096  # a billion empty chunks must not keep a worker busy
_MOST_PAGES = 2_000_000  # Ogg pages: a gigabyte of the usual 4 kB pages is a quarter million

# What writers that cannot seek back (pipes, recorders) leave in a 32-bit length: all ones, or the largest number of
# 31 bits, some of them rounded down to whole blocks.
_UNKNOWN_32 = frozenset({0xFFFFFFFF, 0x80000000}) | frozenset(range(0x7FFFF000, 0x80000000))
_UNKNOWN_TOP = 0xFFFFFF00
_MORE_THAN_COUNTED, _STRAY_BYTES = 0.02, 8_192  # what an MP3 may have beyond its own count, as share and in bytes

# Codes of `fmt ` that libsndfile reads: PCM, MS ADPCM, float, A-law, mu-law, IMA ADPCM, GSM 6.10, G.721, NMS, MP3,
# G.726 and the extensible form, which names its codec elsewhere.
_WAV_CODECS = frozenset({0x01, 0x02, 0x03, 0x06, 0x07, 0x11, 0x31, 0x38, 0x40, 0x45, 0x55, 0x64, 0xFFFE})


_MOST_FLAC_FRAMES = (1 << 36) - 1
_LONGEST_FMT = 1_024
_MOST_CHANNELS = 1_024  # libsndfile reads no more, and some of the larger numbers as negative ones
_UNKNOWN_64 = 1 << 63  # a 64-bit length of this or more is the -1 of a writer that could not seek back

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
    frames: int | None = None  # as counted by the file, where the decoder is not shown that number
    rewritten: tuple[int, bytes] | None = (
        None  # bytes that the decoder is shown at a place of the file, for a lie there
    )
    plain: tuple[bytes, int, int] | None = None  # a header of our own, and the bytes from and to which the audio lies


def read_promise(source: BinaryIO, container: Container, start: int, size: int) -> Promise:
    """The promise of the container that begins at byte `start` of an open file of `size` bytes.

    Raises HeaderCorruptError where what the samples need is not there at all, BadSampleRateError and
    TooManyChannelsError for numbers that a decoder would take for others. What else makes no sense gives no promise:
    what it is worth is for the decoder to say.
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
        return _mp3(source, start, size)
    return _flac(source, start)


def _bytes_promise(promised: int, offset: int, size: int) -> Promise:
    present = max(size - offset, 0)
    if promised == 0 or present == 0:
        return Promise(empty=True)
    if present >= promised:
        return Promise()
    return Promise((promised - present) / promised, f"{present} of {promised} bytes of audio are there")


def _riff(source: BinaryIO, start: int, size: int) -> Promise:
    """RIFF, RIFX and RF64 (EBU Tech 3306): 4 bytes of name, 4 of size, padded to even."""
    magic, riff_bytes = struct.unpack("<4sI", read_at(source, start, 8))
    order = ">" if magic == b"RIFX" else "<"
    if order == ">":
        riff_bytes = int.from_bytes(riff_bytes.to_bytes(4, "little"), "big")
    end = min(start + 8 + riff_bytes, size)
    at, data_bytes_64, size_64_at, fmt, unknown_codec = start + 12, None, 0, b"", ""
    for _ in range(_MOST_CHUNKS):
        header = read_at(source, at, 8)
        if len(header) < 8:
            break
        name, length = struct.unpack(f"{order}4sI", header)
        if name == b"ds64":
            sizes = read_at(source, at + 8, 16)
            data_bytes_64 = struct.unpack("<QQ", sizes)[1] if len(sizes) == 16 else None
            size_64_at = at + 8
        if name == b"fmt " and length >= 16 and at + 8 + length <= size:
            fmt = read_at(source, at + 8, min(length, _LONGEST_FMT))
            unknown_codec = _unknown_wav_codec(struct.unpack(f"{order}HHIIHH", fmt[:16]))
        if name == b"data":
            if length == 0xFFFFFFFF and data_bytes_64 is not None:
                if data_bytes_64 >= _UNKNOWN_64:
                    present = max(size - at - 8, 0)
                    true = struct.pack("<QQ", size - start - 8, present)
                    promise = Promise(length_unknown=True, empty=present == 0, rewritten=(size_64_at, true))
                else:
                    promise = _bytes_promise(data_bytes_64, at + 8, size)
            elif _is_unknown(length) and length > size:
                promise = Promise(length_unknown=True, empty=at + 8 >= size)
            else:
                promise = _bytes_promise(length, at + 8, size)
                if length and not _is_chunk(source, at + 8 + length, end):
                    promise = replace(promise, length_unknown=True)
            if fmt and not size_64_at:
                header = _wav_header(magic, order, fmt, min(length, max(size - at - 8, 0)))
                promise = replace(promise, plain=(header, at + 8, at + 8 + length))
            return replace(promise, unknown_codec=unknown_codec)
        at += 8 + length + length % 2
    raise HeaderCorruptError(f"no data chunk in {size - start} bytes of WAV")


def _wav_header(magic: bytes, order: str, fmt: bytes, data_bytes: int) -> bytes:
    """The least that makes a WAV: RIFF, `fmt ` as the file has it, and the head of `data`."""
    chunks = b"WAVE" + struct.pack(f"{order}4sI", b"fmt ", len(fmt)) + fmt + bytes(len(fmt) % 2)
    chunks += struct.pack(f"{order}4sI", b"data", data_bytes)
    return magic + struct.pack(f"{order}I", min(len(chunks) + data_bytes, 0xFFFFFFFF)) + chunks


def _unknown_wav_codec(fields: tuple[int, ...]) -> str:
    """Of the six numbers of `fmt `: in words, a codec that the decoder does not know. Raises HeaderCorruptError."""
    codec, channels, bits = fields[0], fields[1], fields[5]
    if channels == 0:
        raise HeaderCorruptError("WAV without channels")
    if codec not in _WAV_CODECS:
        return f"WAV with the codec 0x{codec:04X}"
    return f"WAV of floats of {bits} bits" if codec == 3 and bits not in (32, 64) else ""


def _is_chunk(source: BinaryIO, at: int, end: int) -> bool:
    """Whether what lies behind a chunk that ends at `at`, up to the end of RIFF, can be chunks (or is next to nothing).

    Otherwise the length of that chunk was a lie, and these are samples.
    """
    for place in (at + at % 2, at):  # some writers forget the padding
        header = read_at(source, place, 8)
        if place + 8 > end or len(header) < 8 or not any(header):
            return True
        if all(0x20 <= byte < 0x7F for byte in header[:4]):
            return True
    return False


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
            if length >= _UNKNOWN_64:
                return Promise(length_unknown=True, empty=at + 24 >= size)
            return _bytes_promise(length - 24, at + 24, size)
        at += length + -length % 8
    raise HeaderCorruptError(f"no data chunk in {size - start} bytes of Wave64")


def _aiff(source: BinaryIO, start: int, size: int) -> Promise:
    """AIFF and AIFC: big-endian chunks padded to even; audio begins 8 bytes (offset, block) into SSND."""
    at = start + 12
    common: bytes | None = None
    sound: tuple[int, int] | None = None
    for _ in range(_MOST_CHUNKS):
        header = read_at(source, at, 8)
        if len(header) < 8 or (common is not None and sound is not None):
            break
        name, length = struct.unpack(">4sI", header)
        if name == b"COMM":
            common = read_at(source, at + 8, min(length, 22))
            if length < 18 or at + 8 + length > size:
                raise HeaderCorruptError(f"AIFF with a COMM of {length} bytes")
        if name == b"SSND":
            sound = at, length
        at += 8 + length + length % 2
    if common is None:
        raise HeaderCorruptError("AIFF without COMM")
    channels, frames, bits = struct.unpack(">hIh", common[:8])
    if common[8] & 0x80:
        raise BadSampleRateError("a sample rate below zero")
    if channels < 1:
        raise HeaderCorruptError(f"AIFF of {channels} channels")
    if sound is None:
        if frames:
            raise HeaderCorruptError(f"AIFF that counts {frames} frames and has no SSND")
        return Promise(empty=True)
    at, length = sound
    offset = int.from_bytes(read_at(source, at + 8, 4), "big")
    if offset and at + 16 + offset > size:
        raise HeaderCorruptError(f"AIFF whose samples begin at byte {at + 16 + offset} of {size}")
    if _is_unknown(length) and length > size:
        return Promise(length_unknown=True, empty=at + 16 >= size)
    promise = _bytes_promise(max(length - 8, 0), at + 16, size)
    if common[18:22] in (b"", b"NONE", b"sowt", b"twos", b"in24", b"in32", b"fl32", b"FL32", b"fl64", b"FL64"):
        counted = frames * channels * ((bits + 7) // 8)
        if abs(length - 8 - offset - counted) > channels * ((bits + 7) // 8) and not promise.empty:
            promise = replace(promise, length_unknown=not promise.missing_share)
    return promise


def _au(source: BinaryIO, start: int, size: int) -> Promise:
    """AU: magic, offset of the audio, its bytes; all ones is the legal way to say that they were not counted."""
    magic, *fields = struct.unpack(">4s5I", read_at(source, start, 24).ljust(24, b"\0"))
    if magic == b"dns.":  # the same with every number little-endian
        fields = [int.from_bytes(field.to_bytes(4, "big"), "little") for field in fields]
    offset, length, codec, _, channels = fields
    if offset < 24 or start + offset > size:
        raise HeaderCorruptError(f"AU whose samples begin at byte {offset} of {size - start}")
    if channels > _MOST_CHANNELS:
        raise TooManyChannelsError(f"AU of {channels} channels")
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
        if length < -1:
            raise HeaderCorruptError(f"CAF with a chunk of {length} bytes")
        if name == b"desc" and length >= 32:
            channels = int.from_bytes(read_at(source, at + 12 + 24, 4), "big")
            if channels > _MOST_CHANNELS:
                raise TooManyChannelsError(f"CAF of {channels} channels")
        if name == b"data":
            # libsndfile takes neither the -1 of a recorder nor more than there is
            true = at + 4, struct.pack(">q", max(size - at - 12, 0))
            if length == -1:
                return Promise(length_unknown=True, empty=at + 16 >= size, rewritten=true)
            promise = _bytes_promise(max(length - 4, 0), at + 16, size)
            return replace(promise, rewritten=true) if promise.missing_share else promise
        if length < 0:
            break
        at += 12 + length
    raise HeaderCorruptError(f"no data chunk in {size - start} bytes of CAF")


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


def _mp3(source: BinaryIO, start: int, size: int) -> Promise:
    """A first frame that counts the others. Where more follow than it knows of, files were joined: no count then."""
    counted = mpeg.counted_bytes(source, start)
    present = mpeg.end_of_frames(source, size) - start
    if counted is not None and present - counted > max(counted * _MORE_THAN_COUNTED, _STRAY_BYTES):
        return Promise(counts_frames=False, length_unknown=True)
    if mpeg.tells_length(source, start):
        return Promise(empty=present <= (mpeg.frame_bytes(read_at(source, start, 4)) or 0))
    if counted is not None and present < counted:
        return replace(_bytes_promise(counted, start, start + present), counts_frames=False)
    return Promise(counts_frames=False)


def _flac(source: BinaryIO, start: int) -> Promise:
    """STREAMINFO (RFC 9639, section 8.2) comes first, has 34 bytes and blocks of 16 samples at least.

    The decoder is shown a file that does not count its samples, so that it goes on to the end whatever is counted.
    """
    head = read_at(source, start + 4, 22)
    kind, length = head[0] & 0x7F, int.from_bytes(head[1:4], "big")
    smallest, largest = struct.unpack(">HH", head[4:8])
    if kind != 0 or length != 34 or smallest < 16 or largest < smallest:
        raise HeaderCorruptError("FLAC that does not begin with a STREAMINFO that makes sense")
    packed = int.from_bytes(head[17:22], "big")
    frames = packed & _MOST_FLAC_FRAMES
    uncounted = (packed - frames).to_bytes(5, "big")
    return Promise(frames=frames, length_unknown=frames == 0, rewritten=(start + 21, uncounted))


def _is_unknown(length: int) -> bool:
    return length in _UNKNOWN_32 or length >= _UNKNOWN_TOP
