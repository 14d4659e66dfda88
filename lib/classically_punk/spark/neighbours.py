"""The training clips that are published with a model, so that an answer can name the nearest of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np
from pyspark.sql import functions as F  # noqa: N812

from classically_punk.modelling import training_clips
from classically_punk.modelling.published import PublishedModel
from classically_punk.spark import vectors
from classically_punk.spark.vectors import MAIN, Training

NAMELESS = "a clip without a file"
"""The name of a training clip that somebody sent and labelled."""


def clips_of(data: Training, model: PublishedModel, most: int = training_clips.MOST_CLIPS) -> bytes:
    """Training rows and their model -> content of its list of clips, `most` at most; one pass over those rows."""
    clips = data.clips.head(most)  # by clip_id, which is a hash
    rows = data.rows
    if len(clips) < len(data.clips):
        rows = rows.where(F.col("clip_id") <= clips["clip_id"].iloc[-1])
    means = vectors.clip_columns(replace(data, clips=clips, rows=rows), {MAIN: data.design})[MAIN]
    kept = [data.names.index(name) for name in model.feature_names]
    standings = (means[:, kept] - np.asarray(model.means)) / np.asarray(model.scales)
    names = [PurePosixPath(path).name if path else NAMELESS for path in clips["path"]]
    return training_clips.to_parquet(list(clips["clip_id"]), names, list(clips["genre"]), standings)
