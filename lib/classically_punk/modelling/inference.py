"""Standard errors of the per-genre regressions that know that the segments of a group are not independent.

The cluster-robust sandwich of Liang and Zeger (1986) with the usual small-sample factor (CR1, as in Stata and
statsmodels), on standardised columns with an intercept. Its middle, the meat, adds up over chunks of whole groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg, stats

from classically_punk.modelling.arrays import Floats, ModelError, class_indices, floats, same_length
from classically_punk.modelling.moments import Moments
from classically_punk.modelling.regression import Fit, standardised


@dataclass(frozen=True, eq=False)
class Meat:
    """Σ over groups of u u' with u = Σw·e·(1, z) within the group: `matrix` (g, 1+k, 1+k), and what went in."""

    matrix: Floats
    groups: int
    rows: int

    def __add__(self, other: Meat) -> Meat:
        return Meat(self.matrix + other.matrix, self.groups + other.groups, self.rows + other.rows)


@dataclass(frozen=True, eq=False)
class Inference:
    """Per genre: standard error, t and two-sided p, (g,) of the intercept and (k, g) of the standardised coefficients.

    `degrees` of freedom of t are groups - 1. A genre without residuals (all or no rows have it) has NaN t and p.
    """

    intercept_error: Floats
    intercept_t: Floats
    intercept_p: Floats
    error: Floats
    t: Floats
    p: Floats
    groups: int
    degrees: int


def meat_of(x: ArrayLike, y: ArrayLike, w: ArrayLike, groups: Sequence[str], fit: Fit) -> Meat:
    """Rows (n, p), classes (n,), weights (n,), group keys (n,) and the fit of all rows -> this chunk's meat.

    The chunk must hold whole groups: one that is split between chunks counts as two. Raises ModelError for unequal
    lengths or values that are not finite.
    """
    z, w = standardised(fit, x), floats(w, "w", 1)
    y = class_indices(y, "y", fit.intercept.size)
    keys = np.asarray(groups, dtype=np.str_)
    rows = same_length(x=z, y=y, w=w, groups=keys)
    design = np.hstack([np.ones((rows, 1)), z])
    weighted = w[:, np.newaxis] * (np.eye(fit.intercept.size)[y] - fit.intercept - z @ fit.coefficients)
    names, member = np.unique(keys, return_inverse=True)
    order = np.argsort(member, kind="stable")
    starts = np.searchsorted(member[order], np.arange(names.size))
    matrix = np.zeros((fit.intercept.size, design.shape[1], design.shape[1]))
    for genre in range(fit.intercept.size if rows else 0):
        summed = np.add.reduceat(weighted[order, genre, np.newaxis] * design[order], starts, axis=0)
        matrix[genre] = summed.T @ summed
    return Meat(matrix, int(names.size), rows)


def total(parts: Sequence[Meat]) -> Meat:
    """The parts of all chunks -> their sum, added in the order given. Raises ModelError if there are none."""
    if not parts:
        raise ModelError("nothing to add up")
    return reduce(Meat.__add__, parts)


def finish(meat: Meat, moments: Moments, fit: Fit) -> Inference | None:
    """The whole meat, the sums and their fit -> standard errors, t and p, or None where they would mean nothing.

    None for a ridge fit, a rank-deficient one, or with no more than two groups per column. Raises ModelError if meat
    and sums do not speak of the same number of rows.
    """
    if meat.rows != moments.rows:
        raise ModelError(f"the residuals of {meat.rows} rows do not belong to sums of {moments.rows}")
    columns = int(fit.kept.sum())
    if fit.lam > 0 or fit.rank_deficient or meat.groups <= 2 * columns:
        return None
    # Z is centred, so the bread falls into the intercept's 1/Σw and the block of the columns
    bread = np.zeros((1 + columns, 1 + columns))
    bread[0, 0] = 1 / moments.weight
    kept = moments.second[np.ix_(fit.kept, fit.kept)] / np.outer(fit.scales, fit.scales)
    bread[1:, 1:] = linalg.cho_solve(linalg.cho_factor(kept), np.eye(columns))
    groups, rows = meat.groups, meat.rows
    factor = groups / (groups - 1) * (rows - 1) / (rows - 1 - columns)
    variances = factor * np.einsum("ia,gab,ib->ig", bread, meat.matrix, bread, optimize=True)
    error = np.sqrt(np.maximum(variances, 0.0))
    estimate = np.vstack([fit.intercept, fit.coefficients])
    exact = moments.target_second == 0
    t = np.full_like(estimate, np.nan)
    np.divide(estimate, error, out=t, where=(error > 0) & ~exact)
    p = 2 * stats.t.sf(np.abs(t), groups - 1)
    return Inference(error[0], t[0], p[0], error[1:], t[1:], p[1:], groups, groups - 1)
