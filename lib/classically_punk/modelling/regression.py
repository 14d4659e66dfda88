"""One linear regression per genre on 0/1 targets, solved from `Moments`: no pass over the data.

On columns Z standardised by weighted population moments, all genres share (Z'WZ + Σw·λ·I)θ = Z'W(y - ȳ): the ridge of
Spark MLlib with `weightCol`, `standardization=False` and `regParam = λ·sd_w(y)`, so λ means the same for every genre.

A spread penalty adds what an alteration of the sound does to the columns: θ'(I + N)θ in place of θ'θ, where N is the
mean square of (altered - original) in standardised columns times its strength. It is what training on many altered
copies of each row comes to, at a cost that does not grow with the corpus (Bishop 1995, "Training with noise is
equivalent to Tikhonov regularization"). On the columns T·z, T = (I + N)^(-1/2), it is a plain ridge again (`mixing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg

from classically_punk.modelling.arrays import Floats, Mask, ModelError, floats
from classically_punk.modelling.decision import ScoreSums
from classically_punk.modelling.moments import Moments, all_but

CONSTANT_SHARE = 1e-10
"""A column whose standard deviation is at most this share of its absolute mean counts as constant: what rounding leaves
in a constant column is near 1e-16, what carries music is above 1e-4."""

RANK_SHARE = 1e-11
"""Eigenvalues of the system up to this share of the largest count as zero: a collinear column leaves near 1e-15."""


SYMMETRY = 1e-9
"""What rounding may leave in a matrix of second moments, as a share of its diagonal."""


@dataclass(frozen=True, eq=False)
class Fit:
    """One solved system for g genres; k of the p columns are kept, the constant ones dropped.

    `intercept` (g,); `coefficients` (k, g) per standard deviation; `means`, `scales` (k,) of the kept columns;
    `kept` (p,) mask; `r2` (g,) weighted, on the training rows, NaN for a genre that all or none of them have;
    `condition` of the system solved (infinite when rank-deficient); `lam` the ridge strength λ.
    """

    intercept: Floats
    coefficients: Floats
    means: Floats
    scales: Floats
    kept: Mask
    r2: Floats
    condition: float
    lam: float
    rank_deficient: bool

    def columns_of(self, names: Sequence[str]) -> tuple[str, ...]:
        """Names of all p columns -> the names of those kept."""
        return tuple(name for name, kept in zip(names, self.kept, strict=True) if kept)

    def dropped(self, names: Sequence[str]) -> tuple[str, ...]:
        """Names of all p columns -> the names of those dropped as constant."""
        return tuple(name for name, kept in zip(names, self.kept, strict=True) if not kept)


def constant_columns(moments: Moments) -> Mask:
    """Sums -> (p,) mask of columns that do not vary, by `CONSTANT_SHARE`."""
    deviations = _deviations(moments)
    return np.asarray(deviations <= np.maximum(CONSTANT_SHARE * np.abs(moments.means), np.finfo(np.float64).tiny))


def solve(moments: Moments, lam: float = 0.0, *, standardise: bool = True, spread: ArrayLike | None = None) -> Fit:
    """Sums of the training rows, λ >= 0 -> the fit of every genre.

    With `standardise=False` the columns are penalised as they come (already standardised, then clipped): scales are 1.
    `spread` (p, p): mean of (altered - original)(altered - original)' in the units of the columns, times its strength;
    with λ = 0 it has no effect, as the whole penalty is λ(I + N).
    A singular system gets its solution of minimum norm on the standardised columns, flagged `rank_deficient`.
    Raises ModelError without rows, with a λ that is negative or not finite, with a spread that is no matrix of second
    moments of these columns, or if no column varies.
    """
    if not (np.isfinite(lam) and lam >= 0):
        raise ModelError(f"the ridge strength is {lam!r}, needs to be a number of zero or more")
    system = _System.of(moments, standardise, spread)
    unit, condition, deficient = _solve_system(system.matrix + lam * system.penalty, system.right)
    return system.fit(unit, lam, condition=condition, deficient=deficient)


def solve_folds(
    parts: Sequence[Moments], lam: float = 0.0, *, standardise: bool = True, spread: ArrayLike | None = None
) -> tuple[Fit, ...]:
    """Sums per fold -> one fit per fold, trained on all the other folds; the spread is the same for all.

    Raises ModelError as `solve` does.
    """
    return tuple(solve(all_but(parts, fold), lam, standardise=standardise, spread=spread) for fold in range(len(parts)))


def solve_path(
    moments: Moments, lams: Sequence[float], *, standardise: bool = True, spread: ArrayLike | None = None
) -> tuple[Fit, ...]:
    """As `solve`, for several λ above zero at the cost of one decomposition; `condition` is left unknown (NaN).

    Raises ModelError as `solve` does.
    """
    if not lams or not all(np.isfinite(lam) and lam > 0 for lam in lams):
        raise ModelError(f"the ridge strengths are {list(lams)!r}, need to be numbers above zero")
    system = _System.of(moments, standardise, spread)
    # (C + λP)⁻¹ = V diag(1 / (v + λ)) V' with the generalised eigenvectors of C and P, scaled to V'PV = I
    values, vectors = linalg.eigh(system.matrix, system.penalty)
    turned = vectors.T @ system.right
    values = np.maximum(values, 0.0)[:, np.newaxis]
    return tuple(
        system.fit(vectors @ (turned / (values + lam)), lam, condition=float("nan"), deficient=False) for lam in lams
    )


def held_out_squares(fit: Fit, moments: Moments) -> Floats:
    """A fit and the sums of rows it has not seen -> (g,) sum of weighted squared errors Σw(y - s)²; no pass over rows.

    Raises ModelError if the sums are of another number of columns.
    """
    if moments.columns != fit.kept.size:
        raise ModelError(f"sums of {moments.columns} columns, the fit was made with {fit.kept.size}")
    slopes = fit.coefficients / fit.scales[:, np.newaxis]
    offset = moments.target_means - fit.intercept - (moments.means[fit.kept] - fit.means) @ slopes
    second, cross = moments.second[np.ix_(fit.kept, fit.kept)], moments.cross[fit.kept]
    explained = 2 * np.sum(slopes * cross, axis=0) - np.sum(slopes * (second @ slopes), axis=0)
    return np.asarray(np.maximum(moments.target_second - explained + moments.weight * np.square(offset), 0.0))


def score_sums(fit: Fit, clips: Moments) -> ScoreSums:
    """A fit and the sums of clips by their mean columns, weight 1 each -> the sums of their scores; no pass over clips.

    Raises ModelError if the sums are of another number of columns.
    """
    if clips.columns != fit.kept.size:
        raise ModelError(f"sums of {clips.columns} columns, the fit was made with {fit.kept.size}")
    slopes = fit.coefficients / fit.scales[:, np.newaxis]
    counts = clips.targets
    middle = fit.intercept + (clips.means[fit.kept] - fit.means) @ slopes
    # Σ(c - c̄)(y - ȳ)' is, genre by genre, the sum of its clips' columns less the mean of all
    apart = (clips.cross[fit.kept].T @ slopes) / np.maximum(counts, 1)[:, np.newaxis]
    total = slopes.T @ clips.second[np.ix_(fit.kept, fit.kept)] @ slopes
    within = total - (apart * counts[:, np.newaxis]).T @ apart
    return ScoreSums(counts, np.where(counts[:, np.newaxis] > 0, middle + apart, 0.0), within)


def mixing(fit: Fit, spread: ArrayLike) -> Floats:
    """A fit and the spread (p, p) it was made with -> T = (I + N)^(-1/2), (k, k), symmetric, eigenvalues in 0 to 1.

    Plain ridge on the columns T·z has coefficients c with T·c = those of the spread penalty on z: for a solver that
    knows only the plain ridge. Raises ModelError for a spread that is no matrix of second moments of these columns.
    """
    kept = _second_moments(spread, fit.kept.size)[np.ix_(fit.kept, fit.kept)] / np.outer(fit.scales, fit.scales)
    values, vectors = linalg.eigh(kept)
    return np.asarray((vectors / np.sqrt(1 + np.maximum(values, 0.0))) @ vectors.T)


def standardised(fit: Fit, x: ArrayLike) -> Floats:
    """Rows (n, p) -> (n, k): the kept columns in standard deviations of the training rows.

    Raises ModelError if the number of columns is another or a value is not finite.
    """
    x = floats(x, "x", 2)
    if x.shape[1] != fit.kept.size:
        raise ModelError(f"x has {x.shape[1]} columns, the fit was made with {fit.kept.size}")
    return np.asarray((x[:, fit.kept] - fit.means) / fit.scales)


def scores(fit: Fit, x: ArrayLike) -> Floats:
    """Rows (n, p) -> (n, g) values of the genres' regressions, near 0 to 1 but not bounded: not probabilities.

    Raises ModelError as `standardised` does.
    """
    return np.asarray(standardised(fit, x) @ fit.coefficients + fit.intercept)


def _deviations(moments: Moments) -> Floats:
    return np.asarray(np.sqrt(np.maximum(np.diag(moments.second), 0.0) / max(moments.weight, np.finfo(float).tiny)))


@dataclass(frozen=True, eq=False)
class _System:
    """(C + λP)b = c for the coefficients b of unit-variance columns, where the diagonal of C is one.

    Unscaled sums have condition numbers near 1e9 on audio features. Without standardisation the penalty is carried over
    to that scale.
    """

    moments: Moments
    kept: Mask
    deviations: Floats
    scales: Floats
    matrix: Floats
    penalty: Floats
    right: Floats

    @classmethod
    def of(cls, moments: Moments, standardise: bool, spread: ArrayLike | None) -> _System:
        if moments.rows == 0:
            raise ModelError("no rows to fit")
        kept = ~constant_columns(moments)
        if not kept.any():
            raise ModelError(f"none of the {moments.columns} columns varies")
        deviations = _deviations(moments)[kept]
        scales = deviations if standardise else np.ones_like(deviations)
        penalty = np.diag(np.square(scales / deviations))
        if spread is not None:
            penalty += _second_moments(spread, moments.columns)[np.ix_(kept, kept)] / np.outer(deviations, deviations)
        matrix = moments.second[np.ix_(kept, kept)] / (moments.weight * np.outer(deviations, deviations))
        right = moments.cross[kept] / (moments.weight * deviations[:, np.newaxis])
        return cls(moments, kept, deviations, scales, matrix, penalty, right)

    def fit(self, unit: Floats, lam: float, *, condition: float, deficient: bool) -> Fit:
        """Coefficients (k, g) of unit-variance columns -> the fit they belong to."""
        residual = self.moments.target_second / self.moments.weight
        explained = 2 * np.sum(unit * self.right, axis=0) - np.sum(unit * (self.matrix @ unit), axis=0)
        r2 = np.full(self.moments.classes, np.nan)
        np.divide(explained, residual, out=r2, where=residual > 0)
        return Fit(
            intercept=self.moments.target_means,
            coefficients=unit * (self.scales / self.deviations)[:, np.newaxis],
            means=self.moments.means[self.kept],
            scales=self.scales,
            kept=self.kept,
            r2=r2,
            condition=condition,
            lam=float(lam),
            rank_deficient=deficient,
        )


def _second_moments(spread: ArrayLike, columns: int) -> Floats:
    """A checked (p, p) matrix of second moments, exactly symmetric."""
    spread = floats(spread, "spread", 2)
    if spread.shape != (columns, columns):
        raise ModelError(f"the spread has shape {spread.shape}, needs {(columns, columns)}")
    width = np.sqrt(np.maximum(np.diag(spread), np.finfo(np.float64).tiny))
    unit = spread / np.outer(width, width)
    if np.diag(spread).min() < 0 or np.abs(unit - unit.T).max() > SYMMETRY:
        raise ModelError("the spread is no matrix of second moments: it must be symmetric, its diagonal zero or more")
    if spread.any() and linalg.eigvalsh((unit + unit.T) / 2)[0] < -SYMMETRY * columns:
        raise ModelError("the spread is no matrix of second moments: it has a negative eigenvalue")
    return np.asarray((spread + spread.T) / 2)


def _solve_system(system: Floats, right: Floats) -> tuple[Floats, float, bool]:
    """(k, k) and (k, g) -> solution (k, g), condition number, whether it took the minimum-norm way out."""
    values, vectors = linalg.eigh(system)
    usable = values > RANK_SHARE * values[-1]
    if usable.all():
        return linalg.cho_solve(linalg.cho_factor(system), right), float(values[-1] / values[0]), False
    basis = vectors[:, usable]
    return basis @ ((basis.T @ right) / values[usable, np.newaxis]), float("inf"), True
