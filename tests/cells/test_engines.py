"""The same answers from other engines: GEOS through the coverage of the records, and PostGIS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import shapely
from shapely.geometry.base import BaseGeometry

from geo_service.cells import areas
from geo_service.overlay import NoiseRule, coverage
from tests.cells.asking import layer_of, measured, shapes, tables
from tests.cells.families import FAMILIES, ORIGIN, Case, cases, star
from tests.cells.postgis import cluster

RULE = NoiseRule(0.1, 0.05, 1.0, hard=False, sensitivity=2.0)
OUTSIDE = "in no class"
# GEOS on coordinates of seven digits; and every piece that it finds below 1e-6 m² is left out of a coverage.
GEOS_M2 = 1e-5


@pytest.mark.parametrize("family", FAMILIES)
def test_areas_are_those_of_the_records(family):
    for seed in range(8):
        case = cases(family, seed)
        extent = None if case.surveyed is None else shapely.union_all(list(case.surveyed))
        names = [cls or OUTSIDE for cls in case.classes]
        for parcel, table in zip(case.parcels, measured(case), strict=True):
            found = coverage(
                parcel,
                np.array(case.features, dtype=object),
                [str(index) for index in range(len(names))],
                range(len(names)),
                names,
                set(names),
                extent,
                RULE,
            )
            known = table.get("known", 0.0) if extent is not None else table["parcel"]

            assert table["parcel"] == pytest.approx(found.area_m2, abs=GEOS_M2)
            assert table.get("*", 0.0) == pytest.approx(found.covered_m2, abs=GEOS_M2)
            assert table["parcel"] - known == pytest.approx(found.unsurveyed_m2, abs=GEOS_M2)
            assert known - table.get("*", 0.0) == pytest.approx(found.uncovered_m2, abs=GEOS_M2)
            for name in {cls for cls in case.classes if cls is not None}:
                own = found.of(name)
                assert table.get(name, 0.0) == pytest.approx(0.0 if own is None else own.area_m2, abs=GEOS_M2)


def town(count: int) -> tuple[list[BaseGeometry], Case]:
    """Parcels, and a layer of overlapping features in three classes that was surveyed in part."""
    rng = np.random.default_rng(20)
    parcels = [
        star(rng, ORIGIN + rng.uniform(-1500, 1500, 2), rng.uniform(10, 60), int(rng.integers(4, 20)), holes=0.05)
        for _ in range(count)
    ]
    features = [star(rng, ORIGIN + rng.uniform(-1500, 1500, 2), rng.uniform(50, 500), 40, holes=0.3) for _ in range(80)]
    extents = [star(rng, ORIGIN + rng.uniform(-900, 900, 2), 900.0, 60) for _ in range(2)]
    classes = [["a", "b", "c", None][index % 4] for index in range(len(features))]
    return [parcel for parcel in parcels if parcel.is_valid], Case([], features, classes, extents, cell_m=256.0)


@pytest.fixture(scope="module")
def postgis() -> Iterator[str]:
    with cluster() as words:
        yield words


QUERY = """
WITH shared AS (
    SELECT p.id, f.cls, ST_Intersection(p.geom, f.geom) AS geom
    FROM parcels p JOIN features f ON ST_Intersects(p.geom, f.geom)
)
SELECT id, cls, ST_Area(ST_Union(geom)) FROM shared WHERE cls IN ('a', 'b', 'c') GROUP BY id, cls
UNION ALL SELECT id, '*', ST_Area(ST_Union(geom)) FROM shared WHERE cls <> 'extent' GROUP BY id
UNION ALL SELECT id, 'known', ST_Area(ST_Union(geom)) FROM shared GROUP BY id
UNION ALL SELECT id, 'parcel', ST_Area(geom) FROM parcels
"""


def load(words: str, table: str, rows: Sequence[tuple[int, str, BaseGeometry]]) -> None:
    import psycopg

    with psycopg.connect(words) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {table} (id int, cls text, geom geometry)")
        with cursor.copy(f"COPY {table} FROM STDIN") as copy:
            for row, cls, geometry in rows:
                copy.write_row((row, cls, shapely.to_wkb(geometry, hex=True)))
        cursor.execute(f"CREATE INDEX ON {table} USING gist (geom)")


@pytest.mark.postgis
def test_thousands_of_parcels_have_the_rows_and_the_areas_that_postgis_gives_them(postgis):
    import psycopg

    parcels, case = town(3_000)
    load(postgis, "parcels", [(row, "", parcel) for row, parcel in enumerate(parcels)])
    extents = [(-1, "extent", extent) for extent in case.surveyed or ()]
    load(postgis, "features", [
        *[(row, cls or OUTSIDE, f) for row, (cls, f) in enumerate(zip(case.classes, case.features, strict=True))],
        *extents,
    ])  # fmt: skip
    with psycopg.connect(postgis) as connection:
        theirs = {(row, name): area_m2 for row, name, area_m2 in connection.execute(QUERY) if area_m2 > 1e-6}
    layer = layer_of(case)
    found = tables(areas(shapes(parcels), [layer]), layer)
    ours = {(row, name): area_m2 for row, table in enumerate(found) for name, area_m2 in table.items()}

    assert ours.keys() == theirs.keys()
    assert len(ours) > 10_000
    assert [key for key in ours if abs(ours[key] - theirs[key]) > max(1e-6, 1e-9 * theirs[key])] == []
