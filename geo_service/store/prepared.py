"""Layers prepared as cells, kept beside their editions: made once, made again when missing or damaged.

::

    editions/flood@3fb5c1….parquet                   what was imported
    prepared/flood@3fb5c1….EPSG-4547.cells           the same in a working CRS, as cells

They hold nothing that the edition does not say, so they may be deleted at any time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyproj
import shapely

from geo_service.cells import Prepared
from geo_service.errors import MeasureFailed, WorkspaceError
from geo_service.model.catalogue import GeometryKind, LayerSpec
from geo_service.model.layer import Features
from geo_service.rings import Shapes, from_wkb
from geo_service.store.lock import exclusive

FOLDER = "prepared"
LOCK = ".lock"
MAKING_TURN_S = 600.0
_LOG = logging.getLogger("geo_service.store.prepared")
_NOTHING = shapely.to_wkb(shapely.Polygon())


def can_be_prepared(spec: LayerSpec) -> bool:
    """Tell whether a layer may have ground of its own: polygons that no other layer places."""
    return spec.geometry in (GeometryKind.POLYGON, GeometryKind.ANY) and spec.geometry_from is None


def path(workspace_dir: Path, name: str, crs: str) -> Path:
    """Where an edition lies as cells in a CRS."""
    return workspace_dir / FOLDER / f"{name}.{crs.replace(':', '-')}.cells"


def prepared(
    workspace_dir: Path,
    name: str,
    sha256: str,
    features: Features,
    progress: Callable[[int, int], None] | None = None,
) -> Prepared | None:
    """Open an edition as cells, or make them.

    Parameters
    ----------
    name, sha256 : str
        Of the edition.
    features : Features
        Its features in a working CRS.
    progress : callable, optional
        Called with the columns done and their number while cells are made.

    Returns
    -------
    Prepared or None
        ``None`` when the layer has no cells: it is not of polygons, or a shape became invalid when it was projected.
    """
    kinds = shapely.get_type_id(features.geometries)
    polygonal = np.isin(kinds, (-1, shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)).all()
    if not (can_be_prepared(features.spec) and polygonal):
        return None
    # Another version of the projection library may give other coordinates for the same edition.
    key = f"{sha256} {features.crs} PROJ {pyproj.proj_version_str}"
    file = path(workspace_dir, name, features.crs)
    try:
        return Prepared.open(file, key)
    except WorkspaceError as missing:
        _LOG.info("%s", missing)
    try:
        file.parent.mkdir(exist_ok=True)
        with exclusive(file.parent / LOCK, MAKING_TURN_S):
            try:
                # Whoever waited for its turn may find what the other one made.
                return Prepared.open(file, key)
            except WorkspaceError:
                made = _made(features, progress)
                if made is not None:
                    made.write(file, key)
                return made
    except OSError as error:
        _LOG.warning("%s cannot be written, the layer is prepared in memory: %s", file.name, error)
        return _made(features, progress)


def clean(workspace_dir: Path) -> None:
    """Remove what was not written to its end, unless something is being written."""
    folder = workspace_dir / FOLDER
    if not folder.is_dir():
        return
    try:
        with exclusive(folder / LOCK, 0):
            for leftover in folder.glob("*.partial"):
                leftover.unlink()
    except (WorkspaceError, OSError) as error:
        _LOG.info("%s was not cleaned: %s", FOLDER, error)


def _made(features: Features, progress: Callable[[int, int], None] | None) -> Prepared | None:
    # The compiler takes longer to start than all that follows takes with what it once made.
    from geo_service.cells.preparing import prepare

    column = features.attributes.get(features.spec.class_field or "", (None,) * len(features))
    classes = [None if value is None else str(value) for value in column]
    extent = None if features.extent is None else _shapes([features.extent])
    try:
        return prepare(_shapes(features.geometries), classes, surveyed=extent, crs=features.crs, progress=progress)
    except MeasureFailed as error:
        _LOG.warning("layer %s in %s has no cells: %s", features.spec.id, features.crs, error)
        return None


def _shapes(geometries: object) -> Shapes:
    return from_wkb([_NOTHING if wkb is None else wkb for wkb in shapely.to_wkb(geometries)])
