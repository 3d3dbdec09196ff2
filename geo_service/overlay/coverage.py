"""How much of a parcel the features of a layer cover, by class, on unions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from itertools import zip_longest
from math import fsum

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import GEOSException, Polygon
from shapely.geometry.base import BaseGeometry

from geo_service.errors import MeasureFailed
from geo_service.model.evidence import ClassArea, Coverage, FeatureArea
from geo_service.overlay.noise import NoiseRule, bands, is_thin, pieces

# GEOS can fail on a pathological pair; once more on a 0.1 mm grid shifts areas by at most 6.5e-3 m².
RETRY_GRID_M = 1e-4
_NOTHING = shapely.MultiPolygon()


def coverage(
    parcel: BaseGeometry,
    geometries: NDArray[np.object_],
    ids: Sequence[str],
    rows: Sequence[int],
    classes: Sequence[str | None],
    covering: Collection[str],
    surveyed: BaseGeometry | None,
    noise: NoiseRule,
    shares: Sequence[bool | None] = (),
    uncut: BaseGeometry | None = None,
) -> Coverage:
    """Split a parcel into covered, unsurveyed and uncovered ground, and give the area of each class.

    Parameters
    ----------
    parcel : Polygon or MultiPolygon
        Valid, in metres.
    geometries : ndarray of geometries, shape (n,)
        Candidate features of one layer in the same CRS.
    ids, rows : sequences of length n
        Who they are.
    classes : sequence of length n
        Class of each feature; ``None`` leaves it out of all classes, but the ground under it is surveyed.
    covering : collection of str
        Classes whose union is the covered ground.
    surveyed : BaseGeometry or None
        Where the layer was surveyed; ``None`` is everywhere.
    noise : NoiseRule
        Tolerances.
    shares : sequence of bool or None, of length n or empty
        What is known without cutting: a feature has all of the parcel (``True``) or nothing of it (``False``).
    uncut : BaseGeometry, optional
        See `as_cut`; worked out where it is not given.

    Raises
    ------
    MeasureFailed
        When GEOS cannot answer, even on a 0.1 mm grid.

    Examples
    --------
    >>> rule = NoiseRule(0.1, 0.05, 1.0, hard=False, sensitivity=2.0)
    >>> half = np.array([shapely.box(0, 0, 5, 10), shapely.box(3, 0, 5, 10)])
    >>> found = coverage(shapely.box(0, 0, 10, 10), half, "ab", [0, 1], ["x", "x"], {"x"}, None, rule)
    >>> found.covered_m2, found.uncovered_m2, found.unsurveyed_m2
    (50.0, 50.0, 0.0)
    >>> [(feature.id, feature.area_m2) for feature in found.classes[0].features]
    [('a', 50.0), ('b', 20.0)]
    """
    area, perimeter = float(parcel.area), float(parcel.length)
    # Ground that is thin itself would be noise as a whole, and nothing at all would cover it.
    if all(is_thin(part, noise.width_m * max(noise.scales())) for part in pieces(parcel)):
        noise = replace(noise, width_m=0.0)
    whole = as_cut(parcel) if uncut is None else uncut
    on_parcel = [
        pieces(_safe(shapely.intersection, parcel, geometry) if share is None else whole if share else _NOTHING)
        for geometry, share in zip_longest(geometries, shares[: len(geometries)])
    ]
    found: list[ClassArea] = []
    covering_parts: list[list[Polygon]] = []
    for cls in sorted({cls for cls in classes if cls is not None}):
        members = [index for index, own in enumerate(classes) if own == cls]
        union_parts = pieces(_union([on_parcel[index] for index in members]))
        if not union_parts:
            continue
        if cls in covering:
            covering_parts.append(union_parts)
        features = []
        for index in members:
            own_parts = on_parcel[index]
            if own_parts:
                band = bands(own_parts, perimeter, noise)[0]
                own_area = fsum(part.area for part in own_parts)
                features.append(FeatureArea(ids[index], rows[index], own_area, band.counted_m2 + band.review_m2 > 0.0))
        found.append(
            ClassArea(
                cls,
                fsum(part.area for part in union_parts),
                bands(union_parts, perimeter, noise),
                tuple(sorted(features, key=lambda feature: (feature.id, feature.row))),
                _multi(union_parts),
            )
        )
    covered = _union(covering_parts)
    # Taken from itself a parcel leaves nothing, and that is quicker seen than worked out.
    rest = [] if pieces(covered) == pieces(whole) else pieces(_safe(shapely.difference, parcel, covered))
    if surveyed is None or not rest:
        unsurveyed_parts: list[Polygon] = []
    else:
        unknown = _safe(shapely.difference, _multi(rest), surveyed)
        if not unknown.is_empty:
            unknown = _safe(shapely.difference, unknown, _union(on_parcel))
        unsurveyed_parts = pieces(unknown)
    uncovered_parts = (
        pieces(_safe(shapely.difference, _multi(rest), _multi(unsurveyed_parts))) if unsurveyed_parts else rest
    )
    unsurveyed_m2 = fsum(part.area for part in unsurveyed_parts)
    uncovered_m2 = fsum(part.area for part in uncovered_parts)
    return Coverage(
        area_m2=area,
        covered_m2=max(area - unsurveyed_m2 - uncovered_m2, 0.0),
        unsurveyed_m2=unsurveyed_m2,
        uncovered_m2=uncovered_m2,
        covered=bands(pieces(covered), perimeter, noise),
        unsurveyed=bands(unsurveyed_parts, perimeter, noise),
        uncovered=bands(uncovered_parts, perimeter, noise),
        classes=tuple(found),
        uncovered_geometry=_multi(uncovered_parts),
    )


def shared_m2(one: BaseGeometry, other: BaseGeometry) -> float:
    """Return the area that two geometries share.

    Raises
    ------
    MeasureFailed
        When GEOS cannot answer, even on a 0.1 mm grid.

    Examples
    --------
    >>> shared_m2(shapely.box(0, 0, 10, 10), shapely.box(5, 0, 20, 10))
    50.0
    """
    return float(_safe(shapely.intersection, one, other).area)


def as_cut(parcel: BaseGeometry) -> BaseGeometry:
    """Return a parcel as GEOS gives it when nothing is cut off: its rings turned and begun as in all that is cut.

    Raises
    ------
    MeasureFailed
        When GEOS cannot answer, even on a 0.1 mm grid.
    """
    return _safe(shapely.difference, parcel, _NOTHING)


def _multi(polygons: list[Polygon]) -> BaseGeometry:
    return shapely.multipolygons(polygons) if polygons else _NOTHING


def _union(parts: Sequence[list[Polygon]]) -> BaseGeometry:
    polygons = [piece for part in parts for piece in part]
    if len(polygons) < 2:
        return _multi(polygons)
    try:
        return shapely.union_all(polygons)
    except GEOSException:
        try:
            return shapely.union_all(polygons, grid_size=RETRY_GRID_M)
        except GEOSException as error:
            raise MeasureFailed(str(error)) from error


def _safe(operation: Callable[..., BaseGeometry], left: BaseGeometry, right: BaseGeometry) -> BaseGeometry:
    try:
        return operation(left, right)
    except GEOSException:
        try:
            return operation(left, right, grid_size=RETRY_GRID_M)
        except GEOSException as error:
            raise MeasureFailed(str(error)) from error
