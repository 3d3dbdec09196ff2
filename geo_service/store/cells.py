"""One cell of a spreadsheet, read as what its column holds."""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import date, datetime
from typing import Any

from geo_service.errors import Fault
from geo_service.store.sheets import Column, Type, plain

MAX_TEXT = 500
MAX_ID = 64
# Spreadsheets keep 15 digits of a number; a longer code has lost its end before it reaches us.
EXACT_DIGITS = 15
YEARS = range(1950, 2151)

_NUMBER = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?")
_DATE = re.compile(r"(\d{4})(?:([-/.])(\d{1,2})\2(\d{1,2})|年(\d{1,2})月(\d{1,2})日|(\d{2})(\d{2}))")

Value = str | float | date | None


class Wrong(Exception):
    """A cell that cannot be read, in the words of a fault."""

    def __init__(self, code: str, zh: str, en: str, next_zh: str, next_en: str) -> None:
        super().__init__(code)
        self.words = (code, zh, en, next_zh, next_en)

    def fault(self, where: str, value: object) -> Fault:
        """The fault of one cell."""
        return Fault(*self.words, where=where, value=None if value is None else str(value)[:200])


def blank(value: object) -> bool:
    """Whether a cell holds nothing to read."""
    return value is None or (isinstance(value, str) and not value.strip())


def value(cell: Any, column: Column) -> Value:
    """Read a filled cell.

    Raises
    ------
    Wrong
        When it does not hold what its column holds.
    """
    if cell.data_type == "f":
        raise Wrong(
            "formula",
            "单元格是公式，不读取公式",
            "the cell is a formula; formulas are not read",
            "请复制后“选择性粘贴—数值”",
            "copy it and paste the value",
        )
    if cell.data_type == "e":
        raise Wrong(
            "error_cell",
            "单元格是错误值",
            "the cell holds a spreadsheet error",
            "请改正后重新导入",
            "mend it and import again",
        )
    if column.type is Type.DATE:
        return _date(cell.value)
    if column.type is Type.NUMBER:
        return _number(cell.value, str(cell.number_format))
    text = _text(cell.value)
    if column.type is Type.ID:
        return _id(text)
    return _choice(text, column) if column.type is Type.CHOICE else text


def _text(value: object) -> str:
    if isinstance(value, (bool, date)) or not isinstance(value, (str, int, float)):
        raise Wrong(
            "not_text",
            "应为文本（表格软件可能已自动转换）",
            "expected text (the spreadsheet may have converted it)",
            "请把单元格格式设为“文本”后重新填写",
            "set the cell's format to text and fill it in again",
        )
    if isinstance(value, str):
        text = value.strip()
        if len(text) > MAX_TEXT or any(unicodedata.category(sign) == "Cc" and sign not in "\n\t" for sign in text):
            raise Wrong(
                "bad_text",
                f"文本超过{MAX_TEXT}字或含控制字符",
                f"the text is longer than {MAX_TEXT} characters or holds control characters",
                "请改短或清除不可见字符",
                "shorten it or remove invisible characters",
            )
        return text
    if abs(value) >= 10**EXACT_DIGITS:
        raise Wrong(
            "digits_lost",
            f"编码超过{EXACT_DIGITS}位且为数字格式，末位已丢失",
            f"a code of more than {EXACT_DIGITS} digits stored as a number has lost its last digits",
            "请把单元格格式设为“文本”后重新填写",
            "set the cell's format to text and fill it in again",
        )
    return str(int(value)) if float(value).is_integer() else repr(value)


def _id(text: str) -> str:
    if len(text) > MAX_ID or any(sign in "/\\" or unicodedata.category(sign) == "Cc" for sign in text):
        raise Wrong(
            "bad_id",
            f"编号应为1–{MAX_ID}个字符，不含 / 、\\ 和控制字符",
            f"an id has 1 to {MAX_ID} characters without /, \\ and control characters",
            "请核对编号",
            "look at the id",
        )
    return text


def _choice(text: str, column: Column) -> str:
    assert column.choices is not None
    for code, title in column.choices.items():
        if plain(text) in (plain(code), plain(title.zh), plain(title.en)):
            return code
    zh = "、".join(title.zh for title in column.choices.values())
    en = ", ".join(title.en for title in column.choices.values())
    raise Wrong(
        f"unknown_{column.key}",
        f"“{column.title.zh}”应为：{zh}",
        f"'{column.title.en}' is one of: {en}",
        "请从下拉列表中选择",
        "choose from the list",
    )


def _number(value: object, number_format: str) -> float:
    if isinstance(value, str):
        text = unicodedata.normalize("NFKC", value).strip()
        number = float(text.replace(",", "")) if _NUMBER.fullmatch(text) else math.nan
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        # A cell shown as 35 % holds 0.35: nobody can tell which of the two was meant.
        if "%" in number_format:
            raise Wrong(
                "percent_format",
                "单元格为百分比格式，数值含义不明",
                "the cell is formatted as a percentage, so its number is ambiguous",
                "请改为常规格式并按单位填写（如 35）",
                "set the format to general and write the number in its unit (e.g. 35)",
            )
        number = float(value)
    else:
        number = math.nan
    if not math.isfinite(number):
        raise Wrong(
            "bad_number",
            "应为不带单位的数字",
            "expected a number without a unit",
            "请只填数字",
            "write the number alone",
        )
    if number < 0:
        raise Wrong("negative", "不能为负数", "must not be negative", "请核对数字", "look at the number")
    return number


def _date(value: object) -> date:
    found: date | None = None
    if isinstance(value, datetime):
        found = value.date()
    elif isinstance(value, date):
        found = value
    elif isinstance(value, (str, int)) and not isinstance(value, bool):
        parts = _DATE.fullmatch(unicodedata.normalize("NFKC", str(value)).strip())
        if parts is not None:
            numbers = [int(part) for part in parts.groups() if part is not None and part.isdigit()]
            try:
                found = date(*numbers)
            except ValueError:
                found = None
    if found is None or found.year not in YEARS:
        raise Wrong(
            "bad_date",
            "应为日期，写作 2026-10-08",
            "expected a date, written 2026-10-08",
            "请按年-月-日填写",
            "write year-month-day",
        )
    return found
