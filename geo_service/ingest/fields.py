"""From the columns of a file to the fields of a layer: names, types, code lists, ids."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable
from datetime import date, datetime
from functools import lru_cache

from geo_service.ingest.text import spelled
from geo_service.model.catalogue import FieldSpec, FieldType, LayerSpec
from geo_service.model.layer import Value

_DATE = re.compile(
    r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ][\d:.+Z\-]*)?|(\d{4})(\d{2})(\d{2})|(\d{4})年(\d{1,2})月(\d{1,2})日"
)
_TRUE = frozenset({"true", "t", "yes", "y", "1", "是", "有"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "否", "无"})
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
# A double holds every whole number of 15 digits and not every one of 16.
_EXACT = 10**15
_LONE_HALF = re.compile("[\ud800-\udfff]")
ID_LENGTH = 64


#: No name, number or list of project types is longer; a longer one is damage, or meant to fill every page it stands on.
TEXT_MAX = 10_000


class BadValue(Exception):
    """A value that cannot be what its field holds."""

    def __init__(self, code: str, zh: str, en: str, value: object) -> None:
        super().__init__(zh)
        self.code, self.zh, self.en = code, zh, en
        # JSON can spell half of a character, which no answer can hold.
        self.value = spelled(str(value))[:200]


def _key(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()


# The names of a catalogue's fields come again with every file; those of its columns are anybody's.
_known_key = lru_cache(maxsize=10_000)(_key)


def _cut(name: str) -> set[str]:
    """Return what ten bytes leave of a name, in the two usual encodings."""
    return {_key(name.encode(codec, "ignore")[:10].decode(codec, "ignore")) for codec in ("gb18030", "utf-8")}


def match_columns(
    spec: LayerSpec, columns: Iterable[str], *, truncated: bool = False
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Find the column of each field, by name, then by alias, whatever the case.

    Parameters
    ----------
    truncated : bool
        Whether the format cuts names at ten bytes.

    Returns
    -------
    found, dropped
        Column by field, and the columns that no field takes.
    """
    by_key: dict[str, str] = {}
    for column in columns:
        by_key.setdefault(_key(column), column)
    found: dict[str, str] = {}
    if not by_key:
        return found, ()
    for cutting in (False, True) if truncated else (False,):
        for field in spec.fields:
            if field.name in found:
                continue
            for name in (field.name, *field.aliases, field.title.zh):
                keys = _cut(name) if cutting else (_known_key(name),)
                match = next((by_key[key] for key in keys if key in by_key), None)
                if match is not None and match not in found.values():
                    found[field.name] = match
                    break
    taken = set(found.values())
    return found, tuple(column for column in by_key.values() if column not in taken)


def plain(raw: object) -> object:
    """Bring a value to a plain Python one; empty texts and NaN are nothing."""
    item = getattr(raw, "item", None)
    value = item() if item is not None else raw
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, str) and not value.strip():
        return None
    return value


def text_of(value: object) -> str:
    """Write a value as text; whole numbers keep all their digits or are refused."""
    if isinstance(value, str):
        found = value
    elif isinstance(value, bool):
        found = "true" if value else "false"
    elif isinstance(value, int):
        found = str(value)
    elif isinstance(value, float):
        if abs(value) >= _EXACT:
            raise BadValue(
                "number_imprecise",
                "编码以数值存储，已超过15位，末位不可信",
                "a code stored as a number of more than 15 digits has lost its last ones",
                value,
            )
        found = str(int(value)) if value.is_integer() else repr(value)
    elif isinstance(value, date):
        found = value.isoformat()
    else:
        raise BadValue("bad_value", "值应为文字", "expected text", value)
    if _LONE_HALF.search(found):
        raise BadValue(
            "half_character",
            "文字含不成对的代理码（半个字符）",
            "the text holds a lone surrogate, which is half a character",
            found,
        )
    if any(unicodedata.category(letter) == "Cc" and letter not in "\t\r\n" for letter in found):
        raise BadValue("control_character", "文字含控制字符", "the text holds a control character", repr(found))
    return found


