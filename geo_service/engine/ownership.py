"""Which features belong to which zone: what a key for some zones is shown.

A zone owns its boundaries, its parcels, and of the other layers what lies on its ground. What lies in no zone is
nobody's and shown to all; a parcel of no zone is shown to none but those who see all zones.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import GEOSException
from shapely.geometry.base import BaseGeometry

from geo_service.engine.ground import in_crs
from geo_service.engine.zones import zone_id
from geo_service.errors import CrsMismatch
from geo_service.model.layer import Edition, Features, LayerSet
from geo_service.model.rulebook import Rulebook
from geo_service.projection import crs_of

#: Ground this near to a zone's edge is not told apart from what lies beyond it.
EDGE_M = 0.5
METRES_A_DEGREE = 111_000.0


def own_part(layers: LayerSet, layer: str, own: frozenset[str], rulebook: Rulebook) -> Edition:
    """Return the edition of a layer with only the features that some zones may see.

    Parameters
    ----------
    own : frozenset of str
        Ids of zones, or of versions of them.

    Returns
    -------
    Edition
        The same one where all are seen; else one whose ``part`` names those that are left.
    """
    edition = layers.editions[layer]
    data = edition.data
    if not isinstance(data, Features):
        return edition
    rows = np.flatnonzero(_seen(layers.features(rulebook.zones_layer), data, own, rulebook))
    if len(rows) == len(data):
        return edition
    part = hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest()[:12]
    return Edition(edition.name, edition.sha256, _chosen(data, rows), part=part)


def foreign_ground(layers: LayerSet, own: frozenset[str], rulebook: Rulebook, crs: str) -> BaseGeometry:
    """Return the ground of other zones that is not also own ground, in a CRS.

    Raises
    ------
    CrsMismatch
        When the zones have no place in it.
    """
    zones = layers.features(rulebook.zones_layer)
    if zones is None:
        return shapely.MultiPolygon()
    inside, outside = _grounds(zones, own, crs)
    return shapely.difference(outside, inside)


def _chosen(data: Features, rows: NDArray[np.int64]) -> Features:
    chosen = rows.tolist()
    return replace(
        data,
        ids=tuple(data.ids[row] for row in chosen),
        geometries=data.geometries[rows],
        attributes={name: tuple(column[row] for row in chosen) for name, column in data.attributes.items()},
    )


def _seen(zones: Features | None, data: Features, own: frozenset[str], rulebook: Rulebook) -> NDArray[np.bool_]:
    if zones is None:
        # Without zones nobody can tell whose anything is.
        return np.zeros(len(data), dtype=bool)
    if data.spec.id == rulebook.zones_layer:
        return np.array([_is_own(data, row, own) for row in range(len(data))], dtype=bool)
    parcels = data.spec.id == rulebook.parcels_layer
    try:
        seen = _lying(zones, data, own, parcels=parcels)
    except (CrsMismatch, GEOSException):
        # What cannot be held against the zones is shown to nobody who may not see all of them.
        seen = np.zeros(len(data), dtype=bool)
    # A parcel says whose it is, a report may say on which zone's boundary it stands; that goes before where it lies.
    named, said = _named(zones), "zone" if parcels else data.spec.geometry_from
    for row, name in enumerate(data.attributes.get(said, ()) if said else ()):
        if name is not None and (names := named.get(str(name))) is not None:
            seen[row] = not own.isdisjoint(names)
    return seen


def _lying(zones: Features, data: Features, own: frozenset[str], *, parcels: bool) -> NDArray[np.bool_]:
    """Tell which features lie on own ground, or in no zone; a parcel must have most of its ground in zones on own."""
    inside, outside = _grounds(zones, own, data.crs)
    for ground in (inside, outside):
        shapely.prepare(ground)
    here: NDArray[np.bool_] = shapely.intersects(data.geometries, inside)
    there: NDArray[np.bool_] = shapely.intersects(data.geometries, outside)
    if not parcels:
        return here | ~there
    both = np.flatnonzero(here & there)
    shared = [shapely.area(shapely.intersection(data.geometries[both], ground)) for ground in (inside, outside)]
    here[both] = shared[0] >= shared[1]
    return here


def _is_own(zones: Features, row: int, own: frozenset[str]) -> bool:
    return zones.ids[row] in own or zone_id(zones, row) in own


def _named(zones: Features) -> dict[str, frozenset[str]]:
    """All names of a zone, its own and those of its versions, by each of them."""
    names: dict[str, set[str]] = {}
    for row, version in enumerate(zones.ids):
        names.setdefault(zone_id(zones, row), {zone_id(zones, row)}).add(version)
    return {name: frozenset(found) for found in names.values() for name in found}


def _grounds(zones: Features, own: frozenset[str], crs: str) -> tuple[BaseGeometry, BaseGeometry]:
    """Return own ground and that of others, without their edges."""
    placed = in_crs(zones, crs)
    mine = np.array([_is_own(zones, row, own) for row in range(len(zones))], dtype=bool)
    width = EDGE_M if crs_of(crs).is_projected else EDGE_M / METRES_A_DEGREE
    found = []
    for chosen in (mine, ~mine):
        whole = shapely.union_all(placed.geometries[chosen])
        found.append(shapely.buffer(whole, -width))
    return found[0], found[1]
