"""What a rule laid on the sheet must find: a length on paper times the scale is the length on the ground."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo_service.maps.sheet import Orientation, Paper, map_frame
from geo_service.maps.sheet.hatch import dots, lines
from geo_service.maps.sheet.lettering import block, roomiest
from geo_service.maps.sheet.paper import LARGEST_SCALE, Frame, fitted, size_mm, steps
from geo_service.maps.sheet.svg import number, path

metres = st.floats(-5e5, 5e5, allow_nan=False).map(lambda value: round(value, 3))
#: Scales that a rule shows without reckoning.
ROUND = sorted(step * 10**zeros for zeros in range(1, 7) for step in (10, 15, 20, 25, 30, 40, 50, 75))
lengths = st.floats(1.0, 2e5, allow_nan=False)


@given(metres, metres, lengths, lengths, st.floats(0.3, 1.0))
def test_what_is_asked_for_fits_at_the_largest_round_scale(west, south, wide, high, fill):
    frame = fitted((west, south, west + wide, south + high), 138.0, 70.0, fill=fill)
    left, low, right, top = frame.ground
    assert left <= west + 1e-6 and low <= south + 1e-6 and right >= west + wide - 1e-6 and top >= south + high - 1e-6
    assert frame.scale in ROUND
    larger = [scale for scale in ROUND if LARGEST_SCALE <= scale < frame.scale][-1:]
    assert all(wide > 138.0 * fill * scale / 1000 or high > 70.0 * fill * scale / 1000 for scale in larger)


@given(metres, metres, st.lists(st.tuples(st.floats(-40, 40), st.floats(-20, 20)), min_size=2, max_size=9))
def test_distances_on_paper_are_those_on_the_ground_by_the_scale(east, north, offsets):
    frame = Frame(100.0, 60.0, 2500, east, north)
    # Within the frame, of which 40 mm to each side and 20 mm up and down are less than the half.
    ground = shapely.MultiPoint([(east + x * 1.1, north + y * 1.1) for x, y in offsets])
    on_paper = shapely.get_coordinates(frame.on_paper(ground))
    there = shapely.get_coordinates(ground)
    for first, second in zip(range(len(there) - 1), range(1, len(there)), strict=True):
        wanted = np.hypot(*(there[second] - there[first])) / 2.5
        assert np.hypot(*(on_paper[second] - on_paper[first])) == pytest.approx(wanted, abs=1e-6)


def test_north_is_up_and_east_is_right():
    frame = Frame(100.0, 60.0, 1000, 0.0, 0.0)
    north, east = (shapely.get_coordinates(frame.on_paper(shapely.Point(*at)))[0] for at in ((0, 10), (10, 0)))
    assert tuple(north) == (50.0, 20.0)
    assert tuple(east) == (60.0, 30.0)


@pytest.mark.parametrize("paper", Paper)
@pytest.mark.parametrize("orientation", Orientation)
def test_the_map_leaves_room_for_head_legend_and_foot_on_every_paper(paper, orientation):
    wide, high = size_mm(paper, orientation)
    frame = map_frame((0.0, 0.0, 900.0, 700.0), paper, orientation)
    assert 0.55 * wide < frame.width_mm < wide - 20
    assert 0.55 * high < frame.height_mm < high - 20


@given(metres, st.floats(1.0, 1e4), st.sampled_from([10.0, 100.0, 500.0]))
def test_the_grid_has_every_line_between_its_ends_and_no_other(low, length, step):
    found = steps(low, low + length, step)
    assert all(low <= value <= low + length and value % step == 0 for value in found)
    assert abs(len(found) - length / step) <= 1 + 1e-9


shapes = st.builds(
    lambda x, y, wide, high: shapely.box(x, y, x + wide, y + high),
    *(st.floats(-50, 50), st.floats(-50, 50), st.floats(0.5, 60), st.floats(0.5, 60)),
)


@given(shapes, st.sampled_from([0.0, 45.0, -45.0, 15.0]), st.sampled_from([1.6, 2.4, 2.9]))
def test_a_hatch_keeps_to_its_ground_and_its_lines_are_as_far_apart_as_said(ground, angle, apart):
    found = lines(ground, angle, apart)
    assert found.is_empty or shapely.covers(ground.buffer(1e-6), found)
    # A line stands for the strip around it, so together they are the ground, up to a strip at each side.
    assert found.length * apart == pytest.approx(ground.area, abs=1.01 * apart * (ground.length / 2 + apart))


@given(shapes)
def test_dots_keep_to_their_ground_and_are_as_dense_as_said(ground):
    found = dots(ground, 1.85)
    assert found.is_empty or shapely.covers(ground, found)
    each = 1.85**2 / 2
    assert shapely.get_num_geometries(found) * each == pytest.approx(ground.area, abs=1.85 * ground.length + each)


def test_neighbours_of_one_kind_have_one_hatch_that_goes_through():
    left, right = shapely.box(0, 0, 20, 20), shapely.box(20, 0, 40, 20)
    both = shapely.union_all([lines(left, 45.0, 2.9), lines(right, 45.0, 2.9)])
    assert shapely.line_merge(both).length == pytest.approx(lines(shapely.union(left, right), 45.0, 2.9).length)


@given(st.floats(-1e4, 1e4))
def test_a_length_is_written_to_a_thousandth_of_a_millimetre(value):
    assert float(number(value)) == pytest.approx(value, abs=5.1e-4)
    assert "e" not in number(value) and number(value) != "-0"


def test_holes_are_drawn():
    ring = shapely.Polygon([(0, 0), (4, 0), (4, 4), (0, 4)], [[(1, 1), (1, 2), (2, 2), (2, 1)]])
    assert path(ring).count("Z") == 2


@given(shapes)
def test_a_name_stands_inside(ground):
    assert ground.contains(shapely.Point(roomiest(ground)))


def test_a_name_in_a_bent_parcel_stands_where_it_is_wide():
    bent = shapely.union(shapely.box(0, 0, 4, 60), shapely.box(0, 40, 60, 60))
    assert bent.contains(block(roomiest(bent), ["CZGX-2024-001"]))
