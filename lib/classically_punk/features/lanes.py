"""Eight float32 numbers that move as one: the vector type the kernels are written with.

A value of type `lanes8` is one LLVM vector `<8 x float>`: one AVX register, two of SSE or NEON. Kernels see ordinary
operators and a handful of functions; nothing is left to chance of the loop vectoriser. Products that feed a sum may be
fused (`contract`), no other liberty is taken. Functions of this page exist in compiled code only.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, Final

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, register_model

WIDTH: Final = 8
FLOAT: Final = ir.FloatType()
VECTOR: Final = ir.VectorType(FLOAT, WIDTH)
INDEX: Final = ir.IntType(32)
FUSED: Final = ("contract",)


class Lanes(types.Type):
    """The numba type of eight float32 side by side."""

    def __init__(self) -> None:
        super().__init__(name="lanes8")


lanes8: Final = Lanes()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, VECTOR)


def primitive(define: Callable[..., Any]) -> Any:
    """Decorator: `numba.extending.intrinsic`, of whose calls a type checker knows nothing."""
    return intrinsic(define)


def _operator(which: Any, build: Callable[..., Any]) -> None:
    @infer_global(which)
    class _Typing(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            if len(args) == 2 and isinstance(args[0], Lanes) and isinstance(args[1], Lanes):
                return signature(lanes8, lanes8, lanes8)
            return None

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return build(builder, *args)

    lower_builtin(which, Lanes, Lanes)(lower)


_operator(operator.add, lambda builder, a, b: builder.fadd(a, b, flags=FUSED))
_operator(operator.sub, lambda builder, a, b: builder.fsub(a, b, flags=FUSED))
_operator(operator.mul, lambda builder, a, b: builder.fmul(a, b, flags=FUSED))
_operator(operator.truediv, lambda builder, a, b: builder.fdiv(a, b, flags=FUSED))


def pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    """Address of element `index` of a contiguous one-dimensional float32 array."""
    base = context.make_array(kind)(context, builder, array).data
    return builder.gep(base, [index])


def load_vector(builder: Any, address: Any) -> Any:
    """Eight neighbours from an address that need not be aligned."""
    loaded = builder.load(builder.bitcast(address, VECTOR.as_pointer()))
    loaded.align = 4
    return loaded


def store_vector(builder: Any, value: Any, address: Any) -> None:
    """Eight neighbours to an address that need not be aligned."""
    builder.store(value, builder.bitcast(address, VECTOR.as_pointer())).align = 4


def smaller(builder: Any, a: Any, b: Any) -> Any:
    """Lane by lane the smaller one; compares and selects, which is one instruction."""
    return builder.select(builder.fcmp_ordered("<", a, b), a, b)


def larger(builder: Any, a: Any, b: Any) -> Any:
    """Lane by lane the larger one."""
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


def splat_vector(builder: Any, value: Any) -> Any:
    """One number in all lanes."""
    single = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), value, INDEX(0))
    return builder.shuffle_vector(single, ir.Constant(VECTOR, ir.Undefined), _mask([0] * WIDTH))


def transposed(builder: Any, rows: Sequence[Any]) -> list[Any]:
    """Eight vectors -> the eight vectors of their columns, in three rounds of shuffles."""

    def mix(a: Any, b: Any, order: Sequence[int]) -> Any:
        return builder.shuffle_vector(a, b, _mask(order))

    low, high = [0, 8, 1, 9, 4, 12, 5, 13], [2, 10, 3, 11, 6, 14, 7, 15]
    pairs = [mix(rows[i], rows[i + 1], order) for i in range(0, 8, 2) for order in (low, high)]
    near, far = [0, 1, 8, 9, 4, 5, 12, 13], [2, 3, 10, 11, 6, 7, 14, 15]
    quads = [mix(pairs[i + j], pairs[i + j + 2], order) for i in (0, 4) for j in (0, 1) for order in (near, far)]
    lower, upper = [0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]
    return [mix(quads[j], quads[j + 4], order) for order in (lower, upper) for j in range(4)]


def _mask(order: Sequence[int]) -> Any:
    return ir.Constant(ir.VectorType(INDEX, len(order)), list(order))


@primitive
def load(typing: Any, array: Any, index: Any) -> Any:
    """array[index : index + 8]"""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return load_vector(builder, pointer(context, builder, sig.args[0], *args))

    return lanes8(array, types.intp), build


@primitive
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """array[index : index + 8] = value"""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        store_vector(builder, args[2], pointer(context, builder, sig.args[0], *args[:2]))
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes8), build


@primitive
def splat(typing: Any, value: Any) -> Any:
    """One float32 in all lanes."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return splat_vector(builder, args[0])

    return lanes8(types.float32), build


@primitive
def least(typing: Any, a: Any, b: Any) -> Any:
    """Lane by lane the smaller one."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return smaller(builder, *args)

    return lanes8(lanes8, lanes8), build


@primitive
def greatest(typing: Any, a: Any, b: Any) -> Any:
    """Lane by lane the larger one."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return larger(builder, *args)

    return lanes8(lanes8, lanes8), build


@primitive
def root(typing: Any, value: Any) -> Any:
    """Lane by lane the square root."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(VECTOR, [VECTOR]), "llvm.sqrt.v8f32")
        return builder.call(function, args)

    return lanes8(lanes8), build


@primitive
def where_below(typing: Any, a: Any, b: Any, yes: Any, no: Any) -> Any:
    """Lane by lane `yes` where a < b, else `no`."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        first, second, then, otherwise = args
        return builder.select(builder.fcmp_ordered("<", first, second), then, otherwise)

    return lanes8(lanes8, lanes8, lanes8, lanes8), build


@primitive
def above(typing: Any, a: Any, b: Any) -> Any:
    """Eight bits, the lowest for the first lane: a > b."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        bits = builder.bitcast(builder.fcmp_ordered(">", *args), ir.IntType(WIDTH))
        return builder.zext(bits, ir.IntType(64))

    return types.int64(lanes8, lanes8), build


@primitive
def transpose(typing: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any) -> Any:
    """Eight vectors -> the tuple of the eight vectors of their columns."""
    eight = types.UniTuple(lanes8, WIDTH)

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return cgutils.pack_array(builder, transposed(builder, args), VECTOR)

    return eight(*[lanes8] * WIDTH), build


@primitive
def total(typing: Any, value: Any) -> Any:
    """Sum of the eight lanes, in float64."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        double = ir.DoubleType()
        wide = builder.fpext(args[0], ir.VectorType(double, WIDTH))
        result = builder.extract_element(wide, INDEX(0))
        for lane in range(1, WIDTH):
            result = builder.fadd(result, builder.extract_element(wide, INDEX(lane)))
        return result

    return types.float64(lanes8), build
