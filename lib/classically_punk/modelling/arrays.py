"""The array types of `modelling`, and the checks at its door."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from classically_punk.errors import PunkError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


class ModelError(PunkError):
    """Numbers that cannot be modelled: says what was found and what was needed."""


def floats(values: ArrayLike, name: str, ndim: int) -> Floats:
    """Any numbers -> a float64 array of `ndim` axes, every value finite.

    Raises ModelError if an axis is missing or a value is NaN or infinite: once added to a sum, it cannot be removed.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != ndim:
        raise ModelError(f"{name} has {array.ndim} axes, needs {ndim}")
    if not np.isfinite(array).all():
        raise ModelError(f"{name} holds {int((~np.isfinite(array)).sum())} values that are NaN or infinite")
    return array


def class_indices(values: ArrayLike, name: str, classes: int) -> Ints:
    """Whole numbers (n,) -> an int64 array (n,) in 0 … classes - 1.

    Raises ModelError for other shapes, other kinds of numbers, or an index outside the range.
    """
    array = np.asarray(values)
    if array.ndim != 1 or not (array.size == 0 or np.issubdtype(array.dtype, np.integer)):
        raise ModelError(f"{name} must be one axis of whole numbers, got {array.dtype} with shape {array.shape}")
    if array.size and not (array.min() >= 0 and array.max() < classes):
        raise ModelError(f"{name} runs from {array.min()} to {array.max()}, needs 0 to {classes - 1}")
    return array.astype(np.int64)


def same_length(**columns: NDArray[np.generic]) -> int:
    """Named arrays -> their common number of rows.

    Raises ModelError if they differ.
    """
    lengths = {name: int(column.shape[0]) for name, column in columns.items()}
    if len(set(lengths.values())) != 1:
        raise ModelError(f"rows do not match: {lengths}")
    return next(iter(lengths.values()))
