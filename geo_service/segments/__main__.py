"""The nearest features from file to file, with nothing loaded that this does not need.

::

    python -m geo_service.segments parcels.parquet water=mains.parquet:5000 road=roads.parquet:2000 -o nearest.parquet
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from geo_service.errors import CrsMismatch, Fault, GeoServiceError, InputError
from geo_service.rings import Shapes, from_wkb
from geo_service.segments.index import Nearest, index


def read(path: Path, id_field: str) -> tuple[pa.Array, Shapes, str | None]:
    """Read ids and shapes from a GeoParquet file, and what its CRS is called.

    Raises
    ------
    InputError
        When it cannot be read, or nothing says which column is the geometry.
    """
    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            described = json.loads(file.schema_arrow.metadata[b"geo"])
            column = described["primary_column"]
            crs = described["columns"][column].get("crs")
            table = file.read(columns=[id_field, column])
    except (OSError, pa.ArrowException, KeyError, TypeError) as error:
        raise InputError(
            Fault("no_geometry_column", "不是可读的 GeoParquet 文件", "no readable GeoParquet file", where=path.name)
        ) from error
    named = crs.get("id") if isinstance(crs, dict) else None
    return (
        table[id_field].combine_chunks(),
        from_wkb(table[column]),
        f"{named['authority']}:{named['code']}" if named else None,
    )


def ranks(ids: pa.Array) -> Any:
    """Return the places of ids in their order, so that the order of rows in a file changes nothing.

    Examples
    --------
    >>> ranks(pa.array(["w2", "w1"])).tolist()
    [1, 0]
    """
    found = np.empty(len(ids), dtype=np.int64)
    found[np.argsort(np.asarray(ids), kind="stable")] = np.arange(len(ids))
    return found


def rows(ids: pa.Array, name: str, features: pa.Array, found: Nearest) -> pa.Table:
    """Return one row a parcel; the feature and its distance are null where none is within the limit."""
    none = found.feature < 0
    return pa.table(
        {
            "id": ids,
            "layer": pa.DictionaryArray.from_arrays(np.zeros(len(ids), dtype=np.int16), [name]),
            "feature": features.take(pa.array(found.feature, mask=none)),
            "distance_m": pa.array(found.distance_m, mask=none),
        }
    )


def main() -> None:
    """Write the nearest feature of every layer to every parcel, parcels in their order, layer after layer."""
    parser = ArgumentParser(prog="python -m geo_service.segments", description=__doc__.splitlines()[0])
    parser.add_argument("parcels", type=Path)
    parser.add_argument("layers", nargs="+", metavar="NAME=FILE:LIMIT_M")
    parser.add_argument("--id-field", default="id")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--threads", type=int)
    asked = parser.parse_args()
    try:
        ids, parcels, crs = read(asked.parcels, asked.id_field)
        tables = []
        for argument in asked.layers:
            name, _, source = argument.partition("=")
            path, _, limit_m = source.rpartition(":")
            features, shapes, other = read(Path(path), asked.id_field)
            if other != crs:
                raise CrsMismatch(f"{path}: {other}; {asked.parcels}: {crs}")
            found = index(shapes, ranks(features)).nearest(parcels, float(limit_m), threads=asked.threads)
            tables.append(rows(ids, name, features, found))
    except GeoServiceError as error:
        sys.exit(str(error))
    pq.write_table(pa.concat_tables(tables).unify_dictionaries(), asked.out, compression="zstd", compression_level=1)


if __name__ == "__main__":
    main()
