"""What people send against what the model was trained on, into `metrics`."""

from __future__ import annotations

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from classically_punk.features import catalogue, feedback
from classically_punk.modelling import digest, drift
from classically_punk.modelling.arrays import Floats
from classically_punk.reporting.findings import SENT
from classically_punk.settings import Settings
from classically_punk.spark import schemas
from classically_punk.spark.feedback import DECODER
from classically_punk.spark.progress import say
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse
from classically_punk.spark.vectors import Training

MOST = 10_000
"""Clips of each side that are compared, those of the smallest clip_id: a fair sample."""


def measure_drift(warehouse: Warehouse, settings: Settings, run: Run, data: Training, name: str) -> None:
    """Whole clips sent by people against those the model `name` was trained on, by family, unless it is measured.

    Rows of protocol `feedback`, condition `drift:FAMILY`: `psi`, and `psi_beyond`, the share of columns beyond chance.
    """
    if not feedback.place(warehouse.root).parent.is_dir():
        return
    clips = warehouse.read("clips").where(F.col("decoder") == DECODER).select("clip_id")
    columns = data.transform.names
    sent_ids, sent = _values(warehouse, settings, clips, columns)
    if len(sent_ids) < drift.LEAST:
        return
    is_sent = set(sent_ids)
    trained = [one for one in data.clips["clip_id"] if one not in is_sent][:MOST]
    if len(trained) < drift.LEAST:
        return
    how = {"model": name, "sent": sent_ids}
    measured = digest.evaluation_digest(SENT, seed=0, decision="", settings=how)
    already = (F.col("model_id") == name) & (F.col("protocol") == SENT) & (F.col("evaluation_digest") == measured)
    if not warehouse.read("metrics").where(already).isEmpty():
        return
    with run.stage("drift"):
        known = warehouse.spark.createDataFrame([(one,) for one in trained], "clip_id string")
        _, before = _values(warehouse, settings, known, columns)
        families = {column.name: column.family for column in catalogue.columns("punk")}
        moved = drift.by_family([families[name] for name in columns], *drift.stability(before, sent))
        rows = [
            (run.run_id, name, SENT, f"drift:{one.family}", measured, metric, None, None, value, None, None, len(sent))
            for one in moved
            for metric, value in (("psi", one.psi), ("psi_beyond", one.beyond))
        ]
        warehouse.append("metrics", warehouse.spark.createDataFrame(rows, schemas.METRICS))
    told = ", ".join(f"{one.family} {one.psi:.2f}" for one in moved)
    say(f"{len(sent)} clips that people sent against {len(before)} of training, stability index: {told}")


def _values(
    warehouse: Warehouse, settings: Settings, clips: DataFrame, columns: tuple[str, ...]
) -> tuple[list[str], Floats]:
    """clip_id -> the ids that have whole-clip rows of the current definitions, and their values (n, k)."""
    known = {catalogue.feature_set_id(name, settings.features.segment_s) for name in catalogue.FEATURE_SETS}
    rows = warehouse.read("features").where((F.col("segment") == -1) & F.col("feature_set").isin(*known))
    rows = rows.join(F.broadcast(clips), "clip_id", "left_semi").select("clip_id", *columns).dropna()
    frame = rows.orderBy("clip_id").limit(MOST).toPandas()
    return list(frame["clip_id"]), np.asarray(frame[list(columns)].to_numpy(dtype=np.float64))
