"""How held-out clips sound under the configured conditions: copies made, described and averaged, clip by clip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from classically_punk.audio.alterations import Alteration
from classically_punk.audio.decode import SAMPLE_RATE_HZ
from classically_punk.modelling.arrays import Floats, Ints
from classically_punk.settings import Settings
from classically_punk.spark import altered, copies
from classically_punk.spark.runs import Run
from classically_punk.spark.tables import Warehouse
from classically_punk.spark.vectors import Training

SUMS = "clip_id string, alteration string, rows long, x array<double>, altered array<double>"


@dataclass(frozen=True, eq=False)
class Heard:
    """Clips by position `at` (n,): mean columns of the copy, `altered` (n, q), and of the segments that were copied,
    `original` (n, q); None where the copy is a piece, to be compared with the whole clip."""

    at: Ints
    altered: Floats
    original: Floats | None


def heard(warehouse: Warehouse, settings: Settings, run: Run, data: Training, among: Ints) -> dict[str, Heard]:
    """By condition of `evaluation.robustness`, a sample of the clips at some positions; missing copies are made."""
    chosen, ids = settings.evaluation, data.clips["clip_id"].to_numpy()
    wanted = []
    for condition in chosen.robustness:
        needed_s = Alteration.parse(condition).needs / SAMPLE_RATE_HZ
        clips = altered.sample(
            warehouse, chosen.robustness_sample, chosen.seed, longer_than_s=needed_s, among=ids[among].tolist()
        )
        wanted += [(clip, condition) for clip in clips]
    asked = pd.DataFrame(wanted, columns=["clip_id", "alteration"], dtype=object)
    altered.make(warehouse, settings, run, asked)
    found = _means(warehouse, settings, data, asked) if len(asked) else {}
    place = {clip: at for at, clip in enumerate(ids)}
    told: dict[str, Heard] = {}
    for condition in chosen.robustness:
        mine = sorted((place[clip], *values) for (clip, line), values in found.items() if line == condition)
        at = np.asarray([row[0] for row in mine], dtype=np.int64)
        copy, original = (np.asarray([row[side] for row in mine]).reshape(at.size, len(data.names)) for side in (2, 1))
        told[condition] = Heard(at, copy, None if Alteration.parse(condition).cuts else original)
    return told


def _means(
    warehouse: Warehouse, settings: Settings, data: Training, asked: pd.DataFrame
) -> dict[tuple[str, str], tuple[Floats, Floats]]:
    """(clip_id, alteration) -> mean columns (q,) of the segments that were copied, and of their copies."""
    transform = data.transform

    def summed(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            told = []
            for (clip, line), rows in batch.groupby(["clip_id", "alteration"], sort=True):
                x, copy = (transform.apply(np.stack(rows[name].to_list())).sum(axis=0) for name in ("x", "altered"))
                told.append((clip, line, len(rows), x, copy))
            yield pd.DataFrame(told, columns=[column.split()[0] for column in SUMS.split(", ")])

    pairs = copies.placed(copies.paired(warehouse, settings, data, asked))
    nothing = np.zeros(len(data.names))
    total: dict[tuple[str, str], tuple[int, Floats, Floats]] = {}
    for clip, line, count, *sums in pairs.mapInPandas(summed, SUMS).toPandas().to_numpy():
        rows, x, copy = total.get((clip, line), (0, nothing, nothing))
        total[clip, line] = (rows + int(count), x + sums[0], copy + sums[1])
    return {key: (x / rows, copy / rows) for key, (rows, x, copy) in total.items()}
