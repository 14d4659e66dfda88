"""`clips` + `features` -> the rows a model is fitted and judged on, and passes over them that return small sums."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from pyspark import StorageLevel
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.taskcontext import TaskContext

from classically_punk.errors import ConfigError
from classically_punk.features import catalogue
from classically_punk.modelling import digest, folds, inference, regression, spread
from classically_punk.modelling.arrays import Floats, Ints
from classically_punk.modelling.crossfit import Cells, Learner
from classically_punk.modelling.moments import Moments, merge_all
from classically_punk.modelling.protocols import Clips
from classically_punk.modelling.regression import Fit
from classically_punk.modelling.spread import Spread
from classically_punk.modelling.transforms import MAPPED, Transform
from classically_punk.settings import Settings
from classically_punk.spark.present import present_clips
from classically_punk.spark.tables import Warehouse

MOMENTS = "design string, cell int, part int, moments binary"
STANDARDISED = "y int, weight double, z array<double>"
MEANS = "clip_id string, design string, part int, weight double, sums array<double>"
MEAT = "part int, matrix array<double>, groups long, rows long"


OF_CLIP = ("genre", "group_id", "recording", "audio", "path", "synthetic", "length_s")

MAIN = "model"
"""The design of the model itself; others are controls and what else is judged beside it."""


@dataclass(frozen=True)
class Design:
    """Columns that a fit sees: a transform, and where its features stand in the rows' `x`."""

    transform: Transform
    at: tuple[int, ...]

    def __call__(self, x: Floats) -> Floats:
        """Rows of `x` (n, …) -> (n, q). Raises ModelError for values that are not finite."""
        return self.transform.apply(x[:, list(self.at)])


@dataclass(frozen=True)
class Training:
    """Labelled clips and their rows. `clips`: clip_id and `OF_CLIP`, by clip_id.

    `group_id` holds together what shares an artist or a recording (`folds.joined_groups`); `recording` is the same for
    near-duplicates, `audio` for the same audio, alone where a clip is unique.
    `rows`: clip_id, unit (the group that is never split), y (index into `genres`), weight (1 / rows of the clip), x:
    the columns `inputs`, those of the model first, then what is judged beside it (NaN where it was not described).
    `transform` makes the model's columns from its features.
    `copies`: altered copies of some rows, as `copies.attached` adds them, named by `copies_digest`; None for none.
    """

    clips: pd.DataFrame
    rows: DataFrame
    genres: tuple[str, ...]
    inputs: tuple[str, ...]
    transform: Transform
    feature_set: str
    units: tuple[str, ...]
    copies: DataFrame | None = None
    copies_digest: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The model's columns."""
        return self.transform.outputs

    @property
    def design(self) -> Design:
        """The model's own columns."""
        return self.design_of(self.transform)

    def design_of(self, transform: Transform) -> Design:
        """A transform of columns of `inputs`, with the places it finds them in."""
        return Design(transform, tuple(self.inputs.index(name) for name in transform.names))

    @property
    def dealt(self) -> Clips:
        """What protocols look at."""
        ids = list(self.clips["clip_id"])
        copies = folds.joined_groups(ids, [None] * len(ids), list(self.clips["recording"]))
        paths = [str(path) for path in self.clips["path"]]
        return Clips(ids, paths, list(self.clips["genre"]), list(self.clips["group_id"]), copies)

    @property
    def labelled(self) -> list[digest.Labelled]:
        """(clip_id, genre, group_id) of every clip."""
        columns = self.clips[["clip_id", "genre", "group_id"]].itertuples(index=False)
        return [(clip, genre, group) for clip, genre, group in columns]

    def unpersist(self) -> None:
        """Lets go of what Spark keeps of the rows."""
        for rows in (self.rows, self.copies):
            if rows is not None:
                rows.unpersist()

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
    names = catalogue.model_names(name)
    present = set(warehouse.read("features").columns)
    beside = tuple(
        n
        for n in dict.fromkeys((*catalogue.control_names(False), *catalogue.control_names(True)))
        if n in present - {*names}
    )
    clips = present_clips(warehouse, feedback=settings.corpus.feedback).where(
        "genre IS NOT NULL AND duplicate_of IS NULL"
    )
    # every row carries classic57, whichever set it was described for
    known = {catalogue.feature_set_id(n, settings.features.segment_s) for n in {name, "punk"}}
    features = warehouse.read("features").where(F.col("feature_set").isin(*known))
    features = features.dropna(subset=list(names)).drop("genre")
    clips = clips.withColumn("synthetic", F.array_contains("warnings", "SYNTHETIC"))
    # clips that never had a file have neither audio nor copies
    clips = clips.withColumn("recording", F.coalesce("near_duplicate_of", "clip_id"))
    clips = clips.withColumn("audio", F.coalesce("audio_sha256", "clip_id"))
    clips = clips.withColumn("length_s", F.col("duration_s"))
    rows = features.join(clips.select("clip_id", *OF_CLIP), "clip_id")
    of_clip = Window.partitionBy("clip_id")
    segmented = F.max("segment").over(of_clip) >= 0
    rows = rows.withColumn("keep", F.when(segmented, F.col("segment") >= 0).otherwise(F.lit(True))).where("keep")
    rows = rows.withColumn("weight", 1 / F.count("*").over(of_clip))
    unknown = F.lit(float("nan"))
    x = F.array(*(F.col(n) for n in names), *(F.coalesce(n, unknown) for n in (*beside, LENGTH))).alias("x")
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
    inputs = (*names, *beside, LENGTH)
    made = Training(frame, placed, genres, inputs, Transform(names), feature_set, units)
    return replace(made, transform=_transform(made, settings))


