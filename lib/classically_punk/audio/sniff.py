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

_HEAD_BYTES = 1_100  # up to and beyond a tracker's mark at 1080
_MOST_PADDING = 1 << 16  # zeros between a tag and the first frame
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


_PRINTABLE = bytes(range(0x20, 0x7F)) + b"\t\r\n\f"
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
    (0, b"\x04\x22\x4d\x18", "lz4"),
    (0, b"LZIP", "lzip"),
    (0, b"\x5d\x00\x00", "lzma"),
    (0, b"MSCF", "cabinet"),
    (0, b"!<arch>\n", "ar"),
    (0, b"070701", "cpio"),
    (0, b"070702", "cpio"),
    (0, b"070707", "cpio"),
    (0, b"\x1f\x9d", "compress"),
    (0, b"xar!", "xar"),
    (257, b"ustar", "tar"),
    (32_769, b"CD001", "disc image"),
)

_OTHER_AUDIO: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftyp", "MP4"),
    (4, b"moov", "QuickTime"),
    (4, b"mdat", "QuickTime"),
    (4, b"wide", "QuickTime"),
    *((4, box, "MP4") for box in (b"styp", b"moof", b"free", b"skip", b"sidx")),
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
    (0, b"tBaK", "TAK"),
    (0, b"ajkg", "Shorten"),
    (0, b"LA0", "Lossless Audio"),
    (0, b"qoaf", "QOA"),
    (0, b"TWIN", "VQF"),
    (0, b"EA3\x01", "ATRAC"),
    (0, b"ea3\x03", "ATRAC"),
    (0, b"\x56\xe0", "AAC (LOAS)"),
    (0, b"FLV\x01", "Flash video"),
    (0, b"\x00\x00\x01\xba", "MPEG programme stream"),
    (0, b"IMPM", "Impulse Tracker"),
    (44, b"SCRM", "Scream Tracker"),
    (0, b"PSID", "SID"),
    (0, b"RSID", "SID"),
    (0, b"NESM\x1a", "NSF"),
    (0, b"SNES-SPC700", "SPC"),
    (0, b"Vgm ", "VGM"),
    (0, b"\x00\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00", "MATLAB 4"),
    (0, b"\x00\x00\x03\xe8\x00\x00\x00\x01\x00\x00\x00\x01", "MATLAB 4"),
    *((1_080, mark, "tracker module") for mark in (b"M.K.", b"M!K!", b"FLT4", b"4CHN", b"6CHN", b"8CHN")),
)

_OTHER_RIFF = {
    b"AVI ": "AVI",
    b"RMID": "RIFF MIDI",
    b"RMP3": "RMP3",
    b"QLCM": "QCP",
    b"sfbk": "SoundFont",
    b"DLS ": "Downloadable Sounds",
    b"8SVX": "8SVX",
    b"16SV": "16SV",
    b"MAUD": "MAUD",
}
_IMAGES_IN_RIFF = frozenset({b"WEBP", b"ACON", b"ILBM"})

