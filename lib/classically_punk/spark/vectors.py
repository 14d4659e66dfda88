"""`clips` + `features` -> the rows a model is fitted and judged on, and passes over them that return small sums."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyspark import StorageLevel
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.taskcontext import TaskContext

from classically_punk.errors import ConfigError
from classically_punk.features import catalogue
from classically_punk.modelling import digest, folds, inference, regression, spread
from classically_punk.modelling.arrays import Floats, Ints, Mask
from classically_punk.modelling.crossfit import Cells, Learner
from classically_punk.modelling.moments import Moments, merge, merge_all
from classically_punk.modelling.protocols import Clips
from classically_punk.modelling.regression import Fit
from classically_punk.modelling.spread import Spread
from classically_punk.modelling.transforms import MAPPED, Transform
from classically_punk.settings import Settings
from classically_punk.spark.present import present_clips
from classically_punk.spark.tables import Warehouse

MOMENTS = "design string, cell int, part int, moments binary"
STANDARDISED = "y int, weight double, z array<double>"
MEANS = "at int, design string, means array<double>"
MEAT = "part int, matrix array<double>, groups long, rows long"

CHUNK_ROWS = 10_000
CHUNK_BYTES = 32 << 20
"""Rows that a worker adds up at once: enough for the cost of a merge not to count, few enough for a small worker."""
COLLECTED_BYTES = 256 << 20
"""Sums beyond this are merged by the executors before they come to the driver."""

OF_CLIP = ("genre", "group_id", "recording", "audio", "path", "synthetic", "length_s")

MAIN = "model"
"""The design of the model itself; others are controls and what else is judged beside it."""
OF_CLIPS = "clips of "
"""Before the name of a design: its sums over the clips' mean columns, weight 1 each, instead of over rows."""


@dataclass(frozen=True)
class Design:
    """Columns that a fit sees: a transform, and where its features stand in the rows' `x`."""

    transform: Transform
    at: tuple[int, ...]

    def __call__(self, x: Floats) -> Floats:
        """Rows of `x` (n, …) -> (n, q). Raises ModelError for values that are not finite."""
        side_by_side = self.at == tuple(range(self.at[0], self.at[0] + len(self.at)))
        return self.transform.apply(x[:, self.at[0] : self.at[-1] + 1] if side_by_side else x[:, list(self.at)])


