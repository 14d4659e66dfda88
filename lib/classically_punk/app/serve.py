"""`punk serve`: the page and the API on loopback, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from http import HTTPStatus

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from classically_punk.app.api import application
from classically_punk.app.classify import warehouse
from classically_punk.app.current import Current
from classically_punk.app.guard import problem
from classically_punk.app.pool import Pool, cores
from classically_punk.errors import ConfigError
from classically_punk.settings import Settings

CONNECTIONS, BACKLOG = 512, 128
HEADER_BYTES = 16_384
LINGER_S = 1.0
GRACE_S = 5
"""How long answers that are under way may take once the server is told to end."""


def serve(overrides: Sequence[str]) -> None:
    """`[--config FILE] [--section.key=value …]` -> serves until it is told to end. Raises ConfigError."""
    root, settings = warehouse(overrides)
    current = Current(root, settings)
    with contextlib.closing(_listening(settings)) as listener:
        workers = settings.serve.workers or cores()
        app = application(current, pool(settings, workers), settings, workers)
        config = uvicorn.Config(
            app,
            http=_Protocol,
            loop="asyncio",
            ws="none",
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=CONNECTIONS,
            h11_max_incomplete_event_size=HEADER_BYTES,
            timeout_graceful_shutdown=GRACE_S,
        )
        address = url(listener)
        print(f"punk: model {current.in_force.model.model_id}; open {address} (Ctrl-C ends)", flush=True)
        if not ipaddress.ip_address(listener.getsockname()[0]).is_loopback:
            print("punk: not on loopback: whoever reaches this machine can send it files", file=sys.stderr, flush=True)
        _Server(config).run(sockets=[listener])


def pool(settings: Settings, workers: int) -> Pool:
    """The processes behind a server, with the tighter of the limits of files and of uploads."""
    limits, own = settings.limits, settings.serve
    tight = limits.model_copy(
        update={
            "max_bytes": min(limits.max_bytes, own.max_bytes),
            "max_duration_s": min(limits.max_duration_s, own.max_duration_s),
            "max_decode_s": min(limits.max_decode_s, own.max_decode_s),
        }
    )
    return Pool(tight, settings.features.whole_clip_s, workers, own.max_answer_s)


def url(listener: socket.socket) -> str:
    """Where a browser finds the server."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _listening(settings: Settings) -> socket.socket:
    address, port = settings.serve.address, settings.serve.port
    try:
        # by its protocol's name: asyncio sends small answers at once (TCP_NODELAY) only where it sees that this is TCP
        listener = socket.socket(_family(address), socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except ValueError as error:
        raise ConfigError(f"serve.address={address}", f"cannot listen: {error}") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        where = f"serve.address={address}, serve.port={port}"
        raise ConfigError(where, f"cannot listen: {error.strerror or error}") from None
    return listener


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET


class _Server(uvicorn.Server):
    """Ends by a signal without dying of it: being told to end is no error."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and Ctrl-C end the server in peace, a second Ctrl-C at once."""
        kept = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in kept.items():
                signal.signal(number, handler)


class _Protocol(H11Protocol):
    """Refuses what is no HTTP in JSON, as everything else is refused."""

    _refused = False

    def data_received(self, data: bytes) -> None:
        """What still comes after a refusal is forgotten: closing at once would take the answer from its reader."""
        if not self._refused:
            super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """In place of a line of text."""
        self._refused = True
        body = json.dumps(problem("BAD_REQUEST", msg)).encode()
        status = HTTPStatus.BAD_REQUEST
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
        head += f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(head.encode() + body)
        self.loop.call_later(LINGER_S, self.transport.close)
