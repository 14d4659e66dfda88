"""Unlabelled clips -> `predictions`, by the published model: incremental, and the same answers as `punk classify`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
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
from classically_punk.spark.vectors import parts_of_a_pass

PROTOCOL = "classify"
"""The `protocol` of answers about clips that nobody has labelled; nothing can be measured on them."""
TOLD = ("best", "predicted", "confidence", "scores")
ANSWERS = "clip_id string, best string, predicted string, confidence double, scores array<double>"


def classify_clips(warehouse: Warehouse, settings: Settings, run: Run) -> None:
    """Reads what is new below `corpus.root`, if one is set, and answers for every unlabelled clip not answered yet."""
    model = current_model(warehouse.root, settings)
    if settings.corpus.root:
        ingest_clips(warehouse, settings, run)
        extract_features(warehouse, settings, run)
    with run.stage("classify"):
        rows = _described(warehouse, pending(warehouse, model), settings)
        # put aside first: to ask whether there is anything to answer would look for it twice
        predictions = warehouse.staged("answers", _predictions(_answers(rows, model), model, run))
        unsure = F.count_if(F.col("predicted").isNull())
        told = predictions.agg(F.count("*").alias("classified"), unsure.alias("not_sure")).first()
        run.counts |= told.asDict() if told else {}
        if run.counts["classified"]:
            warehouse.append("predictions", predictions)
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


def _described(warehouse: Warehouse, pending: DataFrame, settings: Settings) -> DataFrame:
    """The rows of `features` of these clips, in the definitions of now."""
    described = catalogue.feature_set_id("punk", settings.features.segment_s)  # of every row, whatever the model uses
    # a clip of one segment has it too, with the values of the whole
    rows = warehouse.read("features").where((F.col("feature_set") == described) & (F.col("segment") >= 0))
    return rows.join(pending, "clip_id", "left_semi")


def _answers(rows: DataFrame, model: PublishedModel) -> DataFrame:
    x = F.array(*(F.col(name) for name in model.inputs)).alias("x")
    # all rows of a clip side by side; a batch may end between them
    rows = rows.select("clip_id", "segment", x).repartition(parts_of_a_pass(rows), "clip_id")
    rows = rows.sortWithinPartitions("clip_id", "segment")

    def answered(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        held: list[pa.RecordBatch] = []
        for batch in batches:
            held.append(batch)
            whole = pa.Table.from_batches(held).combine_chunks()
            ids = whole["clip_id"]
            last = pc.index(ids, ids[-1]).as_py() if len(ids) else 0
            if last:
                yield _answered(model, whole.slice(0, last))
            held = whole.slice(last).to_batches()
        if held:
            yield _answered(model, pa.Table.from_batches(held).combine_chunks())

    told = rows.mapInArrow(answered, ANSWERS)
    genres = F.array(*(F.lit(genre) for genre in model.genres))
    return told.withColumn("scores", F.map_from_arrays(genres, "scores"))


def _answered(model: PublishedModel, rows: pa.Table) -> pa.RecordBatch:
    """Rows of whole clips, side by side -> their answers."""
    ids = rows["clip_id"].combine_chunks().dictionary_encode()
    values = rows["x"].combine_chunks().flatten().to_numpy().reshape(rows.num_rows, -1)
    told = model.classify_all(model.inputs, ids.indices.to_numpy(), rows["segment"].to_numpy(), values)
    best = pa.array(model.genres).take(pa.array(told.best))
    flat = pa.array(np.ascontiguousarray(told.scores).ravel())
    offsets = pa.array(np.arange(0, len(flat) + 1, len(model.genres), dtype=np.int32))
    predicted = pc.if_else(pa.array(told.sure), best, pa.scalar(None, pa.string()))
    columns = [ids.dictionary, best, predicted, pa.array(told.confidence), pa.ListArray.from_arrays(offsets, flat)]
    return pa.RecordBatch.from_arrays(columns, names=["clip_id", *TOLD])


def _predictions(answers: DataFrame, model: PublishedModel, run: Run) -> DataFrame:
    return answers.select(
        F.lit(run.run_id).alias("run_id"),
        F.lit(model.model_id).alias("model_id"),
        F.lit(PROTOCOL).alias("protocol"),
        "clip_id",
        *TOLD,
    )
