"""The training clips that stand nearest to a clip, by name; their audio is not here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from classically_punk.app.terminal import shown
from classically_punk.modelling import training_clips
from classically_punk.modelling.published import PublishedModel
from classically_punk.modelling.training_clips import TrainingClipsError

SHOWN: Final = 5
CANDIDATES: Final = 8
"""How many times as many as are told have their distance measured exactly."""


@dataclass(frozen=True)
class Neighbours:
    """n training clips: names, genres, and where each stands in standard deviations (n, k)."""

    names: list[str]
    genres: list[str]
    standings: NDArray[np.float32]

    def of(self, standing: ArrayLike, most: int = SHOWN) -> list[dict[str, Any]]:
        """A clip's standing (k,) -> the nearest, each with `name`, `genre`, `distance` (standard deviations by root
        mean square over features)."""
        here = np.asarray(standing, dtype=np.float32)
        # |a - b|² = |a|² - 2ab + |b|²: one pass over the table and no copy of it, but blunt where clips are very near
        blunt = self._squares - 2 * (self.standings @ here)
        some = min(CANDIDATES * most, blunt.size)
        near = np.sort(np.argpartition(blunt, some - 1)[:some]) if some else np.arange(0)
        gaps = self.standings[near].astype(np.float64) - here
        distances = np.sqrt(np.einsum("nk,nk->n", gaps, gaps) / max(1, gaps.shape[1]))
        return [
            {"name": self.names[near[at]], "genre": self.genres[near[at]], "distance": float(distances[at])}
            for at in np.argsort(distances, kind="stable")[:most]
        ]

    @cached_property
    def _squares(self) -> NDArray[np.float32]:
        return np.asarray(np.einsum("nk,nk->n", self.standings, self.standings))


def load(root: Path, model: PublishedModel) -> Neighbours | None:
    """The warehouse folder and its model -> its training clips; None where they were not published.

    Raises TrainingClipsError.
    """
    content = training_clips.read(root, model.model_id)
    return None if content is None else _parsed(content, model)


def _parsed(content: bytes, model: PublishedModel) -> Neighbours:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = len(model.feature_names)
    try:
        table = pq.read_table(pa.BufferReader(content), columns=["name", "genre", "vector"])
        vectors = table.column("vector").cast(pa.list_(pa.float32(), columns)).combine_chunks()
        standings = vectors.flatten().to_numpy(zero_copy_only=False).reshape(-1, columns)
        names, genres = table.column("name").to_pylist(), table.column("genre").to_pylist()
    except (pa.ArrowException, KeyError, ValueError, TypeError) as error:
        raise TrainingClipsError(f"is not a table of this model's clips: {type(error).__name__}") from None
    if len(standings) != len(names) or not np.isfinite(standings).all():
        raise TrainingClipsError("holds clips without numbers")
    # a name, never where it lay; and none that could move a cursor or turn the text around it
    return Neighbours([_name(name) for name in names], [shown(str(genre)) for genre in genres], standings)


def _name(text: object) -> str:
    return shown(str(text).rstrip("/").rpartition("/")[2])
