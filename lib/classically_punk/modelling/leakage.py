"""Whether anything stands on both sides of a fold: counted on the folds as they were dealt, whatever dealt them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from classically_punk.modelling.arrays import Ints
from classically_punk.modelling.metrics import MetricRow


def straddling(keys: Sequence[str], fold: Ints) -> int:
    """A key and a fold of every row (-1 = left out) -> the rows whose key also stands in another fold."""
    places: dict[str, list[int]] = defaultdict(list)
    for key, where in zip(keys, fold.tolist(), strict=True):
        if where >= 0:
            places[key].append(where)
    return sum(len(found) for found in places.values() if len(set(found)) > 1)


def straddling_metrics(keys: Mapping[str, Sequence[str]], fold: Ints) -> list[MetricRow]:
    """What clips may share, by name, and a key of it for every clip -> a metric `straddling_<name>` each, in clips."""
    dealt = int((fold >= 0).sum())
    return [
        MetricRow(f"straddling_{name}", None, None, float(straddling(shared, fold)), None, None, dealt)
        for name, shared in keys.items()
    ]
