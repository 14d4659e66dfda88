"""On the path of Python workers, makes their isolated decoders misbehave over files called poison-KIND…, truly."""

from __future__ import annotations

import os
import signal
import sys
import time


def memory() -> None:
    """Asks for sixteen gigabytes, touching each page."""
    _ = [bytearray(os.urandom(1 << 20) * 16) for _ in range(1_000)]


def flood() -> None:
    """Prints a hundred megabytes, then dies of it."""
    for stream in (1, 2):
        for _ in range(50):
            os.write(stream, b"noise" * 200_000)
    os.abort()


def spin() -> None:
    """Never comes back, at full speed."""
    while True:
        pass


KINDS = {
    b"segfault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    b"kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    b"exit": lambda: os._exit(3),
    b"memory": memory,
    b"flood": flood,
    b"hang": lambda: time.sleep(3_600),
    b"spin": spin,
}

if "classically_punk.audio.child" in sys.orig_argv:
    from classically_punk.audio import decode

    healthy = decode.decode_file

    def decode_file(path, *rest):  # type: ignore[no-untyped-def]
        mark, _, kind = path.rpartition(b"/")[2].partition(b"-")
        if mark == b"poison":
            KINDS[kind.partition(b".")[0]]()
        return healthy(path, *rest)

    decode.decode_file = decode_file
