"""The register's spreadsheet: the template to fill in, and the reading of a filled-in one, all or nothing."""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter

from geo_service.errors import Fault, InputError
from geo_service.model.register import Claim, ClaimKind, IndicatorValue, ParcelFacts, Reach
from geo_service.model.rulebook import Rulebook
from geo_service.store import sheets
from geo_service.store.cells import Value, Wrong, blank, value
from geo_service.store.sheets import Column, Sheet, plain
from geo_service.store.template import template

__all__ = ["RegisterSheets", "read", "template"]

MAX_BYTES = 20 * 2**20
MAX_UNPACKED_BYTES = 100 * 2**20
MAX_MEMBERS = 1000
MAX_ROWS = 20_000
# The last row the format has; a higher one would keep openpyxl filling the gap for ever.
LAST_ROW = 1_048_576
MAX_COLUMNS = 64
# How an old .xls or an encrypted workbook begins.
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

STRAY_VALUE = Wrong(
    "stray_value",
    "该列没有表头，内容不会被读取",
    "this column has no heading and would not be read",
    "请把内容移到相应的列，或删除",
    "move it to a column of the template, or delete it",
)
PLANNED_NEEDS_DUE = Wrong(
    "planned_needs_due",
    "“已列计划”须填计划完成日期",
    "a planned service needs the date it is due",
    "请填写计划完成日期",
    "fill in the due date",
)
DATES_REVERSED = Wrong(
    "dates_reversed", "有效期早于出具日期", "ends before it was issued", "请核对日期", "look at the dates"
)
NO_CAPACITY = Wrong(
    "no_capacity", "该事项没有容量", "this service has no capacity", "请清空该单元格", "leave the cell empty"
)
ZERO_AREA = Wrong(
    "zero_area", "登记面积应大于0", "the registered area must be above 0", "请核对面积", "look at the area"
)


@dataclass(frozen=True, slots=True)
class RegisterSheets:
    """What a filled-in spreadsheet says."""

    claims: tuple[Claim, ...]
    facts: tuple[ParcelFacts, ...]
    indicators: tuple[IndicatorValue, ...]


@dataclass
class _Row:
    """One row as it was read: ``values`` and cell addresses by column; a ``faulty`` column is judged no further."""

    number: int
    where: dict[str, str]
    values: dict[str, Any] = field(default_factory=dict)
    faulty: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)

    def wrong(self, key: str, wrong: Wrong, found: object = None) -> None:
        """Note a fault of one column."""
        self.faulty.add(key)
        self.faults.append(wrong.fault(self.where[key], found))

    def has(self, *keys: str) -> bool:
        """Whether all these columns were read and hold something."""
        return not self.faulty.intersection(keys) and all(self.values.get(key) is not None for key in keys)

    def named(self) -> Iterator[Fault]:
        """Return the faults with the parcel they are about."""
        for fault in self.faults:
            yield Fault(
                fault.code,
                fault.zh,
                fault.en,
                fault.next_zh,
                fault.next_en,
                where=fault.where,
                id=self.values.get("parcel_id"),
                value=fault.value,
            )


def read(data: bytes, rulebook: Rulebook) -> RegisterSheets:
    """Read a filled-in spreadsheet.

    Parameters
    ----------
    data : bytes
        The XLSX file.
    rulebook : Rulebook
        Names the services, indicators and units that may be chosen.

    Raises
    ------
    InputError
        With one fault for each thing that is wrong, naming sheet and cell; nothing is returned then.
    """
    _gate(data)
    wanted = (sheets.claims(rulebook), sheets.facts(rulebook), sheets.indicators(rulebook))
    faults: list[Fault] = []
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, keep_links=False)
        faults += _sheet_faults(book.sheetnames, wanted)
        claims, facts, indicators = (
            list(_rows(book[sheet.title.zh], sheet, faults)) if sheet.title.zh in book.sheetnames else []
            for sheet in wanted
        )
    except InputError:
        raise
    except Exception as error:
        raise InputError(_not_xlsx()) from error
    units = sheets.capacity_units(rulebook)
    for row in claims:
        _check_claim(row, units)
    for row in facts:
        _check_fact(row)
    for row in indicators:
        _check_indicator(row, rulebook)
    for sheet, rows in zip(wanted, (claims, facts, indicators), strict=True):
        _check_unique(rows, sheet)
    faults += [fault for row in (*claims, *facts, *indicators) for fault in row.named()]
    if not faults and not (claims or facts or indicators):
        faults.append(
            Fault(
                "no_rows",
                "没有填写任何内容（示例行不算）",
                "nothing is filled in (the example row does not count)",
                "请从第3行起填写",
                "fill in from row 3 on",
            )
        )
    if faults:
        raise InputError(*faults)
    return RegisterSheets(
        tuple(_claim(row.values) for row in claims),
        tuple(_fact(row.values) for row in facts),
        tuple(_indicator(row.values) for row in indicators),
    )


