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


@lru_cache(maxsize=1024)
def number(value: float) -> str:
    """Return the canonical text of a number.

    Raises
    ------
    ValueError
        For one that JSON cannot hold.

    Examples
    --------
    >>> number(2.0), number(0.25), number(1e-7), number(3)
    ('2', '0.25', '1e-7', '3')
    """
    if -_MOST < value < _MOST and (not isinstance(value, float) or value.is_integer()):
        return repr(int(value))
    return float.__repr__(value) if _LEAST <= abs(value) < _MOST else rfc8785.dumps(value).decode()


def utf8(text: str) -> bytes:
    """Return the bytes of a canonical text.

    Raises
    ------
    ValueError
        When a text in it is none that UTF-8 can hold.
    """
    try:
        return text.encode()
    except UnicodeEncodeError:
        return rfc8785.dumps(text)


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
    elif kind is float or kind is int:
        out.append(number(value))
    else:
        raise _NotPlain
