"""One file out of a multipart form, taken in as it arrives: limits hold before and while it comes, nothing is stored.

The name that a client gives its file is never used.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from http import HTTPStatus
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from classically_punk.app.guard import RefusedError

FIELD: Final = b"file"
FORM_BYTES: Final = 16_384
"""What boundary and headers of a form may take beside the file."""
LONGEST_HEADER, MOST_HEADERS = 4_096, 8
DRAINED_BYTES: Final = 8 << 20
DRAINED_S: Final = 2.0
"""How much of a body that nobody wants is still taken in: a client that is sending hears no answer."""


def announced(headers: Headers) -> int | None:
    """Bytes of the body as the client announces them; None where it does not. Raises RefusedError."""
    text = headers.get("content-length")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "BAD_REQUEST", "Content-Length is no number")
    return int(text)


def boundary(headers: Headers) -> bytes:
    """The boundary of a multipart form. Raises RefusedError for anything else."""
    try:
        kind, options = parse_options_header(headers.get("content-type"))
    except (ValueError, UnicodeError):
        kind, options = b"", {}
    if kind != b"multipart/form-data" or not 1 <= len(options.get(b"boundary", b"")) <= 70:
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "NOT_MULTIPART")
    return options[b"boundary"]


class Body:
    """The body of one request, as it arrives."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._more = True

    async def chunks(self) -> AsyncIterator[bytes]:
        """What is left of it. Raises ClientDisconnect where the sender has gone before its end."""
        while self._more:
            message = await self._receive()
            if message["type"] != "http.request":
                self._more = False
                raise ClientDisconnect
            self._more = message.get("more_body", False)
            yield message.get("body", b"")

    async def file(self, boundary: bytes, most: int, seconds: float) -> bytes:
        """The bytes of the one part of a form that is called `file`, at most `most`.

        Raises RefusedError, ClientDisconnect.
        """
        form = _Form(boundary, most)
        async for chunk in self._within(seconds):
            form.take(chunk)
        return form.content()

    async def text(self, most: int, seconds: float) -> bytes:
        """All of a small body. Raises RefusedError, ClientDisconnect."""
        content = bytearray()
        async for chunk in self._within(seconds):
            content += chunk
            if len(content) > most:
                raise too_large(most)
        return bytes(content)

    async def drain(self) -> None:
        """Takes in and forgets some of what is left, so that its sender gets to read why it was refused."""
        with suppress(RefusedError, ClientDisconnect):
            size = 0
            async for chunk in self._within(DRAINED_S):
                size += len(chunk)
                if size > DRAINED_BYTES:
                    return

    async def _within(self, seconds: float) -> AsyncIterator[bytes]:
        until = asyncio.get_running_loop().time() + seconds
        chunks = aiter(self.chunks())
        while True:
            try:
                async with asyncio.timeout_at(until):
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, "UPLOAD_TIMEOUT") from None
            yield chunk


class _Form:
    """What the parser calls while the form arrives."""

    def __init__(self, boundary: bytes, most: int) -> None:
        self._content, self._most = bytearray(), most
        self._taken = 0
        self._field, self._value = bytearray(), bytearray()
        self._parts, self._finished, self._named = 0, False, False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._part_data,
                "on_end": self._end,
            },
            max_header_count=MOST_HEADERS,
            max_header_size=LONGEST_HEADER,
        )

    def take(self, chunk: bytes) -> None:
        """The next bytes of the body. Raises RefusedError."""
        self._taken += len(chunk)
        if self._taken > self._most + FORM_BYTES:
            raise too_large(self._most)
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "BAD_REQUEST", f"no multipart form: {error}") from None

    def content(self) -> bytes:
        """The file, once all of the body is taken. Raises RefusedError."""
        if not self._parts:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "NO_FILE")
        if not self._finished:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "BAD_REQUEST", "the form breaks off")
        return bytes(self._content)

    def _part_begin(self) -> None:
        self._parts += 1
        if self._parts > 1:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "TOO_MANY_PARTS")

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._field.lower() == b"content-disposition":
            try:
                kind, options = parse_options_header(self._value.decode("latin-1"))
            except (ValueError, UnicodeError):
                kind, options = b"", {}
            self._named = kind == b"form-data" and options.get(b"name") == FIELD
        self._field, self._value = bytearray(), bytearray()

    def _headers_finished(self) -> None:
        if not self._named:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "NO_FILE")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]
        if len(self._content) > self._most:
            raise too_large(self._most)

    def _end(self) -> None:
        self._finished = True


def too_large(most: int) -> RefusedError:
    """The refusal of a file of more than `most` bytes."""
    return RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "TOO_LARGE", f"more than {most} bytes")
