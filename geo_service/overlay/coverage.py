"""How much of a parcel the features of a layer cover, by class, on unions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import zip_longest
from math import fsum

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import GEOSException, Polygon
from shapely.geometry.base import BaseGeometry

from geo_service.errors import MeasureFailed
from geo_service.model.evidence import Band, Bands, ClassArea, Coverage, FeatureArea
from geo_service.overlay.noise import NOTHING, NoiseRule, bands, is_thin, pieces, thick_m

# GEOS can fail on a pathological pair; once more on a 0.1 mm grid shifts areas by at most 6.5e-3 m².
RETRY_GRID_M = 1e-4
_NOTHING = shapely.MultiPolygon()


@dataclass(frozen=True, eq=False)
class Cut:
    """Connected polygons that were cut out of a parcel, with what every layer asks of them."""

    polygons: tuple[Polygon, ...]
    _bands: dict[tuple[float, NoiseRule], Bands] = field(default_factory=dict)

    @cached_property
    def area_m2(self) -> float:
        """All of them together."""
        return fsum(polygon.area for polygon in self.polygons)

    @cached_property
    def geometry(self) -> BaseGeometry:
        """All of them as one geometry."""
        return shapely.multipolygons(self.polygons) if self.polygons else _NOTHING

    @cached_property
    def united(self) -> Cut:
        """The same ground as GEOS gives it when they are laid together; asked for once for all layers that have it.

        Raises
        ------
        MeasureFailed
            When GEOS cannot answer, even on a 0.1 mm grid.
        """
        return self if len(self.polygons) == 1 else _together(self.polygons)

    def is_wide(self, width_m: float) -> bool:
        """Tell whether a disc of that diameter certainly fits in each of them."""
        return bool(self.polygons) and width_m < self._thick_m

    @cached_property
    def _thick_m(self) -> float:
        return min(thick_m(polygon) for polygon in self.polygons)

    @cached_property
    def _all_counts(self) -> Bands:
        return (Band(self.area_m2, 0.0, 0.0, 0.0),) * 3

    def bands(self, perimeter_m: float, noise: NoiseRule) -> Bands:
        """Sort them by thinness; see `noise.bands`."""
        if not self.polygons:
            return NOTHING
        # Most ground is so wide that there is nothing to sort.
        if self.is_wide(noise.widest_m):
            return self._all_counts
        key = (perimeter_m, noise)
        if key not in self._bands:
            self._bands[key] = bands(self.polygons, perimeter_m, noise)
        return self._bands[key]


NO_GROUND = Cut(())
#: What covers a parcel of which nothing is left.
NO_COVERAGE = Coverage(0.0, 0.0, 0.0, 0.0, NOTHING, NOTHING, NOTHING, (), _NOTHING)


class Uncut:
    """A parcel that features are to be laid over: what does not depend on the layer is worked out once.

    Parameters
    ----------
    parcel : Polygon or MultiPolygon
        Valid, in metres.

    Examples
    --------
    >>> Uncut(shapely.box(0, 0, 10, 10)).cut(shapely.box(5, 0, 20, 10)).area_m2
    50.0
    """

    def __init__(self, parcel: BaseGeometry) -> None:
        self.parcel = parcel
        self.area_m2 = float(parcel.area)
        self.perimeter_m = float(parcel.length)
        self._thin: dict[float, bool] = {}
        # With the geometry, whose identity would else be another's once it is gone.
        self._held: dict[int, tuple[BaseGeometry, bool]] = {}
        self._shared: dict[int, tuple[BaseGeometry, BaseGeometry]] = {}
        self._parts: dict[int, tuple[BaseGeometry, BaseGeometry]] = {}
        self._cuts: dict[int, Cut] = {}
        self._rests: dict[int, tuple[Cut, Cut]] = {}
        self._coverages: dict[NoiseRule, Coverage] = {}
        self._untouched: dict[tuple[int, NoiseRule], tuple[BaseGeometry | None, Coverage]] = {}

    @cached_property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north of the parcel, in metres."""
        west, south, east, north = self.parcel.bounds
        return west, south, east, north

    @cached_property
    def whole(self) -> Cut:
        """The parcel as GEOS gives it when nothing is cut off: its rings turned and begun as in all that is cut.

        Raises
        ------
        MeasureFailed
            When GEOS cannot answer, even on a 0.1 mm grid.
        """
        return _less(self.parcel, NO_GROUND)

    def is_wide(self, width_m: float) -> bool:
        """Tell whether a disc of that diameter certainly fits in every part of the parcel.

        Raises
        ------
        MeasureFailed
            When GEOS cannot answer, even on a 0.1 mm grid.
        """
        return self.whole.is_wide(width_m)

    def is_thin(self, width_m: float) -> bool:
        """Tell whether no disc of that diameter fits in any part of the parcel."""
        if width_m not in self._thin:
            self._thin[width_m] = all(is_thin(part, width_m) for part in pieces(self.parcel))
        return self._thin[width_m]

    def shared_m2(self, geometry: BaseGeometry) -> float:
        """Return the area that a geometry shares with the parcel.

        Raises
        ------
        MeasureFailed
            When GEOS cannot answer, even on a 0.1 mm grid.
        """
        return float(self._shared_with(geometry).area)

    def cut(self, geometry: BaseGeometry) -> Cut:
        """Return what a geometry takes of the parcel; many layers hold the same one.

        Raises
        ------
        MeasureFailed
            When GEOS cannot answer, even on a 0.1 mm grid.
        """
        found = self._cuts.get(id(geometry))
        if found is None and self.is_within(geometry):
            found = self._cuts[id(geometry)] = self.whole
        elif found is None:
            polygons = tuple(pieces(self._shared_with(geometry)))
            found = self.whole if polygons == self.whole.polygons else Cut(polygons)
            self._cuts[id(geometry)] = found
        return found

    def without(self, taken: Cut) -> Cut:
        """Return what is left of the parcel; many layers cover the same of it.

        Raises
        ------
        MeasureFailed
            When GEOS cannot answer, even on a 0.1 mm grid.
        """
        found = self._rests.get(id(taken))
        if found is None:
            found = self._rests[id(taken)] = taken, _less(self.parcel, taken)
        return found[1]

    def is_within(self, geometry: BaseGeometry) -> bool:
        """Tell whether the parcel certainly lies within a prepared geometry; see `holds`."""
        found = self._held.get(id(geometry))
        if found is None:
            found = self._held[id(geometry)] = geometry, holds(geometry, self.parcel)
        return found[1]

    def part_in(self, geometry: BaseGeometry) -> BaseGeometry | None:
        """Return the part of the parcel that lies in a geometry; ``None`` is all of it."""
        if self.is_within(geometry):
            return None
        found = self._parts.get(id(geometry))
        if found is None:
            found = self._parts[id(geometry)] = geometry, shapely.intersection(geometry, self.parcel)
        return found[1]

    def untouched(self, surveyed: BaseGeometry | None, noise: NoiseRule) -> Coverage:
        """Return the coverage by a layer that has no feature on the parcel; most layers have none.

        Raises
        ------
        MeasureFailed
            When GEOS cannot answer, even on a 0.1 mm grid.
        """
        key = (id(surveyed), noise)
        found = self._untouched.get(key)
        if found is None:
            found = self._untouched[key] = surveyed, _split(self, (), NO_GROUND, surveyed, noise)
        return found[1]

    def held(self, noise: NoiseRule) -> Coverage:
        """Return the coverage by ground that takes all of the parcel, without saying by what."""
        found = self._coverages.get(noise)
        if found is None:
            found = self._coverages[noise] = _split(self, (self.whole,), self.whole, None, noise)
        return found

    def _shared_with(self, geometry: BaseGeometry) -> BaseGeometry:
        found = self._shared.get(id(geometry))
        if found is None:
            # What is cut out of ground within is that ground, and that is quicker seen than worked out.
            within = self.is_within(geometry)
            taken = self.whole.geometry if within else _safe(shapely.intersection, self.parcel, geometry)
            found = self._shared[id(geometry)] = geometry, taken
        return found[1]


