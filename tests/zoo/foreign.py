"""Real formats outside the allow-list, by what stands at their beginning; written by libsndfile where it can."""

from __future__ import annotations

import struct

import numpy as np

from tests.zoo.case import Case, encoded, random_bytes, rejected, tone
from tests.zoo.wav import rf64

NOISE = random_bytes(3_000)


def box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + name + body


def mp4(brand: bytes) -> bytes:
    return (
        box(b"ftyp", brand + b"\0\0\2\0" + brand + b"isom")
        + box(b"free", b"")
        + box(b"mdat", NOISE)
        + box(b"moov", bytes(99))
    )


def quicktime_old() -> bytes:
    """Before `ftyp` was invented, a movie began with its data."""
    return box(b"wide", b"") + box(b"mdat", NOISE) + box(b"moov", bytes(99))


def module(mark: bytes, at: int) -> bytes:
    return b"a tracker song".ljust(at, b"\0") + mark + NOISE


def transport_stream() -> bytes:
    return b"".join(b"\x47" + bytes([0x40 if n == 0 else 0, 0, 0x10 | n % 16]) + NOISE[:184] for n in range(20))


def ac3() -> bytes:
    return (b"\x0b\x77" + bytes(2) + b"\x14\x40\x2f\x84" + NOISE[:632]) * 3


def adts() -> bytes:
    frame = b"\xff\xf1\x50\x80" + bytes([200 >> 3, (200 & 7) << 5 | 0x1F, 0xFC]) + NOISE[:193]
    return frame * 20


def riff_of(kind: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + len(NOISE)) + kind + NOISE


def form_of(kind: bytes) -> bytes:
    return b"FORM" + struct.pack(">I", 4 + len(NOISE)) + kind + NOISE


BY_MAGIC: dict[str, bytes] = {
    "AAC in ADIF": b"ADIF",
    "AAC in LOAS": b"\x56\xe0\x20" + NOISE[:32] + b"\x56\xe0\x20" + NOISE[:32] + b"\x56\xe0\x20",
    "WMA": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
    "Matroska or WebM": b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01webm",
    "MIDI": b"MThd\0\0\0\x06\0\x01\0\x02\x01\xe0MTrk",
    "AMR": b"#!AMR\n",
    "AMR-WB": b"#!AMR-WB\n",
    "DSF": b"DSD \x1c\0\0\0\0\0\0\0",
    "DSDIFF": b"FRM8\0\0\0\0\0\1\0\0DSD ",
    "Monkey's Audio": b"MAC \x96\x0f\0\0",
    "WavPack": b"wvpk\x10\x01\0\0\x10\x04\0\0",
    "True Audio": b"TTA1\1\0\2\0",
    "TAK": b"tBaK\x01\x0e\0\0",
    "Shorten": b"ajkg\x02",
    "Musepack SV7": b"MP+\x07",
    "Musepack SV8": b"MPCKSH\x0f",
    "OptimFROG": b"OFR \x0c\0\0\0",
    "LA": b"LA04",
    "QOA": b"qoaf\0\0\x81\x1d",
    "DTS": b"\x7f\xfe\x80\x01\xfc",
    "RealAudio": b".ra\xfd\0\x04\0\0",
    "RealMedia": b".RMF\0\0\0\x12",
    "VQF": b"TWIN97012000",
    "ATRAC in OMA": b"EA3\x01\0\x60\xff\xff",
    "Flash video": b"FLV\x01\x04\0\0\0\x09",
    "MPEG programme stream": b"\0\0\1\xba\x44\0\4\0",
    "VOC": b"Creative Voice File\x1a\x1a\0\x0a\x01",
    "NIST SPHERE": b"NIST_1A\n   1024\n",
    "XM": b"Extended Module: a song".ljust(37) + b"\x1a",
    "IT": b"IMPMa song",
    "SDS": b"\xf0\x7e\x00\x01",
    "Sound Designer as Macintosh resource": b"\x00\x05\x16\x00\x00\x02\x00\x00",
    "Adlib": b"AdLibSpecial",
    "SID": b"PSID\0\2\0\x7c",
    "NSF": b"NESM\x1a\x01",
    "SPC": b"SNES-SPC700 Sound File Data v0.30\x1a\x1a",
    "VGM": b"Vgm \x99\0\0\0\x50\1\0\0",
    "QCP": b"",
}
del BY_MAGIC["Sound Designer as Macintosh resource"], BY_MAGIC["Adlib"], BY_MAGIC["QCP"]


