"""Weighted sums that add up over rows: all a least-squares fit needs, from one pass over the data.

Sums are kept centred, and two of them merge exactly by the pairwise update of Chan, Golub and LeVeque (1983,
"Algorithms for computing the sample variance"); uncentred sums of squares would lose half the digits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from classically_punk.modelling.arrays import Floats, ModelError, class_indices, floats, same_length


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over weighted rows of p columns with one of g classes each; y is the 0/1 indicator of each class.

    `weight` sum of weights; `rows` number of rows; `means` (p,) weighted means; `second` (p, p) Σw(x-x̄)(x-x̄)';
    `targets` (g,) sum of weights per class; `cross` (p, g) Σw(x-x̄)(y-ȳ)'.
    """

    weight: float
    rows: int
    means: Floats
    second: Floats
    targets: Floats
    cross: Floats

    @property
    def columns(self) -> int:
        """Number of columns p."""
        return int(self.means.size)

    @property
    def classes(self) -> int:
        """Number of classes g."""
        return int(self.targets.size)

    @property
    def target_means(self) -> Floats:
        """(g,) weighted share of each class, 0 to 1; zeros where there are no rows."""
        return self.targets / self.weight if self.weight > 0 else np.zeros_like(self.targets)

    @property
    def target_second(self) -> Floats:
        """(g,) Σw(y-ȳ)² of each 0/1 target; exactly zero for a class that no row or every row has."""
        rest = np.asarray([np.delete(self.targets, g).sum() for g in range(self.classes)])
        return self.targets * rest / self.weight if self.weight > 0 else np.zeros_like(self.targets)

    def take(self, columns: ArrayLike) -> Moments:
        """Positions or mask of columns -> the sums of these columns alone, in that order."""
        at = np.arange(self.columns)[np.asarray(columns)]
        return Moments(
            self.weight, self.rows, self.means[at], self.second[np.ix_(at, at)], self.targets, self.cross[at]
        )

    def over(self, names: Sequence[str], wanted: Sequence[str]) -> Moments:
        """The classes by name and the names wanted -> the same sums over those, in their order; new ones have no rows.

        Raises ModelError if a class that has rows is not wanted.
        """
        lost = [name for name, target in zip(names, self.targets, strict=True) if target > 0 and name not in wanted]
        if lost:
            raise ModelError(f"the sums hold rows of {', '.join(lost)}, which are not among {', '.join(wanted)}")
        place = {name: at for at, name in enumerate(names)}
        targets, cross = np.zeros(len(wanted)), np.zeros((self.columns, len(wanted)))
        for to, name in enumerate(wanted):
            if name in place:
                targets[to], cross[:, to] = self.targets[place[name]], self.cross[:, place[name]]
        return Moments(self.weight, self.rows, self.means, self.second, targets, cross)

    @classmethod
    def empty(cls, columns: int, classes: int) -> Moments:
        """No rows yet: the neutral element of `merge`."""
        return cls(
            weight=0.0,
            rows=0,
            means=np.zeros(columns),
            second=np.zeros((columns, columns)),
            targets=np.zeros(classes),
            cross=np.zeros((columns, classes)),
        )

    @classmethod
    def of(cls, x: ArrayLike, y: ArrayLike, w: ArrayLike, classes: int) -> Moments:
        """Rows (n, p), class indices (n,), weights (n,) above zero -> their sums.

        Raises ModelError for values that are not finite, weights of zero or less, unknown classes, unequal lengths.
        """
        x, w = floats(x, "x", 2), floats(w, "w", 1)
        y = class_indices(y, "y", classes)
        rows = same_length(x=x, y=y, w=w)
        if rows == 0:
            return cls.empty(x.shape[1], classes)
        if w.min() <= 0:
            raise ModelError(f"the smallest weight is {w.min()!r}, needs to be above zero")
        weight = float(w.sum())
        means = w @ x / weight
        root = np.sqrt(w)[:, np.newaxis]
        centred = x - means
        centred *= root
        targets = np.bincount(y, w, classes).astype(np.float64)
        indicator = np.eye(classes)[y] - targets / weight
        indicator *= root
        # one array times itself: half the work of a product of two
        second, cross = centred.T @ centred, centred.T @ indicator
        return cls(weight=weight, rows=rows, means=means, second=second, targets=targets, cross=cross)

    def to_bytes(self) -> bytes:
        """All numbers as little-endian float64, `second` as its packed upper triangle: small and quick to move."""
        packed = self.second[np.triu_indices(self.columns)]
        counts = np.asarray([self.weight, self.rows], dtype=np.float64)
        return np.concatenate([counts, self.means, packed, self.targets, self.cross.ravel()]).astype("<f8").tobytes()

    @classmethod
    def from_bytes(cls, content: bytes, columns: int, classes: int) -> Moments:
        """Bytes of `to_bytes` -> the same sums, bit for bit. Raises ModelError for another length or as `from_row`."""
        sizes = (2, columns, columns * (columns + 1) // 2, classes, columns * classes)
        if len(content) != 8 * sum(sizes):
            raise ModelError(f"sums of {columns} columns and {classes} classes hold {len(content)} bytes")
        counts, means, second, targets, cross = np.split(np.frombuffer(content, "<f8"), np.cumsum(sizes[:-1]))
        numbers = {"means": means, "second": second, "targets": targets, "cross": cross}
        return cls.from_row({"weight": counts[0], "rows": int(counts[1]), **numbers})

    def to_row(self) -> dict[str, Any]:
        """Plain numbers and flat lists of floats, for a table row; `second` as its packed upper triangle."""
        return {
            "weight": self.weight,
            "rows": self.rows,
            "means": self.means.tolist(),
            "second": self.second[np.triu_indices(self.columns)].tolist(),
            "targets": self.targets.tolist(),
            "cross": self.cross.ravel().tolist(),
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Moments:
        """A row of `to_row` -> the same sums, bit for bit.

        Raises ModelError if the lengths of the lists do not fit together or a value is not finite.
        """
        means, targets = floats(row["means"], "means", 1), floats(row["targets"], "targets", 1)
        packed, cross = floats(row["second"], "second", 1), floats(row["cross"], "cross", 1)
        p, g = means.size, targets.size
        if packed.size != p * (p + 1) // 2 or cross.size != p * g:
            raise ModelError(f"sums of {p} columns and {g} classes hold {packed.size} and {cross.size} numbers")
        second = np.zeros((p, p))
        upper = np.triu_indices(p)
        second[upper] = packed
        second.T[upper] = packed
        weight = float(floats(row["weight"], "weight", 0))
        return cls(weight, int(row["rows"]), means, second, targets, cross.reshape(p, g))


def merge(a: Moments, b: Moments) -> Moments:
    """Sums of two sets of rows -> sums of both together, exact but for rounding.

    Raises ModelError if they do not have the same columns and classes.
    """
    if (a.columns, a.classes) != (b.columns, b.classes):
        raise ModelError(f"sums of {a.columns} columns, {a.classes} classes and of {b.columns}, {b.classes} differ")
    if a.rows == 0 or b.rows == 0:
        return b if a.rows == 0 else a
    weight = a.weight + b.weight
    shift = b.means - a.means
    target_shift = b.target_means - a.target_means
    factor = a.weight * b.weight / weight
    return Moments(
        weight=weight,
        rows=a.rows + b.rows,
        means=(a.weight * a.means + b.weight * b.means) / weight,
        second=a.second + b.second + factor * np.outer(shift, shift),
        targets=a.targets + b.targets,
        cross=a.cross + b.cross + factor * np.outer(shift, target_shift),
    )


def merge_all(parts: Sequence[Moments]) -> Moments:
    """One or more sums -> their total, merged pairwise as a balanced tree over the order given.

    Same parts in the same order: the same bits; in another order: equal within rounding. Raises ModelError if empty.
    """
    if not parts:
        raise ModelError("nothing to merge")
    level = list(parts)
    while len(level) > 1:
        level = [reduce(merge, level[i : i + 2]) for i in range(0, len(level), 2)]
    return level[0]


def all_but(parts: Sequence[Moments], left_out: int) -> Moments:
    """Sums per fold -> the sums of all folds but one: added up, since subtracting from the total drifts."""
    return merge_all([part for fold, part in enumerate(parts) if fold != left_out])
