"""Names for the arrays that move between kernels, and the one statistic nearly all of them end in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
"""Mono audio at full scale 1.0, shape (n,)."""
Curves = NDArray[np.floating]
"""One row a quantity, one column a frame (or sample): shape (k, t)."""
Vector = NDArray[np.float64]
"""Scalars of one catalogue entry, in its order: shape (m,)."""


def mean_and_variance(curves: Curves) -> Vector:
    """Mean and population variance of every curve: (k, t) -> (2k,), mean then variance, curve by curve.

    Summed in float64 whatever the curves' own precision, as the published table was.
    """
    mean = np.mean(curves, axis=-1, dtype=np.float64)
    variance = np.var(curves, axis=-1, dtype=np.float64)
    return np.stack([mean, variance], axis=-1).reshape(-1)
