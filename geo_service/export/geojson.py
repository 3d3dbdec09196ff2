"""The parcel as GeoJSON: RFC 7946 in lon/lat, and once more in metres of the working CRS."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geo_service.export.profile import Profile
from geo_service.export.record import Record
from geo_service.model.finding import Piece, Verdict
from geo_service.model.layer import Value
from geo_service.projection import lon_lat

LON_LAT_DECIMALS, METRE_DECIMALS = 7, 4
_COMPACT = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def rounded_geometry(geometry: BaseGeometry, decimals: int) -> dict[str, Any]:
    """Return a GeoJSON geometry, outer rings counter-clockwise, each coordinate rounded; nothing is snapped away.

    Examples
    --------
    >>> rounded_geometry(shapely.Point(1.23456789, 2.0), 7)
    {'type': 'Point', 'coordinates': [1.2345679, 2.0]}
    """
    found: dict[str, Any] = json.loads(shapely.to_geojson(rounded(geometry, decimals)))
    return found


def rounded(geometry: Any, decimals: int) -> Any:
    """Round the coordinates of a geometry, or of an array of them, outer rings counter-clockwise."""
    oriented = shapely.orient_polygons(geometry, exterior_cw=False)
    return shapely.transform(oriented, lambda points: np.round(points, decimals))


def parcel_properties(body: Record) -> dict[str, Any]:
    """Return the flat properties of a parcel: verdict, validity, outcome of each assessment, service and levelling."""
    parcel, verdict, readiness = body["parcel"], body["verdict"], body["readiness"]
    properties: dict[str, Any] = {
        "parcel_id": parcel["id"],
        "name": parcel["name"],
        "zone": parcel["zone"],
        "land_use": parcel["land_use"],
        "as_of": body["as_of"],
        "area_m2": parcel["area_m2"],
        "area_mu": parcel["area_mu"],
        "verdict": verdict["status"],
        "valid_until": verdict["valid_until"],
        "readiness_standard": readiness["standard"],
        "readiness_met": readiness["met"],
        "digest": body["provenance"]["digest"],
    }
    for entry in body["assessments"]:
        code, coverage = entry["code"], entry["coverage"]
        ends = [report["valid_to"] for report in entry["reports"] if report["in_force"] and report["valid_to"]]
        properties[f"{code}_outcome"] = entry["outcome"]
        properties[f"{code}_share"] = None if coverage is None else coverage["share"]
        properties[f"{code}_valid_to"] = min(ends, default=None)
    for entry in (*readiness["services"], readiness["level"]):
        ends = [claim["valid_to"] for claim in entry["claims"] if claim["valid_to"]]
        properties[f"{entry['code']}_outcome"] = entry["outcome"]
        properties[f"{entry['code']}_share"] = None
        properties[f"{entry['code']}_valid_to"] = min(ends, default=None)
    return properties


def pieces(verdict: Verdict) -> tuple[Piece, ...]:
    """All ground that outcomes rest on, in catalogue order."""
    judged = tuple(piece for finding in verdict.assessments for piece in finding.pieces)
    return judged + tuple(piece for finding in verdict.constraints for piece in finding.pieces)


def collection(verdict: Verdict, body: Record, profile: Profile, forced: bool, *, metres: bool = False) -> bytes:
    """Return the parcel, and for the internal profile its pieces, as a FeatureCollection."""
    decimals = METRE_DECIMALS if metres else LON_LAT_DECIMALS
    place: Callable[[BaseGeometry], BaseGeometry] = (
        (lambda geometry: geometry) if metres else (lambda geometry: lon_lat(geometry, verdict.crs))
    )
    properties = parcel_properties(body)
    if forced:
        properties["forced"] = "未达条件强制导出 / exported although not ready"
    features = [
        {
            "type": "Feature",
            "id": verdict.parcel.id,
            "geometry": rounded_geometry(place(verdict.geometry), decimals),
            "properties": properties,
        }
    ]
    if profile is Profile.INTERNAL:
        features += [_piece(piece, number, place, decimals) for number, piece in enumerate(pieces(verdict), start=1)]
    out: dict[str, Any] = {"type": "FeatureCollection", "features": features}
    if metres:
        authority, _, code = verdict.crs.partition(":")
        out["crs"] = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:{authority}::{code}"}}
    return compact(out)


def _piece(piece: Piece, number: int, place: Callable[[BaseGeometry], BaseGeometry], decimals: int) -> dict[str, Any]:
    return {
        "type": "Feature",
        "id": f"piece-{number}",
        "geometry": rounded_geometry(place(piece.geometry), decimals),
        "properties": {
            "role": piece.role,
            "code": piece.code,
            "class": piece.cls,
            "area_m2": piece.area_m2,
            "severity": piece.severity.value,
        },
    }


def plain(value: Value) -> str | float | int | bool | None:
    """Return an attribute as JSON holds it.

    Examples
    --------
    >>> plain(date(2026, 12, 1)), plain(2.5), plain(None)
    ('2026-12-01', 2.5, None)
    """
    return value.isoformat() if isinstance(value, date) else value


def together(features: Iterable[bytes]) -> Iterator[bytes]:
    """Write a FeatureCollection piece by piece; each piece is a feature, or several with commas between them."""
    yield b'{"type":"FeatureCollection","features":['
    between = b""
    for one in features:
        yield between + one
        between = b","
    yield b"]}"


def compact(value: Any) -> bytes:
    """Return JSON without blanks, keys in the order given; non-finite numbers raise."""
    return _COMPACT.encode(value).encode()


def feature(verdict: Verdict, body: Record) -> dict[str, Any]:
    """Return a parcel with its flat properties in lon/lat, one of many."""
    return {
        "type": "Feature",
        "id": verdict.parcel.id,
        "geometry": rounded_geometry(lon_lat(verdict.geometry, verdict.crs), LON_LAT_DECIMALS),
        "properties": parcel_properties(body),
    }
