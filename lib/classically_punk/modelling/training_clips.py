"""The training clips that go with a published model, by name and by where they stand: no audio, no path.

`published/<model_id>.clips.parquet`: clip_id, name, genre, and `vector`, float32, the clip's columns in standard
deviations, in the order of the model's `feature_names`. `current.json` names it with its SHA-256.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from classically_punk.modelling.arrays import ModelError
from classically_punk.modelling.published import (
    CLIPS_ENDING,
    CLIPS_FILE,
    CLIPS_SHA256,
    CURRENT,
    FOLDER,
    PLAIN_NAME,
)

MOST_CLIPS: Final = 10_000
"""Of more training clips those of the smallest clip_id are published: a hash, so a fair sample. 385 columns: 15 MB."""
MOST_BYTES: Final = 128 << 20
"""No file is larger that `to_parquet` writes of as many clips of 3000 columns."""


class TrainingClipsError(ModelError):
    """The list of training clips cannot be used; says why, without a path."""


def to_parquet(ids: Sequence[str], names: Sequence[str], genres: Sequence[str], standings: ArrayLike) -> bytes:
    """n clips and their standings (n, k) -> the file's content. Raises ModelError for what is not finite or not n."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    vectors = np.ascontiguousarray(standings, dtype=np.float32)
    if vectors.ndim != 2 or not len(ids) == len(names) == len(genres) == len(vectors):
        raise ModelError(f"{len(ids)} clips, {len(names)} names, {len(genres)} genres, standings {vectors.shape}")
    if not np.isfinite(vectors).all():
        raise ModelError("the standings of training clips are not all finite")
    table = pa.table(
        {
            "clip_id": pa.array(ids, pa.string()),
            "name": pa.array(names, pa.string()),
            "genre": pa.array(genres, pa.string()),
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1]),
        }
    )
    target = io.BytesIO()
    pq.write_table(table, target, compression="zstd", use_dictionary=False)
    return target.getvalue()


@dataclass(frozen=True, eq=False)
class Listed:
    """The clips of a list: n ids, names, genres, and standings (n, k) in standard deviations, float32."""

    ids: list[str]
    names: list[str]
    genres: list[str]
    standings: NDArray[np.float32]


def from_parquet(content: bytes) -> Listed:
    """Content of `to_parquet` -> its clips. Raises TrainingClipsError for anything else."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(content), columns=["clip_id", "name", "genre", "vector"])
        width = table.schema.field("vector").type.list_size
        flat = table.column("vector").combine_chunks().flatten().to_numpy(zero_copy_only=False)
        ids, names, genres = (table.column(name).to_pylist() for name in ("clip_id", "name", "genre"))
    except (pa.ArrowException, AttributeError, KeyError, ValueError) as error:
        raise TrainingClipsError(f"is not a list of training clips: {type(error).__name__}") from None
    return Listed(ids, names, genres, flat.reshape(-1, width).astype(np.float32))


def read(root: Path, model_id: str) -> bytes | None:
    """The warehouse folder -> the content that was published with the model in force; None if there was none.

    Raises TrainingClipsError for a file that is missing, too large or not the one that `current.json` names.
    """
    folder, told = root / FOLDER, _pointer(root)
    if told.get("model_id") != model_id or told.get(CLIPS_FILE) is None:
        return None
    name, digest = told[CLIPS_FILE], told.get(CLIPS_SHA256)
    if not isinstance(name, str) or not PLAIN_NAME.fullmatch(name):
        raise TrainingClipsError("has no plain file name")
    try:
        if (folder / name).stat().st_size > MOST_BYTES:
            raise TrainingClipsError(f"is larger than {MOST_BYTES >> 20} MiB")
        content = (folder / name).read_bytes()
    except OSError as error:
        raise TrainingClipsError(f"cannot be read: {error.strerror}") from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise TrainingClipsError("is not the file that was published with the model")
    return content


def superseded(root: Path, *, pointed: bool = True) -> list[Path]:
    """The lists under the warehouse folder that `current.json` does not name: nobody reads them again.

    None where it names none: it may be damaged, and be mended by the next run. All, if not `pointed`.
    """
    named = _pointer(root).get(CLIPS_FILE)
    if named is None and pointed:
        return []
    return sorted(file for file in (root / FOLDER).glob(f"*{CLIPS_ENDING}") if file.name != named)


def _pointer(root: Path) -> dict[str, Any]:
    try:
        told = json.loads((root / FOLDER / CURRENT).read_bytes())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
