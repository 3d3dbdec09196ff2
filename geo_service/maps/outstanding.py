"""The list of parcels on sheets to take along: one row a parcel, then one row for each thing that a parcel lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from geo_service.maps import labels
from geo_service.maps.listing import UNASSESSED, Line
from geo_service.maps.problem import findings, first_problem, needed_of, outcome_words, owner_of
from geo_service.maps.rows import joined, said
from geo_service.maps.scene import Record, RuleNames
from geo_service.maps.signs import reason_words, title_of
from geo_service.model.text import Text
from geo_service.model.units import mu, rounded
from geo_service.workbook import Cell, Sheet

#: A workbook of more takes many seconds to write, and is no list to work through.
MOST_ROWS = 2_000
Row = tuple[Cell | Text, ...]
_SECTION = {"not_ready": "todo", "undetermined": "missing", "condition": "conditions"}
#: Heading and width in characters.
_PARCELS = (
    (Text("宗地编号", "Parcel no."), 20),
    (Text("名称", "Name"), 24),
    (Text("开发区", "Zone"), 22),
    (Text("坐落", "Location"), 24),
    (Text("不动产单元号", "Unit no."), 32),
    (Text("出让面积（亩）", "Area offered (mu)"), 12),
    (Text("出让面积（㎡）", "Area offered (m²)"), 14),
    (Text("结论", "Verdict"), 14),
    (Text("首要问题", "First problem"), 48),
    (Text("公告前必办（项）", "To do before notice"), 11),
    (Text("资料不足（项）", "Without data"), 11),
    (Text("条件（项）", "Conditions"), 11),
    (Text("拟公告日", "Notice date"), 12),
    (Text("核查基准日", "As of"), 12),
    (Text("结论有效至", "Holds until"), 12),
    (Text("校验码", "Digest"), 20),
)
_LACKING = (
    (Text("宗地编号", "Parcel no."), 20),
    (Text("名称", "Name"), 24),
    (Text("结论", "Verdict"), 14),
    (Text("拟公告日", "Notice date"), 12),
    (Text("性质", "Kind"), 22),
    (Text("办理阶段", "Stage"), 18),
    (Text("事项", "Item"), 28),
    (Text("核查意见", "Finding"), 26),
    (Text("说明", "In words"), 48),
    (Text("责任单位", "Responsible"), 26),
    (Text("应取得", "To obtain"), 30),
    (Text("条款", "Clause"), 60),
)


def outstanding(
    lines: Sequence[Line],
    records: Mapping[str, Record],
    names: RuleNames,
    zone_names: Mapping[str, str],
    *,
    english: bool,
) -> tuple[Sheet, Sheet]:
    """Lay out some parcels and what they lack, in the order of the lines.

    Parameters
    ----------
    records : mapping of str to Record
        What was concluded, by parcel; those of which nothing is known are listed without it.
    zone_names : mapping of str to str
        What zones are called, by id.
    """

    def said_in(text: Text) -> str:
        return text.en if english else text.zh

    def sheet(title: Text, columns: Sequence[tuple[Text, int]], rows: Sequence[Row]) -> Sheet:
        return Sheet(
            said_in(title),
            tuple(said_in(heading) for heading, _ in columns),
            tuple(width for _, width in columns),
            [tuple(said_in(cell) if isinstance(cell, Text) else cell for cell in row) for row in rows],
        )

    parcels = [_parcel(line, records.get(line.id), names, zone_names) for line in lines]
    lacking = [row for line in lines if line.id in records for row in _lacking(line, records[line.id], names)]
    return (
        sheet(Text("地块清单", "Parcels"), _PARCELS, parcels),
        sheet(Text("缺项与条件", "Missing, conditions"), _LACKING, lacking),
    )


def _parcel(line: Line, record: Record | None, names: RuleNames, zone_names: Mapping[str, str]) -> Row:
    zone = " ".join(filter(None, (zone_names.get(line.zone), line.zone)))
    area_m2 = line.area_m2 if record is None else record["parcel"]["area_m2"]
    filed = (line.id, line.name, zone, line.location, line.unit_no)
    area = (None, None) if area_m2 is None else (float(rounded(mu(area_m2), 4)), float(rounded(area_m2, 2)))
    if record is None:
        return (*filed, *area, UNASSESSED, None, None, None, None, _day(line.notice_on), None, None, None)
    found = record["verdict"]
    effects = [reason["effect"] for reason in found["reasons"]]
    return (
        *(*filed, *area, labels.STATUS[found["status"]], first_problem(record, names)),
        *(effects.count(effect) for effect in _SECTION),
        *(_day(line.notice_on), _day(record["as_of"]), _day(found["valid_until"]), record["provenance"]["digest"]),
    )


def _lacking(line: Line, record: Record, names: RuleNames) -> Iterator[Row]:
    by_code = {finding["code"]: finding for finding in findings(record)}
    status = labels.STATUS[record["verdict"]["status"]]
    for effect, key in _SECTION.items():
        for reason in record["verdict"]["reasons"]:
            if reason["effect"] != effect:
                continue
            finding = by_code[reason["code"]]
            yield (
                *(line.id, line.name, status, _day(line.notice_on), labels.SECTION[key]),
                labels.STAGE[reason["stage"]],
                names.short.get(finding["code"]) or title_of(finding, labels.SERVICE_NAME),
                joined([outcome_words(finding), reason_words(finding.get("reason"))]),
                *(said(reason["message"]), owner_of(reason), needed_of(reason), said(reason["clause"])),
            )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
