"""The layers as a zone sees them: in its working CRS, with surveyed extents, and with what keeps a layer silent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from weakref import WeakKeyDictionary

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import GEOSException
from shapely.geometry.base import BaseGeometry

from geo_service import constraints, overlay
from geo_service.engine.attributes import attributes
from geo_service.errors import CrsMismatch
from geo_service.model.catalogue import Extent
from geo_service.model.enums import NoDataReason
from geo_service.model.layer import Features, Grid, LayerSet, Whereabouts
from geo_service.model.validity import is_clear, stale_on
from geo_service.projection import project_features

# Features are immutable, so their projections may be kept as long as they live.
_PROJECTED: WeakKeyDictionary[Features, dict[str, Features]] = WeakKeyDictionary()
_PLACED: WeakKeyDictionary[Features, WeakKeyDictionary[Features, Features]] = WeakKeyDictionary()
_WHEREABOUTS: WeakKeyDictionary[Features, Whereabouts | None] = WeakKeyDictionary()
_NEIGHBOURS: WeakKeyDictionary[Features, overlay.Neighbours] = WeakKeyDictionary()
#: Features of so many points in all are kept prepared, to be asked what lies within them: some 150 bytes a point.
MOST_PREPARED = 200_000

_GROUNDS: WeakKeyDictionary[LayerSet, dict[tuple[str, str], Ground]] = WeakKeyDictionary()


def in_crs(features: Features, crs: str) -> Features:
    """Return the features in another CRS; projected once, then remembered."""
    known = _PROJECTED.setdefault(features, {})
    if crs not in known:
        known[crs] = project_features(features, crs)
    return known[crs]


def neighbours(features: Features) -> overlay.Neighbours:
    """Return the features ready to be asked which is nearest; made once, then remembered.

    Raises
    ------
    BrokenShape
        When a coordinate is not finite.
    """
    found = _NEIGHBOURS.get(features)
    if found is None:
        found = _NEIGHBOURS[features] = overlay.neighbours(features.geometries, features.ids)
    return found


def ground_of(layers: LayerSet, crs: str, zones_layer: str) -> Ground:
    """Return layers in a working CRS; made once, then remembered. See `Ground`."""
    known, key = _GROUNDS.setdefault(layers, {}), (crs, zones_layer)
    if key not in known:
        known[key] = Ground(layers, crs, zones_layer)
    return known[key]


class Ground:
    """All published layers in one working CRS.

    Parameters
    ----------
    layers : LayerSet
        What was imported.
    crs : str
        Working CRS.
    zones_layer : str
        Layer whose features are the boundaries that a report may name.

    Attributes
    ----------
    prepared : bool
        Whether all layers have been brought here already.
    """

    def __init__(self, layers: LayerSet, crs: str, zones_layer: str) -> None:
        # Another set of the same, so that a ground that is kept with its layers does not keep them.
        self._layers = LayerSet(layers.editions)
        self._zones_layer = zones_layer
        self._placed: dict[str, Features] = {}
        self._failed: set[str] = set()
        self.crs = crs
        self.prepared = False

    def features(self, layer: str) -> Features | None:
        """Return the features of a layer, those that name a zone version placed on its boundary.

        ``None`` also when they have no place in this CRS; `silence` then says that measuring failed.
        """
        if layer not in self._placed:
            features = self._layers.features(layer)
            if features is None or layer in self._failed:
                return None
            try:
                moved = in_crs(features, self.crs)
            except (CrsMismatch, GEOSException):
                self._failed.add(layer)
                return None
            placed = self._place(moved) if features.spec.geometry_from else moved
            if shapely.get_num_coordinates(placed.geometries).sum() <= MOST_PREPARED:
                shapely.prepare(placed.geometries)
                shapely.prepare(placed.extent)
            self._placed[layer] = placed
        return self._placed[layer]

    def whereabouts(self, layer: str) -> Whereabouts | None:
        """Return the whereabouts of a layer's features; asked once, then remembered."""
        edition, features = self._layers.editions.get(layer), self.features(layer)
        if edition is None or edition.whereabouts is None or features is None:
            return None
        if features not in _WHEREABOUTS:
            _WHEREABOUTS[features] = edition.whereabouts(features, None)
        return _WHEREABOUTS[features]

    def grid(self, layer: str) -> Grid | None:
        """Return the grid of a raster layer."""
        return self._layers.grid(layer)

    def silence(self, layer: str, as_of: date) -> NoDataReason | None:
        """Return why a layer as a whole says nothing on a date, ``None`` when it speaks."""
        edition = self._layers.editions.get(layer)
        if edition is None:
            return NoDataReason.LAYER_MISSING
        if edition.edition_date is None and edition.spec.max_age_days is not None:
            return NoDataReason.STALE
        stale = stale_on(edition.edition_date, edition.spec.max_age_days)
        if stale is not None and stale <= as_of:
            return NoDataReason.STALE
        self.features(layer)
        return NoDataReason.FAILED if layer in self._failed else None

    def stale_day(self, layer: str) -> date | None:
        """Return the first day on which a layer is too old."""
        edition = self._layers.editions.get(layer)
        return None if edition is None else stale_on(edition.edition_date, edition.spec.max_age_days)

    def needs_zones(self, layer: str) -> bool:
        """Tell whether a layer's extent or its features' places come from the zones."""
        edition = self._layers.editions.get(layer)
        return edition is not None and edition.spec.surveyed_extent is Extent.ZONES

    def surveys(self, layer: str, rows: Sequence[int], as_of: date) -> tuple[int, ...]:
        """Return which of some rows say where a layer was surveyed, and are in force on a date."""
        features = self.features(layer)
        if features is None or not (features.spec.class_field and features.spec.surveyed_class):
            return ()
        column = features.attributes.get(features.spec.class_field, (None,) * len(features))
        known = attributes(features)
        return tuple(
            row
            for row in rows
            if column[row] == features.spec.surveyed_class
            and constraints.stands(values := known.row(row), as_of)
            and is_clear(values.get("status"))
        )

    def surveyed(self, layer: str, window: BaseGeometry, surveys: tuple[int, ...]) -> BaseGeometry | None:
        """Return where a layer was surveyed within a window, given its surveys in force; ``None`` is all over it."""
        features = self.features(layer)
        if features is None:
            return shapely.Polygon()
        if features.extent is not None:
            return None if overlay.holds(features.extent, window) else shapely.intersection(features.extent, window)
        spec = features.spec
        if spec.surveyed_extent is Extent.JURISDICTION:
            return None
        if spec.surveyed_extent is Extent.ZONES:
            zones = self.features(self._zones_layer)
            return shapely.Polygon() if zones is None else _clipped(zones, zones.tree.query(window), window)
        if spec.surveyed_extent is Extent.FEATURES and spec.class_field and spec.surveyed_class:
            return _clipped(features, surveys, window)
        return shapely.Polygon()

    def _place(self, features: Features) -> Features:
        """Put features that name a zone version on exactly that version's boundary; done once, then remembered."""
        zones = self.features(self._zones_layer)
        if zones is None:
            return features
        known = _PLACED.setdefault(features, WeakKeyDictionary())
        if zones not in known:
            known[zones] = _placed(features, zones)
        return known[zones]


def _placed(features: Features, zones: Features) -> Features:
    boundaries = dict(zip(zones.ids, zones.geometries, strict=True))
    column = features.attributes.get(features.spec.geometry_from or "", ())
    geometries: NDArray[np.object_] = features.geometries.copy()
    for row, name in enumerate(column):
        if name in boundaries:
            geometries[row] = boundaries[str(name)]
    return Features(
        features.spec,
        features.crs,
        features.ids,
        geometries,
        features.attributes,
        features.origin,
        features.extent,
    )


def _clipped(features: Features, rows: Iterable[int], window: BaseGeometry) -> BaseGeometry | None:
    """Return what some features have of a window; ``None`` when one of them has all of it."""
    ordered = sorted((int(row) for row in rows), key=attributes(features).rank.__getitem__)
    if any(overlay.holds(features.geometries[row], window) for row in ordered):
        return None
    return shapely.union_all([shapely.intersection(features.geometries[row], window) for row in ordered])
