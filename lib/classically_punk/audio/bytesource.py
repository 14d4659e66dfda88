"""Open files as a decoder may read them: at a place, behind bytes of our own, and never with a surprise."""

from __future__ import annotations

import io
import os
from typing import BinaryIO

_LARGEST_OFFSET = (1 << 63) - 1


def read_at(source: BinaryIO, offset: int, count: int) -> bytes:
    """Up to `count` bytes from `offset`; fewer, or none, where the file ends."""
    if offset > _LARGEST_OFFSET:  # as broken headers have it
        return b""
    source.seek(offset, os.SEEK_SET)
    return source.read(count)


class Guarded(io.RawIOBase):
    """Some bytes of our own (or none), and behind them a file from `start` to byte `size`, read as one file.

    `over` are bytes of our own, too, and the place in the file that they are read at instead of what is there.

    libsndfile reads through callbacks, out of which no exception finds its way: an impossible place is moved into
    the file, and an error of the file system is kept in `failure` for whoever reads next.
    """

    def __init__(
        self, source: BinaryIO, size: int, start: int = 0, before: bytes = b"", over: tuple[int, bytes] | None = None
    ) -> None:
        super().__init__()
        self._source, self._start, self._before, self._over = source, start, before, over
        self._length = len(before) + size - start
        self._at = 0
        self.failure: OSError | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length}[whence]
        self._at = min(max(0, origin + offset), self._length)
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        wanted = min(len(buffer), self._length - self._at)
        content = self._before[self._at : self._at + wanted]
        if len(content) < wanted:
            behind = max(self._at - len(self._before), 0)
            try:
                content += self._file_bytes(self._start + behind, wanted - len(content))
            except OSError as error:
                self.failure = error
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)

    @property
    def size(self) -> int:
        """Bytes in all."""
        return self._length

    @property
    def unread(self) -> int:
        """Bytes behind the place where reading has stopped."""
        return self._length - self._at

    def _file_bytes(self, at: int, count: int) -> bytes:
        content = read_at(self._source, at, count)
        if self._over is None:
            return content
        place, new = self._over
        first, last = max(place, at), min(place + len(new), at + len(content))
        if first >= last:
            return content
        return content[: first - at] + new[first - place : last - place] + content[last - at :]
