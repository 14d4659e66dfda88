"""Which Spark task opens which file: even tasks first, smaller and smaller ones at the end, so that no core waits long.

Tasks are handed out in the order of their numbers, the heaviest files first. A task takes its share of what is left
(guided self-scheduling; Polychronopoulos and Kuck 1987), between `LEAST` and `MOST` bytes: large ones cost little to
hand out, small ones at the end make every core finish at about the same time. A file that is a whole task by itself
has one by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.functions import pandas_udf

MOST, LEAST = 32 << 20, 4 << 20
"""Bytes of a task: about a second of work in uncompressed files, a few in compressed ones; a tenth of that at least."""
OF_A_FILE = 64 << 10
"""What a file costs beyond its bytes, in bytes."""
TURNS = 2
"""A task takes what is left, divided by so many times the cores."""


@dataclass(frozen=True)
class Packing:
    """Files dealt out to tasks: `ends` (t,) rises, task i takes weights from `ends[i - 1]` (or 0) up to `ends[i]`."""

    files: int
    ends: NDArray[np.float64]

    @property
    def tasks(self) -> int:
        """1 and up."""
        return int(self.ends.size)

    def share(self, done: int) -> float:
        """Share of all weight in the first `done` tasks, 0 to 1."""
        return float(self.ends[min(done, self.tasks) - 1] / self.ends[-1]) if done > 0 else 0.0

    def task_of(self, middle: ArrayLike) -> NDArray[np.int32]:
        """Places on the line of all weights (n,) -> the task that takes what lies there (n,)."""
        tasks = np.searchsorted(self.ends, np.asarray(middle, dtype=np.float64), side="right")
        return np.minimum(tasks, self.tasks - 1).astype(np.int32)


def packing(files: int, weight: float, cores: int, most_files: int) -> Packing:
    """So many files of so much weight together -> the tasks for so many cores."""
    ends, left, least = [], float(weight), max(LEAST, MOST / most_files)
    while left > 0:
        ends.append(min(left, max(least, min(MOST, left / (TURNS * max(1, cores))))))
        left -= ends[-1]
    return Packing(files, np.cumsum(ends or [1.0]))


def weight_of(size_bytes: Column, most_files: int) -> Column:
    """What a file counts for: never more than a whole task, nor less than the share of one that it may take."""
    return F.least(F.greatest(size_bytes + OF_A_FILE, F.lit(MOST / most_files)), F.lit(float(MOST))).cast("double")


def placed(files: DataFrame, most_files: int, size: Column | None = None) -> tuple[DataFrame, Packing]:
    """Rows with `size_bytes` and `path_bytes` -> the same rows, a partition a task, and how they were dealt out.

    `size` is what stands for the bytes of a file where its work does not follow from them.

    Nothing but two numbers comes to the driver. Which task takes a file depends on the sizes and names of all files
    and on the cores; what is found in it does not.
    """
    size = F.col("size_bytes") if size is None else size
    weighed = files.withColumn("weight", weight_of(size, most_files))
    told: Any = weighed.agg(F.count("*").alias("files"), F.sum("weight").alias("weight")).first()
    cores = files.sparkSession.sparkContext.defaultParallelism
    how = packing(int(told["files"]), float(told["weight"] or 0), cores, most_files)

    @pandas_udf("int")  # type: ignore[call-overload,untyped-decorator,unused-ignore]
    def task_of(middle: pd.Series) -> pd.Series:
        return pd.Series(how.task_of(middle))

    order = (
        Window.partitionBy(F.lit(0)).orderBy(F.desc("weight"), "path_bytes").rowsBetween(Window.unboundedPreceding, 0)
    )
    middle = F.sum("weight").over(order) - F.col("weight") / 2
    dealt = weighed.withColumn("task", task_of(middle))
    return dealt.repartitionById(how.tasks, F.col("task")).drop("weight", "task"), how
