"""Whether a new model may take the place of the one in force: not if it is worse, or learnt from music unlike before.

A model that may not stays in `models`, with its figures beside it; what is in force stays in force.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from classically_punk.errors import ConfigError
from classically_punk.modelling import drift, protocols, published, training_clips
from classically_punk.modelling.arrays import Floats
from classically_punk.modelling.published import PublishedModel, PublishedModelError
from classically_punk.modelling.training_clips import TrainingClipsError
from classically_punk.modelling.transforms import Transform
from classically_punk.settings import Settings
from classically_punk.spark import vectors
from classically_punk.spark.evaluation import evaluate_genres
from classically_punk.spark.progress import say
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse
from classically_punk.spark.vectors import Training

LEAST = drift.LEAST
"""Fewer clips say nothing: neither of accuracy nor of drift."""


def may_publish(warehouse: Warehouse, settings: Settings, run: Run, data: Training, name: str) -> bool:
    """Whether model `name`, fitted on `data`, passes both gates; by `gate.force` it does, which the run records."""
    try:
        current = published.load_current(warehouse.root)
    except PublishedModelError:
        return True  # nothing to be worse than
    if current.model_id == name:
        return True
    with run.stage("gates"):
        failures = [*_worse(warehouse, settings, run, data, name, current), *_moved(warehouse, settings, data, current)]
    for failure in failures:
        if settings.gate.force:
            run.force(failure)
        else:
            run.gate(f"{failure}: model {name} is not published, {current.model_id} stays (gate.force publishes it)")
    return not failures or settings.gate.force


def _worse(
    warehouse: Warehouse, settings: Settings, run: Run, data: Training, name: str, current: PublishedModel
) -> Iterator[str]:
    """Both models on the clips that both were judged on under the strictest protocol, each by its labels of the time.

    By the labels of today, a corpus whose labels were spoilt would make the old model as bad as the new one.
    """
    protocol = min(settings.evaluation.protocols, key=protocols.ORDER.index, default=None)
    if protocol is None:
        say("not compared with the model in force: evaluation.protocols is empty")
        return
    alone = settings.evaluation.model_copy(update={"protocols": (protocol,)})
    try:
        evaluate_genres(warehouse, settings.model_copy(update={"evaluation": alone}), run, data, name)
    except ConfigError as error:
        say(f"not compared with the model in force: {error}")
        return
    judged = warehouse.read("predictions").where(F.col("protocol") == protocol)
    before, now = (_right(judged, model, side) for model, side in ((current.model_id, "before"), (name, "now")))
    both = before.join(now, "clip_id").toPandas()
    count, was, becomes = len(both), float(both["before"].mean()), float(both["now"].mean())
    if count < LEAST:
        say(f"not compared with the model in force: {count} clips were judged with both under {protocol}")
        return
    told = f"{100 * becomes:.1f} % of {count} clips right under {protocol}, {100 * was:.1f} % with the model in force"
    say(told)
    if was - becomes > settings.gate.max_accuracy_loss:
        yield f"{told}, more than gate.max_accuracy_loss = {settings.gate.max_accuracy_loss:g} below"


def _right(judged: DataFrame, model: str, side: str) -> DataFrame:
    mine = judged.where(F.col("model_id") == model)
    return mine.select("clip_id", (F.col("best") == F.col("genre")).cast("double").alias(side))


def _moved(warehouse: Warehouse, settings: Settings, data: Training, current: PublishedModel) -> Iterator[str]:
    """New training clips against those that the model in force was published with, in its own columns."""
    try:
        content = training_clips.read(warehouse.root, current.model_id)
    except TrainingClipsError as error:
        say(f"drift of the training clips is not known: the list of those of the model in force {error}")
        return
    if content is None or not set(current.inputs) <= set(data.inputs):
        say("drift of the training clips is not known: the model in force has other features, or no list of clips")
        return
    known = pd.read_parquet(io.BytesIO(content), columns=["clip_id", "vector"])
    clips = data.clips[~data.clips["clip_id"].isin(set(known["clip_id"]))]
    if current.training.clips > len(known):  # of many clips those of the smallest clip_id are listed
        clips = clips[clips["clip_id"] <= known["clip_id"].max()]
    clips = clips.head(training_clips.MOST_CLIPS)
    if min(len(clips), len(known)) < LEAST:
        return
    before = np.stack(known["vector"].to_list()).astype(np.float64)
    found = drift.stability(before, _standings(data, clips.reset_index(drop=True), current))
    index, chance = (float(np.median(values)) for values in found)  # over the columns
    told = f"stability index {index:.2f}, {chance:.2f} by chance"
    say(f"{len(clips)} new training clips: {told}")
    if index - chance > settings.gate.max_psi:
        limit = f"gate.max_psi = {settings.gate.max_psi:g}"
        yield f"{len(clips)} new training clips sound unlike those before: {told}, further apart than {limit}"


def _standings(data: Training, clips: pd.DataFrame, model: PublishedModel) -> Floats:
    """Mean columns of some clips, in the standard deviations of `model`: (n, k) in the order of its columns."""
    design = data.design_of(model.transform or Transform(model.inputs))
    placed = clips[["clip_id"]].assign(at=range(len(clips)))
    listed = data.rows.sparkSession.createDataFrame(placed, "clip_id string, at int")
    some = replace(data, clips=clips, rows=data.rows.drop("at").join(F.broadcast(listed), "clip_id"))
    means = vectors.clip_columns(some, {"": design})[""]
    at = [design.transform.outputs.index(name) for name in model.feature_names]
    return np.asarray((means[:, at] - np.asarray(model.means)) / np.asarray(model.scales))
