"""The register's spreadsheet, empty, ready to be filled in."""

from __future__ import annotations

import io

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from geo_service.model.rulebook import Rulebook
from geo_service.store import sheets
from geo_service.store.sheets import Column, Sheet, Type
from geo_service.workbook import fixed

ROWS = 5000
FORMATS = {Type.ID: "@", Type.TEXT: "@", Type.CHOICE: "@", Type.DATE: "yyyy-mm-dd", Type.NUMBER: "General"}


def template(rulebook: Rulebook) -> bytes:
    """An XLSX to fill in: claims, parcel facts, indicators; the same rulebook gives the same bytes.

    Each sheet has a frozen heading in two languages, drop-downs, and one example row that an import ignores.
    """
    book = Workbook()
    guide = book.active
    assert isinstance(guide, Worksheet)
    guide.title = sheets.GUIDE.zh
    _guide(guide, rulebook)
    drawn = [sheets.claims(rulebook), sheets.facts(rulebook), sheets.indicators(rulebook)]
    lists = book.create_sheet(sheets.CHOICES.zh)
    lists.sheet_state = "hidden"
    for sheet in drawn:
        _draw(book.create_sheet(sheet.title.zh, len(book.sheetnames) - 1), sheet, lists)
    buffer = io.BytesIO()
    book.save(buffer)
    return fixed(buffer.getvalue())


def _draw(target: Worksheet, sheet: Sheet, lists: Worksheet) -> None:
    target.freeze_panes = "B2"
    target.row_dimensions[1].height = 48
    for number, column in enumerate(sheet.columns, start=1):
        letter = get_column_letter(number)
        heading = target.cell(1, number, column.heading)
        heading.font = Font(bold=True)
        heading.fill = PatternFill("solid", fgColor="DCE6F1")
        heading.alignment = Alignment(wrap_text=True, vertical="center", horizontal="center")
        example = target.cell(2, number, column.example)
        example.font = Font(italic=True, color="808080")
        example.number_format = FORMATS[column.type]
        target.column_dimensions[letter].width = 46 if number == 1 else 20
        target.column_dimensions[letter].number_format = FORMATS[column.type]
        validation = _validation(column, lists)
        if validation is not None:
            validation.add(f"{letter}2:{letter}{ROWS}")
            target.add_data_validation(validation)


def _validation(column: Column, lists: Worksheet) -> DataValidation | None:
    validation = None
    if column.choices:
        number = 1 if lists.max_column == 1 and lists.cell(1, 1).value is None else lists.max_column + 1
        lists.cell(1, number, column.title.zh)
        for row, choice in enumerate(column.choices.values(), start=2):
            lists.cell(row, number, choice.zh)
        letter = get_column_letter(number)
        validation = DataValidation(
            type="list",
            formula1=f"'{lists.title}'!${letter}$2:${letter}${len(column.choices) + 1}",
            allow_blank=True,
            showErrorMessage=True,
            errorTitle="请从列表选择",
            error="请从下拉列表中选择 / choose from the list",
        )
    elif column.note is not None:
        validation = DataValidation(allow_blank=True)
    if validation is not None and column.note is not None:
        validation.showInputMessage = True
        validation.promptTitle = column.title.zh[:32]
        # The format allows 255 characters here.
        validation.prompt = f"{column.note.zh}\n{column.note.en}"[:255]
    return validation


def _guide(target: Worksheet, rulebook: Rulebook) -> None:
    services, units = sheets.services(rulebook), sheets.capacity_units(rulebook)
    lines = [
        ("台账填报说明", "How to fill in the register"),
        (
            "带 * 的列必填；第2行为示例，导入时忽略。",
            "Columns with * are required; row 2, an example, is ignored.",
        ),
        ("日期写作 2026-10-08；数字不带单位，不用公式。", "Dates as 2026-10-08; numbers without units; no formulas."),
        (
            "有任何一处错误则整份不导入，并列出全部错误。",
            "Any fault refuses the whole file; all faults are listed.",
        ),
        (
            "证明材料：地块、事项、类别、到达情况、文号都相同的，新的替换旧的；文号不同的并存。",
            "Claims: same parcel, service, kind, reach and document: the new replaces the old; others stay beside it.",
        ),
        (
            "地块信息：每个地块一行，整行替换。控制性指标：每个地块每项指标一个值，新的替换旧的。",
            "Parcel facts: one row a parcel, replaced whole. Indicators: one value a parcel and indicator, replaced.",
        ),
        (
            "“已列计划”须填计划完成日期，并注明资金是否落实。",
            "Planned services need the date they are due, and whether they are funded.",
        ),
        ("", ""),
        ("事项", "Service"),
    ]
    lines += [
        (f"{title.zh}{f'：容量单位 {units[code]}' if code in units else ''}", f"{title.en} ({code})")
        for code, title in services.items()
    ]
    lines += [("", ""), ("指标：可用单位", "Indicator: units")]
    for code in rulebook.order.indicators:
        title = rulebook.indicators[code].title
        lines.append(
            (
                f"{title.zh}：{'、'.join(unit or '（空）' for unit in sheets.indicator_units(rulebook, code))}",
                f"{title.en} ({code})",
            )
        )
    for row, (zh, en) in enumerate(lines, start=1):
        target.cell(row, 1, zh)
        target.cell(row, 2, en)
    target["A1"].font = target["B1"].font = Font(bold=True, size=14)
    target.column_dimensions["A"].width = 80
    target.column_dimensions["B"].width = 90
