"""What Numba has no words for: reading eight bytes at once, and telling the processor which rows come next."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from triage_cl.learning.compiling import compiled

_LINE = 16  # numbers of four bytes in a line of the cache


def _eight_bytes(_: Any, text: Any, _index: Any) -> tuple[Any, Callable[..., Any]]:
    """The eight bytes of `text` from `index` on as one number, the first one lowest, wherever in memory they begin."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(64).as_pointer())
        return builder.load(place, align=1)

    return types.uint64(text, types.intp), generate


#: At least eight bytes of the text must be left. Processors that put the highest byte first are not served.
eight_bytes = cast("Callable[[NDArray[np.uint8], int], np.uint64]", intrinsic(_eight_bytes))


def _prefetch(_: Any, array: Any, index: Any) -> tuple[Any, Callable[..., Any]]:
    """Ask for the line of the cache that holds the number at `index`; nothing is read, and nothing changes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        for_reading, to_stay, data_not_code = word(0), word(3), word(1)
        builder.call(prefetch, [place, for_reading, to_stay, data_not_code])
        return context.get_dummy_value()

    return types.void(array, index), generate


prefetch = cast("Callable[[NDArray[Any], int], None]", intrinsic(_prefetch))


@compiled
def prefetch_rows(
    rows: NDArray[np.int32],
    indices: NDArray[np.uint32],
    logarithms: NDArray[np.float32],
    counted: NDArray[np.int32],
    weights: NDArray[np.float32],
) -> None:
    """Ask for what the table of weights has about these features: measured, it takes a quarter off a prediction."""
    width = weights.shape[1]
    numbers = weights.reshape(-1)
    for i in range(indices.size):
        row = int(rows[indices[i]])
        if row >= 0:
            prefetch(logarithms, row)
            prefetch(counted, row)
            for column in range(0, width, _LINE):
                prefetch(numbers, row * width + column)
            prefetch(numbers, row * width + width - 1)
