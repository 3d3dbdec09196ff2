"""Features as GeoParquet: WKB geometry, typed columns, no timestamp, and one more key with what the standard lacks.

Columns that hold nothing are left out, so that a field added to a layer's description does not change old editions.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely
from pydantic import TypeAdapter
from pyproj import CRS

from geo_service.errors import WorkspaceError
from geo_service.model.catalogue import FieldType, LayerSpec
from geo_service.model.layer import Features, Origin, Value
from geo_service.model.parcel import Repair
from geo_service.store.digest import canonical, damaged, digest

KEY = b"geo_service"
ID = "id"
ORIGIN = TypeAdapter(Origin)
REPAIRS = TypeAdapter(list[Repair])
ARROW: dict[FieldType, pa.DataType] = {
    FieldType.TEXT: pa.string(),
    FieldType.NUMBER: pa.float64(),
    FieldType.INTEGER: pa.int64(),
    FieldType.BOOLEAN: pa.bool_(),
    FieldType.DATE: pa.date32(),
}
TYPES = {*ARROW.values(), pa.binary()}


def table(features: Features, repairs: Sequence[Repair] = ()) -> pa.Table:
    """Lay features out as an Arrow table with all metadata.

    Repairs that changed an outline are part of the content, because a verdict depends on them.
    """
    mended = [repair for repair in repairs if repair.geometry_changed]
    if not {repair.id for repair in mended} <= set(features.ids):
        raise ValueError("a repair that changed an outline names no feature")
    columns = {
        ID: pa.array(features.ids, pa.string()),
        "geometry": pa.array(_wkb(features.geometries), pa.binary()),
    }
    for field in sorted(features.spec.fields, key=lambda field: field.name):
        if field.name == ID:
            continue
        values: Sequence[Value] = features.attributes.get(field.name, ())
        if any(value is not None for value in values):
            columns[field.name] = pa.array(values, ARROW[field.type])
    extent = None if features.extent is None else shapely.to_wkb(features.extent, hex=True, flavor="iso")
    own = {
        "layer": features.spec.id,
        "crs": features.crs,
        "origin": ORIGIN.dump_python(features.origin, mode="json"),
        "extent": extent,
        "repairs": REPAIRS.dump_python(mended, mode="json"),
    }
    return pa.table(columns).replace_schema_metadata({b"geo": canonical(_standard(features)), KEY: canonical(own)})


def sha256(content: pa.Table) -> str:
    """SHA-256 hex over the values and our own metadata, whatever library version wrote the file."""
    parts = [content.schema.metadata[KEY]]
    for name in content.column_names:
        column = content.column(name)
        parts += [name.encode(), str(column.type).encode(), pc.is_null(column).to_numpy().tobytes(), _bytes(column)]
    return digest(parts)


def write(content: pa.Table, path: Path) -> None:
    """Write a table; the same table gives the same bytes within one version of Arrow."""
    pq.write_table(content, path, compression="zstd", write_page_checksum=True)


def read(path: Path) -> pa.Table:
    """Read a table back.

    Raises
    ------
    WorkspaceError
        When the file is missing, damaged or not one of ours.
    """
    try:
        content = pq.ParquetFile(path, page_checksum_verification=True).read()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise damaged(path) from error
    if KEY not in (content.schema.metadata or {}) or not TYPES.issuperset(content.schema.types):
        raise damaged(path)
    return content


def features(content: pa.Table, spec: LayerSpec) -> Features:
    """Turn a table back into features of a layer.

    Raises
    ------
    WorkspaceError
        When the layer's description has given a stored field another type since.
    """
    own = json.loads(content.schema.metadata[KEY])
    attributes: dict[str, tuple[Value, ...]] = {}
    for field in spec.fields:
        if field.name not in content.column_names:
            attributes[field.name] = (None,) * content.num_rows
            continue
        column = content.column(field.name)
        if column.type != ARROW[field.type]:
            raise WorkspaceError(
                f"图层 {spec.id} 字段 {field.name} 的类型已改为 {field.type}，请重新导入 / "
                f"field {field.name} of layer {spec.id} is now of type {field.type}; import the layer again"
            )
        attributes[field.name] = tuple(column.to_pylist())
    geometries = np.empty(content.num_rows, dtype=object)
    geometries[:] = shapely.from_wkb(content.column("geometry").to_numpy())
    return Features(
        spec=spec,
        crs=own["crs"],
        ids=tuple(content.column(ID).to_pylist()),
        geometries=geometries,
        attributes=attributes,
        origin=ORIGIN.validate_python(own["origin"]),
        extent=None if own["extent"] is None else shapely.from_wkb(own["extent"]),
    )


def _wkb(geometries: np.typing.NDArray[np.object_]) -> np.typing.NDArray[np.object_]:
    return np.asarray(shapely.to_wkb(geometries, byte_order=1, flavor="iso"), dtype=object)


def _standard(features: Features) -> dict[str, object]:
    present = features.geometries[~shapely.is_missing(features.geometries)]
    column: dict[str, object] = {
        "encoding": "WKB",
        "geometry_types": sorted({geometry.geom_type for geometry in present}),
        "crs": CRS.from_user_input(features.crs).to_json_dict(),
    }
    if len(present):
        column["bbox"] = shapely.total_bounds(present).tolist()
    return {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}


def _bytes(column: pa.ChunkedArray) -> bytes:
    if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
        values = [value or b"" for value in column.cast(pa.binary()).to_pylist()]
        lengths = np.array([len(value) for value in values], dtype="<i8")
        return lengths.tobytes() + b"".join(values)
    if pa.types.is_date32(column.type):
        column = column.cast(pa.int32())
    dtype = {pa.float64(): "<f8", pa.int64(): "<i8", pa.int32(): "<i8", pa.bool_(): "u1"}[column.type]
    zero = False if pa.types.is_boolean(column.type) else 0
    return bytes(pc.fill_null(column, zero).to_numpy().astype(dtype).tobytes())
