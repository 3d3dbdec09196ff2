"""Parcels that are only looked at: what came out of a file or a body of them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo_service.errors import Fault, InputError
from geo_service.ingest.job import Job, Purpose, VectorResult
from geo_service.model.catalogue import Catalogue, LayerSpec
from geo_service.model.layer import Value
from geo_service.model.parcel import Parcel, Repair
from geo_service.model.report import ImportReport
from geo_service.model.rulebook import Jurisdiction

#: What a body is called where a file has a name.
BODY = "body"


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


def body_job(
    body: bytes,
    catalogue: Catalogue,
    jurisdiction: Jurisdiction,
    parcels_spec: LayerSpec,
    *,
    crs: str | None = None,
    name: str = BODY,
    zones: Sequence[tuple[str, BaseGeometry]] = (),
    most: int | None = None,
) -> Job:
    """Return how a body is read that must be GeoJSON, whatever it looks like.

    Parameters
    ----------
    zones : sequence of (CRS, geometry)
        Where the zones lie; parcels far from all of them are remarked upon.
    most : int, optional
        How many boundaries there may be.
    """
    # Nothing is unpacked of a body: it needs no folder of its own.
    folder = Path(tempfile.gettempdir())
    return Job(
        Purpose.CHECK,
        parcels_spec,
        catalogue,
        jurisdiction,
        name,
        None,
        body,
        folder,
        crs,
        zones=tuple(zones),
        most=most,
        only_geojson=True,
    )


def boundaries_of(result: VectorResult) -> Boundaries:
    """Return the parcels of what was read.

    Raises
    ------
    InputError
        When it contradicts itself.
    """
    shapes = shapes_of(result)
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


def shapes_of(result: VectorResult) -> NDArray[np.object_]:
    """Take over geometries from the reading process, believing nothing.

    Raises
    ------
    InputError
        When what was read contradicts itself.
    """
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
