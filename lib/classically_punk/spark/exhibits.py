"""Small arrays of single clips for the report, kept under `warehouse.root/exhibits/<clip_id>.npz`.

They come back from the executors while the audio is open, so that a report never opens an audio file.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from classically_punk import atomic

FOLDER = "exhibits"


def keep(root: Path, described: DataFrame) -> None:
    """Writes the exhibit of each genre's smallest clip_id among freshly described files."""
    shown = described.where(F.col("described.exhibit").isNotNull())
    best = shown.groupBy("genre").agg(
        F.min("described.clip_id").alias("clip_id"), F.min_by("described.exhibit", "described.clip_id").alias("packed")
    )
    folder = root / FOLDER
    folder.mkdir(exist_ok=True)
    for row in best.toLocalIterator():
        atomic.replace(folder / f"{row['clip_id']}.npz", bytes(row["packed"]))


def load(root: Path, clip_id: str) -> dict[str, NDArray[Any]] | None:
    """The arrays of one clip, or None where none were kept."""
    place = root / FOLDER / f"{clip_id}.npz"
    if not place.is_file():
        return None
    with np.load(io.BytesIO(place.read_bytes()), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def kept(root: Path) -> set[str]:
    """clip_id of every clip whose arrays were kept."""
    return {file.stem for file in (root / FOLDER).glob("*.npz")}


def drop(root: Path, clip_id: str) -> None:
    """Removes the arrays of one clip."""
    (root / FOLDER / f"{clip_id}.npz").unlink(missing_ok=True)
