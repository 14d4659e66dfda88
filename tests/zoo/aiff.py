"""AIFF and AIFF-C: sample rates of 80 bits, compression types, chunks that lie, cuts."""

from __future__ import annotations

import math
import struct

import numpy as np

from tests.zoo.case import RATE, Case, accepted, behind, encoded, missing, patched, pcm16, pcm24, rejected, stereo, tone

FRAMES = tone().size
HEADER = 54


def extended(value: float) -> bytes:
    """A float of 80 bits (IEEE 754 extended), as the sample rate is written."""
    if math.isnan(value) or math.isinf(value):
        return b"\x7f\xff" + (b"\xc0" if math.isnan(value) else b"\x80") + bytes(7)
    mantissa, exponent = math.frexp(abs(value))
    sign = 0x8000 if value < 0 else 0
    return struct.pack(">HQ", sign | (exponent + 16382 if value else 0), int(mantissa * 2**64))


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    return name + struct.pack(">I", len(body) if size is None else size) + body + bytes(len(body) % 2)


def comm(
    channels: int = 1, frames: int = FRAMES, bits: int = 16, rate: float = RATE, compression: bytes | None = None
) -> bytes:
    body = struct.pack(">hIh", channels, frames, bits) + extended(rate)
    return chunk(b"COMM", body if compression is None else body + compression + b"\0\0")


def ssnd(body: bytes | None = None, size: int | None = None, offset: int = 0) -> bytes:
    content = struct.pack(">II", offset, 0) + (pcm16(tone(), ">") if body is None else body)
    return chunk(b"SSND", content, size)


def form(*chunks: bytes, kind: bytes = b"AIFF", size: int | None = None) -> bytes:
    body = kind + b"".join(chunks)
    return b"FORM" + struct.pack(">I", len(body) if size is None else size) + body


def aiff(rate: float = RATE, channels: int = 1) -> bytes:
    return form(comm(rate=rate, channels=channels), ssnd())


def aifc(compression: bytes, payload: bytes, bits: int = 16, frames: int = FRAMES) -> bytes:
    version = chunk(b"FVER", b"\xa2\x80\x51\x40")
    return form(version, comm(bits=bits, frames=frames, compression=compression), ssnd(payload), kind=b"AIFC")


def aifc_named(name: bytes) -> bytes:
    """COMM of sowt with a Pascal string."""
    return chunk(b"COMM", comm()[8:] + b"sowt" + name)


def id3_chunk() -> bytes:
    return chunk(b"ID3 ", b"ID3\x03\0\0\0\0\0\x0a" + bytes(10))


