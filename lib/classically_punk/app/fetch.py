"""GTZAN from where its user is allowed to take it: downloaded or found, checked, unpacked. It is never shipped."""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

from classically_punk.app.download import download
from classically_punk.app.terminal import lenient, shown
from classically_punk.app.unpack import unpack
from classically_punk.errors import ConfigError, PunkError

GENRES_TAR_GZ_MD5 = "5b3d6dddb579ab49814ab86dba69e7c7"
DONE, UNEXPECTED, USAGE = 0, 1, 2
BLOCK = 1 << 20
MB = 1_000_000


def main(argv: Sequence[str] | None = None) -> int:
    """Arguments -> exit status: 0 unpacked, 1 the network gave up (call again to go on), 2 usage or a wrong archive."""
    lenient(sys.stdout)
    lenient(sys.stderr)
    arguments = _parser().parse_args(argv)
    expected = None if arguments.no_check else arguments.md5.lower()
    try:
        entries = fetch(arguments.source, arguments.target, expected)
    except ConfigError as error:
        print(f"fetch_corpus: {shown(str(error))}", file=sys.stderr)
        return USAGE
    except (PunkError, OSError) as error:
        print(f"fetch_corpus: {shown(str(error))}", file=sys.stderr)
        return UNEXPECTED
    for entry in entries:
        print(shown(str(entry)))
    return DONE


def fetch(source: str, target: Path, md5: str | None) -> list[Path]:
    """An http(s) address or a local archive -> what was unpacked under `target`. Raises ConfigError, DownloadError."""
    target.mkdir(parents=True, exist_ok=True)
    if "://" in source:
        archive = target / (Path(urllib.parse.urlsplit(source).path).name or "archive.tar.gz")
        if not archive.exists():
            progress = Progress("downloaded")
            download(source, archive, progress.at)
            progress.done()
        try:
            _check(archive, md5)
        except ConfigError:
            archive.unlink()  # a wrong download would only be found again the next time
            raise
    else:
        archive = Path(source).expanduser()
        if not archive.is_file():
            raise ConfigError(source, "no such archive; give an http(s) address or a local file")
        _check(archive, md5)
    progress = Progress("unpacked")
    entries = unpack(archive, target, progress.at)
    progress.done()
    return entries


def _check(archive: Path, md5: str | None) -> None:
    with archive.open("rb") as file:
        head = file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").lower()  # a byte order mark may come first
        if head.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
            raise ConfigError(str(archive), "is a web page, not an archive: the address leads to a page about the file")
        if md5 is None:
            return
        file.seek(0)
        digest = hashlib.md5(usedforsecurity=False)
        while block := file.read(BLOCK):
            digest.update(block)
    if digest.hexdigest() != md5:
        raise ConfigError(
            str(archive),
            f"has the MD5 {digest.hexdigest()}, not {md5}: another archive or a damaged one "
            "(--md5 names another sum, --no-check does without)",
        )


class Progress:
    """How far a long step is: in place on a terminal, a line every ten seconds elsewhere."""

    def __init__(self, what: str) -> None:
        self.what, self.here = what, sys.stderr.isatty()
        self.start = self.told = time.monotonic()
        self.first: int | None = None

    def at(self, size: int, total: int | None = None) -> None:
        """Tells of `size` of `total` bytes, not too often."""
        now = time.monotonic()
        if self.first is None:
            self.first = size
        if now - self.told < (0.5 if self.here else 10.0):
            return
        self.told = now
        rate = (size - self.first) / (now - self.start)
        text = f"{self.what} {size / MB:.0f} MB"
        if total:
            text = f"{text} of {total / MB:.0f}"
        text = f"{text}, {rate / MB:.1f} MB/s"
        if total and rate > 0:
            text = f"{text}, {(total - size) / rate:.0f} s left"
        print(f"\r{text}\x1b[K" if self.here else text, end="" if self.here else "\n", file=sys.stderr, flush=True)

    def done(self) -> None:
        """Clears the line."""
        if self.here:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/fetch_corpus",
        description="Downloads (or takes) an archive of GTZAN, checks it and unpacks it. GTZAN carries no licence: "
        "take it from where you are allowed to. A download that broke off goes on when called again.",
        allow_abbrev=False,
    )
    parser.add_argument("source", help="an http(s) address, or an archive on this machine")
    parser.add_argument("--target", type=Path, default=Path("gtzan"), help="folder to unpack into (default: gtzan)")
    parser.add_argument("--md5", default=GENRES_TAR_GZ_MD5, help="expected MD5 (default: that of genres.tar.gz)")
    parser.add_argument("--no-check", action="store_true", help="do without the MD5")
    return parser


if __name__ == "__main__":
    sys.exit(main())
