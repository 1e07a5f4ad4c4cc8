"""Eight complex numbers at a time inside numba kernels.

LLVM vectorises a loop only where it can prove, or test at each call, that no plane overlaps another, and it does not
find the order in which an FFT can be read and written in whole vectors. `Lanes` says it: a value of eight complex
numbers, as a vector of eight real and one of eight imaginary parts (a lane is one place of a SIMD vector). `+`, `-` and
`*` work lane by lane; a kernel that uses them compiles to vector instructions on every processor (two of four lanes
each where eight do not fit).

Planes are contiguous float32 arrays. Nothing here checks bounds: a kernel must stay inside them.
"""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, register_model

WIDTH = 8
"""Complex numbers in one value."""

_operation: Any = intrinsic
_FLOAT = ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, WIDTH)


class Lanes(types.Type):
    """Numba's type of eight complex numbers."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


LANES = Lanes()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    """A pair of vectors: real parts, imaginary parts."""

    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, ir.LiteralStructType([_VECTOR, _VECTOR]))


def _parts(builder: Any, lanes: Any) -> tuple[Any, Any]:
    """The vectors of real and imaginary parts."""
    return builder.extract_value(lanes, 0), builder.extract_value(lanes, 1)


def _joined(builder: Any, re: Any, im: Any) -> Any:
    """Lanes of these vectors."""
    lanes = builder.insert_value(ir.Constant(ir.LiteralStructType([_VECTOR, _VECTOR]), ir.Undefined), re, 0)
    return builder.insert_value(lanes, im, 1)


def _address(context: Any, builder: Any, plane_type: Any, plane: Any, at: Any) -> Any:
    """Where `plane[at:]` begins, as the address of a vector."""
    data = context.make_array(plane_type)(context, builder, plane).data
    return builder.bitcast(builder.gep(data, [at]), _VECTOR.as_pointer())


def _read(context: Any, builder: Any, plane_type: Any, plane: Any, at: Any) -> Any:
    return builder.load(_address(context, builder, plane_type, plane, at), align=4)


def _write(context: Any, builder: Any, plane_type: Any, plane: Any, at: Any, vector: Any) -> None:
    builder.store(vector, _address(context, builder, plane_type, plane, at), align=4)


def _shuffled(builder: Any, a: Any, b: Any, order: list[int]) -> Any:
    """The elements `order` of the sixteen of `a` and `b`."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), order))


def _splat(builder: Any, scalar: Any) -> Any:
    first = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    return _shuffled(builder, first, first, [0] * WIDTH)


def _is_plane(*planes: Any) -> bool:
    return all(isinstance(p, types.Array) and p.dtype == types.float32 and p.layout == "C" for p in planes)


@infer_global(operator.add)
@infer_global(operator.sub)
class _Sum(ConcreteTemplate):
    cases = [signature(LANES, LANES, LANES)]  # noqa: RUF012


@infer_global(operator.mul)
class _Product(ConcreteTemplate):
    cases = [signature(LANES, LANES, LANES), signature(LANES, LANES, types.float32)]  # noqa: RUF012


