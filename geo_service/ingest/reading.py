"""The way in: a file for a layer, a file or a body of parcels to check. The parent's side of the reading process."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo_service.errors import Fault, InputError
from geo_service.ingest.job import GridResult, Job, Purpose, VectorResult, sent
from geo_service.ingest.process import READERS, RETIRE_BYTES, gdal_skip
from geo_service.ingest.sniff import HEAD_BYTES, NEEDS_GDAL, format_of, head_of
from geo_service.model.catalogue import Catalogue, GeometryKind, LayerSpec
from geo_service.model.layer import Features, Grid, Origin, Value
from geo_service.model.parcel import Parcel, Repair
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


@dataclass(frozen=True)
class Boundaries:
    """Parcels of a file that is only looked at.

    Attributes
    ----------
    parcels : tuple of (row, Parcel)
        In the order of the file; rows count from 1.
    rejected : tuple of Fault
        One for each row that cannot be answered, with row, id and code.
    """

    parcels: tuple[tuple[int, Parcel], ...]
    rejected: tuple[Fault, ...]
    report: ImportReport


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
    shapes = _shapes(result)
    surveyed = None if result.extent is None else shapely.from_wkb(result.extent)
    return Features(spec, result.crs, result.ids, shapes, result.attributes, origin, surveyed), result.report


def _shapes(result: VectorResult) -> NDArray[np.object_]:
    """Take over geometries from the reading process, believing nothing."""
    shapes = np.empty(len(result.wkb), dtype=object)
    shapes[:] = shapely.from_wkb(list(result.wkb)) if result.wkb else []
    counts = {len(result.ids), len(result.rows), result.report.stored, *map(len, result.attributes.values())}
    report = result.report
    if (
        counts != {len(shapes)}
        or report.read != report.stored + len(report.rejected) + report.deleted
        or not np.isfinite(shapely.get_coordinates(shapes)).all()
    ):
        raise InputError(
            Fault(
                "file_unreadable",
                "读取结果前后不一致",
                "what was read does not add up",
                "请核对文件是否完整",
                "check that the file is complete",
                where=report.source_name,
            )
        )
    return shapes


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

    Raises
    ------
    InputError
        The file as a whole cannot be read. A wrong row is in ``rejected`` instead.
    """
    head = source[:HEAD_BYTES] if isinstance(source, bytes) else head_of(source)
    return _boundaries(
        source,
        name,
        catalogue,
        jurisdiction,
        parcels_spec,
        crs=crs,
        encoding=encoding,
        zone_boxes=zone_boxes,
        skip=_skip(head, name, parcels_spec.geometry, None),
    )


def read_geojson_bytes(
    body: bytes,
    catalogue: Catalogue,
    jurisdiction: Jurisdiction,
    *,
    parcels_spec: LayerSpec,
    crs: str | None = None,
    name: str = "body",
    zone_boxes: Sequence[ZonePlace] = (),
) -> Boundaries:
    """Read a body that is a GeoJSON Geometry, Feature or FeatureCollection; see `read_boundaries`.

    Raises
    ------
    InputError
        The body is no strict JSON, or no GeoJSON.
    """
    return _boundaries(
        body,
        name,
        catalogue,
        jurisdiction,
        parcels_spec,
        crs=crs,
        encoding=None,
        zone_boxes=zone_boxes,
        skip=None,
        only_geojson=True,
    )


def _boundaries(
    source: Path | bytes,
    name: str,
    catalogue: Catalogue,
    jurisdiction: Jurisdiction,
    spec: LayerSpec,
    *,
    crs: str | None,
    encoding: str | None,
    zone_boxes: Sequence[ZonePlace],
    skip: Skip,
    only_geojson: bool = False,
) -> Boundaries:
    # Nothing is unpacked of a body: it needs no folder of its own.
    own = nullcontext(tempfile.gettempdir()) if only_geojson else tempfile.TemporaryDirectory(prefix="geo-service-")
    with own as folder:
        job = Job(
            Purpose.CHECK,
            spec,
            catalogue,
            jurisdiction,
            name,
            None if isinstance(source, bytes) else source.resolve(),
            source if isinstance(source, bytes) else None,
            Path(folder),
            crs,
            encoding,
            zones=_zones(zone_boxes),
            only_geojson=only_geojson,
            gdal_skip=skip,
        )
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        result = READERS.run(job, min(CHECK_LIMIT_S + CHECK_LIMIT_S_PER_MB * size / 1e6, CHECK_LIMIT_MAX_S))
    assert isinstance(result, VectorResult)
    shapes = _shapes(result)
    repairs: dict[int, list[Repair]] = {}
    for repair in result.report.repairs:
        if repair.row is not None:
            repairs.setdefault(repair.row, []).append(repair)
    parcels = tuple(
        (
            row,
            _parcel(
                result.ids[position],
                shapes[position],
                result.crs,
                {key: values[position] for key, values in result.attributes.items()},
                tuple(repairs.get(row, ())),
            ),
        )
        for position, row in enumerate(result.rows)
    )
    return Boundaries(parcels, result.report.rejected, result.report)


def _parcel(
    parcel_id: str, geometry: BaseGeometry, crs: str, values: dict[str, Value], repairs: tuple[Repair, ...]
) -> Parcel:
    def text(key: str) -> str | None:
        value = values.get(key)
        return value if isinstance(value, str) else None

    def day(key: str) -> date | None:
        value = values.get(key)
        return value if isinstance(value, date) else None

    area = values.get("registered_area_m2")
    return Parcel(
        parcel_id,
        geometry,
        crs,
        name=text("name"),
        zone=text("zone"),
        land_use=text("land_use"),
        land_use_system=text("land_use_system"),
        project_type=text("project_type"),
        registered_area_m2=area if isinstance(area, float) else None,
        planned_notice_on=day("planned_notice_on"),
        handover_on=day("handover_on"),
        stage=text("stage"),
        repairs=repairs,
    )


def begin(
    catalogue: Catalogue, jurisdiction: Jurisdiction, parcels_spec: LayerSpec, zone_boxes: Sequence[ZonePlace]
) -> None:
    """Start what reading processes come from, and have it read a small body, so that the first caller's is not slow."""
    zones = _zones(zone_boxes)
    middle = shapely.box(*jurisdiction.box_degrees).centroid
    for crs, zone in zones[:1]:
        middle = lon_lat(zone.representative_point(), crs)
    square = shapely.to_geojson(middle.buffer(REHEARSED_DEGREES, cap_style="square")).encode()
    # Nothing is unpacked: it needs no folder of its own.
    folder = Path(tempfile.gettempdir())
    job = Job(
        Purpose.CHECK,
        parcels_spec,
        catalogue,
        jurisdiction,
        "-",
        None,
        square,
        folder,
        zones=zones,
        only_geojson=True,
    )
    READERS.prepare(pickle.dumps(sent(job, None)[0], protocol=5))
