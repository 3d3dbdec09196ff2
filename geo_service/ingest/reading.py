"""The way in: a file for a layer, a file or a body of parcels to check. The parent's side of the reading process."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geo_service.ingest.boundaries import BODY, Boundaries, body_job, boundaries_of, shapes_of
from geo_service.ingest.job import GridResult, Job, Purpose, VectorResult, sent
from geo_service.ingest.process import READERS, RETIRE_BYTES, gdal_skip
from geo_service.ingest.sniff import HEAD_BYTES, NEEDS_GDAL, format_of, head_of
from geo_service.model.catalogue import Catalogue, GeometryKind, LayerSpec
from geo_service.model.layer import Features, Grid, Origin
from geo_service.model.report import ImportReport
from geo_service.model.rulebook import Jurisdiction
from geo_service.projection import lon_lat

CHECK_LIMIT_S = 5.0
CHECK_LIMIT_S_PER_MB = 2.0
CHECK_LIMIT_MAX_S = 60.0
IMPORT_LIMIT_S = 30.0
IMPORT_LIMIT_S_PER_MB = 3.0
IMPORT_LIMIT_MAX_S = 1800.0
#: Half the side of a boundary that is read before any other.
REHEARSED_DEGREES = 1e-3

Skip = tuple[tuple[str, str], ...] | None
ZonePlace = tuple[str, BaseGeometry | tuple[float, float, float, float]]


def _zones(places: Sequence[ZonePlace]) -> tuple[tuple[str, BaseGeometry], ...]:
    return tuple((crs, place if isinstance(place, BaseGeometry) else shapely.box(*place)) for crs, place in places)


def _skip(head: bytes, name: str, kind: GeometryKind, extent: Path | None) -> Skip:
    wanted = kind is GeometryKind.RASTER or format_of(head, name) in NEEDS_GDAL
    if extent is not None:
        wanted = wanted or format_of(head_of(extent), extent.name) in NEEDS_GDAL
    return gdal_skip() if wanted else None


def read_layer(
    spec: LayerSpec,
    catalogue: Catalogue,
    jurisdiction: Jurisdiction,
    path: Path,
    *,
    name: str | None = None,
    crs: str | None = None,
    encoding: str | None = None,
    edition_date: date,
    id_field: str | None = None,
    extent: Path | None = None,
    quarantine: bool = False,
    zone_boxes: Sequence[ZonePlace] = (),
    anywhere: bool = False,
    layer_name: str | None = None,
    synthetic: bool = False,
    licence: str = "",
    attribution: str = "",
) -> tuple[Features | Grid, ImportReport]:
    """Read a file of a layer; all of it or nothing.

    Geometries stay in the CRS in which they were delivered, because their edges are straight there.

    Parameters
    ----------
    name : str, optional
        The name that the file came with, when it lies under another; for messages and the ids of a TXT.
    crs : str, optional
        Counts before what the file declares.
    edition_date : date
        The date of the data.
    extent : Path, optional
        Polygons of the ground that was surveyed.
    quarantine : bool
        Keep the good rows and list the others, instead of refusing the file.
    zone_boxes : sequence of (CRS, geometry or bounds)
        Where the zones lie; a file nowhere near one is refused, unless ``anywhere``.
    layer_name : str, optional
        Which layer of a file that holds several.

    Returns
    -------
    layer, report
        ``Grid`` for raster layers, else ``Features``.

    Raises
    ------
    InputError
        The file cannot be read, or lies where it cannot lie.
    RejectedRows
        Some rows cannot be stored; every one of them is listed.
    TooComplex
        Checking it would take too long.
    """
    whole, name = path.resolve(), name or path.name
    head = head_of(whole)
    skip = _skip(head, name, spec.geometry, extent)
    size = sum(part.stat().st_size for part in (whole, *((extent,) if extent else ())))
    limit = min(IMPORT_LIMIT_S + IMPORT_LIMIT_S_PER_MB * size / 1e6, IMPORT_LIMIT_MAX_S)
    with tempfile.TemporaryDirectory(prefix="geo-service-") as folder:
        job = Job(
            Purpose.LAYER,
            spec,
            catalogue,
            jurisdiction,
            name,
            whole,
            None,
            Path(folder),
            crs,
            encoding,
            id_field,
            layer_name,
            None if extent is None else extent.resolve(),
            quarantine,
            _zones(zone_boxes),
            anywhere,
            gdal_skip=skip,
        )
        result = READERS.run(job, limit, keep=size < RETIRE_BYTES)
        origin = Origin(name, result.sha256, edition_date, licence or spec.licence, attribution, synthetic)
        if isinstance(result, GridResult):
            values = np.load(Path(folder) / result.file)
            return Grid(spec, result.crs, values, result.transform, origin), result.report
    shapes = shapes_of(result)
    surveyed = None if result.extent is None else shapely.from_wkb(result.extent)
    return Features(spec, result.crs, result.ids, shapes, result.attributes, origin, surveyed), result.report


def read_boundaries(
    source: Path | bytes,
    name: str,
    catalogue: Catalogue,
    jurisdiction: Jurisdiction,
    *,
    parcels_spec: LayerSpec,
    crs: str | None = None,
    encoding: str | None = None,
    zone_boxes: Sequence[ZonePlace] = (),
    most: int | None = None,
) -> Boundaries:
    """Read parcels to be checked, of any accepted format; nothing is stored.

    Parameters
    ----------
    source : Path or bytes
        A file, or the bytes of an upload.
    name : str
        The name the file came with; used in messages and in ids of a TXT, never to choose the format.
    parcels_spec : LayerSpec
        Fields and aliases of the parcels layer.
    zone_boxes : sequence of (CRS, geometry or bounds)
        Where the zones lie; parcels far from all of them are remarked upon.
    most : int, optional
        How many rows there may be.

    Raises
    ------
    InputError
        The file as a whole cannot be read. A wrong row is in ``rejected`` instead.
    """
    head = source[:HEAD_BYTES] if isinstance(source, bytes) else head_of(source)
    with tempfile.TemporaryDirectory(prefix="geo-service-") as folder:
        job = Job(
            Purpose.CHECK,
            parcels_spec,
            catalogue,
            jurisdiction,
            name,
            None if isinstance(source, bytes) else source.resolve(),
            source if isinstance(source, bytes) else None,
            Path(folder),
            crs,
            encoding,
            zones=_zones(zone_boxes),
            most=most,
            gdal_skip=_skip(head, name, parcels_spec.geometry, None),
        )
        return _checked(job, len(source) if isinstance(source, bytes) else source.stat().st_size)


def read_geojson_bytes(
    body: bytes,
    catalogue: Catalogue,
    jurisdiction: Jurisdiction,
    *,
    parcels_spec: LayerSpec,
    crs: str | None = None,
    name: str = BODY,
    zone_boxes: Sequence[ZonePlace] = (),
    most: int | None = None,
) -> Boundaries:
    """Read a body that is a GeoJSON Geometry, Feature or FeatureCollection; see `read_boundaries`.

    Raises
    ------
    InputError
        The body is no strict JSON, or no GeoJSON.
    """
    zones = _zones(zone_boxes)
    job = body_job(body, catalogue, jurisdiction, parcels_spec, crs=crs, name=name, zones=zones, most=most)
    return _checked(job, len(body))


def _checked(job: Job, size: int) -> Boundaries:
    result = READERS.run(job, min(CHECK_LIMIT_S + CHECK_LIMIT_S_PER_MB * size / 1e6, CHECK_LIMIT_MAX_S))
    assert isinstance(result, VectorResult)
    return boundaries_of(result)


def begin(
    catalogue: Catalogue, jurisdiction: Jurisdiction, parcels_spec: LayerSpec, zone_boxes: Sequence[ZonePlace]
) -> None:
    """Start what reading processes come from, and have it read a small body, so that the first caller's is not slow."""
    zones = _zones(zone_boxes)
    middle = shapely.box(*jurisdiction.box_degrees).centroid
    for crs, zone in zones[:1]:
        middle = lon_lat(zone.representative_point(), crs)
    square = shapely.to_geojson(middle.buffer(REHEARSED_DEGREES, cap_style="square")).encode()
    job = body_job(square, catalogue, jurisdiction, parcels_spec, zones=zones)
    READERS.prepare(pickle.dumps(sent(job, None)[0], protocol=5))
