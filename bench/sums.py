"""Training in one pass, and models that follow their clips by sums, against MLlib on the same rows in the same run.

`cv_speedup`: seconds of one MLlib fit over those of the whole grid (folds, strengths, genres). `add_clips_speedup`: a
refit, ten MLlib fits, over bringing a model up to clips that came. All by the code that the jobs run, on invented rows.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import importlib.metadata
import json
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.ml.functions import array_to_vector
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from classically_punk.features import catalogue
from classically_punk.modelling import regression
from classically_punk.modelling.crossfit import Learner, Lesson
from classically_punk.modelling.moments import all_but
from classically_punk.modelling.protocols import Scheme
from classically_punk.modelling.transforms import Transform
from classically_punk.settings import Settings
from classically_punk.spark import genre_models, neighbours, schemas, sums, update, vectors
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse
from classically_punk.spark.vectors import MAIN, OF_CLIPS, Training

GENRES = tuple(f"genre {number}" for number in range(10))
JAVA = "-XX:+UseParallelGC -Dlog4j2.configurationFile=conf/spark/log4j2.properties"
STRENGTHS = tuple(10.0 ** np.linspace(-3, 1, 20))
CELLS = 10
ADDED = 5
"""How often clips are added."""
ROWS = "at int, clip_id string, y int, weight double, x array<double>, more array<double>"
"""What is fitted is `x`, as it lies; `more` are the columns that the product's own model has beside them."""
LISTS = pa.list_(pa.float64())
SCHEMA = pa.schema(
    [("at", pa.int32()), ("clip_id", pa.string()), ("y", pa.int32()), ("weight", pa.float64()), ("x", LISTS),
     ("more", LISTS)]
)  # fmt: skip


def clip_ids(first: int, count: int) -> list[str]:
    """Ids of invented clips."""
    return [hashlib.sha256(b"bench %d" % at).hexdigest() for at in range(first, first + count)]


