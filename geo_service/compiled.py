"""Loops over many numbers, compiled to machine code the first time they run and remembered on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function of numbers and arrays.

    It runs without Python's lock, so that threads share the cores, and without re-ordered arithmetic, so that it gives
    the same bits on every run. Division by zero gives infinity or NaN, as in numpy.

    Examples
    --------
    >>> @compiled
    ... def twice(number):
    ...     return 2.0 * number
    >>> twice(1.5)
    3.0
    """
    make = numba.njit(nogil=True, error_model="numpy", fastmath=False)
    try:
        remembered = numba.njit(nogil=True, error_model="numpy", fastmath=False, cache=True)
        return cast("Callable[P, R]", remembered(function))
    except RuntimeError:
        # No folder to remember it in: a read-only image without a home; or the function came from no file.
        return cast("Callable[P, R]", make(function))
