"""Parcels with what the register is to know of them, and features by layer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

OLD_CLAIM, CLAIM, SURVEY = date(2025, 10, 1), date(2026, 10, 8), date(2026, 10, 20)

ZONE, V1, V2, ZONE2 = "CZGX", "CZGX-V1", "CZGX-V2", "SLYQ"


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
    "新能源电池材料",
    "通用设备制造",
    "医疗器械",
    "光伏组件制造",
    "食品加工",
    "汽车零部件",
    "半导体封装测试",
    "智能装备",
    "生物制药",
    "纺织服装",
    "仪器仪表",
    "冷链物流",
)

ISSUERS = {
    "WATER": ("示例供水公司", "水证"),
    "POWER": ("示例供电公司", "电函"),
    "ROAD": ("示例市政建设公司", "路证"),
    "LEVEL": ("示例勘测院", "平测"),
    "SEWER": ("示例排水公司", "排函"),
    "RAIN": ("示例排水公司", "雨函"),
    "GAS": ("示例燃气公司", "气函"),
    "TELECOM": ("示例通信公司", "通函"),
}

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
    entry = {
        "service": service,
        "kind": "permanent",
        "reach": "to_boundary",
        "issuer": issuer,
        "dated_on": dated,
    } | more
    entry.setdefault("document", f"{word}〔{entry['dated_on'].year}〕{number}号（示例）")
    return entry


def planned(service: str, number: str, due_on: date, *, funded: bool) -> dict[str, Any]:
    """A claim for works that are planned."""
    _, word = ISSUERS[service]
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
        usual = [
            claim(service, f"{number}") for service in ("WATER", "POWER", "ROAD", "LEVEL") if service not in without
        ]
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
