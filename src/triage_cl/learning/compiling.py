"""How the kernels are compiled: once a machine, without the interpreter's lock, without reordered arithmetic."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from numba import njit

_Given = ParamSpec("_Given")
_Made = TypeVar("_Made")


def compiled(kernel: Callable[_Given, _Made]) -> Callable[_Given, _Made]:
    """The kernel as machine code, made at its first call and kept beside the source, or in the user's cache.

    Numba notices a change of the kernel's own file only: after changing a file whose kernels others call, delete
    the kept code (`__pycache__/*.nbi`).
    """
    try:
        machine_code = njit(cache=True, nogil=True, error_model="numpy")(kernel)
    except RuntimeError:  # There is no folder to keep it in: every process compiles for itself.
        machine_code = njit(nogil=True, error_model="numpy")(kernel)
    return cast("Callable[_Given, _Made]", machine_code)
