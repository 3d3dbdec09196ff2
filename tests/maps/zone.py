"""A dozen parcels with every outcome, some of them with hostile names, and the layers around them."""

import hashlib
import json
from dataclasses import replace

import shapely
from shapely.affinity import rotate
from shapely.geometry import LineString, Polygon, box

from geo_service.maps.view import Filed, MapLayer, MapParcel, MapPiece, MapView, Neighbour, RuleNames
from geo_service.model.catalogue import Code, FieldSpec, GeometryKind, LayerSpec
from geo_service.model.text import Text
from geo_service.store.definitions import bundled, load_rulebook

LON, LAT = 113.05, 36.23
AS_OF = "2026-12-01"
HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    "${alert(1)}",
    "&#36;&#123;alert(1)&#125; &lt;b&gt;",
    "`+alert(1)+`",
)

ASSESSMENTS = {
    "EIA": ("区域环境影响评价（规划环评）", "Planning environmental assessment", "core", "simplifies"),
    "FLD": ("洪水影响评价", "Flood impact assessment", "core", "replaces"),
    "GEO": ("地质灾害危险性评估", "Geohazard assessment", "core", "replaces"),
    "MIN": ("压覆重要矿产资源评估", "Assessment of overlaid minerals", "core", "replaces"),
    "SWC": ("水土保持区域评估", "Soil and water conservation assessment", "core", "commitment"),
    "SEI": ("地震安全性评价", "Seismic safety assessment", "core", "parameters_only"),
    "HER": ("文物保护评估（考古前置）", "Heritage assessment", "core", "replaces"),
    "ENE": ("区域节能评价", "Energy saving assessment", "local", "commitment"),
    "WRA": ("水资源论证区域评估", "Water resources assessment", "local", "commitment"),
    "CLI": ("区域气候可行性论证", "Climate feasibility study", "local", "parameters_only"),
}
CONSTRAINTS = {
    "GEOM": ("界址几何", "Outline", "avoid", None),
    "ZONE": ("开发区范围", "Zone boundary", "contain", None),
    "LANDAPPROVAL": ("农转用征收批复", "Land conversion approval", "contain", None),
    "FARM": ("永久基本农田", "Permanent basic farmland", "avoid", None),
    "ECO": ("生态保护红线", "Ecological red line", "avoid", None),
    "URBAN": ("城镇开发边界", "Urban development boundary", "contain", None),
    "PLAN": ("规划用途", "Planned use", "match", None),
    "RIVER": ("河道管理范围", "River management range", "avoid", "FLD"),
    "FLOOD": ("洪水淹没区", "Flood zone", "avoid", "FLD"),
    "HAZARD": ("地质灾害危险性分区", "Geohazard zone", "avoid", "GEO"),
    "GOAF": ("采空区", "Goaf", "avoid", "GEO"),
    "ORE": ("重要矿产", "Important minerals", "avoid", "MIN"),
    "MINERIGHT": ("矿业权", "Mining rights", "avoid", "MIN"),
    "HERITAGE": ("文物保护范围", "Heritage", "avoid", "HER"),
    "RIGHTS": ("权属与查封", "Existing rights", "avoid", None),
}
EFFECT = {
    "replaces": "单项不再开展",
    "simplifies": "单项仍须办理，可简化",
    "commitment": "承诺/登记备案",
    "parameters_only": "仅提供设计参数",
}


def text(zh, en):
    return {"zh": zh, "en": en}


def at(geometry):
    """Metres around a place of ours, as lon/lat."""
    turned = rotate(geometry, -8, origin=(0, 0))
    return shapely.transform(turned, lambda points: points / (89_800, 110_980) + (LON, LAT))


