"""From the CRS a boundary was delivered in to the zone's working CRS, and to lon/lat for maps and exchange.

Edges are straight where they were delivered: before a change of projection every edge is divided until the straight
line between its points is within a hundredth of a millimetre of the true curve. x is east and y is north everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer
from shapely.geometry.base import BaseGeometry

from geo_service.errors import CrsMismatch
from geo_service.model.layer import Features
from geo_service.model.rulebook import Jurisdiction

Points = NDArray[np.float64]
Chain = Callable[[Points], Points]

LON_LAT = "OGC:CRS84"
# The contract asks for 1 mm; a hundredth of it keeps the area along a kilometre of edge right to 0.01 m².
DEVIATION_M = 1e-5
#: Where the square of the globe ends in the north and the south, in degrees.
_MOST_LATITUDE = 85.0511287798066
_FALSE_ORIGIN = ("False easting", "False northing")


def codes(entries: tuple[str, ...]) -> tuple[str, ...]:
    """Expand ranges of authority codes.

    Examples
    --------
    >>> codes(("OGC:CRS84", "EPSG:4546-4548"))
    ('OGC:CRS84', 'EPSG:4546', 'EPSG:4547', 'EPSG:4548')
    """
    found: list[str] = []
    for entry in entries:
        authority, _, code = entry.partition(":")
        first, dash, last = code.partition("-")
        if dash:
            found.extend(f"{authority}:{number}" for number in range(int(first), int(last) + 1))
        else:
            found.append(entry)
    return tuple(found)


@lru_cache(maxsize=256)
def crs_of(code: str) -> CRS:
    """Return the CRS of an authority code."""
    return CRS.from_user_input(code)


@lru_cache(maxsize=256)
def transformer(source: str, target: str) -> Transformer:
    """Return a transformer, x east and y north on both sides."""
    # Those of other authorities are no others, and looking for them takes four times as long.
    return Transformer.from_crs(crs_of(source), crs_of(target), always_xy=True, authority="EPSG")


@lru_cache(maxsize=64)
def _extents(entries: tuple[str, ...]) -> tuple[tuple[str, float, float, float], ...]:
    found = []
    for code in codes(entries):
        use = crs_of(code).area_of_use
        if use is not None:
            found.append((code, use.west, use.east, (use.west + use.east) / 2))
    return tuple(found)


def working_crs(jurisdiction: Jurisdiction, lon: float) -> str:
    """Return the working CRS of a longitude: the one whose area of use holds it, else the nearest.

    Parameters
    ----------
    lon : float
        Degrees east.

    Examples
    --------
    With the 3° Gauss-Krüger zones of mainland China, 113.05° E is measured on the central meridian 114° E.
    """
    extents = _extents(jurisdiction.working_crs)
    inside = [(abs(lon - middle), code) for code, west, east, middle in extents if west <= lon < east]
    return min(inside or [(abs(lon - middle), code) for code, _, _, middle in extents])[1]


@lru_cache(maxsize=256)
def shift(source: str, target: str) -> tuple[float, float] | None:
    """Return the exact (east, north) shift between two CRSs that differ in their false origin only, else ``None``.

    Examples
    --------
    >>> shift("EPSG:4526", "EPSG:4547")
    (-38000000.0, 0.0)
    >>> shift("EPSG:4525", "EPSG:4547") is None
    True
    """
    one, other = crs_of(source), crs_of(target)
    first, second = one.coordinate_operation, other.coordinate_operation
    if first is None or second is None or not (one.is_projected and other.is_projected):
        return None
    if one.geodetic_crs != other.geodetic_crs or first.method_name != second.method_name:
        return None
    ours = {param.name: param.value for param in first.params}
    theirs = {param.name: param.value for param in second.params}
    if {key: value for key, value in ours.items() if key not in _FALSE_ORIGIN} != {
        key: value for key, value in theirs.items() if key not in _FALSE_ORIGIN
    }:
        return None
    east, north = (float(theirs.get(name, 0.0)) - float(ours.get(name, 0.0)) for name in _FALSE_ORIGIN)
    return east, north


def central_meridian(code: str) -> float | None:
    """Return the central meridian in degrees east, ``None`` where the projection has none (geographic, oblique).

    Examples
    --------
    >>> central_meridian("EPSG:4547"), central_meridian("EPSG:2056")
    (114.0, None)
    """
    operation = crs_of(code).coordinate_operation
    if operation is None:
        return None
    return next((float(one.value) for one in operation.params if one.name == "Longitude of natural origin"), None)


@lru_cache(maxsize=256)
def coincide(one: str, other: str, lon: float, lat: float) -> bool:
    """Tell whether two geographic CRSs give a place the same degrees, to a tenth of a millimetre.

    Examples
    --------
    >>> coincide("EPSG:4490", "EPSG:4326", 113.05, 36.25), coincide("EPSG:4150", "EPSG:4326", 8.3, 47.05)
    (True, False)
    """
    moved = transformer(one, other).transform(lon, lat, errcheck=False)
    return bool(np.allclose(moved, (lon, lat), rtol=0.0, atol=1e-9))


def project(geometry: BaseGeometry, source: str, target: str) -> BaseGeometry:
    """Bring a geometry into another CRS, dividing its edges so that they stay where they were delivered.

    Raises
    ------
    CrsMismatch
        When a point has no place in the target CRS.

    Examples
    --------
    >>> project(shapely.Point(38500000.0, 4000000.0), "EPSG:4526", "EPSG:4547")
    <POINT (500000 4000000)>
    """
    if source == target:
        return geometry
    moved = shift(source, target)
    if moved is not None:
        return shapely.transform(geometry, lambda points: points + np.asarray(moved))
    change = transformer(source, target)

    def convert(points: Points) -> Points:
        x, y = change.transform(points[:, 0], points[:, 1], errcheck=False)
        out = np.column_stack([x, y])
        if not np.isfinite(out).all():
            raise CrsMismatch(f"a point has no place in {target} (from {source})")
        return out

    if geometry.geom_type == "Point" or not crs_of(target).is_projected:
        return shapely.transform(geometry, convert)
    return _rebuild(geometry, lambda points: _divided(points, convert))


def _divided(points: Points, convert: Chain) -> Points:
    """Convert a chain of points with as many more between them as the deviation asks for."""
    converted = convert(np.concatenate([points, (points[:-1] + points[1:]) / 2]))
    ends, middles = converted[: len(points)], converted[len(points) :]
    deviation = np.hypot(*(middles - (ends[:-1] + ends[1:]) / 2).T)
    # The deviation falls with the square of the number of parts; a margin of 2 covers its unevenness along an edge.
    parts = np.maximum(np.ceil(np.sqrt(2 * deviation / DEVIATION_M)).astype(int), 1)
    if (parts == 1).all():
        return ends
    edge = np.repeat(np.arange(len(parts)), parts)
    step = np.arange(len(edge)) - np.repeat(np.cumsum(parts) - parts, parts)
    between = points[edge] + (points[edge + 1] - points[edge]) * (step / parts[edge])[:, None]
    return np.asarray(convert(np.concatenate([between, points[-1:]])))


def _rebuild(geometry: BaseGeometry, chain: Chain) -> BaseGeometry:
    """Apply a function to each ring or line."""
    if geometry.is_empty:
        return geometry
    if isinstance(geometry, shapely.Polygon):
        outer, *inner = (
            shapely.linearrings(chain(shapely.get_coordinates(ring))) for ring in shapely.get_rings(geometry)
        )
        return shapely.polygons(outer, holes=inner or None)
    if isinstance(geometry, shapely.LineString):
        return shapely.LineString(chain(shapely.get_coordinates(geometry)))
    if isinstance(geometry, shapely.Point):
        return shapely.Point(chain(shapely.get_coordinates(geometry))[0])
    parts = [_rebuild(part, chain) for part in shapely.get_parts(geometry)]
    return type(geometry)(parts)


def project_features(features: Features, target: str) -> Features:
    """Bring the features of a layer into another CRS; see `project`."""
    if features.crs == target:
        return features
    geometries = np.empty(len(features), dtype=object)
    for row, geometry in enumerate(features.geometries):
        geometries[row] = None if geometry is None else project(geometry, features.crs, target)
    extent = None if features.extent is None else project(features.extent, features.crs, target)
    return Features(features.spec, target, features.ids, geometries, features.attributes, features.origin, extent)


def lon_lat(geometry: BaseGeometry, crs: str) -> BaseGeometry:
    """Return a geometry in degrees, longitude first (RFC 7946)."""
    return project(geometry, crs, LON_LAT)


@lru_cache(maxsize=64)
def _ellipsoid(crs: str) -> tuple[Geod, Transformer]:
    system = crs_of(crs)
    geod, geographic = system.get_geod(), system.geodetic_crs
    if geod is None or geographic is None:
        raise CrsMismatch(f"{crs} has no ellipsoid")
    return geod, Transformer.from_crs(system, geographic, always_xy=True)


def ellipsoidal_area_m2(geometry: BaseGeometry, crs: str) -> float:
    """Area on the ellipsoid of the CRS, in m², whatever the projection does to it.

    Edges are straight in ``crs``; each is divided so that its parts may stand for geodesics.
    """
    geod, change = _ellipsoid(crs)
    fine = shapely.orient_polygons(shapely.segmentize(geometry, 50.0), exterior_cw=False)
    total = 0.0
    for polygon in shapely.get_parts(fine):
        rings = (change.transform(*shapely.get_coordinates(ring).T) for ring in shapely.get_rings(polygon))
        # Those of holes are negative.
        total += abs(sum(geod.polygon_area_perimeter(lon, lat)[0] for lon, lat in rings))
    return float(total)


def on_square(lon_lat: Points) -> Points:
    """Return points in degrees as parts of the globe's square: x to the east, y to the south, each from 0 to 1.

    It is the square that the web cuts its tiles from.

    Examples
    --------
    >>> on_square(np.array([[0.0, 0.0], [180.0, 0.0]])).tolist()
    [[0.5, 0.5], [1.0, 0.5]]
    """
    latitude = np.radians(np.clip(lon_lat[:, 1], -_MOST_LATITUDE, _MOST_LATITUDE))
    found = np.empty((len(lon_lat), 2))
    found[:, 0] = lon_lat[:, 0] / 360.0 + 0.5
    found[:, 1] = 0.5 - np.arcsinh(np.tan(latitude)) / (2.0 * np.pi)
    return found


def off_square(points: Points) -> Points:
    """Return points on the globe's square in degrees; see `on_square`.

    Examples
    --------
    >>> off_square(np.array([[0.5, 0.5], [0.75, 0.25]])).round(6).tolist()
    [[0.0, 0.0], [90.0, 66.51326]]
    """
    latitude = np.degrees(np.arctan(np.sinh(np.pi * (1.0 - 2.0 * points[:, 1]))))
    return np.column_stack([(points[:, 0] - 0.5) * 360.0, latitude])