_OGG_CODECS: tuple[tuple[bytes, str | None], ...] = (
    (b"\x01vorbis", None),
    (b"OpusHead", None),
    (b"\x7fFLAC", "Ogg FLAC"),
    (b"Speex   ", "Speex"),
    (b"\x80theora", "Theora"),
    (b"fishead", "Ogg Skeleton"),
    (b"CELT    ", "CELT in Ogg"),
    (b"PCM     ", "PCM in Ogg"),
    (b"\x80kate", "Kate"),
    (b"BBCD", "Dirac"),
    (b"OVP80", "VP8"),
    (b"OggMIDI", "MIDI in Ogg"),
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
    if isinstance(found, Container):
        return found, start
    if isinstance(found, NotAudioError):
        late = _late_mpeg(source, start, size)
        if late is not None:
            return Container.MP3, late
    if start and not isinstance(
        found, FormatNotAllowedError
    ):  # it says it is tagged audio, and none is where the tag says it ends
        raise HeaderCorruptError(f"no audio at byte {start}, where the ID3 tag of this file of {size} bytes ends")
    raise found


def _late_mpeg(source: BinaryIO, start: int, size: int) -> int | None:
    """Where an MP3 begins behind zeros, as taggers leave them, or behind the end of a frame, as recorders of streams.

    Behind a tag only zeros are skipped: what else is there means that the tag lies about its size.
    """
    padded = read_at(source, start, _MOST_PADDING)
    zeros = len(padded) - len(padded.lstrip(b"\0"))
    if zeros and mpeg.is_layer_3(source, start + zeros, size):
        return start + zeros
    return None if start else mpeg.first_frame(source, size)


def _container(source: BinaryIO, start: int, size: int, head: bytes) -> Container | ClipError:
    form = head[8:12]
    if _is_text(head):
        return NotAudioError(f"text that begins with {_told(head[:8])}")
    if head[:4] in (b"RIFF", b"RIFX", b"FORM"):
        found = _riff_or_form(head[:4], form)
        archive = _archive(source, head) if isinstance(found, HeaderCorruptError) else None  # of files named RIFF…
        return ArchiveError(f"a {archive} archive") if archive else found
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
    if archive := _archive(source, head):
        return ArchiveError(f"a {archive} archive")
    layer = mpeg.layer_at(source, start, size)
    if layer == 3:
        return Container.MP3
    if layer is not None:
        return FormatNotAllowedError(f"MPEG audio layer {layer}" if layer else "AAC (ADTS)")
    if other := _match(head, _OTHER_AUDIO) or _unmarked(head, size):
        return FormatNotAllowedError(other)
    return NotAudioError(f"begins with {_told(head[:8])}, like no audio format")


def _riff_or_form(magic: bytes, form: bytes) -> Container | ClipError:
    if magic != b"FORM" and form == b"WAVE":
        return Container.WAV
    if magic == b"FORM" and form in (b"AIFF", b"AIFC"):
        return Container.AIFF
    if form in _OTHER_RIFF:
        return FormatNotAllowedError(_OTHER_RIFF[form])
    if form in _IMAGES_IN_RIFF:
        return NotAudioError(f"an image ({_told(magic)} {_told(form)})")
    return HeaderCorruptError(f"{_told(magic)} of the unknown kind {_told(form)}")


def _ogg(head: bytes) -> Container | ClipError:
    if len(head) < 28:
        return HeaderCorruptError("an Ogg page without a body")
    packet = head[27 + head[26] :]
    for magic, refused in _OGG_CODECS:
        if packet.startswith(magic):
            return FormatNotAllowedError(refused) if refused else Container.OGG
    return HeaderCorruptError(f"an Ogg stream of the unknown kind {_told(packet[:8])}")


def _told(some: bytes) -> str:
    """A few bytes for people: "text" in quotes, all else as pairs of hexadecimal digits."""
    return some.hex(" ") if some.translate(None, _PRINTABLE) else f'"{" ".join(some.decode("ascii").split())}"'


def _is_text(head: bytes) -> bool:
    """Nothing but printable ASCII: no header with numbers in it, whatever word it begins with."""
    return not head.startswith((b"NIST_1A", b"!<arch>")) and not head.translate(None, _PRINTABLE)


def _archive(source: BinaryIO, head: bytes) -> str | None:
    far = [entry for entry in _ARCHIVES if entry[0] >= len(head)]
    found = _match(head, _ARCHIVES)
    for offset, magic, name in far:
        if read_at(source, offset, len(magic)) == magic:
            found = name
    return found or ("tar" if _is_old_tar(head) else None)


def _is_old_tar(head: bytes) -> bool:
    """Version 7 has no magic number, but a checksum: the sum of the header's bytes, itself counted as blanks."""
    field = head[148:156].strip(b"\0 ")
    if len(head) < 512 or not field or field.strip(b"01234567"):
        return False
    return int(field, 8) == sum(head[:148]) + 8 * ord(" ") + sum(head[156:512])


def _unmarked(head: bytes, size: int) -> str | None:
    """Formats that are told by a rule, not by a magic number."""
    samples = int.from_bytes(head[:4], "big")
    if head[8:12] == b"\0\2\0\0" and size == 12 + 2 * samples:
        return "HTK"
    if size >= 1_000 and all(head[at : at + 1] == b"\x47" for at in range(0, 5 * 188, 188)):
        return "MPEG transport stream"
    return None


def _match(head: bytes, table: tuple[tuple[int, bytes, str], ...]) -> str | None:
    return next((name for offset, magic, name in table if head.startswith(magic, offset)), None)


def _id3_bytes(head: bytes) -> int:
    """Length of the tag with header and footer: sizes are four bytes of seven bits (ID3v2.4, section 3.1)."""
    if len(head) < 10 or any(byte & 0x80 for byte in head[6:10]):
        raise HeaderCorruptError("an ID3 tag with an impossible size")
    size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    return 10 + size + (10 if head[5] & 0x10 else 0)
