"""Whether coordinates lie where they can lie, and if not, which mistake explains it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo_service.errors import Fault
from geo_service.model.rulebook import Jurisdiction, ZoneSeries
from geo_service.projection import LON_LAT, crs_of, transformer

Numbers = NDArray[np.float64]
ZONE_WIDTH_M = 1_000_000
_MAX_LON, _MAX_LAT = 180.0, 90.0


def _degrees(x: Numbers, y: Numbers, crs: str) -> tuple[Numbers, Numbers]:
    if not crs_of(crs).is_projected:
        return x, y
    lon, lat = transformer(crs, LON_LAT).transform(x, y, errcheck=False)
    return np.asarray(lon), np.asarray(lat)


def fits(x: Numbers, y: Numbers, crs: str, jurisdiction: Jurisdiction) -> NDArray[np.bool_]:
    """Tell for each point whether it lies in the jurisdiction's box and near the area its CRS is made for."""
    lon, lat = _degrees(x, y, crs)
    west, south, east, north = jurisdiction.box_degrees
    ok = np.isfinite(lon) & np.isfinite(lat) & (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
    use = crs_of(crs).area_of_use
    # The area of longitude/latitude is the world, and a transverse projection far from its meridian comes back to earth
    # somewhere else: the area of use tells the two apart.
    if use is not None:
        margin = jurisdiction.area_of_use_margin_degrees
        ok &= (lon >= use.west - margin) & (lon <= use.east + margin)
        ok &= (lat >= use.south - margin) & (lat <= use.north + margin)
    return np.asarray(ok)


def series_of(crs: str, jurisdiction: Jurisdiction) -> tuple[ZoneSeries, int] | None:
    """Return the numbered series of a CRS and its zone, when its eastings carry the zone's number."""
    text = jurisdiction.boundary_txt
    if text is None:
        return None
    for series in text.series.values():
        for zone in range(series.first, series.last + 1):
            if crs == f"EPSG:{series.epsg + zone - series.first}":
                return series, zone
    return None


def _zone_words(x: Numbers, crs: str, jurisdiction: Jurisdiction) -> tuple[str, str] | None:
    """Say what the eastings tell of the zone, when that contradicts the CRS."""
    text = jurisdiction.boundary_txt
    if text is None:
        return None
    prefixes = np.unique(np.floor(x / ZONE_WIDTH_M))
    if len(prefixes) != 1:
        return None
    prefix = int(prefixes[0])
    own = series_of(crs, jurisdiction)
    bands = [series for series in text.series.values() if series.first <= prefix <= series.last]
    if own is None and bands:
        return f"坐标带号{prefix}，声明的坐标系不带带号", f"the eastings carry zone {prefix}, the declared CRS has none"
    if own is not None and prefix == 0:
        return (
            f"坐标不带带号，声明的坐标系为{own[1]}带",
            f"the eastings carry no zone, the declared CRS is of zone {own[1]}",
        )
    if own is not None and prefix != own[1]:
        return (
            f"带号{prefix}与声明的{own[1]}带不符",
            f"the eastings carry zone {prefix}, the declared CRS is of zone {own[1]}",
        )
    return None


def cause(x: Numbers, y: Numbers, crs: str, jurisdiction: Jurisdiction) -> tuple[str, str, str]:
    """Return code and words of the mistake that best explains points that do not fit."""
    projected = crs_of(crs).is_projected
    degrees = bool(np.all(np.abs(x) <= _MAX_LON) and np.all(np.abs(y) <= _MAX_LON))
    if not projected and not degrees:
        return "metres_as_degrees", "坐标为米，声明却是经纬度", "the coordinates are metres, the CRS says degrees"
    if projected and degrees:
        return "degrees_as_metres", "坐标为经纬度，声明却是米", "the coordinates are degrees, the CRS says metres"
    if bool(np.all(fits(y, x, crs, jurisdiction))):
        return "axes_swapped", "坐标X、Y疑似颠倒", "x and y seem to be swapped"
    if projected:
        words = _zone_words(x, crs, jurisdiction)
        if words is not None:
            return "wrong_zone", *words
    return "outside_jurisdiction", "坐标超出可接受的范围", "the coordinates lie outside the admitted area"


_NEXT = {
    "metres_as_degrees": ("请用 --crs 指定投影坐标系", "name the projected CRS with --crs"),
    "degrees_as_metres": ("请用 --crs 指定经纬度坐标系", "name the geographic CRS with --crs"),
    "axes_swapped": ("请确认后重新导出再导入（X为东、Y为北）", "export again with x east and y north"),
    "wrong_zone": ("请核对带号后用 --crs 更正", "check the zone and correct it with --crs"),
    "outside_jurisdiction": ("请核对坐标系和坐标", "check the CRS and the coordinates"),
}


#: Mistakes that are made in some of a boundary's points.
_OF_SOME = frozenset({"axes_swapped", "wrong_zone"})


def misplaced(
    geometries: Sequence[BaseGeometry | None], rows: Sequence[int], crs: str, jurisdiction: Jurisdiction
) -> Iterator[tuple[int, Fault]]:
    """Yield (position, fault) for each geometry with a vertex where it cannot be."""
    coordinates, index = shapely.get_coordinates(np.asarray(geometries, dtype=object), return_index=True)
    if not len(coordinates):
        return
    ok = fits(coordinates[:, 0], coordinates[:, 1], crs, jurisdiction)
    if ok.all():
        return
    for position in np.unique(index[~ok]):
        first, last = np.searchsorted(index, (position, position + 1))
        x, y = coordinates[first:last, 0], coordinates[first:last, 1]
        code, zh, en = cause(x, y, crs, jurisdiction)
        wrong = ~ok[first:last]
        worst = int(np.argmax(wrong))
        if code == "outside_jurisdiction" and not wrong.all():
            # What explains some of the points need not hold of all.
            some = cause(x[wrong], y[wrong], crs, jurisdiction)
            if some[0] in _OF_SOME:
                code, zh, en = some
        row = rows[int(position)]
        suffix = f"（第{row}行）" if code == "axes_swapped" else ""
        yield (
            int(position),
            Fault(code, zh + suffix, en, *_NEXT[code], row=row, value=f"{x[worst]:.10g}, {y[worst]:.10g} ({crs})"),
        )


def nearest_zone_m(
    geometries: Sequence[BaseGeometry | None], crs: str, zones: Sequence[tuple[str, BaseGeometry]]
) -> float:
    """Shortest distance between the boxes of the geometries and a zone, in m, good to a percent."""
    boxes = shapely.bounds(np.asarray([shape for shape in geometries if shape is not None], dtype=object))
    shortest = float("inf")
    for zone_crs, zone in zones:
        corners = shapely.get_coordinates(zone)
        lon, lat = _degrees(corners[:, 0], corners[:, 1], zone_crs)
        west, south = _degrees(boxes[:, 0], boxes[:, 1], crs)
        east, north = _degrees(boxes[:, 2], boxes[:, 3], crs)
        metres = np.array([111_320.0 * np.cos(np.radians(lat.mean())), 110_900.0])
        points = np.column_stack([lon, lat]) * metres
        area = shapely.multipoints(points).convex_hull
        found = shapely.box(west * metres[0], south * metres[1], east * metres[0], north * metres[1])
        shortest = min(shortest, float(shapely.distance(area, found).min(initial=float("inf"))))
    return shortest