LENGTH = "length_s"
"""How long a clip is: not music, but it may tell the genre."""


def _transform(data: Training, settings: Settings) -> Transform:
    """The configured transform; where it needs centre and scale, they are those of all clips, without their labels."""
    chosen, names = settings.model, data.transform.names
    if chosen.transform not in MAPPED and chosen.clip_sd == 0:
        return Transform(names, chosen.transform)
    logged = Transform(names, "none" if chosen.transform == "none" else "log_variance")
    whole = sums(data, np.zeros(len(data.clips), dtype=np.int64), 1, {"": data.design_of(logged)})[""][0]
    fourier = chosen.transform == "fourier"
    unit = Transform(
        names,
        chosen.transform,
        centre=(0.0,) * len(names),
        scale=(1.0,) * len(names),
        clip=chosen.clip_sd,
        weight=chosen.map_weight if chosen.transform in MAPPED else 0.0,
        count=chosen.fourier_count if fourier else 0,
        width=chosen.fourier_width if fourier else 0.0,
        seed=chosen.fourier_seed if fourier else 0,
    )
    return unit.fitted(whole.means, np.sqrt(np.diag(whole.second) / whole.weight))


def _placed(rows: DataFrame, clips: pd.DataFrame, genres: tuple[str, ...], units: tuple[str, ...]) -> DataFrame:
    """Rows with `y` and `unit`, all rows of a unit in one partition and in one order: the same sums every time."""
    place = {genre: at for at, genre in enumerate(genres)}
    table = pd.DataFrame({"clip_id": clips["clip_id"], "y": [place[g] for g in clips["genre"]], "unit": list(units)})
    known = rows.sparkSession.createDataFrame(table, "clip_id string, y int, unit string")
    joined = rows.join(F.broadcast(known), "clip_id").select("clip_id", "segment", "unit", "y", "weight", "x")
    partitions = int(rows.sparkSession.conf.get("spark.sql.shuffle.partitions", "4") or 4)
    return joined.repartition(partitions, "unit").sortWithinPartitions("unit", "clip_id", "segment")


