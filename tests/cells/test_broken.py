"""What has no area in the sense of the standard is refused by whoever it is handed to; it is never answered."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import shapely
from shapely.geometry.base import BaseGeometry

from geo_service.cells import areas, prepare
from geo_service.cells.union import united
from geo_service.rings import BrokenShape, Shapes, from_wkb
from tests.cells.asking import layer_of, measured, reckoned, shapes, tables
from tests.cells.families import Case

X, Y = 414_000.0, 4_013_000.0
SQUARE = [(0, 0), (10, 0), (10, 10), (0, 10), (0, 0)]
INNER = [(2, 2), (4, 2), (4, 4), (2, 4), (2, 2)]
NAN, INF = float("nan"), float("inf")


def polygon(*rings: list[tuple[float, float]]) -> bytes:
    """Write rings as they are, without a library that might mend them."""
    out = struct.pack("<BII", 1, 3, len(rings))
    for ring in rings:
        out += struct.pack("<I", len(ring))
        for x, y in ring:
            out += struct.pack("<2d", X + x, Y + y)
    return out


def parts(*polygons: bytes) -> bytes:
    return struct.pack("<BII", 1, 6, len(polygons)) + b"".join(polygons)


def moved(ring: list[tuple[float, float]], east: float, north: float) -> list[tuple[float, float]]:
    return [(x + east, y + north) for x, y in ring]


WOUND_TWICE = [*SQUARE[:-1], *SQUARE]
BROKEN = {
    "a coordinate that is not a number": polygon([(0, 0), (10, 0), (NAN, 10), (0, 10), (0, 0)]),
    "an ordinate that is not a number": polygon([(0, 0), (10, 0), (10, NAN), (0, 10), (0, 0)]),
    "not a number at both ends of a ring": polygon([(NAN, NAN), (10, 0), (10, 10), (0, 10), (NAN, NAN)]),
    "an infinite coordinate": polygon([(0, 0), (INF, 0), (10, 10), (0, 10), (0, 0)]),
    "a hole with a coordinate that is not a number": polygon(SQUARE, [(2, 2), (4, 2), (4, NAN), (2, 2)]),
    "an unclosed ring": polygon(SQUARE[:-1]),
    "a ring closed but for a micrometre": polygon([*SQUARE[:-1], (1e-6, 0)]),
    "an unclosed hole": polygon(SQUARE, INNER[:-1]),
    "a bow-tie": polygon([(0, 0), (10, 10), (10, 0), (0, 10), (0, 0)]),
    "a lop-sided bow-tie": polygon([(0, 0), (10, 9), (10, 0), (0, 1), (0, 0)]),
    "a bow-tie with a vertex at its knot": polygon([(0, 0), (5, 5), (10, 10), (10, 0), (5, 5), (0, 10), (0, 0)]),
    "a bow-tie with a vertex on one side of its knot": polygon([(0, 0), (5, 5), (10, 10), (10, 0), (0, 10), (0, 0)]),
    "a lop-sided bow-tie with a vertex at its knot": polygon(
        [(0, 0), (4, 4), (10, 10), (10, 0), (4, 4), (0, 8), (0, 0)]
    ),
    "a loop from a corner that runs the same way round": polygon(
        [(0, 0), (10, 0), (10, 10), (0, 10), (0, 0), (4, 2), (4, 4), (2, 4), (0, 0)]
    ),
    "a hole that sticks out through its own vertices": polygon(SQUARE, [(5, 5), (10, 4), (12, 5), (10, 6), (5, 5)]),
    "a ring traced twice": polygon(WOUND_TWICE),
    "a ring traced twice backwards": polygon(WOUND_TWICE[::-1]),
    "a ring that winds around itself": polygon(
        [(0, 0), (10, 0), (10, 10), (-2, 10), (-2, 2), (8, 2), (8, 8), (0, 8), (0, 0)]
    ),
    "a hole outside": polygon(SQUARE, moved(INNER, 20, 0)),
    "a hole that sticks out": polygon(SQUARE, moved(INNER, 7, 0)),
    "two holes over each other": polygon(SQUARE, INNER, moved(INNER, 1, 1)),
    "a hole twice": polygon(SQUARE, INNER, INNER),
    "a hole within a hole": polygon(SQUARE, [(1, 1), (9, 1), (9, 9), (1, 9), (1, 1)], INNER),
    "a nested part": parts(polygon(SQUARE), polygon(INNER)),
    "a part twice": parts(polygon(SQUARE), polygon(SQUARE)),
    "parts over each other": parts(polygon(SQUARE), polygon(moved(SQUARE, 5, 5))),
    "a ring of three vertices": polygon([(0, 0), (10, 0), (0, 0)]),
    "a ring without vertices": polygon([]),
    "a line": shapely.to_wkb(shapely.LineString([(X, Y), (X + 10, Y), (X, Y + 10)])),
}
UNREADABLE = {
    "bytes that end in a coordinate": polygon(SQUARE)[:-3],
    "bytes that end before a ring": polygon(SQUARE)[:9],
    "bytes that end in the head": polygon(SQUARE)[:3],
    "fewer rings than said": struct.pack("<BII", 1, 3, 2) + polygon(SQUARE)[9:],
    "more parts than there are": struct.pack("<BII", 1, 6, 2) + polygon(SQUARE),
    "a ring of four billion vertices": struct.pack("<BIII", 1, 3, 1, 0xFFFFFFFF),
    "four billion rings": struct.pack("<BII", 1, 3, 0xFFFFFFFF),
    "four billion parts": struct.pack("<BII", 1, 6, 0xFFFFFFFF),
    "big-endian bytes": shapely.to_wkb(shapely.box(X, Y, X + 9, Y + 9), byte_order=0),
    "big-endian parts": struct.pack("<BII", 1, 6, 1) + shapely.to_wkb(shapely.box(0, 0, 9, 9), byte_order=0),
    "a point": shapely.to_wkb(shapely.Point(X, Y)),
    "points": shapely.to_wkb(shapely.MultiPoint([(X, Y), (X, Y + 1)])),
    "a collection": shapely.to_wkb(shapely.GeometryCollection([shapely.box(0, 0, 1, 1)])),
    "a curve polygon": struct.pack("<BII", 1, 10, 0),
    "other bytes": b"POLYGON ((0 0, 1 0, 1 1, 0 0))",
}
FINE = polygon(moved(SQUARE, 500, 0))


def ground(wkb: bytes, at: int = 0) -> Shapes:
    """A shape after so many fine ones."""
    return from_wkb([FINE] * at + [wkb])


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("place", [0, 3])
def test_a_broken_parcel_is_refused_and_named(name, place):
    layer = prepare(from_wkb([polygon(SQUARE)]), ["a"])

    with pytest.raises(BrokenShape) as refused:
        areas(ground(BROKEN[name], place), [layer])

    assert refused.value.index == place


def test_a_broken_parcel_is_found_behind_thousands():
    with pytest.raises(BrokenShape, match="shape 9000"):
        areas(ground(BROKEN["a bow-tie"], 9_000), [], threads=2)


@pytest.mark.parametrize("cell_m", [1.0, 8.0, 512.0])
@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("place", [0, 3])
def test_a_broken_feature_is_refused_and_named(name, place, cell_m):
    shape = ground(BROKEN[name], place)

    with pytest.raises(BrokenShape) as refused:
        prepare(shape, ["a"] * len(shape), cell_m=cell_m)

    assert refused.value.index == place


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_extent_is_refused(name):
    with pytest.raises(BrokenShape):
        prepare(from_wkb([FINE]), ["a"], surveyed=ground(BROKEN[name], 1))


@pytest.mark.parametrize("name", UNREADABLE)
@pytest.mark.parametrize("place", [0, 3])
def test_bytes_that_are_no_polygon_are_refused_and_named(name, place):
    with pytest.raises(BrokenShape) as refused:
        ground(UNREADABLE[name], place)

    assert refused.value.index == place


def test_the_reason_is_one_that_helps():
    reasons = {
        "a bow-tie": "crosses itself",
        "an unclosed ring": "not closed",
        "an infinite coordinate": "not a finite number",
        "a ring of three vertices": "fewer than four",
        "a hole outside": "outside",
        "a nested part": "within another",
    }
    for name, words in reasons.items():
        with pytest.raises(BrokenShape, match=words):
            ground(BROKEN[name]).check()


@pytest.mark.parametrize(("beyond_m", "is_fine"), [(-1e-8, True), (3e-10, True), (2e-8, False), (1e-3, False)])
def test_a_hole_may_reach_over_the_boundary_by_rounding_only(beyond_m, is_fine):
    shape = from_wkb([polygon(SQUARE, [(5, 4), (10 + beyond_m, 5), (5, 6), (5, 4)])])
    if is_fine:
        shape.check()
    else:
        with pytest.raises(BrokenShape, match="crosses itself"):
            shape.check()


@pytest.mark.parametrize(("overlap_m", "broken"), [(0.0, -1), (5e-7, -1), (1e-5, 0), (0.5, 0)])
def test_ground_that_an_owner_has_twice_is_noticed_while_it_is_united(overlap_m, broken):
    def square(west: float) -> list[list[float]]:
        return [[west, 3.0, west + 1, 3.0], [west + 1, 2.0, west, 2.0]]

    edges = np.array(square(0.0) + square(1.0 - overlap_m))
    union, shared_m2, found = united(edges, np.array([0, 0]).repeat(2), 1)

    assert found == broken
    assert shared_m2 == pytest.approx(overlap_m, abs=1e-12)
    assert len(united(edges, np.array([0, 1]).repeat(2), 2)[0]) == len(union)
    assert united(edges, np.array([0, 1]).repeat(2), 2)[2] == -1


@pytest.mark.parametrize(
    "wkb",
    [
        polygon([(0, 0), (4, 0), (4, 4), (6, 4), (6, 0), (10, 0), (10, 10), (0, 10), (0, 0)]),
        polygon([(0, 0), (10, 0), (10, 10), (5, 0), (0, 10), (0, 0)]),
        polygon(SQUARE, [(0, 5), (4, 4), (4, 6), (0, 5)]),
        polygon([(0, 0), (10, 0), (10, 10), (0, 10), (0, 0), (2, 4), (4, 4), (4, 2), (0, 0)]),
        polygon([(0, 0), (10, 0), (10, 10), (5, 5), (0, 10), (-5, 15), (-10, 5), (5, 5), (0, 0)]),
        polygon(SQUARE, INNER, moved(INNER, 2, 2)),
        parts(polygon(SQUARE), polygon(moved(SQUARE, 10, 10))),
        parts(polygon(SQUARE, [(1, 1), (9, 1), (9, 9), (1, 9), (1, 1)]), polygon(INNER)),
        polygon([(0, 0), (0, 0), (10, 0), (10, 10), (10, 10), (10, 10), (0, 10), (0, 0)]),
    ],
    ids=[
        "notch",
        "touches its edge",
        "hole at a ring",
        "hole in the ring",
        "two lobes",
        "holes at a corner",
        "parts at a corner",
        "island",
        "repeated",
    ],
)
def test_what_only_touches_itself_is_fine(wkb):
    shape = shapely.from_wkb(wkb)
    for cell_m in (1.0, 4.0, 512.0):
        case = Case([shape, shapely.box(X + 1, Y + 1, X + 7, Y + 20)], [shape], ["a"], cell_m=cell_m)

        assert measured(case) == [pytest.approx(table, abs=1e-9) for table in reckoned(case)]


# A polygon of six vertices, on whole metres, that `clip_by_rect` clips wrong, found among random ones.
TRAPS: list[tuple[BaseGeometry, tuple[float, float, float, float], float]] = [
    (
        shapely.from_wkt("POLYGON ((16 48, -16 48, 0 16, -80 64, -64 0, -16 -32, 16 48))"),
        (-16.0, 16.0, 0.0, 48.0),
        153.6,
    ),
    (shapely.from_wkt("POLYGON ((48 32, 80 48, -16 32, -64 48, 16 -16, 64 0, 48 32))"), (32.0, 0.0, 64.0, 48.0), 640.0),
    (
        shapely.from_wkt("POLYGON ((32 0, 16 64, -72 8, -64 -16, 32 -16, 24 -8, 32 -8, 32 0))"),
        (0.0, -16.0, 32.0, 16.0),
        64.0,
    ),
    (
        shapely.from_wkt("POLYGON ((24 8, 88 32, 0 64, -24 -16, -24 -56, 72 -72, 32 -16, 24 8))"),
        (0.0, -16.0, 32.0, 48.0),
        1832.0,
    ),
]


@pytest.mark.parametrize(("shape", "window", "wrong_m2"), TRAPS)
def test_the_quick_way_to_clip_is_silently_wrong_and_cells_add_up(shape, window, wrong_m2):
    clipped = shapely.clip_by_rect(shape, *window)
    true_m2 = shapely.intersection(shape, shapely.box(*window)).area
    assert abs(clipped.area - true_m2) == pytest.approx(wrong_m2), "the trap is gone: find another"

    for cell_m in (1.0, 16.0, 32.0, 512.0):
        west, south, east, north = shape.bounds
        x, y = np.meshgrid(np.arange(west // 16, east // 16 + 1) * 16, np.arange(south // 16, north // 16 + 1) * 16)
        squares = [*shapely.box(x, y, x + 16, y + 16).ravel(), shapely.box(*window)]
        layer = layer_of(Case([], [shape], ["a"], cell_m=cell_m))
        found = [table.get("a", 0.0) for table in tables(areas(shapes(squares), [layer]), layer)]

        assert sum(found[:-1]) == pytest.approx(shape.area, abs=1e-9)
        assert found[-1] == pytest.approx(true_m2, abs=1e-9)
        assert layer.feature_m2.tolist() == [shape.area]
