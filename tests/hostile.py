"""Names as nobody would choose them, for every place where a genre or a file name comes out."""

from __future__ import annotations

BYTES: tuple[bytes, ...] = (
    b"<script>alert(1)",
    b"<!-- <svg onload=alert(1)>",
    b'"><img src=x onerror=alert(1)>',
    b"{{7*7}}{% raw %}",
    b'it\'s "quoted" `name`',
    b"'; DROP TABLE punk.files; --",
    b"=HYPERLINK(1)",
    b"+1+cmd",
    b"-rf",
    b"@SUM(A1)",
    b"..%2f..%2fetc%2fpasswd",
    b"...",
    b"C:\\Windows\\x",
    b"new\nline\r\n2026-01-01 INFO forged",
    b"tab\tand bell\x07",
    b"\x1b[2J\x1b]0;title\x07red\x1b[31m",
    "evil \u202ewav.exe\u2066".encode(),
    "\ufeffmark \u2028 \ufffe".encode(),
    b"$\\frac{1}{0}$",
    b"$",
    b"\\$x^2$ \\undefined",
    b"not utf-8 \xff\xfe\xed\xa0\x80",
    "emoji \U0001f3b8\U0001f469\u200d\U0001f3a4".encode(),
    "nfc \u00e9".encode(),
    "nfd e\u0301".encode(),
    b" blanks ",
    b"_delta_log",
    b".hidden",
    b"files",
    b"a=b",
    b"genre=02",
    b"[x]{a,b}?*#%20:.wav",
    b"None",
    b"null",
    b"x" * 255,
)
"""Names that a folder or a file can have: at most 255 bytes, no slash, no NUL."""

ONLY_IN_A_TABLE: tuple[str, ...] = (
    "../../escaped",
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "/etc/passwd",
    "nul\x00byte",
    "lone \udce9 surrogate \ud800",
    "long " + "y" * 40_000,
    " ",
)
"""Labels that no folder can have, but a line of a manifest."""


def printable(text: str) -> bool:
    """Whether text is one line that neither moves a cursor nor turns its direction."""
    hidden = {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), *"\u2028\u2029\ufeff\ufffe"}
    turning = {*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A)), "\u200e", "\u200f"}
    return not set(text) & (hidden | turning) and not any("\ud800" <= c <= "\udfff" for c in text)
