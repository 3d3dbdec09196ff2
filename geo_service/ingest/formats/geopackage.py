"""GeoPackage, read from a private copy with Python's own SQLite: tables only, no view, trigger or stored count."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import shapely

from geo_service.errors import Fault
from geo_service.ingest.faults import choose_layer, unreadable
from geo_service.ingest.table import RawTable, flattened

_ENVELOPE_BYTES = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}
_LAYERS = """
    SELECT g.table_name, g.column_name, g.srs_id FROM gpkg_geometry_columns AS g
    JOIN gpkg_contents AS c ON c.table_name = g.table_name AND c.data_type = 'features'
    JOIN sqlite_master AS m ON m.name = g.table_name AND m.type = 'table'
"""


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _wkb(blob: object) -> bytes | None:
    """Return the WKB inside a GeoPackage geometry, ``None`` when it is empty, ``b""`` when it is damaged."""
    if blob is None:
        return None
    if not isinstance(blob, bytes) or len(blob) < 8 or blob[:2] != b"GP" or blob[3] & 0x20:
        return b""
    size = _ENVELOPE_BYTES.get(blob[3] >> 1 & 7)
    return b"" if size is None else blob[8 + size :]


def read(file: Path, name: str, layer_name: str | None) -> RawTable:
    """Read one feature table.

    Raises
    ------
    InputError
        When the database is damaged, holds no feature table, or holds several and none was named.
    """
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            database.execute("PRAGMA trusted_schema=OFF")
            database.execute("PRAGMA cell_size_check=ON")
            if database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise unreadable(name, "GeoPackage 已损坏", "the GeoPackage is damaged")
            layers = {str(row[0]): row for row in database.execute(_LAYERS)}
            layer = choose_layer(name, layers, layer_name)
            return _table(database, layer, str(layers[layer][1]), layers[layer][2], name)
    except (sqlite3.Error, OverflowError, UnicodeDecodeError) as error:
        raise unreadable(
            name, "不是 GeoPackage 或已损坏", "not a GeoPackage, or damaged", value=str(error)[:200]
        ) from error


def _table(database: sqlite3.Connection, layer: str, column: str, srs_id: object, name: str) -> RawTable:
    # Table and column names cannot be bound as parameters; they are quoted, and come from the file's own schema.
    found = database.execute(f"SELECT * FROM {_quoted(layer)}")  # noqa: S608
    names = [str(item[0]) for item in found.description]
    if column not in names:
        raise unreadable(name, "GeoPackage 缺少图形列", "the GeoPackage lacks its geometry column", value=column)
    lines = found.fetchall()
    at = names.index(column)
    key = {str(row[1]) for row in database.execute(f"PRAGMA table_info({_quoted(layer)})") if row[5]}
    blobs = [_wkb(line[at]) for line in lines]
    shapes = shapely.from_wkb(blobs, on_invalid="ignore") if blobs else np.empty(0, dtype=object)
    bad = [position for position, blob in enumerate(blobs) if blob is not None and shapes[position] is None]
    keep = sorted(set(range(len(lines))) - set(bad))
    table = RawTable(
        "GPKG",
        layer,
        _srs(database, srs_id),
        "declared",
        "utf-8",
        "standard",
        [position + 1 for position in keep],
        np.asarray(shapes, dtype=object)[keep],
        {
            text: [lines[position][number] for position in keep]
            for number, text in enumerate(names)
            if number != at and (text not in key or text.lower() not in {"fid", "ogc_fid", "objectid"})
        },
        len(lines),
    )
    table.faults.extend(
        Fault("bad_geometry", "图形无法解析", "the geometry cannot be read", row=position + 1) for position in bad
    )
    table.geometries = flattened(table.geometries, table.notes)
    return table


def _srs(database: sqlite3.Connection, srs_id: object) -> str | None:
    row = database.execute(
        "SELECT organization, organization_coordsys_id, definition FROM gpkg_spatial_ref_sys WHERE srs_id = ?",
        (srs_id,),
    ).fetchone()
    if row is None or srs_id in (0, -1):
        return None
    organization, code, definition = row
    if str(organization).upper() == "EPSG" and isinstance(code, int) and code > 0:
        return f"EPSG:{code}"
    return str(definition)
