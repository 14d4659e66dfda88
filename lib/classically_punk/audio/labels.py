"""Where a clip's genre comes from: the folder it lies in, or a table that the user wrote. Never guessed, never typed.

A label is opaque text: `02`, `NA` and `genre=rock` stay exactly that.
"""
# ruff: noqa: PTH118, PTH119, PTH120 (paths are bytes here: names need not be text, which pathlib insists on)

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from classically_punk.audio.inventory import absolute, is_below, path_bytes, path_text
from classically_punk.errors import ConfigError

_KEY = "corpus.manifest"
_REQUIRED = ("path", "genre")
_SEPARATORS = {".csv": ",", ".tsv": "\t"}


@dataclass(frozen=True)
class Label:
    """What a manifest says of one path; None where it says nothing."""

    genre: str | None
    group_id: str | None = None
    split: str | None = None


def folder_label(root: bytes, path: bytes) -> str | None:
    """Name of the folder that the file lies in, as `path_text`; None for a file directly under the root."""
    folder = os.path.dirname(absolute(path))
    return None if folder == absolute(root) else path_text(os.path.basename(folder))


def read_manifest(path: str | Path, root: bytes) -> dict[bytes, Label]:
    r"""Table (csv, tsv, parquet) of path, genre, group_id?, split? -> labels by absolute path below the root.

    Paths are relative to the root and written as in the table `files` (\xNN for bytes that are not UTF-8).
    Raises ConfigError where the table cannot be read, lacks a column, leaves the root or contradicts itself.
    """
    where = f"{_KEY} ({path})"
    table = _read_table(Path(path), where)
    missing = [name for name in _REQUIRED if name not in table.columns]
    if missing:
        raise ConfigError(where, f"no column {missing}; found {list(table.columns)}, expected path, genre")
    root = absolute(root)
    labels: dict[bytes, Label] = {}
    optional = [list(table[name]) if name in table.columns else [None] * len(table) for name in ("group_id", "split")]
    rows = zip(table["path"], table["genre"], *optional, strict=True)
    for number, (name, genre, group_id, split) in enumerate(rows, start=1):
        key = _key(name, root, f"{where}, row {number}")
        label = Label(_text(genre), _text(group_id), _text(split))
        if labels.setdefault(key, label) != label:
            raise ConfigError(f"{where}, row {number}", f"{path_text(key)} stands twice, with different labels")
    return labels


def _read_table(path: Path, where: str) -> pd.DataFrame:
    kind = path.suffix.lower()
    try:
        if kind == ".parquet":
            return pd.DataFrame(pq.read_table(path).to_pydict(), dtype=object)
        if kind in _SEPARATORS:
            return pd.read_csv(
                path,
                sep=_SEPARATORS[kind],
                dtype=str,
                keep_default_na=False,  # a genre may be called NA
                encoding="utf-8-sig",
                encoding_errors="surrogateescape",
            )
    except (OSError, ValueError, pa.ArrowException) as error:  # pandas' parser errors are ValueErrors
        raise ConfigError(where, f"cannot be read: {error}") from error
    raise ConfigError(where, f"a table of the kind {kind or 'without extension'}, expected .csv, .tsv or .parquet")


def _key(name: object, root: bytes, where: str) -> bytes:
    if not isinstance(name, str | bytes) or not name:
        raise ConfigError(where, f"the path is {name!r}, expected text")
    key = absolute(os.path.join(root, name if isinstance(name, bytes) else path_bytes(name)))
    if key == root or not is_below(key, root):
        raise ConfigError(where, f"{path_text(key)} is not below corpus.root {path_text(root)}")
    return key


def _text(value: object) -> str | None:
    """Text as it stands; nothing for an empty cell. Bytes that are not UTF-8 are written as in paths."""
    if value is None or value == "" or value != value:  # the last is NaN, a gap in a column of numbers
        return None
    return str(value).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
