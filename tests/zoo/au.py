"""AU: offset, length and codec of a header of six numbers, either way round."""

from __future__ import annotations

import struct

import numpy as np

from tests.zoo.case import RATE, Case, accepted, encoded, missing, pcm16, pcm24, rejected, stereo, tone

HEADER = 28


def au(
    payload: bytes | None = None, size: int | None = None, codec: int = 3, rate: int = RATE, channels: int = 1,
    offset: int = HEADER, note: bytes = b"\0\0\0\0", order: str = ">",
) -> bytes:  # fmt: skip
    samples = pcm16(tone(rate=RATE), order) if payload is None else payload
    magic = b".snd" if order == ">" else b"dns."
    length = len(samples) if size is None else size
    return magic + struct.pack(f"{order}5I", offset, length, codec, rate, channels) + note + samples


CASES: list[Case] = [
    accepted("au, plain", au),
    accepted("au, little-endian", lambda: au(order="<")),
    accepted("au, stereo", lambda: au(pcm16(stereo(), ">"), channels=2)),
    accepted("au, header of 24 bytes", lambda: au(offset=24, note=b"")),
    accepted("au, a long annotation", lambda: au(offset=24 + 1_000, note=b"A song by nobody".ljust(1_000, b"\0"))),
    accepted("au, mu-law", lambda: encoded("AU", "ULAW", tone(rate=8_000), 8_000)),
    accepted("au, A-law", lambda: encoded("AU", "ALAW", tone(rate=8_000), 8_000)),
    accepted("au, mu-law at 8012 Hz", lambda: encoded("AU", "ULAW", tone(rate=8_012), 8_012)),
    accepted("au, 8 bits", lambda: encoded("AU", "PCM_S8")),
    accepted("au, 24 bits", lambda: au(pcm24(tone(), ">"), codec=4)),
    accepted("au, 32 bits", lambda: encoded("AU", "PCM_32")),
    accepted("au, float", lambda: au(tone().astype(">f4").tobytes(), codec=6)),
    accepted("au, double", lambda: au(tone().astype(">f8").tobytes(), codec=7)),
    accepted("au, G.721", lambda: encoded("AU", "G721_32", tone(rate=8_000), 8_000), seconds=None),
    accepted("au, G.723 at 24 kbit/s", lambda: encoded("AU", "G723_24", tone(rate=8_000), 8_000), seconds=None),
    accepted("au, G.723 at 40 kbit/s", lambda: encoded("AU", "G723_40", tone(rate=8_000), 8_000), seconds=None),
    accepted("au, length all ones, which is legal", lambda: au(size=0xFFFFFFFF), "LENGTH_UNKNOWN"),
    accepted("au, little-endian, length all ones", lambda: au(size=0xFFFFFFFF, order="<"), "LENGTH_UNKNOWN"),
    accepted("au, bytes behind the samples", lambda: au(size=2 * RATE), seconds=None),
    accepted("au, 0.5 % missing", lambda: missing(au(), 0.005, HEADER), "TRUNCATED", seconds=1.4925),
    accepted("au, one sample missing", lambda: au()[:-2], "TRUNCATED"),
    rejected("TRUNCATED", "au, 2 % missing", lambda: missing(au(), 0.02, HEADER)),
    rejected("TRUNCATED", "au, half missing", lambda: missing(au(), 0.5, HEADER)),
    rejected("TRUNCATED", "au, little-endian, half missing", lambda: missing(au(order="<"), 0.5, HEADER)),
    rejected("TRUNCATED", "au, length of 2^30", lambda: au(size=1 << 30)),
    rejected("NO_SAMPLES", "au, header only", lambda: au()[:HEADER]),
    rejected("NO_SAMPLES", "au, length 0", lambda: au(size=0)),
    rejected("NO_SAMPLES", "au, length unknown and nothing there", lambda: au(b"", size=0xFFFFFFFF)),
    rejected("HEADER_CORRUPT", "au, samples begin beyond the end of the file", lambda: au(offset=1 << 30)),
    rejected("HEADER_CORRUPT", "au, samples begin inside the header", lambda: au(offset=8)),
    rejected("HEADER_CORRUPT", "au, no channels", lambda: au(channels=0)),
    rejected("TOO_MANY_CHANNELS", "au, 9 channels", lambda: au(channels=9)),
    rejected("TOO_MANY_CHANNELS", "au, 2^31 channels", lambda: au(channels=1 << 31)),
    rejected("UNSUPPORTED_CODEC", "au, codec 0", lambda: au(codec=0)),
    rejected("UNSUPPORTED_CODEC", "au, DSP program", lambda: au(codec=10)),
    rejected("UNSUPPORTED_CODEC", "au, G.722", lambda: au(codec=24)),
    rejected("UNSUPPORTED_CODEC", "au, codec of all ones", lambda: au(codec=0xFFFFFFFF)),
    rejected("BAD_SAMPLE_RATE", "au, 0 Hz", lambda: au(rate=0)),
    rejected("BAD_SAMPLE_RATE", "au, 1 Hz", lambda: au(rate=1)),
    rejected("BAD_SAMPLE_RATE", "au, 2^32 - 1 Hz", lambda: au(rate=0xFFFFFFFF)),
    rejected(
        "NON_FINITE",
        "au, infinity",
        lambda: au(np.where(np.arange(RATE) == 5, np.inf, 0.1).astype(">f4").tobytes(), codec=6),
    ),
    rejected("NOT_AUDIO", "au without its header, as in the widely used copy of GTZAN", lambda: pcm16(tone(), ">")),
    rejected("TOO_SMALL", "au, cut in its header", lambda: au()[:20]),
]