def record(number, name, area_m2, status="ready"):
    """A record in which everything passes; the tests spoil it where they want it spoilt."""
    coverage = {"share": 1.0, "covered_m2": area_m2, "uncovered_m2": 0.0, "unsurveyed_m2": 0.0, "noise_m2": 0.0}
    untouched = {**coverage, "share": 0.0, "covered_m2": 0.0, "uncovered_m2": area_m2}
    made = {
        "parcel": {
            "id": number,
            "name": name,
            "zone": "CZGX",
            "zone_version": "CZGX-2024",
            "land_use": "工业用地 100102",
            "project_type": "通用设备制造",
            "area_m2": area_m2,
            "area_mu": area_m2 * 15 / 10000,
            "ellipsoidal_area_m2": area_m2 * 0.99982,
            "registered_area_m2": None,
            "crs": "EPSG:4547",
        },
        "as_of": AS_OF,
        "verdict": {"status": status, "boundary_sensitive": False, "valid_until": "2027-06-20", "reasons": []},
        "assessments": [
            {
                "code": code,
                "title": text(zh, en),
                "group": group,
                "required": True,
                "outcome": "covered",
                "severity": "blocking",
                "reason": None,
                "use": {"effect": effect, "zh": EFFECT[effect], "en": effect.replace("_", " ")},
                "excluded_project_types": [],
                "coverage": dict(coverage),
                "reports": [
                    {
                        "report_no": f"长{code}审〔2023〕{100 + n}号",
                        "approved_by": "市主管局",
                        "approved_on": "2023-06-21",
                        "valid_from": "2023-06-21",
                        "valid_to": "2027-06-20" if code == "MIN" else "2028-06-30",
                        "derived": code in ("EIA", "SWC"),
                        "days_left": 201 if code == "MIN" else 577,
                        "in_force": True,
                        "covers_sale": True,
                        "share": 1.0,
                        "edition": "assessment_scopes@0a1b2c3d4e5f",
                    }
                ],
                "waiver": None,
                "basis": [{"document": "示例规则（演示）", "article": "第七条"}],
                "message": text(f"{zh}：已覆盖 100 %", f"{en}: covered 100 %"),
            }
            for n, (code, (zh, en, group, effect)) in enumerate(ASSESSMENTS.items())
        ],
        "constraints": [
            {
                "code": code,
                "title": text(zh, en),
                "kind": kind,
                "assessment": assessment,
                "outcome": "clear",
                "severity": "blocking",
                "reason": None,
                "coverage": dict(coverage if kind != "avoid" else untouched),
                "distance_m": None,
                "limit_m": None,
                "parts": [],
                "basis": [{"document": "示例规则（演示）", "article": None}],
                "message": text("", ""),
            }
            for code, (zh, en, kind, assessment) in CONSTRAINTS.items()
        ],
        "readiness": {
            "standard": "santong_yiping",
            "title": text("三通一平", "three connections, one levelling"),
            "met": True,
            "services": [
                {
                    "code": code,
                    "outcome": "met" if code in ("WATER", "POWER", "ROAD") else "unknown",
                    "severity": "blocking" if code in ("WATER", "POWER", "ROAD") else "info",
                    "reason": None if code in ("WATER", "POWER", "ROAD") else "no_claim",
                    "required": code in ("WATER", "POWER", "ROAD"),
                    "kind": "permanent",
                    "basis": [],
                    "network": "serves" if code in ("WATER", "POWER", "ROAD") else "no_data",
                    "distance_m": 3.0 if code in ("WATER", "POWER", "ROAD") else None,
                    "limit_m": 5.0,
                    "nearest": "DN400" if code == "WATER" else None,
                    "claims": [
                        {
                            "service": code,
                            "kind": "permanent",
                            "reach": "to_boundary",
                            "document": "通水证明1号",
                            "issuer": "长治水务",
                            "dated_on": "2026-10-08",
                        }
                    ]
                    if code in ("WATER", "POWER", "ROAD")
                    else [],
                    "message": text("", ""),
                }
                for code in ("WATER", "POWER", "ROAD", "SEWER", "GAS")
            ],
            "level": {
                "outcome": "met",
                "severity": "blocking",
                "reason": None,
                "design": "platforms",
                "share_within_tolerance": 0.97,
                "slope_p95_percent": 2.1,
                "cut_m3": 4120.0,
                "fill_m3": 6380.0,
                "claims": [],
                "message": text("", ""),
            },
        },
        "indicators": [
            {
                "code": "fixed_investment_intensity",
                "title": text("固定资产投资强度", "Fixed investment intensity"),
                "comparator": ">=",
                "value": 300.0,
                "unit": "万元/亩",
                "standard": 300.0,
                "outcome": "set",
                "severity": "blocking",
                "basis": [],
                "message": text("", ""),
            },
            {
                "code": "tax_per_mu",
                "title": text("亩均税收", "Tax per mu"),
                "comparator": ">=",
                "value": 20.5,
                "unit": "万元/亩",
                "standard": 20.0,
                "outcome": "set",
                "severity": "blocking",
                "basis": [],
                "message": text("", ""),
            },
        ],
        "provenance": {
            "engine": "0.1.0",
            "rulebook": {"edition": "2026.11", "sha256": "ab" * 32},
            "layers": [
                {"id": layer, "edition": f"{layer}@0a1b2c3d4e5f", "edition_date": "2026-11-18", "sha256": "cd" * 32}
                for layer in ("assessment_scopes", "farmland", "geohazard", "zones")
            ],
            "digest": "",
        },
    }
    made["provenance"]["digest"] = hashlib.sha256(json.dumps(made).encode()).hexdigest()
    return made


