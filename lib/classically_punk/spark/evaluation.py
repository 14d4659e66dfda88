"""Judging the kind of model that is published on clips it has not seen, into `predictions` and `metrics`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pyspark.sql import functions as F  # noqa: N812

from classically_punk.errors import ConfigError
from classically_punk.modelling import decision, digest, folds, leakage, metrics, regression
from classically_punk.modelling.arrays import Floats, Ints
from classically_punk.modelling.moments import merge_all
from classically_punk.settings import Settings
from classically_punk.spark import schemas, vectors
from classically_punk.spark.progress import say
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse
from classically_punk.spark.vectors import Training


@dataclass(frozen=True)
class Scheme:
    """Who is judged by whom: `fold` of every clip (-1 = left out) and, for each judged fold, those it learns from."""

    protocol: str
    fold: Ints
    learns_from: Mapping[int, tuple[int, ...]]
    digest: str


def evaluate_genres(warehouse: Warehouse, settings: Settings, run: Run, data: Training, model_id: str) -> None:
    """Runs every configured protocol that this model has not been judged under yet. Raises ConfigError."""
    known = warehouse.read("models").where(F.col("model_id") == model_id).select("decision.temperature").first()
    if known is None:
        raise ConfigError("warehouse.root", f"no model {model_id} for these clips and settings: run train_genres first")
    judged = warehouse.read("metrics").where(F.col("model_id") == model_id)
    done = {row["evaluation_digest"] for row in judged.select("evaluation_digest").distinct().collect()}
    for protocol in settings.evaluation.protocols:
        scheme = scheme_of(protocol, settings, data)
        if scheme.digest in done:
            say(f"{protocol}: measured already")
            continue
        with run.stage(f"evaluate {protocol}"):
            _judge(warehouse, settings, run, data, model_id, scheme, known["temperature"])


def scheme_of(protocol: str, settings: Settings, data: Training) -> Scheme:
    """The folds of a protocol on these clips. Raises ConfigError."""
    chosen = settings.evaluation
    drawn: dict[str, Any] = {"bootstrap_draws": chosen.bootstrap_draws}
    if protocol == "published-split":
        folder = settings.folder("evaluation.split_dir")
        stems = [folds.stem_of(str(path)) for path in data.clips["path"]]
        split = folds.split_folds(Path(folder), chosen.split_name, stems)
        if split.missing or split.left_out:
            say(f"{protocol}: {split.missing} listed tracks have no clip here, {split.left_out} clips stand in no list")
        fold = np.where(split.train, 0, np.where(split.test, 1, -1)).astype(np.int64)
        name = digest.evaluation_digest(
            protocol, seed=chosen.seed, split=split.digest, decision=settings.model.decision, settings=drawn
        )
        return Scheme(protocol, fold, {1: (0,)}, name)
    ids, genres = list(data.clips["clip_id"]), list(data.clips["genre"])
    groups = list(data.clips["group_id"])
    if protocol == "random-folds":  # looks away from artists (its figure is labelled optimistic), not from copies
        groups = list(folds.joined_groups(ids, [None] * len(ids), list(data.clips["recording"])))
    fold = folds.assign(ids, groups, genres, chosen.folds, chosen.seed)
    learns = {k: tuple(other for other in range(chosen.folds) if other != k) for k in range(chosen.folds)}
    name = digest.evaluation_digest(
        protocol, seed=chosen.seed, folds=chosen.folds, decision=settings.model.decision, settings=drawn
    )
    return Scheme(protocol, fold, learns, name)


def _judge(
    warehouse: Warehouse,
    settings: Settings,
    run: Run,
    data: Training,
    model_id: str,
    scheme: Scheme,
    temperature: float,
) -> None:
    count = int(scheme.fold.max()) + 1
    parts = vectors.fold_moments(data, scheme.fold, count)
    fits = {
        judged: regression.solve(merge_all([parts[fold] for fold in learned]), settings.model.ridge, spread=data.spread)
        for judged, learned in scheme.learns_from.items()
    }
    at, scores = vectors.held_out_scores(data, scheme.fold, fits)
    best = decision.best(scores)
    shares = decision.probabilities(scores, temperature)
    _write_predictions(warehouse, run, data, model_id, scheme, at, scores, best, shares)
    measured = metrics.evaluate(
        data.classes[at],
        best,
        scores,
        [data.units[i] for i in at],
        data.genres,
        seed=settings.evaluation.seed,
        draws=settings.evaluation.bootstrap_draws,
    )
    measured += leakage.straddling_metrics(
        {"clips": list(data.clips["clip_id"])}
        | {"duplicates": list(data.clips["audio"]), "near_duplicates": list(data.clips["recording"])},
        scheme.fold,
    )
    fixed: dict[str, Any] = {"run_id": run.run_id, "model_id": model_id, "protocol": scheme.protocol, "condition": None}
    fixed["evaluation_digest"] = scheme.digest
    rows = [
        fixed
        | {"metric": m.metric, "genre": m.genre, "predicted_genre": m.predicted_genre}
        | {"value": m.value, "low": m.low, "high": m.high, "n": m.n}
        for m in measured
    ]
    table = [tuple(row[column] for column in schemas.METRICS.names) for row in rows]
    # last: where these stand, the protocol counts as measured
    warehouse.append("metrics", warehouse.spark.createDataFrame(table, schemas.METRICS))
    accuracy = next(m for m in measured if m.metric == "accuracy")
    if accuracy.value is not None:
        about = ", synthetic: this means nothing about music" if data.synthetic else ""
        say(f"{scheme.protocol}: {100 * accuracy.value:.1f} % of {accuracy.n} clips right{about}")


def _write_predictions(
    warehouse: Warehouse,
    run: Run,
    data: Training,
    model_id: str,
    scheme: Scheme,
    at: Ints,
    scores: Floats,
    best: Ints,
    shares: Floats,
) -> None:
    rows = []
    for place, (i, row, winner) in enumerate(zip(at.tolist(), scores.tolist(), best.tolist(), strict=True)):
        name = data.genres[winner]
        rows.append(
            (
                run.run_id,
                model_id,
                scheme.protocol,
                int(scheme.fold[i]),
                data.clips["clip_id"].iat[i],
                data.clips["genre"].iat[i],
                name,
                name,
                float(shares[place, winner]),
                dict(zip(data.genres, row, strict=True)),
            )
        )
    frame = warehouse.spark.createDataFrame(rows, schemas.PREDICTIONS)
    warehouse.merge("predictions", frame, ("model_id", "protocol", "clip_id"))
