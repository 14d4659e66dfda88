"""Ogg (RFC 3533): chains, cuts, pages out of order, wrong checksums, other codecs inside."""

from __future__ import annotations

import struct
from functools import cache

from classically_punk.audio.synthetic import ogg_checksum
from tests.zoo.case import RATE, SECONDS, Case, accepted, encoded, patched, random_bytes, rejected, stereo, tone

BEGIN, END = 2, 4  # flags of a page


def pages(content: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(content):
        length = 27 + content[at + 26] + sum(content[at + 27 : at + 27 + content[at + 26]])
        found.append(content[at : at + length])
        at += length
    return found


def sealed(page: bytes) -> bytes:
    """The page with its checksum made right."""
    page = patched(page, 22, bytes(4))
    return patched(page, 22, struct.pack("<I", ogg_checksum(page)))


def numbered(content: bytes, serial: int) -> bytes:
    """The same stream under a serial number of ours: libsndfile draws one by chance."""
    return b"".join(sealed(patched(page, 14, struct.pack("<I", serial))) for page in pages(content))


@cache
def vorbis(seconds: float = SECONDS, serial: int = 57) -> bytes:
    return numbered(encoded("OGG", "VORBIS", tone(seconds)), serial)


@cache
def opus(seconds: float = SECONDS, serial: int = 58, rate: int = 48_000) -> bytes:
    return numbered(encoded("OGG", "OPUS", tone(seconds, rate), rate), serial)


def with_page(content: bytes, number: int, offset: int, by: bytes) -> bytes:
    """One page patched and sealed again; negative numbers count from the end."""
    found = pages(content)
    found[number] = sealed(patched(found[number], offset, by))
    return b"".join(found)


def without_end(content: bytes) -> bytes:
    """The same stream with the flag of its last page taken away."""
    return with_page(content, -1, 5, bytes([pages(content)[-1][5] & ~END]))


def page(packet: bytes, flags: int = BEGIN, serial: int = 9, granule: int = 0, number: int = 0) -> bytes:
    """One page of one packet."""
    lacing = b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255])
    head = b"OggS\0" + bytes([flags]) + struct.pack("<qIIIB", granule, serial, number, 0, len(lacing))
    return sealed(head + lacing + packet)


def with_first_packet(packet: bytes) -> bytes:
    """Codecs are told by the first packet of their stream."""
    return page(packet) + page(bytes(200), 0, number=1) + page(bytes(500), END, granule=1_000, number=2)


def speex_header() -> bytes:
    return b"Speex   " + b"1.2.0".ljust(20, b"\0") + struct.pack("<13i", 1, 80, 16_000, 1, 4, 1, -1, 320, 0, 1, 0, 0, 0)


