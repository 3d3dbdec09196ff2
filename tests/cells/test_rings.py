"""Shapes as plain numbers: read from every dialect of WKB and from native arrays, sliced, taken, measured."""

from __future__ import annotations

import pickle
import struct

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo_service.cells import areas
from geo_service.rings import BrokenShape, Shapes, from_geoarrow, from_wkb
from tests.cells import exact
from tests.cells.drawing import POLYGONS

SQUARE = shapely.box(0, 0, 10, 8)
HOLED = shapely.Polygon(SQUARE.exterior, [[(2, 2), (4, 2), (4, 4), (2, 2)], [(6, 6), (7, 6), (7, 7), (6, 6)]])
PARTS = shapely.MultiPolygon([HOLED, shapely.box(20, 0, 30, 5)])
LINE = shapely.LineString([(0, 0), (3, 4), (6, 0)])
LINES = shapely.MultiLineString([[(0, 0), (1, 1)], [(5, 5), (6, 7), (8, 9)]])
ALL = [SQUARE, LINE, PARTS, HOLED, LINES]


def rebuilt(shapes: Shapes) -> list[shapely.Geometry]:
    """Make geometries of the numbers again."""
    out: list[shapely.Geometry] = []
    for index in range(len(shapes)):
        chains = range(shapes.shape_at[index], shapes.shape_at[index + 1])
        runs = [shapes.xy[shapes.chain_at[chain] : shapes.chain_at[chain + 1]] for chain in chains]
        if not shapes.polygonal[index]:
            out.append(shapely.MultiLineString(runs))
            continue
        found: list[list[np.ndarray]] = []
        for chain, run in zip(chains, runs, strict=True):
            if shapes.outer[chain]:
                found.append([run])
            else:
                found[-1].append(run)
        out.append(shapely.MultiPolygon([shapely.Polygon(rings[0], rings[1:]) for rings in found]))
    return out


def same(shapes: Shapes, geometries: list[shapely.Geometry]) -> bool:
    """Tell whether they are the same, vertex by vertex, a part alone being as many parts."""
    plain = [shapely.force_2d(geometry) for geometry in geometries]
    return len(shapes) == len(plain) and all(
        shapely.get_parts(own).tolist() == shapely.get_parts(other).tolist()
        for own, other in zip(rebuilt(shapes), plain, strict=True)
    )


def with_z(geometry: shapely.Geometry) -> shapely.Geometry:
    return shapely.force_3d(geometry, 91.25)


def with_m(geometry: shapely.Geometry, *, code: int, per_vertex: int) -> bytes:
    """Write a polygon with further dimensions by hand: ISO adds a thousand a kind, EWKB sets bits."""
    rings = [geometry.exterior, *geometry.interiors]
    out = struct.pack("<BII", 1, code, len(rings))
    for ring in rings:
        out += struct.pack("<I", len(ring.coords))
        for x, y in ring.coords:
            out += struct.pack(f"<{per_vertex}d", x, y, *range(per_vertex - 2))
    return out


def test_polygons_and_lines_of_every_kind_are_read_vertex_by_vertex():
    shapes = from_wkb([geometry.wkb for geometry in ALL])

    assert same(shapes, ALL)
    assert shapes.polygonal.tolist() == [True, False, True, True, False]
    assert shapes.outer.tolist() == [True, False, True, False, False, True, True, False, False, False, False]
    assert shapes.xy.flags.c_contiguous


@given(st.lists(POLYGONS, max_size=4), st.sampled_from(["extended", "iso"]), st.booleans(), st.booleans())
def test_every_dialect_reads_the_same(geometries, flavor, deep, srid):
    srid = srid and flavor == "extended"
    wkb = [
        shapely.to_wkb(shapely.set_srid(with_z(geometry) if deep else geometry, 4547), flavor=flavor, include_srid=srid)
        for geometry in geometries
    ]
    assert same(from_wkb(wkb), geometries)


