"""A sentence in two languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """Chinese first, English beside it.

    Examples
    --------
    >>> Text("缺{n}", "{n} missing").fill({"n": "2"})
    Text(zh='缺2', en='2 missing')
    """

    zh: str
    en: str

    def fill(self, values: Mapping[str, str | Text]) -> Text:
        """Put values into both sentences; a value may itself be bilingual."""
        zh = {key: value.zh if isinstance(value, Text) else value for key, value in values.items()}
        en = {key: value.en if isinstance(value, Text) else value for key, value in values.items()}
        return Text(self.zh.format_map(zh), self.en.format_map(en))

    def __add__(self, other: Text) -> Text:
        """Join two sentences."""
        return Text(self.zh + other.zh, self.en + other.en)
