"""Verdicts as a table with geometry (GeoParquet), the same columns whatever the parcels are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from geo_service.model.rulebook import Rulebook

ROWS_A_GROUP = 4_096
GEOMETRY = "geometry"
#: Lon/lat in this order is what the standard takes where no CRS is named.
_STANDARD = {
    "version": "1.1.0",
    "primary_column": GEOMETRY,
    "columns": {GEOMETRY: {"encoding": "WKB", "geometry_types": []}},
}
_OF_PARCEL: dict[str, pa.DataType] = {
    "parcel_id": pa.string(),
    "name": pa.string(),
    "zone": pa.string(),
    "land_use": pa.string(),
    "as_of": pa.string(),
    "area_m2": pa.float64(),
    "area_mu": pa.float64(),
    "verdict": pa.string(),
    "valid_until": pa.string(),
    "readiness_standard": pa.string(),
    "readiness_met": pa.bool_(),
    "digest": pa.string(),
}
_OF_CODE: dict[str, pa.DataType] = {"outcome": pa.string(), "share": pa.float64(), "valid_to": pa.string()}


def schema(rulebook: Rulebook) -> pa.Schema:
    """Return the flat properties of the package's GeoJSON as columns, for every rule there is, and the geometry."""
    order = rulebook.order
    codes = (*order.core, *order.local, *order.services, order.level)
    of_codes = {f"{code}_{name}": kind for code in codes for name, kind in _OF_CODE.items()}
    fields = list({**_OF_PARCEL, **of_codes, GEOMETRY: pa.binary()}.items())
    return pa.schema(fields, metadata={b"geo": json.dumps(_STANDARD).encode()})


class Table:
    """A GeoParquet file that grows by row groups.

    Parameters
    ----------
    path : Path
        The file to write.
    """

    def __init__(self, path: Path, rulebook: Rulebook) -> None:
        self._schema = schema(rulebook)
        self._file = pq.ParquetWriter(path, self._schema, compression="zstd", write_page_checksum=True)
        self._rows: list[Mapping[str, Any]] = []

    def add(self, properties: Mapping[str, Any], wkb: bytes) -> None:
        """Write one parcel: its flat properties, and its boundary in lon/lat."""
        self._rows.append({**properties, GEOMETRY: wkb})
        if len(self._rows) == ROWS_A_GROUP:
            self._write()

    def close(self) -> None:
        """Write what is left."""
        if self._rows:
            self._write()
        self._file.close()

    def _write(self) -> None:
        self._file.write_table(_table(self._rows, self._schema), row_group_size=ROWS_A_GROUP)
        self._rows.clear()


def _table(rows: Sequence[Mapping[str, Any]], columns: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=columns)
