"""What lies around the parcels: zones, reports, approvals, uses, waters, streets and mains."""

from __future__ import annotations

import math
from typing import Any

import shapely
from lots import V1, V2, ZONE, ZONE2, Layers, Lot, Lots, claim
from places import (
    APPLIED,
    APPROVED,
    BUILDABLE,
    BUILT_UP,
    COLUMNS,
    DIAGONAL,
    EAST,
    GREEN,
    NORTH,
    PITCH_X,
    PITCH_Y,
    REGION,
    RIVER,
    RIVER_RANGE,
    ROWS,
    SECOND_ZONE,
    SOUTH,
    WEST,
    X0,
    Y0,
    block,
    cell,
    largest,
    mm,
    within,
)
from shapely.geometry import LineString, Point, box
from shapely.geometry.base import BaseGeometry


def further_claims(lots: Lots, layers: Layers) -> None:
    """Add papers for the other services where a main serves the parcel; a few claim gas that no main bears out."""
    for service, layer in (("SEWER", "sewers"), ("RAIN", "rain_drains"), ("GAS", "gas_mains")):
        lines = [shape_ for shape_, own in layers.features[layer] if own.get("state") == "in_service"]
        for number, lot in enumerate(lots.all, start=1):
            if any(entry["service"] == service for entry in lot.claims):
                continue
            near = any(lot.shape.distance(line) <= 5.0 for line in lines)
            if (near and number % 3) or (service == "GAS" and number % 42 == 0):
                lot.claims.append(claim(service, f"{number}"))


def zones(layers: Layers) -> None:
    """Add the zones: approved, applied for, and a second one."""
    common = {
        "zone": ZONE,
        "name": "示例高新区 Demo Hi-tech Zone",
        "required_codes": "EIA;FLD;GEO;MIN;SWC;SEI;HER;ENE;WRA",
        "core_codes": "EIA;FLD;GEO;MIN;SWC;SEI;HER",
        "readiness_standard": "santong_yiping",
        "supply_window_days": 60,
        "indicators": "fixed_investment_intensity=300 万元/亩; floor_area_ratio=1.0; output_per_mu=450 万元/亩·年; "
        "tax_per_mu=18 万元/亩·年; energy_per_output=0.5 吨标煤/万元; pollutant_emission=10 吨/年",
    }
    layers.put("zones", APPROVED, id=V1, version_status="approved", doc_no="晋政函〔2021〕66号（示例）", **common)
    layers.put("zones", APPLIED, id=V2, version_status="applied", doc_no="晋开管请〔2026〕9号（示例）", **common)
    layers.put(
        "zones",
        SECOND_ZONE,
        id="SLYQ-V1",
        zone=ZONE2,
        name="示例产业园 Demo Industrial Park",
        version_status="approved",
        required_codes="EIA;FLD;GEO;MIN;SWC;SEI;HER",
        core_codes="EIA;FLD;GEO;MIN;SWC;SEI;HER",
        readiness_standard="wutong_yiping",
        supply_window_days=45,
        indicators="fixed_investment_intensity=350 万元/亩; tax_per_mu",
        doc_no="市政函〔2022〕31号（示例）",
    )


