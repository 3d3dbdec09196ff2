"""The layers as a zone sees them: in its working CRS, with surveyed extents, and with what keeps a layer silent."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Sequence
from datetime import date
from weakref import WeakKeyDictionary

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import GEOSException
from shapely.geometry.base import BaseGeometry

from geo_service import constraints, overlay
from geo_service.engine.attributes import Attributes, attributes
from geo_service.errors import CrsMismatch, MeasureFailed
from geo_service.kept import Kept
from geo_service.model.catalogue import Extent
from geo_service.model.enums import NoDataReason
from geo_service.model.finding import IndicatorFinding, LayerRead, ZoneRead
from geo_service.model.layer import Features, Grid, LayerSet, Whereabouts
from geo_service.model.rulebook import IndicatorVersion, Rulebook
from geo_service.model.validity import is_clear, stale_on
from geo_service.projection import project_features

# Features are immutable, so their projections may be kept as long as they live.
_PROJECTED: WeakKeyDictionary[Features, dict[str, Features]] = WeakKeyDictionary()
_PLACED: WeakKeyDictionary[Features, WeakKeyDictionary[Features, Features]] = WeakKeyDictionary()
_WHEREABOUTS: WeakKeyDictionary[Features, Whereabouts | None] = WeakKeyDictionary()
_NEIGHBOURS: WeakKeyDictionary[Features, overlay.Neighbours] = WeakKeyDictionary()
#: Features of so many points in all are kept prepared, to be asked what lies within them: some 150 bytes a point.
MOST_PREPARED = 200_000

#: Made once: to make an empty geometry takes as long as to cut a small one.
NOWHERE = shapely.Polygon()
#: Indicators that no parcel has set, as zones ask for them.
INDICATED = 1_000
Indicated = tuple[IndicatorVersion, ZoneRead | None, Rulebook, IndicatorFinding]

_GROUNDS: WeakKeyDictionary[LayerSet, dict[tuple[str, str], Ground]] = WeakKeyDictionary()


def in_crs(features: Features, crs: str) -> Features:
    """Return the features in another CRS; projected once, then remembered."""
    if features.crs == crs:
        # Were they remembered as their own projection, nothing would ever let go of them.
        return features
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
    is_ready : bool
        Whether all layers have been brought here already.
    """

    def __init__(self, layers: LayerSet, crs: str, zones_layer: str) -> None:
        # Another set of the same, so that a ground that is kept with its layers does not keep them.
        self._layers = LayerSet(layers.editions)
        self._zones_layer = zones_layer
        self._placed: dict[str, Features] = {}
        self._points: dict[str, array[int]] = {}
        self._extents: dict[bytes, BaseGeometry] = {}
        self._extent_of: dict[str, bytes] = {}
        self._reads: dict[str, LayerRead] = {}
        self._failed: set[str] = set()
        self._silences: dict[str, tuple[NoDataReason | None, date | None, NoDataReason | None]] = {}
        self._attributes: dict[str, Attributes] = {}
        self.indicated: Kept[tuple[int, int], Indicated] = Kept(INDICATED)
        self.is_ready = False
        self.crs = crs

    def features(self, layer: str) -> Features | None:
        """Return the features of a layer, those that name a zone version placed on its boundary.

        ``None`` also when they have no place in this CRS; `silence` then says that measuring failed.
        """
        known = self._placed.get(layer)
        if known is None:
            features = self._layers.features(layer)
            if features is None or layer in self._failed:
                return None
            try:
                moved = in_crs(features, self.crs)
            except (CrsMismatch, GEOSException):
                self._failed.add(layer)
                return None
            placed = self._place(moved) if features.spec.geometry_from else moved
            points = shapely.get_num_coordinates(placed.geometries)
            self._points[layer] = array("q", points.astype(np.int64).tobytes())
            if points.sum() <= MOST_PREPARED:
                shapely.prepare(placed.geometries)
            if placed.extent is not None:
                self._share(layer, placed.extent)
            known = self._placed[layer] = placed
        return known

    def attributes(self, layer: str) -> Attributes:
        """Return what the law reads of the features of a layer that has any."""
        found = self._attributes.get(layer)
        if found is None:
            features = self.features(layer)
            if features is None:
                raise MeasureFailed(f"layer {layer} is not there")
            found = self._attributes[layer] = attributes(features)
        return found

    def points(self, layer: str, rows: Iterable[int]) -> int:
        """Count the points of some features of a layer that has any."""
        points = self._points[layer]
        return sum(map(points.__getitem__, rows))

    def read(self, layer: str) -> LayerRead | None:
        """Return what is said of a layer that was read, ``None`` when there is none."""
        found = self._reads.get(layer)
        if found is None and (edition := self._layers.editions.get(layer)) is not None:
            found = LayerRead(edition.spec.id, edition.name, edition.edition_date, edition.sha256)
            self._reads[layer] = found
        return found

    def _share(self, layer: str, extent: BaseGeometry) -> None:
        """Keep an extent, often that of other layers too: what a parcel has of it is then found once."""
        key = hashlib.sha256(shapely.to_wkb(extent)).digest()
        if key not in self._extents and shapely.get_num_coordinates(extent) <= MOST_PREPARED:
            shapely.prepare(extent)
        self._extents.setdefault(key, extent)
        self._extent_of[layer] = key

    def ready(self, parcels_layer: str) -> None:
        """Bring all layers here, which takes longer the first time than measuring on them.

        Parameters
        ----------
        parcels_layer : str
            The layer on which nothing is measured.
        """
        if self.is_ready:
            return
        for layer in self._layers.editions:
            features = self.features(layer)
            if features is not None:
                # An index is made when it is first asked for.
                features.tree  # noqa: B018
                if layer != parcels_layer:
                    self.whereabouts(layer)
        self.is_ready = True

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
        ever, stale, otherwise = self._silent(layer)
        if ever is None and stale is not None and stale <= as_of:
            return NoDataReason.STALE
        return ever or otherwise

    def _silent(self, layer: str) -> tuple[NoDataReason | None, date | None, NoDataReason | None]:
        """Return why a layer never speaks, the first day on which it is too old, and why it does not before that."""
        found = self._silences.get(layer)
        if found is not None:
            return found
        edition = self._layers.editions.get(layer)
        if edition is None:
            found = NoDataReason.LAYER_MISSING, None, None
        elif edition.edition_date is None and edition.spec.max_age_days is not None:
            found = NoDataReason.STALE, None, None
        else:
            self.features(layer)
            stale = stale_on(edition.edition_date, edition.spec.max_age_days)
            found = None, stale, NoDataReason.FAILED if layer in self._failed else None
        self._silences[layer] = found
        return found

    def stale_day(self, layer: str) -> date | None:
        """Return the first day on which a layer is too old."""
        return self._silent(layer)[1]

    def needs_zones(self, layer: str) -> bool:
        """Tell whether a layer's extent or its features' places come from the zones."""
        edition = self._layers.editions.get(layer)
        return edition is not None and edition.spec.surveyed_extent is Extent.ZONES

    def surveys(self, layer: str, rows: Sequence[int], as_of: date) -> tuple[int, ...]:
        """Return which of some rows say where a layer was surveyed, and are in force on a date."""
        features = self.features(layer)
        if features is None or not (features.spec.class_field and features.spec.surveyed_class):
            return ()
        known = self.attributes(layer)
        if known.surveys.isdisjoint(rows):
            return ()
        return tuple(
            known.that(
                ("survey", as_of),
                [row for row in rows if row in known.surveys],
                lambda values: constraints.stands(values, as_of) and is_clear(values.get("status")),
            )
        )

    def surveyed(
        self, layer: str, window: overlay.Uncut, surveys: tuple[int, ...], holding: Sequence[int] = ()
    ) -> BaseGeometry | None:
        """Return where a layer was surveyed within a window, given its surveys in force; ``None`` is all over it.

        Parameters
        ----------
        holding : sequence of int
            Those of the surveys that are known to take all of the window.
        """
        features = self.features(layer)
        if features is None:
            return NOWHERE
        if features.extent is not None:
            return window.part_in(self._extents[self._extent_of[layer]])
        spec = features.spec
        if spec.surveyed_extent is Extent.JURISDICTION:
            return None
        if spec.surveyed_extent is Extent.ZONES:
            zones = self.features(self._zones_layer)
            return NOWHERE if zones is None else _clipped(zones, zones.tree.query(window.parcel), window)
        if spec.surveyed_extent is Extent.FEATURES and spec.class_field and spec.surveyed_class:
            return None if holding else _clipped(features, surveys, window)
        return NOWHERE

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


def _clipped(features: Features, rows: Iterable[int], window: overlay.Uncut) -> BaseGeometry | None:
    """Return what some features have of a window; ``None`` when one of them has all of it."""
    ordered = sorted((int(row) for row in rows), key=attributes(features).rank.__getitem__)
    if any(window.is_within(features.geometries[row]) for row in ordered):
        return None
    return shapely.union_all([shapely.intersection(features.geometries[row], window.parcel) for row in ordered])
