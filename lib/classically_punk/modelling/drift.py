"""How far what is sent has moved from what was trained on: the population stability index of every column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from classically_punk.modelling.arrays import Floats, floats

BINS: Final = 10
"""Bins of a column, by tenths of the training clips."""
LEAST: Final = 20
"""Fewer clips say nothing: two a bin."""
SURE: Final = 0.95


@dataclass(frozen=True)
class Drift:
    """Columns of a family: the median `psi` of them, and the share `beyond` what chance alone makes of 95 in 100."""

    family: str
    psi: float
    beyond: float
    columns: int


def stability(training: ArrayLike, sent: ArrayLike) -> tuple[Floats, Floats]:
    """Values (m, k) and (n, k) -> (k,) population stability index, and (k,) what it stays below by chance (95 %).

    Σ (q - p) ln (q / p) over bins at the tenths of the training values, with half a clip added to every bin so that an
    empty one is not infinite. Where nothing has moved the index is (1/m + 1/n) χ² of bins - 1 degrees of freedom
    (Yurdakul 2018): twenty clips alone make 0.45. A constant column has two bins, one for what lies above.
    """
    before, after = floats(training, "training values", 2), floats(sent, "sent values", 2)
    m, n, columns = len(before), len(after), before.shape[1]
    index, bound = np.zeros(columns), np.zeros(columns)
    for at in range(columns):
        edges = np.unique(np.quantile(before[:, at], np.arange(1, BINS) / BINS))
        shares = []
        for values in (before[:, at], after[:, at]):
            counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=edges.size + 1) + 0.5
            shares.append(counts / counts.sum())
        index[at] = np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0]))
        bound[at] = (1 / m + 1 / n) * stats.chi2.ppf(SURE, edges.size)
    return index, bound


def by_family(families: Sequence[str], index: Floats, bound: Floats) -> list[Drift]:
    """Family of each column (k), index and bound (k,) -> one `Drift` a family, the one that moved most first."""
    told = []
    for family in sorted(set(families)):
        mine = np.asarray([one == family for one in families])
        beyond = float(np.mean(index[mine] > bound[mine]))
        told.append(Drift(family, float(np.median(index[mine])), beyond, int(mine.sum())))
    return sorted(told, key=lambda one: -one.psi)
