"""Core Audio Format: chunks with 64-bit sizes, codecs by four letters, a sample rate that is a double."""

from __future__ import annotations

import math
import struct

import numpy as np

from tests.zoo.case import RATE, Case, accepted, behind, encoded, missing, patched, pcm16, rejected, stereo, tone

BIG, FLOAT, LITTLE = 0, 1, 2  # flags of linear PCM


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    return name + struct.pack(">q", len(body) if size is None else size) + body


def desc(rate: float = RATE, codec: bytes = b"lpcm", flags: int = BIG, channels: int = 1, bits: int = 16) -> bytes:
    packet = channels * bits // 8
    return chunk(b"desc", struct.pack(">d4sIIIII", rate, codec, flags, packet & 0xFFFFFFFF, 1, channels, bits))


def audio(payload: bytes | None = None, size: int | None = None) -> bytes:
    return chunk(b"data", bytes(4) + (pcm16(tone(), ">") if payload is None else payload), size)


def caf(*chunks: bytes) -> bytes:
    return b"caff\0\1\0\0" + b"".join(chunks)


def plain() -> bytes:
    return caf(desc(), audio())


HEADER = len(caf(desc())) + 16
CASES: list[Case] = [
    accepted("caf, plain", plain),
    accepted("caf, little-endian", lambda: caf(desc(flags=LITTLE), audio(pcm16(tone())))),
    accepted("caf, stereo", lambda: caf(desc(channels=2), audio(pcm16(stereo(), ">")))),
    accepted("caf, float", lambda: caf(desc(flags=FLOAT, bits=32), audio(tone().astype(">f4").tobytes()))),
    accepted(
        "caf, little-endian float",
        lambda: caf(desc(flags=FLOAT | LITTLE, bits=32), audio(tone().astype("<f4").tobytes())),
    ),
    accepted("caf, double", lambda: encoded("CAF", "DOUBLE")),
    accepted("caf, 24 bits", lambda: encoded("CAF", "PCM_24")),
    accepted("caf, 8 bits", lambda: encoded("CAF", "PCM_S8")),
    accepted("caf, mu-law", lambda: encoded("CAF", "ULAW")),
    accepted("caf, A-law", lambda: encoded("CAF", "ALAW")),
    accepted("caf, ALAC of 16 bits", lambda: encoded("CAF", "ALAC_16"), seconds=None),
    accepted("caf, ALAC of 24 bits, stereo", lambda: encoded("CAF", "ALAC_24", stereo()), seconds=None),
    accepted("caf, ALAC of 32 bits", lambda: encoded("CAF", "ALAC_32"), seconds=None),
    accepted("caf, free space in between", lambda: caf(desc(), chunk(b"free", bytes(4_000)), audio())),
    accepted(
        "caf, an information chunk",
        lambda: caf(desc(), chunk(b"info", struct.pack(">I", 1) + b"title\0A song\0"), audio()),
    ),
    accepted("caf, chunks behind", lambda: caf(desc(), audio(), chunk(b"free", bytes(99)))),
    accepted("caf, behind an ID3 tag", lambda: b"ID3\x03\0\0\0\0\0\x0a" + bytes(10) + plain()),
    accepted("caf, data of size -1, which is legal", lambda: caf(desc(), audio(size=-1)), "LENGTH_UNKNOWN"),
    accepted("caf, 0.5 % missing", lambda: missing(plain(), 0.005, HEADER), "TRUNCATED", seconds=1.4925),
    accepted("caf, one sample missing", lambda: plain()[:-2], "TRUNCATED"),
    rejected("TRUNCATED", "caf, 2 % missing", lambda: missing(plain(), 0.02, HEADER)),
    rejected("TRUNCATED", "caf, half missing", lambda: missing(plain(), 0.5, HEADER)),
    rejected("TRUNCATED", "caf, data size doubled", lambda: caf(desc(), audio(size=4 * tone().size))),
    rejected("TRUNCATED", "caf, data size of 2^62", lambda: caf(desc(), audio(size=1 << 62))),
    rejected("TRUNCATED", "caf, ALAC, half missing", lambda: missing(encoded("CAF", "ALAC_16"), 0.5)),
    rejected("NO_SAMPLES", "caf, data of no samples", lambda: caf(desc(), audio(b""))),
    rejected("NO_SAMPLES", "caf, cut behind the header of data", lambda: plain()[:HEADER]),
    rejected("HEADER_CORRUPT", "caf without desc", lambda: caf(audio())),
    rejected("HEADER_CORRUPT", "caf without data", lambda: caf(desc(), chunk(b"free", bytes(9)))),
    rejected("HEADER_CORRUPT", "caf, cut in desc", lambda: plain()[:40]),
    rejected("HEADER_CORRUPT", "caf, data of size -2", lambda: caf(desc(), audio(size=-2))),
    rejected(
        "HEADER_CORRUPT",
        "caf, a chunk of 2^63 - 1 bytes in between",
        lambda: caf(desc(), chunk(b"free", b"", (1 << 63) - 1), audio()),
    ),
    rejected(
        "HEADER_CORRUPT",
        "caf, a chunk of size -100 that leads back",
        lambda: caf(desc(), chunk(b"free", bytes(50), -100), audio()),
    ),
    rejected("HEADER_CORRUPT", "caf, no channels", lambda: caf(desc(channels=0), audio())),
    rejected("HEADER_CORRUPT", "caf, nothing but its magic", lambda: caf(bytes(40))),
    rejected("TOO_MANY_CHANNELS", "caf, 1000 channels", lambda: caf(desc(channels=1_000), audio())),
    rejected("TOO_MANY_CHANNELS", "caf, 2^32 - 1 channels", lambda: patched(plain(), 20 + 24, b"\xff" * 4)),
    rejected("UNSUPPORTED_CODEC", "caf, AAC inside", lambda: caf(desc(codec=b"aac "), audio())),
    rejected("UNSUPPORTED_CODEC", "caf, IMA4 inside", lambda: caf(desc(codec=b"ima4"), audio())),
    rejected("UNSUPPORTED_CODEC", "caf, MP3 inside", lambda: caf(desc(codec=b".mp3"), audio())),
    rejected("UNSUPPORTED_CODEC", "caf, Opus inside", lambda: caf(desc(codec=b"opus"), audio())),
    rejected("UNSUPPORTED_CODEC", "caf, an unheard-of codec", lambda: caf(desc(codec=b"zzzz"), audio())),
    rejected("BAD_SAMPLE_RATE", "caf, NaN Hz", lambda: caf(desc(math.nan), audio())),
    rejected("BAD_SAMPLE_RATE", "caf, infinite Hz", lambda: caf(desc(math.inf), audio())),
    rejected("BAD_SAMPLE_RATE", "caf, 0 Hz", lambda: caf(desc(0.0), audio())),
    rejected("BAD_SAMPLE_RATE", "caf, minus 44100 Hz", lambda: caf(desc(-44_100.0), audio())),
    rejected("BAD_SAMPLE_RATE", "caf, 1e300 Hz", lambda: caf(desc(1e300), audio())),
    rejected("BAD_SAMPLE_RATE", "caf, a hundredth of a hertz", lambda: caf(desc(0.01), audio())),
    rejected(
        "NON_FINITE",
        "caf, NaN in doubles",
        lambda: caf(
            desc(flags=FLOAT, bits=64), audio(np.where(np.arange(RATE) == 3, np.nan, 0.1).astype(">f8").tobytes())
        ),
    ),
]
assert behind(plain(), b"data") + 12 == HEADER