@dataclass(frozen=True)
class Training:
    """Labelled clips and their rows. `clips`: clip_id and `OF_CLIP`, by clip_id.

    `group_id` holds together what shares an artist or a recording (`folds.joined_groups`); `recording` is the same for
    near-duplicates, `audio` for the same audio, alone where a clip is unique.
    `rows`: clip_id, segment, unit (the group that is never split), `at` (the clip's place in `clips`), y (index into
    `genres`), weight (1 / rows of the clip), x: the columns `inputs`, those of the model first, then what is judged
    beside it (NaN where it was not described). The rows of a clip lie side by side in one partition.
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

    def first(self, most: int) -> Training:
        """The same of at most so many clips, those of the smallest clip_id: a hash, so a fair sample."""
        if len(self.clips) <= most:
            return self
        rows = self.rows.where(F.col("at") < most)
        return replace(self, clips=self.clips.head(most), rows=rows, units=self.units[:most])

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


def learnable(warehouse: Warehouse, settings: Settings, only: DataFrame | None = None) -> DataFrame:
    """Clips that a model may learn from, where they are described: present, labelled, one per audio; with `OF_CLIP`.

    With a few `only` (clip_id), those of them.
    """
    clips = present_clips(warehouse, feedback=settings.corpus.feedback, only=only)
    clips = clips.where("genre IS NOT NULL AND duplicate_of IS NULL")
    clips = clips.withColumn("synthetic", F.array_contains("warnings", "SYNTHETIC"))
    # clips that never had a file have neither audio nor copies
    clips = clips.withColumn("recording", F.coalesce("near_duplicate_of", "clip_id"))
    clips = clips.withColumn("audio", F.coalesce("audio_sha256", "clip_id"))
    clips = clips.withColumn("length_s", F.col("duration_s"))
    return clips.select("clip_id", *OF_CLIP)


def training(
    warehouse: Warehouse, settings: Settings, *, only: DataFrame | None = None, genres: Sequence[str] = ()
) -> Training:
    """Everything a model may learn from: the rows of learnable clips, or of those of them in `only` (clip_id).

    Classes are the genres that are there, or those given. With `only`, inputs are those of the model alone. Raises
    ConfigError where there are fewer than two genres.
    """
    name = settings.model.feature_set
    names = catalogue.model_names(name)
    present = set(warehouse.read("features").columns) if only is None else set()
    beside = tuple(
        n
        for n in dict.fromkeys((*catalogue.control_names(False), *catalogue.control_names(True)))
        if n in present - {*names}
    )
    clips = learnable(warehouse, settings, only)
    features = warehouse.read("features") if only is None else warehouse.rows_of("features", only)
    features = features.where(F.col("feature_set").isin(*_known_sets(settings)))
    features = features.dropna(subset=list(names)).drop("genre")
    rows = features.join(clips, "clip_id")
    of_clip = Window.partitionBy("clip_id")
    segmented = F.max("segment").over(of_clip) >= 0
    rows = rows.withColumn("keep", F.when(segmented, F.col("segment") >= 0).otherwise(F.lit(True))).where("keep")
    rows = rows.withColumn("weight", 1 / F.count("*").over(of_clip))
    unknown = F.lit(float("nan"))
    x = F.array(*(F.col(n) for n in names), *(F.coalesce(n, unknown) for n in (*beside, LENGTH))).alias("x")
    rows = rows.select("clip_id", "segment", *OF_CLIP, "weight", x)
    if only is None:
        rows = rows.persist(StorageLevel.MEMORY_AND_DISK)  # a few clips are sooner read twice than kept
    listed = rows.groupBy("clip_id").agg(*(F.first(c).alias(c) for c in OF_CLIP))
    frame = listed.toPandas().sort_values("clip_id", ignore_index=True).astype(object)
    frame = frame.mask(frame.isna(), None)
    genres = tuple(genres) or tuple(sorted(set(frame["genre"])))
    if len(genres) < 2:
        found = f"only {genres[0]!r}" if genres else "none"
        raise ConfigError("corpus.root", f"training needs labelled clips of at least two genres, found {found}")
    frame["group_id"] = folds.joined_groups(list(frame["clip_id"]), list(frame["group_id"]), list(frame["recording"]))
    units = folds.unit_keys(list(frame["clip_id"]), list(frame["group_id"]))
    placed = _placed(rows, frame, genres, units).persist(StorageLevel.MEMORY_AND_DISK)
    if only is None:
        placed.count()
        rows.unpersist()
    inputs = (*names, *beside, LENGTH)
    made = Training(frame, placed, genres, inputs, Transform(names), _set_id(settings), units)
    return replace(made, transform=_transform(made, settings))


def _set_id(settings: Settings) -> str:
    return catalogue.feature_set_id(settings.model.feature_set, settings.features.segment_s)


def _known_sets(settings: Settings) -> list[str]:
    """Sets of which a row has the model's columns: every row carries classic57, whichever it was described for."""
    names = {settings.model.feature_set, "punk"}
    return [catalogue.feature_set_id(name, settings.features.segment_s) for name in names]


LENGTH = "length_s"
"""How long a clip is: not music, but it may tell the genre."""


class AtHand:
    """Rows that the driver holds: a pass over them, by the functions that executors run, needs no executor."""

    def __init__(self, rows: pa.Table) -> None:
        self._rows = rows

    def mapInArrow(  # noqa: N802  (as a DataFrame calls it)
        self, function: Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]], _: str
    ) -> AtHand:
        """Batches of rows in, batches out."""
        return AtHand(pa.Table.from_batches(list(function(iter(self._rows.to_batches())))))

    def repartition(self, *_: int | str) -> AtHand:
        """They stay one part."""
        return self

    def toArrow(self) -> pa.Table:  # noqa: N802
        """The rows."""
        return self._rows

    def unpersist(self) -> None:
        """Nothing is kept elsewhere."""


FEW_ROWS = 40_000
"""Rows that the driver takes at most: some 80 MB of 235 columns."""


