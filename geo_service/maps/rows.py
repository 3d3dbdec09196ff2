"""Rows of the panel as JSON data: texts as ``[zh, en]`` pairs, nothing in them is markup."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from geo_service.maps import labels
from geo_service.maps.signs import Sign
from geo_service.model.text import Text
from geo_service.model.units import area_text, grouped

Json = dict[str, Any]
Finding = Mapping[str, Any]
DASH = Text("—", "—")


def pair(text: Text) -> list[str]:
    """Write a text as JSON."""
    return [text.zh, text.en]


def both(words: str) -> Text:
    """Text that reads the same in both languages: a name, a number, a document."""
    return Text(words, words)


def said(message: Finding | None) -> Text | None:
    """Read a ``{zh, en}`` pair of the record, ``None`` when it says nothing."""
    if not message or not message.get("zh"):
        return None
    return Text(message["zh"], message.get("en") or message["zh"])


def joined(parts: Iterable[Text | None], mark: str = " · ") -> Text:
    """Join what is there."""
    found = [part for part in parts if part is not None]
    return Text(mark.join(part.zh for part in found), mark.join(part.en for part in found))


def item(
    sign: Sign,
    name: Text,
    words: Text | None = None,
    *,
    right: Sequence[Text] = (),
    soon: Text | None = None,
    lines: Iterable[Text | None] = (),
    tag: Text | None = None,
    clause: Text | None = None,
    code: str = "",
) -> Json:
    """Make one row: light, name, figures at the right, outcome in bold, lines of detail, clause to copy."""
    row: Json = {"sign": sign.value, "name": pair(name)}
    if words is not None:
        row["words"] = pair(words)
    if right:
        row["right"] = [pair(text) for text in right]
    if soon is not None:
        row["soon"] = pair(soon)
    details = [pair(line) for line in lines if line is not None and line.zh]
    if details:
        row["lines"] = details
    if tag is not None:
        row["tag"] = pair(tag)
    if clause is not None:
        row["clause"] = pair(clause)
    if code:
        row["code"] = code
    return row


def section(key: str, items: list[Json], *, count: int | None = None, note: Text | None = None, **more: Any) -> Json:
    """Make one section; an empty one stays, with （0）."""
    found: Json = {"key": key, "title": pair(labels.SECTION[key]), "items": items}
    if count is not None:
        found["count"] = count
    if note is not None:
        found["note"] = pair(note)
    return found | more


def square_metres(area_m2: float) -> Text:
    """Write an area in m² as each language does."""
    return Text(area_text(area_m2), f"{grouped(area_m2, 2)} m²")