def _gate(data: bytes) -> None:
    """Refuse what is no workbook, or would grow too large, before any parser sees it."""
    if len(data) > MAX_BYTES:
        raise InputError(_too_large())
    if data.startswith(OLE):
        raise InputError(
            Fault(
                "not_xlsx",
                "这是旧版 .xls 或加密的工作簿",
                "this is an old .xls or an encrypted workbook",
                "请取消密码并另存为 .xlsx",
                "remove the password and save it as .xlsx",
            )
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            # The declared sizes bound what zipfile will unpack.
            if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
                raise InputError(_too_large())
            for member in members:
                # A document type can carry entities, and no spreadsheet program writes one.
                if b"<!DOCTYPE" in archive.read(member).replace(b"\0", b"").upper():
                    raise InputError(_not_xlsx())
    except (
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        RuntimeError,
        NotImplementedError,
        EOFError,
        OSError,
        ValueError,
    ) as error:
        raise InputError(_not_xlsx()) from error


def _sheet_faults(names: list[str], wanted: tuple[Sheet, ...]) -> Iterator[Fault]:
    titles = [sheet.title.zh for sheet in wanted]
    for title in titles:
        if title not in names:
            yield Fault(
                "missing_sheet",
                "缺这张工作表",
                "this sheet is missing",
                "请使用模板，不用的工作表留空即可",
                "use the template; leave sheets you do not need empty",
                where=title,
            )
    for name in names:
        if name not in (*titles, sheets.GUIDE.zh, sheets.CHOICES.zh):
            yield Fault(
                "unknown_sheet",
                "模板中没有这张工作表，其内容不会被读取",
                "the template has no such sheet, so it would not be read",
                "请把内容移到模板的工作表中，或删除该表",
                "move its content to a sheet of the template, or delete it",
                where=name,
            )


def _rows(target: Any, sheet: Sheet, faults: list[Fault]) -> Iterator[_Row]:
    name = sheet.title.zh
    # The size a sheet states may be wrong; without it the rows themselves are counted.
    target.reset_dimensions()
    columns: dict[int, Column] = {}
    for number, cells in enumerate(target.iter_rows(max_col=MAX_COLUMNS), start=1):
        if number > LAST_ROW:
            raise InputError(_too_large())
        filled = {index: cell for index, cell in enumerate(cells) if not blank(cell.value)}
        if number == 1:
            columns = _headings({index: str(cell.value) for index, cell in filled.items()}, sheet, faults)
            continue
        if not filled or any(cell.value == sheets.EXAMPLE for cell in filled.values()):
            continue
        if number > MAX_ROWS:
            raise InputError(_too_large())
        row = _Row(number, {column.key: f"{name}!{_letter(index)}{number}" for index, column in columns.items()})
        for index, column in columns.items():
            row.values[column.key] = None
            if index in filled:
                try:
                    row.values[column.key] = value(filled[index], column)
                except Wrong as wrong:
                    row.wrong(column.key, wrong, filled[index].value)
            elif column.required:
                title = column.title
                row.wrong(
                    column.key,
                    Wrong("required", f"“{title.zh}”必填", f"'{title.en}' is required", "请填写", "fill it in"),
                )
        for index in sorted(filled.keys() - columns.keys()):
            row.faults.append(STRAY_VALUE.fault(f"{name}!{_letter(index)}{number}", filled[index].value))
        yield row


def _letter(index: int) -> str:
    return str(get_column_letter(index + 1))


def _headings(found: dict[int, str], sheet: Sheet, faults: list[Fault]) -> dict[int, Column]:
    columns: dict[int, Column] = {}
    for index, heading in found.items():
        column = sheet.named(heading)
        if column is not None and column not in columns.values():
            columns[index] = column
            continue
        titles = "、".join(each.title.zh for each in sheet.columns)
        faults.append(
            Fault(
                "unknown_column" if column is None else "duplicate_column",
                f"不认识或重复的列，应为：{titles}",
                "not a column of the template, or there twice",
                "请使用最新模板，多余的列请删除",
                "use the current template and delete extra columns",
                where=f"{sheet.title.zh}!{_letter(index)}1",
                value=heading[:200],
            )
        )
    for column in sheet.columns:
        if column not in columns.values():
            faults.append(
                Fault(
                    "missing_column",
                    f"缺列“{column.title.zh}”",
                    f"the column '{column.title.en}' is missing",
                    "请使用最新模板",
                    "use the current template",
                    where=f"{sheet.title.zh}!1",
                )
            )
    return columns


def _check_unique(rows: list[_Row], sheet: Sheet) -> None:
    seen: dict[tuple[Value, ...], int] = {}
    titles = "、".join(column.title.zh for column in sheet.columns if column.key in sheet.key)
    for row in rows:
        if not row.has(*sheet.key):
            continue
        key = tuple(row.values[part] for part in sheet.key)
        first = seen.setdefault(key, row.number)
        if first != row.number:
            row.wrong(
                sheet.key[0],
                Wrong(
                    "duplicate_row",
                    f"与第{first}行重复（{titles}都相同）",
                    f"repeats row {first} (same {', '.join(sheet.key)})",
                    "请删除其中一行",
                    "delete one of the two",
                ),
            )


def _check_claim(row: _Row, units: dict[str, str]) -> None:
    values = row.values
    planned = row.has("reach") and values["reach"] == Reach.PLANNED
    if planned and "due_on" in values and not row.has("due_on") and "due_on" not in row.faulty:
        row.wrong("due_on", PLANNED_NEEDS_DUE)
    if row.has("dated_on", "valid_to") and values["valid_to"] < values["dated_on"]:
        row.wrong("valid_to", DATES_REVERSED, values["valid_to"])
    if row.has("service", "capacity") and values["service"] not in units:
        row.wrong("capacity", NO_CAPACITY, values["capacity"])


def _check_fact(row: _Row) -> None:
    if row.has("registered_area_m2") and row.values["registered_area_m2"] == 0:
        row.wrong("registered_area_m2", ZERO_AREA, 0)


def _check_indicator(row: _Row, rulebook: Rulebook) -> None:
    """Take the unit in the spelling of the indicator's rule; without a value the rule's own unit will do."""
    if not row.has("code") or "unit" not in row.where or row.faulty.intersection({"unit", "value"}):
        return
    allowed = sheets.indicator_units(rulebook, row.values["code"])
    given = row.values["unit"] or ""
    spelled = {plain(unit): unit for unit in reversed(allowed)}
    if row.values.get("value") is None and not given:
        row.values["unit"] = allowed[0]
    elif plain(given) in spelled:
        row.values["unit"] = spelled[plain(given)]
    else:
        named = [unit or "（空）" for unit in allowed]
        wrong = Wrong(
            "unknown_unit",
            f"该指标的单位应为：{'、'.join(named)}",
            f"the unit of this indicator is one of: {', '.join(named)}",
            "请改用其中一种单位",
            "use one of these",
        )
        row.wrong("unit", wrong, given)


def _claim(values: dict[str, Any]) -> Claim:
    funded = values.pop("funded")
    remark = values.pop("remark") or ""
    return Claim(
        **values
        | {
            "kind": ClaimKind(values["kind"]),
            "reach": Reach(values["reach"]),
            "funded": None if funded is None else funded == "yes",
            "remark": remark,
        }
    )


def _fact(values: dict[str, Any]) -> ParcelFacts:
    demands = tuple(
        (key.removeprefix(sheets.DEMAND), amount)
        for key, amount in values.items()
        if key.startswith(sheets.DEMAND) and amount is not None
    )
    facts = {key: known for key, known in values.items() if not key.startswith(sheets.DEMAND)}
    return ParcelFacts(**facts, demands=demands)


def _indicator(values: dict[str, Any]) -> IndicatorValue:
    return IndicatorValue(**values | {"document": values["document"] or ""})


def _not_xlsx() -> Fault:
    return Fault(
        "not_xlsx",
        "不是可以读取的 .xlsx 工作簿",
        "not an .xlsx workbook that can be read",
        "请用模板另存为 .xlsx 后重新导入",
        "save the template as .xlsx and import it again",
    )


def _too_large() -> Fault:
    return Fault(
        "too_large",
        f"工作簿过大（上限 {MAX_BYTES // 2**20} MB，解压 {MAX_UNPACKED_BYTES // 2**20} MB，每表 {MAX_ROWS} 行）",
        f"the workbook is too large (at most {MAX_BYTES // 2**20} MB, {MAX_UNPACKED_BYTES // 2**20} MB unpacked, "
        f"{MAX_ROWS} rows a sheet)",
        "请拆成几份导入",
        "import it in several parts",
    )
