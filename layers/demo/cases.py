"""The parcels, one for every case, with the features that make them what they are."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Any

import shapely
from lots import OLD_CLAIM, SECOND_INDICATORS, STANDARD_INDICATORS, ZONE2, Layers, Lots, claim, planned
from places import (
    BUILDABLE,
    BUILT_UP,
    COLUMNS,
    GREEN,
    PARCEL_2,
    PARCEL_A,
    RIVER,
    ROWS,
    WIDE,
    block,
    cell,
    largest,
    within,
)
from shapely.geometry import LineString, Point, Polygon, box

BATCH = "2026年第5批"


def cases(lots: Lots, layers: Layers) -> None:
    """Add the parcels of the cases, with the features that make them."""
    put = layers.put

    lots.add(
        "示例地块一（案例A 附条件）",
        PARCEL_A,
        case="A",
        project_type="新能源电池材料",
        without=["POWER"],
        claims=[
            claim("POWER", "1", kind="temporary", capacity=2000.0, remark="施工临时用电"),
            planned("POWER", "1", date(2027, 3, 1), funded=True),
        ],
        facts={"registered_area_m2": 204366.64},
        batch=BATCH,
    )
    lots.add("示例地块二", PARCEL_2, facts={"registered_area_m2": 18666.62})
    put(
        "water_mains",
        LineString([(415070, 4013143), (415070, 4013135)]),
        name="地块二接入支管",
        dn_mm=200,
        spare_m3_per_day=900,
        state="in_service",
    )
    put(
        "power",
        LineString([(415090, 4013142), (415090, 4013135)]),
        name="地块二接入电缆",
        kv=10,
        spare_kva=2500,
        state="in_service",
    )
    put(
        "water_mains",
        LineString([(414530, 4013653), (414530, 4013648)]),
        name="地块一接入支管",
        dn_mm=300,
        spare_m3_per_day=2600,
        state="in_service",
    )

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
            [
                (west, south),
                (east, south),
                (east, middle),
                (west + 200 + long, middle),
                (west + 200 + long, middle + deep),
                (west + 200, middle + deep),
                (west + 200, middle),
                (west, middle),
                (west, south),
            ]
        )
        put(
            "farmland",
            field_shape,
            name="永久基本农田图斑（示例）",
            plot_no=f"140400{i + 10:06d}",
            **{"class": "farmland"},
        )

    west, south, east, north = block(4, 5).bounds
    lots.add(
        "案例V 一角超出开发区10×10m",
        Polygon(
            [(west + 140, south), (east, south), (east, north), (west, north), (west, south + 100), (west + 140, south)]
        ),
        case="V",
    )

    for case, name, place in (
        ("N", "案例N 旱地未获农转用批复", (-2, 3)),
        ("N2", "案例N2 旱地批复7.2公顷", (-2, 4)),
        ("N3", "案例N3 旱地已全部批复", (-1, 4)),
    ):
        lots.add(name, within(*place, 0, 0, 320, 250), case=case)

    lots.add("案例E 地质灾害危险性大15%", within(3, -3, 0, 0, 400, 300), case="E")
    put(
        "geohazard",
        within(3, -3, 0, 0, 60, 300),
        name="滑坡隐患区（示例）",
        hazard="滑坡",
        measures="清除或避让",
        **{"class": "high"},
    )
    put(
        "geohazard",
        within(2, -3, 100, 50, 300, 300),
        name="湿陷性黄土区（示例）",
        hazard="湿陷",
        measures="地基处理",
        **{"class": "moderate"},
    )
    put(
        "geohazard",
        shapely.union_all([cell(i, j) for i in (-2, -1) for j in (-2, -1)]),
        name="低易发区（示例）",
        hazard="崩塌",
        **{"class": "low"},
    )

    lots.add("案例F 压覆煤已批", within(4, -3, 0, 0, 440, 400), case="F")
    put(
        "ore",
        within(4, -3, 100, 100, 500, 200).intersection(cell(4, -3)),
        name="示例煤炭井田压覆区",
        mineral="煤",
        strategic=True,
        approval_doc_no="晋自然资函〔2025〕118号（示例）",
        reserve="376.4万吨",
        **{"class": "overlay"},
    )
    lots.add("案例F2 压覆煤未批", within(5, -3, 0, 0, 440, 400), case="F2")
    put(
        "ore",
        within(5, -3, 200, 100, 150, 200),
        name="示例煤炭井田压覆区（未批）",
        mineral="煤",
        strategic=True,
        reserve="88.0万吨",
        **{"class": "overlay"},
    )

    lots.add("案例O 煤层气探矿权全覆盖", within(3, 3, 0, 0, 400, 400), case="O")
    put(
        "mining_rights",
        shapely.union_all([cell(3, 3), cell(4, 3), cell(4, 4)]),
        name="示例煤层气勘查区块",
        kind="coal_bed_methane",
        mineral="煤层气",
        licence_no="示例-T-2023-001",
        source="invented",
        **{"class": "exploration"},
    )
    put(
        "mining_rights",
        within(5, -1, 0, 250, 460, 200),
        name="示例矿泉水勘查区块",
        kind="solid",
        mineral="矿泉水",
        licence_no="示例-T-2024-007",
        agreement_doc_no="互不影响协议〔2026〕3号（示例）",
        source="invented",
        **{"class": "exploration"},
    )

    lots.add("案例G 震评免做、涂料（易燃）项目", within(2, -1, 0, 0, 460, 440), case="G", project_type="涂料（易燃）")
    lots.add("案例G2 震评免做缺文号", within(3, -1, 0, 0, 460, 440), case="G2")

    for number, (case, words) in enumerate((("H1", "昨日到期"), ("H2", "当日到期"), ("H3", "明日到期"))):
        lots.add(f"案例{case} 水保{words}", within(-1, -1, 155 * number, 0, 150, 440), case=case)

    lots.add(
        "案例I 供水在建、资金落实、如期",
        within(6, 3, 0, 0, 225, 440),
        case="I",
        without=["WATER"],
        claims=[planned("WATER", "61", date(2027, 3, 1), funded=True)],
    )
    lots.add(
        "案例I2 供水在建、晚于交地",
        within(6, 3, 235, 0, 225, 440),
        case="I2",
        without=["WATER"],
        claims=[planned("WATER", "62", date(2027, 6, 1), funded=True)],
    )

    lots.add("案例J 平整92%", within(3, 0, 0, 0, 400, 450), case="J", without=["LEVEL"])
    lots.add("案例U 三级台地", within(4, 0, 0, 0, 450, 450), case="U")
    for number, level in enumerate((912.0, 915.5, 919.0)):
        put("platforms", within(4, 0, 150 * number, 0, 150, 450), name=f"台地{number + 1}", design_elevation_m=level)

    lots.add(
        "案例S 证明与管网不一致412.6m",
        within(7, 4, 0, 0, 300, 250),
        case="S",
        claims=[claim("WATER", "通7", remark="通至宗地红线")],
        without=["WATER"],
    )
    lots.add(
        "案例R 临时用电",
        within(2, -2, 0, 0, 460, 440),
        case="R",
        without=["POWER"],
        claims=[claim("POWER", "临2", kind="temporary", remark="施工临时用电")],
    )

    lots.add("案例T 考古发现待处理", within(4, 1, 0, 0, 400, 440), case="T")
    put(
        "heritage",
        within(4, 1, 120, 160, 60, 45),
        name="示例遗存点",
        site="墓葬（示例）",
        level="未定级",
        **{"class": "finds_pending"},
    )

    lots.add("案例W 规划代码U1含义不唯一", within(3, 1, 0, 0, 220, 440), case="W", land_use="1303", purpose="供电用地")
    lots.add("案例W2 工业地块规划为U1", within(3, 1, 230, 0, 230, 440), case="W2")
    lots.add(
        "案例M 三调1001为铁路用地",
        within(5, 0, 0, 0, 460, 440),
        case="M",
        land_use="1001",
        land_use_system="三调",
        purpose="铁路用地",
    )

    quarters = [within(5, 1, x, y, 230, 225) for x in (0, 230) for y in (0, 225)]
    others = STANDARD_INDICATORS[1:]
    for case, name, ground, values in (
        ("P", "案例P 投资强度299.99", quarters[0], [("fixed_investment_intensity", 299.99, "万元/亩"), *others]),
        (
            "P2",
            "案例P2 亩均税收未设定",
            quarters[1],
            [entry for entry in STANDARD_INDICATORS if entry[0] != "tax_per_mu"] + [("tax_per_mu", None, "万元/亩·年")],
        ),
        ("P3", "案例P3 4500万元/公顷", quarters[2], [("fixed_investment_intensity", 4500.0, "万元/公顷"), *others]),
        ("P4", "案例P4 投资强度350", quarters[3], [("fixed_investment_intensity", 350.0, "万元/亩"), *others]),
    ):
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
    put(
        "goaf",
        within(6, -1, 300, 80, 100, 200),
        name="采空区（示例）",
        mined="3号煤层",
        **{"class": "basically_stable"},
    )

    lots.add("情形08 污染名录地块", within(7, -1, 0, 0, 225, 440), case="soil")
    put("soil", within(7, -1, 30, 60, 120, 150), name="原示例化工厂", **{"class": "listed"})
    lots.add("情形09 重复供应（闲置地）", within(7, -1, 235, 0, 225, 440), case="supplied")
    put(
        "supplied_land",
        within(7, -1, 235, 0, 225, 200),
        name="闲置土地（示例）",
        contract_no="示例合同2019-11",
        **{"class": "idle"},
    )

    lots.add("情形10 文物建设控制地带", within(0, 2, 0, 0, 225, 440), case="control_zone")
    put(
        "heritage",
        Point(414520, 4014840).buffer(230, quad_segs=8),
        name="示例古城址建设控制地带",
        site="示例古城址",
        level="市级",
        **{"class": "control"},
    )
    put(
        "heritage",
        Point(414520, 4014840).buffer(120, quad_segs=8),
        name="示例古城址保护范围",
        site="示例古城址",
        level="市级",
        **{"class": "protection"},
    )
    lots.add("情形11 文物资料未提供（敏感）", within(1, 2, 235, 0, 225, 440), case="withheld")
    put("heritage", within(1, 2, 300, 150, 90, 90), name="资料未提供区", status="withheld", **{"class": "potential"})

    lots.add("情形12 占生态保护红线", within(-5, 2, 230, 0, 220, 400), case="redline")
    put("ecological_redline", box(411240, 4013980, 411960, 4014760), name="示例水源涵养区", **{"class": "general"})

    lots.add("情形13 地灾资料未覆盖", within(-6, -1, 100, 0, 340, 440), case="unsurveyed")
    lots.add("情形14 地灾资料部分覆盖", within(-6, 0, 300, 0, 160, 440), case="partly_surveyed")

    lots.add(
        "情形15 供水容量不足",
        within(1, 0, 0, 0, 230, 440),
        case="short",
        without=["WATER"],
        claims=[claim("WATER", "15", capacity=800.0)],
        facts={"demand:WATER": 2000.0},
    )
    lots.add(
        "情形16 供水容量未登记", within(1, 0, 230, 0, 230, 440), case="capacity_unknown", facts={"demand:WATER": 5000.0}
    )
    west, south, _, _ = within(1, 0, 230, 0, 230, 440).bounds
    put(
        "water_mains",
        LineString([(west + 80, south - 3), (west + 80, south - 1)]),
        name="接入支管（容量未登记）",
        dn_mm=200,
        state="in_service",
    )

    lots.add(
        "情形17 用地代码未注明体系",
        within(-2, -2, 0, 0, 225, 440),
        case="code_system",
        land_use="1001",
        land_use_system=None,
        purpose=None,
    )
    lots.add("情形18 有管网缺证明", within(-2, -2, 235, 0, 225, 440), case="no_claim", without=["WATER"])
    lots.add(
        "情形19 供水证明已过时",
        within(-2, -1, 0, 0, 225, 440),
        case="stale_claim",
        without=["WATER"],
        claims=[claim("WATER", "19", dated_on=OLD_CLAIM)],
    )
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
        (
            ((-1, 0), (460, 440)),
            ((-1, 1), (460, 440)),
            ((0, 1), (460, 440)),
            ((1, 1), (460, 440)),
            ((2, 0), (460, 440)),
            ((2, 1), (460, 440)),
            ((2, 2), (459.91, 438.999)),
        ),
        start=1,
    ):
        kind: dict[str, Any] = {}
        if number == 2:
            kind = {"without": ["WATER"]}
        if number == 5:
            kind = {"project_type": None}
        if number == 6:
            kind = {
                "without": ["POWER"],
                "claims": [claim("POWER", f"5-{number}", kind="temporary", remark="施工临时用电")],
            }
        notice = date(2026, 12, 1 + 2 * number)
        lots.add(
            f"第5批地块{number}", within(*place, 0, 0, *size), facts={"planned_notice_on": notice}, batch=BATCH, **kind
        )


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
    for left, right in pairwise(edges):
        lean_left = slant if left > 0.0 else 0.0
        lean_right = slant if right < 1.0 else 0.0
        x1, x2 = west + left * (east - west), west + right * (east - west)
        strip = Polygon(
            [(x1 + lean_left, south), (x2 + lean_right, south), (x2 - lean_right, north), (x1 - lean_left, north)]
        )
        part = largest(strip.intersection(whole))
        if part.area > 12000 and part.area > 0.25 * part.envelope.area:
            found.append(part)
    return found


def second_zone(lots: Lots, layers: Layers) -> None:
    """Add a second zone with its own standards; a real coal mine lies under its west."""
    names = ("压覆真实煤矿范围", "压覆真实煤矿范围", "部分压覆", "部分压覆", "亩均税收无准入标准", "亩均税收无准入标准")
    for number, name in enumerate(names):
        x, y = 415100 + 550 * (number // 2), 4008560 + 560 * (number % 2)
        case = {0: "real_mine", 4: "no_standard"}.get(number, "")
        lots.add(
            f"产业园地块{number + 1} {name}",
            box(x, y, x + 450, y + 450),
            case=case,
            zone=ZONE2,
            indicators=SECOND_INDICATORS,
            claims=[claim("TELECOM", f"园{number}"), claim("SEWER", f"园{number}")],
            without=["LEVEL"] if number == 5 else [],
        )
        for layer, offset, extra in (
            ("water_mains", 3.0, {"dn_mm": 300, "spare_m3_per_day": 1500}),
            ("power", 2.0, {"kv": 10, "spare_kva": 4000}),
            ("sewers", 4.0, {"dn_mm": 400, "spare_m3_per_day": 900}),
        ):
            layers.put(
                layer,
                LineString([(x - 20, y - offset), (x + 470, y - offset)]),
                name="产业园管线（示例）",
                state="in_service",
                **extra,
            )
        layers.put(
            "roads",
            box(x - 30, y - 45, x + 480, y - 5),
            name="产业园路（示例）",
            width_m=40,
            state="in_service",
            **{"class": "branch"},
        )
