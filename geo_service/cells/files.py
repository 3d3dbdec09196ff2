"""Parcels and layers in GeoParquet files, read without a geometry object on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from geo_service.errors import CrsMismatch, Fault, InputError
from geo_service.rings import Shapes, from_geoarrow, from_wkb

#: Rows that are measured together: what memory holds of a file of any length.
BATCH = 65_536


def open_file(path: Path) -> tuple[pq.ParquetFile, str, str]:
    """Open a GeoParquet file; returns it, the name of its geometry column and the code of its CRS, which may be empty.

    Raises
    ------
    InputError
        When it cannot be read or says nothing of a geometry.
    """
    try:
        file = pq.ParquetFile(path, memory_map=True)
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            Fault("file_unreadable", "文件不存在或无法读取", "no such file, or it cannot be read", where=path.name)
        ) from error
    described = (file.schema_arrow.metadata or {}).get(b"geo")
    if described is None:
        raise InputError(
            Fault(
                "no_geometry_column",
                "不是 GeoParquet 文件：没有图形列说明",
                "no GeoParquet file: nothing says which column is the geometry",
                next_zh="先用 geo-service import 导入，或另存为 GeoParquet",
                next_en="import it with geo-service import, or save it as GeoParquet",
                where=path.name,
            )
        )
    head = json.loads(described)
    column = head["primary_column"]
    crs = head["columns"][column].get("crs")
    named = crs.get("id") if isinstance(crs, dict) else None
    return file, column, f"{named['authority']}:{named['code']}" if named else ""


def shapes_of(column: Any) -> Shapes:
    """Read a geometry column, WKB or native GeoArrow.

    Examples
    --------
    >>> import shapely
    >>> len(shapes_of(pa.array([shapely.box(0, 0, 1, 1).wkb])))
    1
    """
    return from_geoarrow(column) if pa.types.is_nested(column.type) else from_wkb(column)


def batches(path: Path, id_field: str, crs: str, rows: int = BATCH) -> Iterator[tuple[pa.Array, Shapes]]:
    """Read parcels in batches: their ids and their shapes.

    Raises
    ------
    CrsMismatch
        When they are in another CRS than the one given; nothing is projected in silence.
    """
    file, column, own = open_file(path)
    if own != crs:
        raise CrsMismatch(
            f"{path.name} 的坐标系为 {own or '未注明'}，图层为 {crs or '未注明'}：请先换算 / "
            f"{path.name} is in {own or 'no CRS'}, the layers are in {crs or 'no CRS'}: project one of them first"
        )
    for batch in file.iter_batches(batch_size=rows, columns=[id_field, column], use_threads=True):
        yield batch.column(0), shapes_of(batch.column(1))


def layer(path: Path, class_field: str | None) -> tuple[Shapes, list[str | None], str]:
    """Read a layer: its shapes, the class of each and its CRS."""
    file, column, crs = open_file(path)
    table = file.read(columns=[column, *([class_field] if class_field else [])])
    shapes = shapes_of(table.column(0))
    if class_field is None:
        return shapes, [None] * len(shapes), crs
    return shapes, [None if name is None else str(name) for name in table.column(1).to_pylist()], crs
