"""Thin pieces: what is told without asking GEOS is what GEOS says."""

from __future__ import annotations

import shapely
from hypothesis import assume, given
from hypothesis import strategies as st
from shapely.geometry import Polygon

from geo_service.model.evidence import Band
from geo_service.overlay.noise import NoiseRule, bands, is_thin

side = st.floats(0.05, 40.0)


@given(
    width=side,
    height=side,
    cut=st.lists(st.tuples(*[st.floats(0.0, 1.0)] * 4), max_size=4),
    disc_m=st.floats(0.01, 20.0),
)
def test_no_disc_fits_where_nothing_is_left_of_a_piece_worn_off_by_its_radius(width, height, cut, disc_m):
    piece = shapely.box(0, 0, width, height)
    for left, low, wide, high in cut:
        hole = shapely.box(left * width, low * height, (left + wide) * width, (low + high) * height)
        rest = piece.difference(hole)
        assume(isinstance(rest, Polygon) and rest.area > 1e-3)
        piece = rest
    assert is_thin(piece, disc_m) == shapely.is_empty(shapely.buffer(piece, -disc_m / 2))


def test_the_widest_of_a_frame_are_its_corners():
    frame = shapely.box(0, 0, 100, 100).difference(shapely.box(1, 1, 99, 99))
    widest_m = 2 * 2**0.5 / (1 + 2**0.5)
    assert is_thin(frame, 1.01 * widest_m)
    assert not is_thin(frame, 0.99 * widest_m)
    assert not is_thin(frame, 0.1)


STRIP = shapely.box(0, 0, 10, 0.04)
LAND = shapely.box(0, 1, 10, 11)


def test_thin_pieces_count_once_they_add_up_to_more_than_the_tolerance():
    rule = NoiseRule(0.1, 0.05, 1.0, hard=False, sensitivity=2.0)
    width_m = 2 * STRIP.area / STRIP.length
    # 0.4 m² against 0.3 m²; against half and twice of that.
    one, half, double = bands([STRIP, LAND], 6.0, rule)
    assert one == half == Band(100.4, 0.0, 0.0, 0.0)
    assert double == Band(100.0, 0.0, 0.4, width_m)
    # 0.4 m² against 0.5 m²; against half and twice of that.
    one, half, double = bands([STRIP, LAND], 10.0, rule)
    assert one == double == Band(100.0, 0.0, 0.4, width_m)
    assert half == Band(100.4, 0.0, 0.0, 0.0)
    assert bands([STRIP], 8.0, rule)[0] == Band(0.0, 0.0, 0.4, width_m), "as much as the tolerance is within it"


def test_a_thin_piece_is_for_the_surveyor_once_it_is_large():
    width_m = 2 * STRIP.area / STRIP.length
    small, large = Band(100.0, 0.0, 0.4, width_m), Band(100.0, 0.4, 0.0, width_m)
    for hard_m2, found in ((0.3, (large, large, small)), (0.5, (small, large, small)), (0.4, (large, large, small))):
        assert bands([STRIP, LAND], 1e6, NoiseRule(0.1, 0.05, hard_m2, hard=True, sensitivity=2.0)) == found
