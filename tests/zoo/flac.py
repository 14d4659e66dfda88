"""FLAC: STREAMINFO that lies, metadata of every kind, damage in frames, and an hour of silence in 34 kB."""

from __future__ import annotations

import struct

from tests.zoo.case import RATE, Case, accepted, encoded, missing, patched, random_bytes, rejected, stereo, tone
from tests.zoo.mp3 import ape_tag

STREAMINFO_AT = 8


def flac() -> bytes:
    return encoded("FLAC")


def blocks(content: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Metadata blocks (type, body) and the frames behind them."""
    at, found = 4, []
    while True:
        kind, length = content[at], int.from_bytes(content[at + 1 : at + 4], "big")
        found.append((kind & 127, content[at + 4 : at + 4 + length]))
        at += 4 + length
        if kind & 128:
            return found, content[at:]


def joined(metadata: list[tuple[int, bytes]], frames: bytes) -> bytes:
    out = b"fLaC"
    for number, (kind, body) in enumerate(metadata):
        last = 128 if number == len(metadata) - 1 else 0
        out += bytes([kind | last]) + len(body).to_bytes(3, "big") + body
    return out + frames


def with_blocks(*extra: tuple[int, bytes]) -> bytes:
    metadata, frames = blocks(flac())
    return joined([metadata[0], *extra], frames)


def streaminfo(content: bytes, rate: int | None = None, channels: int | None = None, total: int | None = None) -> bytes:
    """The same file with other numbers in STREAMINFO: 20 bits of rate, 3 of channels, 5 of depth, 36 of samples."""
    packed = int.from_bytes(content[STREAMINFO_AT + 10 : STREAMINFO_AT + 18], "big")
    if rate is not None:
        packed = packed & ~(0xFFFFF << 44) | rate << 44
    if channels is not None:
        packed = packed & ~(7 << 41) | channels - 1 << 41
    if total is not None:
        packed = packed & ~((1 << 36) - 1) | total
    return patched(content, STREAMINFO_AT + 10, packed.to_bytes(8, "big"))


def crc(content: bytes, bits: int, polynomial: int) -> int:
    value = 0
    for byte in content:
        value ^= byte << (bits - 8)
        for _ in range(8):
            value = (value << 1 ^ (polynomial if value >> (bits - 1) else 0)) & ((1 << bits) - 1)
    return value


def constant(seconds: int, rate: int = 44_100, value: int = 0, counted: bool = True) -> bytes:
    """A legal FLAC of one value only: 13 bytes or so a frame of 65 535 samples (RFC 9639, section 9.2.3)."""
    total, size = seconds * rate, 65_535
    frames = b""
    count = -(-total // size)
    for number in range(count):
        here = size if number < count - 1 else total - size * (count - 1)
        coded = chr(number).encode("utf-8", "surrogatepass")
        head = b"\xff\xf8\x70\x08" + coded + struct.pack(">H", here - 1)
        head += bytes([crc(head, 8, 0x07)])
        body = head + b"\x00" + struct.pack(">h", value)
        frames += body + struct.pack(">H", crc(body, 16, 0x8005))
    packed = rate << 44 | 15 << 36 | (total if counted else 0)
    info = struct.pack(">HH", size, size) + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
    return joined([(0, info)], frames)


def picture(kilobytes: int = 100) -> tuple[int, bytes]:
    image = b"\x89PNG\r\n\x1a\n" + bytes(1_000 * kilobytes)
    mime = b"image/png"
    return 6, struct.pack(">II", 3, len(mime)) + mime + struct.pack(">6I", 0, 500, 500, 24, 0, len(image)) + image


def comments() -> tuple[int, bytes]:
    entries = [b"TITLE=A song", "ARTIST=Nobody \U0001f3b8".encode(), b"REPLAYGAIN_TRACK_GAIN=-7.1 dB"]
    body = struct.pack("<I", 4) + b"zoo!" + struct.pack("<I", len(entries))
    return 4, body + b"".join(struct.pack("<I", len(entry)) + entry for entry in entries)


def id3(size: int = 500) -> bytes:
    return b"ID3\x04\0\0" + bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127]) + bytes(size)


FRAMES = tone().size
CASES: list[Case] = [
    accepted("flac, plain", flac),
    accepted("flac, stereo", lambda: encoded("FLAC", samples=stereo())),
    accepted("flac, 8 bits", lambda: encoded("FLAC", "PCM_S8")),
    accepted("flac, 24 bits at 96 kHz", lambda: encoded("FLAC", "PCM_24", tone(rate=96_000), 96_000)),
    accepted("flac, 35467 Hz", lambda: encoded("FLAC", samples=tone(rate=35_467), rate=35_467)),
    accepted("flac, eight channels", lambda: encoded("FLAC", samples=[[x] * 8 for x in tone()])),
    accepted("flac, comments", lambda: with_blocks(comments())),
    accepted("flac, a picture", lambda: with_blocks(comments(), picture())),
    accepted("flac, a megabyte of padding", lambda: with_blocks((1, bytes(1_000_000)))),
    accepted(
        "flac, an application and a reserved block", lambda: with_blocks((2, b"test" + bytes(60)), (100, bytes(9)))
    ),
    accepted("flac, a seek table of placeholders", lambda: with_blocks((3, (b"\xff" * 8 + bytes(10)) * 10))),
    accepted("flac, behind an ID3 tag", lambda: id3() + flac()),
    accepted("flac, behind two ID3 tags", lambda: id3() + id3(20) + flac()),
    accepted("flac, ID3v1 behind", lambda: flac() + b"TAG" + bytes(125)),
    accepted("flac without MD5", lambda: patched(flac(), STREAMINFO_AT + 18, bytes(16))),
    accepted("flac, an MD5 that is wrong", lambda: patched(flac(), STREAMINFO_AT + 18, b"\x55" * 16)),
    accepted("flac, frame sizes unknown", lambda: patched(flac(), STREAMINFO_AT + 4, bytes(6))),
    accepted("flac that does not count its samples", lambda: streaminfo(flac(), total=0), "LENGTH_UNKNOWN"),
    accepted("flac that counts 10 s", lambda: streaminfo(flac(), total=10 * RATE), "LENGTH_UNKNOWN"),
    accepted("flac that counts one second", lambda: streaminfo(flac(), total=RATE), "LENGTH_UNKNOWN", seconds=None),
    accepted("flac, an APE tag behind", lambda: flac() + ape_tag()),
    accepted("flac, zeros behind", lambda: flac() + bytes(5_000), "LENGTH_UNKNOWN"),
    accepted("flac, noise behind", lambda: flac() + random_bytes(3_000), "LENGTH_UNKNOWN"),
    accepted("flac, another flac behind", lambda: flac() + flac(), "LENGTH_UNKNOWN"),
    rejected("TOO_LONG", "flac, an hour of silence in 34 kB", lambda: constant(3_600)),
    rejected("DECODE_BUDGET", "flac, an hour of silence that is not counted", lambda: constant(3_600, counted=False)),
    rejected("TOO_LONG", "flac that counts a day", lambda: streaminfo(flac(), total=86_400 * RATE)),
    rejected("TOO_LONG", "flac that counts 2^36 - 1 samples", lambda: streaminfo(flac(), total=(1 << 36) - 1)),
    rejected("SILENT", "flac, 50 s of silence in 500 bytes", lambda: constant(50)),
    rejected("DC_OFFSET", "flac, 50 s of one value in 500 bytes", lambda: constant(50, value=9_000)),
    rejected("SILENT", "flac of silence that does not count", lambda: constant(20, counted=False)),
    rejected("DECODE_ERROR", "flac, 0.5 % missing", lambda: missing(flac(), 0.005)),
    rejected("DECODE_ERROR", "flac, 2 % missing", lambda: missing(flac(), 0.02)),
    rejected("DECODE_ERROR", "flac, half missing", lambda: missing(flac(), 0.5)),
    rejected("DECODE_ERROR", "flac, half missing, not counted", lambda: missing(streaminfo(flac(), total=0), 0.5)),
    rejected("DECODE_ERROR", "flac, a hole of zeros", lambda: patched(flac(), 30_000, bytes(2_000))),
    rejected("DECODE_ERROR", "flac, a hole of noise", lambda: patched(flac(), 30_000, random_bytes(2_000))),
    rejected(
        "DECODE_ERROR", "flac, one bit of sound flipped", lambda: patched(flac(), 30_000, bytes([flac()[30_000] ^ 8]))
    ),
    rejected("DECODE_ERROR", "flac, bytes taken out", lambda: flac()[:25_000] + flac()[25_100:]),
    rejected("DECODE_ERROR", "flac, header and noise", lambda: joined(blocks(flac())[0], random_bytes(20_000))),
    rejected("DECODE_ERROR", "flac, header and zeros", lambda: joined(blocks(flac())[0], bytes(20_000))),
    rejected("NO_SAMPLES", "flac, header only", lambda: joined(blocks(flac())[0], b"")),
    rejected("NO_SAMPLES", "flac of no samples", lambda: joined(blocks(streaminfo(flac(), total=0))[0], b"")),
    rejected("HEADER_CORRUPT", "flac, cut in STREAMINFO", lambda: flac()[:30]),
    rejected(
        "HEADER_CORRUPT", "flac whose first block is no STREAMINFO", lambda: joined([comments()], blocks(flac())[1])
    ),
    rejected("HEADER_CORRUPT", "flac, STREAMINFO of zeros", lambda: patched(flac(), STREAMINFO_AT, bytes(34))),
    rejected(
        "HEADER_CORRUPT",
        "flac, a block that claims 16 MB",
        lambda: with_blocks((1, bytes(100)))[:42] + b"\x01\xff\xff\xff" + bytes(5_000),
    ),
    rejected(
        "HEADER_CORRUPT", "flac whose last block is not marked", lambda: patched(flac(), 42, bytes([flac()[42] & 127]))
    ),
    rejected("HEADER_CORRUPT", "ID3 tag larger than the file, flac behind", lambda: id3(2_000)[:510] + flac()[:900]),
    rejected("BAD_SAMPLE_RATE", "flac, 1 Hz", lambda: encoded("FLAC", samples=tone(), rate=1)),
    rejected("BAD_SAMPLE_RATE", "flac, 655350 Hz", lambda: encoded("FLAC", samples=tone(), rate=655_350)),
    rejected("BAD_SAMPLE_RATE", "flac, 0 Hz", lambda: streaminfo(flac(), rate=0)),
]