@pytest.mark.parametrize(
    ("code", "per_vertex"),
    [(1003, 3), (2003, 3), (3003, 4), (0x80000003, 3), (0x40000003, 3), (0xC0000003, 4)],
    ids=["iso z", "iso m", "iso zm", "ewkb z", "ewkb m", "ewkb zm"],
)
def test_further_dimensions_are_left_out(code, per_vertex):
    assert same(from_wkb([with_m(HOLED, code=code, per_vertex=per_vertex), SQUARE.wkb]), [HOLED, SQUARE])


def test_arrow_arrays_are_read_whole_in_part_in_chunks_and_wide():
    wkb = [geometry.wkb for geometry in ALL]
    for column in (pa.array(wkb), pa.array(wkb, type=pa.large_binary())):
        assert same(from_wkb(column), ALL)
        assert same(from_wkb(column[1:4]), ALL[1:4])
        assert same(from_wkb(column[1:4][1:]), ALL[2:4])
        assert same(from_wkb(pa.chunked_array([column[:2], column[3:], column[2:3]])), [*ALL[:2], *ALL[3:], ALL[2]])
        assert len(from_wkb(column[2:2])) == 0
        assert len(from_wkb(pa.chunked_array([], type=column.type))) == 0
    assert len(from_wkb([])) == 0


def test_a_null_is_a_shape_without_vertices():
    column = pa.array([None, SQUARE.wkb, None, PARTS.wkb, None])
    for part, geometries in (
        (column, [shapely.MultiPolygon(), SQUARE, shapely.MultiPolygon(), PARTS, shapely.MultiPolygon()]),
        (column[1:4], [SQUARE, shapely.MultiPolygon(), PARTS]),
    ):
        shapes = from_wkb(part)
        assert same(shapes, geometries)
        assert np.isnan(shapes.bounds()).all(axis=1).tolist() == [geometry.is_empty for geometry in geometries]


@pytest.mark.parametrize("interleaved", [True, False])
@pytest.mark.parametrize("wide", [True, False])
def test_native_arrays_of_polygons_and_multipolygons_are_read(interleaved, wide):
    many = pa.large_list if wide else pa.list_
    point = pa.list_(pa.float64(), 2) if interleaved else pa.struct([("x", pa.float64()), ("y", pa.float64())])

    def rings(polygon: shapely.Polygon) -> list:
        return [
            [list(xy) if interleaved else dict(zip("xy", xy, strict=True)) for xy in ring.coords]
            for ring in (polygon.exterior, *polygon.interiors)
        ]

    polygons = pa.array([rings(HOLED), rings(SQUARE), rings(HOLED)], type=many(many(point)))
    several = [PARTS, shapely.MultiPolygon([SQUARE]), PARTS]
    multipolygons = pa.array([[rings(part) for part in shape.geoms] for shape in several], type=many(many(many(point))))
    for column, geometries in ((polygons, [HOLED, SQUARE, HOLED]), (multipolygons, several)):
        assert same(from_geoarrow(column), geometries)
        assert same(from_geoarrow(column[1:]), geometries[1:])
        assert same(from_geoarrow(column[:1]), geometries[:1])
        assert same(from_geoarrow(pa.chunked_array([column[2:], column[:2]])), [geometries[2], *geometries[:2]])
        from_geoarrow(column).check()


def test_native_arrays_with_heights_leave_them_out():
    point = pa.list_(pa.float64(), 3)
    column = pa.array([[[[x, y, 5.0] for x, y in SQUARE.exterior.coords]]], type=pa.list_(pa.list_(point)))

    assert same(from_geoarrow(column), [SQUARE])


@pytest.mark.parametrize("depth", [1, 4])
def test_native_arrays_of_something_else_are_refused(depth):
    kind: pa.DataType = pa.list_(pa.float64(), 2)
    for _ in range(depth):
        kind = pa.list_(kind)
    with pytest.raises(BrokenShape):
        from_geoarrow(pa.array([], type=kind))


