"""Data in a page: what repeats is written once, and nothing can end the script block it stands in."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

_LEAST = 24
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def script_json(value: Any) -> str:
    r"""Write JSON that is inert inside ``<script>``.

    Examples
    --------
    >>> print(script_json("</script>&"))
    "\u003c/script\u003e\u0026"
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return text


def packed(value: Any) -> dict[str, Any]:
    """Pull repeated parts of a JSON value into a pool; ``{"$": n}`` stands for entry n.

    A pool entry refers only to entries before it. Objects with a key ``$`` are not allowed in the value.

    Examples
    --------
    >>> words = ["一句在每个地块都要说的话，说一次就够了", "a sentence"]
    >>> packed([words, words])
    {'pool': [['一句在每个地块都要说的话，说一次就够了', 'a sentence']], 'value': [{'$': 0}, {'$': 0}]}
    """
    numbers: dict[Any, int] = {}
    counts: Counter[int] = Counter()
    seen: dict[int, tuple[int, int]] = {}

    def numbered(part: Any) -> tuple[int, int]:
        """Return a number for the content of a part, and about how long it is when written."""
        key: Any
        if isinstance(part, dict):
            children = [(name, *numbered(child)) for name, child in part.items()]
            key = ("dict", *((name, number) for name, number, _ in children))
            length = sum(len(name) + size + 4 for name, _, size in children)
        elif isinstance(part, list) and all(type(child) is str for child in part):
            # The commonest part by far, a text in two languages, without a call for each word.
            key = ("texts", *part)
            length = sum(map(len, part)) + 3 * len(part)
        elif isinstance(part, list):
            members = [numbered(child) for child in part]
            key = ("list", *(number for number, _ in members))
            length = sum(size + 1 for _, size in members)
        else:
            key = (type(part), part)
            length = len(str(part)) + 2
        number = numbers.setdefault(key, len(numbers))
        counts[number] += 1
        seen[id(part)] = number, length
        return number, length

    numbered(value)
    pool: list[Any] = []
    places: dict[int, int] = {}

    def shrunk(part: Any) -> Any:
        if not isinstance(part, dict | list):
            return part
        number, length = seen[id(part)]
        if number in places:
            return {"$": places[number]}
        small: Any
        if isinstance(part, dict):
            small = {name: shrunk(child) for name, child in part.items()}
        else:
            small = [shrunk(child) for child in part]
        if counts[number] > 1 and length > _LEAST:
            places[number] = len(pool)
            pool.append(small)
            return {"$": places[number]}
        return small

    return {"pool": pool, "value": shrunk(value)}
