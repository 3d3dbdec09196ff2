"""Rejected rows as a spreadsheet, for whoever mends them."""

from __future__ import annotations

import io
from collections.abc import Iterable

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from geo_service.errors import Fault

#: A text that begins like this would be a formula to some program that reads the file later.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\0")
#: What a cell of the format holds at most.
MAX_TEXT = 32_767
HEADINGS = (
    ("行\nrow", 8),
    ("编号\nid", 24),
    ("代码\ncode", 24),
    ("位置\nwhere", 24),
    ("值\nvalue", 24),
    ("原因", 48),
    ("reason", 48),
    ("处理", 48),
    ("next", 48),
)


def rejects(faults: Iterable[Fault]) -> bytes:
    """Write an XLSX with one row for each rejected row of a file.

    Examples
    --------
    >>> rejects([Fault("no_id", "缺少编号", "there is no id", row=3)])[:2]
    b'PK'
    """
    book = Workbook(write_only=True)
    sheet = book.create_sheet("未通过")
    assert isinstance(sheet, WriteOnlyWorksheet)
    sheet.freeze_panes = "A2"
    for number, (_, width) in enumerate(HEADINGS):
        sheet.column_dimensions["ABCDEFGHI"[number]].width = width
    sheet.append([_heading(sheet, words) for words, _ in HEADINGS])
    for fault in faults:
        words = (fault.id, fault.code, fault.where, fault.value, fault.zh, fault.en, fault.next_zh, fault.next_en)
        sheet.append([fault.row, *(_text(sheet, text) for text in words)])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def plain_text(text: str) -> str:
    """Return a text as a cell may hold it: never a formula, no control characters.

    Examples
    --------
    >>> plain_text("=1+1"), plain_text("G5-1")
    ("'=1+1", 'G5-1')
    """
    kept = ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", text)[: MAX_TEXT - 1]
    return f"'{kept}" if text.startswith(FORMULA_STARTS) else kept


def _text(sheet: WriteOnlyWorksheet, text: str | None) -> WriteOnlyCell | None:
    if not text:
        return None
    cell = WriteOnlyCell(sheet, plain_text(text))
    # Whatever it looks like, it is words.
    cell.data_type = "s"
    cell.number_format = "@"
    return cell


def _heading(sheet: WriteOnlyWorksheet, words: str) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet, words)
    cell.font = Font(bold=True)
    cell.alignment = Alignment(wrap_text=True, vertical="center")
    return cell
