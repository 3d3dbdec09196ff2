"""Laws of measuring: what must hold for any parcel and any features."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.affinity import rotate, translate
from shapely.geometry.base import BaseGeometry

from geo_service.overlay import NoiseRule, coverage, nearest, neighbours
from geo_service.rings import from_wkb

RULE = NoiseRule(0.1, 0.05, 1.0, hard=False, sensitivity=2.0)
EASTING, NORTHING = 414000.0, 4013000.0


def bound(area_m2: float) -> float:
    """The deviation that double arithmetic may bring."""
    return 1e-6 + 1e-12 * area_m2


def rectangles() -> st.SearchStrategy[BaseGeometry]:
    """Rectangles with corners on a 1 cm lattice, turned by some angle."""
    side = st.integers(50, 30000)
    corner = st.integers(-20000, 20000)
    return st.builds(
        lambda x, y, w, h, angle: rotate(
            shapely.box(EASTING + x / 100, NORTHING + y / 100, EASTING + (x + w) / 100, NORTHING + (y + h) / 100),
            angle,
        ),
        corner,
        corner,
        side,
        side,
        st.sampled_from([0.0, 0.0, 7.3, 37.0, 45.0, 89.9]),
    )


def measured(parcel: BaseGeometry, shapes: list[BaseGeometry], surveyed: BaseGeometry | None = None):
    rows = list(range(len(shapes)))
    return coverage(
        parcel,
        np.array(shapes, dtype=object),
        [f"f{row}" for row in rows],
        rows,
        ["x"] * len(rows),
        {"x"},
        surveyed,
        RULE,
    )


@given(rectangles(), st.lists(rectangles(), max_size=5), st.none() | rectangles())
def test_the_three_grounds_add_up_to_the_parcel(parcel, shapes, surveyed) -> None:
    found = measured(parcel, shapes, surveyed)
    assert found.covered_m2 + found.uncovered_m2 + found.unsurveyed_m2 == pytest.approx(
        parcel.area, abs=bound(parcel.area)
    )
    assert min(found.covered_m2, found.uncovered_m2, found.unsurveyed_m2) >= 0.0
    if surveyed is None:
        assert found.unsurveyed_m2 == 0.0


@given(rectangles(), st.lists(rectangles(), min_size=1, max_size=5))
def test_overlaps_count_once(parcel, shapes) -> None:
    expected = shapely.intersection(parcel, shapely.union_all(shapes)).area
    assert measured(parcel, shapes).covered_m2 == pytest.approx(expected, abs=1e-5)


@given(rectangles(), st.lists(rectangles(), max_size=4), rectangles())
def test_one_more_feature_never_covers_less(parcel, shapes, extra) -> None:
    assert measured(parcel, [*shapes, extra]).covered_m2 >= measured(parcel, shapes).covered_m2 - 1e-5


@given(rectangles(), st.lists(rectangles(), min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(parcel, shapes, random) -> None:
    shuffled = [*shapes, shapes[0]]
    random.shuffle(shuffled)
    assert measured(parcel, shuffled).covered_m2 == pytest.approx(
        measured(parcel, shapes).covered_m2, abs=bound(parcel.area)
    )


@given(rectangles(), st.lists(rectangles(), min_size=1, max_size=3), st.integers(-9999, 9999), st.integers(-9999, 9999))
def test_moving_everything_by_metres_changes_nothing(parcel, shapes, east, north) -> None:
    moved = measured(translate(parcel, east, north), [translate(shape, east, north) for shape in shapes])
    assert moved.covered_m2 == pytest.approx(measured(parcel, shapes).covered_m2, abs=1e-5)


@given(rectangles(), rectangles())
def test_splitting_a_parcel_adds_up(parcel, shape) -> None:
    west, south, east, north = parcel.bounds
    middle = (west + east) / 2
    halves = [shapely.intersection(parcel, shapely.box(west, south, middle, north)),
              shapely.intersection(parcel, shapely.box(middle, south, east, north))]  # fmt: skip
    total = sum(measured(half, [shape]).covered_m2 for half in halves)
    assert total == pytest.approx(measured(parcel, [shape]).covered_m2, abs=1e-5)


@given(
    st.lists(st.tuples(*[st.integers(0, 12)] * 4), min_size=1, max_size=5),
    st.tuples(*[st.integers(0, 12)] * 4),
)
def test_whole_metre_rectangles_agree_with_counting_squares(corners, own) -> None:
    def square(x0: int, y0: int, x1: int, y1: int) -> tuple[int, int, int, int]:
        return min(x0, x1), min(y0, y1), max(x0, x1) + 1, max(y0, y1) + 1

    mask = np.zeros((14, 14), dtype=bool)
    boxes = [square(*corner) for corner in corners]
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1, x0:x1] = True
    x0, y0, x1, y1 = square(*own)
    found = measured(shapely.box(x0, y0, x1, y1), [shapely.box(*bounds) for bounds in boxes])
    assert found.covered_m2 == float(mask[y0:y1, x0:x1].sum())


def exact_area(one: BaseGeometry, other: BaseGeometry) -> Fraction:
    """Area of the intersection of two simple polygons without holes, in rational numbers: a sweep over slabs."""
    rings = [[tuple(map(Fraction, point)) for point in shape.exterior.coords] for shape in (one, other)]
    edges = [(a, b, owner) for owner, ring in enumerate(rings) for a, b in pairwise(ring) if a[0] != b[0]]
    edges = [(a, b, owner) if a[0] < b[0] else (b, a, owner) for a, b, owner in edges]
    cuts = {point[0] for ring in rings for point in ring}
    for index, (a, b, _) in enumerate(edges):
        for c, d, _ in edges[index + 1 :]:
            cross = (b[0] - a[0]) * (d[1] - c[1]) - (b[1] - a[1]) * (d[0] - c[0])
            if cross:
                x = a[0] + (b[0] - a[0]) * ((c[0] - a[0]) * (d[1] - c[1]) - (c[1] - a[1]) * (d[0] - c[0])) / cross
                if max(a[0], c[0]) <= x <= min(b[0], d[0]):
                    cuts.add(x)

    def height(edge, x: Fraction) -> Fraction:
        (ax, ay), (bx, by), _ = edge
        return ay + (by - ay) * (x - ax) / (bx - ax)

    total = Fraction(0)
    for left, right in pairwise(sorted(cuts)):
        middle = (left + right) / 2
        spanning = sorted(
            (edge for edge in edges if edge[0][0] <= left and edge[1][0] >= right), key=lambda e: height(e, middle)
        )
        inside = [False, False]
        for lower, upper in pairwise(spanning):
            inside[lower[2]] = not inside[lower[2]]
            if all(inside):
                total += (height(upper, middle) - height(lower, middle)) * (right - left)
    return total


@given(rectangles(), rectangles())
def test_areas_agree_with_rational_arithmetic(parcel, shape) -> None:
    assert measured(parcel, [shape]).covered_m2 == pytest.approx(float(exact_area(parcel, shape)), abs=2e-6)


@pytest.mark.parametrize(("width_m", "is_ground"), [(5e-3, True), (2e-3, True), (2e-4, False)])
def test_ground_of_some_square_millimetres_is_still_ground(width_m, is_ground) -> None:
    parcel, corner = shapely.box(0, 0, 10, 10), shapely.box(10 - width_m, 10 - width_m, 10, 10)
    around = measured(parcel, [shapely.difference(parcel, corner)])
    within = measured(parcel, [corner])
    expected = width_m**2 if is_ground else 0.0
    assert around.uncovered_m2 == pytest.approx(expected, abs=1e-12)
    assert within.covered_m2 == pytest.approx(expected, abs=1e-12)


def test_touching_edges_and_corners_cover_nothing() -> None:
    parcel = shapely.box(0, 0, 10, 10)
    found = measured(parcel, [shapely.box(10, 0, 20, 10), shapely.box(-5, -5, 0, 0)])
    assert (found.covered_m2, found.classes) == (0.0, ())


@given(rectangles(), st.lists(rectangles(), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_the_nearest_does_not_depend_on_order(parcel, shapes, random) -> None:
    names = [f"f{index}" for index in range(len(shapes))]
    order = list(range(len(shapes)))
    random.shuffle(order)
    rows = range(len(shapes))
    outline = from_wkb([parcel.wkb])
    first = nearest(outline, neighbours(np.array(shapes, dtype=object), names), rows, 1e6)
    shuffled = neighbours(np.array([shapes[i] for i in order], dtype=object), [names[i] for i in order])
    again = nearest(outline, shuffled, rows, 1e6)
    assert first is not None
    assert again is not None
    assert (first.id, first.distance_m) == (again.id, again.distance_m)
    assert first.distance_m == min(parcel.distance(shape) for shape in shapes)
