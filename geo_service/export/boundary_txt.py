"""The coordinate exchange TXT (勘测定界界址点坐标交换格式): GBK, CRLF, X = north, Y = east.

Points run from the north-west corner, outer rings clockwise, inner rings counter-clockwise; each ring is closed by
its first point, which keeps its number.
"""

from __future__ import annotations

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geo_service.model.finding import Verdict
from geo_service.model.rulebook import BoundaryTxt
from geo_service.model.units import M2_PER_HA, rounded
from geo_service.projection import crs_of, project, shift

DECIMALS = 3


def _series(crs: str, txt: BoundaryTxt) -> tuple[str, int, str] | None:
    """Return (band, zone number, CRS with that zone's prefix) for a working CRS."""
    for band, series in txt.series.items():
        for number in range(series.first, series.last + 1):
            prefixed = f"EPSG:{series.epsg + number - series.first}"
            if prefixed == crs or (shift(crs, prefixed) is not None and _same_meridian(crs, prefixed)):
                return band, number, prefixed
    return None


def _same_meridian(one: str, other: str) -> bool:
    first, second = (crs_of(code).area_of_use for code in (one, other))
    return first is None or second is None or abs(first.west - second.west) < 1.0


def _rings(geometry: BaseGeometry) -> list[list[tuple[float, float]]]:
    rings = []
    for polygon in shapely.get_parts(shapely.orient_polygons(geometry, exterior_cw=True)):
        for ring in (polygon.exterior, *polygon.interiors):
            points = list(ring.coords)[:-1]
            west = min(point[0] for point in points)
            north = max(point[1] for point in points)
            start = min(range(len(points)), key=lambda index: (points[index][0] - west) - (points[index][1] - north))
            rings.append(points[start:] + points[:start])
    return rings


def boundary_points(verdict: Verdict, txt: BoundaryTxt) -> bytes:
    """Return the boundary of one parcel; the area in the head line is that of the rounded points, in hectares.

    Coordinates carry the zone prefix where the working CRS has a prefixed form.
    """
    found = _series(verdict.crs, txt)
    crs = verdict.crs if found is None else found[2]
    written = shapely.transform(project(verdict.geometry, verdict.crs, crs), lambda points: np.round(points, DECIMALS))
    rings = _rings(written)
    parcel = verdict.parcel
    points = sum(len(ring) + 1 for ring in rings)
    hectares = rounded(float(written.area) / M2_PER_HA, 4)
    head = [str(points), str(hectares), parcel.id, parcel.name or "", "面", "", "", parcel.land_use or "", "@"]
    lines = [
        "[属性描述]",
        "格式版本号=1.01",
        "数据产生单位=",
        f"数据产生日期={verdict.as_of.year}-{verdict.as_of.month}-{verdict.as_of.day}",
        f"坐标系={txt.write_datum}",
        f"几度分带={txt.default_band if found is None else found[0]}",
        f"投影类型={txt.write_projection}",
        f"计量单位={txt.write_unit}",
        f"带号={'' if found is None else found[1]}",
        "精度=0.001",
        "转换参数=,,,,,,",
        "[地块坐标]",
        ",".join(_field(part) for part in head),
    ]
    number = 0
    for ring_number, ring in enumerate(rings, start=1):
        first = number + 1
        for offset, (east, north) in enumerate([*ring, ring[0]]):
            name = first if offset == len(ring) else first + offset
            lines.append(f"J{name},{ring_number},{rounded(north, DECIMALS)},{rounded(east, DECIMALS)}")
        number += len(ring)
    return ("\r\n".join(lines) + "\r\n").encode("gb18030")


def _field(text: str) -> str:
    """Write a field on its line; a comma of either width would make two of it, so another sign is written.

    Examples
    --------
    >>> _field("东片,一期，北\u2028侧")
    '东片、一期、北 侧'
    """
    return " ".join(text.splitlines()).replace(",", "、").replace("，", "、")
