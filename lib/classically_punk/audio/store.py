"""Where decoded samples go while a file is read: into memory, and beyond a limit into a file without a name.

A clip of hours then costs the memory of a block. The file lies where Python's `tempfile` puts its files and is gone
with its last reader.
"""

from __future__ import annotations

import os
import tempfile
from io import FileIO
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Mono: TypeAlias = NDArray[np.float32]
"""(n,) mono samples."""

BYTES = 4
"""Of one sample."""
STEP = 1 << 18
"""Samples that are copied at a time."""


class Spool:
    """Samples (size,) in an open file: read piece by piece, never held as a whole."""

    def __init__(self, file: FileIO, size: int) -> None:
        self.file, self.size = file, size

    def read(self, start: int, stop: int) -> Mono:
        """Samples start <= n < stop: (stop - start,) float32. Raises ValueError outside 0..size, OSError."""
        if not 0 <= start <= stop <= self.size:
            raise ValueError(f"samples {start} to {stop} of {self.size}")
        return read_samples(self.file.fileno(), start, stop)


Samples: TypeAlias = Mono | Spool


class Store(Protocol):
    """Takes the samples of one clip in their order."""

    def add(self, block: Mono) -> None:
        """The next block (n,). Raises OSError where there is no room."""

    def finish(self) -> Samples:
        """All that was added."""


class InMemory:
    """An array of up to `most` samples; more of them go to a file."""

    def __init__(self, most: float) -> None:
        self._most, self._size = most, 0
        self._blocks: list[Mono] = []
        self._file: FileIO | None = None

    def add(self, block: Mono) -> None:
        self._blocks.append(block)
        self._size += block.size
        if self._size <= self._most:
            return
        if self._file is None:
            self._file = nameless_file()
        for kept in self._blocks:
            write_samples(self._file.fileno(), kept)
        self._blocks.clear()

    def finish(self) -> Samples:
        if self._file is None:
            return np.concatenate(self._blocks) if self._blocks else np.zeros(0, dtype=np.float32)
        return Spool(self._file, self._size)


class Shared:
    """The same for another process to read: up to `most` samples in the file `memory`, more in a file of their own."""

    def __init__(self, memory: int, most: float) -> None:
        self._memory, self._most, self.size = memory, most, 0
        self._file: FileIO | None = None
        os.lseek(memory, 0, os.SEEK_SET)

    def add(self, block: Mono) -> None:
        if self._file is None and self.size + block.size > self._most:
            self._file = nameless_file()
            for start in range(0, self.size, STEP):
                write_samples(self._file.fileno(), read_samples(self._memory, start, min(self.size, start + STEP)))
        write_samples(self._memory if self._file is None else self._file.fileno(), block)
        self.size += block.size

    def finish(self) -> Samples:
        """A Spool where the samples have a file of their own; else nothing: they are in `memory`."""
        return np.zeros(0, dtype=np.float32) if self._file is None else Spool(self._file, self.size)


def nameless_file() -> FileIO:
    """A new empty file that is gone when it is closed. Raises OSError."""
    return tempfile.TemporaryFile(buffering=0)


def write_samples(descriptor: int, block: Mono) -> None:
    """Appends (n,) float32 to a file. Raises OSError."""
    rest = _bytes_of(np.ascontiguousarray(block, dtype=np.float32))
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def read_samples(descriptor: int, start: int, stop: int) -> Mono:
    """Samples start <= n < stop of a file: (stop - start,) float32. Raises OSError, EOFError where the file ends."""
    samples = np.empty(stop - start, dtype=np.float32)
    into, at = _bytes_of(samples), BYTES * start
    while into:
        count = os.preadv(descriptor, [into], at)
        if count == 0:
            raise EOFError("the file of samples is shorter than it should be")
        into, at = into[count:], at + count
    return samples


def _bytes_of(samples: Mono) -> memoryview:
    return samples.data.cast("B") if samples.size else memoryview(b"")