def few(
    warehouse: Warehouse, settings: Settings, clips: pd.DataFrame, genres: Sequence[str], files: Sequence[str] = ()
) -> Training | None:
    """The rows of these clips (clip_id, `OF_CLIP`) as `training` gives them, on the driver, for passes alone.

    They are looked for in `files` of the table first, and everywhere unless all are there. Without clips that are not
    described. None where there are more than `FEW_ROWS` rows of features.
    """
    only = warehouse.spark.createDataFrame(clips[["clip_id"]], "clip_id string")
    if files:
        some = warehouse.rows_in("features", files).join(F.broadcast(only), "clip_id", "left_semi")
        data = _few(settings, clips, genres, some)
        if data is not None and len(data.clips) == len(clips):
            return data
    return _few(settings, clips, genres, warehouse.rows_of("features", only))


def _few(settings: Settings, clips: pd.DataFrame, genres: Sequence[str], rows: DataFrame) -> Training | None:
    names, set_id = catalogue.model_names(settings.model.feature_set), _set_id(settings)
    rows = rows.where(F.col("feature_set").isin(*_known_sets(settings)))
    found = rows.select("clip_id", "segment", *names).limit(FEW_ROWS + 1).toArrow()
    if found.num_rows > FEW_ROWS:
        return None
    x = np.column_stack([found[name].to_numpy() for name in names])  # null is NaN here
    told = pd.DataFrame({"clip_id": found["clip_id"].to_pylist(), "segment": found["segment"].to_numpy()})
    told = told[~np.isnan(x).any(axis=1)].sort_values(["clip_id", "segment"])
    segmented = told.groupby("clip_id")["segment"].transform("max") >= 0
    told = told[(told["segment"] >= 0) | ~segmented]
    clips = clips[clips["clip_id"].isin(told["clip_id"])].sort_values("clip_id", ignore_index=True)
    place = {clip: at for at, clip in enumerate(clips["clip_id"])}
    of_genre = {genre: at for at, genre in enumerate(genres)}
    y = np.asarray([of_genre[genre] for genre in clips["genre"]], dtype=np.int32)
    at = np.asarray([place[clip] for clip in told["clip_id"]], dtype=np.int32)
    weight = 1 / np.bincount(at, minlength=len(clips))[at]
    flat = x[told.index.to_numpy()].ravel()
    offsets = np.arange(0, flat.size + 1, len(names), dtype=np.int32)
    lists = pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat))
    here = cast("DataFrame", AtHand(pa.table({"at": at, "y": y[at], "weight": weight, "x": lists})))
    data = Training(clips, here, tuple(genres), names, Transform(names), set_id, tuple(clips["clip_id"]))
    return replace(data, transform=_transform(data, settings))


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
    fitted = unit.fitted(whole.means, np.sqrt(np.diag(whole.second) / whole.weight))
    return fitted.weighted(chosen.column_weights)


def _placed(rows: DataFrame, clips: pd.DataFrame, genres: tuple[str, ...], units: tuple[str, ...]) -> DataFrame:
    """Rows with `at`, `y` and `unit`, all rows of a unit in one partition and one order: the same sums every time."""
    place = {genre: at for at, genre in enumerate(genres)}
    told = {"clip_id": clips["clip_id"], "at": range(len(clips)), "y": [place[g] for g in clips["genre"]]}
    table = pd.DataFrame(told | {"unit": list(units)})
    known = rows.sparkSession.createDataFrame(table, "clip_id string, at int, y int, unit string")
    joined = rows.join(F.broadcast(known), "clip_id").select("clip_id", "segment", "unit", "at", "y", "weight", "x")
    return joined.repartition(parts_of_a_pass(rows), "unit").sortWithinPartitions("unit", "clip_id", "segment")


def parts_of_a_pass(rows: DataFrame | AtHand) -> int:
    """How many parts a pass is made in."""
    if isinstance(rows, AtHand):
        return 1
    return int(rows.sparkSession.conf.get("spark.sql.shuffle.partitions", "4") or 4)


