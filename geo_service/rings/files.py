"""GeoParquet files read as plain numbers, and columns for tables that come out; for commands that load nothing else.

Columns are made from buffers: `pyarrow.array` looks whether it was given something of pandas, and loads it to find out,
which takes longer than a hundred thousand parcels do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from geo_service.errors import CrsMismatch, Fault, InputError
from geo_service.rings import Flags, Shapes, from_geoarrow, from_wkb

#: Rows that are measured together: what memory holds of a file of any length.
BATCH = 32_768
#: What GeoParquet means by a geometry column that says nothing of a CRS.
LON_LAT = "OGC:CRS84"


def opened(path: Path) -> tuple[pq.ParquetFile, str, str]:
    """Open a GeoParquet file.

    Returns
    -------
    file : ParquetFile
    geometry : str
        Name of the geometry column.
    crs : str
        Code of its CRS, its whole description where it has no code, or nothing where it is said to be unknown.

    Raises
    ------
    InputError
        When it cannot be read or says nothing of a geometry.
    """
    try:
        # What is read ahead would stay in memory until the end of the file.
        file = pq.ParquetFile(path, pre_buffer=False)
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            Fault("file_unreadable", "文件不存在或无法读取", "no such file, or it cannot be read", where=path.name)
        ) from error
    try:
        described = json.loads((file.schema_arrow.metadata or {})[b"geo"])
        geometry = described["primary_column"]
        crs = described["columns"][geometry].get("crs", LON_LAT)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            Fault(
                "no_geometry_column",
                "不是 GeoParquet 文件：没有图形列说明",
                "no GeoParquet file: nothing says which column is the geometry",
                next_zh="先用 geo-service import 导入，或另存为 GeoParquet",
                next_en="import it with geo-service import, or save it as GeoParquet",
                where=path.name,
            )
        ) from error
    return file, geometry, _code(crs)


def _code(crs: Any) -> str:
    if isinstance(crs, dict):
        named = crs.get("id")
        return f"{named['authority']}:{named['code']}" if named else json.dumps(crs, sort_keys=True)
    return str(crs or "")


def shapes_of(column: Any) -> Shapes:
    """Read a geometry column, WKB or native GeoArrow.

    Examples
    --------
    >>> import shapely
    >>> len(shapes_of(pa.array([shapely.box(0, 0, 1, 1).wkb])))
    1
    """
    return from_geoarrow(column) if pa.types.is_nested(column.type) else from_wkb(column)


def read(path: Path, *fields: str) -> tuple[list[pa.Array], Shapes, str]:
    """Read columns, shapes and the CRS of a whole file.

    Raises
    ------
    InputError
        As `opened`, and when a field is not there.
    """
    file, geometry, crs = opened(path)
    with file:
        _require(file, path, fields)
        table = file.read(columns=[*fields, geometry])
    return [table[field].combine_chunks() for field in fields], shapes_of(table[geometry]), crs


def batches(path: Path, id_field: str, crs: str, rows: int = BATCH) -> Iterator[tuple[pa.Array, Shapes]]:
    """Read parcels in batches: their ids and their shapes.

    Raises
    ------
    CrsMismatch
        When they are in another CRS than the one given; nothing is projected in silence.
    InputError
        As `read`.
    """
    file, geometry, own = opened(path)
    with file:
        _require(file, path, (id_field,))
        if own != crs:
            raise CrsMismatch(
                f"{path.name} 的坐标系为 {own or '未注明'}，图层为 {crs or '未注明'}：请先换算 / "
                f"{path.name} is in {own or 'no CRS'}, the layers are in {crs or 'no CRS'}: project one of them first"
            )
        for batch in file.iter_batches(batch_size=rows, columns=[id_field, geometry], use_threads=True):
            yield batch.column(0), shapes_of(batch.column(1))


def layer(path: Path, class_field: str | None) -> tuple[Shapes, list[str | None], str]:
    """Read a layer: its shapes, the class of each and its CRS.

    Raises
    ------
    InputError
        As `read`.
    """
    if class_field is None:
        _, shapes, crs = read(path)
        return shapes, [None] * len(shapes), crs
    (classes,), shapes, crs = read(path, class_field)
    return shapes, [None if name is None else str(name) for name in classes.to_pylist()], crs


def _require(file: pq.ParquetFile, path: Path, fields: Sequence[str]) -> None:
    there = file.schema_arrow.names
    for field in fields:
        if field not in there:
            raise InputError(
                Fault(
                    "field_missing",
                    f"没有字段 {field}；有：{'、'.join(there)}",
                    f"no field {field}; there are: {', '.join(there)}",
                    next_zh="用参数写明字段名",
                    next_en="name the field by its option",
                    where=path.name,
                )
            )


def numbers(values: NDArray[Any], missing: Flags | None = None) -> pa.Array:
    """Return numbers as a column; those said to be missing are null.

    Examples
    --------
    >>> numbers(np.array([1.5, 2.5]), np.array([False, True])).to_pylist()
    [1.5, None]
    """
    there = None if missing is None else pa.py_buffer(np.packbits(~missing, bitorder="little"))
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), [there, pa.py_buffer(np.ascontiguousarray(values))])


def texts(values: Sequence[str]) -> pa.Array:
    """Return texts as a column.

    Examples
    --------
    >>> texts(["a", "", "宗地"]).to_pylist()
    ['a', '', '宗地']
    """
    coded = [value.encode() for value in values]
    starts = np.cumsum([0, *map(len, coded)]).astype(np.int32)
    return pa.StringArray.from_buffers(len(coded), pa.py_buffer(starts), pa.py_buffer(b"".join(coded)))
