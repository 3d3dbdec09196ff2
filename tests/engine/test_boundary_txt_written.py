"""The coordinate TXT of a package, read again by the intake."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely

from geo_service import ingest
from geo_service.export.boundary_txt import boundary_points
from geo_service.model.parcel import Parcel
from tests.world import at, catalogue, ready_world, rulebook

HOLED = shapely.box(100, 100, 200, 200).difference(shapely.box(120.1234567, 120, 150.7654321, 150))
SECOND = shapely.box(210.0004999, 100.0004, 300.00051, 300.4567)


def written_and_read(**changes: Any) -> tuple[bytes, Parcel]:
    txt = rulebook().jurisdiction.boundary_txt
    assert txt is not None
    written = boundary_points(ready_world().with_parcel(**changes).verdict(), txt)
    read = ingest.read_boundaries(
        written,
        "p.txt",
        catalogue(),
        rulebook().jurisdiction,
        parcels_spec=catalogue().layers["parcels"],
        crs=None,
        encoding=None,
        zone_boxes=[],
    )
    ((_, parcel),) = read.parcels
    return written, parcel


def test_parts_and_holes_come_back_with_the_area_of_the_head_line() -> None:
    geometry = at(shapely.MultiPolygon([HOLED, SECOND]))
    written, parcel = written_and_read(geometry=geometry)
    lines = written.decode("gbk").split("\r\n")
    assert parcel.crs == "EPSG:4526"
    assert parcel.repairs == ()
    rounded = shapely.transform(geometry, lambda points: np.round(points, 3))
    assert parcel.geometry.area == pytest.approx(rounded.area, abs=1e-3)
    head = next(line for line in lines if line.endswith("@")).split(",")
    assert float(head[1]) == pytest.approx(parcel.geometry.area / 10000, abs=0.000051)
    assert int(head[0]) == sum(line.startswith("J") for line in lines) == 15


@pytest.mark.parametrize(
    ("name", "again"),
    [
        *(
            (name, name)
            for name in ("=1+1", "+1", "-1", "@", "@SUM(A1)", "'=1", "1e5", "007", "示例𠮷地块", "[地块坐标]")
        ),
        # The format has no way to write these; they must not break the line.
        ("东片,一期", "东片、一期"),
        ("东片，一期", "东片、一期"),
        *((f"东片{end}一期", "东片 一期") for end in ("\n", "\r\n", "\x0b", "\x85", "\u2028")),
    ],
)
def test_names_come_back_whatever_they_begin_with_and_break_no_line(name: str, again: str) -> None:
    _, parcel = written_and_read(name=name)
    assert (parcel.id, parcel.name) == ("P", again)