def date_of(value: object) -> date:
    """Read a civil date.

    Examples
    --------
    >>> [date_of(text).isoformat() for text in ("2024-2-18", "2024/2/18", "20240218", "2024年2月18日")]
    ['2024-02-18', '2024-02-18', '2024-02-18', '2024-02-18']
    """
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    match = _DATE.fullmatch(text_of(value).strip())
    if match is not None:
        year, month, day = (int(part) for part in match.groups() if part is not None)
        try:
            return date(year, month, day)
        except ValueError:
            pass
    raise BadValue("bad_date", "日期无法识别（应如 2024-02-18）", "not a date (expected e.g. 2024-02-18)", value)


def number_of(value: object) -> float:
    """Read a finite number."""
    if isinstance(value, bool):
        raise BadValue("bad_number", "应为数值", "expected a number", value)
    if isinstance(value, str):
        if not _NUMBER.fullmatch(value.strip()):
            raise BadValue("bad_number", "应为数值（不带单位和分隔符）", "expected a number without unit", value)
        value = float(value)
    if isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    raise BadValue("bad_number", "应为数值", "expected a number", value)


@lru_cache(maxsize=512)
def _codes(names: tuple[tuple[str, tuple[str, ...]], ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for code, _ in names:
        found.setdefault(_key(code), code)
    for code, aliases in names:
        for alias in aliases:
            found.setdefault(_key(alias), code)
    return found


def convert(field: FieldSpec, raw: object) -> Value:
    """Bring one value to the type and the code list of its field.

    Raises
    ------
    BadValue
        When it cannot be what the field holds.
    """
    value = plain(raw)
    if value is None:
        return None
    if field.codes:
        known = _codes(tuple((code, (entry.zh, entry.en, *entry.aliases)) for code, entry in field.codes.items()))
        text = text_of(value).strip()
        code = known.get(_key(text))
        if code is None and field.open_codes:
            return text
        if code is None:
            listed = "、".join(f"{entry.zh}({code})" for code, entry in list(field.codes.items())[:12])
            raise BadValue("unknown_code", f"不在代码表内（可用：{listed}）", f"not in the code list ({listed})", text)
        return code
    if field.type is FieldType.TEXT:
        text = text_of(value).strip()
        if len(text) > TEXT_MAX:
            raise BadValue("text_too_long", f"文字超过{TEXT_MAX}字", f"a text of more than {TEXT_MAX} characters", text)
        return text
    if field.type is FieldType.DATE:
        return date_of(value)
    if field.type is FieldType.BOOLEAN:
        if isinstance(value, bool):
            return value
        word = text_of(value).strip().casefold()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise BadValue("bad_boolean", "应为 是/否", "expected yes or no", value)
    number = number_of(value)
    if field.minimum is not None and number < field.minimum:
        raise BadValue("below_minimum", f"小于允许的最小值{field.minimum:g}", f"below {field.minimum:g}", value)
    if field.type is FieldType.NUMBER:
        return number
    if not number.is_integer():
        raise BadValue("bad_number", "应为整数", "expected a whole number", value)
    if abs(number) >= _EXACT:
        raise BadValue("bad_number", "整数超过15位", "a whole number of more than 15 digits", value)
    return int(number)


def id_of(raw: object) -> str | None:
    """Read an id: text of 1 to 64 characters that is safe in an address; ``None`` when there is none.

    Raises
    ------
    BadValue
        When it holds ``/``, a backslash, a control character or outer spaces, or is too long.

    Examples
    --------
    >>> id_of(140403001001), id_of("")
    ('140403001001', None)
    """
    if raw is None or (isinstance(raw, str) and raw == ""):
        return None
    value = plain(raw)
    if value is None:
        if isinstance(raw, str):
            raise BadValue("id_invalid", "编号只有空格", "the id is nothing but spaces", repr(raw))
        return None
    text = text_of(value)
    if (
        len(text) > ID_LENGTH
        or text != text.strip()
        or any(letter in "/\\" or unicodedata.category(letter) == "Cc" for letter in text)
    ):
        raise BadValue(
            "id_invalid",
            f"编号应为1–{ID_LENGTH}个字符，不含 / \\ 控制字符及首尾空格",
            f"an id has 1 to {ID_LENGTH} characters without / \\ control characters or outer spaces",
            repr(text),
        )
    return text