def finding(made, code):
    rows = [*made["assessments"], *made["constraints"], *made["readiness"]["services"], *made["indicators"]]
    return next(row for row in rows if row["code"] == code)


def because(
    made, code, outcome, effect, zh, en, *, stage="before_notice", clause=None, needed=None, severity="blocking"
):
    made["verdict"]["reasons"].append(
        {
            "code": code,
            "outcome": outcome,
            "severity": severity,
            "effect": effect,
            "stage": stage,
            "owner": "市自然资源局 / natural resources bureau",
            "message": text(zh, en),
            "clause": clause,
            "needed": needed,
        }
    )


def _ready(number, name, area):
    return record(number, name, area)


def _conditional(number, name, area):
    made = record(number, name, area, "conditional")
    made["verdict"]["valid_until"] = "2027-01-15"
    made["parcel"]["registered_area_m2"] = 204366.64
    eia = finding(made, "EIA")
    eia["reports"][0] |= {"valid_to": "2027-01-15", "days_left": 45, "covers_sale": False}
    because(
        made,
        "EIA",
        "covered",
        "condition",
        "规划环评 2027-01-15 到期，在供地窗口内",
        "Ends 2027-01-15, inside the supply window",
        stage="in_notice",
        clause=text(
            "规划环评结论有效至2027-01-15，早于供地窗口结束日；逾期按届时有效成果办理项目环评。",
            "The planning EIA holds until 2027-01-15; after that date the assessment then in force applies.",
        ),
    )
    hazard = finding(made, "HAZARD")
    hazard |= {
        "outcome": "affected",
        "severity": "conditional",
        "message": text("中等危险区 34.2 %", "moderate, 34.2 %"),
        "parts": [
            {
                "class": "moderate",
                "title": text("中等", "moderate"),
                "share": 0.342,
                "area_m2": 69893.39,
                "noise_m2": 0.0,
                "features": ["GH-2"],
                "severity": "conditional",
            }
        ],
    }
    because(
        made,
        "HAZARD",
        "affected",
        "condition",
        "地质灾害危险性：中等 34.2 %",
        "Geohazard: moderate 34.2 %",
        stage="in_contract",
        severity="conditional",
        clause=text(
            "受让人按评估报告对69 893.39㎡中等区落实防治工程，与主体工程同步。",
            "The grantee shall carry out mitigation on 69 893.39 m² along with the main works.",
        ),
    )
    power = finding(made, "POWER")
    power |= {
        "outcome": "planned",
        "network": "near",
        "distance_m": 42.0,
        "claims": [
            {
                "service": "POWER",
                "kind": "permanent",
                "reach": "planned",
                "document": "供电计划7号",
                "issuer": "国网长治",
                "dated_on": "2026-10-22",
                "due_on": "2027-03-01",
            }
        ],
    }
    made["readiness"]["met"] = False
    because(
        made,
        "POWER",
        "planned",
        "condition",
        "永久供电在建，2027-03-01 到位",
        "Permanent power due 2027-03-01",
        stage="in_contract",
        clause=text(
            "永久供电由高新区管委会于2027-03-01前建成至宗地红线。", "Permanent power to the boundary by 2027-03-01."
        ),
    )
    return made


