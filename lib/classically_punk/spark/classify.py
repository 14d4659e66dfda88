"""Unlabelled clips -> `predictions`, by the published model: incremental, and the same answers as `punk classify`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from classically_punk.features import catalogue
from classically_punk.modelling.published import PublishedModel
from classically_punk.settings import Settings
from classically_punk.spark.fill_in import extract_features
from classically_punk.spark.in_force import current_model
from classically_punk.spark.ingest import WITHOUT_FILES, ingest_clips
from classically_punk.spark.present import live
from classically_punk.spark.progress import say
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse

PROTOCOL = "classify"
"""The `protocol` of answers about clips that nobody has labelled; nothing can be measured on them."""
TOLD = ("best", "predicted", "confidence", "scores")
ANSWERS = "clip_id string, best string, predicted string, confidence double, scores map<string, double>"


def classify_clips(warehouse: Warehouse, settings: Settings, run: Run) -> None:
    """Reads what is new below `corpus.root`, if one is set, and answers for every unlabelled clip not answered yet."""
    model = current_model(warehouse.root, settings)
    if settings.corpus.root:
        ingest_clips(warehouse, settings, run)
        extract_features(warehouse, settings, run)
    with run.stage("classify"):
        waiting = pending(warehouse, model)
        answers = warehouse.staged("answers", _answers(warehouse, waiting, model, settings))
        unsure = F.count_if(F.col("predicted").isNull())
        counted = answers.agg(F.count("*").alias("classified"), unsure.alias("not_sure")).first()
        run.counts |= counted.asDict() if counted else {}
        if run.counts["classified"]:
            warehouse.append("predictions", _predictions(answers, model, run))
    warehouse.drop_staged()
    say(f"{run.counts['classified']} clips classified by model {model.model_id}, {run.counts['not_sure']} not sure")


def pending(warehouse: Warehouse, model: PublishedModel) -> DataFrame:
    """clip_id of every clip that is there, has no label and no answer of this model."""
    clips = warehouse.read("clips").where("genre IS NULL AND duplicate_of IS NULL")
    there = clips.where(~F.col("decoder").isin(*WITHOUT_FILES))
    there = there.join(live(warehouse.read("files")), "clip_id", "left_semi")
    answered = warehouse.read("predictions").where(
        (F.col("model_id") == model.model_id) & (F.col("protocol") == PROTOCOL)
    )
    return there.select("clip_id").join(answered, "clip_id", "left_anti")


def _answers(warehouse: Warehouse, pending: DataFrame, model: PublishedModel, settings: Settings) -> DataFrame:
    described = catalogue.feature_set_id("punk", settings.features.segment_s)  # of every row, whatever the model uses
    rows = warehouse.read("features").where(F.col("feature_set") == described).join(pending, "clip_id", "left_semi")
    x = F.array(*(F.col(name) for name in model.inputs))
    of_clip = rows.groupBy("clip_id").agg(F.collect_list(F.struct("segment", x.alias("x"))).alias("rows"))

    def answered(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            told = [
                model.classify(model.inputs, [row["segment"] for row in rows], np.stack([row["x"] for row in rows]))
                for rows in batch["rows"]
            ]
            yield pd.DataFrame({"clip_id": batch["clip_id"], **{n: [getattr(one, n) for one in told] for n in TOLD}})

    return of_clip.select("clip_id", F.array_sort("rows").alias("rows")).mapInPandas(answered, ANSWERS)


def _predictions(answers: DataFrame, model: PublishedModel, run: Run) -> DataFrame:
    return answers.select(
        F.lit(run.run_id).alias("run_id"),
        F.lit(model.model_id).alias("model_id"),
        F.lit(PROTOCOL).alias("protocol"),
        "clip_id",
        *TOLD,
    )
