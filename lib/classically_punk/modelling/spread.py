"""What alterations of the sound do to the columns: sums that add up over pairs of an original and an altered segment.

The mean square N of (altered - original) enters a fit as the penalty λ·b'(I + g·N)b of `regression.solve`: a direction
in which another equaliser or another room moves a recording is worth less than one that stays put. N is a property of
the columns more than of the corpus, so a sample of clips tells it, whatever the corpus grows to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from classically_punk.modelling.arrays import Floats, ModelError, floats, same_length


@dataclass(frozen=True, eq=False)
class Spread:
    """Sums over weighted pairs of p columns: `weight`, `pairs`, and `second` (p, p) = Σw(altered - original)(…)'.

    Not centred: an alteration that moves all clips the same way moves the scores, too.
    """

    weight: float
    pairs: int
    second: Floats

    @property
    def columns(self) -> int:
        """Number of columns p."""
        return int(self.second.shape[0])

    @classmethod
    def empty(cls, columns: int) -> Spread:
        """No pairs yet: the neutral element of `merge`."""
        return cls(0.0, 0, np.zeros((columns, columns)))

    @classmethod
    def of(cls, original: ArrayLike, altered: ArrayLike, w: ArrayLike) -> Spread:
        """Rows (n, p) of originals, their altered partners (n, p), weights (n,) above zero -> their sums.

        Raises ModelError for values that are not finite, weights of zero or less, unequal lengths or columns.
        """
        original, altered, w = floats(original, "original", 2), floats(altered, "altered", 2), floats(w, "w", 1)
        pairs = same_length(original=original, altered=altered, w=w)
        if original.shape[1] != altered.shape[1]:
            raise ModelError(f"originals of {original.shape[1]} columns, altered ones of {altered.shape[1]}")
        if pairs == 0:
            return cls.empty(original.shape[1])
        if w.min() <= 0:
            raise ModelError(f"the smallest weight is {w.min()!r}, needs to be above zero")
        moved = np.sqrt(w)[:, np.newaxis] * (altered - original)
        return cls(float(w.sum()), pairs, moved.T @ moved)

    def to_row(self) -> dict[str, Any]:
        """Plain numbers and a flat list, for a table row; `second` as its packed upper triangle."""
        packed = self.second[np.triu_indices(self.columns)].tolist()
        return {"weight": self.weight, "pairs": self.pairs, "columns": self.columns, "second": packed}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Spread:
        """A row of `to_row` -> the same sums, bit for bit. Raises ModelError if the list does not fit the columns."""
        p, packed = int(row["columns"]), floats(row["second"], "second", 1)
        if packed.size != p * (p + 1) // 2:
            raise ModelError(f"sums of {p} columns hold {packed.size} numbers")
        second = np.zeros((p, p))
        upper = np.triu_indices(p)
        second[upper] = packed
        second.T[upper] = packed
        return cls(float(floats(row["weight"], "weight", 0)), int(row["pairs"]), second)

    def mean_square(self) -> Floats:
        """(p, p) weighted mean of (altered - original)(altered - original)', in the units of the columns; zeros where
        there are no pairs."""
        return self.second / self.weight if self.pairs else self.second


def merge(a: Spread, b: Spread) -> Spread:
    """Sums over two sets of pairs -> over both. Raises ModelError if they do not have the same columns."""
    if a.columns != b.columns:
        raise ModelError(f"sums of {a.columns} columns and of {b.columns} differ")
    return Spread(a.weight + b.weight, a.pairs + b.pairs, a.second + b.second)


def merge_all(parts: Sequence[Spread]) -> Spread:
    """One or more sums -> their total; same parts in the same order: the same bits. Raises ModelError if empty."""
    if not parts:
        raise ModelError("nothing to merge")
    return reduce(merge, parts)


def penalty(parts: Sequence[Spread], strength: float) -> Floats | None:
    """Sums of the folds that are learned from, g >= 0 -> g·N as `regression.solve` takes it, (p, p).

    None where there is nothing to add: no pairs, or a strength of zero. Raises ModelError for another strength.
    """
    if not (np.isfinite(strength) and strength >= 0):
        raise ModelError(f"the strength of the spread is {strength!r}, needs to be a number of zero or more")
    total = merge_all(parts)
    return strength * total.mean_square() if total.pairs and strength > 0 else None