def _fails(made):
    made["verdict"] |= {"status": "not_ready", "valid_until": None}
    return made


def _partly(number, name, area):
    made = _fails(record(number, name, area))
    swc = finding(made, "SWC")
    share = 0.62
    swc |= {
        "outcome": "partly_covered",
        "coverage": {
            "share": share,
            "covered_m2": area * share,
            "uncovered_m2": area * (1 - share),
            "unsurveyed_m2": 0.0,
            "noise_m2": 0.4,
        },
    }
    because(
        made,
        "SWC",
        "partly_covered",
        "not_ready",
        "水土保持区域评估部分覆盖 62.0 %",
        "Soil and water assessment covers 62.0 %",
        needed=text("补充范围的区域评估批复", "approval of a supplementary regional assessment"),
    )
    return made


def _no_data(number, name, area):
    made = record(number, name, area)
    made["verdict"] |= {"status": "undetermined", "valid_until": None}
    her = finding(made, "HER")
    her |= {
        "outcome": "no_data",
        "reason": "partly_surveyed",
        "reports": [],
        "coverage": {
            "share": 0.625,
            "covered_m2": area * 0.625,
            "uncovered_m2": 0.0,
            "unsurveyed_m2": area * 0.375,
            "noise_m2": 0.0,
        },
        "message": text("文物保护评估：37.5 % 超出资料覆盖范围", "Heritage: 37.5 % outside the surveyed extent"),
    }
    because(
        made,
        "HER",
        "no_data",
        "undetermined",
        "文物保护评估：无资料",
        "Heritage: no data",
        needed=text("东片考古勘探报告", "survey report of the east"),
    )
    eco = finding(made, "ECO")
    eco |= {"outcome": "no_data", "reason": "layer_missing", "coverage": None}
    because(
        made, "ECO", "no_data", "undetermined", "生态保护红线：未导入该图层", "Ecological red line: layer not imported"
    )
    cli = finding(made, "CLI")
    cli |= {"outcome": "no_data", "reason": "layer_missing", "severity": "conditional", "coverage": None, "reports": []}
    return made


def _waived(number, name, area):
    made = record(number, name, area)
    finding(made, "SEI").update(
        outcome="waived",
        coverage=None,
        reports=[],
        waiver={"document": "晋震函〔2023〕118号", "valid_to": None, "edition": "assessment_scopes@0a1b2c3d4e5f"},
    )
    finding(made, "CLI").update(
        outcome="not_required", required=False, coverage=None, reports=[], severity="conditional"
    )
    finding(made, "FARM")["coverage"]["noise_m2"] = 0.4
    return made


