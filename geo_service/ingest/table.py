"""Rows as a format delivered them, before anything about them is believed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.errors import Fault
from geo_service.model.parcel import Repair


def said_of_heights(count: int) -> str:
    """Tell how many geometries came with heights or measures."""
    return f"{count}个图形的高程/测量值已忽略 / heights or measures of {count} geometries left out"


def flattened(geometries: object, notes: list[str]) -> NDArray[np.object_]:
    """Leave heights and measures out, and say of how many geometries."""
    shapes = np.asarray(geometries, dtype=object)
    more = shapely.has_z(shapes) | shapely.has_m(shapes)
    if not more.any():
        return shapes
    notes.append(said_of_heights(int(more.sum())))
    return np.asarray(shapely.force_2d(shapes), dtype=object)


@dataclass
class RawTable:
    """Features of one file; columns are as long as ``rows``.

    Attributes
    ----------
    rows : list of int
        1-based numbers of the rows in the file; rows rejected while reading are in ``faults`` only.
    geometries : ndarray of shapely geometries or None
    declared_crs : str or None
        A code or WKT as the file states it.
    read : int
        Rows found in the file, the rejected and the deleted ones included.
    point_names : dict of int to tuple of str
        Names of a row's vertices in the order of its coordinates, where the file has names.
    truncated_names : bool
        Whether the format cuts column names at ten bytes.
    """

    driver: str
    layer: str
    declared_crs: str | None
    crs_how: str
    encoding: str
    encoding_how: str
    rows: list[int]
    geometries: NDArray[np.object_]
    columns: dict[str, list[object]]
    read: int
    deleted: int = 0
    feature_ids: list[object] | None = None
    faults: list[Fault] = field(default_factory=list)
    repairs: list[Repair] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    point_names: dict[int, tuple[str, ...]] = field(default_factory=dict)
    areas_declared_m2: dict[int, float] = field(default_factory=dict)
    areas_agreed: list[int] = field(default_factory=list)
    truncated_names: bool = False


@dataclass
class RawGrid:
    """A raster as it was delivered: values with scale and offset applied lie in ``file``, nodata is NaN."""

    declared_crs: str | None
    crs_how: str
    file: Path
    shape: tuple[int, int]
    transform: tuple[float, float, float, float, float, float]
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
