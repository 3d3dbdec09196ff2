"""SedonaDB, whose spatial join builds an R-tree of one side as it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import sedonadb

from benchmarks import pieces, resident, workload

SUMS = """
    SELECT p.id, s.code, sum(
        CASE WHEN ST_CoveredBy(p.geometry, s.geometry) THEN ST_Area(p.geometry)
        ELSE ST_Area(ST_Intersection(p.geometry, s.geometry)) END) AS area_m2
    FROM parcels p JOIN pieces s ON ST_Intersects(p.geometry, s.geometry)
    GROUP BY p.id, s.code
"""
NAMED = """
    SELECT found.id, names.layer, names.cls AS class, found.area_m2
    FROM found JOIN (SELECT DISTINCT code, layer, cls FROM pieces) names ON found.code = names.code
    WHERE found.area_m2 > 0
"""


def main() -> None:
    """Run one measure."""
    measure, folder, count, out = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    connection = sedonadb.connect()
    connection.sql(f"SET datafusion.execution.target_partitions = {pieces.THREADS}").execute()
    for name, file in (("parcels", workload.parcels_file(folder, count)), ("pieces", pieces.file_of(folder))):
        read = connection.read_parquet(file)
        (read if measure == "total" else read.to_memtable()).to_view(name)
    if measure == "total":
        connection.sql(SUMS).to_view("found")
        connection.sql(NAMED).to_parquet(out)
    else:

        def named(found: Any) -> pa.Table:
            connection.create_data_frame(found).to_view("found", overwrite=True)
            return connection.sql(NAMED).to_arrow_table()

        resident.answer(lambda: connection.sql(SUMS).to_arrow_table(), named)


if __name__ == "__main__":
    main()
