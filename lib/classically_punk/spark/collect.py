"""Tables -> `Findings`: everything that report and slides show, read from what the runs have written."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import PurePosixPath

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from classically_punk.errors import ConfigError, redacted
from classically_punk.features import catalogue
from classically_punk.modelling import published
from classically_punk.reporting.examined import AudioKind, Costs, WarningCount
from classically_punk.reporting.findings import (
    SENT,
    Counts,
    Exhibit,
    FeatureSummary,
    Findings,
    GenreCount,
    MetricRow,
    ModelSummary,
    NearDuplicate,
    Protocol,
    RejectCount,
    describe_protocol,
)
from classically_punk.settings import Settings
from classically_punk.spark import examine, exhibits, feedback, schemas
from classically_punk.spark.present import present_clips
from classically_punk.spark.runs import Run, versions
from classically_punk.spark.tables import Warehouse

EXAMPLES = 10
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def collect_findings(warehouse: Warehouse, settings: Settings, run: Run) -> Findings:
    """The newest state of every table, and the metrics of the published model.

    Raises ConfigError where nothing has been read yet.
    """
    clips = present_clips(warehouse, feedback=settings.corpus.feedback).persist()
    if clips.isEmpty():
        raise ConfigError("warehouse.root", "no clips yet: run ingest_clips or import_features first")
    model = _model(warehouse)
    metrics = _metrics(warehouse, model.model_id) if model else []
    shown = _exhibits(warehouse, clips)
    cost = settings.cost
    found = Findings(
        run_id=run.run_id,
        started_at=_text(run.started_at),
        corpus_root=redacted(settings.corpus.root),
        feature_set=catalogue.feature_set_id("punk", settings.features.segment_s),
        counts=_counts(warehouse, clips),
        decoder="; ".join(sorted(r["decoder"] for r in clips.select("decoder").distinct().collect() if r["decoder"])),
        rejects=_rejects(warehouse),
        near_duplicates=_near_duplicates(clips),
        sent=feedback.summary(warehouse, settings),
        genres=_genres(clips),
        features=_summaries(warehouse, clips),
        exhibits=shown,
        metrics=metrics,
        protocols=_protocols(metrics, settings, clips),
        model=model,
        run_dates=_dates(warehouse),
        versions=versions(warehouse.spark),
        table_versions={name: warehouse.version(name) for name in schemas.tables() if name != "runs"},
        audio=_audio(clips),
        warnings=_warnings(clips),
        costs=Costs(cost.wrong, cost.not_sure, cost.human_check, cost.pairs),
        pace=examine.pace(warehouse, run, clips),
        max_control_accuracy=settings.evaluation.max_control_accuracy,
    )
    if model is not None:
        looked = examine.examined(warehouse, clips, found, {one.clip_id for one in shown})
        found = replace(found, examined=looked)
    clips.unpersist()
    return found


def _counts(warehouse: Warehouse, clips: DataFrame) -> Counts:
    statuses = warehouse.read("files").groupBy("status").count().collect()
    files = {row["status"]: int(row["count"]) for row in statuses}
    told = clips.agg(
        F.count("*").alias("clips"),
        F.count_if(F.col("genre").isNull()).alias("unlabelled"),
        F.count("duplicate_of").alias("duplicates"),
        F.count("near_duplicate_of").alias("near_duplicates"),
        F.count_if(F.array_contains("warnings", "LABEL_CONFLICT")).alias("conflicts"),
        F.count_if(F.array_contains("warnings", "SYNTHETIC")).alias("synthetic"),
    ).first()
    segments = warehouse.read("features").where("segment >= 0").join(clips, "clip_id", "left_semi").count()
    duplicate_files = warehouse.read("files").where("status = 'accepted' AND reason = 'DUPLICATE'").count()
    values = told.asDict() if told else {}
    values["duplicates"] = int(values.get("duplicates", 0)) + duplicate_files
    return Counts(
        seen=sum(n for status, n in files.items() if status != "gone"),
        accepted=files.get("accepted", 0),
        rejected=files.get("rejected", 0),
        skipped=files.get("skipped", 0),
        gone=files.get("gone", 0),
        segments=segments,
        **values,
    )


def _rejects(warehouse: Warehouse) -> list[RejectCount]:
    status = warehouse.read("files").select("path", "status")
    counted = warehouse.read("rejects").join(status, "path").groupBy("reason", "status")
    rows = counted.agg(F.count("*").alias("n"), F.min("path").alias("example"), F.min_by("detail", "path").alias("d"))
    found = [RejectCount(r["reason"], int(r["n"]), r["example"], r["d"] or "", r["status"]) for r in rows.collect()]
    return sorted(found, key=lambda reject: (-reject.n, reject.reason))


def _audio(clips: DataFrame) -> list[AudioKind]:
    """Kinds of audio, the most frequent first."""
    kind = ("container", "codec", "sample_rate_hz", "channels")
    rows = clips.where("sample_rate_hz IS NOT NULL").groupBy(*kind).count().collect()
    told = [
        AudioKind(r["container"] or "", r["codec"] or "", r["sample_rate_hz"], r["channels"] or 0, int(r["count"]))
        for r in rows
    ]
    return sorted(told, key=lambda one: (-one.clips, one.container, one.codec, one.sample_rate_hz, one.channels))


def _warnings(clips: DataFrame) -> list[WarningCount]:
    rows = clips.select("path", F.explode("warnings").alias("code")).groupBy("code")
    told = rows.agg(F.count("*").alias("n"), F.min("path").alias("example")).collect()
    found = [WarningCount(row["code"], int(row["n"]), row["example"]) for row in told]
    return sorted(found, key=lambda one: (-one.n, one.code))


def _near_duplicates(clips: DataFrame) -> list[NearDuplicate]:
    """Up to `EXAMPLES` pairs, the smallest paths first."""
    firsts = clips.select(F.col("clip_id").alias("near_duplicate_of"), F.col("path").alias("first"))
    pairs = clips.select("path", "near_duplicate_of").join(firsts, "near_duplicate_of").orderBy("path")
    found = pairs.limit(EXAMPLES).collect()
    return [NearDuplicate(PurePosixPath(row["path"]).name, PurePosixPath(row["first"]).name) for row in found]


def _genres(clips: DataFrame) -> list[GenreCount]:
    rows = clips.where("genre IS NOT NULL AND duplicate_of IS NULL").groupBy("genre")
    told = rows.agg(F.count("*").alias("n"), F.sum("duration_s").alias("s")).orderBy("genre").collect()
    return [GenreCount(row["genre"], int(row["n"]), float(row["s"] or 0.0)) for row in told]


def _summaries(warehouse: Warehouse, clips: DataFrame) -> list[FeatureSummary]:
    columns = {column.name: column for column in catalogue.columns("punk")}
    whole = warehouse.read("features").where("segment = -1 AND genre IS NOT NULL").join(clips, "clip_id", "left_semi")
    long = whole.select("genre", *columns).unpivot("genre", list(columns), "name", "value")
    stats = (
        long.where("value IS NOT NULL")
        .groupBy("name", "genre")
        .agg(
            F.count("*").alias("n"),
            F.avg("value").alias("mean"),
            F.stddev_samp("value").alias("sd"),
            F.percentile_approx("value", list(QUANTILES), 10_000).alias("q"),
        )
    )
    rows = {(row["name"], row["genre"]): row for row in stats.collect()}
    order = list(columns)
    return [
        FeatureSummary(
            name,
            columns[name].unit,
            columns[name].meaning,
            columns[name].family,
            genre,
            int(row["n"]),
            float(row["mean"]),
            None if row["sd"] is None else float(row["sd"]),
            *(float(q) for q in row["q"]),
        )
        for (name, genre), row in sorted(rows.items(), key=lambda item: (order.index(item[0][0]), item[0][1]))
    ]


def _exhibits(warehouse: Warehouse, clips: DataFrame) -> list[Exhibit]:
    """One clip a genre: the smallest clip_id of which arrays were kept while its audio was open."""
    kept = [(clip,) for clip in sorted(exhibits.kept(warehouse.root))]
    if not kept:
        return []
    known = warehouse.spark.createDataFrame(kept, "clip_id string")
    best = clips.where("genre IS NOT NULL").join(known, "clip_id", "left_semi").groupBy("genre")
    rows = best.agg(F.min("clip_id").alias("clip_id"), F.min_by("path", "clip_id").alias("path")).orderBy("genre")
    shown = []
    for row in rows.collect():
        arrays = exhibits.load(warehouse.root, row["clip_id"])
        if arrays is not None:
            shown.append(Exhibit(row["genre"], row["clip_id"], PurePosixPath(row["path"]).name, arrays))
    return shown


def _model(warehouse: Warehouse) -> ModelSummary | None:
    try:
        current = published.load_current(warehouse.root)
    except published.PublishedModelError:
        return None
    rows = warehouse.read("models").where(F.col("model_id") == current.model_id).orderBy("genre").collect()
    if not rows:
        return None
    first = rows[0]
    return ModelSummary(
        model_id=current.model_id,
        feature_set=first["feature_set"],
        columns=len(first["feature_names"]),
        lambda_=first["lambda"],
        training_clips=first["training_clips"],
        training_groups=first["training_groups"],
        r2={row["genre"]: row["r2"] for row in rows},
        dropped=tuple(first["dropped"]),
        temperature=first["decision"]["temperature"],
        decision=first["decision"]["kind"],
        fitted_by=first["fitted_by"],
        published_at=_text(first["published_at"]),
        run_id=first["run_id"],
        threshold=first["decision"]["threshold"] or 0.0,
    )


def _metrics(warehouse: Warehouse, model_id: str) -> list[MetricRow]:
    """The newest measurement of the model under each protocol and condition, drift included."""
    mine = warehouse.read("metrics").where(F.col("model_id") == model_id)
    rows = [row.asDict() for row in mine.collect()]
    newest: dict[tuple[str, str | None], tuple[str, str]] = {}
    for row in rows:
        about = row["protocol"], row["condition"]
        newest[about] = max(newest.get(about, ("", "")), (row["run_id"], row["evaluation_digest"]))
    now = [
        row for row in rows if (row["run_id"], row["evaluation_digest"]) == newest[row["protocol"], row["condition"]]
    ]
    order = ("protocol", "condition", "metric", "genre", "predicted_genre")
    return [MetricRow(**row) for row in sorted(now, key=lambda row: [row[name] or "" for name in order])]


def _protocols(metrics: list[MetricRow], settings: Settings, clips: DataFrame) -> list[Protocol]:
    grouped = clips.where("group_id IS NOT NULL").limit(1).count() > 0
    told = []
    for name in sorted({row.protocol for row in metrics} - {SENT}):
        folded = name in ("group-folds", "random-folds")
        caveat = None
        if name == "group-folds" and not grouped:
            caveat = (
                "No artist or session is known for any clip, so every clip stands alone: the same artist may be on "
                "both sides, and the figure is kinder than music by strangers would be."
            )
        told.append(describe_protocol(name, settings.evaluation.folds if folded else None, caveat))
    return told


def _dates(warehouse: Warehouse) -> dict[str, str]:
    rows = warehouse.read("runs").select("run_id", "started_at").collect()
    return {row["run_id"]: _text(row["started_at"]) for row in rows}


def _text(when: datetime) -> str:
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="seconds")
