"""RIFF, RIFX, RF64, W64 and the extensible form: legal oddities, lies in every field, cuts, codecs."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import ArrayLike

from tests.zoo.case import (
    RATE,
    Case,
    accepted,
    behind,
    encoded,
    missing,
    patched,
    pcm16,
    pcm24,
    rejected,
    stereo,
    tone,
)

HEADER = 44
GUID = bytes.fromhex("000000001000800000aa00389b71")  # behind the two bytes of the codec


def fmt(
    codec: int = 1, channels: int = 1, rate: int = RATE, bits: int = 16, extra: bytes = b"", order: str = "<"
) -> bytes:
    """The body of `fmt `."""
    block = channels * ((bits + 7) // 8) & 0xFFFF
    return struct.pack(f"{order}HHIIHH", codec, channels, rate, rate * block & 0xFFFFFFFF, block, bits) + extra


def extensible(codec: int = 1, channels: int = 1, bits: int = 16, valid: int = 16, mask: int = 4) -> bytes:
    return fmt(0xFFFE, channels, bits=bits, extra=struct.pack("<HHIH", 22, valid, mask, codec) + GUID)


def chunk(name: bytes, body: bytes, size: int | None = None, order: str = "<") -> bytes:
    """Name, size (true unless given), body, and a zero byte behind an odd one."""
    return name + struct.pack(f"{order}I", len(body) if size is None else size) + body + bytes(len(body) % 2)


def riff(*chunks: bytes, size: int | None = None, magic: bytes = b"RIFF", kind: bytes = b"WAVE") -> bytes:
    body = kind + b"".join(chunks)
    order = ">" if magic == b"RIFX" else "<"
    return magic + struct.pack(f"{order}I", len(body) if size is None else size) + body


def data(samples: ArrayLike | None = None, size: int | None = None) -> bytes:
    return chunk(b"data", pcm16(tone() if samples is None else samples), size)


FMT = chunk(b"fmt ", fmt())
DATA_BYTES = len(pcm16(tone()))


def wav(samples: ArrayLike | None = None, rate: int = RATE) -> bytes:
    """The plain file of 44 + n bytes that most programs write."""
    block = tone(rate=rate) if samples is None else np.asarray(samples)
    channels = 1 if block.ndim == 1 else block.shape[1]
    return riff(chunk(b"fmt ", fmt(channels=channels, rate=rate)), data(block))


def with_fmt(body: bytes, payload: bytes | None = None) -> bytes:
    return riff(chunk(b"fmt ", body), chunk(b"data", pcm16(tone()) if payload is None else payload))


def with_before(*chunks: bytes) -> bytes:
    return riff(*chunks, FMT, data())


def with_between(*chunks: bytes) -> bytes:
    return riff(FMT, *chunks, data())


def with_behind(*chunks: bytes) -> bytes:
    return riff(FMT, data(), *chunks)


def with_data_size(size: int) -> bytes:
    return riff(FMT, data(size=size))


def rifx(size: int | None = None) -> bytes:
    samples = pcm16(tone(), ">")
    return riff(chunk(b"fmt ", fmt(order=">"), order=">"), chunk(b"data", samples, size, order=">"), magic=b"RIFX")


def rf64(data_size: int = DATA_BYTES, in_chunk: int = 0xFFFFFFFF, magic: bytes = b"RF64") -> bytes:
    sizes = struct.pack("<QQQI", DATA_BYTES + 72, data_size, DATA_BYTES // 2, 0)
    return riff(chunk(b"ds64", sizes), FMT, data(size=in_chunk), size=0xFFFFFFFF, magic=magic)


def broadcast() -> bytes:
    """An EBU Tech 3285 chunk as field recorders write it."""
    return chunk(b"bext", b"scene 1".ljust(256, b"\0") + b"recorder".ljust(32, b"\0") + bytes(314) + b"A=PCM\r\n")


def info() -> bytes:
    return chunk(b"LIST", b"INFO" + chunk(b"INAM", b"A song\0") + chunk(b"ISFT", b"Lavf61.7.100\0"))


def u8(samples: ArrayLike) -> bytes:
    return np.round(np.asarray(samples) * 127 + 128).astype(np.uint8).tobytes()


def w64(data_size: int | None = None) -> bytes:
    content = encoded("W64")
    return (
        content if data_size is None else patched(content, behind(content, b"data") + 12, struct.pack("<Q", data_size))
    )


def riff_backwards() -> bytes:
    """Numbers big-endian under the magic of little-endian ones."""
    return b"RIFF" + rifx()[4:]


def mp3_inside() -> bytes:
    """MPEG layer III in a WAV (codec 0x55), as broadcasters exchange it."""
    frames = encoded("MP3", None, tone(rate=44_100), 44_100)
    body = struct.pack("<HHIIHH", 0x55, 1, 44_100, 16_000, 1, 0) + struct.pack("<HHIHHH", 12, 1, 2, 417, 1, 1393)
    return riff(chunk(b"fmt ", body), chunk(b"fact", struct.pack("<I", 66_150)), chunk(b"data", frames))


ODD_BUT_LEGAL = [
    accepted("wav, plain", wav),
    accepted("wav, stereo", lambda: wav(stereo())),
    accepted("wav, RIFX", rifx),
    accepted("wav, RF64 by libsndfile", lambda: encoded("RF64")),
    accepted("wav, RF64 by hand", rf64),
    accepted("wav, RF64 whose data chunk counts for itself", lambda: rf64(in_chunk=DATA_BYTES)),
    accepted("wav, W64", w64),
    accepted("wav, W64 of floats", lambda: encoded("W64", "FLOAT")),
    accepted("wav, W64 in IMA ADPCM", lambda: encoded("W64", "IMA_ADPCM")),
    accepted("wav, extensible by libsndfile", lambda: encoded("WAVEX")),
    accepted("wav, extensible by hand", lambda: with_fmt(extensible())),
    accepted("wav, extensible without a channel mask", lambda: with_fmt(extensible(mask=0))),
    accepted(
        "wav, extensible, 20 valid bits of 24",
        lambda: with_fmt(extensible(bits=24, valid=20), pcm24(np.round(tone() * 2**19) / 2**19)),
    ),
    accepted(
        "wav, extensible of floats", lambda: with_fmt(extensible(3, bits=32, valid=32), tone().astype("<f4").tobytes())
    ),
    accepted("wav, extensible, six channels", lambda: encoded("WAVEX", samples=np.stack([tone()] * 6, axis=1))),
    accepted("wav, 8 bits", lambda: with_fmt(fmt(bits=8), u8(tone()))),
    accepted("wav, 24 bits", lambda: with_fmt(fmt(bits=24), pcm24(tone()))),
    accepted("wav, 32 bits", lambda: encoded("WAV", "PCM_32")),
    accepted("wav, float", lambda: with_fmt(fmt(3, bits=32), tone().astype("<f4").tobytes())),
    accepted("wav, float with cbSize and fact", lambda: encoded("WAV", "FLOAT")),
    accepted("wav, double", lambda: with_fmt(fmt(3, bits=64), tone().astype("<f8").tobytes())),
    accepted("wav, A-law", lambda: encoded("WAV", "ALAW")),
    accepted("wav, mu-law", lambda: encoded("WAV", "ULAW")),
    accepted("wav, IMA ADPCM", lambda: encoded("WAV", "IMA_ADPCM"), seconds=None),
    accepted("wav, IMA ADPCM stereo", lambda: encoded("WAV", "IMA_ADPCM", stereo()), seconds=None),
    accepted("wav, MS ADPCM", lambda: encoded("WAV", "MS_ADPCM"), seconds=None),
    accepted("wav, GSM 6.10", lambda: encoded("WAV", "GSM610"), seconds=None),
    accepted("wav, G.721", lambda: encoded("WAV", "G721_32", tone(rate=8_000), 8_000), seconds=None),
    accepted("wav, NMS ADPCM", lambda: encoded("WAV", "NMS_ADPCM_32", tone(rate=8_000), 8_000), seconds=None),
    accepted("wav, MP3 inside", mp3_inside, seconds=None),
    accepted("wav, LIST in front of fmt", lambda: with_before(info())),
    accepted("wav, JUNK in front of fmt", lambda: with_before(chunk(b"JUNK", bytes(28)))),
    accepted("wav, bext in front of fmt", lambda: with_before(broadcast())),
    accepted(
        "wav, bext, iXML and LIST in between", lambda: with_between(broadcast(), chunk(b"iXML", b"<BWFXML/>"), info())
    ),
    accepted("wav, fact in between", lambda: with_between(chunk(b"fact", struct.pack("<I", DATA_BYTES // 2)))),
    accepted("wav, fact that lies", lambda: with_between(chunk(b"fact", b"\xff\xff\xff\x7f"))),
    accepted(
        "wav, cue and smpl behind", lambda: with_behind(chunk(b"cue ", struct.pack("<I", 0)), chunk(b"smpl", bytes(36)))
    ),
    accepted("wav, LIST behind", lambda: with_behind(info())),
    accepted("wav, id3 chunk behind", lambda: with_behind(chunk(b"id3 ", b"ID3\x03\0\0\0\0\0\x0a" + bytes(10)))),
    accepted("wav, XMP of a workstation behind", lambda: with_behind(chunk(b"_PMX", b"<x:xmpmeta/>" * 200))),
    accepted(
        "wav, unknown chunk in between", lambda: with_between(chunk(b"minf", bytes(16)), chunk(b"elm1", bytes(214)))
    ),
    accepted("wav, odd chunk padded", lambda: with_between(chunk(b"LIST", b"INFO" + chunk(b"INAM", b"odd!!")))),
    accepted(
        "wav, odd number of data bytes padded",
        lambda: riff(chunk(b"fmt ", fmt(bits=8)), chunk(b"data", u8(tone(1.5)) + b"\x80"), info()),
    ),
    accepted("wav, padding to 4096 as field recorders have it", lambda: with_between(chunk(b"PAD ", bytes(4044)))),
    accepted("wav, fmt of 18 bytes", lambda: with_fmt(fmt(extra=b"\0\0"))),
    accepted("wav, fmt of 40 bytes around plain PCM", lambda: with_fmt(fmt(extra=struct.pack("<H", 22) + bytes(22)))),
    accepted("wav, byte rate 0", lambda: patched(wav(), 28, bytes(4))),
    accepted("wav, byte rate that lies", lambda: patched(wav(), 28, b"\xff\xff\xff\xff")),
    accepted("wav, RIFF size 0", lambda: riff(FMT, data(), size=0)),
    accepted("wav, RIFF size all ones, data size right", lambda: riff(FMT, data(), size=0xFFFFFFFF)),
    accepted("wav, RIFF size too small", lambda: riff(FMT, data(), size=1_000)),
    accepted("wav, RIFF size that counts its own header", lambda: riff(FMT, data(), size=HEADER + DATA_BYTES)),
    accepted("wav, bytes behind the end of RIFF", lambda: wav() + b"\0" * 77),
    accepted("wav, text behind the end of RIFF", lambda: wav() + b"downloaded from somewhere\n" * 9),
    accepted("wav, ID3v1 behind", lambda: wav() + b"TAG" + bytes(125)),
    accepted("wav, a second RIFF behind", lambda: wav() + wav()),
    accepted("wav, a zip behind", lambda: wav() + b"PK\x03\x04" + bytes(100) + b"PK\x05\x06" + bytes(18)),
    accepted("wav, behind an ID3 tag", lambda: b"ID3\x03\0\0\0\0\0\x0a" + bytes(10) + wav()),
    accepted("wav, LIST of zeros", lambda: with_between(chunk(b"LIST", bytes(4_000)))),
    accepted(
        "wav, LIST of 384 kB of zeros, as field recorders leave it",
        lambda: with_between(chunk(b"LIST", bytes(393_164))),
    ),
    accepted(
        "wav, LIST whose entries lie about their size",
        lambda: with_between(chunk(b"LIST", b"INFO" + b"INAM\xff\xff\xff\x00abc\0")),
    ),
    accepted(
        "wav, PEAK of another number of channels",
        lambda: with_between(chunk(b"PEAK", struct.pack("<IIfIfI", 1, 0, 0.4, 1, 0.4, 1))),
    ),
    accepted("wav, half a sample at the end", lambda: riff(FMT, chunk(b"data", pcm16(tone()) + b"\x01"))),
    accepted("wav, data size without its last byte", lambda: with_data_size(DATA_BYTES - 1)),
    accepted(
        "wav, PEAK of a workstation",
        lambda: riff(
            chunk(b"fmt ", fmt(3, bits=32)),
            chunk(b"fact", struct.pack("<I", DATA_BYTES // 2)),
            chunk(b"PEAK", struct.pack("<IIfI", 1, 0, 0.4, 100)),
            chunk(b"data", tone().astype("<f4").tobytes()),
        ),
    ),
    accepted("wav, fmt padded with zeros", lambda: with_fmt(fmt(extra=bytes(84)))),
    accepted(
        "wav, 24 bits in four bytes each",
        lambda: riff(
            chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, RATE, 4 * RATE, 4, 24)),
            chunk(b"data", np.round(tone() * 2**23).astype("<i4").tobytes()),
        ),
    ),
    accepted("wav, 12 bits in two bytes each", lambda: with_fmt(fmt(bits=12))),
    accepted("wav, 20 bits in three bytes each", lambda: with_fmt(fmt(bits=20), pcm24(tone()))),
    accepted("wav, block size 0", lambda: patched(wav(), 32, b"\0\0")),
    accepted("wav, block size 7", lambda: patched(wav(), 32, b"\7\0")),
    accepted(
        "wav, a comment of 2 MB", lambda: with_between(chunk(b"LIST", b"INFO" + chunk(b"ICMT", b"x" * 2_000_000)))
    ),
    accepted("wav, 3000 empty chunks", lambda: with_between(*[chunk(b"junk", b"")] * 3_000)),
    accepted("wav, two fmt chunks alike", lambda: riff(FMT, FMT, data())),
    accepted(
        "wav, data counted 44 bytes too high, as a phone's recorder does",
        lambda: with_data_size(DATA_BYTES + 44),
        "TRUNCATED",
    ),
]

LENGTHS = [
    accepted("wav, data size all ones", lambda: with_data_size(0xFFFFFFFF), "LENGTH_UNKNOWN"),
    accepted(
        "wav, both sizes all ones, as from ffmpeg into a pipe",
        lambda: riff(FMT, info(), data(size=0xFFFFFFFF), size=0xFFFFFFFF),
        "LENGTH_UNKNOWN",
    ),
    accepted("wav, data size 2^31 - 1", lambda: with_data_size(0x7FFFFFFF), "LENGTH_UNKNOWN"),
    accepted(
        "wav, data size 2^31 - 36, as from SoX into a pipe",
        lambda: riff(FMT, data(size=0x7FFFFFFF - 36), size=0x7FFFFFFF),
        "LENGTH_UNKNOWN",
    ),
    accepted("wav, data size 2^31", lambda: with_data_size(0x80000000), "LENGTH_UNKNOWN"),
    accepted("rifx, data size all ones", lambda: rifx(0xFFFFFFFF), "LENGTH_UNKNOWN"),
    accepted("rf64, 64-bit size all ones", lambda: rf64(data_size=2**64 - 1), "LENGTH_UNKNOWN"),
    accepted(
        "wav, data size half of what is there",
        lambda: with_data_size(DATA_BYTES // 3 * 2 & ~1),
        "LENGTH_UNKNOWN",
        seconds=1.0,
    ),
    rejected("NO_SAMPLES", "wav, header only", lambda: wav()[:HEADER]),
    rejected("NO_SAMPLES", "wav, data size 0", lambda: with_data_size(0)),
    rejected("NO_SAMPLES", "wav, data size 0 at the end", lambda: riff(FMT, chunk(b"data", b""))),
    rejected(
        "NO_SAMPLES", "wav, data size all ones and nothing behind", lambda: riff(FMT, chunk(b"data", b"", 0xFFFFFFFF))
    ),
    rejected("NO_SAMPLES", "rf64 of no samples", lambda: rf64(data_size=0)),
    rejected("NO_SAMPLES", "w64 of no samples", lambda: encoded("W64", samples=np.zeros(0))),
    rejected("NO_SAMPLES", "wav, one byte of data", lambda: riff(FMT, chunk(b"data", b"\x01"))),
    rejected("TRUNCATED", "wav, data size doubled", lambda: with_data_size(2 * DATA_BYTES)),
    rejected("TRUNCATED", "wav, data size of a gigabyte", lambda: with_data_size(1 << 30)),
    rejected("TRUNCATED", "rifx, data size doubled", lambda: rifx(2 * DATA_BYTES)),
    rejected("TRUNCATED", "rf64, 64-bit size of a terabyte", lambda: rf64(data_size=1 << 40)),
    rejected("TRUNCATED", "w64, data size of 2^62", lambda: w64(1 << 62)),
    accepted("wav, 0.5 % missing", lambda: missing(wav(), 0.005, HEADER), "TRUNCATED", seconds=1.4925),
    rejected("TRUNCATED", "wav, 2 % missing", lambda: missing(wav(), 0.02, HEADER)),
    rejected("TRUNCATED", "wav, half missing", lambda: missing(wav(), 0.5, HEADER)),
    rejected("TRUNCATED", "wav, all but a second sample missing", lambda: wav()[: HEADER + 2]),
    accepted("wav, one sample missing", lambda: wav()[:-2], "TRUNCATED"),
    accepted("wav, one byte missing", lambda: wav()[:-1], "TRUNCATED"),
    accepted("rifx, 0.5 % missing", lambda: missing(rifx(), 0.005, HEADER), "TRUNCATED", seconds=1.4925),
    rejected("TRUNCATED", "rifx, 2 % missing", lambda: missing(rifx(), 0.02, HEADER)),
    accepted("rf64, 0.5 % missing", lambda: missing(rf64(), 0.005, 80), "TRUNCATED", seconds=1.4925),
    rejected("TRUNCATED", "rf64, 2 % missing", lambda: missing(rf64(), 0.02, 80)),
    rejected("TRUNCATED", "rf64, half missing", lambda: missing(rf64(), 0.5, 80)),
    accepted("w64, 0.5 % missing", lambda: missing(w64(), 0.005, 128), "TRUNCATED", seconds=1.4925),
    rejected("TRUNCATED", "w64, 2 % missing", lambda: missing(w64(), 0.02, 128)),
    rejected("TRUNCATED", "w64, half missing", lambda: missing(w64(), 0.5, 128)),
    rejected("TRUNCATED", "IMA ADPCM, half missing", lambda: missing(encoded("WAV", "IMA_ADPCM"), 0.5)),
    rejected("TRUNCATED", "MS ADPCM, 20 % missing", lambda: missing(encoded("WAV", "MS_ADPCM"), 0.2)),
    rejected("TRUNCATED", "GSM, half missing", lambda: missing(encoded("WAV", "GSM610"), 0.5)),
    rejected("TRUNCATED", "mu-law, 2 % missing", lambda: missing(encoded("WAV", "ULAW"), 0.02)),
    rejected("TRUNCATED", "MP3 in a wav, half missing", lambda: missing(mp3_inside(), 0.5)),
    rejected("TRUNCATED", "wavex, half missing", lambda: missing(encoded("WAVEX"), 0.5)),
]

HEADERS = [
    rejected("HEADER_CORRUPT", "wav, cut inside fmt", lambda: wav()[:30]),
    rejected("HEADER_CORRUPT", "wav, cut inside the header of data", lambda: wav()[:41]),
    rejected("HEADER_CORRUPT", "wav, cut before data", lambda: wav()[:36]),
    rejected("HEADER_CORRUPT", "wav without fmt", lambda: riff(data())),
    rejected("HEADER_CORRUPT", "wav without data", lambda: riff(FMT, info())),
    rejected("HEADER_CORRUPT", "wav, nothing but JUNK", lambda: riff(chunk(b"JUNK", bytes(500)))),
    rejected("HEADER_CORRUPT", "wav, data in front of fmt", lambda: riff(data(), FMT)),
    rejected("HEADER_CORRUPT", "wav, WAVY", lambda: patched(wav(), 8, b"WAVY")),
    rejected("HEADER_CORRUPT", "wav, fmt of 2^31 bytes", lambda: riff(chunk(b"fmt ", fmt(), 1 << 31), data())),
    rejected("HEADER_CORRUPT", "wav, sizes the other way round", lambda: riff_backwards()),
    rejected("HEADER_CORRUPT", "w64 without data", lambda: w64()[:100]),
    rejected("HEADER_CORRUPT", "adpcm, blocks of no bytes", lambda: patched(encoded("WAV", "IMA_ADPCM"), 32, b"\0\0")),
    rejected("HEADER_CORRUPT", "adpcm, blocks of one byte", lambda: patched(encoded("WAV", "MS_ADPCM"), 32, b"\1\0")),
    rejected("UNSUPPORTED_CODEC", "wav, PCM of no bits", lambda: patched(wav(), 34, b"\0\0")),
    rejected("UNSUPPORTED_CODEC", "wav, PCM of 65535 bits", lambda: patched(wav(), 34, b"\xff\xff")),
    rejected("HEADER_CORRUPT", "wav, fmt of 8 bytes", lambda: with_fmt(fmt()[:8])),
    rejected("HEADER_CORRUPT", "wav, fmt of no bytes", lambda: with_fmt(b"")),
    rejected("HEADER_CORRUPT", "wav, fmt of zeros", lambda: with_fmt(bytes(16))),
    rejected("HEADER_CORRUPT", "wav, no channels", lambda: with_fmt(fmt(channels=0))),
    rejected(
        "HEADER_CORRUPT",
        "wav, LIST of 4 GB in front of data",
        lambda: riff(FMT, chunk(b"LIST", b"INFO", 0xFFFFFFF0), data()),
    ),
    rejected("HEADER_CORRUPT", "wav, a million empty chunks", lambda: riff(FMT, chunk(b"junk", b"") * 300_000, data())),
    rejected("HEADER_CORRUPT", "wav, zeros instead of chunks", lambda: riff(bytes(20_000))),
    rejected(
        "HEADER_CORRUPT", "wav, random bytes instead of chunks", lambda: riff(np.random.default_rng(3).bytes(20_000))
    ),
    rejected("HEADER_CORRUPT", "wav in lower case", lambda: patched(wav(), 8, b"wave")),
    rejected("HEADER_CORRUPT", "wav, RIFF in RIFF", lambda: riff(wav())),
    rejected("HEADER_CORRUPT", "rf64 without WAVE", lambda: patched(rf64(), 8, b"WOVE")),
    rejected("HEADER_CORRUPT", "w64 of its first GUID", lambda: w64()[:40]),
    rejected("HEADER_CORRUPT", "w64, chunk sizes of 0", lambda: patched(w64(), 56, bytes(8))),
    rejected(
        "HEADER_CORRUPT", "wav whose header was overwritten by zeros", lambda: riff(bytes(HEADER - 12) + pcm16(tone()))
    ),
    rejected("HEADER_CORRUPT", "wav opened as text: line ends doubled", lambda: patched(wav(), 12, b"fmt\r\n \x10\0")),
]

CODECS = [
    rejected(
        "UNSUPPORTED_CODEC",
        f"wav, codec 0x{codec:04X}, {name}",
        lambda codec=codec: with_fmt(fmt(codec, extra=b"\0\0")),
    )
    for codec, name in [
        (0x1234, "unheard of"),
        (0x0161, "WMA"),
        (0x2000, "AC-3"),
        (0x2001, "DTS"),
        (0x00FF, "AAC"),
        (0x1610, "HE-AAC"),
        (0x0270, "ATRAC3"),
        (0x0022, "TrueSpeech"),
        (0x566F, "Vorbis"),
        (0xA109, "Speex"),
        (0xF1AC, "FLAC"),
        (0x0050, "MPEG layer II"),
        (0x0000, "unknown"),
        (0x0010, "OKI ADPCM"),
        (0x0042, "G.723.1"),
        (0x0075, "VoxWare"),
        (0x5756, "WavPack"),
        (0xFFFF, "under development"),
    ]
] + [
    rejected("UNSUPPORTED_CODEC", "wav, extensible with WMA inside", lambda: with_fmt(extensible(0x161))),
    rejected(
        "UNSUPPORTED_CODEC",
        "wav, extensible with another GUID",
        lambda: with_fmt(extensible()[:-14] + bytes(range(14))),
    ),
    rejected("UNSUPPORTED_CODEC", "wav, PCM of 64 bits", lambda: with_fmt(fmt(bits=64), bytes(range(256)) * 900)),
    rejected("UNSUPPORTED_CODEC", "wav, PCM of 40 bits", lambda: with_fmt(fmt(bits=40), bytes(range(256)) * 600)),
    rejected(
        "UNSUPPORTED_CODEC", "wav, float of 16 bits", lambda: with_fmt(fmt(3, bits=16), tone().astype("<f2").tobytes())
    ),
    rejected("UNSUPPORTED_CODEC", "wav, float of 24 bits", lambda: with_fmt(fmt(3, bits=24), pcm24(tone()))),
]

CASES: list[Case] = ODD_BUT_LEGAL + LENGTHS + HEADERS + CODECS
