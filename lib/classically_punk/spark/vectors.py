"""`clips` + `features` -> the rows a model is fitted and judged on, and passes over them that return small sums."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pyspark import StorageLevel
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.taskcontext import TaskContext

from classically_punk.errors import ConfigError
from classically_punk.features import catalogue
from classically_punk.modelling import decision, digest, folds, inference, regression
from classically_punk.modelling.arrays import Floats, Ints
from classically_punk.modelling.moments import Moments, merge_all
from classically_punk.modelling.regression import Fit
from classically_punk.settings import Settings
from classically_punk.spark.tables import Warehouse

MOMENTS = (
    "fold int, part int, weight double, rows long, "
    "means array<double>, second array<double>, targets array<double>, cross array<double>"
)
STANDARDISED = "y int, weight double, z array<double>"
PARTIAL_SCORES = "clip_id string, part int, weight double, score array<double>"
MEAT = "part int, matrix array<double>, groups long, rows long"


OF_CLIP = ("genre", "group_id", "recording", "audio", "path", "synthetic")


@dataclass(frozen=True)
class Training:
    """Labelled clips and their rows. `clips`: clip_id, genre, group_id, recording, audio, path, synthetic, by clip_id.

    `group_id` holds together what shares an artist or a recording (`folds.joined_groups`); `recording` is the same for
    near-duplicates, `audio` for the same audio, alone where a clip is unique.
    `rows`: clip_id, unit (the group that is never split), y (index into `genres`), weight (1 / rows of the clip), x.
    `spread` (p, p): what alterations do to the columns of x, as `regression.solve` takes it; None for a plain ridge.
    """

    clips: pd.DataFrame
    rows: DataFrame
    genres: tuple[str, ...]
    names: tuple[str, ...]
    feature_set: str
    units: tuple[str, ...]
    spread: Floats | None = None

    @property
    def labelled(self) -> list[digest.Labelled]:
        """(clip_id, genre, group_id) of every clip."""
        columns = self.clips[["clip_id", "genre", "group_id"]].itertuples(index=False)
        return [(clip, genre, group) for clip, genre, group in columns]

    @property
    def synthetic(self) -> bool:
        """Whether any of the clips was made by arithmetic."""
        return bool(self.clips["synthetic"].any())

    @property
    def classes(self) -> Ints:
        """Index into `genres` of every clip, in the order of `clips`."""
        place = {genre: at for at, genre in enumerate(self.genres)}
        return np.asarray([place[genre] for genre in self.clips["genre"]], dtype=np.int64)


def training(warehouse: Warehouse, settings: Settings) -> Training:
    """Everything a model may learn from: present, labelled, described, one clip per audio.

    Raises ConfigError where there are fewer than two genres.
    """
    name = settings.model.feature_set
    names = tuple(column.name for column in catalogue.columns(name))
    live = warehouse.read("files").where("status = 'accepted'").select("clip_id").distinct()
    clips = warehouse.read("clips").where("genre IS NOT NULL AND duplicate_of IS NULL")
    published = clips.where("decoder = 'published'")
    clips = clips.where("decoder != 'published'").join(live, "clip_id", "left_semi").unionByName(published)
    # every row carries classic57, whichever set it was described for
    known = {catalogue.feature_set_id(n, settings.features.segment_s) for n in {name, "punk"}}
    features = warehouse.read("features").where(F.col("feature_set").isin(*known))
    features = features.dropna(subset=list(names)).drop("genre")
    clips = clips.withColumn("synthetic", F.array_contains("warnings", "SYNTHETIC"))
    # clips that never had a file have neither audio nor copies
    clips = clips.withColumn("recording", F.coalesce("near_duplicate_of", "clip_id"))
    clips = clips.withColumn("audio", F.coalesce("audio_sha256", "clip_id"))
    rows = features.join(clips.select("clip_id", *OF_CLIP), "clip_id")
    of_clip = Window.partitionBy("clip_id")
    segmented = F.max("segment").over(of_clip) >= 0
    rows = rows.withColumn("keep", F.when(segmented, F.col("segment") >= 0).otherwise(F.lit(True))).where("keep")
    rows = rows.withColumn("weight", 1 / F.count("*").over(of_clip))
    x = F.array(*(F.col(n) for n in names)).alias("x")
    rows = rows.select("clip_id", "segment", *OF_CLIP, "weight", x)
    rows = rows.persist(StorageLevel.MEMORY_AND_DISK)
    listed = rows.groupBy("clip_id").agg(*(F.first(c).alias(c) for c in OF_CLIP))
    frame = listed.toPandas().sort_values("clip_id", ignore_index=True).astype(object)
    frame = frame.mask(frame.isna(), None)
    genres = tuple(sorted(set(frame["genre"])))
    if len(genres) < 2:
        found = f"only {genres[0]!r}" if genres else "none"
        raise ConfigError("corpus.root", f"training needs labelled clips of at least two genres, found {found}")
    frame["group_id"] = folds.joined_groups(list(frame["clip_id"]), list(frame["group_id"]), list(frame["recording"]))
    units = folds.unit_keys(list(frame["clip_id"]), list(frame["group_id"]))
    feature_set = catalogue.feature_set_id(name, settings.features.segment_s)
    placed = _placed(rows, frame, genres, units).persist(StorageLevel.MEMORY_AND_DISK)
    placed.count()
    rows.unpersist()
    return Training(frame, placed, genres, names, feature_set, units)


def _placed(rows: DataFrame, clips: pd.DataFrame, genres: tuple[str, ...], units: tuple[str, ...]) -> DataFrame:
    """Rows with `y` and `unit`, all rows of a unit in one partition and in one order: the same sums every time."""
    place = {genre: at for at, genre in enumerate(genres)}
    table = pd.DataFrame({"clip_id": clips["clip_id"], "y": [place[g] for g in clips["genre"]], "unit": list(units)})
    known = rows.sparkSession.createDataFrame(table, "clip_id string, y int, unit string")
    joined = rows.join(F.broadcast(known), "clip_id").select("clip_id", "segment", "unit", "y", "weight", "x")
    partitions = int(rows.sparkSession.conf.get("spark.sql.shuffle.partitions", "4") or 4)
    return joined.repartition(partitions, "unit").sortWithinPartitions("unit", "clip_id", "segment")


def fold_moments(data: Training, fold_of: Ints, count: int) -> list[Moments]:
    """One pass: the fold of every clip (-1 = left out) -> the sums of each fold, 0 … count - 1."""
    genres, columns = len(data.genres), len(data.names)
    place = dict(zip(data.clips["clip_id"], fold_of.tolist(), strict=True))

    def sums(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        parts: dict[int, Moments] = {}
        for batch in batches:
            where = np.asarray([place[clip] for clip in batch["clip_id"]])
            x = np.stack(batch["x"].to_list())
            for fold in np.unique(where[where >= 0]).tolist():
                here = where == fold
                more = Moments.of(x[here], batch["y"].to_numpy()[here], batch["weight"].to_numpy()[here], genres)
                parts[fold] = merge_all([parts[fold], more]) if fold in parts else more
        rows = [{"fold": fold, "part": _partition(), **part.to_row()} for fold, part in sorted(parts.items())]
        yield _frame(rows, MOMENTS)

    found = data.rows.mapInPandas(sums, MOMENTS).toPandas().sort_values(["fold", "part"])
    empty = Moments.empty(columns, genres)
    return [
        merge_all([empty, *(Moments.from_row(row) for row in _records(found[found["fold"] == fold]))])
        for fold in range(count)
    ]


def standardised(data: Training, fit: Fit, mix: Floats | None) -> DataFrame:
    """The rows as y, weight and z: the kept columns in standard deviations (k,), times `mix` (k, k) if given."""

    def scaled(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            if len(batch):
                z = regression.standardised(fit, np.stack(batch["x"].to_list()))
                yield batch[["y", "weight"]].assign(z=list(z if mix is None else z @ mix))

    return data.rows.mapInPandas(scaled, STANDARDISED)


def held_out_scores(data: Training, fold_of: Ints, fits: Mapping[int, Fit]) -> tuple[Ints, Floats]:
    """One pass: clips of the folds in `fits`, scored by their fold's fit -> (positions in `clips`, scores (n, g))."""
    judged = np.flatnonzero(np.isin(fold_of, list(fits)))
    ids = data.clips["clip_id"].to_numpy()
    place = {clip: int(fold) for clip, fold in zip(ids[judged], fold_of[judged], strict=True)}

    def partial(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            where = np.asarray([place.get(clip, -1) for clip in batch["clip_id"]])
            for fold in np.unique(where[where >= 0]).tolist():
                here = batch[where == fold]
                scored = regression.scores(fits[fold], np.stack(here["x"].to_list()))
                values = {"clip_id": here["clip_id"], "part": _partition(), "weight": here["weight"]}
                yield pd.DataFrame(values | {"score": list(scored)})

    found = data.rows.mapInPandas(partial, PARTIAL_SCORES).toPandas()
    index = {clip: at for at, clip in enumerate(ids[judged])}
    scored = decision.clip_scores(
        np.stack(found["score"].to_list()),
        np.asarray([index[clip] for clip in found["clip_id"]], dtype=np.int64),
        len(index),
        found["weight"].to_numpy(),
    )
    return judged.astype(np.int64), scored


def meat(data: Training, fit: Fit) -> inference.Meat:
    """One pass: the middle of the cluster-robust sandwich, groups kept whole by the partitioning."""

    def chunk(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        # a group may not be cut by a batch, so a partition is taken as a whole
        frames = [batch for batch in batches if len(batch)]
        if not frames:
            return
        rows = pd.concat(frames)
        x = np.stack(rows["x"].to_list())
        part = inference.meat_of(x, rows["y"].to_numpy(), rows["weight"].to_numpy(), rows["unit"].tolist(), fit)
        row = {"part": _partition(), "matrix": part.matrix.ravel(), "groups": part.groups, "rows": part.rows}
        yield _frame([row], MEAT)

    found = data.rows.mapInPandas(chunk, MEAT).toPandas().sort_values("part")
    size = 1 + int(fit.kept.sum())
    shape = (len(data.genres), size, size)
    return inference.total(
        [
            inference.Meat(np.asarray(row["matrix"]).reshape(shape), int(row["groups"]), int(row["rows"]))
            for row in _records(found)
        ]
    )


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _partition() -> int:
    context = TaskContext.get()
    return context.partitionId() if context else 0


def _frame(rows: Sequence[Mapping[str, Any]], schema: str) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=[column.split()[0] for column in schema.split(", ")])
