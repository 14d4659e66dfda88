"""Running medians of 31 by a selection network: sixteen neighbouring outputs for some 34 comparisons each.

Neighbouring windows share most of their elements. What sixteen windows have in common is sorted once; then the group
is halved again and again, each half merging in what only its windows have in common and keeping no more candidates than
can still be the median. Runs that are merged in (pairs, quads, octets) are sorted once for all groups. The merges are
Batcher's (Knuth, The Art of Computer Programming 3, 5.3.4). Every comparison works on eight columns at once.
Replaces scipy.ndimage.median_filter in librosa.decompose.hpss.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeVar

from numba import types

from classically_punk.features.lanes import (
    VECTOR,
    larger,
    load_vector,
    pointer,
    primitive,
    smaller,
    store_vector,
    transposed,
)

KERNEL: Final = 31
OUTPUTS: Final = 16
ROWS: Final = KERNEL + OUTPUTS - 1
"""Rows that sixteen outputs look at (46)."""

Value = TypeVar("Value")


def medians(
    rows: list[Value], low: Callable[[Value, Value], Value], high: Callable[[Value, Value], Value]
) -> list[Value]:
    """46 rows -> the medians of rows 0..30, 1..31, …, 15..45, from the two comparisons of their elements."""

    def merged(a: list[Value], b: list[Value]) -> list[Value]:
        if len(a) == 1:
            return [low(a[0], b[0]), high(a[0], b[0])]
        even, odd = merged(a[::2], b[::2]), merged(a[1::2], b[1::2])
        inner = [one(x, y) for x, y in zip(odd[:-1], even[1:], strict=True) for one in (low, high)]
        return [even[0], *inner, odd[-1]]

    def in_order(bitonic: list[Value]) -> list[Value]:
        if len(bitonic) == 1:
            return bitonic
        half = len(bitonic) // 2
        first, second = bitonic[:half], bitonic[half:]
        return [
            *in_order([low(x, y) for x, y in zip(first, second, strict=True)]),
            *in_order([high(x, y) for x, y in zip(first, second, strict=True)]),
        ]

    def middle(common: list[Value], run: list[Value]) -> list[Value]:
        """The middle third of 2k and k sorted values, sorted: k are too small and k too large to be the median."""
        size = len(run)
        above = in_order([high(x, y) for x, y in zip(common[:size], reversed(run), strict=True)])
        return in_order([low(x, y) for x, y in zip(above, reversed(common[size:]), strict=True)])

    @cache
    def run_of(first: int, size: int) -> tuple[Value, ...]:
        if size == 1:
            return (rows[first],)
        return tuple(merged(list(run_of(first, size // 2)), list(run_of(first + size // 2, size // 2))))

    def spread(base: int, count: int, common: list[Value]) -> list[Value]:
        """Medians of the windows that begin at base..base+count-1, from the candidates that all of them share."""
        if count == 1:
            return common
        half = count // 2
        left = middle(common, list(run_of(base + half - 1, half)))
        right = middle(common, list(run_of(base + KERNEL, half)))
        return spread(base, half, left) + spread(base + half, half, right)

    core = merged(list(run_of(OUTPUTS - 1, 8)), list(run_of(OUTPUTS + 7, 8)))
    return spread(0, OUTPUTS, core)


def _emit(builder: Any, rows: list[Any]) -> list[Any]:
    return medians(rows, lambda a, b: smaller(builder, a, b), lambda a, b: larger(builder, a, b))


@primitive
def along_bins(typing: Any, source: Any, at: Any, target: Any, to: Any) -> Any:
    """Sixteen medians down the rows of (rows, 8) at flat index `at`, written as rows from flat index `to`."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        first = pointer(context, builder, sig.args[0], args[0], args[1])
        out = pointer(context, builder, sig.args[2], args[2], args[3])
        index = context.get_value_type(types.intp)
        rows = [load_vector(builder, builder.gep(first, [index(8 * row)])) for row in range(ROWS)]
        for row, value in enumerate(_emit(builder, rows)):
            store_vector(builder, value, builder.gep(out, [index(8 * row)]))
        return context.get_dummy_value()

    return types.void(source, types.intp, target, types.intp), build


@primitive
def along_frames(typing: Any, source: Any, starts: Any, at: Any, target: Any, to: Any, other: Any) -> Any:
    """Sixteen medians across 46 frames that begin at `starts`, of the eight bins from `at` on.

    Frames 0..7 are written, transposed, as rows from flat index `to` of `target`, frames 8..15 from `other` on.
    """

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        values, offsets, column, out, near, far = args
        index = context.get_value_type(types.intp)
        table = context.make_array(sig.args[1])(context, builder, offsets).data
        rows = []
        for row in range(ROWS):
            start = builder.load(builder.gep(table, [index(row)]))
            place = pointer(context, builder, sig.args[0], values, builder.add(start, column))
            rows.append(load_vector(builder, place))
        found = _emit(builder, rows)
        for half, start in ((found[:8], near), (found[8:], far)):
            place = pointer(context, builder, sig.args[3], out, start)
            for row, value in enumerate(transposed(builder, half)):
                store_vector(builder, value, builder.gep(place, [index(8 * row)]))
        return context.get_dummy_value()

    return types.void(source, starts, types.intp, target, types.intp, types.intp), build


assert VECTOR.count == 8, "the networks are written for eight lanes"
