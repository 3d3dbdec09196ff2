"""One parcel in its working CRS, with everything that was measured on it, each measurement done once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from functools import cached_property, lru_cache
from typing import NoReturn

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import GEOSException
from shapely.geometry.base import BaseGeometry

from geo_service import overlay
from geo_service.engine.ground import Ground, neighbours
from geo_service.errors import MeasureFailed
from geo_service.model.evidence import ClassArea, Coverage, Levels, Nearest
from geo_service.model.layer import Features, Grid
from geo_service.model.parcel import Parcel
from geo_service.model.rulebook import Rulebook
from geo_service.rings import Shapes, from_wkb

#: Beyond this a boundary and the features that it is laid over take seconds.
MAX_CROSSINGS = 20_000
#: With so few pairs of edges there is nothing to count.
FEW_PAIRS = 200_000

Key = tuple[object, ...]


class _Measuring:
    """Turns whatever a library raises while measuring into a failed measurement."""

    def __enter__(self) -> None:
        """Begin to measure."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """End, or tell why it failed."""
        if isinstance(error, (GEOSException, MemoryError, RuntimeError)):
            raise MeasureFailed(str(error)) from error


#: Without state, for it is entered some sixty times a boundary.
_MEASURING = _Measuring()

# Every parcel is measured with the same few.
_noise_rule = lru_cache(maxsize=256)(overlay.NoiseRule)


class Site:
    """A parcel on its ground.

    Measurements are remembered by what was asked, so that looking at another date costs only law.
    """

    def __init__(self, parcel: Parcel, uncut: overlay.Uncut, ground: Ground, rulebook: Rulebook) -> None:
        self.parcel = parcel
        self.uncut = uncut
        self.geometry = uncut.parcel
        self.ground = ground
        self.rulebook = rulebook
        self._coverages: dict[Key, Coverage | MeasureFailed] = {}
        self._surveys: dict[tuple[str, date], tuple[int, ...]] = {}
        self._surveyed: dict[tuple[str, tuple[int, ...]], BaseGeometry | None] = {}
        self._whereabouts: dict[str, tuple[frozenset[int], frozenset[int]] | None] = {}
        self._boxes: dict[float, NDArray[np.object_]] = {}
        self._rows: dict[tuple[str, float], tuple[int, ...]] = {}
        self._nearest: dict[Key, Nearest | None] = {}
        self._levels: dict[Key, Levels | MeasureFailed] = {}

    @cached_property
    def _outline(self) -> Shapes:
        return from_wkb([shapely.to_wkb(self.geometry)])

    def rows(self, layer: str, within_m: float = 0.0) -> tuple[int, ...]:
        """Return the rows of a layer whose boxes meet the parcel's, widened by a distance, in the order of ids.

        So that the order of features in a file changes nothing.
        """
        key = (layer, within_m)
        found = self._rows.get(key)
        if found is None:
            features = self.ground.features(layer)
            if features is None:
                return ()
            met = features.tree.query(self._box(within_m))[1].tolist()
            if len(met) > 1:
                met.sort(key=self.ground.attributes(layer).rank.__getitem__)
            found = self._rows[key] = tuple(met)
        return found

    def _box(self, within_m: float) -> NDArray[np.object_]:
        """Return a geometry whose box is asked for; an array of one, with which a tree has less to do."""
        found = self._boxes.get(within_m)
        if found is None:
            found = np.empty(1, dtype=object)
            west, south, east, north = self.uncut.bounds
            found[0] = (
                shapely.box(west - within_m, south - within_m, east + within_m, north + within_m)
                if within_m
                else self.geometry
            )
            self._boxes[within_m] = found
        return found

    def is_crowded(self, layers: Iterable[str], most: int) -> bool:
        """Tell whether the boundary crosses features more often than ``most`` times."""
        found: list[BaseGeometry] = []
        points = 0
        for layer in layers:
            features, rows = self.ground.features(layer), self.rows(layer)
            if features is not None and rows:
                # What has all of the parcel or nothing of it has no edge on it.
                cut = self._cut(layer, rows)
                points += self.ground.points(layer, cut)
                found += [features.geometries[row] for row in cut]
        # Most boundaries have fewer edges than that would take, which is seen sooner than counted.
        if self._points * points <= most:
            return False
        met = overlay.touching(self.geometry, np.array(found, dtype=object))
        if self._points * int(shapely.get_num_coordinates(met).sum()) <= most:
            return False
        if overlay.pairs_between(self.geometry, met.tolist()) <= most:
            return False
        return overlay.crossings_between(self.geometry, met.tolist(), most) > most

    @cached_property
    def _points(self) -> int:
        return int(shapely.get_num_coordinates(self.geometry))

    def _refuse_crowded(self, layer: str, rows: Sequence[int]) -> None:
        """Leave unmeasured what would keep this process busy; no call into GEOS can be interrupted.

        Raises
        ------
        MeasureFailed
            When the boundary crosses others too often.
        """
        if not rows or self._points * self.ground.points(layer, rows) <= FEW_PAIRS:
            return
        geometries = self._features(layer).geometries
        others = [geometries[row] for row in rows]
        if overlay.crossings_between(self.geometry, others, MAX_CROSSINGS) > MAX_CROSSINGS:
            raise MeasureFailed(f"more than {MAX_CROSSINGS} crossings")

    def surveys(self, layer: str, as_of: date) -> tuple[int, ...]:
        """Return the rows that say where a layer was surveyed, of those in force on a date."""
        key = (layer, as_of)
        found = self._surveys.get(key)
        if found is None:
            found = self._surveys[key] = self.ground.surveys(layer, self.rows(layer), as_of)
        return found

    def surveyed(self, layer: str, surveys: tuple[int, ...]) -> BaseGeometry | None:
        """Return the surveyed part of the parcel; ``None`` is all of it without further question."""
        key = (layer, surveys)
        if key not in self._surveyed:
            found = self._there(layer) if surveys else None
            holding = () if found is None else [row for row in surveys if row in found[1]]
            self._surveyed[key] = self.ground.surveyed(layer, self.uncut, surveys, holding)
        return self._surveyed[key]

    def is_surveyed(self, layer: str, as_of: date, within_m: float = 0.0) -> bool:
        """Tell whether a layer was surveyed all over the parcel, and so far around it, within noise.

        Raises
        ------
        MeasureFailed
            When GEOS cannot answer.
        """
        with _MEASURING:
            if within_m:
                window = overlay.Uncut(shapely.buffer(self.geometry, within_m))
                surveys = self.ground.surveys(layer, self.rows(layer, within_m), as_of)
                extent = self.ground.surveyed(layer, window, surveys)
            else:
                window, extent = self.uncut, self.surveyed(layer, self.surveys(layer, as_of))
            if extent is None:
                return True
            rule = self.noise(self._features(layer), hard=False)
            missing = overlay.pieces(shapely.difference(window.parcel, extent))
            return overlay.bands(missing, self.uncut.perimeter_m, rule)[0].counted_m2 <= 0.0

    def touches(self, layer: str, row: int) -> bool:
        """Tell whether a feature lies on the parcel beyond noise.

        Raises
        ------
        MeasureFailed
            When GEOS cannot answer.
        """
        features = self._features(layer)
        self._refuse_crowded(layer, (row,))
        with _MEASURING:
            parts = overlay.pieces(shapely.intersection(self.geometry, features.geometries[row]))
            return overlay.bands(parts, self.uncut.perimeter_m, self.noise(features, hard=False))[0].counted_m2 > 0.0

    def without(self, settled: ClassArea | None) -> BaseGeometry:
        """Return the parcel without the ground of a class.

        Raises
        ------
        MeasureFailed
            When GEOS cannot answer.
        """
        if settled is None:
            return self.geometry
        with _MEASURING:
            return shapely.MultiPolygon(overlay.pieces(shapely.difference(self.geometry, settled.geometry)))

    def noise(self, features: Features, *, hard: bool) -> overlay.NoiseRule:
        """Return the tolerances of a layer."""
        tolerances = self.rulebook.tolerances
        return _noise_rule(
            features.spec.width_m, tolerances.soft_noise_m, tolerances.hard_noise_m2, hard, tolerances.sensitivity
        )

    def coverage(
        self,
        layer: str,
        rows: Sequence[int],
        classes: Sequence[str | None],
        covering: Collection[str],
        as_of: date,
        *,
        hard: bool = False,
        of: BaseGeometry | None = None,
    ) -> Coverage:
        """Measure coverage of the parcel, or of a part of it, by some features of a layer as surveyed on a date.

        Raises
        ------
        MeasureFailed
            When GEOS cannot answer.
        """
        whole = self.geometry if of is None else of
        surveys = self.surveys(layer, as_of)
        part = None if of is None else of.wkb
        key = (layer, tuple(rows), tuple(classes), frozenset(covering), surveys, hard, part)
        found = self._coverages.get(key)
        if found is None:
            features = self._features(layer)
            geometries = features.geometries
            try:
                with _MEASURING:
                    self._refuse_crowded(layer, (*self._cut(layer, rows), *surveys))
                    found = overlay.coverage(
                        whole,
                        [geometries[row] for row in rows],
                        [features.ids[row] for row in rows],
                        rows,
                        classes,
                        covering,
                        self.surveyed(layer, surveys),
                        self.noise(features, hard=hard),
                        self._shares(layer, rows),
                        self.uncut if of is None else None,
                    )
            except MeasureFailed as error:
                found = error
            self._coverages[key] = found
        if isinstance(found, MeasureFailed):
            raise found
        return found

    def _shares(self, layer: str, rows: Sequence[int]) -> list[bool | None]:
        """Tell of features whether they have all of the parcel, nothing of it, or must be cut out."""
        if not rows:
            return []
        found = self._there(layer)
        if found is None:
            return [None] * len(rows)
        there, everywhere = found
        return [True if row in everywhere else None if row in there else False for row in rows]

    def _cut(self, layer: str, rows: Sequence[int]) -> list[int]:
        """Return those of some rows that must be cut out."""
        found = self._there(layer) if rows else None
        if found is None:
            return list(rows)
        there, everywhere = found
        return [row for row in rows if row in there and row not in everywhere]

    def held(self, layer: str, rows: Sequence[int], as_of: date) -> tuple[int, ...] | None:
        """Return which of some features have all of the parcel, if the others have nothing of it and all is surveyed.

        ``None`` where that is not so, or cannot be told.
        """
        features = self._features(layer)
        held: list[int] = []
        try:
            with _MEASURING:
                if not self.uncut.is_wide(self.noise(features, hard=False).widest_m):
                    return None
                if self.surveyed(layer, self.surveys(layer, as_of)) is not None:
                    return None
                # Together, as they would be laid over the parcel.
                self._refuse_crowded(layer, (*self._cut(layer, rows), *self.surveys(layer, as_of)))
                found = self._there(layer) if rows else None
                for row in rows:
                    if found is not None and row not in found[0]:
                        continue
                    if found is not None and row in found[1]:
                        held.append(row)
                        continue
                    cut = self.uncut.cut(features.geometries[row])
                    if cut is self.uncut.whole:
                        held.append(row)
                    elif cut.polygons:
                        return None
        except MeasureFailed:
            return None
        return tuple(held)

    def _there(self, layer: str) -> tuple[frozenset[int], frozenset[int]] | None:
        """Return the rows that may have ground on the parcel and those that have all of it, where that is known."""
        if layer not in self._whereabouts:
            known = self.ground.whereabouts(layer)
            self._whereabouts[layer] = None if known is None else known.features_in(*self.uncut.bounds)
        return self._whereabouts[layer]

    def nearest(self, layer: str, rows: Sequence[int], search_m: float) -> Nearest | None:
        """Find the nearest of some features.

        Raises
        ------
        MeasureFailed
            When GEOS cannot answer.
        """
        key = (layer, tuple(rows), search_m)
        if key not in self._nearest:
            features = self._features(layer)
            with _MEASURING:
                self._nearest[key] = overlay.nearest(self._outline, neighbours(features), rows, search_m)
        return self._nearest[key]

    def levels(
        self,
        ground: Grid,
        design: Grid | None,
        platforms: Sequence[tuple[BaseGeometry, float]],
        tolerance_m: float,
        edge_m: float,
    ) -> Levels:
        """Compare the ground with a design raster or with platforms.

        Raises
        ------
        MeasureFailed
            When the rasters do not fit each other or the working CRS.
        """
        key = (id(ground), id(design), tuple((shape.wkb, level) for shape, level in platforms), tolerance_m, edge_m)
        found = self._levels.get(key)
        if found is None:
            try:
                if ground.crs != self.ground.crs:
                    self._refuse(ground)
                with _MEASURING:
                    surface = None if design is None else overlay.design_from_grid(ground, design)
                    found = overlay.levels(
                        self.geometry, ground, surface, platforms, tolerance_m, edge_m, self._outline
                    )
            except MeasureFailed as error:
                found = error
            self._levels[key] = found
        if isinstance(found, MeasureFailed):
            raise found
        return found

    def is_sharp(self) -> bool:
        """Tell whether no measurement so far depends on the scale of the tolerances."""
        # Layers of which nothing is on the parcel share what was found.
        return all(isinstance(found, Coverage) and _is_sharp(found) for found in {*self._coverages.values()})

    def _refuse(self, ground: Grid) -> NoReturn:
        raise MeasureFailed(f"raster in {ground.crs}, parcel in {self.ground.crs}; rasters are not resampled")

    def _features(self, layer: str) -> Features:
        features = self.ground.features(layer)
        if features is None:
            raise MeasureFailed(f"layer {layer} is not there")
        return features


def _is_sharp(found: Coverage) -> bool:
    every = [found.covered, found.uncovered, found.unsurveyed]
    every += [area.bands for area in found.classes]
    for one, two, three in every:
        if not (one is two is three or one == two == three):
            return False
    return True