def invented(spark: SparkSession, first: int, count: int, columns: int, width: int) -> DataFrame:
    """Rows of clips that are one row each: correlated columns that tell a little of ten genres."""

    def draw(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            at = batch.column("id").to_numpy()
            random = np.random.Generator(np.random.PCG64(int(at[0])))
            y = (at % len(GENRES)).astype(np.int32)
            x = random.standard_normal((at.size, width))
            x[:, 1:] += 0.5 * x[:, :-1]
            x += 0.2 * np.cos(np.outer(y, np.arange(width)))
            lists = [in_lists(x[:, :columns]), in_lists(x[:, columns:])]
            ids = [hashlib.sha256(b"bench %d" % one).hexdigest() for one in at]
            told = [pa.array(at.astype(np.int32)), pa.array(ids), pa.array(y), pa.array(np.ones(at.size)), *lists]
            yield pa.RecordBatch.from_arrays(told, schema=SCHEMA)

    return spark.range(first, first + count, 1, max(1, count // 125_000)).mapInArrow(draw, ROWS)


def in_lists(x: NDArray[np.float64]) -> pa.ListArray:
    """(n, k) -> n lists of k."""
    offsets = np.arange(x.shape[0] + 1, dtype=np.int32) * np.int32(x.shape[1])
    return pa.ListArray.from_arrays(offsets, pa.array(np.ascontiguousarray(x).ravel()))


def all_columns(rows: DataFrame) -> DataFrame:
    """The same rows with all columns in `x`."""
    return rows.withColumn("x", F.concat("x", "more"))


def training_of(rows: DataFrame, count: int, names: tuple[str, ...], feature_set: str) -> Training:
    """The rows as what a model is fitted on."""
    ids = clip_ids(0, count)
    told: dict[str, Any] = {"clip_id": ids, "genre": [GENRES[at % len(GENRES)] for at in range(count)]}
    told |= {"group_id": None, "recording": ids, "audio": ids, "path": "invented", "synthetic": True, "length_s": 30.0}
    units = tuple(f"clip:{one}" for one in ids)
    return Training(pd.DataFrame(told), rows, GENRES, names, Transform(names), feature_set, units)


def grid(data: Training, cell: Any) -> float:
    """Every fold, strength and genre -> the held-out squared error of the best strength, per clip."""
    parts = vectors.sums(data, cell, CELLS, {MAIN: data.design})[MAIN]
    errors = np.zeros(len(STRENGTHS))
    for fold in range(CELLS):
        path = regression.solve_path(all_but(parts, fold), STRENGTHS)
        errors += [float(regression.held_out_squares(fit, parts[fold]).sum()) for fit in path]
    return float(errors.min()) / sum(part.rows for part in parts)


def mllib(rows: DataFrame) -> float:
    """Seconds of one fit as the product asks for it, from the same table without its detour over Python."""
    target = (F.col("y") == 0).cast("double").alias("y0")
    frame = rows.select(array_to_vector("x").alias("features"), "weight", target)
    begun = time.perf_counter()
    genre_models._fit_one(frame, 0, 0.3)
    return time.perf_counter() - begun


def settings_for(root: Path) -> Settings:
    """A warehouse below `root`, whose model follows by sums."""
    model = {"update": "sums", "altered_copies": 0, "decision": "score-space"}
    return Settings.load(None, {"warehouse": {"root": str(root)}, "model": model})


def in_tables(warehouse: Warehouse, settings: Settings, rows: DataFrame, ids: DataFrame | None = None) -> None:
    """Clips, and their features, as an import leaves them: columns only for those in `ids`, if it is given.

    An update that read the rows of any other would find nothing there, and fail.
    """
    genre = F.array(*map(F.lit, GENRES))[F.col("y")]
    told = {"decoder": F.lit("published"), "warnings": F.array().cast("array<string>"), "duration_s": F.lit(30.0)}
    warehouse.append("clips", rows.select("clip_id", genre.alias("genre")).withColumns(told))
    name = catalogue.feature_set_id("punk", settings.features.segment_s)
    keys = [F.col("clip_id"), F.lit(-1).alias("segment"), genre.alias("genre"), F.lit(name).alias("feature_set")]
    names = catalogue.model_names("punk")
    described = rows
    if ids is not None:
        warehouse.append("features", rows.join(F.broadcast(ids), "clip_id", "left_anti").select(*keys))
        described = rows.join(F.broadcast(ids), "clip_id", "left_semi")
    warehouse.append("features", described.select(*keys, *(F.col("x")[at].alias(n) for at, n in enumerate(names))))


def base_model(warehouse: Warehouse, settings: Settings, run: Run, data: Training, cell: Any) -> sums.Slots:
    """The model of all rows, put in force with its sums, as a fit leaves them; its coefficients in closed form."""
    scheme = Scheme("whole", cell, cell, {}, {0: Lesson(tuple((c,) for c in range(CELLS)), ())})
    slots = sums.Slots.of(data, scheme)
    counted = vectors.sums(data, slots.at, slots.count, {MAIN: data.design}, of_clips=True)
    sums.write(warehouse, settings, run, data, slots, counted, "base")
    parts, of_clips = (slots.by_cell(counted[name]) for name in (MAIN, OF_CLIPS + MAIN))
    nobody = np.empty(0, dtype=np.int64)
    learner = Learner(parts, nobody, np.empty((0, len(data.names))), nobody, kind="score-space", lam=1.0,
                      of_clips=of_clips)  # fmt: skip
    lesson = learner.filled(scheme.lessons[0])
    source = genre_models.Source.of(replace(data, clips=data.clips.head(10), units=data.units[:10]))
    source = replace(source, clips=len(data.clips), groups=len(data.clips))
    fit, layer = learner.fit(lesson.cells, 1.0), learner.undecided(lesson, 1.0)
    rows = genre_models.model_rows(settings, run, source, "base", fit, None, layer)
    warehouse.append("models", warehouse.spark.createDataFrame(rows, schemas.MODELS))
    genre_models.publish(warehouse, "base", lambda model: neighbours.clips_of(data, model))
    return slots


def followed(warehouse: Warehouse, settings: Settings) -> tuple[float, str]:
    """Seconds to bring the model up to its clips, all of it: what changed, sums, solution, tables, publication."""
    run = Run("bench", settings)
    begun = time.perf_counter()
    name = update.updated(warehouse, settings, run)
    if name is None:
        raise RuntimeError("the model did not follow by sums")
    print(", ".join(f"{what} {took:.2f} s" for what, took in run.seconds.items()), run.counts, file=sys.stderr)
    return time.perf_counter() - begun, name


def figures(rows: int, columns: int, *, add: int = 1000, folder: Path | None = None) -> dict[str, float]:
    """Invented rows and columns of them that are fitted -> figures by name; the model that follows has all of its own.

    Files go below `folder` and are removed again; session start, table making and vacuum are not counted.
    """
    from local_session import forget_tables, local_session

    # with the optimising compiler, which the jobs leave out: it makes MLlib several times as fast
    spark = local_session("sums", **{"spark.driver.extraJavaOptions": JAVA})
    names = catalogue.model_names("punk")
    width = max(columns, len(names))
    with tempfile.TemporaryDirectory(dir=folder) as place:
        settings = settings_for(Path(place) / "warehouse")
        table = str(Path(place) / "rows")
        invented(spark, 0, rows, columns, width).write.format("delta").option("compression", "none").save(table)
        stored = spark.read.format("delta").load(table)
        feature_set = catalogue.feature_set_id("punk", settings.features.segment_s)
        data = training_of(stored, rows, tuple(f"column {at}" for at in range(columns)), feature_set)
        cell = np.random.default_rng(1).integers(CELLS, size=rows)
        some = data.first(max(rows // 100, 100))
        grid(some, cell[: len(some.clips)])  # the first query of a session pays for warming up
        mllib(some.rows)
        told: dict[str, float] = {"rows": rows, "columns": columns, "columns_of_model": len(names)}
        begun = time.perf_counter()
        grid(data, cell)
        told["grid_s"] = time.perf_counter() - begun
        told["mllib_fit_s"] = mllib(stored)
        told["cv_speedup"] = told["mllib_fit_s"] / told["grid_s"]
        print({name: round(value, 2) for name, value in told.items()}, file=sys.stderr)

        forget_tables(spark)  # of a smaller size, measured before
        warehouse = Warehouse(spark, Path(place) / "warehouse").open("bench")
        whole = all_columns(stored)
        inputs = (*names, *(f"more {at}" for at in range(width - len(names))))
        data = replace(data, rows=whole, inputs=inputs, transform=Transform(names))
        slots = base_model(warehouse, settings, Run("bench", settings), data, cell)
        in_slot = np.flatnonzero(slots.at == 0)
        of_slot = spark.createDataFrame([(data.clips["clip_id"].iat[at],) for at in in_slot], "clip_id string")
        in_tables(warehouse, settings, whole, of_slot)
        # the first of a session pay for warming up, as MLlib's did: one compares all clips, the other reads the logs
        for at, name in enumerate(("add_first_ten_clips_s", "add_ten_clips_s")):
            in_tables(warehouse, settings, all_columns(invented(spark, rows + 10 * at, 10, columns, width)))
            told[name], _ = followed(warehouse, settings)
        took = []
        for at in range(ADDED):
            in_tables(warehouse, settings, all_columns(invented(spark, rows + 20 + add * at, add, columns, width)))
            took.append(followed(warehouse, settings)[0])
        told |= {"add_clips_s": median(took), "add_clips_least_s": min(took), "add_clips_most_s": max(took)}
        told["add_clips_speedup"] = len(GENRES) * told["mllib_fit_s"] / told["add_clips_s"]
        warehouse.remove("clips", of_slot.orderBy("clip_id").limit(add), ("clip_id",))
        told["withdraw_clips_s"], _ = followed(warehouse, settings)
        told["withdraw_clips_speedup"] = len(GENRES) * told["mllib_fit_s"] / told["withdraw_clips_s"]
        told["slots"] = float(slots.count)
        told["driver_python_peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return told


def main() -> int:
    """Measures, prints and writes the JSON file."""
    parser = argparse.ArgumentParser(prog="scripts/bench sums")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=200)
    parser.add_argument("--folder", type=Path, help="where 2 GB may lie meanwhile")
    asked = parser.parse_args()
    found = figures(asked.rows, asked.columns, folder=asked.folder)
    about = {
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in ("numpy", "pyspark", "delta-spark")},
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
    if asked.json:
        asked.json.write_text(json.dumps(about | found, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(about | {name: round(value, 4) for name, value in found.items()}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