@dataclass(frozen=True, eq=False)
class Chunk:
    """Rows of whole clips side by side: place of the clip, class, weight (n,) and `x` (n, …) of each."""

    at: Ints
    y: Ints
    weight: Floats
    x: Floats

    def of(self, mask: Mask) -> Chunk:
        """Those rows alone."""
        return Chunk(self.at[mask], self.y[mask], self.weight[mask], self.x[mask])

    @property
    def starts(self) -> Ints:
        """Where the rows of each clip begin."""
        return np.flatnonzero(np.diff(self.at, prepend=-1)).astype(np.int64)

    def means(self, columns: Floats) -> Floats:
        """Columns of the rows (n, q) -> their weighted mean over each clip."""
        if self.starts.size == self.at.size:
            return columns
        weighted = np.add.reduceat(self.weight[:, np.newaxis] * columns, self.starts, axis=0)
        return np.asarray(weighted / np.add.reduceat(self.weight, self.starts)[:, np.newaxis])


def chunks(batches: Iterator[pa.RecordBatch], width: int) -> Iterator[Chunk]:
    """Arrow batches of a partition -> its rows in chunks that cut no clip; `width` columns will be made of each row."""
    most = max(1, min(CHUNK_ROWS, CHUNK_BYTES // (8 * width)))
    held: list[Chunk] = []
    for batch in batches:
        if batch.num_rows:
            at, y, weight = (batch.column(name).to_numpy(zero_copy_only=False) for name in ("at", "y", "weight"))
            x = batch.column("x").flatten().to_numpy(zero_copy_only=False).reshape(batch.num_rows, -1)
            held.append(Chunk(at, y, weight, x))
        if sum(one.at.size for one in held) >= most:
            whole = _joined(held)
            last = whole.at == whole.at[-1]
            held = [whole.of(last)]
            if not last.all():
                yield whole.of(~last)
    if held:
        yield _joined(held)


def _joined(parts: list[Chunk]) -> Chunk:
    if len(parts) == 1:
        return parts[0]
    at, y, weight = (np.concatenate([getattr(part, name) for part in parts]) for name in ("at", "y", "weight"))
    return Chunk(at, y, weight, np.concatenate([part.x for part in parts]))


def sums(
    data: Training, cell_of: Ints, count: int, designs: Mapping[str, Design], *, of_clips: bool = False
) -> dict[str, list[Moments]]:
    """One pass: the cell of every clip (-1 = left out) -> by design, the sums of each cell, 0 … count - 1.

    With `of_clips` also those over the clips' mean columns, by `OF_CLIPS` and the name of the design.
    """
    genres, names = len(data.genres), [*designs, *(OF_CLIPS + name for name in designs if of_clips)]
    widths = {name: len(designs[name.removeprefix(OF_CLIPS)].transform.outputs) for name in names}
    cells = np.asarray(cell_of, dtype=np.int32)
    schema = pa.schema([("design", pa.string()), ("cell", pa.int32()), ("part", pa.int32()), ("moments", pa.binary())])

    def told(parts: Mapping[tuple[str, int], Moments], part: int) -> pa.RecordBatch:
        rows = [
            {"design": name, "cell": cell, "part": part, "moments": parts[name, cell].to_bytes()}
            for name, cell in sorted(parts)
        ]
        return pa.RecordBatch.from_pylist(rows, schema=schema)

    def summed(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        parts: dict[tuple[str, int], Moments] = {}

        def take(name: str, cell: int, more: Moments) -> None:
            parts[name, cell] = merge(parts[name, cell], more) if (name, cell) in parts else more

        for chunk in chunks(batches, max(widths.values())):
            where = cells[chunk.at]
            for cell in np.unique(where[where >= 0]).tolist():
                here = chunk.of(where == cell)
                for name, design in designs.items():
                    columns = design(here.x)
                    more = Moments.of(columns, here.y, here.weight, genres)
                    take(name, cell, more)
                    if of_clips:
                        take(OF_CLIPS + name, cell, _of_clips(here, columns, more))
        yield told(parts, _partition())

    def merged(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        parts: dict[tuple[str, int], list[Moments]] = {}
        for row in _in_order(row for batch in batches for row in batch.to_pylist()):
            one = Moments.from_bytes(row["moments"], widths[row["design"]], genres)
            parts.setdefault((row["design"], row["cell"]), []).append(one)
        yield told({key: merge_all(several) for key, several in parts.items()}, 0)

    found = data.rows.mapInArrow(summed, MOMENTS)
    partitions = parts_of_a_pass(data.rows)
    if 4 * count * partitions * sum(width**2 for width in widths.values()) > COLLECTED_BYTES:
        found = found.repartition(partitions, "design", "cell").mapInArrow(merged, MOMENTS)
    mine: dict[str, list[list[Moments]]] = {name: [[] for _ in range(count)] for name in names}
    for row in _in_order(found.toArrow().to_pylist()):
        one = Moments.from_bytes(row["moments"], widths[row["design"]], genres)
        mine[row["design"]][row["cell"]].append(one)
    return {
        name: [merge_all(parts) if parts else Moments.empty(widths[name], genres) for parts in mine[name]]
        for name in names
    }


def _of_clips(rows: Chunk, columns: Floats, of_rows: Moments) -> Moments:
    """Rows of whole clips, their columns and sums -> the sums of the clips' means: the same where each is one row."""
    if rows.starts.size == rows.at.size:
        return of_rows
    clips = rows.starts.size
    return Moments.of(rows.means(columns), rows.y[rows.starts], np.ones(clips), of_rows.classes)


def _in_order(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One order, whoever came first: the same sums every time."""
    return sorted(rows, key=lambda row: (row["design"], row["cell"], row["part"]))


def clip_columns(data: Training, designs: Mapping[str, Design]) -> dict[str, Floats]:
    """One pass: by design, the weighted mean of every clip's columns, (clips, q): its scores are linear in them.

    They come to the driver: 8 bytes a clip and column, some 200 MB for 100 000 clips of 250. A design of which some
    clip lacks a column is left out.
    """
    schema = pa.schema([("at", pa.int32()), ("design", pa.string()), ("means", pa.list_(pa.float64()))])
    width = max(len(design.transform.outputs) for design in designs.values())

    def averaged(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for chunk in chunks(batches, width):
            at = chunk.at[chunk.starts]
            for name, design in designs.items():
                known = bool(np.isfinite(chunk.x[:, list(design.at)]).all())
                means = chunk.means(design(chunk.x)) if known else np.empty((at.size, 0))
                offsets = np.arange(0, means.size + 1, max(means.shape[1], 1), dtype=np.int32)
                if not known:
                    offsets = np.zeros(at.size + 1, dtype=np.int32)
                lists = pa.ListArray.from_arrays(pa.array(offsets), pa.array(means.ravel()))
                yield pa.RecordBatch.from_arrays([pa.array(at), pa.array([name] * at.size), lists], schema=schema)

    found = data.rows.mapInArrow(averaged, MEANS).toArrow()
    told: dict[str, Floats] = {}
    for name, design in designs.items():
        mine = found.filter(pc.equal(found["design"], name))
        at, means = mine["at"].to_numpy(), mine["means"]
        if pc.min(pc.list_value_length(means)).as_py() == 0:
            continue
        told[name] = np.empty((len(data.clips), len(design.transform.outputs)))
        told[name][at] = pc.list_flatten(means).to_numpy().reshape(at.size, -1)
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
    of_clips: Sequence[Moments] | None = None,
) -> Learner:
    """What fits and decides by the configured model on the sums of cells and the mean columns of clips.

    `spreads` is what altered copies tell of each cell. It is known of the model's own columns only: other designs are
    fitted without. With `of_clips`, `cell` and `columns` may be those of the first clips alone (`Learner.of_clips`).
    """
    told = penalty(spreads if design == MAIN else None, settings)
    kind, lam = settings.model.decision, settings.model.ridge
    classes = data.classes[: len(cell)]
    shrinkage = settings.model.mean_shrinkage
    return Learner(
        parts, cell, columns, classes, scaled, told, kind=kind, lam=lam, of_clips=of_clips, shrinkage=shrinkage
    )


def penalty(spreads: Sequence[Spread] | None, settings: Settings) -> Callable[[Cells], Floats | None]:
    """What altered copies tell of each cell -> what they cost a fit to some cells, as `Learner.spread` takes it."""

    def of(cells: Cells) -> Floats | None:
        strength = settings.model.altered_strength
        return None if spreads is None else spread.penalty([spreads[cell] for cell in cells], strength)

    return of


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
