"""The training clips that stand nearest to a clip, by name; their audio is not here."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from classically_punk.app.terminal import shown
from classically_punk.modelling.published import CURRENT, FOLDER, PublishedModel

SHOWN: Final = 5
MOST_BYTES: Final = 512 << 20


class NeighboursError(Exception):
    """The list of training clips cannot be used; says why, without a path."""


@dataclass(frozen=True)
class Neighbours:
    """n training clips: names, genres, and where each stands in standard deviations (n, k)."""

    names: list[str]
    genres: list[str]
    standings: NDArray[np.float32]

    def of(self, standing: ArrayLike, most: int = SHOWN) -> list[dict[str, Any]]:
        """A clip's standing (k,) -> the nearest, each with `name`, `genre`, `distance` (standard deviations by root
        mean square over features)."""
        gaps = self.standings - np.asarray(standing, dtype=np.float32)
        distances = np.sqrt(np.einsum("nk,nk->n", gaps, gaps, dtype=np.float64) / max(1, gaps.shape[1]))
        nearest = np.argsort(distances, kind="stable")[:most]
        return [{"name": self.names[at], "genre": self.genres[at], "distance": float(distances[at])} for at in nearest]


def load(root: Path, model: PublishedModel) -> Neighbours | None:
    """The warehouse folder and its model -> its training clips; None where they were not published.

    They lie in `published/<model_id>.clips.parquet`; a SHA-256 that `current.json` tells (`clips_sha256`) must fit.
    Raises NeighboursError.
    """
    path = root / FOLDER / f"{model.model_id}.clips.parquet"
    try:
        if path.stat().st_size > MOST_BYTES:
            raise NeighboursError(f"more than {MOST_BYTES >> 20} MiB of training clips are not searched here")
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NeighboursError(f"cannot be read: {error.strerror}") from None
    expected = _expected(root, model)
    if expected is not None and hashlib.sha256(content).hexdigest() != expected:
        raise NeighboursError("is not the file that was published with the model")
    return _parsed(content, model)


def _expected(root: Path, model: PublishedModel) -> str | None:
    try:
        raw = json.loads((root / FOLDER / CURRENT).read_bytes())
    except (OSError, ValueError):
        return None
    told = raw.get("clips_sha256") if isinstance(raw, dict) and raw.get("model_id") == model.model_id else None
    return told if isinstance(told, str) else None


def _parsed(content: bytes, model: PublishedModel) -> Neighbours:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(content), columns=["name", "genre", "vector"])
        rows = table.column("vector").to_pylist()
        standings = np.asarray(rows, dtype=np.float32).reshape(len(rows), -1 if rows else len(model.feature_names))
        names, genres = table.column("name").to_pylist(), table.column("genre").to_pylist()
    except (pa.ArrowException, KeyError, ValueError, TypeError) as error:
        raise NeighboursError(f"is not a table of training clips: {type(error).__name__}") from None
    if standings.shape[1] != len(model.feature_names) or not np.isfinite(standings).all():
        raise NeighboursError("has other features than the model")
    # a name, never where it lay; and none that could move a cursor or turn the text around it
    return Neighbours([_name(name) for name in names], [shown(str(genre)) for genre in genres], standings)


def _name(text: object) -> str:
    return shown(str(text).rstrip("/").rpartition("/")[2])