def coverage(
    parcel: BaseGeometry,
    geometries: Sequence[BaseGeometry] | NDArray[np.object_],
    ids: Sequence[str],
    rows: Sequence[int],
    classes: Sequence[str | None],
    covering: Collection[str],
    surveyed: BaseGeometry | None,
    noise: NoiseRule,
    shares: Sequence[bool | None] = (),
    uncut: Uncut | None = None,
) -> Coverage:
    """Split a parcel into covered, unsurveyed and uncovered ground, and give the area of each class.

    Parameters
    ----------
    parcel : Polygon or MultiPolygon
        Valid, in metres.
    geometries : sequence or ndarray of geometries, of length n
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
    uncut : Uncut, optional
        The parcel with what other layers have asked of it already.

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
    uncut = uncut or Uncut(parcel)
    perimeter, whole = uncut.perimeter_m, uncut.whole
    # Ground that is thin itself would be noise as a whole, and nothing at all would cover it.
    if uncut.is_thin(noise.widest_m):
        noise = replace(noise, width_m=0.0)
    if not len(geometries):
        return uncut.untouched(surveyed, noise)
    on_parcel = [
        uncut.cut(geometry) if share is None else whole if share else NO_GROUND
        for geometry, share in zip_longest(geometries, shares[: len(geometries)])
    ]
    touching = [index for index, cut in enumerate(on_parcel) if cut.polygons]
    if not touching:
        return uncut.untouched(surveyed, noise)
    found: list[ClassArea] = []
    covering_parts: list[Cut] = []
    for cls in sorted({cls for index in touching if (cls := classes[index]) is not None}):
        members = [index for index in touching if classes[index] == cls]
        union = _union([on_parcel[index] for index in members])
        if not union.polygons:
            continue
        if cls in covering:
            covering_parts.append(union)
        features = []
        for index in members:
            band = on_parcel[index].bands(perimeter, noise)[0]
            counts = band.counted_m2 + band.review_m2 > 0.0
            features.append(FeatureArea(ids[index], rows[index], on_parcel[index].area_m2, counts))
        found.append(
            ClassArea(
                cls,
                union.area_m2,
                union.bands(perimeter, noise),
                tuple(sorted(features, key=_by_id) if len(features) > 1 else features),
                union.geometry,
            )
        )
    covered = _union(covering_parts)
    # A feature that has all of the parcel leaves nothing unknown.
    known = None if whole in on_parcel else surveyed
    if covered is whole:
        split = uncut.held(noise)
    elif known is None and not covered.polygons:
        split = uncut.untouched(None, noise)
    else:
        split = _split(uncut, on_parcel, covered, known, noise)
    return split.by(tuple(found))


def _by_id(feature: FeatureArea) -> tuple[str, int]:
    return feature.id, feature.row


def _split(
    uncut: Uncut,
    on_parcel: Sequence[Cut],
    covered: Cut,
    surveyed: BaseGeometry | None,
    noise: NoiseRule,
) -> Coverage:
    """Tell what of the ground that is not covered was surveyed, given what each feature has of the parcel."""
    area, perimeter, whole = uncut.area_m2, uncut.perimeter_m, uncut.whole
    # Taken from itself a parcel leaves nothing, and that is quicker seen than worked out.
    if covered.polygons == whole.polygons:
        rest = NO_GROUND
    else:
        rest = uncut.without(covered) if covered.polygons else whole
    unsurveyed = NO_GROUND
    if surveyed is not None and rest.polygons:
        unknown = _safe(shapely.difference, rest.geometry, surveyed)
        if not unknown.is_empty:
            unsurveyed = _less(unknown, _union(on_parcel))
    uncovered = _less(rest.geometry, unsurveyed) if unsurveyed.polygons else rest
    return Coverage(
        area_m2=area,
        # Where nothing covers it, what the areas differ by in their last digits is no ground.
        covered_m2=max(area - unsurveyed.area_m2 - uncovered.area_m2, 0.0) if covered.polygons else 0.0,
        unsurveyed_m2=unsurveyed.area_m2,
        uncovered_m2=uncovered.area_m2,
        covered=covered.bands(perimeter, noise),
        unsurveyed=unsurveyed.bands(perimeter, noise),
        uncovered=uncovered.bands(perimeter, noise),
        classes=(),
        uncovered_geometry=uncovered.geometry,
    )


def holds(geometry: BaseGeometry, parcel: BaseGeometry) -> bool:
    """Tell whether a parcel certainly lies within a prepared geometry and nowhere on its edge.

    Of one that is not prepared it is not known: to find out would take as long as cutting.

    Examples
    --------
    >>> wide, inner, edge = shapely.box(0, 0, 3, 3), shapely.box(1, 1, 2, 2), shapely.box(0, 1, 2, 2)
    >>> holds(wide, inner)
    False
    >>> _ = shapely.prepare(wide)
    >>> holds(wide, inner), holds(wide, edge)
    (True, False)
    """
    try:
        return bool(shapely.is_prepared(geometry)) and bool(shapely.contains_properly(geometry, parcel))
    except GEOSException:
        return False


def _less(geometry: BaseGeometry, taken: Cut) -> Cut:
    return Cut(tuple(pieces(_safe(shapely.difference, geometry, taken.geometry))))


def _union(parts: Sequence[Cut]) -> Cut:
    there = [part for part in parts if part.polygons]
    if not there:
        return NO_GROUND
    if len(there) == 1:
        return there[0].united
    return _together([polygon for part in there for polygon in part.polygons])


def _together(polygons: Sequence[Polygon]) -> Cut:
    try:
        found = shapely.union_all(polygons)
    except GEOSException:
        try:
            found = shapely.union_all(polygons, grid_size=RETRY_GRID_M)
        except GEOSException as error:
            raise MeasureFailed(str(error)) from error
    return Cut(tuple(pieces(found)))


def _safe(operation: Callable[..., BaseGeometry], left: BaseGeometry, right: BaseGeometry) -> BaseGeometry:
    try:
        return operation(left, right)
    except GEOSException:
        try:
            return operation(left, right, grid_size=RETRY_GRID_M)
        except GEOSException as error:
            raise MeasureFailed(str(error)) from error
