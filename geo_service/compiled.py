"""Loops over many numbers, compiled to machine code the first time they run and remembered on disk.

The compiler is loaded when the first of them runs: it takes a third of a second of every process that is to start, and
most have no need of it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import cache, cached_property, update_wrapper
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np

#: What compiled functions take from the compiler; there once it is loaded.
_array: Any = None
_at: Any = None

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
    return cast("Callable[P, R]", _Compiled(function))


class _Compiled:
    """A function that is made when it is called first, by Python or by another that is compiled."""

    #: Where the compiler finds what to compile.
    __numba__ = "__wrapped__"

    def __init__(self, function: Callable[..., Any]) -> None:
        self.__wrapped__ = function
        update_wrapper(self, function)

    def __call__(self, *arguments: Any) -> Any:
        """Run it."""
        return self._made(*arguments)

    @property
    def _numba_type_(self) -> Any:
        """What the compiler asks of whatever a function refers to."""
        return self._made._numba_type_

    @cached_property
    def _made(self) -> Any:
        compiler, function = _compiler(), self.__wrapped__
        try:
            remembered = compiler.njit(nogil=True, error_model="numpy", fastmath=False, cache=True)(function)
        except RuntimeError:
            # No folder to remember it in: a read-only image without a home; or the function came from no file.
            return compiler.njit(nogil=True, error_model="numpy", fastmath=False)(function)
        # numba looks at the function's own file alone, and would go on with what it once took from the others.
        file = remembered._cache._cache_file
        file._source_stamp = (file._source_stamp, _sources(Path(function.__code__.co_filename)))
        return remembered


@cache
def _compiler() -> Any:
    global _array, _at
    import numba
    from numba.extending import intrinsic

    # numba publishes the first without saying so.
    _array, _at = numba.carray, intrinsic(_pointer)  # type: ignore[attr-defined]
    return numba


@cache
def _sources(path: Path) -> str:
    """Return a hash of the part of this package that a file belongs to, and of all parts that are named in it."""
    home = Path(__file__).parent
    left = {path.relative_to(home).parts[0].removesuffix(".py")} if path.is_relative_to(home) else set()
    digest, known = hashlib.sha256(), set[str]()
    while left:
        part = min(left)
        known.add(part)
        for source in sorted([*home.glob(f"{part}.py"), *(home / part).rglob("*.py")]):
            text = source.read_text(encoding="utf-8")
            digest.update(text.encode())
            left.update(re.findall(r"geo_service\.(\w+)", text))
        left -= known
    return digest.hexdigest()


def _pointer(context: Any, address: Any, kind: Any) -> Any:
    """Return a pointer to what lies at an address; ``kind`` is an example of it."""
    signature = _compiler().types.CPointer(kind)(address, kind)

    def generate(_context: Any, builder: Any, made: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], _context.get_value_type(made.return_type))

    return signature, generate


# What lies at an address, for compiled functions only. They are made as they are used; nothing is looked up or copied.


@compiled
def floats(address: int, shape: Any) -> Any:
    """Return the float64 numbers at an address as an array of a length or a shape."""
    return _array(_at(address, np.float64(0)), shape)


@compiled
def integers(address: int, shape: Any) -> Any:
    """Return the int64 numbers at an address as an array of a length or a shape."""
    return _array(_at(address, np.int64(0)), shape)


@compiled
def short_integers(address: int, count: int) -> Any:
    """Return the int32 numbers at an address."""
    return _array(_at(address, np.int32(0)), count)


@compiled
def flags(address: int, count: int) -> Any:
    """Return the bool values at an address."""
    return _array(_at(address, np.bool_(0)), count)


@compiled
def octets(address: int, count: int) -> Any:
    """Return the bytes at an address."""
    return _array(_at(address, np.uint8(0)), count)
