"""Two parcels side by side, or one as it was and as it is: what differs first, what is equal folded away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from geo_service.maps import labels
from geo_service.maps.card import card
from geo_service.maps.problem import findings
from geo_service.maps.rows import DASH, Finding, Json, joined, pair
from geo_service.maps.scene import MapParcel, RuleNames
from geo_service.maps.signs import STATUS_SIGN, sign_of
from geo_service.model.text import Text
from geo_service.model.units import grouped, mu

_SECTIONS = ("preconditions", "assessments", "readiness", "indicators", "constraints")
_FACTS = (Text("出让面积", "Area offered"), Text("结论", "Verdict"), Text("结论有效至", "Holds until"))
_DUTIES = ("todo", "conditions", "missing")


def compared(parcels: Sequence[MapParcel], names: RuleNames) -> Json:
    """Lay out parcels in columns.

    A row differs where outcome, reason or class differ; a few metres of distance are no difference. Rows of one item
    stand side by side whatever their order; what one parcel lacks is a dash.
    """
    cards = [
        card(parcel.record, land_use=parcel.land_use, zone_name=parcel.zone_name, names=names) for parcel in parcels
    ]
    sections = [{"title": pair(Text("核查结论", "Verdict")), "rows": _facts(parcels, cards)}]
    kinds = [{finding["code"]: _kind(parcel, finding) for finding in findings(parcel.record)} for parcel in parcels]
    for key in _SECTIONS:
        parts = [next(part for part in one["sections"] if part["key"] == key) for one in cards]
        items = [_by_code(part) for part in parts]
        codes = dict.fromkeys(code for found in items for code in found)
        rows = [_row(code, [found.get(code) for found in items], [kind.get(code) for kind in kinds]) for code in codes]
        if rows:
            sections.append({"title": parts[0]["title"], "rows": sorted(rows, key=lambda row: not row["differs"])})
    return {"columns": [_column(parcel, one) for parcel, one in zip(parcels, cards, strict=True)], "sections": sections}


def _column(parcel: MapParcel, made: Json) -> Json:
    status = parcel.record["verdict"]["status"]
    area = grouped(mu(parcel.record["parcel"]["area_m2"]), 2)
    return {
        "id": parcel.id,
        "name": parcel.record["parcel"]["name"] or "",
        "area": [f"{area} 亩", f"{area} mu"],
        "status": status,
        "sign": STATUS_SIGN[status].value,
        "words": pair(labels.STATUS[status]),
        "sentence": made["verdict"]["sentence"],
        "valid": made["verdict"]["valid"],
        "as_of": parcel.record["as_of"],
        "digest": parcel.record["provenance"]["digest"],
    }


def _facts(parcels: Sequence[MapParcel], cards: Sequence[Json]) -> list[Json]:
    shown = (
        [one["head"]["area"] for one in cards],
        [one["verdict"]["words"] for one in cards],
        [one["verdict"]["valid"] for one in cards],
    )
    rows = [
        {"name": pair(name), "differs": _differ(cells), "cells": [{"words": words} for words in cells]}
        for name, cells in zip(_FACTS, shown, strict=True)
    ]
    for key in _DUTIES:
        parts = [next(part for part in one["sections"] if part["key"] == key) for one in cards]
        cells = [_duties(part["items"]) for part in parts]
        kinds = [[item.get("code") for item in part["items"]] for part in parts]
        rows.append({"name": parts[0]["title"], "differs": _differ(kinds), "cells": cells})
    return rows


def _duties(items: Sequence[Json]) -> Json:
    if not items:
        return {"words": ["0", "0"]}
    told = joined([Text(*item["name"]) for item in items], "；")
    return {"words": [f"{len(items)}：{told.zh}", f"{len(items)}: {told.en}"]}


def _by_code(part: Json) -> dict[str, Json]:
    items = [*part["items"], *part.get("folded", {}).get("items", ())]
    return {item.get("code") or item["name"][0]: item for item in items}


def _kind(parcel: MapParcel, finding: Finding) -> list[Any]:
    return [
        finding["outcome"],
        finding.get("reason"),
        sign_of(parcel.record, finding),
        sorted(str(part["class"]) for part in finding.get("parts", ())),
    ]


def _row(code: str, items: Sequence[Json | None], kinds: Sequence[list[Any] | None]) -> Json:
    named = next(item for item in items if item is not None)
    # What stands on paper alone has no finding; its words are all there is to compare.
    compared_by = kinds if any(kind is not None for kind in kinds) else [item and item.get("words") for item in items]
    cells = [
        {"words": pair(DASH)}
        if item is None
        else {
            "sign": item["sign"],
            "words": item.get("words") or item["name"],
            "small": [pair(DASH)] if not item.get("right") else item["right"],
        }
        for item in items
    ]
    return {"code": code, "name": named["name"], "differs": _differ(compared_by), "cells": cells}


def _differ(values: Sequence[Any]) -> bool:
    return any(value != values[0] for value in values)
