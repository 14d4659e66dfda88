"""Training: one MLlib `LinearRegression` per genre on standardised vectors, into `models` and the published JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import numpy as np
from pyspark import inheritable_thread_target
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.regression import LinearRegression
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from classically_punk.errors import ConfigError
from classically_punk.modelling import digest, inference, protocols, published, regression, training_clips
from classically_punk.modelling.arrays import Floats, ModelError
from classically_punk.modelling.decision import Layer
from classically_punk.modelling.moments import Moments, merge_all
from classically_punk.modelling.protocols import Scheme
from classically_punk.modelling.regression import Fit
from classically_punk.modelling.transforms import Transform
from classically_punk.settings import Settings
from classically_punk.spark import copies, gates, neighbours, schemas, sums, vectors
from classically_punk.spark.progress import say
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse
from classically_punk.spark.vectors import Training

SCHEMA_VERSION = published.SCHEMA_VERSION
THREADS = 4
"""MLlib fits submitted at once: a fit on few rows is mostly scheduling."""
AGREEMENT = 1e-6
"""Largest difference between MLlib and the closed form, relative to the largest coefficient, before the run fails."""


TOLD_BY = 50_000
"""Clips whose answers give the temperature, at most: of more, those of the smallest clip_id. Everything else of a fit
comes from sums over all clips, so this bounds what a fit brings to the driver: 8 bytes a column of each."""


@dataclasses.dataclass(frozen=True)
class Source:
    """What a model's rows tell of where it comes from."""

    genres: tuple[str, ...]
    transform: Transform
    feature_set: str
    clips: int
    groups: int
    digest: str
    fitted_by: str = "mllib"

    @classmethod
    def of(cls, data: Training) -> Source:
        """These clips, fitted by MLlib."""
        told = digest.training_digest(data.labelled)
        return cls(data.genres, data.transform, data.feature_set, len(data.clips), len(set(data.units)), told)


def model_id(data: Training, settings: Settings) -> str:
    """The name of the model that these clips and settings give, if it is fitted."""
    model = sums.shaping(settings)
    # where artists are unknown, the cells go by the names of files: the same clips under other names decide otherwise
    cells = dict(zip(data.clips["clip_id"], _scheme(data, settings).cell.tolist(), strict=True))
    model |= {"cells": cells, "copies": data.copies_digest}
    return digest.model_id(data.labelled, data.feature_set, model, settings.evaluation.seed)


def train_genres(warehouse: Warehouse, settings: Settings, run: Run, data: Training) -> str:
    """Fits and publishes the model of these clips and settings, unless it stands already. Returns its id.

    Where another model is in force, the new one takes its place only if it passes the gates.
    """
    name = model_id(data, settings)
    present = warehouse.read("models").where(F.col("model_id") == name).limit(1).count() > 0
    if not present:
        with run.stage("train"):
            rows = _fitted(warehouse, settings, run, data, name)
            warehouse.append("models", warehouse.spark.createDataFrame(rows, schemas.MODELS))
        say(f"{len(data.genres)} regressions fitted on {len(data.clips)} clips")
    else:
        say(f"model {name} stands already")
    if gates.may_publish(warehouse, settings, run, data, name):
        publish(warehouse, name, lambda model: neighbours.clips_of(data, model))
    return name


def _scheme(data: Training, settings: Settings) -> Scheme:
    return protocols.whole(data.dealt, k=settings.evaluation.folds, seed=settings.evaluation.seed)


def _fitted(warehouse: Warehouse, settings: Settings, run: Run, data: Training, name: str) -> list[tuple[Any, ...]]:
    scheme, designs = _scheme(data, settings), {vectors.MAIN: data.design}
    slots = sums.Slots.of(data, scheme)
    counted = vectors.sums(data, slots.at, slots.count, designs, of_clips=True)
    sums.write(warehouse, settings, run, data, slots, counted, name)
    parts, of_clips = (slots.by_cell(counted[key]) for key in (vectors.MAIN, vectors.OF_CLIPS + vectors.MAIN))
    some = data.first(TOLD_BY)
    columns = vectors.clip_columns(some, designs)[vectors.MAIN]
    spreads = copies.spread_parts(data, scheme.cell, scheme.cells)
    cell, scaled = scheme.cell[: len(some.clips)], data.transform.scaled
    learner = vectors.learner(data, cell, parts, columns, settings, scaled, spreads=spreads, of_clips=of_clips)
    lesson = learner.filled(scheme.lessons[0])
    lam = learner.strength(lesson)
    total = merge_all(parts)
    closed = learner.fit(lesson.cells, lam)
    if closed.rank_deficient:
        say("the features are collinear on these clips: coefficients are not unique (model.regularisation helps)")
    fit = _mllib(data, total, closed, learner.spread_of(lesson.cells))
    told = inference.finish(vectors.meat(data, fit), total, fit) if _may_infer(data, fit) else None
    try:
        layer = learner.layer(lesson, lam).at(threshold=settings.model.threshold)
    except ModelError as error:
        raise ConfigError("model.decision", str(error)) from error
    run.counts |= {"training_clips": len(data.clips), "training_segments": total.rows}
    if settings.model.ridge is None:
        say(f"lambda {lam:g}, by inner folds")
    return model_rows(settings, run, Source.of(data), name, fit, told, layer)


