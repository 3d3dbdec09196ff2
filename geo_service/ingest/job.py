"""What crosses the border between the program and the process that reads outside files."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from shapely.geometry.base import BaseGeometry

from geo_service.model.catalogue import Catalogue, LayerSpec
from geo_service.model.layer import Value
from geo_service.model.report import ImportReport
from geo_service.model.rulebook import Jurisdiction


class Purpose(StrEnum):
    """What a file is read for."""

    LAYER = "layer"
    CHECK = "check"


@dataclass(frozen=True)
class Job:
    """One file or body to read, and everything that is needed to judge it.

    Attributes
    ----------
    folder : Path
        An empty folder of this job; whoever made it removes it, also when the reader was killed.
    zones : tuple of (CRS code, geometry)
        Where the workspace's zones lie, for the distance rule.
    most : int or None
        More rows than that are refused as a whole.
    only_geojson : bool
        For bodies that must be GeoJSON whatever they look like.
    gdal_skip : tuple of (library, drivers) or None
        Drivers that the GDAL of a library must not load; ``None`` when the format needs no GDAL.
    """

    purpose: Purpose
    spec: LayerSpec
    catalogue: Catalogue
    jurisdiction: Jurisdiction
    name: str
    path: Path | None
    data: bytes | None
    folder: Path
    crs: str | None = None
    encoding: str | None = None
    id_field: str | None = None
    layer_name: str | None = None
    extent: Path | None = None
    quarantine: bool = False
    zones: tuple[tuple[str, BaseGeometry], ...] = ()
    anywhere: bool = False
    most: int | None = None
    only_geojson: bool = False
    gdal_skip: tuple[tuple[str, str], ...] | None = None


Given = dict[str, Any]
#: What is the same from job to job, and most of what one takes to send: a process is told it once.
GIVEN = ("spec", "catalogue", "jurisdiction", "zones")
#: A job as it is sent: what it is given, unless the process has that from the job before, and the rest.
Sent = tuple[Given | None, dict[str, Any]]


def sent(job: Job, told: Given | None) -> tuple[Sent, Given]:
    """Return a job as it is sent to a process, and what the process is told then.

    Parameters
    ----------
    told : dict or None
        What it was told before.
    """
    rest = {field.name: getattr(job, field.name) for field in fields(job)}
    given = {name: rest.pop(name) for name in GIVEN}
    return (None if told is not None and _same(given, told) else given, rest), given


def _same(one: Given, other: Given) -> bool:
    places = zip(one["zones"], other["zones"], strict=False)
    return (
        all(one[name] is other[name] for name in ("spec", "catalogue", "jurisdiction"))
        and len(one["zones"]) == len(other["zones"])
        and all(crs == other_crs and shape is other_shape for (crs, shape), (other_crs, other_shape) in places)
    )


@dataclass(frozen=True)
class VectorResult:
    """Features that passed, as plain bytes and values; ``rows`` are their numbers in the file."""

    crs: str
    rows: tuple[int, ...]
    ids: tuple[str, ...]
    wkb: tuple[bytes | None, ...]
    attributes: dict[str, tuple[Value, ...]]
    extent: bytes | None
    sha256: str
    report: ImportReport


@dataclass(frozen=True)
class GridResult:
    """A raster that passed; its values lie in ``file`` (NumPy format) in the job's folder."""

    crs: str
    file: str
    transform: tuple[float, float, float, float, float, float]
    sha256: str
    report: ImportReport
