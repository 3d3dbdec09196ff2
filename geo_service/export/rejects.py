"""Rejected rows as a spreadsheet, for whoever mends them."""

from __future__ import annotations

from collections.abc import Iterable

from geo_service.errors import Fault
from geo_service.workbook import ILLEGAL, Sheet, workbook

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
    rows = []
    for fault in faults:
        words = (fault.id, fault.code, fault.where, fault.value, fault.zh, fault.en, fault.next_zh, fault.next_en)
        rows.append((fault.row, *(plain_text(text) if text else None for text in words)))
    headings, widths = zip(*HEADINGS, strict=True)
    return workbook([Sheet("未通过", headings, widths, rows)])


def plain_text(text: str) -> str:
    """Return a text as a cell may hold it: never a formula, no control characters.

    Examples
    --------
    >>> plain_text("=1+1"), plain_text("G5-1")
    ("'=1+1", 'G5-1')
    """
    kept = ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)[: MAX_TEXT - 1]
    return f"'{kept}" if text.startswith(FORMULA_STARTS) else kept