CASES: list[Case] = [
    accepted("ogg, vorbis", vorbis),
    accepted("ogg, vorbis, stereo", lambda: encoded("OGG", "VORBIS", stereo())),
    accepted("ogg, vorbis at 8 kHz", lambda: encoded("OGG", "VORBIS", tone(rate=8_000), 8_000)),
    accepted("ogg, vorbis at 96 kHz", lambda: encoded("OGG", "VORBIS", tone(rate=96_000), 96_000)),
    accepted("ogg, opus", opus),
    accepted("ogg, opus, stereo", lambda: encoded("OGG", "OPUS", stereo(rate=48_000), 48_000)),
    accepted("ogg, opus made from 16 kHz", lambda: opus(rate=16_000)),
    accepted("ogg, opus made from 8 kHz", lambda: opus(rate=8_000)),
    accepted("ogg, zeros behind", lambda: vorbis() + bytes(500)),
    accepted("ogg, ID3v1 behind", lambda: vorbis() + b"TAG" + bytes(125)),
    accepted("ogg, behind an ID3 tag", lambda: b"ID3\x03\0\0\0\0\0\x0a" + bytes(10) + vorbis()),
    accepted("ogg, two streams in a chain", lambda: vorbis() + vorbis(serial=60), "CHAINED_STREAM"),
    accepted("ogg, two streams of one serial number in a chain", lambda: vorbis() + vorbis(), "CHAINED_STREAM"),
    accepted(
        "ogg, three streams in a chain", lambda: vorbis() + vorbis(serial=60) + vorbis(serial=61), "CHAINED_STREAM"
    ),
    accepted("ogg, opus behind vorbis", lambda: vorbis() + opus(), "CHAINED_STREAM"),
    accepted("ogg, opus in a chain", lambda: opus() + opus(serial=60), "CHAINED_STREAM"),
    rejected("TRUNCATED", "ogg, no page ends the stream", lambda: without_end(vorbis())),
    rejected("TRUNCATED", "ogg, opus, no page ends the stream", lambda: without_end(opus())),
    rejected("TRUNCATED", "ogg, last page missing", lambda: b"".join(pages(vorbis())[:-1])),
    rejected("TRUNCATED", "ogg, half missing", lambda: vorbis()[: len(vorbis()) // 2]),
    rejected("TRUNCATED", "ogg, 2 % missing", lambda: vorbis(3.0)[: round(0.98 * len(vorbis(3.0)))]),
    rejected("TRUNCATED", "ogg, last byte missing", lambda: vorbis()[:-1]),
    rejected("TRUNCATED", "ogg, opus, half missing", lambda: opus()[: len(opus()) // 2]),
    rejected("TRUNCATED", "ogg, opus, last byte missing", lambda: opus()[:-1]),
    rejected("TRUNCATED", "ogg, headers only", lambda: b"".join(pages(vorbis())[:2])),
    rejected("TRUNCATED", "ogg, first page only", lambda: pages(vorbis())[0]),
    rejected("NO_SAMPLES", "ogg of no samples", lambda: encoded("OGG", "VORBIS", tone(0))),
    rejected("HEADER_CORRUPT", "ogg, cut in its first page", lambda: vorbis()[:27]),
    rejected("HEADER_CORRUPT", "ogg, a first page without a packet", lambda: page(b"")),
    rejected("HEADER_CORRUPT", "ogg, an unheard-of codec", lambda: with_first_packet(b"zzzzzzzz" + bytes(40))),
    rejected("HEADER_CORRUPT", "ogg, checksum of the first page wrong", lambda: patched(vorbis(), 22, b"\0\0\0\0")),
    rejected("HEADER_CORRUPT", "ogg, vorbis without channels", lambda: with_page(vorbis(), 0, 28 + 11, b"\0")),
    rejected("HEADER_CORRUPT", "ogg, vorbis, block sizes of 0", lambda: with_page(vorbis(), 0, 28 + 28, b"\0")),
    rejected(
        "HEADER_CORRUPT", "ogg, comments and set-up missing", lambda: pages(vorbis())[0] + b"".join(pages(vorbis())[2:])
    ),
    rejected("UNSUPPORTED_CODEC", "ogg, opus of version 200", lambda: with_page(opus(), 0, 28 + 8, b"\xc8")),
    rejected("HEADER_CORRUPT", "ogg, opus without channels", lambda: with_page(opus(), 0, 28 + 9, b"\0")),
    rejected("BAD_SAMPLE_RATE", "ogg, vorbis at 1 Hz", lambda: with_page(vorbis(), 0, 28 + 12, struct.pack("<I", 1))),
    rejected(
        "BAD_SAMPLE_RATE",
        "ogg, vorbis at 2^31 - 1 Hz",
        lambda: with_page(vorbis(), 0, 28 + 12, struct.pack("<I", (1 << 31) - 1)),
    ),
    rejected(
        "TOO_LONG", "ogg, last page counts a day", lambda: with_page(vorbis(), -1, 6, struct.pack("<q", 86_400 * RATE))
    ),
    rejected(
        "FORMAT_NOT_ALLOWED",
        "ogg, FLAC inside",
        lambda: with_first_packet(b"\x7fFLAC\x01\x00\0\x01fLaC" + encoded("FLAC")[4:42]),
    ),
    rejected("FORMAT_NOT_ALLOWED", "ogg, Speex inside", lambda: with_first_packet(speex_header())),
    rejected(
        "FORMAT_NOT_ALLOWED", "ogg, Theora inside", lambda: with_first_packet(b"\x80theora\x03\x02\x01" + bytes(32))
    ),
    rejected(
        "FORMAT_NOT_ALLOWED",
        "ogg, Skeleton in front of Vorbis",
        lambda: page(b"fishead\0\3\0\0\0" + bytes(52)) + vorbis(),
    ),
    rejected("FORMAT_NOT_ALLOWED", "ogg, PCM inside", lambda: with_first_packet(b"PCM     " + bytes(20))),
    rejected("FORMAT_NOT_ALLOWED", "ogg, CELT inside", lambda: with_first_packet(b"CELT    " + bytes(52))),
    rejected("FORMAT_NOT_ALLOWED", "ogg, Kate inside", lambda: with_first_packet(b"\x80kate\0\0\0" + bytes(56))),
    rejected("FORMAT_NOT_ALLOWED", "ogg, Dirac inside", lambda: with_first_packet(b"BBCD\0" + bytes(20))),
    rejected("FORMAT_NOT_ALLOWED", "ogg, VP8 inside", lambda: with_first_packet(b"OVP80\x01\x01\0" + bytes(18))),
    rejected("FORMAT_NOT_ALLOWED", "ogg, MIDI inside", lambda: with_first_packet(b"OggMIDI\0" + bytes(20))),
    rejected("NOT_AUDIO", "ogg, magic misspelt", lambda: b"oggs" + vorbis()[4:]),
    rejected("TRUNCATED", "ogg, a quarter overwritten by noise", lambda: _with_hole()),
    rejected(
        "TRUNCATED",
        "ogg, one byte of a page wrong, so that the page is lost",
        lambda: patched(vorbis(3.0), len(vorbis(3.0)) // 2, bytes([vorbis(3.0)[len(vorbis(3.0)) // 2] ^ 255])),
    ),
    accepted("ogg, first part of a stream missing no page but numbered from 7", lambda: _renumbered()),
]


def _with_hole() -> bytes:
    """Vorbis whose sound was overwritten, so that a tenth of the promised samples cannot be had."""
    found = pages(vorbis(3.0))
    at = len(b"".join(found[:2])) + 300
    return patched(vorbis(3.0), at, random_bytes(len(vorbis(3.0)) // 4))


def _renumbered() -> bytes:
    """Page numbers that begin at 7, as a recorder that joins a broadcast writes them."""
    return b"".join(
        sealed(patched(each, 18, struct.pack("<I", number + 7))) for number, each in enumerate(pages(vorbis()))
    )
