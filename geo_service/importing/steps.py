"""The steps of an import: read, store and publish, prepare."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

import shapely
from shapely import GEOSException
from shapely.geometry.base import BaseGeometry

from geo_service.engine.ground import in_crs
from geo_service.engine.zones import working_crs_of
from geo_service.errors import CrsMismatch
from geo_service.model.layer import Features
from geo_service.projection import lon_lat, working_crs
from geo_service.store.workspace import Workspace

_LOG = logging.getLogger("geo_service.importing")


def zone_shapes(workspace: Workspace) -> list[tuple[str, BaseGeometry]]:
    """Return the zones' boundaries with their CRS, for the distance check of imports."""
    # Read alone: an import needs no other layer, and the others may be large.
    name = workspace.register.published().get(workspace.rulebook.zones_layer)
    features = None if name is None else workspace.edition(name).data
    if not isinstance(features, Features):
        return []
    return [(features.crs, geometry) for geometry in features.geometries if geometry is not None]


def prepare(workspace: Workspace, name: str, progress: Callable[[int, int], None] | None = None) -> None:
    """Prepare an edition in the working CRS of every zone, so that no examination has to.

    What cannot be prepared now is prepared, or measured without, when it is needed.
    """
    edition = workspace.edition(name)
    if edition.whereabouts is None or not isinstance(edition.data, Features):
        return
    for crs in _working_crss(workspace, edition.data):
        try:
            edition.whereabouts(in_crs(edition.data, crs), progress)
        except (CrsMismatch, GEOSException):
            _LOG.warning("%s has no place in %s", name, crs)


def _working_crss(workspace: Workspace, features: Features) -> list[str]:
    jurisdiction = workspace.rulebook.jurisdiction
    published = workspace.register.published().get(workspace.rulebook.zones_layer)
    zones = None if published is None else workspace.edition(published).data
    if isinstance(zones, Features) and len(zones):
        return sorted({working_crs_of(zones, row, jurisdiction) for row in range(len(zones))})
    west, south, east, north = shapely.total_bounds(features.geometries)
    if math.isnan(west):
        return []
    return [working_crs(jurisdiction, lon_lat(shapely.box(west, south, east, north).centroid, features.crs).x)]
