"""Which zone a parcel is judged by, and what that zone asks for."""

from __future__ import annotations

from datetime import date
from weakref import WeakKeyDictionary

from geo_service import assessments, constraints, indicators, overlay
from geo_service.engine.attributes import attributes
from geo_service.errors import Fault, InputError
from geo_service.model.finding import ZoneRead
from geo_service.model.layer import Features, LayerSet, Value
from geo_service.model.rulebook import Jurisdiction, Rulebook
from geo_service.projection import lon_lat, working_crs

APPROVED, APPLIED = "approved", "applied"

# Features are immutable, so what follows from their places may be kept as long as they live.
_WORKING_CRS: WeakKeyDictionary[Features, dict[tuple[int, tuple[str, ...]], str]] = WeakKeyDictionary()
_EVERY_CRS: WeakKeyDictionary[Features, tuple[tuple[str, ...], frozenset[str]]] = WeakKeyDictionary()
_READ: WeakKeyDictionary[Features, dict[int, tuple[Rulebook, ZoneRead]]] = WeakKeyDictionary()


def zone_id(features: Features, row: int) -> str:
    """Return the id that all versions of a zone share."""
    return str(features.value(row, "zone") or features.ids[row])


def working_crs_declared(features: Features, row: int) -> str | None:
    """Return the working CRS that a zone declares."""
    declared = features.value(row, "working_crs")
    return str(declared) if declared else None


def working_crs_of(features: Features, row: int, jurisdiction: Jurisdiction) -> str:
    """Return the working CRS of a zone: the one it declares, else that of its longitude."""
    declared = working_crs_declared(features, row)
    if declared:
        return declared
    known, key = _WORKING_CRS.setdefault(features, {}), (row, jurisdiction.working_crs)
    if key not in known:
        known[key] = working_crs(jurisdiction, lon_lat(features.geometries[row].centroid, features.crs).x)
    return known[key]


def every_working_crs(features: Features, jurisdiction: Jurisdiction) -> frozenset[str]:
    """Return the working CRSs of all zones."""
    known = _EVERY_CRS.get(features)
    if known is None or known[0] != jurisdiction.working_crs:
        found = frozenset(working_crs_of(features, row, jurisdiction) for row in range(len(features)))
        known = _EVERY_CRS[features] = jurisdiction.working_crs, found
    return known[1]


def require_zone(zone: str, layers: LayerSet, rulebook: Rulebook) -> None:
    """Refuse a zone id that no boundary in the workspace has.

    Raises
    ------
    InputError
        When neither a zone nor a version of one is called so.
    """
    features = layers.features(rulebook.zones_layer)
    known: set[str] = set()
    if features is not None:
        known = set(features.ids) | {str(value) for value in features.attributes.get("zone", ()) if value}
    if zone not in known:
        listed = "、".join(sorted(known)) or "—"
        raise InputError(
            Fault(
                "zone_unknown",
                f"没有该开发区；已有：{listed}",
                f"no such zone; there are: {listed}",
                next_zh=f"核对开发区编号，或先导入 {rulebook.zones_layer} 图层",
                next_en=f"look at the zone's id, or import the layer {rulebook.zones_layer} first",
                value=zone[:200],
            )
        )


def find(features: Features, parcel: overlay.Uncut, declared: str | None, as_of: date) -> int | None:
    """Return the row of the zone version that a parcel is judged by.

    A declared zone wins where there is such a one; else the one with the largest share of the parcel. Approved
    versions come before applied-for ones, later ones before earlier.

    Raises
    ------
    MeasureFailed
        When GEOS cannot answer.
    """
    best: tuple[tuple[bool, float, date], str, int] | None = None
    rows = range(len(features)) if declared else features.tree.query(parcel.parcel).tolist()
    for row in rows:
        if declared and declared not in (zone_id(features, row), features.ids[row]):
            continue
        values = attributes(features).row(row)
        if not constraints.stands(values, as_of):
            continue
        overlap = parcel.shared_m2(features.geometries[row])
        if not declared and overlap <= 0.0:
            continue
        begins = values.get("valid_from") or values.get("approved_on")
        key = (
            values.get("version_status") == APPROVED,
            0.0 if declared else round(overlap, 2),
            begins if isinstance(begins, date) else date.min,
        )
        if best is None or key > best[0] or (key == best[0] and features.ids[row] < best[1]):
            best = (key, features.ids[row], row)
    if best is None and declared:
        return find(features, parcel, None, as_of)
    return None if best is None else best[2]


def read(features: Features, row: int, rulebook: Rulebook) -> ZoneRead:
    """Read what a zone asks for; what it does not say comes from the rulebook.

    Raises
    ------
    InputError
        When the zone names a code, standard or indicator that the rulebook does not know.
    """
    known = _READ.setdefault(features, {})
    found = known.get(row)
    if found is None or found[0] is not rulebook:
        found = known[row] = rulebook, _read(features, row, rulebook)
    return found[1]


def _read(features: Features, row: int, rulebook: Rulebook) -> ZoneRead:
    values = attributes(features).row(row)
    every = (*rulebook.order.core, *rulebook.order.local)
    where = f"{features.spec.id}/{features.ids[row]}"
    standard = str(values.get("readiness_standard") or rulebook.defaults.readiness_standard)
    if standard not in rulebook.standards:
        raise InputError(_unknown(where, "readiness_standard", standard, tuple(rulebook.standards)))
    try:
        asked = indicators.asked_by_zone(_text(values.get("indicators")))
    except ValueError as error:
        raise InputError(
            _unknown(where, "indicators", str(values.get("indicators")), ("code=value unit; …",))
        ) from error
    for code, _, _ in asked or ():
        if code not in rulebook.indicators:
            raise InputError(_unknown(where, "indicators", code, tuple(rulebook.indicators)))
    window = values.get("supply_window_days")
    return ZoneRead(
        id=zone_id(features, row),
        version=features.ids[row],
        name=_text(values.get("name")),
        required_codes=_codes(values.get("required_codes"), every, where, "required_codes") or every,
        core_codes=_codes(values.get("core_codes"), every, where, "core_codes"),
        readiness_standard=standard,
        supply_window_days=int(window) if isinstance(window, int | float) else rulebook.defaults.supply_window_days,
        indicators=asked,
    )


def _text(value: Value) -> str | None:
    return str(value) if value not in (None, "") else None


def _codes(value: Value, every: tuple[str, ...], where: str, field: str) -> tuple[str, ...]:
    found = tuple(
        code for part in assessments.listed(value) for code in part.replace(",", " ").replace("，", " ").split()
    )
    for code in found:
        if code not in every:
            raise InputError(_unknown(where, field, code, every))
    return tuple(code for code in every if code in found)


def _unknown(where: str, field: str, value: str, allowed: tuple[str, ...]) -> Fault:
    return Fault(
        "unknown_code",
        f"字段 {field} 的值不在规则内；可用：{'、'.join(allowed)}",
        f"field {field} has a value unknown to the rulebook; allowed: {', '.join(allowed)}",
        next_zh="改正该图层后重新导入",
        next_en="mend the layer and import it again",
        where=where,
        value=value[:200],
    )
