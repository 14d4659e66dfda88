"""What stands in front of the server's own code: who may ask, how much at once, and how it refuses.

Everything here comes before a body is read.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from classically_punk.app.reasons import sentence
from classically_punk.app.terminal import shown

LONGEST_DETAIL: Final = 300
CONTENT_SECURITY_POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "media-src blob:",
        "connect-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
}


class RefusedError(Exception):
    """A request that gets no answer: the status, the reason code, and a detail that names nothing of this machine."""

    def __init__(self, status: HTTPStatus, reason: str, detail: str | None = None, retry_after_s: int = 0) -> None:
        super().__init__(status, reason, detail, retry_after_s)
        self.status, self.reason, self.detail, self.retry_after_s = status, reason, detail, retry_after_s

    def response(self) -> JSONResponse:
        """The refusal as it is sent."""
        headers = {"Cache-Control": "no-store"}
        if self.retry_after_s:
            headers["Retry-After"] = str(self.retry_after_s)
        return JSONResponse(problem(self.reason, self.detail), self.status, headers)


def problem(reason: str, detail: str | None = None) -> dict[str, Any]:
    """The JSON of a refusal: `reason` code, `message` for a person, `detail` or null."""
    told = None if detail is None else shown(detail)[:LONGEST_DETAIL]
    return {"reason": reason, "message": sentence(reason), "detail": told}


class Admission:
    """How many requests are under way, and how many bytes of uploads they may hold together."""

    def __init__(self, slots: int, held_bytes: int) -> None:
        self._slots, self._bytes = slots, held_bytes

    @contextmanager
    def entered(self, upload_bytes: int) -> Iterator[None]:
        """One request while it lasts. Raises RefusedError (BUSY) where there is no room."""
        if self._slots < 1 or self._bytes < upload_bytes:
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "BUSY", retry_after_s=1)
        self._slots -= 1
        self._bytes -= upload_bytes
        try:
            yield
        finally:
            self._slots += 1
            self._bytes += upload_bytes


class Guard:
    """ASGI: refuses other hosts (a name that a stranger lets point here) and other origins; adds security headers."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self._app = app
        self._hosts = {host.casefold() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on what may come in."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers[name] = value
            await send(message)

        try:
            self._check(Headers(scope=scope), reading=scope["method"] in ("GET", "HEAD"))
        except RefusedError as refusal:
            await refusal.response()(scope, receive, guarded)
            return
        await self._app(scope, receive, guarded)

    def _check(self, headers: Headers, reading: bool) -> None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._own(host_name(hosts[0])):
            raise RefusedError(HTTPStatus.MISDIRECTED_REQUEST, "FOREIGN_HOST")
        origin = headers.get("origin")
        if origin is not None:
            parts = urlsplit(origin) if origin.startswith(("http://", "https://")) else None
            if parts is None or parts.netloc.casefold() != hosts[0].casefold():
                raise RefusedError(HTTPStatus.FORBIDDEN, "FOREIGN_ORIGIN")
        followed_link = reading and headers.get("sec-fetch-mode") == "navigate"
        if not followed_link and headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise RefusedError(HTTPStatus.FORBIDDEN, "FOREIGN_ORIGIN")

    def _own(self, name: str) -> bool:
        return name in self._hosts or is_loopback(name)


def host_name(host: str) -> str:
    """The value of a Host header -> the name in it, without port and brackets; empty if it is no such value."""
    try:
        parts = urlsplit(f"//{host}")
        name, _ = parts.hostname, parts.port
    except ValueError:
        return ""
    return (name or "").casefold() if parts.netloc == host and "@" not in host else ""


def is_loopback(name: str) -> bool:
    """Whether a host name can only mean the machine it is asked on."""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
