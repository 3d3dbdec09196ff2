"""The steps of an import: read, store and publish, prepare."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from statistics import median

import shapely
from shapely import GEOSException
from shapely.geometry.base import BaseGeometry

from geo_service.engine.ground import in_crs
from geo_service.engine.zones import working_crs_of
from geo_service.errors import CrsMismatch, Fault, InputError, WorkspaceError
from geo_service.export.whole import FORMAT, whole
from geo_service.model.layer import Edition, Features, Grid
from geo_service.model.rulebook import Jurisdiction
from geo_service.model.text import Text
from geo_service.projection import lon_lat, project, working_crs
from geo_service.store.copies import Copy, copy
from geo_service.store.workspace import Workspace

#: Parcels that are surveyed again move by less.
SHIFT_MAX_M = 50.0
#: Fewer parcels of the same ids say nothing of the whole; of more some are looked at.
FEWEST_PAIRS, SAMPLE = 3, 200
_LOG = logging.getLogger("geo_service.importing")

#: A geometry with its CRS.
Place = tuple[BaseGeometry, str]


def zone_shapes(workspace: Workspace) -> list[tuple[str, BaseGeometry]]:
    """Return the zones' boundaries with their CRS, for the distance check of imports."""
    # Read alone: an import needs no other layer, and the others may be large.
    name = workspace.register.published().get(workspace.rulebook.zones_layer)
    features = None if name is None else workspace.edition(name).data
    return shapes_of(features if isinstance(features, Features) else None)


def shapes_of(features: Features | None) -> list[tuple[str, BaseGeometry]]:
    """Return the shapes of features with their CRS."""
    if features is None:
        return []
    return [(features.crs, geometry) for geometry in features.geometries if geometry is not None]


def refuse_shifted(workspace: Workspace, data: Features | Grid) -> None:
    """Refuse parcels that as a whole lie beside where the same parcels lie now: so do data in an offset datum.

    Raises
    ------
    InputError
        When the median distance between parcels of one id is more than `SHIFT_MAX_M`.
    """
    layer = workspace.rulebook.parcels_layer
    published = workspace.register.published().get(layer)
    known = None if published is None else workspace.edition(published).data
    if data.spec.id != layer or not isinstance(data, Features) or not isinstance(known, Features):
        return
    rows = {id_: row for row, id_ in enumerate(known.ids)}
    pairs = [
        ((data.geometries[place], data.crs), (known.geometries[rows[id_]], known.crs))
        for place, id_ in enumerate(data.ids)
        if id_ in rows
    ]
    if len(pairs) < FEWEST_PAIRS:
        return
    shift_m = shifted_m(pairs, workspace.rulebook.jurisdiction)
    if shift_m > SHIFT_MAX_M:
        words = shift_words(shift_m)
        raise InputError(
            Fault(
                "datum_suspect",
                words.zh,
                words.en,
                "请向勘测单位索取未加偏的成果；确属重新勘测时允许远离（anywhere）",
                "ask the surveyor for coordinates without offset; where they really moved, allow it with 'anywhere'",
                where=data.origin.source_name,
                value=f"{shift_m:.1f} m",
            )
        )


def shifted_m(pairs: Sequence[tuple[Place, Place]], jurisdiction: Jurisdiction) -> float:
    """Return the median distance between what was brought and what lies there now under the same ids, in m.

    Parameters
    ----------
    pairs : sequence of (brought, known)
        Not empty; of very many some are looked at.
    """
    some = pairs[:: 1 + len(pairs) // SAMPLE]
    geometry, crs = some[0][1]
    plane = working_crs(jurisdiction, lon_lat(shapely.centroid(geometry), crs).x)
    return median(float(shapely.distance(_centre(one, plane), _centre(other, plane))) for one, other in some)


def shift_words(shift_m: float) -> Text:
    """Say how far parcels lie beside those of the same ids, and what that looks like."""
    return Text(
        f"与现有同编号地块相比整体偏移约{shift_m:.0f}米，疑为加偏坐标或坐标系有误",
        f"the parcels lie {shift_m:.0f} m beside those of the same ids: an offset datum, or another CRS",
    )


def _centre(place: Place, plane: str) -> BaseGeometry:
    geometry, crs = place
    return project(shapely.centroid(geometry), crs, plane)


def prepare(workspace: Workspace, name: str, progress: Callable[[int, int], None] | None = None) -> None:
    """Prepare an edition in the working CRS of every zone, so that no examination has to.

    What cannot be prepared now is prepared, or measured without, when it is needed.
    """
    edition = workspace.edition(name)
    if not isinstance(edition.data, Features):
        return
    if edition.whereabouts is not None:
        for crs in _working_crss(workspace, edition.data):
            try:
                edition.whereabouts(in_crs(edition.data, crs), progress)
            except (CrsMismatch, GEOSException):
                _LOG.warning("%s has no place in %s", name, crs)
    if not edition.spec.is_withheld:
        try:
            written(workspace, edition)
        except (OSError, WorkspaceError) as error:
            _LOG.warning("%s is not written to be handed out: %s", name, error)


def written(workspace: Workspace, edition: Edition) -> Copy:
    """Return an edition as the GeoJSON file that is handed out, written now where it is not there.

    Raises
    ------
    OSError, WorkspaceError
        When it cannot be written now.
    """
    data = edition.data
    assert isinstance(data, Features)
    return copy(workspace.directory, edition.name, lambda: whole(data), f"{FORMAT}.geojson")


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
