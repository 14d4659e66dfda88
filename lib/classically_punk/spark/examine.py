"""A closer look for the report: held-out answers, what the published model leans on, and what the run took."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import PurePosixPath

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from classically_punk.modelling import diagnostics, published
from classically_punk.modelling.arrays import Floats
from classically_punk.modelling.published import PublishedModel
from classically_punk.modelling.transforms import MAPPED
from classically_punk.reporting import explain
from classically_punk.reporting.examined import (
    CalibrationBin,
    Collinearity,
    Examined,
    Judgement,
    Pace,
    Push,
    Reasoning,
    ScoreSpread,
    Weight,
)
from classically_punk.reporting.findings import Findings
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse

LOOKED_AT = 100_000
"""Answers looked at, at most: those of the smallest clip_id, which are hashes."""
MISTAKES = 20
ROWS = 20_000
"""Segments behind collinearity, at most."""
WORDS = 2


def examined(warehouse: Warehouse, clips: DataFrame, findings: Findings, shown: Collection[str]) -> Examined:
    """What the newest answers under the strictest protocol and the published model show; `shown`: clip_id wanted."""
    model = published.load_current(warehouse.root)
    protocol = findings.evaluated[0] if findings.evaluated else ""
    answers = _answers(warehouse, model, protocol)
    standing = _standing(warehouse, clips, model)
    rows = warehouse.read("models").where(F.col("model_id") == model.model_id).orderBy("genre")
    errors = {row["genre"]: row["standard_errors"] for row in rows.select("genre", "standard_errors").collect()}
    return Examined(
        protocol=protocol,
        run_id=max(answers["run_id"], default=""),
        clips=len(answers),
        weights=_weights(model, errors),
        inferred=any(found is not None for found in errors.values()),
        collinearity=_collinearity(model, standing),
        **(_judged(warehouse, clips, model, answers, shown) if len(answers) else {}),  # type: ignore[arg-type]
    )


def pace(warehouse: Warehouse, run: Run, clips: DataFrame) -> Pace | None:
    """The newest run that described clips, this one first; None where no run did."""
    cores, audio = warehouse.spark.sparkContext.defaultParallelism, 0.0
    total = clips.agg(F.avg("duration_s").alias("s")).first()
    described = run.counts.get("described", 0) + run.counts.get("extracted", 0)
    told = (run.run_id, described, dict(run.seconds))
    if not described:
        counts = F.coalesce(F.element_at("counts", "described"), F.lit(0)) + F.coalesce(
            F.element_at("counts", "extracted"), F.lit(0)
        )
        rows = warehouse.read("runs").withColumn("n", counts).where("n > 0 AND seconds IS NOT NULL")
        newest = rows.orderBy(F.desc("started_at")).select("run_id", "n", "seconds").first()
        if newest is None:
            return None
        told = (newest["run_id"], int(newest["n"]), dict(newest["seconds"]))
    if total is not None and total["s"] is not None:
        audio = float(total["s"]) * told[1]
    return Pace(told[0], told[1], audio, cores, told[2])


def _answers(warehouse: Warehouse, model: PublishedModel, protocol: str) -> pd.DataFrame:
    """clip_id, genre, best, predicted, confidence, run_id and the scores in the model's order of genres."""
    mine = (F.col("model_id") == model.model_id) & (F.col("protocol") == protocol) & F.col("genre").isNotNull()
    scores = F.array(*[F.element_at("scores", genre) for genre in model.genres]).alias("scores")
    rows = warehouse.read("predictions").where(mine)
    kept = rows.select("clip_id", "genre", "best", "predicted", "confidence", "run_id", scores).orderBy("clip_id")
    return kept.limit(LOOKED_AT).toPandas()


def _judged(
    warehouse: Warehouse, clips: DataFrame, model: PublishedModel, answers: pd.DataFrame, shown: Collection[str]
) -> dict[str, object]:
    right = (answers["genre"] == answers["best"]).to_numpy()
    confidence = answers["confidence"].to_numpy(dtype=np.float64)
    scores = np.asarray(answers["scores"].tolist(), dtype=np.float64)
    targets = np.asarray([[genre == one for one in model.genres] for genre in answers["genre"]], dtype=np.float64)
    wrong = answers.loc[~right].sort_values(["confidence", "clip_id"], ascending=[False, True]).head(MISTAKES)
    pictured = answers.loc[answers["clip_id"].isin(list(shown))].sort_values(["genre", "clip_id"])
    wanted = [*pictured["clip_id"], *wrong["clip_id"]]
    names = _names(clips, wanted)
    reasons = _reasons(warehouse, model, pd.concat([pictured, wrong]))

    def told(rows: pd.DataFrame) -> list[Judgement]:
        return [
            Judgement(
                row["clip_id"],
                names.get(row["clip_id"], ""),
                row["genre"],
                row["best"],
                row["predicted"],
                float(row["confidence"]),
                dict(zip(model.genres, map(float, row["scores"]), strict=True)),
                reasons.get(row["clip_id"], ()),
            )
            for row in rows.to_dict("records")
        ]

    return {
        "outside": float(np.mean((scores < 0) | (scores > 1))),
        "residual_skewness": diagnostics.skewness((targets - scores).ravel()),
        "shown": told(pictured),
        "mistakes": told(wrong),
        "calibration": [
            CalibrationBin(one.n, one.confidence, one.right, one.low, one.high)
            for one in diagnostics.calibration_bins(confidence, right)
        ],
        "spreads": _spreads(model.genres, scores, targets),
    }


