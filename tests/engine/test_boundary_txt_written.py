"""The coordinate TXT of a package, read again by the intake."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from geo_service import ingest
from geo_service.export.boundary_txt import boundary_points
from tests.world import at, catalogue, ready_world, rulebook

HOLED = shapely.box(100, 100, 200, 200).difference(shapely.box(120.1234567, 120, 150.7654321, 150))
SECOND = shapely.box(210.0004999, 100.0004, 300.00051, 300.4567)


def test_parts_and_holes_come_back_with_the_area_of_the_head_line() -> None:
    geometry = at(shapely.MultiPolygon([HOLED, SECOND]))
    verdict = ready_world().with_parcel(geometry=geometry).verdict()
    txt = rulebook().jurisdiction.boundary_txt
    assert txt is not None
    written = boundary_points(verdict, txt)
    lines = written.decode("gbk").split("\r\n")
    spec = catalogue().layers["parcels"]
    read = ingest.read_boundaries(
        written,
        "p.txt",
        catalogue(),
        rulebook().jurisdiction,
        parcels_spec=spec,
        crs=None,
        encoding=None,
        zone_boxes=[],
    )
    ((_, parcel),) = read.parcels
    assert parcel.crs == "EPSG:4526"
    assert parcel.repairs == ()
    rounded = shapely.transform(geometry, lambda points: np.round(points, 3))
    assert parcel.geometry.area == pytest.approx(rounded.area, abs=1e-3)
    head = next(line for line in lines if line.endswith("@")).split(",")
    assert float(head[1]) == pytest.approx(parcel.geometry.area / 10000, abs=0.000051)
    assert int(head[0]) == sum(line.startswith("J") for line in lines) == 15
