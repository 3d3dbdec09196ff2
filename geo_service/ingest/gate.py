"""The gate before any geometry work: numbers, sizes, crossings; then repair, said aloud.

A few kilobytes of coordinates can keep a repair busy for minutes. What makes it slow is the number of places where the
boundary crosses itself, so these are counted first, and counting stops early.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo_service.errors import Fault, too_complex
from geo_service.model.catalogue import GeometryKind
from geo_service.model.parcel import Repair
from geo_service.model.rulebook import Jurisdiction
from geo_service.overlay import crossing
from geo_service.projection import LON_LAT, crs_of, transformer, working_crs

MAX_VERTICES = 100_000
MAX_RINGS = 2_000
MAX_PARTS = 5_000
#: Pairs of rings whose boxes meet: whether rings lie in each other is asked of every such pair.
MAX_PAIRS = 500_000
MAX_CROSSINGS = 1_000
MAX_SECONDS = 1.0
#: Edges of a large boundary that are held against all of its others before GEOS sees it: where edges lie in heaps, to
#: find out that it is not valid takes as long as the square of their number.
SAMPLE = 16
#: Rings whose neighbours are looked up at a time: many neighbours mean much memory.
TOGETHER = 128
MIN_AREA_M2 = 0.1
MIN_WIDTH_M = 0.001
MAX_CHANGE_M2 = 1.0
MAX_CHANGE_SHARE = 0.001
_OUTLINE_TOLERANCE_M2 = 1e-6
_POLYGONS = frozenset({"Polygon", "MultiPolygon"})
_LINES = frozenset({"LineString", "MultiLineString"})
_ONE_AND_MANY = {
    GeometryKind.POLYGON: (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON),
    GeometryKind.LINE: (shapely.GeometryType.LINESTRING, shapely.GeometryType.MULTILINESTRING),
}

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Crossings:
    """How often a boundary crosses itself; ``first`` are the numbers of two vertices where crossing edges begin."""

    count: int
    stopped: bool
    first: tuple[int, int] | None


def crossings(geometry: BaseGeometry) -> Crossings:
    """Count proper crossings and collinear overlaps of the edges of a geometry, and stop early.

    Examples
    --------
    >>> bow_tie = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    >>> crossings(bow_tie).count
    1
    """
    vertex, start, end = _segments(geometry)
    tree = shapely.STRtree(shapely.linestrings(np.stack([start, end], axis=1)))
    order = np.random.default_rng(0).permutation(len(start))
    deadline = time.thread_time() + MAX_SECONDS
    count, first, position, chunk = 0, None, 0, 32
    while position < len(order):
        part = order[position : position + chunk]
        asked, other = tree.query(shapely.linestrings(np.stack([start[part], end[part]], axis=1)))
        one = part[asked]
        one, other = one[one < other], other[one < other]
        hits = crossing(start[one], end[one], start[other], end[other])
        count += int(hits.sum())
        if first is None and hits.any():
            hit = int(np.argmax(hits))
            first = (int(vertex[one[hit]]), int(vertex[other[hit]]))
        position += len(part)
        if count > MAX_CROSSINGS or (position < len(order) and time.thread_time() > deadline):
            return Crossings(count, True, first)
        # Many neighbours mean much memory a step, few mean that larger steps are quicker.
        chunk = min(chunk * 2, 1024) if len(one) < 50 * len(part) else 32
    return Crossings(count, False, first)


def _segments(geometry: BaseGeometry) -> tuple[NDArray[np.intp], Points, Points]:
    """Return the edges of a geometry that have a length: number of the first vertex, beginning and end."""
    points, chain = _chains(geometry)
    keep = (chain[:-1] == chain[1:]) & (points[:-1] != points[1:]).any(axis=1)
    # Small numbers keep the signs right: eastings with a zone prefix have eight digits before the point.
    points = points - points[0]
    return np.flatnonzero(keep), points[:-1][keep], points[1:][keep]


def _chains(geometry: BaseGeometry) -> tuple[Points, NDArray[np.intp]]:
    parts = shapely.get_parts(geometry)
    rings = shapely.get_rings(parts) if geometry.geom_type in _POLYGONS else parts
    points, chain = shapely.get_coordinates(rings, return_index=True)
    return points, chain


def areas_m2(geometries: Sequence[BaseGeometry], crs: str, jurisdiction: Jurisdiction) -> NDArray[np.float64]:
    """Plane areas in m²; geographic coordinates are measured in the working CRS of their longitude."""
    return _sizes(geometries, crs, jurisdiction)[0]


def _sizes(geometries: Sequence[BaseGeometry], crs: str, jurisdiction: Jurisdiction) -> tuple[Points, Points]:
    """Return plane areas in m² and lengths of outlines in m."""
    shapes = np.asarray(geometries, dtype=object)
    if not len(shapes) or crs_of(crs).is_projected:
        return np.asarray(shapely.area(shapes), dtype=float), np.asarray(shapely.length(shapes), dtype=float)
    west, _, east, _ = shapely.bounds(shapes).T
    # To a tenth of a degree: many features share a working CRS, and near the border of two zones either will do here.
    lons = np.round((west + east) / 2, 1)
    areas, lengths = np.zeros(len(shapes)), np.zeros(len(shapes))
    for lon in sorted(set(lons.tolist())):
        change = transformer(LON_LAT, working_crs(jurisdiction, lon))
        here = lons == lon
        flat = shapely.transform(
            shapes[here],
            lambda points, change=change: np.column_stack(change.transform(points[:, 0], points[:, 1], errcheck=False)),
        )
        areas[here], lengths[here] = shapely.area(flat), shapely.length(flat)
    return areas, lengths


def _fault(code: str, zh: str, en: str, row: int, value: str | None = None) -> Fault:
    return Fault(code, zh, en, "请勘测单位修正后重新提交", "ask the surveyor to correct it", row=row, value=value)


def refused(geometry: BaseGeometry | None, kind: GeometryKind, row: int) -> Fault | None:
    """Say why a geometry cannot be looked at any further, before any algorithm runs on it."""
    if geometry is None or geometry.is_empty:
        return _fault("geometry_missing", "没有图形", "there is no geometry", row)
    if not np.isfinite(shapely.get_coordinates(geometry)).all():
        return _fault("not_a_number", "坐标不是有限数值（NaN/Inf）", "a coordinate is not a finite number", row)
    name = geometry.geom_type
    if (kind is GeometryKind.POLYGON and name not in _POLYGONS) or (kind is GeometryKind.LINE and name not in _LINES):
        return _fault(
            "wrong_geometry_kind",
            f"图形类型应为{'面' if kind is GeometryKind.POLYGON else '线'}，实际为{name}",
            f"expected {kind.value} geometry, found {name}",
            row,
        )
    if (vertices := shapely.get_num_coordinates(geometry)) > MAX_VERTICES:
        return too_complex(row, f"{vertices} > {MAX_VERTICES} vertices")
    parts = shapely.get_parts(geometry)
    if len(parts) > MAX_PARTS:
        return too_complex(row, f"{len(parts)} > {MAX_PARTS} parts")
    if (rings := int(shapely.get_num_interior_rings(parts).max(initial=0)) + 1) > MAX_RINGS:
        return too_complex(row, f"{rings} > {MAX_RINGS} rings")
    if name in _POLYGONS and _too_many_pairs(parts):
        return too_complex(row, f"> {MAX_PAIRS} pairs of rings within each other's extent")
    if name in _POLYGONS and _surely_too_many_crossings(geometry):
        return too_complex(row, f"> {MAX_CROSSINGS} crossings")
    return None


def _too_many_pairs(parts: NDArray[np.object_]) -> bool:
    """Tell whether more than `MAX_PAIRS` pairs of rings have boxes that meet; counting stops early."""
    rings = shapely.get_rings(parts)
    if len(rings) * (len(rings) - 1) // 2 <= MAX_PAIRS:
        return False
    boxes = shapely.box(*shapely.bounds(rings).T)
    tree, twice = shapely.STRtree(boxes), 0
    for begin in range(0, len(boxes), TOGETHER):
        asked = boxes[begin : begin + TOGETHER]
        # Each pair is met from both sides, and each ring meets itself.
        twice += tree.query(asked).shape[1] - len(asked)
        if twice > 2 * MAX_PAIRS:
            return True
    return False


def _surely_too_many_crossings(geometry: BaseGeometry) -> bool:
    """Tell whether a few edges alone cross the others more than `MAX_CROSSINGS` times; see `crossings`."""
    _, start, end = _segments(geometry)
    west, south = np.minimum(start, end).T.copy()
    east, north = np.maximum(start, end).T.copy()
    others = np.ones(len(start), dtype=bool)
    sample = np.random.default_rng(0).permutation(len(start))[:SAMPLE]
    # Two of the sample would be met from both sides.
    others[sample] = False
    count = 0
    for edge in sample:
        beside = others & (west <= east[edge]) & (east >= west[edge])
        near = np.flatnonzero(beside & (south <= north[edge]) & (north >= south[edge]))
        one = np.full(len(near), edge)
        count += int(crossing(start[one], end[one], start[near], end[near]).sum())
        if count > MAX_CROSSINGS:
            return True
    return False


def plain(geometries: NDArray[np.object_], kind: GeometryKind) -> NDArray[np.bool_]:
    """Tell quickly which geometries `refused` would surely let pass."""
    points, index = shapely.get_coordinates(geometries, return_index=True)
    finite = np.ones(len(geometries), dtype=bool)
    finite[index[~np.isfinite(points).all(axis=1)]] = False
    right = _are(geometries, kind) if kind in _ONE_AND_MANY else True
    # So few vertices cannot make too many rings or parts.
    counts = shapely.get_num_coordinates(geometries)
    return np.asarray(finite & right & (counts > 0) & (counts <= MAX_RINGS))


def _are(geometries: NDArray[np.object_], kind: GeometryKind) -> NDArray[np.bool_]:
    types = shapely.get_type_id(geometries)
    one, many = _ONE_AND_MANY[kind]
    return np.asarray((types == one) | (types == many))


def _edges(geometry: BaseGeometry) -> set[tuple[tuple[float, float], ...]]:
    points, chain = _chains(geometry)
    return {
        tuple(sorted((tuple(points[i]), tuple(points[i + 1]))))
        for i in range(len(points) - 1)
        if chain[i] == chain[i + 1] and (points[i] != points[i + 1]).any()
    }


def mended(
    geometry: BaseGeometry, row: int, crs: str, jurisdiction: Jurisdiction, names: Sequence[str] | None = None
) -> tuple[BaseGeometry, Repair | None] | Fault:
    """Return a valid geometry and what was done to it, or why it is refused.

    Parameters
    ----------
    names : sequence of str, optional
        Names of the vertices, to say where the boundary crosses itself.
    """
    if geometry.geom_type not in _POLYGONS:
        if geometry.geom_type in _LINES and geometry.length == 0:
            return _fault("geometry_collapsed", "线长度为零", "the line has no length", row)
        return geometry, None
    if shapely.is_valid(geometry):
        return _large_enough(geometry, row, crs, jurisdiction) or (geometry, None)
    found = crossings(geometry)
    if found.stopped:
        return too_complex(row, f"> {MAX_CROSSINGS} crossings" if found.count > MAX_CROSSINGS else "> 1 s")
    whole = shapely.make_valid(geometry, method="structure", keep_collapsed=False)
    polygons = [part for part in shapely.get_parts(whole) if part.geom_type in _POLYGONS and not part.is_empty]
    if not polygons:
        return _fault("geometry_collapsed", "图形无面积", "the geometry has no area", row)
    repaired = polygons[0] if len(polygons) == 1 else shapely.multipolygons(polygons)
    small = _large_enough(repaired, row, crs, jurisdiction)
    if small is not None:
        return small
    before, after = areas_m2([geometry, repaired], crs, jurisdiction)
    change = float(after - before)
    where = _where(found.first, names)
    zh = f"地块边界自相交（{where}）" if where else f"图形拓扑错误（{shapely.is_valid_reason(geometry)}）"
    en = (
        f"the boundary crosses itself ({where})" if where else f"invalid geometry ({shapely.is_valid_reason(geometry)})"
    )
    return repaired, Repair(
        "make_valid",
        f"{zh}，已按环结构修复，面积变化{change:.2f}㎡",
        f"{en}; repaired by its ring structure, area changed by {change:.2f} m²",
        row=row,
        area_change_m2=change,
        geometry_changed=abs(change) > _OUTLINE_TOLERANCE_M2 or _edges(geometry) != _edges(repaired),
    )


def _where(first: tuple[int, int] | None, names: Sequence[str] | None) -> str:
    if first is None:
        return ""
    if names is not None and max(first) < len(names):
        return f"{names[first[0]]}–{names[first[1]]}"
    return f"{first[0] + 1}–{first[1] + 1}"


def _large_enough(geometry: BaseGeometry, row: int, crs: str, jurisdiction: Jurisdiction) -> Fault | None:
    (area,), (length,) = _sizes([geometry], crs, jurisdiction)
    if _wide(area, length):
        return None
    return _fault("geometry_collapsed", "图形面积过小", "the geometry has next to no area", row, f"{area:.4f} m²")


def _wide(area_m2: Any, length_m: Any) -> Any:
    """Tell whether areas are more than nothing and more than a hair's breadth of their outline."""
    return (area_m2 >= MIN_AREA_M2) & (area_m2 >= MIN_WIDTH_M * length_m)


def sound(geometries: Sequence[BaseGeometry], crs: str, jurisdiction: Jurisdiction) -> NDArray[np.bool_]:
    """Tell which geometries are valid polygons with an area, so that nothing need be done to them.

    Only for geometries that passed `refused`: what bounds their rings bounds the time this takes.
    """
    shapes = np.asarray(geometries, dtype=object)
    areas, lengths = _sizes(geometries, crs, jurisdiction)
    return np.asarray(_are(shapes, GeometryKind.POLYGON) & shapely.is_valid(shapes) & _wide(areas, lengths))


def changed_too_much(repair: Repair, area_m2: float) -> bool:
    """Tell whether a repair moved more area than a layer feature may lose or gain unseen."""
    return abs(repair.area_change_m2) > max(MAX_CHANGE_M2, MAX_CHANGE_SHARE * area_m2)
