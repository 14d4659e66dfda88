"""Text for a terminal: whatever a file name or a label holds, it cannot move the cursor or hide what it says."""

from __future__ import annotations

import sys
from typing import TextIO


def shown(text: str) -> str:
    r"""Text -> the same with everything unprintable (controls, newlines, direction marks) as \x1b, \n, \u202e, …"""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def lenient(stream: TextIO) -> TextIO:
    """The stream, told to escape what its encoding lacks instead of failing on it."""
    reconfigure = getattr(stream, "reconfigure", None)  # a test's stand-in need not have it
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    return stream


class Counter:
    """A line on stderr that counts up in place, on a terminal only; `done()` clears it away."""

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total = what, total
        self.on = sys.stderr.isatty() and not sys.stdout.isatty() and total > 1

    def at(self, number: int) -> None:
        """Shows how many of the total are behind us."""
        if self.on:
            print(f"\r{number} of {self.total} {self.what}", end="", file=sys.stderr, flush=True)

    def done(self) -> None:
        """Clears the line."""
        if self.on:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
