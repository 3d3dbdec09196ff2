"""JSON that has one spelling (RFC 8785), written by the standard library where that spells the same way."""

from __future__ import annotations

import json
import re
from typing import Any

import rfc8785

# Between these Python writes a fraction as the standard does; beyond them only one of the two takes an exponent.
_LEAST, _MOST = 1e-4, float(2**53)
_AS_IT_IS = frozenset((str, bool, type(None)))
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
# Stands for a number until the text is there; as JSON it is written with its quotes, which no text inside has.
_MARK, _MARKED = "\0number{}", re.compile(r'"\\u0000number(\d+)"')


class _NotPlain(Exception):
    """A value that the standard library does not write as RFC 8785 asks, or not at all."""


def canonical(value: Any) -> bytes:
    """Return the canonical bytes of a JSON value: UTF-8, no final newline.

    Raises
    ------
    ValueError
        For a number that JSON cannot hold or a text that UTF-8 cannot.

    Examples
    --------
    >>> canonical({"b": 2.0, "a": [1e-7, "地"]}).decode()
    '{"a":[1e-7,"地"],"b":2}'
    """
    numbers: list[str] = []
    try:
        text = _ENCODER.encode(_plain(value, numbers))
        if numbers:
            text, found = _MARKED.subn(lambda mark: numbers[int(mark[1])], text)
            if found != len(numbers):
                raise _NotPlain
        return text.encode()
    except (_NotPlain, TypeError, UnicodeEncodeError):
        return rfc8785.dumps(value)


def _plain(value: Any, numbers: list[str]) -> Any:
    """Return a value with whole numbers as integers, and marks for numbers that Python spells in another way."""
    if isinstance(value, dict):
        # Code points and UTF-16 units sort alike as long as names are ASCII.
        if not all(map(str.isascii, value)):
            raise _NotPlain
        # Most values are texts: they are passed on here, without a call for each.
        return {name: one if type(one) in _AS_IT_IS else _plain(one, numbers) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one, numbers) for one in value]
    if isinstance(value, float):
        if value.is_integer() and -_MOST < value < _MOST:
            return int(value)
        if not _LEAST <= abs(value) < _MOST:
            numbers.append(rfc8785.dumps(value).decode())
            return _MARK.format(len(numbers) - 1)
        return value
    if value is None or isinstance(value, str | bool) or (isinstance(value, int) and -_MOST < value < _MOST):
        return value
    raise _NotPlain