@given(st.lists(POLYGONS, min_size=1, max_size=5), st.data())
def test_slices_and_rows_taken_are_those_shapes(geometries, data):
    shapes = from_wkb([geometry.wkb for geometry in geometries])
    start = data.draw(st.integers(0, len(geometries)))
    stop = data.draw(st.integers(start, len(geometries)))
    rows = data.draw(st.lists(st.integers(0, len(geometries) - 1), max_size=6))

    assert same(shapes.slice(start, stop), geometries[start:stop])
    assert same(shapes.take(np.array(rows, dtype=np.int64)), [geometries[row] for row in rows])
    assert same(shapes.slice(start, stop).take(np.arange(stop - start)[::-1]), geometries[start:stop][::-1])
    assert np.array_equal(shapes.bounds(), shapely.bounds(geometries))
    assert np.array_equal(shapes.slice(start, stop).bounds(), shapely.bounds(geometries[start:stop]).reshape(-1, 4))


@given(st.lists(POLYGONS, max_size=4))
def test_what_is_valid_passes(geometries):
    shapes = from_wkb([geometry.wkb for geometry in geometries])
    shapes.check()
    shapes.check_rings()


RINGS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=8).map(
    lambda points: [*points, points[0]]
)


@given(st.lists(RINGS, min_size=1, max_size=3), st.booleans(), st.sampled_from([0.0, 413_000.0]))
def test_what_passes_has_the_area_it_bounds_and_what_is_valid_passes(rings, parts, east):
    moved = [[(x + east, y + 0.0) for x, y in ring] for ring in rings]
    drawn = (
        shapely.MultiPolygon([shapely.Polygon(ring) for ring in moved])
        if parts
        else shapely.Polygon(moved[0], moved[1:])
    )
    shapes = from_wkb([drawn.wkb])
    try:
        found = areas(shapes, []).parcel_m2[0]
    except BrokenShape:
        assert not drawn.is_valid
    else:
        assert found == pytest.approx(exact.areas(moved, [], {"all": lambda inside: True})["all"], abs=1e-9)


@pytest.mark.parametrize("turned", range(8))
def test_edges_that_run_back_on_each_other_enclose_nothing(turned):
    # Two halves of a square joined along a slit, turned so that the slit points in every direction.
    ring = np.array([(0, 0), (4, 0), (4, 2), (0, 2), (4, 2), (4, 4), (0, 4), (0, 2), (0, 0)], dtype=float)
    angle = turned * np.pi / 4
    ring = (ring - 2.0) @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    ring[-1] = ring[0]

    assert areas(from_wkb([shapely.Polygon(ring).wkb]), []).parcel_m2[0] == pytest.approx(16.0)


def test_a_line_is_checked_for_its_numbers_only():
    crossing = shapely.LineString([(0, 0), (2, 2), (2, 0), (0, 2)])
    from_wkb([crossing.wkb]).check()
    with pytest.raises(BrokenShape, match="finite"):
        from_wkb([struct.pack("<BII4d", 1, 2, 2, 0.0, 0.0, np.nan, 1.0)]).check()


def test_a_fault_crosses_a_process_boundary():
    fault = BrokenShape(7, "a ring is not closed")
    again = pickle.loads(pickle.dumps(fault))

    assert (again.index, again.why, str(again)) == (7, "a ring is not closed", str(fault))


@given(st.binary(max_size=120), st.lists(st.integers(0, 2**32 - 1), max_size=3))
def test_any_bytes_are_refused_or_read_never_read_beyond(tail, counts):
    wkb = struct.pack("<BI", 1, 3) + b"".join(struct.pack("<I", count) for count in counts) + tail
    try:
        shapes = from_wkb([wkb, SQUARE.wkb])
    except BrokenShape as fault:
        assert fault.index == 0
    else:
        assert np.array_equal(shapes.xy[-5:], np.asarray(SQUARE.exterior.coords))
        assert len(shapes.xy) * 16 <= len(wkb) + 5 * 16


@given(st.integers(0, 3), st.data())
def test_one_byte_changed_or_lost_never_reads_beyond(which, data):
    wkb = bytearray(from_bytes := shapely.to_wkb([SQUARE, HOLED, PARTS, LINES][which]))
    place = data.draw(st.integers(0, len(wkb) - 1))
    wkb[place] = data.draw(st.integers(0, 255))
    for content in (bytes(wkb), from_bytes[:place]):
        try:
            shapes = from_wkb([content, LINE.wkb])
        except BrokenShape as fault:
            assert fault.index == 0
        else:
            assert np.array_equal(shapes.xy[-3:], np.asarray(LINE.coords))