def _expired(number, name, area):
    made = _fails(record(number, name, area))
    fld = finding(made, "FLD")
    fld["outcome"] = "expired"
    fld["reports"][0] |= {"valid_to": "2026-09-30", "days_left": -62, "in_force": False, "covers_sale": False}
    because(
        made,
        "FLD",
        "expired",
        "not_ready",
        "洪水影响评价已过有效期 62 天",
        "Flood assessment ended 62 days ago",
        needed=text("区域洪水影响评价新批复", "a new approval"),
    )
    finding(made, "LANDAPPROVAL").update(
        outcome="affected",
        coverage={
            "share": 0.5,
            "covered_m2": area / 2,
            "uncovered_m2": area / 2,
            "unsurveyed_m2": 0.0,
            "noise_m2": 0.0,
        },
    )
    because(
        made,
        "LANDAPPROVAL",
        "affected",
        "not_ready",
        "农转用征收未批",
        "Land conversion not approved",
        needed=text("农用地转用和征收批复", "approval of conversion"),
    )
    finding(made, "WATER").update(outcome="not_met", network="near", distance_m=412.63, claims=[])
    made["readiness"]["met"] = False
    because(made, "WATER", "not_met", "not_ready", "供水 距红线412.6m 未通", "Water 412.6 m away")
    finding(made, "tax_per_mu").update(outcome="missing", value=None)
    because(made, "tax_per_mu", "missing", "not_ready", "亩均税收未设定", "Tax per mu not set")
    return made


def _pending(number, name, area):
    made = _fails(record(number, name, area))
    finding(made, "MIN").update(outcome="pending")
    finding(made, "MIN")["reports"][0] |= {
        "in_force": False,
        "approved_on": None,
        "approved_by": None,
        "valid_to": None,
        "covers_sale": False,
    }
    because(made, "MIN", "pending", "not_ready", "压覆矿产评估未批复", "Minerals assessment not approved")
    return made


def _excluded(number, name, area):
    made = record(number, name, area, "conditional")
    made["parcel"]["project_type"] = "涂料（易燃）"
    finding(made, "SEI").update(outcome="excluded", excluded_project_types=["易燃易爆"])
    because(
        made,
        "SEI",
        "excluded",
        "condition",
        "企业另行开展地震安全性评价",
        "The buyer needs its own seismic assessment",
        stage="before_start",
        clause=text(
            "受让人须在开工前另行完成地震安全性评价。",
            "The grantee shall complete its own seismic assessment before start.",
        ),
    )
    return made


def _uncovered(number, name, area):
    made = _fails(record(number, name, area))
    finding(made, "GEO").update(
        outcome="not_covered",
        reports=[],
        coverage={"share": 0.0, "covered_m2": 0.0, "uncovered_m2": area, "unsurveyed_m2": 0.0, "noise_m2": 0.0},
    )
    because(made, "GEO", "not_covered", "not_ready", "地质灾害危险性评估未覆盖", "Geohazard assessment does not cover")
    return made


def _review(number, name, area):
    made = record(number, name, area)
    made["verdict"] |= {"status": "undetermined", "valid_until": None, "boundary_sensitive": True}
    farm = finding(made, "FARM")
    farm |= {
        "outcome": "review",
        "parts": [
            {
                "class": "farmland",
                "title": text("永久基本农田", "basic farmland"),
                "share": 1.6 / area,
                "area_m2": 1.6,
                "noise_m2": 0.0,
                "features": ["F-1"],
                "severity": "blocking",
            }
        ],
        "message": text("窄条重叠 1.60㎡，宽 0.05m", "strip of 1.60 m², 0.05 m wide"),
    }
    because(
        made, "FARM", "review", "undetermined", "永久基本农田：待勘测核定 1.60㎡", "Farmland: for a surveyor, 1.60 m²"
    )
    finding(made, "WATER").update(outcome="review", network="near", distance_m=412.63)
    made["readiness"]["met"] = None
    because(made, "WATER", "review", "undetermined", "供水：证明与数据不一致", "Water: claim and data contradict")
    return made


