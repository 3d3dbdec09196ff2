"""DuckDB with its spatial extension, whose join builds an R-tree of one side as it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import duckdb
import duckdb_extension_spatial

from benchmarks import pieces, resident, workload

SUMS = """
    SELECT p.id, s.code, sum(
        CASE WHEN ST_CoveredBy(p.geometry, s.geometry) THEN ST_Area(p.geometry)
        ELSE ST_Area(ST_Intersection(p.geometry, s.geometry)) END) AS area_m2
    FROM {parcels} p JOIN {pieces} s ON ST_Intersects(p.geometry, s.geometry)
    GROUP BY p.id, s.code
"""
NAMED = """
    SELECT found.id, names.layer, names.cls AS class, found.area_m2
    FROM {found} found JOIN (SELECT DISTINCT code, layer, cls FROM {pieces}) names USING (code)
    WHERE found.area_m2 > 0
"""


def connect() -> Any:
    """Return a connection with the extension of the pinned package; nothing is fetched."""
    (extension,) = Path(duckdb_extension_spatial.__file__).parent.rglob("spatial.duckdb_extension")
    connection = duckdb.connect(config={"threads": pieces.THREADS, "preserve_insertion_order": False})
    connection.load_extension(str(extension))
    return connection


def main() -> None:
    """Run one measure."""
    measure, folder, count, out = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    connection = connect()
    sources = {"parcels": workload.parcels_file(folder, count), "pieces": pieces.file_of(folder)}
    if measure == "total":
        read = {name: f"'{file}'" for name, file in sources.items()}
        query = NAMED.format(found=f"({SUMS.format(**read)})", **read)
        connection.execute(f"COPY ({query}) TO '{out}' (FORMAT parquet, COMPRESSION zstd)")
    else:
        for name, file in sources.items():
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM '{file}'")
        work = f"CREATE OR REPLACE TABLE found AS {SUMS.format(parcels='parcels', pieces='pieces')}"
        named = NAMED.format(found="found", pieces="pieces")
        resident.answer(lambda: connection.execute(work), lambda _: connection.execute(named).to_arrow_table())


if __name__ == "__main__":
    main()
