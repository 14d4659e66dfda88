"""Which container the bytes are, judged by magic numbers before any decoder sees them.

libsndfile opens about two dozen formats by content; only the allow-list below may reach it. Names and extensions
count for nothing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import BinaryIO

from classically_punk.audio import mpeg
from classically_punk.audio.bytesource import read_at
from classically_punk.errors import (
    ArchiveError,
    ClipError,
    EmptyFileError,
    FormatNotAllowedError,
    HeaderCorruptError,
    NotAudioError,
    TooSmallError,
)

SMALLEST_HEADER_BYTES = 24
"""The header of AU, the shortest of all allowed containers."""

FLAC_HEADER_BYTES = 42
"""Marker, block header and STREAMINFO."""

_HEAD_BYTES = 512  # up to and beyond the tar magic at 257
_TAGS = 8  # ID3 tags in a row before the file counts as broken


class Container(StrEnum):
    """The allow-list."""

    WAV = "WAV"
    RF64 = "RF64"
    W64 = "W64"
    AIFF = "AIFF"
    AU = "AU"
    FLAC = "FLAC"
    OGG = "OGG"
    MP3 = "MP3"
    CAF = "CAF"


_W64_RIFF = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"

_ARCHIVES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"PK\x03\x04", "zip"),
    (0, b"PK\x05\x06", "zip"),
    (0, b"PK\x07\x08", "zip"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"BZh", "bzip2"),
    (0, b"\xfd7zXZ\x00", "xz"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z"),
    (0, b"Rar!\x1a\x07", "rar"),
    (0, b"\x28\xb5\x2f\xfd", "zstd"),
    (257, b"ustar", "tar"),
)

_OTHER_AUDIO: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftyp", "MP4"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "ASF (WMA)"),
    (0, b"\x1a\x45\xdf\xa3", "Matroska"),
    (0, b"BW64", "BW64"),
    (0, b"MThd", "MIDI"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"wvpk", "WavPack"),
    (0, b"MPCK", "Musepack"),
    (0, b"MP+", "Musepack"),
    (0, b"TTA1", "True Audio"),
    (0, b"OFR ", "OptimFROG"),
    (0, b"DSD ", "DSF"),
    (0, b"FRM8", "DSDIFF"),
    (0, b"#!AMR", "AMR"),
    (0, b"ADIF", "AAC"),
    (0, b".ra\xfd", "RealAudio"),
    (0, b".RMF", "RealMedia"),
    (0, b"\x0b\x77", "AC-3"),
    (0, b"\x7f\xfe\x80\x01", "DTS"),
    (0, b"Creative Voice File", "VOC"),
    (0, b"NIST_1A", "NIST SPHERE"),
    (0, b"\x64\xa3", "IRCAM"),
    (1, b"\xa3\x64\x00", "IRCAM"),
    (0, b"\x00\x00\xa3\x64", "IRCAM"),
    (0, b" paf", "PAF"),
    (0, b"fap ", "PAF"),
    (0, b"PVF1", "PVF"),
    (0, b"MATLAB 5.0 MAT-file", "MATLAB"),
    (0, b"Extended Instrument: ", "XI"),
    (0, b"Extended Module: ", "XM"),
    (0, b"2BIT", "AVR"),
    (0, b"ALawSoundFile**", "WVE"),
    (0, b"\x01\x04", "MPC 2000"),
    (0, b"\xf0\x7e", "SDS"),
)

_OTHER_RIFF = {b"AVI ": "AVI", b"RMID": "RIFF MIDI", b"RMP3": "RMP3", b"8SVX": "8SVX", b"16SV": "16SV", b"MAUD": "MAUD"}
_IMAGES_IN_RIFF = frozenset({b"WEBP", b"ACON", b"ILBM"})

_OGG_CODECS: tuple[tuple[bytes, str | None], ...] = (
    (b"\x01vorbis", None),
    (b"OpusHead", None),
    (b"\x7fFLAC", "Ogg FLAC"),
    (b"Speex   ", "Speex"),
    (b"\x80theora", "Theora"),
    (b"fishead", "Ogg Skeleton"),
)


def sniff(source: BinaryIO, size: int) -> tuple[Container, int]:
    """The container and where it begins (behind ID3 tags, else 0): an open file of `size` bytes.

    Raises EmptyFileError, TooSmallError, ArchiveError, FormatNotAllowedError, HeaderCorruptError or NotAudioError.
    """
    if size == 0:
        raise EmptyFileError("the file has no bytes")
    if size < SMALLEST_HEADER_BYTES:
        raise TooSmallError(f"the file has {size} bytes, the smallest header {SMALLEST_HEADER_BYTES}")
    start = 0
    for _ in range(_TAGS):
        head = read_at(source, start, _HEAD_BYTES)
        if not head.startswith(b"ID3"):
            break
        start += _id3_bytes(head)
    else:
        raise HeaderCorruptError(f"more than {_TAGS} ID3 tags in a row")
    found = _container(source, start, size, head)
    if isinstance(found, Container) and (start == 0 or found in (Container.FLAC, Container.MP3)):
        return found, start
    if start or isinstance(found, Container):  # it says it is tagged audio, and none is where the tag says it ends
        raise HeaderCorruptError(f"no audio at byte {start}, where the ID3 tag of this file of {size} bytes ends")
    raise found


def _container(source: BinaryIO, start: int, size: int, head: bytes) -> Container | ClipError:
    form = head[8:12]
    if head[:4] in (b"RIFF", b"RIFX", b"FORM"):
        return _riff_or_form(head[:4], form)
    if head.startswith(b"RF64"):
        return Container.RF64 if form == b"WAVE" else HeaderCorruptError("RF64 without the marker WAVE")
    if head.startswith(_W64_RIFF):
        return Container.W64
    if head[:4] in (b".snd", b"dns."):
        return Container.AU
    if head.startswith(b"fLaC"):
        if size - start < FLAC_HEADER_BYTES:
            return HeaderCorruptError(f"{size - start} bytes, the header of FLAC has {FLAC_HEADER_BYTES}")
        return Container.FLAC
    if head.startswith(b"caff"):
        return Container.CAF
    if head.startswith(b"OggS"):
        return _ogg(head)
    if archive := _match(head, _ARCHIVES):
        return ArchiveError(f"a {archive} archive")
    layer = mpeg.layer_at(source, start, size)
    if layer == 3:
        return Container.MP3
    if layer is not None:
        return FormatNotAllowedError(f"MPEG audio layer {layer}" if layer else "AAC (ADTS)")
    if other := _match(head, _OTHER_AUDIO):
        return FormatNotAllowedError(other)
    return NotAudioError(f"begins with {head[:8]!r}, like no audio format")


def _riff_or_form(magic: bytes, form: bytes) -> Container | ClipError:
    if magic != b"FORM" and form == b"WAVE":
        return Container.WAV
    if magic == b"FORM" and form in (b"AIFF", b"AIFC"):
        return Container.AIFF
    if form in _OTHER_RIFF:
        return FormatNotAllowedError(_OTHER_RIFF[form])
    if form in _IMAGES_IN_RIFF:
        return NotAudioError(f"an image ({magic!r} {form!r})")
    return HeaderCorruptError(f"{magic!r} of the unknown kind {form!r}")


def _ogg(head: bytes) -> Container | ClipError:
    if len(head) < 28:
        return HeaderCorruptError("an Ogg page without a body")
    packet = head[27 + head[26] :]
    for magic, refused in _OGG_CODECS:
        if packet.startswith(magic):
            return FormatNotAllowedError(refused) if refused else Container.OGG
    return HeaderCorruptError(f"an Ogg stream of the unknown kind {packet[:8]!r}")


def _match(head: bytes, table: tuple[tuple[int, bytes, str], ...]) -> str | None:
    return next((name for offset, magic, name in table if head.startswith(magic, offset)), None)


def _id3_bytes(head: bytes) -> int:
    """Length of the tag with header and footer: sizes are four bytes of seven bits (ID3v2.4, section 3.1)."""
    if len(head) < 10 or any(byte & 0x80 for byte in head[6:10]):
        raise HeaderCorruptError("an ID3 tag with an impossible size")
    size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    return 10 + size + (10 if head[5] & 0x10 else 0)