def _almost(number, name, area):
    made = _fails(record(number, name, area))
    finding(made, "WRA").update(
        outcome="partly_covered",
        coverage={
            "share": 1 - 100 / area,
            "covered_m2": area - 100,
            "uncovered_m2": 100.0,
            "unsurveyed_m2": 0.0,
            "noise_m2": 0.0,
        },
    )
    because(made, "WRA", "partly_covered", "not_ready", "水资源论证缺 100.00㎡", "Water resources: 100.00 m² missing")
    return made


PARCELS = (
    (_conditional, "CZGX-2024-001", "示例地块一", box(0, 300, 600, 640)),
    (_ready, "CZGX-2024-002", "智店工业园", box(-320, 300, -20, 640)),
    (_partly, "CZGX-2024-003", "科创大道南", box(630, 300, 960, 640)),
    (_no_data, "CZGX-2024-004", "东片一", box(0, 0, 240, 270)),
    (_waived, "CZGX-2024-005", "漳泽街北", box(260, 0, 500, 270)),
    (_expired, "CZGX-2024-006", "漳泽街西", box(520, 0, 740, 270)),
    (_pending, "CZGX-2024-007", HOSTILE[0], box(760, 0, 960, 270)),
    (_excluded, "CZGX-2024-008", HOSTILE[1], box(-320, 0, -20, 270)),
    (_uncovered, "CZGX-2024-009", HOSTILE[2], box(-320, -240, -20, -30)),
    (_review, "CZGX-2024-010", HOSTILE[3], box(0, -240, 330, -30)),
    (_almost, "CZGX-2024-011", "智店路南A", box(360, -240, 620, -30)),
    (
        _ready,
        "CZGX-2024-012",
        "智店路南B",
        Polygon([(640, -240), (960, -240), (960, -30), (800, -30), (800, -140), (640, -140)]),
    ),
)


def _piece(code, role, geometry, area_m2, cls=None, severity="blocking"):
    return MapPiece(role, code, cls, area_m2, severity, at(geometry))


PIECES = {
    "CZGX-2024-001": (_piece("HAZARD", "affected", box(395, 300, 600, 640), 69893.39, "moderate", "conditional"),),
    "CZGX-2024-003": (_piece("SWC", "uncovered", box(835, 300, 960, 640), 42636.0),),
    "CZGX-2024-009": (_piece("GEO", "uncovered", box(-320, -240, -20, -30), 63000.0),),
    "CZGX-2024-011": (_piece("WRA", "uncovered", box(610, -40, 620, -30), 100.0),),
}


def spec(name, zh, en, geometry, group, color="#55616A", fields=()):
    return LayerSpec(id=name, title=Text(zh, en), geometry=geometry, group=group, color=color, fields=fields)


