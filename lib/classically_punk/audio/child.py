"""The decoder's own process: reads requests from a socket, decodes under limits, answers; see `isolation`.

Started as `python -P -m classically_punk.audio.child SOCKET MEMORY RULES`: two inherited descriptors, and JSON with
`limits` and `whole_clip_s`. Samples are written to MEMORY, those of a long clip to a file that goes with the answer.
"""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from classically_punk.audio import decode
from classically_punk.audio.channel import receive, send
from classically_punk.audio.store import BYTES, Shared, Spool
from classically_punk.errors import ClipError, unforeseen

OPEN_FILES = 64
SPARE_S = 2
"""What the process has beyond the limit before it ends itself: whoever asked ends it earlier."""
SPARE_BYTES = 1 << 20


def main() -> None:
    """Serves until the other end of the socket closes."""
    channel, memory = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])
    rules = json.loads(sys.argv[3])
    limits, whole = SimpleNamespace(**rules["limits"]), rules["whole_clip_s"] * decode.SAMPLE_RATE_HZ
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program that asks
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    _limit(resource.RLIMIT_FSIZE, SPARE_BYTES + BYTES * math.ceil(limits.max_duration_s * decode.SAMPLE_RATE_HZ))
    if (present := _virtual_bytes()) is not None:
        _limit(resource.RLIMIT_AS, present + limits.max_decoder_bytes)
    while (received := receive(channel)) is not None:
        request, files = received
        store = Shared(memory, whole)
        _limit_time(limits.max_decode_s)
        answer = _answer(request, files, limits, store)
        signal.alarm(0)
        spool = answer.pop("samples", None)
        send(channel, answer, [spool.file.fileno()] if isinstance(spool, Spool) else [])
        if "crash" in answer:
            return  # what is left of the memory is in no state to go on with


def _answer(request: dict[str, Any], files: list[int], limits: Any, store: Shared) -> dict[str, Any]:
    """The fields of `Decoded` and the count of samples, or what kept it from that."""
    try:
        if files:
            with os.fdopen(files[0], "rb") as content:
                decoded = decode.decode_content(content, limits, store)
        else:
            path = bytes.fromhex(request["path"])
            decoded = decode.decode_file(path, limits, request["size"], request["modified_ns"], store)
    except ClipError as error:
        return {"reject": error.code, "args": list(error.args)}
    except MemoryError:
        return {"crash": f"out of memory: more than {limits.max_decoder_bytes} bytes wanted"}
    except Exception as error:  # noqa: BLE001  an error nobody foresaw is told to the adapter, which makes it a row
        told = unforeseen(error)
        return {"reject": told.code, "args": list(told.args)}
    return {"count": store.size} | {field.name: getattr(decoded, field.name) for field in fields(decoded)}


def _limit(which: int, most: int) -> None:
    """Lowers a limit of this process; one that is lower already stays."""
    soft, hard = resource.getrlimit(which)
    for known in (soft, hard):
        most = most if known == resource.RLIM_INFINITY else min(most, known)
    with suppress(ValueError, OSError):  # a system that does not know this limit
        resource.setrlimit(which, (most, hard))


def _limit_time(seconds: float) -> None:
    """Ends this process by a signal when the next file takes longer, on the processor or on the clock."""
    most = math.ceil(seconds) + SPARE_S
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    used = math.ceil(usage.ru_utime + usage.ru_stime)
    resource.setrlimit(resource.RLIMIT_CPU, (used + most if hard == resource.RLIM_INFINITY else hard, hard))
    signal.alarm(most)


def _virtual_bytes() -> int | None:
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return None  # no such file system: the limit of memory is left out there


if __name__ == "__main__":
    main()