def beginning(magic: bytes) -> bytes:
    return magic + NOISE


CASES: list[Case] = [
    *(
        rejected("FORMAT_NOT_ALLOWED", f"foreign, {name}", lambda magic=magic: beginning(magic))
        for name, magic in BY_MAGIC.items()
    ),
    *(
        rejected("FORMAT_NOT_ALLOWED", f"foreign, MP4 of the brand {brand.decode()!r}", lambda brand=brand: mp4(brand))
        for brand in (b"M4A ", b"isom", b"mp42", b"qt  ", b"3gp4", b"dash", b"M4B ")
    ),
    rejected("FORMAT_NOT_ALLOWED", "foreign, QuickTime that begins with its data", quicktime_old),
    rejected(
        "FORMAT_NOT_ALLOWED", "foreign, a segment of MP4", lambda: box(b"styp", b"msdh\0\0\0\0") + box(b"moof", NOISE)
    ),
    rejected("FORMAT_NOT_ALLOWED", "foreign, a fragment of MP4", lambda: box(b"moof", NOISE)),
    rejected("FORMAT_NOT_ALLOWED", "foreign, AAC in ADTS", adts),
    rejected("FORMAT_NOT_ALLOWED", "foreign, AC-3", ac3),
    rejected("FORMAT_NOT_ALLOWED", "foreign, MPEG transport stream", transport_stream),
    rejected("FORMAT_NOT_ALLOWED", "foreign, MOD", lambda: module(b"M.K.", 1_080)),
    rejected("FORMAT_NOT_ALLOWED", "foreign, MOD of eight channels", lambda: module(b"8CHN", 1_080)),
    rejected("FORMAT_NOT_ALLOWED", "foreign, S3M", lambda: module(b"SCRM", 44)),
    rejected("FORMAT_NOT_ALLOWED", "foreign, BW64", lambda: rf64(magic=b"BW64")),
    *(
        rejected("FORMAT_NOT_ALLOWED", f"foreign, RIFF of the kind {kind.decode()!r}", lambda kind=kind: riff_of(kind))
        for kind in (b"AVI ", b"RMID", b"QLCM", b"sfbk", b"DLS ")
    ),
    *(
        rejected("FORMAT_NOT_ALLOWED", f"foreign, FORM of the kind {kind.decode()!r}", lambda kind=kind: form_of(kind))
        for kind in (b"8SVX", b"16SV", b"MAUD")
    ),
    *(
        rejected(
            "FORMAT_NOT_ALLOWED", f"foreign, {name} by libsndfile", lambda name=name, codec=codec: encoded(name, codec)
        )
        for name, codec in [
            ("AVR", "PCM_16"),
            ("HTK", "PCM_16"),
            ("SVX", "PCM_16"),
            ("MAT4", "PCM_16"),
            ("MAT5", "PCM_16"),
            ("MPC2K", "PCM_16"),
            ("PAF", "PCM_16"),
            ("PVF", "PCM_16"),
            ("SDS", "PCM_16"),
            ("IRCAM", "PCM_16"),
            ("VOC", "PCM_16"),
            ("NIST", "PCM_16"),
            ("XI", "DPCM_16"),
        ]
    ),
    rejected(
        "FORMAT_NOT_ALLOWED", "foreign, WVE by libsndfile", lambda: encoded("WVE", "ALAW", tone(rate=8_000), 8_000)
    ),
    rejected("FORMAT_NOT_ALLOWED", "foreign, PAF, little-endian", lambda: encoded("PAF", "PCM_16", endian="LITTLE")),
    rejected("FORMAT_NOT_ALLOWED", "foreign, IRCAM, big-endian", lambda: encoded("IRCAM", "PCM_16", endian="BIG")),
    rejected("FORMAT_NOT_ALLOWED", "foreign, MAT4, big-endian", lambda: encoded("MAT4", "PCM_16", endian="BIG")),
    rejected("NOT_AUDIO", "foreign, raw samples, which no one can tell", lambda: encoded("RAW", "PCM_16")),
    rejected("NOT_AUDIO", "foreign, raw mu-law", lambda: encoded("RAW", "ULAW")),
    rejected(
        "NOT_AUDIO",
        "foreign, floats in a NumPy file",
        lambda: b"\x93NUMPY\x01\0v\0{'descr': '<f4'}".ljust(128) + np.zeros(500, "<f4").tobytes(),
    ),
]
