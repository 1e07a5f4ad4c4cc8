"""What the ways of the FFT share: how their kernels are compiled and called.

A transform is compiled once, and called by its address, which a plan holds. Inlined into each kernel that transforms,
it took most of what the first sound of a new installation waits for.
"""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils, config
from numba.core.typing.templates import signature
from numba.extending import intrinsic
from numpy.typing import NDArray

Plane = NDArray[np.float32]

FASTMATH = {"contract", "reassoc", "nsz", "arcp"}
"""Reordering is allowed; NaN and infinity keep their meaning, since the guard looks for them."""

COMPILED: Any = {"cache": True, "nogil": True, "fastmath": FASTMATH}
"""How a transform is compiled."""

INLINED: Any = {"nogil": True, "fastmath": FASTMATH, "forceinline": True, "no_cpython_wrapper": True}
"""How what it consists of is compiled."""

_LINE, _PLANES = types.float32[::1], types.float32[:, ::1]
_ARGUMENTS = (_LINE, _LINE, _LINE, _LINE, _LINE, _PLANES, _PLANES)


def address_of(kernel: Any) -> Any:
    """Where the machine code of a transform begins; where nothing is compiled, the function itself."""
    if not hasattr(kernel, "compile"):  # NUMBA_DISABLE_JIT
        return kernel
    kernel.compile(types.none(*_ARGUMENTS))
    compiled = kernel.get_compile_result(types.none(*_ARGUMENTS))
    return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)


def _call(typing: Any, address: Any, arguments: Any) -> Any:
    """Call the transform at an address with a tuple of arrays."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kinds = sig.args[1].types
        function = context.call_conv.get_function_type(types.none, kinds)
        returned = [cgutils.alloca_once(builder, pointer.pointee) for pointer in function.args[:2]]
        arrays = context.get_arg_packer(kinds).as_arguments(builder, cgutils.unpack_tuple(builder, args[1]))
        builder.call(builder.inttoptr(args[0], function.as_pointer()), [*returned, *arrays])
        return context.get_dummy_value()

    return (signature(types.none, types.intp, arguments), lower) if tuple(arguments) == _ARGUMENTS else None


call: Any = (lambda function, arguments: function(*arguments)) if config.DISABLE_JIT else intrinsic(_call)  # type: ignore[attr-defined]
"""Calls a transform from within a kernel."""
