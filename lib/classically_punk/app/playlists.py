"""A collection taken apart: one playlist per genre, one for "not sure", and a list of what could not be used.

Playlists are M3U in UTF-8, one absolute path a line. Names are inert: a path that would break a line or that a player
could read as anything else is written as a file:// address; a genre's name becomes a plain file name.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from classically_punk import atomic
from classically_punk.app.answering import Input
from classically_punk.app.answers import NOT_SURE, Told
from classically_punk.app.terminal import shown
from classically_punk.audio import inventory
from classically_punk.errors import ConfigError

REJECTS = "rejects.tsv"
LONGEST_NAME = 48
"""Characters, of up to four bytes each."""
_UNSAFE = re.compile(r"[^\w &+'().-]")


class Playlists:
    """Collects answers; `write()` makes the files, whole or not at all. Raises ConfigError if the folder cannot be."""

    def __init__(self, folder: Path, genres: Sequence[str]) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"--playlists {shown(str(folder))}", error.strerror or str(error)) from None
        self.entries: dict[str, list[str]] = {NOT_SURE: [], **{genre: [] for genre in genres if genre != NOT_SURE}}
        self.rejects: list[str] = []

    def take(self, file: Input, told: Told) -> None:
        """One answer, in the order of the playlist."""
        line = told.line
        if line.label is None or file.path is None:
            self.rejects.append("\t".join(shown(text) for text in (line.path, line.reason or "", line.detail or "")))
        else:
            # a genre that is called like the answer of who is not sure shares its playlist
            self.entries[line.label].append(entry(file.path))

    def write(self) -> dict[str, int]:
        """Writes every playlist, the empty ones too, over those of an earlier time -> entries by file name.

        Raises ConfigError if they cannot be written.
        """
        names = file_names(list(self.entries))
        counts = {names[label]: len(entries) for label, entries in self.entries.items()}
        contents = {names[label]: ["#EXTM3U", *entries] for label, entries in self.entries.items()}
        contents[REJECTS] = ["path\treason\tdetail", *self.rejects]
        try:
            for name, lines in contents.items():
                atomic.replace(self.folder / name, ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise ConfigError(f"--playlists {shown(str(self.folder))}", error.strerror or str(error)) from None
        return {**counts, REJECTS: len(self.rejects)}


def entry(path: bytes) -> str:
    """Path bytes -> one line that names this file and nothing else: the absolute path, or its file:// address."""
    absolute = inventory.absolute(path)
    try:
        text = absolute.decode()
    except UnicodeDecodeError:
        text = ""
    if text and text.isprintable() and text == text.strip() and "\\" not in text:
        return text
    return "file://" + quote(absolute)


def file_names(labels: Sequence[str]) -> dict[str, str]:
    """Labels -> distinct plain file names, whatever the file system makes of upper and lower case."""
    names: dict[str, str] = {}
    used: set[str] = set()
    for label in labels:
        plain = _UNSAFE.sub("_", label)[:LONGEST_NAME].strip(" .") or "_"
        plain = f"_{plain}" if plain.startswith("-") else plain
        if plain != label or plain.casefold() in used:
            plain = f"{plain} {hashlib.sha256(os.fsencode(_text(label))).hexdigest()[:8]}"
        used.add(plain.casefold())
        names[label] = f"{plain}.m3u8"
    return names


def _text(label: str) -> str:
    """Without lone surrogates, which have no bytes."""
    return label.encode("utf-8", "backslashreplace").decode()
