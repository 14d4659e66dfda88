"""What altered copies tell a fit: pairs of a training row and its altered copy, and the spread that comes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from pyspark import StorageLevel
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.taskcontext import TaskContext

from classically_punk.modelling import digest, spread
from classically_punk.modelling.arrays import Ints
from classically_punk.modelling.spread import Spread
from classically_punk.settings import Settings
from classically_punk.spark import altered
from classically_punk.spark.tables import Warehouse
from classically_punk.spark.vectors import Training, parts_of_a_pass

SPREAD = "cell int, part int, weight double, pairs long, columns int, second array<double>"


def attached(warehouse: Warehouse, settings: Settings, data: Training, wanted: pd.DataFrame | None = None) -> Training:
    """The training rows with the copies that they have in the table: `copies` and `copies_digest`.

    Only copies that are wanted, or that the settings ask for; a clip that was passed over when they were made has none.
    """
    wanted = altered.training_copies(warehouse, settings) if wanted is None else wanted
    if wanted.empty:
        return data
    pairs = paired(warehouse, settings, data, wanted)
    pairs = pairs.withColumn("weight", 1 / F.count("*").over(Window.partitionBy("clip_id")))
    pairs = placed(pairs).persist(StorageLevel.MEMORY_AND_DISK)
    used = sorted((row[0], row[1]) for row in pairs.select("clip_id", "alteration").distinct().collect())
    return replace(data, copies=pairs, copies_digest=digest.copies_digest(used)) if used else data


def paired(warehouse: Warehouse, settings: Settings, data: Training, wanted: pd.DataFrame) -> DataFrame:
    """Wanted (clip_id, alteration) -> clip_id, segment, alteration, x, altered: the features that the model is made
    from, of a segment and of its altered copy.

    Inner: what the table lacks, what is of another definition, and what has no training row is left out.
    """
    names = data.transform.names
    asked = warehouse.spark.createDataFrame(wanted, altered.WANTED)
    made = altered.described(warehouse, settings).dropna(subset=list(names))
    made = made.join(F.broadcast(asked), ["clip_id", "alteration"], "left_semi")
    made = made.select(*altered.KEY, F.array(*(F.col(name) for name in names)).alias("altered"))
    # the features of the model stand first among the inputs of a row
    rows = data.rows.select("clip_id", "segment", F.slice("x", 1, len(names)).alias("x"))
    return made.join(rows, ["clip_id", "segment"]).select(*altered.KEY, "x", "altered")


def spread_parts(data: Training, cell_of: Ints, count: int) -> list[Spread]:
    """One pass: the cell of every clip (-1 = left out) -> what its copies tell, cell by cell, 0 … count - 1.

    A copy is of the cell of its clip, and all copies of a clip weigh together as one clip.
    """
    empty, design = Spread.empty(len(data.names)), data.transform
    if data.copies is None:
        return [empty] * count
    place = dict(zip(data.clips["clip_id"], cell_of.tolist(), strict=True))

    def summed(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        parts: dict[int, Spread] = {}
        for batch in batches:
            where = np.asarray([place[clip] for clip in batch["clip_id"]])
            for cell in np.unique(where[where >= 0]).tolist():
                here = batch[where == cell]
                x, copy = (design.apply(np.stack(here[name].to_list())) for name in ("x", "altered"))
                more = Spread.of(x, copy, here["weight"].to_numpy())
                parts[cell] = spread.merge(parts.get(cell, empty), more)
        context = TaskContext.get()
        number = context.partitionId() if context else 0
        told = [{"cell": cell, "part": number, **part.to_row()} for cell, part in sorted(parts.items())]
        yield pd.DataFrame(told, columns=[column.split()[0] for column in SPREAD.split(", ")])

    merged = [empty] * count
    for row in data.copies.mapInPandas(summed, SPREAD).sort("cell", "part").collect():
        merged[row["cell"]] = spread.merge(merged[row["cell"]], Spread.from_row(row.asDict()))
    return merged


def placed(pairs: DataFrame) -> DataFrame:
    """All pairs of a clip in one partition and in one order: the same sums every time."""
    return pairs.repartition(parts_of_a_pass(pairs), "clip_id").sortWithinPartitions("clip_id", "alteration", "segment")
