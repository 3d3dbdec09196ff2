"""Counting crossings against all pairs of edges in rational numbers."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo_service.overlay import crossing, crossings_between, pairs_between, touching
from geo_service.overlay.crossings import edges

POINTS = st.tuples(st.integers(0, 6), st.integers(0, 6))
Point = tuple[int, int]


def crosses(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether two edges cross within both, or share more than points."""

    def turn(p: Point, q: Point, r: Point) -> int:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    if turn(a, b, c) == turn(a, b, d) == 0:
        axis = 0 if a[0] != b[0] else 1
        own, other = sorted((a[axis], b[axis])), sorted((c[axis], d[axis]))
        return min(own[1], other[1]) > max(own[0], other[0])
    cross = (b[0] - a[0]) * (d[1] - c[1]) - (b[1] - a[1]) * (d[0] - c[0])
    if cross == 0:
        return False
    along = Fraction((c[0] - a[0]) * (d[1] - c[1]) - (c[1] - a[1]) * (d[0] - c[0]), cross)
    across = Fraction((c[0] - a[0]) * (b[1] - a[1]) - (c[1] - a[1]) * (b[0] - a[0]), cross)
    return 0 < along < 1 and 0 < across < 1


@given(st.lists(st.tuples(POINTS, POINTS, POINTS, POINTS), min_size=1, max_size=20))
def test_edges_cross_where_rational_arithmetic_says_so(pairs) -> None:
    pairs = [pair for pair in pairs if pair[0] != pair[1] and pair[2] != pair[3]]
    rows = [np.array([pair[corner] for pair in pairs], dtype=float).reshape(-1, 2) for corner in range(4)]
    assert crossing(*rows).tolist() == [crosses(*pair) for pair in pairs]


@given(
    st.lists(POINTS, min_size=3, max_size=8),
    st.lists(st.lists(POINTS, min_size=2, max_size=6), max_size=4),
    st.sampled_from([(0, 0), (38_414_000, 4_013_000)]),
)
def test_boundaries_cross_as_often_as_their_edges_do(ring, lines, origin) -> None:
    def moved(points: list[Point]) -> list[Point]:
        return [(x + origin[0], y + origin[1]) for x, y in points]

    closed = [*ring, ring[0]]
    own = [pair for pair in pairwise(closed) if pair[0] != pair[1]]
    others = [pair for line in lines for pair in pairwise(line) if pair[0] != pair[1]]
    expected = sum(crosses(*one, *other) for one in own for other in others)
    if not own:
        return
    boundary = shapely.LineString(moved(closed))
    met = [shapely.LineString(moved(line)) for line in lines]
    assert crossings_between(boundary, met, 10_000) == expected <= pairs_between(boundary, met)


def comb(teeth: int) -> shapely.LineString:
    return shapely.LineString([(tooth, y) for tooth in range(teeth) for y in ((-1, 9), (9, -1))[tooth % 2]])


@pytest.mark.parametrize("most", [0, 5, 100, 600, 799])
def test_counting_stops_where_there_are_too_many(most) -> None:
    # More edges than are looked at in one step.
    plank = shapely.box(-5, 2, 900, 6)
    found = crossings_between(plank, [comb(400)], most)
    assert most < found <= 800
    assert crossings_between(plank, [comb(400)], 800) == 800


def test_edges_are_of_rings_holes_and_lines_and_have_length() -> None:
    square = shapely.Polygon([(0, 0), (9, 0), (9, 0), (9, 9), (0, 9)], [[(1, 1), (2, 1), (2, 2), (1, 1)]])
    begin, end = edges([shapely.MultiLineString([[(0, 0), (0, 5)], [(7, 7), (8, 7), (8, 7)]]), square])
    found = {(tuple(a), tuple(b)) for a, b in zip(begin.tolist(), end.tolist(), strict=True)}
    outer = {((0, 0), (9, 0)), ((9, 0), (9, 9)), ((9, 9), (0, 9)), ((0, 9), (0, 0))}
    hole = {((1, 1), (2, 1)), ((2, 1), (2, 2)), ((2, 2), (1, 1))}
    assert found == outer | hole | {((0, 0), (0, 5)), ((7, 7), (8, 7))}


def test_what_lies_beside_touches_or_ends_at_the_boundary_does_not_cross_it() -> None:
    square = shapely.box(0, 0, 10, 10)
    beside = [shapely.box(20, 0, 30, 10), shapely.LineString([(10, 5), (15, 5)]), shapely.box(10, 10, 12, 12)]
    assert crossings_between(square, beside, 100) == 0
    assert crossings_between(square, [shapely.box(10, 0, 20, 10)], 100) == 1
    assert crossings_between(square, [], 100) == 0


@given(st.lists(st.tuples(POINTS, st.integers(1, 4), st.booleans()), min_size=1, max_size=8))
def test_what_is_left_out_before_counting_is_not_crossed(squares) -> None:
    boundary = shapely.box(1.5, 1.5, 4.5, 4.5)
    others = np.array([shapely.box(x, y, x + side, y + side) for (x, y), side, _ in squares], dtype=object)
    shapely.prepare(others[[prepared for _, _, prepared in squares]])
    left = touching(boundary, others)
    assert all(shapely.disjoint(other, boundary) for other in others if not any(other is one for one in left))
    counted = 0 if not len(left) else crossings_between(boundary, left.tolist(), 1000)
    assert counted == crossings_between(boundary, others.tolist(), 1000)