def _spreads(genres: Sequence[str], scores: Floats, targets: Floats) -> list[ScoreSpread]:
    told = []
    for at, genre in enumerate(genres):
        for target in (0, 1):
            here = scores[targets[:, at] == target, at]
            if here.size:
                quantiles = map(float, np.quantile(here, (0.05, 0.25, 0.5, 0.75, 0.95)))
                told.append(
                    ScoreSpread(genre, target, here.size, float(here.mean()), float(np.std(target - here)), *quantiles)
                )
    return told


def _names(clips: DataFrame, wanted: Sequence[str]) -> dict[str, str]:
    rows = clips.where(F.col("clip_id").isin(list(set(wanted)))).select("clip_id", "path").collect()
    return {row["clip_id"]: PurePosixPath(row["path"]).name for row in rows}


def _reasons(warehouse: Warehouse, model: PublishedModel, judged: pd.DataFrame) -> dict[str, list[Reasoning]]:
    """Why the published model scores the answer, and the true genre, of these clips as it does."""
    features = warehouse.read("features")
    if not set(model.inputs) <= set(features.columns):
        return {}
    mine = features.where(F.col("clip_id").isin(sorted(set(judged["clip_id"]))))
    rows = _described(mine, model)
    by_clip = {str(clip): part.sort_values("segment") for clip, part in rows.groupby("clip_id")}
    told: dict[str, list[Reasoning]] = {}
    for one in judged.to_dict("records"):
        part = by_clip.get(one["clip_id"])
        if part is None:
            continue
        values = part[list(model.inputs)].to_numpy(dtype=np.float64)
        for genre in dict.fromkeys((one["best"], one["genre"])):
            said = explain.explain(model, model.inputs, part["segment"].tolist(), values, genre)
            pushes = [Push(f.name, g.name, g.push) for f in said.families for g in said.groups(f.name)]
            words = explain.told(said, WORDS)
            ordered = sorted(pushes, key=lambda one: -one.push)
            told.setdefault(one["clip_id"], []).append(
                Reasoning(genre, said.score, said.mean_clip_score, ordered, words)
            )
    return told


def _weights(model: PublishedModel, errors: dict[str, list[float] | None]) -> list[Weight]:
    known = explain.known_features(model)
    place: dict[tuple[str, str], list[int]] = {}
    for at, column in enumerate(model.feature_names):
        source = explain.source_of(column, known)
        family, group = known[source][:2] if source in known else (explain.MIXED, source)
        place.setdefault((family, group), []).append(at)
    told = []
    for genre, coefficients in zip(model.genres, model.coefficients, strict=True):
        values, found = np.asarray(coefficients), errors.get(genre)
        for (family, group), members in sorted(place.items()):
            size = float(np.linalg.norm(values[members]))
            # the length of the error of a vector is at most twice that of its standard errors, most of the time
            reach = None if found is None else 2 * float(np.linalg.norm(np.asarray(found)[members]))
            interval = (None, None) if reach is None else (max(size - reach, 0.0), size + reach)
            told.append(Weight(genre, family, group, len(members), size, *interval))
    return told


def _standing(warehouse: Warehouse, clips: DataFrame, model: PublishedModel) -> Floats | None:
    """Up to `ROWS` segments as the model standardises them (n, k), None where features are missing or mapped."""
    features = warehouse.read("features")
    mapped = model.transform is not None and model.transform.kind in MAPPED
    if mapped or not set(model.inputs) <= set(features.columns):
        return None
    labelled = clips.where("genre IS NOT NULL AND duplicate_of IS NULL").select("clip_id")
    rows = features.where("segment >= 0").join(labelled, "clip_id", "left_semi")
    kept = _described(rows.orderBy("clip_id", "segment").limit(ROWS), model)
    x = kept[list(model.inputs)].to_numpy(dtype=np.float64)
    return model.standardised(model.inputs, x) if len(x) else None


def _described(rows: DataFrame, model: PublishedModel) -> pd.DataFrame:
    """clip_id, segment and the model's features, of the rows that have them all.

    Looked for here and not in Spark, which takes seconds to compile a question about hundreds of columns.
    """
    found: pd.DataFrame = rows.select("clip_id", "segment", *model.inputs).toArrow().to_pandas()
    return found.dropna(subset=list(model.inputs))


def _collinearity(model: PublishedModel, standing: Floats | None) -> Collinearity | None:
    if standing is None:
        return None
    inflation, condition = diagnostics.variance_inflation(standing), diagnostics.condition_number(standing)
    if inflation is None:
        return Collinearity(standing.shape[1], len(standing), condition)
    worst = int(np.argmax(inflation))
    return Collinearity(
        standing.shape[1],
        len(standing),
        condition,
        float(np.median(inflation)),
        float(inflation[worst]),
        int((inflation > 10).sum()),
        model.feature_names[worst],
    )
