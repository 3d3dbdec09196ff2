"""Tiles show what the layer holds: nothing is lost between neighbours, and what is too much is counted."""

from __future__ import annotations

import json
import subprocess

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from geo_service.model.catalogue import GeometryKind, LayerSpec
from geo_service.model.layer import Features, Origin
from geo_service.model.text import Text
from geo_service.projection import LON_LAT, on_square
from geo_service.tiles import Square, cut, laid
from tests.tiles.decoding import EXTENT, decoded

ZOOM = 14
#: A corner where four tiles of this zoom meet.
COLUMN, ROW = 13_340, 6_400
PIXEL = EXTENT / 256


def degrees(x, y):
    """From units of the tiles around the corner to degrees, by the inverse of the published formula."""
    side = 2**ZOOM
    east, south = COLUMN + np.asarray(x) / EXTENT, ROW + np.asarray(y) / EXTENT
    return np.stack([east / side * 360 - 180, np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * south / side))))], axis=-1)


def placed(geometry):
    """A geometry given in units around the corner, in degrees."""
    return shapely.transform(geometry, lambda points: degrees(points[:, 0], points[:, 1]))


def layer_of(*geometries, **columns):
    rows = np.empty(len(geometries), dtype=object)
    rows[:] = [None if one is None else placed(one) for one in geometries]
    spec = LayerSpec(id="ground", title=Text("", ""), geometry=GeometryKind.ANY, group="x")
    ids = tuple(f"F{number}" for number in range(len(rows)))
    return laid(Features(spec, LON_LAT, ids, rows, columns, Origin("", "", None)), list(columns))


def shown(layer, zoom=ZOOM, row=ROW, column=COLUMN):
    tile = cut(layer, Square(zoom, row, column))
    return decoded(tile).get("ground", []) if tile else []


def joined(layer):
    """What the four tiles around the corner show, each within its own edge, put together."""
    parts = []
    for down in (-1, 0):
        for across in (-1, 0):
            edge = shapely.box(0, 0, EXTENT, EXTENT)
            for feature in shown(layer, row=ROW + down, column=COLUMN + across):
                by = np.array([across, down]) * EXTENT
                own = shapely.intersection(feature.geometry, edge)
                parts.append(shapely.transform(own, lambda xy, by=by: xy + by))
    return shapely.union_all(parts)


coordinate = st.integers(-3900, 3900)


@st.composite
def polygons(draw):
    centre = np.array([draw(coordinate), draw(coordinate)]) / 2
    count = draw(st.integers(3, 9))
    turn = draw(st.floats(0, 1))
    radii = np.array([draw(st.floats(40, 1900)) for _ in range(count)])
    angles = (np.arange(count) + turn) * 2 * np.pi / count
    ring = centre + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    hole = centre + 0.3 * radii.min() * np.cos(np.pi / count) * np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
    return shapely.Polygon(ring, [hole] if draw(st.booleans()) else [])


@given(polygons())
def test_four_neighbours_together_show_the_whole_within_a_pixel(polygon):
    assert polygon.is_valid
    assert shapely.hausdorff_distance(joined(layer_of(polygon)).boundary, polygon.boundary) < PIXEL


@given(polygons())
def test_the_same_boundary_of_two_parcels_leaves_no_gap(polygon):
    around = shapely.difference(shapely.box(-4000, -4000, 4000, 4000), polygon)
    gap = shapely.difference(shapely.box(-3900, -3900, 3900, 3900), joined(layer_of(polygon, around)))
    # Roundings of the cut edges may leave slivers of the width of one unit, a sixteenth of a pixel.
    assert gap.buffer(-1).is_empty


@given(st.lists(st.tuples(coordinate, coordinate), min_size=2, max_size=12, unique=True))
def test_lines_are_whole_across_tiles(points):
    line = shapely.LineString(points)
    found = joined(layer_of(line))
    assert shapely.difference(line, found.buffer(PIXEL / 8)).length < PIXEL
    assert shapely.difference(found, line.buffer(PIXEL / 8)).length < PIXEL


@given(st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=20))
def test_every_point_is_in_exactly_one_tile(points):
    layer = layer_of(*map(shapely.Point, points))
    seen = [feature.id for d in (-1, 0) for a in (-1, 0) for feature in shown(layer, row=ROW + d, column=COLUMN + a)]
    assert sorted(seen) == list(range(1, len(points) + 1))


def test_places_on_the_globe_are_where_the_web_puts_them():
    points = np.array([[113.1, 36.2], [-179.9, -84.9], [0.0, 0.0]])
    east, north = Transformer.from_crs("OGC:CRS84", "EPSG:3857", always_xy=True).transform(*points.T)
    half = np.pi * 6378137.0
    expected = np.stack([(east + half) / (2 * half), (half - north) / (2 * half)], axis=1)
    assert np.allclose(on_square(points), expected, rtol=0, atol=1e-12)


