"""Sheets of plain cells as a workbook (XLSX): the same sheets give the same bytes, and text stays text.

The library of the format is loaded when the first is written, as a start would wait for it.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

MOMENT = datetime(2020, 1, 1)  # noqa: DTZ001 - the format stores no zone, and the moment is only there to be fixed
PROPERTIES = "docProps/core.xml"
#: Characters that no XML may hold.
ILLEGAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")

Cell = str | float | date | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows under headings; ``widths`` in characters, one a column."""

    title: str
    headings: tuple[str, ...]
    widths: tuple[int, ...]
    rows: Sequence[tuple[Cell, ...]]


def workbook(sheets: Sequence[Sheet]) -> bytes:
    """Write sheets with a heading that stays in view and can be filtered by.

    A text is never a formula, whatever it begins with, and a number of many digits written as text keeps them all.

    Examples
    --------
    >>> from openpyxl import load_workbook
    >>> book = load_workbook(io.BytesIO(workbook([Sheet("a", ("no.",), (9,), [("=1+1",), (2.5,)])])))
    >>> [(cell.value, cell.data_type) for cell in book["a"]["A"]]
    [('no.', 's'), ('=1+1', 's'), (2.5, 'n')]
    """
    from openpyxl import Workbook
    from openpyxl.utils import get_column_letter

    book = Workbook(write_only=True)
    for sheet in sheets:
        target = book.create_sheet(sheet.title)
        target.freeze_panes = "B2"
        for number, width in enumerate(sheet.widths, start=1):
            target.column_dimensions[get_column_letter(number)].width = width
        target.append([_heading(target, words) for words in sheet.headings])
        for row in sheet.rows:
            target.append([_cell(target, value) for value in row])
        target.auto_filter.ref = f"A1:{get_column_letter(len(sheet.headings))}{len(sheet.rows) + 1}"
    buffer = io.BytesIO()
    book.save(buffer)
    return fixed(buffer.getvalue())


def _heading(target: WriteOnlyWorksheet, words: str) -> WriteOnlyCell:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Alignment, Font, PatternFill

    cell = WriteOnlyCell(target, words)
    cell.font, cell.fill = Font(bold=True), PatternFill("solid", fgColor="DCE6F1")
    cell.alignment = Alignment(wrap_text=True, vertical="center")
    return cell


def _cell(target: WriteOnlyWorksheet, value: Cell) -> WriteOnlyCell | None:
    from openpyxl.cell import WriteOnlyCell

    if value is None or value == "":
        return None
    if not isinstance(value, str):
        cell = WriteOnlyCell(target, value)
        if isinstance(value, date):
            cell.number_format = "yyyy-mm-dd"
        return cell
    # They are of no use to a reader either.
    cell = WriteOnlyCell(target, ILLEGAL.sub("", value))
    cell.data_type = "s"
    cell.number_format = "@"
    return cell


def fixed(data: bytes) -> bytes:
    """The same workbook without the moment of writing."""
    from openpyxl.packaging.core import DocumentProperties
    from openpyxl.xml.functions import tostring

    properties = tostring(DocumentProperties(creator="geo-service", created=MOMENT, modified=MOMENT).to_tree())
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            member = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            # One system code whatever machine writes it.
            member.create_system = 3
            member.external_attr = 0o644 << 16
            target.writestr(member, properties if name == PROPERTIES else source.read(name))
    return buffer.getvalue()
