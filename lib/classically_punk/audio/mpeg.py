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


_LONGEST_FRAME_BYTES = 1_441  # 320 kbit/s at 32 kHz, padded
_LONGEST_FREE_BYTES = 8_192
_FRAMES_IN_A_ROW = 3  # that make a stream where no tag says so: by chance once in 10^12 places


def layer_at(source: BinaryIO, start: int, size: int) -> int | None:
    """1, 2 or 3 for MPEG audio at byte `start`, 0 for ADTS, None if two frame headers in a row do not agree."""
    first = read_at(source, start, 4)
    length = frame_bytes(first) or _free_frame_bytes(source, start, first)
    if length is None:
        return 0 if len(first) == 4 and first[0] == 0xFF and first[1] & 0xF6 == 0xF0 else None
    if start + length + 4 > size:  # one frame is all there is: the decoder will say, if it is one it knows
        return 3 if _layer(first) == 3 else None
    return _layer(first) if _agree(first, read_at(source, start + length, 4)) else None


def is_layer_3(source: BinaryIO, start: int, size: int) -> bool:
    """Whether a few frames of layer III lie in a row from byte `start`."""
    first = read_at(source, start, 4)
    if frame_bytes(first) is None or _layer(first) != 3:
        return False
    at = start
    for _ in range(_FRAMES_IN_A_ROW):
        header = read_at(source, at, 4)
        length = frame_bytes(header)
        if length is None or not _agree(first, header):
            return False
        at += length
    return at <= size


def first_frame(source: BinaryIO, size: int) -> int | None:
    """Offset of the first frame of a layer III stream that was entered in the middle of a frame."""
    head = read_at(source, 0, _LONGEST_FRAME_BYTES + 1)
    at = head.find(b"\xff", 1)
    while at >= 0:
        if is_layer_3(source, at, size):
            return at
        at = head.find(b"\xff", at + 1)
    return None


def _free_frame_bytes(source: BinaryIO, start: int, header: bytes) -> int | None:
    """Length of the frames of a free-format stream, which no header tells: the way to the next ones that agree."""
    if len(header) < 4 or header[2] >> 4 or frame_bytes(_with_bitrate(header, 1)) is None:
        return None
    ahead = read_at(source, start, _LONGEST_FREE_BYTES)
    at = ahead.find(header[:2], 4)
    while at >= 0:
        # all frames have one size, but for a byte of padding
        if _agree(header, ahead[at : at + 4]) and any(
            _agree(header, ahead[2 * at + pad : 2 * at + pad + 4]) and not ahead[2 * at + pad + 2] >> 4
            for pad in (0, 1, -1)
        ):
            return at
        at = ahead.find(header[:2], at + 1)
    return None


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
    """Whether the first frame is a Xing or Info header that counts the frames. (libsndfile does not read VBRI.)"""
    head = read_at(source, start, 192)
    at = max(head.find(b"Xing"), head.find(b"Info"))
    if at < 0:
        return False
    flags, frames = struct.unpack(">II", head[at + 4 : at + 12].ljust(8, b"\0"))
    return bool(flags & 1) and frames > 0


def counted_bytes(source: BinaryIO, start: int) -> int | None:
    """Bytes of the whole stream, where a Xing, Info or VBRI header tells them."""
    head = read_at(source, start, 192)
    if head[36:40] == b"VBRI" and len(head) >= 50:
        return int.from_bytes(head[46:50], "big") or None
    at = max(head.find(b"Xing"), head.find(b"Info"))
    if at < 0 or len(head) < at + 16:
        return None
    flags, _, counted = struct.unpack(">III", head[at + 4 : at + 16])
    return counted if flags & 3 == 3 and counted > 0 else None


def end_of_frames(source: BinaryIO, size: int) -> int:
    """Where the tags behind the frames begin: ID3v1, Lyrics3 and APE, in whatever order."""
    end = size
    for _ in range(4):
        tail = read_at(source, max(end - 128, 0), min(end, 128))
        if tail.startswith(b"TAG"):
            end -= 128
        elif len(tail) >= 32 and tail[-32:].startswith(b"APETAGEX"):
            length, _, flags = struct.unpack("<III", tail[-20:-8])
            end -= min(length + (32 if flags & 0x80000000 else 0), end)
        elif tail.endswith(b"LYRICS200") and tail[-15:-9].isdigit():
            end -= min(int(tail[-15:-9]) + 15, end)
        else:
            break
    return end


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