def test_a_hole_stays_open_and_turns_against_its_ring():
    holed = shapely.Polygon(shapely.box(100, 100, 900, 900).exterior, [shapely.box(300, 300, 600, 600).exterior])
    (feature,) = shown(layer_of(holed))
    assert feature.geometry.area == pytest.approx(holed.area)
    assert feature.geometry.normalize().equals(holed.normalize())


def test_attributes_keep_their_kinds_and_the_empty_ones_are_absent():
    boxes = [shapely.box(10 * n, 0, 10 * n + 9, 9) for n in range(2)]
    first, second = shown(layer_of(*boxes, 面积=(1.5, None), count=(-3, 7), open=(True, False), name=("<b>", "")))
    assert first.properties == {"id": "F0", "面积": 1.5, "count": -3, "open": True, "name": "<b>"}
    assert second.properties == {"id": "F1", "count": 7, "open": False}
    assert (first.id, second.id) == (1, 2)


def test_nothing_there_is_no_tile_and_no_place_is_no_feature():
    layer = layer_of(shapely.box(100, 100, 200, 200), None, shapely.Polygon())
    assert [feature.properties["id"] for feature in shown(layer)] == ["F0"]
    assert cut(layer, Square(ZOOM, ROW + 5, COLUMN)) == b""
    assert cut(layer_of(), Square(0, 0, 0)) == b""


def test_a_parcel_too_small_for_the_screen_is_still_seen_once():
    layer = layer_of(shapely.box(1000, 1000, 1200, 1200))
    found = [feature for row in range(2) for column in range(2) for feature in shown(layer, 1, row, column)]
    assert len(found) == 1
    assert found[0].geometry.area == PIXEL**2


def test_of_too_many_the_numbers_are_said_and_add_up():
    rng = np.random.default_rng(7)
    corners = rng.uniform(5, EXTENT - 20, (900, 2))
    status = tuple("ready" if number % 3 else None for number in range(900))
    layer = layer_of(*[shapely.box(x, y, x + 10, y + 10) for x, y in corners], status=status)
    counted = decoded(cut(layer, Square(ZOOM, ROW, COLUMN), by="status", most=899))
    assert list(counted) == ["ground_counts"]
    assert sum(feature.properties["n"] for feature in counted["ground_counts"]) == 900
    assert sum(feature.properties.get("ready", 0) for feature in counted["ground_counts"]) == 600
    assert len(decoded(cut(layer, Square(ZOOM, ROW, COLUMN), by="status", most=900))["ground"]) == 900


def test_each_feature_is_counted_in_one_tile_only():
    rng = np.random.default_rng(8)
    layer = layer_of(*[shapely.box(x, y, x + 60, y + 60) for x, y in rng.uniform(-3000, 3000, (500, 2))])
    counted = [
        feature.properties["n"]
        for down in (-1, 0)
        for across in (-1, 0)
        for feature in decoded(cut(layer, Square(ZOOM, ROW + down, COLUMN + across), most=10))["ground_counts"]
    ]
    assert sum(counted) == 500


@pytest.mark.gdal_tools
def test_gdal_reads_the_same(tmp_path):
    ring = shapely.Point(2000, 2000).buffer(1500, quad_segs=30)
    holed = shapely.difference(ring, shapely.box(1500, 1500, 2500, 2600))
    line = shapely.LineString([(-500, 300), (2000, 700), (5000, 200)])
    layer = layer_of(holed, line, shapely.Point(40, 50), name=("地块 <甲>", "管", "井"))
    file = tmp_path / "tile.pbf"
    file.write_bytes(cut(layer, Square(ZOOM, ROW, COLUMN)))
    told = subprocess.run(
        ["ogr2ogr", "-f", "GeoJSON", "/vsistdout/", f"MVT:{file}", "-oo", "CLIP=NO", "-lco", "COORDINATE_PRECISION=9"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert told.stderr == ""
    found = {entry["properties"]["name"]: entry for entry in json.loads(told.stdout)["features"]}
    assert set(found) == {"地块 <甲>", "管", "井"}
    for feature in shown(layer):
        # Without an address the driver counts y to the north.
        seen = shapely.geometry.shape(found[feature.properties["name"]]["geometry"])
        read = shapely.transform(seen, lambda xy: np.stack([xy[:, 0], EXTENT - xy[:, 1]], axis=1))
        assert shapely.equals_exact(read.normalize(), feature.geometry.normalize(), 1e-6) or shapely.equals(
            read, feature.geometry
        )