@lower_builtin(operator.add, Lanes, Lanes)
def _add(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    (a, b), (c, d) = _parts(builder, args[0]), _parts(builder, args[1])
    return _joined(builder, builder.fadd(a, c), builder.fadd(b, d))


@lower_builtin(operator.sub, Lanes, Lanes)
def _subtract(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    (a, b), (c, d) = _parts(builder, args[0]), _parts(builder, args[1])
    return _joined(builder, builder.fsub(a, c), builder.fsub(b, d))


@lower_builtin(operator.mul, Lanes, Lanes)
def _multiply(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    (a, b), (c, d) = _parts(builder, args[0]), _parts(builder, args[1])
    re = builder.fsub(builder.fmul(a, c), builder.fmul(b, d))
    return _joined(builder, re, builder.fadd(builder.fmul(a, d), builder.fmul(b, c)))


@lower_builtin(operator.mul, Lanes, types.float32)
def _scale(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    (a, b), factor = _parts(builder, args[0]), _splat(builder, args[1])
    return _joined(builder, builder.fmul(a, factor), builder.fmul(b, factor))


@_operation
def load(typing: Any, re: Any, im: Any, at: Any) -> Any:
    """The eight numbers `re[at + n] + i·im[at + n]`."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        a, b = (_read(context, builder, sig.args[n], args[n], args[2]) for n in range(2))
        return _joined(builder, a, b)

    return (signature(LANES, re, im, types.intp), lower) if _is_plane(re, im) else None


@_operation
def store(typing: Any, re: Any, im: Any, at: Any, lanes: Any) -> Any:
    """Write the eight numbers to `re[at:]` and `im[at:]`."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        for n, vector in enumerate(_parts(builder, args[3])):
            _write(context, builder, sig.args[n], args[n], args[2], vector)
        return context.get_dummy_value()

    return (signature(types.none, re, im, types.intp, LANES), lower) if _is_plane(re, im) else None


@_operation
def store_first(typing: Any, re: Any, im: Any, at: Any, lanes: Any) -> Any:
    """Write only the first of the eight numbers, to `re[at]` and `im[at]`."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        for n, vector in enumerate(_parts(builder, args[3])):
            data = context.make_array(sig.args[n])(context, builder, args[n]).data
            first = builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))
            builder.store(first, builder.gep(data, [args[2]]))
        return context.get_dummy_value()

    return (signature(types.none, re, im, types.intp, LANES), lower) if _is_plane(re, im) else None


@_operation
def load_next(typing: Any, table: Any, at: Any) -> Any:
    """Eight numbers of a table that holds eight real parts, then eight imaginary ones, from `at`."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        beyond = builder.add(args[1], ir.Constant(args[1].type, WIDTH))
        a, b = (_read(context, builder, sig.args[0], args[0], at) for at in (args[1], beyond))
        return _joined(builder, a, b)

    return (signature(LANES, table, types.intp), lower) if _is_plane(table) else None


@_operation
def load_one(typing: Any, table: Any, at: Any) -> Any:
    """The number `table[at] + i·table[at + 1]`, eight times."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        beyond = builder.add(args[1], ir.Constant(args[1].type, 1))
        a, b = (_splat(builder, builder.load(builder.gep(data, [at]))) for at in (args[1], beyond))
        return _joined(builder, a, b)

    return (signature(LANES, table, types.intp), lower) if _is_plane(table) else None


@_operation
def load_pairs(typing: Any, samples: Any, window: Any, at: Any) -> Any:
    """Sixteen products `samples[at + n]·window[at + n]`: the even ones as real, the odd ones as imaginary parts."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        products = []
        for first in (args[2], builder.add(args[2], ir.Constant(args[2].type, WIDTH))):
            x, w = (_read(context, builder, sig.args[n], args[n], first) for n in range(2))
            products.append(builder.fmul(x, w))
        even, odd = list(range(0, 2 * WIDTH, 2)), list(range(1, 2 * WIDTH, 2))
        a, b = products
        return _joined(builder, _shuffled(builder, a, b, even), _shuffled(builder, a, b, odd))

    return (signature(LANES, samples, window, types.intp), lower) if _is_plane(samples, window) else None


@_operation
def add_pairs(typing: Any, onto: Any, window: Any, at: Any, lanes: Any) -> Any:
    """Add real and imaginary parts in turn, times `window[at + n]`, to the sixteen samples `onto[at + n]`."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        re, im = _parts(builder, args[3])
        turns = [[place for n in range(4) for place in (first + n, WIDTH + first + n)] for first in (0, 4)]
        for offset, order in zip((0, WIDTH), turns, strict=True):
            at = builder.add(args[2], ir.Constant(args[2].type, offset))
            y, w = (_read(context, builder, sig.args[n], args[n], at) for n in range(2))
            y = builder.fadd(y, builder.fmul(_shuffled(builder, re, im, order), w))
            _write(context, builder, sig.args[0], args[0], at, y)
        return context.get_dummy_value()

    return (signature(types.none, onto, window, types.intp, LANES), lower) if _is_plane(onto, window) else None


def _changed(change: Any) -> Any:
    """What numba needs to know of an operation on the two vectors of one value."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _joined(builder, *change(builder, *_parts(builder, args[0])))

    return signature(LANES, LANES), lower


@_operation
def minus_i(typing: Any, lanes: Any) -> Any:
    """Times -i."""
    return _changed(lambda builder, re, im: (im, builder.fneg(re)))


@_operation
def conjugate(typing: Any, lanes: Any) -> Any:
    """With the other sign of the imaginary parts."""
    return _changed(lambda builder, re, im: (re, builder.fneg(im)))


@_operation
def backwards(typing: Any, lanes: Any) -> Any:
    """The last lane first."""
    order = list(range(WIDTH))[::-1]
    return _changed(lambda builder, *parts: (_shuffled(builder, part, part, order) for part in parts))


@_operation
def transposed(typing: Any, rows: Any) -> Any:
    """Eight Lanes, of which the n-th takes the n-th lane of each of `rows`, a tuple of eight."""

    def columns(builder: Any, vectors: list[Any]) -> list[Any]:
        for block in (1, 2, 4):  # swap blocks of 1, 2 and 4 elements between rows that are as far apart
            low = [n // block % 2 * (WIDTH - block) + n for n in range(WIDTH)]
            high = [place + block for place in low]
            upper = [vectors[n] for n in range(WIDTH) if not n & block]
            lower_rows = [vectors[n] for n in range(WIDTH) if n & block]
            swapped = [
                (_shuffled(builder, a, b, low), _shuffled(builder, a, b, high))
                for a, b in zip(upper, lower_rows, strict=True)
            ]
            places = [n for n in range(WIDTH) if not n & block]
            for place, (first, second) in zip(places, swapped, strict=True):
                vectors[place], vectors[place + block] = first, second
        return vectors

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        parts = [_parts(builder, row) for row in cgutils.unpack_tuple(builder, args[0])]
        transposed_parts = [columns(builder, [part[n] for part in parts]) for n in range(2)]
        lanes = [_joined(builder, re, im) for re, im in zip(*transposed_parts, strict=True)]
        return context.make_tuple(builder, sig.return_type, lanes)

    return signature(types.UniTuple(LANES, WIDTH), types.UniTuple(LANES, WIDTH)), lower
