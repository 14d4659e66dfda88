"""One file over HTTP, taken up again where it broke off."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

from classically_punk import __version__
from classically_punk.errors import ConfigError, PunkError

BLOCK = 1 << 18
TIMEOUT_S = 60.0
ATTEMPTS = 5
"""How often in a row a download may break off without a single new byte before it is given up."""
GONE = (404, 410)
REFUSED = (401, 403)
RANGE_NOT_SATISFIABLE = 416

Report = Callable[[int, int | None], None]
"""Called with the bytes that are here and the bytes there are in all (None = the server does not say)."""


class DownloadError(PunkError):
    """The download broke off; what has arrived is kept, and the same call goes on from there."""


def download(url: str, target: Path, report: Report, pause_s: float = 1.0) -> None:
    """`url` -> `target`, by way of `target` + `.part`, which an interrupted download leaves to be taken up again.

    Raises ConfigError for an address that cannot be right, DownloadError where the network gave up.
    """
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise ConfigError(url, "not an http or https address")
    part = target.with_name(target.name + ".part")
    part.touch()
    failures = 0
    while failures < ATTEMPTS:
        before = part.stat().st_size
        try:
            if _fetch(url, part, report):
                part.replace(target)
                return
            problem = "the server closed the connection early"
        except urllib.error.HTTPError as error:
            if error.code in GONE + REFUSED:
                raise ConfigError(url, f"the server says {error.code} {error.reason}") from None
            problem = f"the server says {error.code} {error.reason}"
        except urllib.error.URLError as error:
            problem = str(error.reason)
        except (OSError, http.client.HTTPException) as error:
            problem = str(error) or type(error).__name__
        failures = 0 if part.stat().st_size > before else failures + 1
        time.sleep(pause_s * failures)
    raise DownloadError(f"{url}: {problem}; {part.stat().st_size} bytes are kept in {part}: call again to go on")


def _fetch(url: str, part: Path, report: Report) -> bool:
    """Appends what is missing of `part`; True when it is complete."""
    have = part.stat().st_size
    request = urllib.request.Request(url, headers={"User-Agent": f"classically-punk/{__version__}"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            start, total = _extent(response, have)
            with part.open("r+b") as file:
                file.truncate(start)
                file.seek(start)
                while block := response.read(BLOCK):
                    file.write(block)
                    report(file.tell(), total)
                return total is None or file.tell() == total
    except urllib.error.HTTPError as error:
        if error.code != RANGE_NOT_SATISFIABLE or not have:
            raise
        if _total(error.headers.get("Content-Range", "")) == have:
            return True
        part.write_bytes(b"")  # longer than the file there is: another file, so from the start
        return False


def _extent(response: http.client.HTTPResponse, have: int) -> tuple[int, int | None]:
    """Where the body of a response begins, and how long the whole file is."""
    if response.status == http.client.PARTIAL_CONTENT:
        said = response.headers.get("Content-Range", "")
        if said.startswith(f"bytes {have}-"):
            return have, _total(said)
        raise http.client.HTTPException(f"asked for bytes from {have}, was sent {said!r}")
    length = response.headers.get("Content-Length")
    return 0, int(length) if length is not None else None


def _total(content_range: str) -> int | None:
    total = content_range.rpartition("/")[2]
    return int(total) if total.isdecimal() else None