def sums(data: Training, cell_of: Ints, count: int, designs: Mapping[str, Design]) -> dict[str, list[Moments]]:
    """One pass: the cell of every clip (-1 = left out) -> by design, the sums of each cell, 0 … count - 1."""
    genres = len(data.genres)
    place = dict(zip(data.clips["clip_id"], cell_of.tolist(), strict=True))

    def summed(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        parts: dict[tuple[str, int], Moments] = {}
        for batch in batches:
            where = np.asarray([place[clip] for clip in batch["clip_id"]])
            x = np.stack(batch["x"].to_list()) if len(batch) else np.empty((0, 0))
            for name, design in designs.items():
                for cell in np.unique(where[where >= 0]).tolist():
                    here = where == cell
                    y, weight = batch["y"].to_numpy()[here], batch["weight"].to_numpy()[here]
                    more = Moments.of(design(x[here]), y, weight, genres)
                    key = (name, cell)
                    parts[key] = merge_all([parts[key], more]) if key in parts else more
        rows = [
            {"design": name, "cell": cell, "part": _partition(), "moments": part.to_bytes()}
            for (name, cell), part in sorted(parts.items())
        ]
        yield _frame(rows, MOMENTS)

    found = data.rows.mapInPandas(summed, MOMENTS).toPandas().sort_values(["design", "cell", "part"])
    rows = _records(found)
    told: dict[str, list[Moments]] = {}
    for name, design in designs.items():
        columns = len(design.transform.outputs)
        mine: list[list[Moments]] = [[Moments.empty(columns, genres)] for _ in range(count)]
        for row in rows:
            if row["design"] == name:
                mine[row["cell"]].append(Moments.from_bytes(bytes(row["moments"]), columns, genres))
        told[name] = [merge_all(parts) for parts in mine]
    return told


def clip_columns(data: Training, designs: Mapping[str, Design]) -> dict[str, Floats]:
    """One pass: by design, the weighted mean of every clip's columns, (clips, q): its scores are linear in them.

    They come to the driver: 8 bytes a clip and column, some 200 MB for 100 000 clips of 250. A design of which some
    clip lacks a column is left out.
    """

    def summed(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            if not len(batch):
                continue
            ids, member = np.unique(batch["clip_id"].to_numpy(dtype=str), return_inverse=True)
            x, weight = np.stack(batch["x"].to_list()), batch["weight"].to_numpy()
            shares = np.bincount(member, weight, ids.size)
            for name, design in designs.items():
                if not np.isfinite(x[:, list(design.at)]).all():
                    values: list[Any] = [[]] * ids.size
                else:
                    total = np.zeros((ids.size, len(design.transform.outputs)))
                    np.add.at(total, member, weight[:, np.newaxis] * design(x))
                    values = list(total)
                columns = {"clip_id": ids, "design": name, "part": _partition(), "weight": shares}
                yield pd.DataFrame(columns | {"sums": values})

    found = data.rows.mapInPandas(summed, MEANS).toPandas().sort_values(["part", "clip_id"])
    place = {clip: at for at, clip in enumerate(data.clips["clip_id"])}
    told: dict[str, Floats] = {}
    for name, design in designs.items():
        mine = found[found["design"] == name]
        if any(len(values) == 0 for values in mine["sums"]):
            continue
        at = np.asarray([place[clip] for clip in mine["clip_id"]], dtype=np.int64)
        total = np.zeros((len(place), len(design.transform.outputs)))
        np.add.at(total, at, np.stack(mine["sums"].to_list()))
        weight = np.bincount(at, mine["weight"].to_numpy(dtype=np.float64), len(place))
        told[name] = total / weight[:, np.newaxis]
    return told


def learner(
    data: Training,
    cell: Ints,
    parts: Sequence[Moments],
    columns: Floats,
    settings: Settings,
    scaled: bool,
    design: str = MAIN,
    spreads: Sequence[Spread] | None = None,
) -> Learner:
    """What fits and decides by the configured model on the sums of cells and the mean columns of clips.

    `spreads` is what altered copies tell of each cell. It is known of the model's own columns only: other designs are
    fitted without.
    """
    told = spreads if design == MAIN else None

    def penalty(cells: Cells) -> Floats | None:
        return None if told is None else spread.penalty([told[cell] for cell in cells], settings.model.altered_strength)

    kind, lam = settings.model.decision, settings.model.ridge
    return Learner(parts, cell, columns, data.classes, scaled, penalty, kind=kind, lam=lam)


def standardised(data: Training, fit: Fit, mix: Floats | None) -> DataFrame:
    """The rows as y, weight and z: the kept columns in standard deviations (k,), times `mix` (k, k) if given."""
    design = data.design

    def scaled(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            if len(batch):
                z = regression.standardised(fit, design(np.stack(batch["x"].to_list())))
                yield batch[["y", "weight"]].assign(z=list(z if mix is None else z @ mix))

    return data.rows.mapInPandas(scaled, STANDARDISED)


def meat(data: Training, fit: Fit) -> inference.Meat:
    """One pass: the middle of the cluster-robust sandwich, groups kept whole by the partitioning."""
    design = data.design

    def chunk(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        # a group may not be cut by a batch, so a partition is taken as a whole
        frames = [batch for batch in batches if len(batch)]
        if not frames:
            return
        rows = pd.concat(frames)
        x = design(np.stack(rows["x"].to_list()))
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
