"""Decoding in a process of its own: whatever a file does to the decoder, the worse that comes of it is one reject.

A long-lived child per worker (`child`) with limits on memory, processor, clock, open files and output, set by what the
operating system gives. It dies of a file: that file gets DECODER_CRASH or DECODE_TIMEOUT, and a new child starts.
The limits are the decoder's; the process that asks, compiles and describes has none.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import FileIO
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from classically_punk import errors
from classically_punk.audio.channel import receive, send
from classically_punk.audio.decode import WHOLE_CLIP_S, Decoded
from classically_punk.audio.store import Samples, Spool, nameless_file, read_samples
from classically_punk.errors import ClipError, DecoderCrashError, DecodeTimeoutError

if TYPE_CHECKING:
    from classically_punk.settings import Limits

CHILD: Final = (sys.executable, "-P", "-m", "classically_punk.audio.child")
KEPT_ENVIRONMENT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
"""No more: a decoder has no business with credentials."""
STARTING_S: Final = 60.0
"""Longest that a child may take to its first answer beyond the file's own time."""
ALLOCATION: Final = {"MALLOC_MMAP_THRESHOLD_": str(1 << 25), "MALLOC_TRIM_THRESHOLD_": str(1 << 26)}
"""For glibc: else every block is mapped, faulted in and unmapped again, which doubles the time of a small clip."""
IN_MEMORY_BYTES: Final = 1 << 26
"""Contents up to 64 MiB are handed over in memory."""
LONGEST_PATH: Final = 16_384
FILE_LIMITS: Final = (
    "max_bytes",
    "max_duration_s",
    "max_missing_share",
    "max_channels",
    "min_sample_rate_hz",
    "max_sample_rate_hz",
    "max_decode_s",
    "max_decoder_bytes",
)
REJECTS: Final[dict[str, type[ClipError]]] = {
    kind.code: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, ClipError) and kind is not ClipError
}


class Whole:
    """A file into which a block is written as a whole: the system itself may take a part of it."""

    def __init__(self, file: FileIO) -> None:
        self._file = file

    def write(self, block: bytes) -> None:
        """All of the block. Raises OSError; ValueError where the file has been closed."""
        rest = memoryview(block)
        while rest:
            rest = rest[self._file.write(rest) :]


class _DecoderKilledError(DecoderCrashError):
    """SIGKILL, which no decoder sends itself: the file may well be innocent."""


