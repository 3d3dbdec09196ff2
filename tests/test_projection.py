"""Change of CRS: edges stay where they were delivered, areas are plane areas, and the difference is known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import example, given
from hypothesis import strategies as st
from pyproj import Geod, Transformer

from geo_service.errors import CrsMismatch
from geo_service.projection import LON_LAT, ellipsoidal_area_m2, lon_lat, project, working_crs
from tests.world import rulebook

WORKING = "EPSG:4547"


@pytest.mark.parametrize(
    ("lon", "expected"),
    [(113.05, "EPSG:4547"), (112.5, "EPSG:4547"), (112.499, "EPSG:4546"), (111.4, "EPSG:4546"), (114.0, "EPSG:4547")],
)
def test_the_working_crs_follows_the_longitude(lon: float, expected: str) -> None:
    assert working_crs(rulebook().jurisdiction, lon) == expected


def test_the_zone_prefix_is_an_exact_shift() -> None:
    prefixed = shapely.box(38414300.123, 4013200.0, 38414760.123, 4013646.884)
    plain = project(prefixed, "EPSG:4526", WORKING)
    assert plain.equals_exact(shapely.box(414300.123, 4013200.0, 414760.123, 4013646.884), 1e-8)


@given(st.floats(112.6, 115.4), st.floats(35.0, 38.0), st.floats(0.002, 0.2), st.floats(0.002, 0.2))
def test_an_edge_that_is_straight_in_degrees_stays_where_it_was(lon, lat, width, height) -> None:
    delivered = shapely.Polygon([(lon, lat), (lon + width, lat + height / 3), (lon + width / 2, lat + height)])
    ours = project(delivered, LON_LAT, WORKING)
    change = Transformer.from_crs("EPSG:4490", WORKING, always_xy=True)
    fine = shapely.segmentize(delivered, width / 600)
    truth = shapely.transform(fine, lambda points: np.column_stack(change.transform(points[:, 0], points[:, 1])))
    on_curve = shapely.points(shapely.get_coordinates(truth)[::97])
    assert shapely.distance(on_curve, ours.exterior).max() <= 1e-3
    assert ours.area == pytest.approx(truth.area, abs=2e-5 * truth.length)


#: Anywhere in the country, each place in the working CRS of its longitude.
LONS, LATS = st.floats(73.6, 134.9), st.floats(4.0, 53.4)
METRES_A_DEGREE = 111_700.0


@given(LONS, LATS, st.floats(1e-5, 0.2), st.floats(1e-5, 0.2))
def test_there_and_back_again_is_the_same_place_to_the_millimetre(lon, lat, width, height) -> None:
    delivered = shapely.Polygon([(lon, lat), (lon + width, lat), (lon + width, lat + height), (lon, lat + height / 2)])
    working = working_crs(rulebook().jurisdiction, lon)
    there = project(delivered, "EPSG:4490", working)
    back = project(there, working, "EPSG:4490")
    assert shapely.hausdorff_distance(back.exterior, delivered.exterior) * METRES_A_DEGREE <= 1e-3
    corners = shapely.points(shapely.get_coordinates(delivered))
    assert shapely.distance(corners, shapely.MultiPoint(shapely.get_coordinates(back))).max() * METRES_A_DEGREE <= 1e-3
    again = project(back, "EPSG:4490", working)
    assert shapely.hausdorff_distance(again.exterior, there.exterior) <= 1e-3


@given(LONS, LATS, st.floats(0.0, 360.0), st.floats(20.0, 160.0), st.floats(50.0, 5_000.0))
@example(113.05, 36.25, 0.0, 90.0, 5_000.0)
@example(113.05, 36.25, 90.0, 90.0, 5_000.0)
def test_an_edge_of_five_kilometres_in_degrees_has_the_area_of_two_hundred_steps(lon, lat, way, turn, depth) -> None:
    east, north = METRES_A_DEGREE * np.cos(np.radians(lat)), METRES_A_DEGREE
    ways = np.radians([way, way + turn])
    along, aside = np.array([5_000.0, depth])[:, None] * np.column_stack([np.cos(ways) / east, np.sin(ways) / north])
    corners = np.array([lon, lat]) + np.array([along * 0, along, along + aside, aside, along * 0])
    working = working_crs(rulebook().jurisdiction, lon)
    change = Transformer.from_crs("EPSG:4490", working, always_xy=True)

    def stepped(steps: int) -> float:
        share = np.arange(steps)[:, None] / steps
        points = np.concatenate([a + (b - a) * share for a, b in pairwise(corners)])
        return float(shapely.Polygon(np.column_stack(change.transform(*points.T))).area)

    ours = project(shapely.Polygon(corners), "EPSG:4490", working).area
    assert ours == pytest.approx(stepped(200), rel=0, abs=0.01)
    if (way, depth) == (0.0, 5_000.0):
        assert abs(stepped(1) - stepped(200)) > 0.5, "straight in the plane it would be another area"


def test_ellipsoidal_area_agrees_with_geodesics() -> None:
    square = shapely.box(414300.0, 4013200.0, 414760.0, 4013646.884)
    degrees = lon_lat(shapely.segmentize(square, 20.0), WORKING)
    area, _ = Geod(ellps="GRS80").geometry_area_perimeter(shapely.orient_polygons(degrees, exterior_cw=False))
    assert ellipsoidal_area_m2(square, WORKING) == pytest.approx(area, rel=1e-8)


@pytest.mark.parametrize("lon", [114.0, 114.5, 115.0, 115.5])
def test_plane_area_exceeds_the_ellipsoidal_one_with_the_square_of_the_distance_from_the_meridian(lon: float) -> None:
    box = project(shapely.box(lon - 0.005, 36.0, lon + 0.005, 36.01), LON_LAT, WORKING)
    excess = box.area / ellipsoidal_area_m2(box, WORKING) - 1.0
    # Scale of a transverse Mercator projection: 1 + (Δλ cos φ)² / 2, hence twice that for areas.
    expected = (np.radians(lon - 114.0) * np.cos(np.radians(36.005))) ** 2
    assert excess == pytest.approx(expected, rel=0.01, abs=1e-7)


def test_what_has_no_place_is_refused() -> None:
    with pytest.raises(CrsMismatch, match="no place"):
        project(shapely.Point(114.0, 95.0), LON_LAT, WORKING)
