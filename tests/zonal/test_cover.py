"""Every cell counts by exactly the share of it that lies in the parcel."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.affinity import translate

from geo_service.rings import BrokenShape
from geo_service.zonal import weights
from tests.zonal.shapes import CELL, COLUMNS, NORTH, ROWS, TRANSFORM, WEST, box, cut, local, polygons, shapes

#: A raster with so much around it that no parcel of these tests reaches beyond it.
MARGIN = 75
WIDE = (WEST - MARGIN * CELL, CELL, 0.0, NORTH + MARGIN * CELL, 0.0, -CELL)
WIDE_SHAPE = (ROWS + 2 * MARGIN, COLUMNS + 2 * MARGIN)


def shares(parcel: shapely.Geometry, transform=TRANSFORM, shape=(ROWS, COLUMNS)) -> np.ndarray:
    """Shares on the whole raster."""
    whole = np.zeros(shape)
    window, found = weights(shapes(parcel), transform, shape)
    whole[window] = found
    return whole


def alike(one: np.ndarray, other: np.ndarray, within: float) -> bool:
    """Tell whether no cell differs by more; of so many cells nobody would read a comparison one by one."""
    return one.shape == other.shape and bool((np.abs(one - other) <= within).all())


@given(polygons())
def test_each_cell_has_the_share_that_cutting_it_out_gives(parcel):
    window, found = weights(shapes(parcel), TRANSFORM, (ROWS, COLUMNS))
    assert found.shape == tuple(side.stop - side.start for side in window)
    assert alike(found, cut(parcel, window), 1e-9)
    assert (found >= 0).all() and (found <= 1).all()


@given(polygons())
def test_shares_add_up_to_the_area(parcel):
    assert shares(parcel, WIDE, WIDE_SHAPE).sum() * CELL**2 == pytest.approx(parcel.area, rel=1e-9, abs=1e-6)


@given(polygons(), st.floats(0, 180))
def test_the_parts_of_a_divided_parcel_add_up_to_it(parcel, angle):
    centre = parcel.centroid
    half = shapely.affinity.rotate(
        shapely.box(centre.x - 1e4, centre.y, centre.x + 1e4, centre.y + 1e4), angle, origin=centre
    )
    parts = [parcel.intersection(half), parcel.difference(half)]
    areas = [
        shapely.MultiPolygon([one for one in shapely.get_parts(part) if one.geom_type == "Polygon"]) for part in parts
    ]
    together = sum(shares(part) for part in areas if not part.is_empty)
    assert alike(together, shares(parcel), 1e-8)


@given(polygons(), st.integers(-20, 20), st.integers(-20, 20))
def test_a_parcel_moved_by_whole_cells_has_its_shares_moved(parcel, right, down):
    moved = translate(parcel, right * CELL, -down * CELL)
    expected = np.roll(shares(parcel, WIDE, WIDE_SHAPE), (down, right), (0, 1))
    assert alike(shares(moved, WIDE, WIDE_SHAPE), expected, 1e-8)


@given(polygons(), st.integers(0, 20), st.booleans())
def test_where_rings_begin_and_how_they_turn_changes_no_bit(parcel, start, flip):
    def turned(ring: shapely.LinearRing) -> list[tuple[float, ...]]:
        points = list(ring.coords)[:-1]
        at = start % len(points)
        points = points[at:] + points[:at]
        return points[::-1] if flip else points

    parts = [
        shapely.Polygon(turned(part.exterior), [turned(hole) for hole in part.interiors][::-1])
        for part in shapely.get_parts(parcel)
    ]
    assert (shares(shapely.MultiPolygon(parts[::-1])) == shares(parcel)).all()


@given(polygons(), st.integers(1, ROWS - 1), st.integers(1, COLUMNS - 1))
def test_what_part_of_the_raster_is_looked_at_changes_no_bit(parcel, row, column):
    corner = (WEST + column * CELL, CELL, 0.0, NORTH - row * CELL, 0.0, -CELL)
    here = shares(parcel, corner, (ROWS - row, COLUMNS - column))
    assert alike(here, shares(parcel)[row:, column:], 1e-11)
    assert (shares(parcel, TRANSFORM, (row, column)) == shares(parcel)[:row, :column]).all()


@given(
    st.integers(0, ROWS - 1), st.integers(1, ROWS), st.integers(0, COLUMNS - 1), st.integers(1, COLUMNS), st.booleans()
)
def test_a_parcel_on_cell_lines_has_whole_cells_and_touches_no_neighbour(top, high, left, wide, pierced):
    parcel = box(left * CELL, top * CELL, (left + wide) * CELL, (top + high) * CELL)
    expected = np.zeros((ROWS, COLUMNS))
    expected[top : top + high, left : left + wide] = 1.0
    if pierced and high > 2 and wide > 2:
        parcel = parcel.difference(
            box((left + 1) * CELL, (top + 1) * CELL, (left + wide - 1) * CELL, (top + high - 1) * CELL)
        )
        expected[top + 1 : top + high - 1, left + 1 : left + wide - 1] = 0.0
    assert (shares(parcel) == expected).all()


@pytest.mark.parametrize("prefix", [0.0, 38_000_000.0])
@pytest.mark.parametrize("cell", [0.1, 1 / 3, 12.5, 29.987])
def test_cells_of_an_odd_size_are_whole_when_the_parcel_is_drawn_on_their_lines(prefix, cell):
    west, north = prefix + 512_345.678, 4_012_345.678
    edges = [west + 7 * cell, north - 11 * cell, west + 19 * cell, north - 5 * cell]
    window, found = weights(shapes(shapely.box(*edges)), (west, cell, 0.0, north, 0.0, -cell), (40, 40))
    assert (window, found.tolist()) == ((slice(5, 11), slice(7, 19)), [[1.0] * 12] * 6)


def test_half_cells_and_quarters_are_exact():
    parcel = local(shapely.Polygon([(5, -5), (20, -5), (20, -20), (5, -20)]))
    assert shares(parcel)[:2, :2].tolist() == [[0.25, 0.5], [0.5, 1.0]]
    diagonal = local(shapely.Polygon([(0, 0), (20, -20), (0, -20)]))
    assert shares(diagonal)[:2, :2].tolist() == [[0.5, 0.0], [1.0, 0.5]]


def test_a_comb_of_many_teeth_in_one_cell_is_exact():
    teeth = [(0.0, 10.0)]
    for index in range(64):
        teeth += [(index / 8 + 1 / 16, 1.0), ((index + 1) / 8, 9.0)]
    parcel = local(translate(shapely.Polygon([*teeth, (8.0, 10.0)]), 101, -111))
    _, found = weights(shapes(parcel), TRANSFORM, (ROWS, COLUMNS))
    assert found.sum() * CELL**2 == pytest.approx(parcel.area, abs=1e-10)


def test_parts_that_touch_in_one_point_and_a_hole_that_touches_its_ring():
    touching = shapely.MultiPolygon([box(12, 12, 37, 31), box(37, 31, 55, 44)])
    pierced = shapely.Polygon(
        box(12, 12, 52, 52).exterior.coords, [local(shapely.Polygon([(12, -32), (33, -22), (33, -42)])).exterior.coords]
    )
    for parcel in (touching, pierced):
        window, found = weights(shapes(parcel), TRANSFORM, (ROWS, COLUMNS))
        assert alike(found, cut(parcel, window), 1e-10)


def test_beyond_the_raster_there_are_no_cells():
    window, found = weights(shapes(box(-500, -500, -100, -100)), TRANSFORM, (ROWS, COLUMNS))
    assert found.shape == (0, 0) and window == (slice(0, 0), slice(0, 0))
    assert shares(box(-500, -500, 5000, 5000)).min() == 1.0


@pytest.mark.parametrize(
    "broken",
    [
        shapely.Polygon([(0, 0), (20, 20), (20, 0), (0, 20)]),
        shapely.MultiPolygon([shapely.box(0, 0, 20, 20), shapely.box(10, 10, 30, 30)]),
        shapely.LineString([(0, 0), (20, 20)]),
    ],
)
def test_what_has_no_area_raises(broken):
    with pytest.raises(BrokenShape, match="shape 0"):
        weights(shapes(local(broken)), TRANSFORM, (ROWS, COLUMNS))


def test_a_coordinate_that_is_no_number_raises():
    parcel = shapes(box(10, 10, 20, 20))
    parcel.xy[1, 0] = np.nan
    with pytest.raises(BrokenShape, match="finite"):
        weights(parcel, TRANSFORM, (ROWS, COLUMNS))
