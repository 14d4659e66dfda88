"""Eight float32 numbers that move as one: the vector type the kernels are written with.

A value of type `lanes8` is one LLVM vector `<8 x float>`: one AVX register, two of SSE or NEON; `lanes4` is
`<4 x double>`, for what float32 is too coarse for. Kernels see ordinary operators and a handful of functions; nothing
is left to chance of the loop vectoriser. Products that feed a sum may be fused (`contract`), no other liberty is taken.
Functions of this page exist in compiled code only.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, register_model

WIDTH: Final = 8
FLOAT: Final = ir.FloatType()
VECTOR: Final = ir.VectorType(FLOAT, WIDTH)
QUAD_WIDTH: Final = 4
DOUBLE: Final = ir.DoubleType()
QUAD: Final = ir.VectorType(DOUBLE, QUAD_WIDTH)
INDEX: Final = ir.IntType(32)
FUSED: Final = ("contract",)


class Lanes(types.Type):
    """The numba type of eight float32 side by side."""

    def __init__(self) -> None:
        super().__init__(name="lanes8")


class Quads(types.Type):
    """The numba type of four float64 side by side."""

    def __init__(self) -> None:
        super().__init__(name="lanes4")


lanes8: Final = Lanes()
lanes4: Final = Quads()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, VECTOR)


@register_model(Quads)
class _QuadsModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, QUAD)


def primitive(define: Callable[..., Any]) -> Any:
    """Decorator: `numba.extending.intrinsic`, of whose calls a type checker knows nothing."""
    return intrinsic(define)


def _operator(which: Any, build: Callable[..., Any]) -> None:
    @infer_global(which)
    class _Typing(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            if args in ((lanes8, lanes8), (lanes4, lanes4)):
                return signature(args[0], *args)
            return None

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return build(builder, *args)

    lower_builtin(which, Lanes, Lanes)(lower)
    lower_builtin(which, Quads, Quads)(lower)


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


@primitive
def before(typing: Any, earlier: Any, value: Any) -> Any:
    """Lane by lane the number one place earlier: the last of `earlier`, then lanes 0 to 6."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.shuffle_vector(*args, _mask(list(range(WIDTH - 1, 2 * WIDTH - 1))))

    return lanes8(lanes8, lanes8), build


LN_2: Final = 0.6931471805599453
SERIES: Final = (2 / 9, 2 / 7, 2 / 5, 2 / 3, 2.0)


@primitive
def logarithm(typing: Any, value: Any) -> Any:
    """Lane by lane the natural logarithm of a positive normal number, to 1e-7 of it or of 1.

    The exponent by bits; of the rest r, between the roots of 1/2 and 2, twice the artanh of (r - 1) / (r + 1).
    """

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        def every(number: float) -> Any:
            return ir.Constant(VECTOR, [float(np.float32(number))] * WIDTH)

        whole = ir.VectorType(INDEX, WIDTH)
        bits = builder.bitcast(args[0], whole)
        # bits less those of the root of 1/2: the exponent of what is left is that of the nearest power of two
        shifted = builder.sub(bits, ir.Constant(whole, [0x3F3504F3] * WIDTH))
        exponent = builder.ashr(shifted, ir.Constant(whole, [23] * WIDTH))
        rest = builder.bitcast(builder.sub(bits, builder.shl(exponent, ir.Constant(whole, [23] * WIDTH))), VECTOR)
        one = every(1)
        z = builder.fdiv(builder.fsub(rest, one), builder.fadd(rest, one))
        square = builder.fmul(z, z)
        series = every(SERIES[0])
        for factor in SERIES[1:]:
            series = builder.fadd(builder.fmul(series, square, flags=FUSED), every(factor), flags=FUSED)
        power = builder.fmul(builder.sitofp(exponent, VECTOR), every(LN_2), flags=FUSED)
        return builder.fadd(power, builder.fmul(series, z, flags=FUSED), flags=FUSED)

    return lanes8(lanes8), build


@primitive
def quad(typing: Any, array: Any, index: Any) -> Any:
    """array[index : index + 4] of float64."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        address = pointer(context, builder, sig.args[0], *args)
        loaded = builder.load(builder.bitcast(address, QUAD.as_pointer()))
        loaded.align = 8
        return loaded

    return lanes4(array, types.intp), build


@primitive
def store_quad(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """array[index : index + 4] = value, float64."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        address = pointer(context, builder, sig.args[0], *args[:2])
        builder.store(args[2], builder.bitcast(address, QUAD.as_pointer())).align = 8
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes4), build


@primitive
def moved_up(typing: Any, first: Any, value: Any) -> Any:
    """A float64, then lanes 0 to 2."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        moved = builder.shuffle_vector(args[1], ir.Constant(QUAD, ir.Undefined), _mask([0, 0, 1, 2]))
        return builder.insert_element(moved, args[0], INDEX(0))

    return lanes4(types.float64, lanes4), build


@primitive
def last(typing: Any, value: Any) -> Any:
    """Lane 3 of four float64."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.extract_element(args[0], INDEX(QUAD_WIDTH - 1))

    return types.float64(lanes4), build
