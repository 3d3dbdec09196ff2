"""The spreadsheet: what is filled into the template arrives, and every fault is named with its cell."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime

import pytest
from openpyxl import Workbook, load_workbook

from geo_service.errors import InputError
from geo_service.model.register import Claim, ClaimKind, IndicatorValue, ParcelFacts, Reach
from geo_service.store import xlsx

CLAIMS, FACTS, INDICATORS = "证明材料", "地块信息", "控制性指标"
CLAIM_ROW = ("P1", "通水（给水）", "永久", "通至宗地红线", "水证〔2026〕8号", "供水公司", date(2026, 10, 8))


@pytest.fixture(scope="session")
def empty(rulebook) -> bytes:
    return xlsx.template(rulebook)


@pytest.fixture
def book(empty) -> Workbook:
    return load_workbook(io.BytesIO(empty))


def saved(book: Workbook) -> bytes:
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def fill(book: Workbook, sheet: str, row: int, *values: object) -> None:
    for number, value in enumerate(values, start=1):
        book[sheet].cell(row, number, value)


def faults(book: Workbook, rulebook) -> list[tuple[str, str]]:
    with pytest.raises(InputError) as caught:
        xlsx.read(saved(book), rulebook)
    assert all(fault.zh and fault.en and fault.next_zh and fault.next_en for fault in caught.value.faults)
    return [(fault.code, fault.where) for fault in caught.value.faults]


# The template


def test_the_template_has_the_same_bytes_each_time(rulebook, empty):
    assert xlsx.template(rulebook) == empty


def test_the_template_shows_headings_in_two_languages_and_a_marked_example(book):
    assert book.sheetnames == ["说明", CLAIMS, FACTS, INDICATORS, "选项"]
    assert book["选项"].sheet_state == "hidden"
    for name in (CLAIMS, FACTS, INDICATORS):
        sheet = book[name]
        assert sheet.freeze_panes == "B2"
        assert sheet["A1"].value == "宗地编号*\nParcel id"
        assert "示例" in sheet["A2"].value
        assert sheet.column_dimensions["A"].number_format == "@"


def test_the_template_offers_what_the_rulebook_knows(book, rulebook):
    def offered(sheet: str, cell: str) -> list[str]:
        validation = next(each for each in book[sheet].data_validations.dataValidation if cell in each.sqref)
        area = validation.formula1.split("!")[1].replace("$", "")
        return [row[0].value for row in book["选项"][area]]

    services = [rulebook.services[code].title.zh for code in rulebook.order.services] + [rulebook.level.title.zh]
    assert offered(CLAIMS, "B3") == services
    assert offered(CLAIMS, "C3") == ["永久", "临时"]
    assert offered(CLAIMS, "D3") == ["通至宗地红线", "已列计划"]
    assert offered(CLAIMS, "I3") == ["是", "否"]
    assert offered(INDICATORS, "B3") == [rulebook.indicators[code].title.zh for code in rulebook.order.indicators]
    assert "万元/亩" in offered(INDICATORS, "D3")
    headings = [cell.value for cell in book[FACTS][1]]
    assert any("通水（给水）需求量（m³/d）" in heading for heading in headings)
    assert any("通电需求量（kVA）" in heading for heading in headings)
    assert not any("通路需求量" in heading for heading in headings)


def test_the_example_alone_is_nothing(book, rulebook):
    assert faults(book, rulebook) == [("no_rows", "")]


def test_the_example_would_be_accepted_under_another_id(book, rulebook):
    for name in (CLAIMS, FACTS, INDICATORS):
        book[name]["A2"] = "P1"
    read = xlsx.read(saved(book), rulebook)
    assert (len(read.claims), len(read.facts), len(read.indicators)) == (1, 1, 1)


# What arrives


def test_a_filled_in_template_arrives(book, rulebook):
    fill(book, CLAIMS, 3, *CLAIM_ROW, date(2027, 10, 7), None, None, 500, "附件3")
    fill(
        book,
        CLAIMS,
        4,
        "P1",
        "GAS",
        "permanent",
        "planned",
        "燃计〔2026〕1号",
        "燃气公司",
        "2026/9/1",
        None,
        "是",
        "2027年3月1日",
    )
    fill(
        book,
        CLAIMS,
        5,
        "P1",
        "场地平整",
        "永久",
        "通至宗地红线",
        "平整竣工测量图",
        "测绘院",
        datetime.fromisoformat("2026-05-01"),
    )
    fill(
        book,
        FACTS,
        3,
        "P1",
        "通用设备制造",
        "拟供",
        "２０２６－１２－０１",
        "20270401",
        "204,366.64",
        300,
        "１０００．５",
    )
    fill(book, INDICATORS, 3, "P1", "固定资产投资强度", 4500, "万元／公顷", "规条〔2026〕5号")
    fill(book, INDICATORS, 4, "P1", "亩均税收")
    fill(book, INDICATORS, 5, "P1", "容积率", 1.2)
    read = xlsx.read(saved(book), rulebook)
    assert read.claims == (
        Claim(
            "P1",
            "WATER",
            ClaimKind.PERMANENT,
            Reach.TO_BOUNDARY,
            "水证〔2026〕8号",
            "供水公司",
            date(2026, 10, 8),
            date(2027, 10, 7),
            None,
            None,
            500.0,
            "附件3",
        ),
        Claim(
            "P1",
            "GAS",
            ClaimKind.PERMANENT,
            Reach.PLANNED,
            "燃计〔2026〕1号",
            "燃气公司",
            date(2026, 9, 1),
            None,
            True,
            date(2027, 3, 1),
        ),
        Claim(
            "P1",
            "LEVEL",
            ClaimKind.PERMANENT,
            Reach.TO_BOUNDARY,
            "平整竣工测量图",
            "测绘院",
            date(2026, 5, 1),
        ),
    )
    assert read.facts == (
        ParcelFacts(
            "P1",
            "通用设备制造",
            "拟供",
            date(2026, 12, 1),
            date(2027, 4, 1),
            204366.64,
            (("WATER", 300.0), ("POWER", 1000.5)),
        ),
    )
    assert read.indicators == (
        IndicatorValue("P1", "fixed_investment_intensity", 4500.0, "万元/公顷", "规条〔2026〕5号"),
        IndicatorValue("P1", "tax_per_mu", None, "万元/亩·年"),
        IndicatorValue("P1", "floor_area_ratio", 1.2, ""),
    )


def test_what_arrives_can_be_put_into_the_register(book, rulebook, workspace):
    fill(book, CLAIMS, 3, *CLAIM_ROW)
    fill(book, FACTS, 3, "P1", None, None, "2026-12-01")
    read = xlsx.read(saved(book), rulebook)
    workspace.register.put(read.claims, read.facts, read.indicators)
    assert workspace.register.claims_of("P1") == read.claims
    assert workspace.register.facts_of("P1") == read.facts[0]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("0140400001002000300040005006", "0140400001002000300040005006"),
        ("  CZGX-2024-001 ", "CZGX-2024-001"),
        ("宗地（一）", "宗地（一）"),
        (20240001, "20240001"),
    ],
)
def test_an_id_is_text(book, rulebook, typed, kept):
    fill(book, FACTS, 3, typed)
    assert xlsx.read(saved(book), rulebook).facts[0].parcel_id == kept


def test_text_that_begins_like_a_formula_stays_text(book, rulebook):
    fill(book, CLAIMS, 3, *CLAIM_ROW)
    cell = book[CLAIMS]["E3"]
    cell.value, cell.data_type = "=cmd|'/c calc'!A0", "s"
    assert xlsx.read(saved(book), rulebook).claims[0].document == "=cmd|'/c calc'!A0"


def test_columns_may_stand_in_another_order_and_unused_rows_between(book, rulebook):
    sheet = book[INDICATORS]
    sheet.move_range("A1:A2", cols=8)
    sheet.delete_cols(1)
    fill(book, INDICATORS, 9, "容积率", 1.2, None, "规条")
    sheet["H9"] = "P1"
    assert xlsx.read(saved(book), rulebook).indicators == (IndicatorValue("P1", "floor_area_ratio", 1.2, "", "规条"),)


# What is refused


@pytest.mark.parametrize(
    ("cell", "value", "code"),
    [
        ("A3", None, "required"),
        ("B3", None, "required"),
        ("C3", " ", "required"),
        ("D3", None, "required"),
        ("E3", None, "required"),
        ("F3", None, "required"),
        ("G3", None, "required"),
        ("A3", "a/b", "bad_id"),
        ("A3", "x" * 65, "bad_id"),
        ("A3", 1404000010020003, "digits_lost"),
        ("A3", 1.4040000100200030e27, "digits_lost"),
        ("A3", date(2024, 1, 1), "not_text"),
        ("E3", True, "not_text"),
        ("E3", "字" * 501, "bad_text"),
        ("B3", "通航", "unknown_service"),
        ("C3", "长期", "unknown_kind"),
        ("D3", "附近", "unknown_reach"),
        ("I3", "也许", "unknown_funded"),
        ("G3", "去年", "bad_date"),
        ("G3", "2026-02-30", "bad_date"),
        ("G3", "10/08/2026", "bad_date"),
        ("G3", "26-10-08", "bad_date"),
        ("G3", "1066-10-14", "bad_date"),
        ("H3", "2026-10-07", "dates_reversed"),
        ("K3", -1, "negative"),
        ("K3", "-５", "negative"),
        ("K3", "500 m³/d", "bad_number"),
        ("K3", "1,5", "bad_number"),
        ("K3", "nan", "bad_number"),
        ("K3", "1e400", "bad_number"),
        ("K3", True, "bad_number"),
        ("K3", "=1+1", "formula"),
        ("E3", "=A1", "formula"),
        ("K3", "#DIV/0!", "error_cell"),
        ("N3", "旁注", "stray_value"),
    ],
)
def test_each_fault_names_its_cell(book, rulebook, cell, value, code):
    fill(book, CLAIMS, 3, *CLAIM_ROW)
    book[CLAIMS][cell] = value
    assert faults(book, rulebook) == [(code, f"{CLAIMS}!{cell}")]


def test_a_date_that_is_shown_as_a_number_is_refused(book, rulebook):
    fill(book, CLAIMS, 3, *CLAIM_ROW)
    book[CLAIMS]["G3"], book[CLAIMS]["G3"].number_format = 46303, "General"
    assert faults(book, rulebook) == [("bad_date", f"{CLAIMS}!G3")]


def test_a_planned_service_needs_its_date(book, rulebook):
    fill(book, CLAIMS, 3, *CLAIM_ROW)
    book[CLAIMS]["D3"] = "已列计划"
    assert faults(book, rulebook) == [("planned_needs_due", f"{CLAIMS}!J3")]


def test_a_capacity_without_a_unit_means_nothing(book, rulebook):
    fill(book, CLAIMS, 3, *CLAIM_ROW)
    book[CLAIMS]["B3"], book[CLAIMS]["K3"] = "通路", 7
    assert faults(book, rulebook) == [("no_capacity", f"{CLAIMS}!K3")]


def test_the_allowed_services_are_listed(book, rulebook):
    fill(book, CLAIMS, 3, *CLAIM_ROW)
    book[CLAIMS]["B3"] = "通航"
    with pytest.raises(InputError, match=r"通水（给水）、通电、通路.*场地平整"):
        xlsx.read(saved(book), rulebook)


@pytest.mark.parametrize("unit", ["吨/年", "万元", None])
def test_the_units_of_the_indicator_are_listed(book, rulebook, unit):
    fill(book, INDICATORS, 3, "P1", "固定资产投资强度", 350, unit)
    with pytest.raises(InputError, match="万元/亩、万元/公顷") as caught:
        xlsx.read(saved(book), rulebook)
    assert [(fault.code, fault.where) for fault in caught.value.faults] == [("unknown_unit", f"{INDICATORS}!D3")]


def test_an_unknown_indicator_is_named(book, rulebook):
    fill(book, INDICATORS, 3, "P1", "就业人数", 350, "人")
    assert faults(book, rulebook) == [("unknown_code", f"{INDICATORS}!B3")]


def test_a_percentage_cell_is_ambiguous(book, rulebook):
    fill(book, INDICATORS, 3, "P1", "容积率", 0.35, "%")
    book[INDICATORS]["C3"].number_format = "0%"
    assert faults(book, rulebook) == [("percent_format", f"{INDICATORS}!C3")]


def test_no_area_is_no_area(book, rulebook):
    fill(book, FACTS, 3, "P1", None, None, None, None, 0)
    assert faults(book, rulebook) == [("zero_area", f"{FACTS}!F3")]


@pytest.mark.parametrize(
    ("sheet", "row"), [(CLAIMS, CLAIM_ROW), (FACTS, ("P1", "涂料")), (INDICATORS, ("P1", "容积率", 1.2))]
)
def test_a_row_that_is_there_twice_names_both(book, rulebook, sheet, row):
    fill(book, sheet, 3, *row)
    fill(book, sheet, 7, *row)
    with pytest.raises(InputError, match="与第3行重复") as caught:
        xlsx.read(saved(book), rulebook)
    assert caught.value.faults[0].where == f"{sheet}!A7"
    assert caught.value.faults[0].id == "P1"


def test_all_faults_of_all_sheets_are_told_at_once(book, rulebook):
    fill(book, CLAIMS, 3, *CLAIM_ROW)
    book[CLAIMS]["B3"] = book[CLAIMS]["C3"] = "?"
    fill(book, FACTS, 4, "P1", None, None, "明年")
    fill(book, INDICATORS, 5, None, "容积率", -1)
    assert sorted(faults(book, rulebook)) == sorted(
        [
            ("unknown_service", f"{CLAIMS}!B3"),
            ("unknown_kind", f"{CLAIMS}!C3"),
            ("bad_date", f"{FACTS}!D4"),
            ("required", f"{INDICATORS}!A5"),
            ("negative", f"{INDICATORS}!C5"),
        ]
    )


def test_a_missing_sheet_is_named(book, rulebook):
    del book[FACTS]
    assert ("missing_sheet", FACTS) in faults(book, rulebook)


def test_a_sheet_that_would_not_be_read_is_named(book, rulebook):
    fill(book, CLAIMS, 3, *CLAIM_ROW)
    book.copy_worksheet(book[CLAIMS]).title = "证明材料 (2)"
    assert faults(book, rulebook) == [("unknown_sheet", "证明材料 (2)")]


def test_missing_unknown_and_doubled_columns_are_named(book, rulebook):
    fill(book, FACTS, 3, "P1")
    book[FACTS]["B1"] = "行业"
    book[FACTS]["C1"] = "宗地编号"
    assert faults(book, rulebook) == [
        ("unknown_column", f"{FACTS}!B1"),
        ("duplicate_column", f"{FACTS}!C1"),
        ("missing_column", f"{FACTS}!1"),
        ("missing_column", f"{FACTS}!1"),
    ]


# What is no workbook


def packed(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def replaced(data: bytes, name: str, old: bytes, new: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {each: archive.read(each) for each in archive.namelist()}
    assert old in members[name]
    return packed(members | {name: members[name].replace(old, new, 1)})


def refused(data: bytes, rulebook) -> str:
    with pytest.raises(InputError) as caught:
        xlsx.read(data, rulebook)
    return caught.value.faults[0].code


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04",
        b"id,name\n1,2\n",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
        packed({"a.txt": b"x"}),
        packed({"xl/workbook.xml": b"<workbook"}),
    ],
)
def test_what_is_no_workbook_is_said_to_be_none(rulebook, data):
    assert refused(data, rulebook) == "not_xlsx"


def test_a_cut_or_damaged_workbook_is_refused(rulebook, empty):
    for length in range(0, len(empty), 997):
        assert refused(empty[:length], rulebook) == "not_xlsx"


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_that_does_not_unpack_is_refused(rulebook, method):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("a.xml", bytes(range(256)) * 40)
    data = bytearray(buffer.getvalue())
    data[50:90] = b"\xff" * 40
    assert refused(bytes(data), rulebook) == "not_xlsx"


def test_a_bomb_is_refused_before_it_is_unpacked(rulebook):
    assert refused(packed({"xl/worksheets/sheet1.xml": b"0" * (101 * 2**20)}), rulebook) == "too_large"
    assert refused(packed({f"{n}.xml": b"" for n in range(1001)}), rulebook) == "too_large"
    assert refused(b"\0" * (20 * 2**20 + 1), rulebook) == "too_large"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused(rulebook, empty, encoding):
    bomb = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>'.encode(encoding)
    with zipfile.ZipFile(io.BytesIO(empty)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    assert refused(packed(members | {"xl/worksheets/sheet2.xml": bomb}), rulebook) == "not_xlsx"


@pytest.mark.parametrize("row", [20_001, 99_999_999])
def test_more_rows_than_anyone_fills_in_are_refused(rulebook, empty, row):
    far = f'<row r="{row}"><c r="A{row}" t="inlineStr"><is><t>P1</t></is></c></row></sheetData>'.encode()
    assert refused(replaced(empty, "xl/worksheets/sheet3.xml", b"</sheetData>", far), rulebook) == "too_large"
