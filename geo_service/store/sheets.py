"""What the register's spreadsheet looks like: its sheets, their columns, what may be chosen in them.

The template is drawn from this and an import is read by it, so that the two cannot drift apart.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import Enum

from geo_service.model.register import ClaimKind, Reach
from geo_service.model.rulebook import Rulebook
from geo_service.model.text import Text

CLAIMS = Text("证明材料", "claims")
FACTS = Text("地块信息", "parcel facts")
INDICATORS = Text("控制性指标", "indicators")
GUIDE = Text("说明", "guide")
CHOICES = Text("选项", "choices")

EXAMPLE = "示例（本行导入时忽略） Example (this row is ignored)"

KINDS: dict[str, Text] = {
    ClaimKind.PERMANENT: Text("永久", "permanent"),
    ClaimKind.TEMPORARY: Text("临时", "temporary"),
}
REACHES: dict[str, Text] = {
    Reach.TO_BOUNDARY: Text("通至宗地红线", "to the boundary"),
    Reach.PLANNED: Text("已列计划", "planned"),
}
YES_NO = {"yes": Text("是", "yes"), "no": Text("否", "no")}

DEMAND = "demand:"


class Type(Enum):
    """What a cell holds."""

    ID = "id"
    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    CHOICE = "choice"


@dataclass(frozen=True)
class Column:
    """One column: ``choices`` maps a code to its words; ``example`` is shown in the ignored first row.

    Choices of a text column are offered; only those of a choice column are the only ones.
    """

    key: str
    title: Text
    type: Type
    required: bool = False
    choices: dict[str, Text] | None = None
    example: str | float | None = None
    note: Text | None = None

    @property
    def heading(self) -> str:
        """Chinese first, English below."""
        return f"{self.title.zh}{'*' if self.required else ''}\n{self.title.en}"


@dataclass(frozen=True)
class Sheet:
    """One sheet of rows; no two rows may agree in all of ``key``."""

    title: Text
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    def named(self, heading: object) -> Column | None:
        """The column of a heading, read as its Chinese or its English name."""
        words = {plain(part.rstrip("*")) for part in str(heading).splitlines()}
        for column in self.columns:
            if words & {plain(column.title.zh), plain(column.title.en)}:
                return column
        return None


def plain(text: str) -> str:
    """Text as it is compared: half-width, lower case, without blanks.

    Examples
    --------
    >>> plain(" 万元／亩 ") == plain("万元/亩"), plain("m³/D")
    (True, 'm3/d')
    """
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def services(rulebook: Rulebook) -> dict[str, Text]:
    """What a claim can be about: every service, and levelling."""
    named = {code: rulebook.services[code].title for code in rulebook.order.services}
    return named | {rulebook.level.code: rulebook.level.title}


def capacity_units(rulebook: Rulebook) -> dict[str, str]:
    """Unit of capacity of each service that has one."""
    units = {code: rulebook.services[code].versions[-1].capacity_unit for code in rulebook.order.services}
    return {code: unit for code, unit in units.items() if unit}


def indicator_units(rulebook: Rulebook, code: str) -> tuple[str, ...]:
    """Units in which an indicator may be given, its own first; an empty one is a number without unit."""
    version = rulebook.indicators[code].versions[-1]
    return tuple(dict.fromkeys((version.unit, *version.units)))


def claims(rulebook: Rulebook) -> Sheet:
    """The sheet of claims."""
    units = capacity_units(rulebook)
    listed = Text(
        "；".join(f"{rulebook.services[code].title.zh} {unit}" for code, unit in units.items()),
        "; ".join(f"{rulebook.services[code].title.en} {unit}" for code, unit in units.items()),
    )
    first = services(rulebook)[rulebook.order.services[0]].zh
    return Sheet(
        CLAIMS,
        (
            Column("parcel_id", Text("宗地编号", "Parcel id"), Type.ID, required=True, example=EXAMPLE),
            Column("service", Text("事项", "Service"), Type.CHOICE, True, services(rulebook), first),
            Column("kind", Text("类别", "Kind"), Type.CHOICE, True, KINDS, KINDS[ClaimKind.PERMANENT].zh),
            Column("reach", Text("到达情况", "Reach"), Type.CHOICE, True, REACHES, REACHES[Reach.TO_BOUNDARY].zh),
            Column("document", Text("文号", "Document"), Type.TEXT, required=True, example="水证〔2026〕8号"),
            Column("issuer", Text("出具单位", "Issuer"), Type.TEXT, required=True, example="供水公司"),
            Column("dated_on", Text("出具日期", "Dated on"), Type.DATE, required=True, example="2026-10-08"),
            Column("valid_to", Text("有效期至", "Valid to"), Type.DATE, example="2027-10-07"),
            Column(
                "funded",
                Text("资金已落实", "Funded"),
                Type.CHOICE,
                choices=YES_NO,
                note=Text("仅“已列计划”填写", "for planned services only"),
            ),
            Column(
                "due_on",
                Text("计划完成日期", "Due on"),
                Type.DATE,
                note=Text("“已列计划”必填", "required for planned services"),
            ),
            Column("capacity", Text("容量", "Capacity"), Type.NUMBER, note=Text("单位：", "units: ") + listed),
            Column("remark", Text("备注", "Remark"), Type.TEXT),
        ),
        ("parcel_id", "service", "kind", "reach", "document"),
    )


def facts(rulebook: Rulebook) -> Sheet:
    """The sheet of parcel facts, with a column of demand for each service that has a unit of capacity."""
    demands = tuple(
        Column(
            DEMAND + code,
            Text("{service}需求量（{unit}）", "{service} demand ({unit})").fill(
                {"service": rulebook.services[code].title, "unit": unit}
            ),
            Type.NUMBER,
        )
        for code, unit in capacity_units(rulebook).items()
    )
    return Sheet(
        FACTS,
        (
            Column("parcel_id", Text("宗地编号", "Parcel id"), Type.ID, required=True, example=EXAMPLE),
            Column("project_type", Text("项目类型", "Project type"), Type.TEXT, example="通用设备制造"),
            Column("stage", Text("供应阶段", "Stage"), Type.TEXT, example="拟供"),
            Column("planned_notice_on", Text("拟公告日", "Planned notice date"), Type.DATE, example="2026-12-01"),
            Column("handover_on", Text("交地日", "Handover date"), Type.DATE, example="2027-04-01"),
            Column("registered_area_m2", Text("登记面积（㎡）", "Registered area (㎡)"), Type.NUMBER, example=20000),
            *demands,
        ),
        ("parcel_id",),
    )


def indicators(rulebook: Rulebook) -> Sheet:
    """The sheet of control indicators."""
    codes = {code: rulebook.indicators[code].title for code in rulebook.order.indicators}
    spellings = [unit for code in codes for unit in indicator_units(rulebook, code) if unit]
    # The first spelling of each unit is offered, every one is read.
    units = {plain(unit): Text(unit, unit) for unit in reversed(spellings)}
    first = next(iter(codes))
    return Sheet(
        INDICATORS,
        (
            Column("parcel_id", Text("宗地编号", "Parcel id"), Type.ID, required=True, example=EXAMPLE),
            Column("code", Text("指标", "Indicator"), Type.CHOICE, True, codes, codes[first].zh),
            Column(
                "value",
                Text("数值", "Value"),
                Type.NUMBER,
                example=rulebook.indicators[first].versions[-1].standard,
                note=Text("留空即未设定", "empty means not set"),
            ),
            Column(
                "unit",
                Text("单位", "Unit"),
                Type.TEXT,
                choices=dict(reversed(units.items())),
                example=indicator_units(rulebook, first)[0] or None,
            ),
            Column("document", Text("文号", "Document"), Type.TEXT, example="规条〔2026〕5号"),
        ),
        ("parcel_id", "code"),
    )
