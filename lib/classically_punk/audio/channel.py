"""Messages between a process and its isolated decoder: four bytes of length, JSON, and open files beside it.

What a message says is data: a decoder gone wrong cannot make its reader run anything, nor make it hold more than
LONGEST_MESSAGE.
"""

from __future__ import annotations

import json
import os
import socket
import time
from typing import Any

LONGEST_MESSAGE = 1 << 16
"""Bytes: a path and an explanation fit many times."""
MOST_FILES = 2
_LENGTH_BYTES = 4


def send(channel: socket.socket, message: dict[str, Any], files: list[int] | None = None) -> None:
    """One message, with descriptors the other end gets its own of. Raises OSError; ValueError if it is too long."""
    body = json.dumps(message).encode()
    if len(body) > LONGEST_MESSAGE:
        raise ValueError(f"a message of {len(body)} bytes")
    packet = len(body).to_bytes(_LENGTH_BYTES, "big") + body
    sent = socket.send_fds(channel, [packet], files or [])
    if sent < len(packet):
        channel.sendall(packet[sent:])


def receive(channel: socket.socket, seconds: float | None = None) -> tuple[dict[str, Any], list[int]] | None:
    """The next message and its descriptors, or None at the end of the stream; waits for `seconds` altogether.

    Raises TimeoutError, OSError; ValueError for what is no message.
    """
    until = None if seconds is None else time.monotonic() + seconds
    content, files = b"", []
    wanted = _LENGTH_BYTES
    try:
        while len(content) < wanted:
            if until is not None:
                channel.settimeout(max(1e-3, until - time.monotonic()))
            part, new, _, _ = socket.recv_fds(channel, wanted - len(content), MOST_FILES)
            files += new
            if not part:
                break
            content += part
            if len(content) == _LENGTH_BYTES:
                wanted = _LENGTH_BYTES + int.from_bytes(content, "big")
                if wanted > _LENGTH_BYTES + LONGEST_MESSAGE:
                    raise ValueError(f"a message of {wanted} bytes")
        if len(content) < wanted:
            if content:
                raise ValueError("a message without its end")
            return None
        message = json.loads(content[_LENGTH_BYTES:])
        if not isinstance(message, dict):
            raise ValueError("a message that is no object")
    except BaseException:
        for descriptor in files:
            os.close(descriptor)
        raise
    return message, files
