"""The training clips that are published with a model, so that an answer can name the nearest of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

import numpy as np

from classically_punk.modelling import training_clips
from classically_punk.modelling.arrays import Floats
from classically_punk.modelling.published import PublishedModel
from classically_punk.modelling.training_clips import Listed
from classically_punk.spark import vectors
from classically_punk.spark.vectors import MAIN, Training

NAMELESS = "a clip without a file"
"""The name of a training clip that somebody sent and labelled."""


def clips_of(data: Training, model: PublishedModel, most: int = training_clips.MOST_CLIPS) -> bytes:
    """Training rows and their model -> content of its list of clips, `most` at most; one pass over those rows."""
    data = data.first(most)
    clips, means = data.clips, vectors.clip_columns(data, {MAIN: data.design})[MAIN]
    kept = [data.names.index(name) for name in model.feature_names]
    standings = (means[:, kept] - np.asarray(model.means)) / np.asarray(model.scales)
    return training_clips.to_parquet(list(clips["clip_id"]), _names(clips["path"]), list(clips["genre"]), standings)


def carried(
    known: Listed,
    before: PublishedModel,
    model: PublishedModel,
    data: Training | None,
    fresh: Floats | None,
    came: set[str],
    went: set[str],
) -> bytes:
    """The list of the model before, over to a model of the same columns -> content of its list.

    `data` and the columns `fresh` of its clips tell of those that came; no others are looked at. Of a list that was
    full and has lost clips, the places of those stay empty until the next fit.
    """
    kept = [at for at, clip in enumerate(known.ids) if clip not in went and clip not in came]
    columns = known.standings[kept].astype(np.float64) * np.asarray(before.scales) + np.asarray(before.means)
    rows = [(known.ids[at], known.names[at], known.genres[at]) for at in kept]
    if data is not None and fresh is not None:
        here = [at for at, clip in enumerate(data.clips["clip_id"]) if clip in came]
        columns = np.vstack([columns, fresh[np.ix_(here, [data.names.index(name) for name in model.feature_names])]])
        told = data.clips.iloc[here]
        rows += zip(told["clip_id"], _names(told["path"]), told["genre"], strict=True)
    order = sorted(range(len(rows)), key=lambda at: rows[at][0])[: training_clips.MOST_CLIPS]
    standings = (columns[order] - np.asarray(model.means)) / np.asarray(model.scales)
    ids, names, genres = ([rows[at][part] for at in order] for part in range(3))
    return training_clips.to_parquet(ids, names, genres, standings)


def _names(paths: Iterable[str | None]) -> list[str]:
    return [PurePosixPath(path).name if path else NAMELESS for path in paths]