def scopes(layers: Layers, by_case: dict[str, Lot]) -> None:
    """Add the reports of the regional assessments and their scopes."""

    def report(code: str, ground: BaseGeometry | None, number: str, approved: str | None, **more: Any) -> None:
        layers.put(
            "assessment_scopes",
            ground,
            code=code,
            report_no=number,
            approved_on=approved,
            **{"progress": "approved", "approved_by": "示例主管部门"} | more,
        )

    old_eia = box(414270, 4013170, 414790, 4014190)
    report(
        "EIA",
        shapely.difference(APPROVED, old_eia),
        "晋环函〔2024〕87号（示例）",
        "2024-06-18",
        valid_to="2029-06-17",
        name="规划环评（2024年版）",
    )
    report("EIA", old_eia, "晋环函〔2022〕15号（示例）", "2022-01-16", valid_to="2027-01-15", name="规划环评（启动区）")

    no_flood = cell(0, -3)
    report(
        "FLD",
        shapely.difference(APPROVED, no_flood),
        "长水函〔2025〕41号（示例）",
        "2025-04-09",
        name="区域洪评",
        excluded_project_types="跨河桥梁、穿堤管线",
    )
    report("FLD", no_flood, "（送审稿）", None, progress="in_review", approved_by=None, name="区域洪评补充（评审中）")

    report("GEO", None, "晋自然资地灾〔2026〕12号（示例）", "2026-03-10", zone_version=V1, name="区域地灾评估")
    report("MIN", None, "晋自然资矿〔2026〕20号（示例）", "2026-03-10", zone_version=V1, name="区域压矿评估")

    ends = {"H1": "2026-11-30", "H2": "2026-12-01", "H3": "2026-12-02"}
    renewed = by_case["renewed"].shape
    rest = shapely.difference(APPROVED, shapely.union_all([cell(-1, -1), renewed]))
    report("SWC", rest, "晋水保函〔2025〕9号（示例）", "2025-02-20", name="区域水保方案")
    for case, end in ends.items():
        report(
            "SWC",
            by_case[case].shape,
            f"长水保〔2021〕{case}号（示例）",
            "2021-12-02",
            valid_to=end,
            name="早期水保方案",
        )
    report("SWC", renewed, "长水保〔2021〕30号（示例）", "2021-12-01", valid_to="2026-11-30", name="早期水保方案")
    report("SWC", renewed, "晋水保函〔2026〕77号（示例）", "2026-11-25", name="续编水保方案")

    bare = cell(3, -1)
    report(
        "SEI",
        shapely.difference(APPROVED, bare),
        "",
        "2023-09-01",
        progress="waived",
        waiver_doc_no="晋震函〔2023〕5号（示例）",
        approved_by="示例地震局",
        name="免做区域震评（按区划图设防）",
    )
    report("SEI", bare, "", "2023-09-01", progress="waived", approved_by="示例地震局", name="免做区域震评（缺文号）")

    report(
        "HER",
        shapely.difference(APPROVED, cell(1, -3)),
        "晋文物函〔2024〕203号（示例）",
        "2024-08-30",
        name="区域考古前置",
    )
    report(
        "ENE",
        None,
        "长发改能评〔2024〕6号（示例）",
        "2024-05-20",
        zone_version=V1,
        valid_to="2030-12-31",
        name="区域能评",
    )
    report("WRA", None, "长水资〔2023〕11号（示例）", "2023-07-07", zone_version=V1, name="水资源论证区域评估")
    for code in ("EIA", "FLD", "GEO", "MIN", "SWC", "SEI", "HER"):
        report(code, None, f"园评〔2025〕{code}号（示例）", "2025-09-15", zone_version="SLYQ-V1", name="产业园区域评估")
    report(
        "GEO",
        None,
        "晋自然资地灾〔2021〕3号（示例）",
        "2021-03-10",
        zone_version=V1,
        progress="superseded",
        name="区域地灾评估（2021年版，已被替代）",
    )


def land(layers: Layers, by_case: dict[str, Lot], taken: set[tuple[int, int]]) -> None:
    """Add conversion approvals, present and planned use, the urban boundary and land already supplied."""
    put = layers.put
    dry, part = by_case["N"].shape, by_case["N2"].shape
    west, south, _, north = part.bounds
    missing = box(west, south, west + 32, north)
    for number, (x1, y1, x2, y2) in enumerate(
        (
            (411000, 4010000, 414270, 4013170),
            (414270, 4010000, 419800, 4013170),
            (411000, 4013170, 414270, 4016700),
            (414270, 4013170, 419800, 4016700),
            (415000, 4008450, 416750, 4009700),
        ),
        start=1,
    ):
        ground = shapely.difference(box(x1, y1, x2, y2), shapely.union_all([dry, part]))
        put(
            "land_approvals",
            ground,
            name=f"第{number}批次建设用地",
            kind="conversion",
            state="approved",
            approved_by="示例省人民政府",
            approved_on=f"20{18 + number}-06-30",
            doc_no=f"晋政地字〔20{18 + number}〕{40 + number}号（示例）",
        )
    put(
        "land_approvals",
        shapely.difference(part, missing),
        name="N2批次",
        kind="conversion",
        state="approved",
        approved_by="示例省人民政府",
        approved_on="2025-09-30",
        doc_no="晋自然资函〔2025〕302号（示例）",
    )
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
    put(
        "planned_use",
        box(418920, 4011130, 419700, 4016230),
        name="工业用地（调区）",
        code="1001",
        code_system="用地用海",
        plan="示例控规（报批）",
    )
    put("planned_use", SECOND_ZONE, name="工业用地", code="1001", code_system="用地用海", plan="示例产业园控规")
    for j in (*ROWS, 6):
        y = Y0 + PITCH_Y * j
        put(
            "planned_use",
            box(WEST, y - 60, EAST, y),
            name="城镇道路用地",
            code="1207",
            code_system="用地用海",
            plan="示例控规",
        )

    special = within(2, -4, 300, 0, 160, 450)
    put(
        "urban_boundary",
        shapely.difference(box(411000, 4010000, 419800, 4016400), special),
        name="集中建设区",
        **{"class": "concentrated"},
    )
    put("urban_boundary", special, name="特别用途区", **{"class": "special"})
    put("urban_boundary", box(415000, 4008450, 416750, 4009700), name="产业园集中建设区", **{"class": "concentrated"})

    for number, (i, j) in enumerate(sorted(BUILT_UP), start=1):
        ground = largest(block(i, j).intersection(BUILDABLE))
        if not ground.is_empty:
            put(
                "supplied_land",
                ground,
                name=f"示例企业{number:02d}",
                contract_no=f"示例合同20{10 + number % 12}-{number:02d}",
                **{"class": "supplied"},
            )
            put("existing_rights", ground, name=f"示例企业{number:02d}", **{"class": "right"})
    put(
        "existing_rights",
        shapely.union_all([cell(i, j) for i, j in ((2, 0), (2, 1), (2, 2))]),
        name="储备库（示例）",
        **{"class": "reserve"},
    )


