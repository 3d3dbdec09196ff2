"""PostGIS on the divided layers, through its socket; where it is, the environment says (``PGHOST`` and so on)."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import pieces, resident, server, workload

SUMS = """
    CREATE UNLOGGED TABLE found AS
    SELECT p.number, s.code, sum(
        CASE WHEN ST_CoveredBy(p.geometry, s.geometry) THEN p.area
        ELSE ST_Area(ST_Intersection(p.geometry, s.geometry)) END) AS area_m2
    FROM parcels p JOIN pieces s ON ST_Intersects(p.geometry, s.geometry)
    GROUP BY p.number, s.code
"""
NAMED = """
    SELECT p.id, names.layer, names.cls, found.area_m2
    FROM found JOIN parcels p USING (number) JOIN names USING (code)
    WHERE found.area_m2 > 0
"""
ONE = f"""
    WITH p AS MATERIALIZED (SELECT ST_GeomFromWKB(%b, {server.SRID}) AS geometry)
    SELECT s.code, sum(
        CASE WHEN ST_CoveredBy(p.geometry, s.geometry) THEN ST_Area(p.geometry)
        ELSE ST_Area(ST_Intersection(p.geometry, s.geometry)) END) AS area_m2
    FROM p JOIN pieces s ON ST_Intersects(p.geometry, s.geometry)
    GROUP BY s.code
"""
#: So many single parcels are asked in a round.
ASKED = 500


def singles(folder: Path, count: int) -> list[bytes]:
    """Return the parcels that are asked one by one."""
    table = pq.read_table(workload.parcels_file(folder, count), columns=["geometry"])
    step = max(len(table) // ASKED, 1)
    return table["geometry"].to_pylist()[::step][:ASKED]


def _divide(layer: str) -> None:
    with psycopg.connect(autocommit=True) as connection:
        connection.execute(f"DROP TABLE IF EXISTS divided_{layer}")
        connection.execute(
            f"CREATE UNLOGGED TABLE divided_{layer} AS"
            f" SELECT id, cls, ST_Subdivide(geometry, 128) AS geometry FROM layer_{layer}"
        )
        connection.execute(f"CREATE INDEX ON divided_{layer} USING gist (geometry)")


def _named() -> pa.Table:
    with psycopg.connect() as connection:
        rows: Iterator[tuple[str, str, str, float]] = connection.execute(NAMED)
        columns = [list(column) for column in zip(*rows, strict=True)]
    return pa.table(columns, schema=resident.RESULT)


def main() -> None:
    """Run one measure."""
    measure, folder, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    connection = psycopg.connect(autocommit=True)

    def overlay() -> None:
        connection.execute("DROP TABLE IF EXISTS found")
        connection.execute(SUMS)

    def divide() -> None:
        # The largest first, so that both cores end together.
        with ThreadPoolExecutor(pieces.THREADS) as pool:
            list(
                pool.map(
                    _divide, ("flood", "farmland", "geohazard", "zone", "soilwater", "scope", "heritage", "mineral")
                )
            )

    if measure == "total":
        overlay()
    elif measure == "resident":
        resident.answer(overlay, lambda _: _named())
    elif measure == "fetch":
        resident.answer(lambda: None, lambda _: _named())
    elif measure == "prepare":
        resident.answer(divide, lambda _: pa.table({}))
    else:
        asked = singles(folder, count)
        cursor = connection.cursor(binary=True)

        def one_by_one() -> list[float]:
            seconds = []
            for wkb in asked:
                began = time.perf_counter()
                cursor.execute(ONE, (wkb,), prepare=True).fetchall()
                seconds.append(time.perf_counter() - began)
            return seconds

        resident.answer(one_by_one, lambda seconds: pa.table({"seconds": seconds}))


if __name__ == "__main__":
    main()
