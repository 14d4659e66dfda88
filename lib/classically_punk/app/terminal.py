"""Text for a terminal: whatever a file name or a label holds, it cannot move the cursor or hide what it says."""

from __future__ import annotations

import sys
import time
from typing import TextIO

IN_PLACE_S, LOG_S = 0.1, 30.0
"""Seconds between two looks at how far it is: on a terminal, and where progress becomes log lines."""


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
    """How far a long loop is, on stderr: counts up in place on a terminal, by a log line now and then elsewhere.

    Silent where the answers themselves appear on a terminal, and for a total of one.
    """

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total = what, total
        self.in_place = sys.stderr.isatty()
        self.on = total > 1 and not sys.stdout.isatty()
        self.begun = self._told = time.monotonic()

    def at(self, number: int) -> None:
        """Tells how many of the total are behind us, how fast and how long the rest takes; not too often."""
        now = time.monotonic()
        if not self.on or now - self._told < (IN_PLACE_S if self.in_place else LOG_S):
            return
        self._told = now
        rate = number / (now - self.begun)
        text = f"{number} of {self.total} {self.what}, {rate:.1f} a second, {(self.total - number) / rate:.0f} s left"
        bar = f"[{'#' * (20 * number // self.total):<20}] " if self.in_place else "punk: "
        end = "" if self.in_place else "\n"
        start, rest = ("\r", "\x1b[K") if self.in_place else ("", "")
        print(f"{start}{bar}{text}{rest}", end=end, file=sys.stderr, flush=True)

    def done(self) -> None:
        """Clears the line."""
        if self.on and self.in_place:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
