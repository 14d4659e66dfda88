"""Frames of MPEG audio: what their four-byte headers say, and how a stream tells its length.

After ISO/IEC 11172-3, section 2.4.2.3, and 13818-3 for the low sample rates; the Xing header is LAME's.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from classically_punk.audio.bytesource import read_at

# kbit/s by index 1..14 (ISO/IEC 11172-3 table 3-B.2 and 13818-3); index 0 is free format, 15 is forbidden.
_KBITS: dict[tuple[bool, int], tuple[int, ...]] = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MPEG1_RATES_HZ = (44_100, 48_000, 32_000)
_SAME_STREAM = (0xFF, 0xFE, 0x0C)  # sync, version, layer and sample rate: equal in all frames of a stream
_SMALLEST_FRAME_BYTES = 24  # 8 kbit/s at 24 kHz
_LENGTH_MARKS = (b"Xing", b"Info", b"VBRI")


def layer_at(source: BinaryIO, start: int, size: int) -> int | None:
    """1, 2 or 3 for MPEG audio at byte `start`, 0 for ADTS, None if two frame headers in a row do not agree."""
    first = read_at(source, start, 4)
    length = frame_bytes(first)
    if length is None:
        return 0 if len(first) == 4 and first[0] == 0xFF and first[1] & 0xF6 == 0xF0 else None
    if start + length + 4 <= size and not _agree(first, read_at(source, start + length, 4)):
        return None  # where one frame is all there is, the decoder will say
    return _layer(first)


def frame_bytes(header: bytes) -> int | None:
    """Length in bytes of the frame that a header of 4 bytes announces; None if it is none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, _layer(header)
    bitrate, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return None
    bits_per_s = 1_000 * _KBITS[_is_mpeg1(header), layer][bitrate - 1]
    rate_hz = _MPEG1_RATES_HZ[rate] // {3: 1, 2: 2, 0: 4}[version]
    if layer == 1:
        return 4 * (12 * bits_per_s // rate_hz + padding)
    return (144 if layer == 2 or _is_mpeg1(header) else 72) * bits_per_s // rate_hz + padding


def most_frames(size: int) -> int:
    """More frames than any stream of `size` bytes has."""
    return size // _SMALLEST_FRAME_BYTES + 1


def tells_length(source: BinaryIO, start: int) -> bool:
    """Whether the first frame is a Xing, Info or VBRI header, which counts the frames."""
    return any(mark in read_at(source, start, 192) for mark in _LENGTH_MARKS)


def xing_frame(header: bytes, frames: int) -> bytes:
    """A frame to stand before a layer III stream that begins with this header: it only says how many frames follow."""
    bitrate = next(index for index in range(1, 15) if (frame_bytes(_with_bitrate(header, index)) or 0) >= 64)
    info = _with_bitrate(header, bitrate)
    is_mono = header[3] >> 6 == 3
    side_info_bytes = {(True, False): 32, (True, True): 17, (False, False): 17, (False, True): 9}
    mark = b"Xing" + struct.pack(">II", 1, frames)  # flag 1: the number of frames follows
    body = info + bytes(side_info_bytes[_is_mpeg1(header), is_mono]) + mark
    return body.ljust(frame_bytes(info) or 0, b"\0")


def _with_bitrate(header: bytes, index: int) -> bytes:
    protected = header[1] | 1  # no checksum behind the header
    return bytes([header[0], protected, index << 4 | header[2] & 0x0C, header[3]])


def _layer(header: bytes) -> int:
    return 4 - (header[1] >> 1 & 3)


def _is_mpeg1(header: bytes) -> bool:
    return header[1] >> 3 & 3 == 3


def _agree(first: bytes, second: bytes) -> bool:
    if len(second) < len(_SAME_STREAM):
        return False
    return all(a & mask == b & mask for a, b, mask in zip(first, second, _SAME_STREAM, strict=False))