def layers():
    named = FieldSpec(name="name", title=Text("名称", "Name"))
    scopes = spec(
        "assessment_scopes",
        "评估范围",
        "Assessment scopes",
        GeometryKind.POLYGON,
        "assessment",
        "#4F6D3A",
        (FieldSpec(name="code", title=Text("评估", "Code")), FieldSpec(name="report_no", title=Text("文号", "Report"))),
    )
    hazard = spec(
        "geohazard",
        "地质灾害危险性分区",
        "Geohazard zones",
        GeometryKind.POLYGON,
        "constraint",
        "#8A5A2B",
        (
            FieldSpec(name="class", title=Text("等级", "Class"), codes={"moderate": Code(zh="中等", en="moderate")}),
            FieldSpec(name="holder", title=Text("权利人", "Holder"), private=True),
        ),
    )
    return (
        MapLayer(
            spec("zones", "开发区范围", "Development zone", GeometryKind.POLYGON, "zone", fields=(named,)),
            "zones@0a1b2c3d4e5f",
            [("CZGX", at(box(-360, -280, 1000, 690)), {"name": HOSTILE[0]})],
            None,
            True,
            "演示",
            "CC BY 4.0",
        ),
        MapLayer(
            scopes,
            "assessment_scopes@0a1b2c3d4e5f",
            [
                (
                    f"S-{code}",
                    at(box(-360, -280, 835 if code == "SWC" else 1000, 690)),
                    {"code": code, "report_no": HOSTILE[1]},
                )
                for code in ("EIA", "FLD", "SWC", "SEI")
            ],
            at(box(-500, -500, 1200, 900)),
            True,
            HOSTILE[0],
            "CC BY 4.0",
        ),
        MapLayer(
            spec("flood_zones", "洪水淹没区", "Flood zones", GeometryKind.POLYGON, "constraint", "#3C7DA6"),
            "flood_zones@0a1b2c3d4e5f",
            [("F-20", at(box(-360, -280, 1000, -180)), {})],
            None,
            True,
        ),
        MapLayer(
            hazard,
            "geohazard@0a1b2c3d4e5f",
            [("GH-2", at(box(395, 250, 700, 690)), {"class": "moderate", "holder": "不应出现"})],
            at(box(-360, -100, 1000, 690)),
            True,
        ),
        MapLayer(
            spec("farmland", "永久基本农田", "Basic farmland", GeometryKind.POLYGON, "constraint"),
            "farmland@0a1b2c3d4e5f",
            [("F-1", at(box(-520, -240, -365, 200)), {})],
            None,
            True,
        ),
        MapLayer(
            spec("ore", HOSTILE[0], HOSTILE[1], GeometryKind.POLYGON, "constraint"), "ore@0a1b2c3d4e5f", [], None, True
        ),
        MapLayer(
            spec("water_mains", "供水管网", "Water mains", GeometryKind.LINE, "infrastructure", "#3F6F86"),
            "water_mains@0a1b2c3d4e5f",
            [
                ("W-1", at(LineString([(-360, 285), (1000, 285)])), {}),
                ("W-2", at(LineString([(-360, -15), (1000, -15)])), {}),
            ],
            None,
            True,
        ),
    )


def area_of(geometry):
    return 204366.64 if geometry.bounds == (0, 300, 600, 640) else geometry.area


#: Two are in the newest batch, one is announced and its verdict has changed since, one is kept in reserve.
FILED = {
    "CZGX-2024-001": Filed("2026-12-01", "拟供", "2026年第5批", "140401100001GB00001", "智店路"),
    "CZGX-2024-002": Filed("2026-12-08", "拟供", "2026年第5批", "140401100001GB00002", HOSTILE[0]),
    "CZGX-2024-003": Filed("2026-12-15", "已公告", "2026年第4批", changed=True),
    "CZGX-2024-004": Filed("", "储备"),
}


def map_parcels():
    return tuple(
        MapParcel(
            make(number, name, area_of(geometry)),
            at(geometry),
            PIECES.get(number, ()),
            filed=FILED.get(number, Filed("2026-12-22", "拟供", HOSTILE[1])),
        )
        for make, number, name, geometry in PARCELS
    )


RULES = load_rulebook(bundled()[1])
NAMES = RuleNames(
    {code: rule.short for code, rule in RULES.assessments.items() if rule.short},
    tuple((line.code, line.title) for line in RULES.preconditions),
)


def parcel_view(view, number):
    """Make the view of one parcel, with the others around it."""
    [focus] = [parcel for parcel in view.parcels if parcel.id == number]
    around = tuple(
        Neighbour(other.id, other.record["parcel"]["name"] or "", other.record["parcel"]["area_m2"], other.geometry)
        for other in view.parcels
        if other is not focus
    )
    return replace(view, parcels=(focus,), around=around)


def map_view(parcels):
    return MapView(
        title=Text("长治高新区（演示）", "Changzhi high-tech zone (demo)"),
        as_of=None,
        fallback=AS_OF,
        data_until="2026-11-18",
        parcels=parcels,
        layers=layers(),
        crs_text=Text("CGCS2000 3度带 中央子午线114°", "CGCS2000 3-degree, CM 114°E"),
        synthetic=True,
        links=True,
        names=NAMES,
    )