def waters(layers: Layers) -> None:
    """Add the river with its management range and the flood zones."""
    layers.put("river_ranges", mm(RIVER_RANGE), name="示例河管理范围", river="示例河", **{"class": "river"})
    for years, wide, depth in ((20, 130, 1.2), (100, 320, 0.5)):
        layers.put(
            "flood_zones",
            mm(RIVER.buffer(wide, quad_segs=4)),
            name=f"{years}年一遇淹没范围（示例）",
            return_period_years=years,
            depth_m=depth,
            **{"class": "inundation"},
        )


def streets(layers: Layers) -> None:
    """Add streets, and mains along both sides of those that run west–east."""
    put = layers.put
    for j in (*ROWS, 6):
        y = Y0 + PITCH_Y * j
        width = 50 if j in (-3, 0, 3) else 40
        put(
            "roads",
            box(WEST, y - 30 - width / 2, EAST, y - 30 + width / 2),
            name=f"示例{j + 7}街",
            width_m=width,
            state="in_service",
            **{"class": "arterial" if width == 50 else "secondary"},
        )
        # Water stops at the sixth column in the new north-east; one dead end there lies 412.6 m from a parcel.
        north_side = EAST if j <= 2 else 417390.0
        south_side = EAST if j <= 3 else 417390.0
        if j == 4:
            north_side = 417940.0 - round(math.sqrt(412.6**2 - 3.0**2), 3)
        for side, offset, end in (("北", -3.0, north_side), ("南", -57.0, south_side)):
            put(
                "water_mains",
                LineString([(WEST, y + offset), (round(end, 3), y + offset)]),
                name=f"示例{j + 7}街{side}侧给水",
                dn_mm=400,
                spare_m3_per_day=3000,
                state="in_service",
            )
        for side, offset in (("北", -2.0), ("南", -58.0)):
            put(
                "power",
                LineString([(WEST, y + offset), (EAST, y + offset)]),
                name=f"示例{j + 7}街{side}侧10kV电缆",
                kv=10,
                spare_kva=8000,
                state="in_service",
            )
        for side, offset in (("北", -4.0), ("南", -56.0)):
            built = "in_service" if j <= 2 else "planned"
            put(
                "sewers",
                LineString([(WEST, y + offset), (EAST, y + offset)]),
                name=f"示例{j + 7}街{side}侧污水",
                dn_mm=500,
                spare_m3_per_day=2000,
                state=built,
            )
            put(
                "rain_drains",
                LineString([(WEST, y + offset - 0.8), (EAST, y + offset - 0.8)]),
                name=f"示例{j + 7}街{side}侧雨水",
                dn_mm=800,
                state=built,
            )
        if j in (-2, 0, 1):
            put(
                "gas_mains",
                LineString([(WEST, y - 4.5), (EAST, y - 4.5)]),
                name=f"示例{j + 7}街中压燃气",
                dn_mm=250,
                spare_m3_per_hour=1200,
                state="in_service",
                source="invented",
            )
        put(
            "telecom", LineString([(WEST, y - 1.5), (EAST, y - 1.5)]), name=f"示例{j + 7}街通信管道", state="in_service"
        )
    for i in COLUMNS:
        x = X0 + PITCH_X * i
        width = 50 if i % 4 == 0 else 40
        put(
            "roads",
            box(x - 30 - width / 2, SOUTH, x - 30 + width / 2, NORTH),
            name=f"示例{i + 7}路",
            width_m=width,
            state="in_service",
            **{"class": "arterial" if width == 50 else "secondary"},
        )
    put(
        "roads",
        mm(DIAGONAL.buffer(25, cap_style="flat")),
        name="示例大道（斜）",
        width_m=50,
        state="in_service",
        **{"class": "arterial"},
    )
    put(
        "roads",
        box(418950, 4013650, 419700, 4013690),
        name="调区规划路",
        width_m=40,
        state="planned",
        **{"class": "branch"},
    )
    put("power", Point(416600, 4012300), name="示例110kV变电站", kv=110, spare_kva=40000, state="in_service")
