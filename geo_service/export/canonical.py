"""JSON that has one spelling (RFC 8785), written here where Python spells texts and numbers the same way."""

from __future__ import annotations

from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

import rfc8785

# Between these Python writes a fraction as the standard does; beyond them only one of the two takes an exponent.
_LEAST, _MOST = 1e-4, float(2**53)


class _NotPlain(Exception):
    """A value that is not written here."""


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
    out: list[str] = []
    try:
        _write(value, out)
        return "".join(out).encode()
    except (_NotPlain, TypeError, UnicodeEncodeError):
        return rfc8785.dumps(value)


@lru_cache(maxsize=256)
def _order(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return names in their order, each as it stands before its value; values of one kind have the same names."""
    # Code points and UTF-16 units sort alike as long as names are ASCII.
    if not all(map(str.isascii, names)):
        raise _NotPlain
    return tuple((name, f"{encode_basestring(name)}:") for name in sorted(names))


def _write(value: Any, out: list[str]) -> None:
    """Append the pieces of a value's text; kinds that are most frequent in a record are asked for first."""
    kind = type(value)
    if kind is dict:
        between = "{"
        for name, before in _order(tuple(value)):
            out.append(between)
            out.append(before)
            between = ","
            one = value[name]
            # Most values are texts: they are written here, without a call for each.
            if type(one) is str:
                out.append(encode_basestring(one))
            else:
                _write(one, out)
        out.append("}" if value else "{}")
    elif kind is list or kind is tuple:
        between = "["
        for one in value:
            out.append(between)
            between = ","
            _write(one, out)
        out.append("]" if value else "[]")
    elif kind is str:
        out.append(encode_basestring(value))
    elif value is None:
        out.append("null")
    elif kind is bool:
        out.append("true" if value else "false")
    elif kind is float:
        if value.is_integer() and -_MOST < value < _MOST:
            out.append(repr(int(value)))
        else:
            out.append(repr(value) if _LEAST <= abs(value) < _MOST else rfc8785.dumps(value).decode())
    elif kind is int and -_MOST < value < _MOST:
        out.append(repr(value))
    else:
        raise _NotPlain