def _may_infer(data: Training, fit: Fit) -> bool:
    return fit.lam == 0 and not fit.rank_deficient and len(set(data.units)) > 2 * int(fit.kept.sum())


def _mllib(data: Training, total: Moments, closed: Fit, spread: Floats | None) -> Fit:
    """MLlib's own coefficients on the columns standardised as in `closed`; `regParam = lambda * sd_w(y)`.

    MLlib knows the plain ridge only: under a spread penalty it fits the columns mixed by `regression.mixing`, and its
    coefficients are taken back.
    """
    mix = None if spread is None or closed.lam == 0 else regression.mixing(closed, spread)
    names = [f"z{i}" for i in np.flatnonzero(closed.kept)]
    z = vectors.standardised(data, closed, mix)
    targets = [(F.col("y") == g).cast("double").alias(f"y{g}") for g in range(len(data.genres))]
    assembler = VectorAssembler(inputCols=names, outputCol="features")
    columns = [F.col("z")[at].alias(name) for at, name in enumerate(names)]
    frame = assembler.transform(z.select("weight", *columns, *targets)).select(
        "features", "weight", *(f"y{g}" for g in range(len(data.genres)))
    )
    frame = frame.cache()
    frame.count()
    share = total.target_means
    deviation = np.sqrt(share * (1 - share))

    def one(g: int) -> tuple[float, Floats]:
        return _fit_one(frame, g, closed.lam * float(deviation[g]))

    with ThreadPoolExecutor(THREADS) as pool:
        fitted = list(pool.map(inheritable_thread_target(data.rows.sparkSession)(one), range(len(data.genres))))
    frame.unpersist()
    coefficients = np.column_stack([coefficients for _, coefficients in fitted])
    fit = dataclasses.replace(
        closed,
        intercept=np.asarray([intercept for intercept, _ in fitted]),
        coefficients=coefficients if mix is None else mix @ coefficients,
    )
    apart = np.abs(fit.coefficients - closed.coefficients).max() / max(np.abs(closed.coefficients).max(), 1e-300)
    if not closed.rank_deficient and not apart <= AGREEMENT:
        raise ModelError(f"MLlib and the closed form differ by {apart:.1e} of the largest coefficient")
    return fit


def _fit_one(frame: DataFrame, g: int, regularisation: float) -> tuple[float, Floats]:
    estimator = LinearRegression(
        featuresCol="features",
        labelCol=f"y{g}",
        weightCol="weight",
        solver="normal",
        standardization=False,
        regParam=regularisation,
        elasticNetParam=0.0,
        fitIntercept=True,
    )
    model = estimator.fit(frame)
    return float(model.intercept), np.asarray(model.coefficients.toArray(), dtype=np.float64)


