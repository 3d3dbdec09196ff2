"""The nearest features from file to file, with nothing loaded that this does not need.

::

    python -m geo_service.segments parcels.parquet water=mains.parquet:5000 road=roads.parquet:2000 -o nearest.parquet
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from geo_service.errors import CrsMismatch, GeoServiceError
from geo_service.rings import files
from geo_service.segments.index import Nearest, index


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
            "layer": pa.DictionaryArray.from_arrays(
                files.numbers(np.zeros(len(ids), dtype=np.int16)), files.texts([name])
            ),
            "feature": features.take(files.numbers(found.feature, none)),
            "distance_m": files.numbers(found.distance_m, none),
        }
    )


def main() -> int:
    """Write the nearest feature of every layer to every parcel, parcels in their order, layer after layer."""
    parser = ArgumentParser(prog="python -m geo_service.segments", description=__doc__.splitlines()[0])
    parser.add_argument("parcels", type=Path)
    parser.add_argument("layers", nargs="+", metavar="NAME=FILE:LIMIT_M")
    parser.add_argument("--id-field", default="id")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--threads", type=int)
    asked = parser.parse_args()
    try:
        (ids,), parcels, crs = files.read(asked.parcels, asked.id_field)
        tables = []
        for argument in asked.layers:
            name, _, source = argument.partition("=")
            path, _, limit_m = source.rpartition(":")
            (features,), shapes, other = files.read(Path(path), asked.id_field)
            if other != crs:
                raise CrsMismatch(f"{path}: {other}; {asked.parcels}: {crs}")
            found = index(shapes, ranks(features)).nearest(parcels, float(limit_m), threads=asked.threads)
            tables.append(rows(ids, name, features, found))
    except GeoServiceError as error:
        print(error, file=sys.stderr)
        return 2
    pq.write_table(pa.concat_tables(tables).unify_dictionaries(), asked.out, compression="zstd", compression_level=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
