"""One colour per genre, the same in every plot. Colour is never the only sign: names always stand beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex

MUTED: tuple[str, ...] = (
    "#332288",
    "#88ccee",
    "#44aa99",
    "#117733",
    "#999933",
    "#ddaa33",
    "#cc6677",
    "#882255",
    "#aa4499",
    "#777777",
)
"""After Paul Tol's scheme "muted", told apart with any kind of colour vision."""


def palette(names: Sequence[str]) -> dict[str, str]:
    """Genre -> #rrggbb by sorted name: the ten muted colours, beyond ten evenly spaced ones of the map cividis."""
    ordered = sorted(set(names))
    if len(ordered) <= len(MUTED):
        return dict(zip(ordered, MUTED, strict=False))
    steps = np.linspace(0.0, 0.92, len(ordered))  # its very end is too light for a white page
    return {name: to_hex(colormaps["cividis"](step)) for name, step in zip(ordered, steps, strict=True)}