def model_rows(
    settings: Settings,
    run: Run,
    source: Source,
    name: str,
    fit: Fit,
    told: inference.Inference | None,
    layer: Layer,
) -> list[tuple[Any, ...]]:
    """Rows of `models`, one a genre, in the order of the schema."""
    when, columns = datetime.now(UTC), source.transform.outputs
    names = list(fit.columns_of(columns))
    means, covariance = (None if rows is None else rows.tolist() for rows in (layer.means, layer.covariance))
    decision = (layer.kind, means, covariance, layer.temperature, layer.threshold)
    transform = None if source.transform.is_identity else json.dumps(dataclasses.asdict(source.transform))
    rows = []
    for g, genre in enumerate(source.genres):
        robust: tuple[Any, ...] = (None,) * 6
        if told is not None:
            robust = (
                _number(told.intercept_error[g]),
                _number(told.intercept_t[g]),
                _number(told.intercept_p[g]),
                *(_numbers(values[:, g]) for values in (told.error, told.t, told.p)),
            )
        row = {
            "model_id": name,
            "schema_version": SCHEMA_VERSION,
            "genre": genre,
            "intercept": float(fit.intercept[g]),
            "coefficients": fit.coefficients[:, g].tolist(),
            "transform": transform,
            "feature_names": names,
            "means": fit.means.tolist(),
            "scales": fit.scales.tolist(),
            "clip_low": None,
            "clip_high": None,
            "dropped": list(fit.dropped(columns)),
            "lambda": fit.lam,
            "fitted_by": source.fitted_by,
            "r2": _number(fit.r2[g]),
            **dict(zip(ROBUST, robust, strict=True)),
            "decision": decision,
            "feature_set": source.feature_set,
            "segment_s": settings.features.segment_s,
            "training_clips": source.clips,
            "training_groups": source.groups,
            "condition_number": _number(fit.condition),
            "training_digest": source.digest,
            "published_at": when,
            "run_id": run.run_id,
        }
        rows.append(tuple(row[column] for column in schemas.MODELS.names))
    return rows


DECISION = ("kind", "means", "covariance", "temperature", "threshold")
ROBUST = ("intercept_standard_error", "intercept_t", "intercept_p", "standard_errors", "t_values", "p_values")


def _number(value: float) -> float | None:
    """A finite number, or null: tables hold no NaN."""
    return float(value) if np.isfinite(value) else None


def _numbers(values: Floats) -> list[float] | None:
    return values.tolist() if np.isfinite(values).all() else None


def publish(
    warehouse: Warehouse,
    name: str,
    clips_of: Callable[[published.PublishedModel], bytes],
    rows: list[tuple[Any, ...]] | None = None,
) -> None:
    """Writes the model's files from its rows and points `current.json` at them, unless they are in force already.

    `clips_of` gives the list of its training clips; `rows` are those of `models`, where they are at hand.
    """
    if not _in_force(warehouse, name):
        model = published_model(warehouse, name) if rows is None else _portable(rows)
        published.publish(warehouse.root, model, clips_of(model))


def _in_force(warehouse: Warehouse, name: str) -> bool:
    try:
        there = published.load_current(warehouse.root).model_id == name
        return there and training_clips.read(warehouse.root, name) is not None
    except (published.PublishedModelError, training_clips.TrainingClipsError):
        return False  # nothing published yet, or damaged: written anew from the table


def published_model(warehouse: Warehouse, name: str) -> published.PublishedModel:
    """The portable form of a model from its rows of `models`."""
    found = warehouse.read("models").where(F.col("model_id") == name).orderBy("genre")
    return _portable([tuple(row) for row in found.select(*schemas.MODELS.names).collect()])


def _portable(found: list[tuple[Any, ...]]) -> published.PublishedModel:
    """Rows of `models`, one a genre."""
    rows = [dict(zip(schemas.MODELS.names, row, strict=True)) for row in found]
    first, decision = rows[0], dict(zip(DECISION, rows[0]["decision"], strict=True))
    return published.PublishedModel(
        model_id=first["model_id"],
        genres=tuple(row["genre"] for row in rows),
        feature_set=first["feature_set"],
        feature_names=tuple(first["feature_names"]),
        means=tuple(first["means"]),
        scales=tuple(first["scales"]),
        clip_low=None if first["clip_low"] is None else tuple(first["clip_low"]),
        clip_high=None if first["clip_high"] is None else tuple(first["clip_high"]),
        intercepts=tuple(row["intercept"] for row in rows),
        coefficients=tuple(tuple(row["coefficients"]) for row in rows),
        lam=first["lambda"],
        decision=published.Decision(
            decision["kind"],
            decision["temperature"],
            decision["threshold"],
            *(
                None if rows is None else tuple(tuple(row) for row in rows)
                for rows in (decision["means"], decision["covariance"])
            ),
        ),
        segment_s=first["segment_s"],
        training=published.Training(first["training_clips"], first["training_groups"], first["training_digest"]),
        published_at=first["published_at"].replace(tzinfo=UTC).isoformat(),
        run_id=first["run_id"],
        transform=None if first["transform"] is None else Transform.from_json(first["transform"]),
    )