class IsolatedDecoder:
    """`decode_file` and `decode_content` of `decode`, in a child. One file at a time; threads wait for each other.

    The child starts at once and imports while its owner goes on; `close()` (or the end of the owner) ends it.
    """

    def __init__(self, limits: Limits, whole_clip_s: float = WHOLE_CLIP_S, command: Sequence[str] = CHILD) -> None:
        self._limits, self._command = limits, tuple(command)
        rules = {"limits": {name: getattr(limits, name) for name in FILE_LIMITS}, "whole_clip_s": whole_clip_s}
        self._rules = json.dumps(rules)
        self._lock = threading.Lock()
        self._memory = _shared_memory()
        self._child: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket
        self._start()

    def decode_file(
        self, path: bytes, expected_size: int | None = None, expected_modified_ns: int | None = None
    ) -> Decoded:
        """The clip in a file. Raises ClipError, as `decode.decode_file`; DecoderCrashError, DecodeTimeoutError."""
        if len(path) > LONGEST_PATH:
            raise errors.UnreadableError("a path longer than any file system has")
        return self._ask({"path": path.hex(), "size": expected_size, "modified_ns": expected_modified_ns}, None)

    def decode_content(self, content: bytes) -> Decoded:
        """The clip in the bytes of a file. Raises ClipError, as `decode_file`."""
        return self.decode_written(lambda file: file.write(content), len(content))

    def decode_written(self, write: Callable[[Whole], object], size: int) -> Decoded:
        """The clip in some `size` bytes that `write` puts into a file. Raises as `write` and `decode_file` do."""
        with tempfile.TemporaryFile(buffering=0) if size > IN_MEMORY_BYTES else _shared_memory() as file:
            write(Whole(file))
            return self._ask({}, file.fileno())

    @property
    def process_id(self) -> int | None:
        """Of the child, for whoever wants to see it die."""
        return None if self._child is None else self._child.pid

    def close(self) -> None:
        """Ends the child. A later call starts a new one."""
        with self._lock:
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_child", None) is not None:
            self._end()

    def _ask(self, request: dict[str, Any], content: int | None) -> Decoded:
        with self._lock:
            try:
                return self._ask_once(request, content)
            except _DecoderKilledError:
                # by somebody, or by a system short of memory: a healthy file must not be lost to that
                return self._ask_once(request, content)

    def _ask_once(self, request: dict[str, Any], content: int | None) -> Decoded:
        try:
            self._send(request, content)
            received = receive(self._channel, self._limits.max_decode_s + self._grace())
        except TimeoutError:
            self._end()
            raise DecodeTimeoutError(f"not decoded within {self._limits.max_decode_s:g} s") from None
        except ConnectionError:
            raise self._death() from None
        except (OSError, ValueError) as error:
            self._end()
            raise DecoderCrashError(f"the decoder broke off: {error}") from None
        self._answered = True
        if received is None:
            raise self._death()
        return self._decoded(*received)

    def _send(self, request: dict[str, Any], content: int | None) -> None:
        """To a living child: one that died in peace, between two files, is not the next one's fault."""
        files = [] if content is None else [content]
        if self._child is not None and self._child.poll() is None:
            try:
                send(self._channel, request, files)
            except ConnectionError:
                pass
            else:
                return
        self._end()
        self._start()
        send(self._channel, request, files)

    def _grace(self) -> float:
        return 0.0 if self._answered else STARTING_S

    def _decoded(self, answer: dict[str, Any], files: list[int]) -> Decoded:
        opened = [FileIO(descriptor) for descriptor in files]
        if "reject" in answer:
            raise REJECTS[answer["reject"]](*answer["args"])
        if "crash" in answer:
            self._end()
            raise DecoderCrashError(answer["crash"])
        count = int(answer.pop("count"))
        samples: Samples = Spool(opened[0], count) if opened else read_samples(self._memory.fileno(), 0, count)
        return Decoded(**{**answer, "samples": samples, "warnings": tuple(answer["warnings"])})

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        environment = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
        path = os.pathsep.join(filter(None, sys.path))
        environment |= {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", **ALLOCATION}
        with theirs:
            passed = (theirs.fileno(), self._memory.fileno())
            self._child = subprocess.Popen(
                [*self._command, *map(str, passed), self._rules],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # however much a decoder prints, nobody has to store it
                stderr=subprocess.DEVNULL,
                env=environment,
                pass_fds=passed,
            )
        self._channel, self._answered = ours, False

    def _death(self) -> ClipError:
        """What the child died of."""
        assert self._child is not None
        try:
            status = self._child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            status = 0  # it closed its end and lives on: no better
        self._end()
        if status in (-signal.SIGXCPU, -signal.SIGALRM):
            return DecodeTimeoutError(f"not decoded within {self._limits.max_decode_s:g} s")
        if status == -signal.SIGKILL:
            return _DecoderKilledError("the decoder was ended by SIGKILL")
        if status < 0:
            return DecoderCrashError(f"the decoder was ended by {signal.Signals(-status).name}")
        return DecoderCrashError(f"the decoder ended with status {status}")

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        self._channel.close()
        child.kill()
        with suppress(subprocess.TimeoutExpired):
            child.wait(timeout=5)


def _shared_memory() -> FileIO:
    """An empty file in memory where the system has such, else a temporary one."""
    if hasattr(os, "memfd_create"):
        return FileIO(os.memfd_create("samples", os.MFD_CLOEXEC), "r+")
    return nameless_file()