CASES: list[Case] = [
    accepted("aiff, plain", aiff),
    accepted("aiff, stereo", lambda: form(comm(channels=2), ssnd(pcm16(stereo(), ">")))),
    accepted("aiff, 8 bits", lambda: encoded("AIFF", "PCM_S8")),
    accepted("aiff, 24 bits", lambda: form(comm(bits=24), ssnd(pcm24(tone(), ">")))),
    accepted("aiff, 32 bits", lambda: encoded("AIFF", "PCM_32")),
    accepted("aiff, 12 bits in 16", lambda: form(comm(bits=12), ssnd())),
    accepted("aiff, SSND in front of COMM", lambda: form(ssnd(), comm())),
    accepted(
        "aiff, name, author and annotation",
        lambda: form(chunk(b"NAME", b"A song"), chunk(b"AUTH", b"odd"), comm(), ssnd(), chunk(b"ANNO", b"x")),
    ),
    accepted("aiff, ID3 chunk behind", lambda: form(comm(), ssnd(), id3_chunk())),
    accepted(
        "aiff, markers and instrument", lambda: form(comm(), chunk(b"MARK", b"\0\0"), chunk(b"INST", bytes(20)), ssnd())
    ),
    accepted("aiff, application chunk in between", lambda: form(comm(), chunk(b"APPL", b"stoc" + bytes(99)), ssnd())),
    accepted("aiff, FORM size 0", lambda: form(comm(), ssnd(), size=0)),
    accepted("aiff, FORM size all ones", lambda: form(comm(), ssnd(), size=0xFFFFFFFF)),
    accepted("aiff, bytes behind the end of FORM", lambda: aiff() + b"\0" * 50),
    accepted("aiff, behind an ID3 tag", lambda: b"ID3\x03\0\0\0\0\0\x0a" + bytes(10) + aiff()),
    accepted("aiff, 22254.54 Hz of the first Macintosh", lambda: aiff(22_254.54), seconds=1.486),
    accepted(
        "aifc, a compression with a name of three letters",
        lambda: form(aifc_named(b"\x03abc"), ssnd(pcm16(tone())), kind=b"AIFC"),
    ),
    accepted("aifc, NONE", lambda: aifc(b"NONE", pcm16(tone(), ">"))),
    accepted("aifc, sowt", lambda: aifc(b"sowt", pcm16(tone()))),
    accepted("aifc, twos", lambda: aifc(b"twos", pcm16(tone(), ">"))),
    accepted("aifc, fl32", lambda: aifc(b"fl32", tone().astype(">f4").tobytes(), 32)),
    accepted("aifc, FL32", lambda: aifc(b"FL32", tone().astype(">f4").tobytes(), 32)),
    accepted("aifc, fl64", lambda: aifc(b"fl64", tone().astype(">f8").tobytes(), 64)),
    accepted("aifc, in24", lambda: aifc(b"in24", pcm24(tone(), ">"), 24)),
    rejected(
        "UNSUPPORTED_CODEC", "aifc, 42ni, which libsndfile does not know", lambda: aifc(b"42ni", pcm24(tone()), 24)
    ),
    accepted("aifc, in32", lambda: aifc(b"in32", np.round(tone() * 2**31).astype(">i4").tobytes(), 32)),
    accepted("aifc, 23ni", lambda: aifc(b"23ni", np.round(tone() * 2**31).astype("<i4").tobytes(), 32)),
    accepted("aifc, raw", lambda: aifc(b"raw ", np.round(tone() * 127 + 128).astype(np.uint8).tobytes(), 8)),
    accepted("aifc, ulaw", lambda: encoded("AIFF", "ULAW")),
    accepted("aifc, alaw", lambda: encoded("AIFF", "ALAW")),
    accepted("aifc, GSM", lambda: encoded("AIFF", "GSM610"), seconds=None),
    accepted("aifc, ima4", lambda: encoded("AIFF", "IMA_ADPCM"), seconds=None),
    accepted("aifc, DWVW", lambda: encoded("AIFF", "DWVW_16")),
    accepted("aiff, SSND size all ones", lambda: form(comm(), ssnd(size=0xFFFFFFFF)), "LENGTH_UNKNOWN"),
    accepted(
        "aiff, COMM counts fewer frames than there are",
        lambda: form(comm(frames=RATE), ssnd()),
        "LENGTH_UNKNOWN",
        seconds=None,
    ),
    accepted("aiff, 0.5 % missing", lambda: missing(aiff(), 0.005, HEADER), "TRUNCATED", seconds=1.4925),
    accepted("aiff, one sample missing", lambda: aiff()[:-2], "TRUNCATED"),
    rejected("TRUNCATED", "aiff, 2 % missing", lambda: missing(aiff(), 0.02, HEADER)),
    rejected("TRUNCATED", "aiff, half missing", lambda: missing(aiff(), 0.5, HEADER)),
    rejected("TRUNCATED", "aiff, SSND size doubled", lambda: form(comm(), ssnd(size=4 * FRAMES))),
    rejected(
        "TRUNCATED",
        "aiff, COMM and SSND count twice what is there",
        lambda: form(comm(frames=2 * FRAMES), ssnd(size=4 * FRAMES + 8)),
    ),
    rejected("TRUNCATED", "aifc, sowt, half missing", lambda: missing(aifc(b"sowt", pcm16(tone())), 0.5, 72)),
    rejected("TRUNCATED", "aifc, ima4, half missing", lambda: missing(encoded("AIFF", "IMA_ADPCM"), 0.5)),
    rejected(
        "NO_SAMPLES", "aiff without SSND, as the form allows where there are no samples", lambda: form(comm(frames=0))
    ),
    rejected("NO_SAMPLES", "aiff, SSND of no samples", lambda: form(comm(frames=0), ssnd(b""))),
    rejected("NO_SAMPLES", "aiff, cut behind the header of SSND", lambda: aiff()[:HEADER]),
    rejected("HEADER_CORRUPT", "aiff without COMM", lambda: form(ssnd())),
    rejected("HEADER_CORRUPT", "aiff, COMM cut", lambda: aiff()[:25]),
    rejected("HEADER_CORRUPT", "aiff, COMM of 4 bytes", lambda: form(chunk(b"COMM", b"\0\1\0\0"), ssnd())),
    rejected("HEADER_CORRUPT", "aiff, COMM of 2^31 bytes", lambda: form(chunk(b"COMM", comm()[8:], 1 << 31), ssnd())),
    rejected("HEADER_CORRUPT", "aiff, no channels", lambda: aiff(channels=0)),
    rejected("HEADER_CORRUPT", "aiff, channels below zero", lambda: aiff(channels=-1)),
    rejected("HEADER_CORRUPT", "aiff of the kind AIFX", lambda: form(comm(), ssnd(), kind=b"AIFX")),
    rejected(
        "HEADER_CORRUPT", "aiff, random bytes instead of chunks", lambda: form(np.random.default_rng(5).bytes(9_000))
    ),
    rejected("TOO_MANY_CHANNELS", "aiff, 300 channels", lambda: aiff(channels=300)),
    rejected("UNSUPPORTED_CODEC", "aifc, MACE 3:1", lambda: aifc(b"MAC3", bytes(range(256)) * 90)),
    rejected("UNSUPPORTED_CODEC", "aifc, QDesign", lambda: aifc(b"QDM2", bytes(range(256)) * 90)),
    rejected("UNSUPPORTED_CODEC", "aifc, an unheard-of compression", lambda: aifc(b"zzzz", bytes(range(256)) * 90)),
    rejected("UNSUPPORTED_CODEC", "aiff, 64 bits", lambda: form(comm(bits=64), ssnd(bytes(range(256)) * 900))),
    rejected("BAD_SAMPLE_RATE", "aiff, 0 Hz", lambda: aiff(0.0)),
    rejected("BAD_SAMPLE_RATE", "aiff, 1 Hz", lambda: aiff(1.0)),
    rejected("BAD_SAMPLE_RATE", "aiff, 1e12 Hz", lambda: aiff(1e12)),
    rejected("BAD_SAMPLE_RATE", "aiff, infinite Hz", lambda: aiff(math.inf)),
    rejected("BAD_SAMPLE_RATE", "aiff, NaN Hz", lambda: aiff(math.nan)),
    rejected("BAD_SAMPLE_RATE", "aiff, minus 22050 Hz", lambda: aiff(-22_050.0)),
    rejected("BAD_SAMPLE_RATE", "aiff, 500 kHz", lambda: aiff(500_000.0)),
    rejected(
        "NON_FINITE",
        "aifc, NaN",
        lambda: aifc(b"fl32", np.where(np.arange(FRAMES) == 9, np.nan, tone()).astype(">f4").tobytes(), 32),
    ),
    accepted("aifc of libsndfile whose comment was patched", lambda: patched(encoded("AIFF", "FLOAT"), 4, b"\0\0\0\0")),
    rejected("HEADER_CORRUPT", "aiff, SSND that begins beyond its end", lambda: form(comm(), ssnd(offset=1 << 30))),
    accepted("aiff, SSND with an offset of 64", lambda: form(comm(), ssnd(bytes(64) + pcm16(tone(), ">"), offset=64))),
]
assert behind(aiff(), b"SSND") + 12 == HEADER
