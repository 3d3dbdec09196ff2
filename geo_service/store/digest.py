"""SHA-256 over parts, and JSON that has one spelling."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable


def digest(parts: Iterable[bytes]) -> str:
    """SHA-256 hex over parts, each preceded by its length so that no two lists of parts look alike.

    Examples
    --------
    >>> digest([b"ab", b"c"]) == digest([b"a", b"bc"])
    False
    """
    sha = hashlib.sha256()
    for part in parts:
        sha.update(len(part).to_bytes(8, "big"))
        sha.update(part)
    return sha.hexdigest()


def canonical(value: object) -> bytes:
    """JSON with sorted keys and no blanks, in UTF-8.

    Examples
    --------
    >>> canonical({"b": 1, "a": "地"}).decode()
    '{"a":"地","b":1}'
    """
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
