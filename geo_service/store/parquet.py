"""Features as GeoParquet: WKB geometry, typed columns, no timestamp, and one more key with what the standard lacks.

Columns that hold nothing are left out, so that a field added to a layer's description does not change old editions.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray
from pydantic import TypeAdapter
from pyproj import CRS

from geo_service.errors import WorkspaceError
from geo_service.model.catalogue import FieldType, LayerSpec
from geo_service.model.layer import Features, Origin, Value
from geo_service.model.parcel import Repair
from geo_service.store.digest import canonical, damaged, digest

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

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
#: How values of fixed width enter the hash.
WIDTHS = {pa.float64(): "<f8", pa.int64(): "<i8", pa.date32(): "<i8", pa.bool_(): "u1"}
BATCH_ROWS = 65_536


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
        values = _fixed(column) if column.type in WIDTHS else _lengths(column) + _joined(column)
        parts += [name.encode(), str(column.type).encode(), _nulls(column), values]
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
        content = _opened(path).read()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise damaged(path) from error
    return content


def sha256_of(path: Path) -> str:
    """SHA-256 hex as `sha256` of the whole table, from a file that need not fit into memory.

    Raises
    ------
    WorkspaceError
        When the file is missing, damaged or not one of ours.
    """
    try:
        file = _opened(path)
        schema, rows = file.schema_arrow, file.metadata.num_rows

        def column(name: str, of: Callable[[pa.ChunkedArray], bytes]) -> Iterator[bytes]:
            return (of(pa.chunked_array(part.columns)) for part in file.iter_batches(BATCH_ROWS, columns=[name]))

        sha = hashlib.sha256()
        _add(sha, len(schema.metadata[KEY]), [schema.metadata[KEY]])
        for name, kind in zip(schema.names, schema.types, strict=True):
            for text in (name.encode(), str(kind).encode()):
                _add(sha, len(text), [text])
            _add(sha, rows, column(name, _nulls))
            if kind in WIDTHS:
                _add(sha, rows * np.dtype(WIDTHS[kind]).itemsize, column(name, _fixed))
            else:
                values = sum(int(np.frombuffer(part, "<i8").sum()) for part in column(name, _lengths))
                _add(sha, 8 * rows + values, chain(column(name, _lengths), column(name, _joined)))
        return sha.hexdigest()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise damaged(path) from error


def _add(sha: Hash, length: int, parts: Iterable[bytes]) -> None:
    """Add one part, as `digest` does, that comes in several."""
    sha.update(length.to_bytes(8, "big"))
    for part in parts:
        sha.update(part)


def batches(path: Path, spec: LayerSpec, rows: int) -> Iterator[Features]:
    """Read a file's features so many at a time.

    Raises
    ------
    WorkspaceError
        As `read` and `features`.
    """
    try:
        file = _opened(path)
        for batch in file.iter_batches(rows):
            yield features(pa.Table.from_batches([batch], file.schema_arrow), spec)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise damaged(path) from error


def _opened(path: Path) -> pq.ParquetFile:
    # Read through a buffer: a group of rows may be as large as the file.
    file = pq.ParquetFile(path, page_checksum_verification=True, buffer_size=1 << 20, pre_buffer=False)
    if KEY not in (file.schema_arrow.metadata or {}) or not TYPES.issuperset(file.schema_arrow.types):
        raise damaged(path)
    return file


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
    # Arrow loads pandas to make an array of them.
    geometries[:] = shapely.from_wkb(content.column("geometry").to_pylist())
    return Features(
        spec=spec,
        crs=own["crs"],
        ids=tuple(content.column(ID).to_pylist()),
        geometries=geometries,
        attributes=attributes,
        origin=ORIGIN.validate_python(own["origin"]),
        extent=None if own["extent"] is None else shapely.from_wkb(own["extent"]),
    )


def _wkb(geometries: NDArray[np.object_]) -> NDArray[np.object_]:
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


# What enters the hash is taken from the columns' own memory, see https://arrow.apache.org/docs/format/Columnar.html:
# to make a value of Python of every value takes several times as long as all the rest of opening a workspace.


def _nulls(column: pa.ChunkedArray) -> bytes:
    return b"".join(_missing(chunk).tobytes() for chunk in _chunks(column))


def _lengths(column: pa.ChunkedArray) -> bytes:
    return b"".join(_known(chunk, np.diff(_offsets(chunk))) for chunk in _chunks(column))


def _joined(column: pa.ChunkedArray) -> bytes:
    return b"".join(_values(chunk.drop_null() if chunk.null_count else chunk) for chunk in _chunks(column))


def _fixed(column: pa.ChunkedArray) -> bytes:
    return b"".join(_known(chunk, _numbers(chunk)) for chunk in _chunks(column))


def _chunks(column: pa.ChunkedArray) -> list[pa.Array]:
    return [chunk for chunk in column.chunks if len(chunk)]


def _known(chunk: pa.Array, numbers: NDArray[Any]) -> bytes:
    """Write numbers down, zero for those that are not there."""
    numbers[_missing(chunk)] = 0
    return numbers.tobytes()


def _missing(chunk: pa.Array) -> NDArray[np.bool_]:
    return ~_bits(chunk, chunk.buffers()[0]) if chunk.null_count else np.zeros(len(chunk), dtype=np.bool_)


def _bits(chunk: pa.Array, buffer: pa.Buffer) -> NDArray[np.bool_]:
    end = chunk.offset + len(chunk)
    packed = np.frombuffer(buffer, np.uint8, -(-end // 8))
    return np.unpackbits(packed, count=end, bitorder="little")[chunk.offset :].astype(np.bool_)


def _offsets(chunk: pa.Array) -> NDArray[np.int64]:
    """Return where each text begins in their common memory, and where the last one ends."""
    return np.frombuffer(chunk.buffers()[1], "<i4", len(chunk) + 1, 4 * chunk.offset).astype("<i8")


def _values(chunk: pa.Array) -> memoryview:
    memory = chunk.buffers()[2]
    if not len(chunk) or memory is None:
        return memoryview(b"")
    offsets = _offsets(chunk)
    return memoryview(memory)[offsets[0] : offsets[-1]]


def _numbers(chunk: pa.Array) -> NDArray[Any]:
    memory, dtype = chunk.buffers()[1], WIDTHS[chunk.type]
    if pa.types.is_boolean(chunk.type):
        return _bits(chunk, memory).astype(dtype)
    stored = "<i4" if pa.types.is_date32(chunk.type) else dtype
    return np.frombuffer(memory, stored, len(chunk), np.dtype(stored).itemsize * chunk.offset).astype(dtype)
