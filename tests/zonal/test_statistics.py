"""Statistics of rasters in memory, against another library, by hand, and by law."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from exactextract import exact_extract
from exactextract.feature import JSONFeatureSource
from exactextract.raster import NumPyRasterSource
from hypothesis import given
from hypothesis import strategies as st

from geo_service.rings import BrokenShape, Shapes, from_wkb
from geo_service.zonal import Raster, Statistics, statistics
from tests.zonal.shapes import CELL, COLUMNS, NORTH, ROWS, TRANSFORM, WEST, box, polygons, shapes

RNG = np.random.default_rng(20_261_121)
GROUND = RNG.normal(900.0, 20.0, (ROWS, COLUMNS))
HOLED = np.where(RNG.random((ROWS, COLUMNS)) < 0.2, np.nan, GROUND)


def measured(values: np.ndarray, *parcels: shapely.Geometry, **more) -> Statistics:
    (found,) = statistics(shapes(*parcels), [Raster(values, **more)], TRANSFORM)
    return found


def by_the_other(values: np.ndarray, parcels: list[shapely.Geometry], *asked: str) -> list[np.ndarray]:
    rows, columns = values.shape
    source = NumPyRasterSource(
        values, xmin=WEST, xmax=WEST + columns * CELL, ymin=NORTH - rows * CELL, ymax=NORTH, nodata=np.nan
    )
    features = [
        {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(parcel)} for parcel in parcels
    ]
    found = exact_extract(source, JSONFeatureSource(features), list(asked))
    return [np.array([one["properties"][name] for one in found], dtype=float) for name in asked]


@pytest.mark.slow
@pytest.mark.parametrize("values", [GROUND, HOLED, HOLED.astype(np.float32)], ids=["full", "holed", "float32"])
def test_another_library_gives_the_same(values):
    @given(st.lists(polygons(), min_size=1, max_size=5))
    def compare(parcels):
        found = measured(values, *parcels)
        count, mean, least, most = by_the_other(values, parcels, "count", "mean", "min", "max")
        # The other library holds shares in 32 bits.
        assert found.count == pytest.approx(count, rel=1e-7, abs=1e-5)
        # With less of a cell than its 32 bits tell from nothing, the other library has nothing to weigh.
        weighty = count > 1e-4
        assert found.mean[weighty] == pytest.approx(mean[weighty], rel=1e-8)
        assert np.array_equal(found.minimum[weighty], least[weighty])
        assert np.array_equal(found.maximum[weighty], most[weighty])
        assert np.isnan(found.mean[count == 0]).all()

    compare()


def test_thresholds_give_the_share_of_ground_above_them():
    values = np.array([[0.0, 0.2, 0.6, np.nan]])
    found = measured(values, box(5, 0, 40, 10), thresholds=(0.15, 0.5, 0.6))
    # Half a cell at 0, one each at 0.2 and 0.6, one unknown; above means above, not at.
    assert found.above[0].tolist() == [2.0 / 2.5, 1.0 / 2.5, 0.0]
    assert found.nodata_share[0] == 1.0 / 3.5
    assert (found.count[0], found.total[0]) == (2.5, 0.8)


def test_whole_cells_give_whole_numbers():
    values = np.arange(ROWS * COLUMNS, dtype=float).reshape(ROWS, COLUMNS)
    found = measured(values, box(30, 20, 70, 50))
    inside = values[2:5, 3:7]
    assert (found.count[0], found.total[0]) == (12.0, inside.sum())
    assert (found.minimum[0], found.maximum[0]) == (inside.min(), inside.max())
    assert found.nodata_share[0] == 0.0


def test_nodata_is_reported_and_never_zero():
    values = np.full((ROWS, COLUMNS), 5.0)
    values[:, :2] = -9999.0
    found = measured(values, box(0, 0, 40, 40), box(0, 0, 20, 40), nodata=-9999.0)
    assert found.nodata_share.tolist() == [0.5, 1.0]
    assert found.mean[0] == 5.0 and found.count[1] == 0.0
    assert np.isnan([found.mean[1], found.total[1], found.minimum[1], found.maximum[1]]).all()


def test_nodata_of_a_file_in_32_bits_is_known_in_64():
    lowest = -3.4028234663852886e38
    values = np.array([[1.0, lowest]], dtype=np.float32)
    assert measured(values, box(0, 0, 20, 10), nodata=lowest).nodata_share[0] == 0.5
    odd = np.array([[1.0, -9999.9]], dtype=np.float32)
    assert measured(odd, box(0, 0, 20, 10), nodata=-9999.9).nodata_share[0] == 0.5


def test_what_lies_outside_the_raster_is_nodata():
    found = measured(np.ones((ROWS, COLUMNS)), box(-30, -10, 10, 10), box(-500, 0, -400, 10), box(480, 380, 520, 420))
    assert found.nodata_share == pytest.approx([1 - 1 / 8, 1.0, 0.75])
    assert found.count == pytest.approx([1.0, 0.0, 4.0])


def test_scale_and_offset_are_applied_to_values_and_not_to_nodata():
    values = np.array([[100.0, 300.0, -1.0]])
    found = measured(values, box(0, 0, 30, 10), nodata=-1.0, scale=0.01, offset=900.0, thresholds=(902.0,))
    assert (found.minimum[0], found.maximum[0]) == (901.0, 903.0)
    assert found.mean[0] == pytest.approx(902.0)
    assert (found.above[0, 0], found.nodata_share[0]) == (0.5, 1 / 3)


@given(polygons(), st.floats(0, 180))
def test_the_parts_of_a_divided_parcel_add_up_to_it(parcel, angle):
    centre = parcel.centroid
    half = shapely.affinity.rotate(
        shapely.box(centre.x - 1e4, centre.y, centre.x + 1e4, centre.y + 1e4), angle, origin=centre
    )
    parts = [
        shapely.MultiPolygon([one for one in shapely.get_parts(part) if one.geom_type == "Polygon"])
        for part in (parcel.intersection(half), parcel.difference(half))
    ]
    whole, found = measured(HOLED, parcel), measured(HOLED, *parts)
    assert found.count.sum() == pytest.approx(whole.count[0], rel=1e-8, abs=1e-6)
    assert np.nansum(found.total) == pytest.approx(np.nansum(whole.total), rel=1e-8, abs=1e-3)
    areas = np.array([part.area for part in parts])
    assert (found.nodata_share * areas).sum() == pytest.approx(whole.nodata_share[0] * areas.sum(), rel=1e-7, abs=1e-4)


def many(count: int) -> Shapes:
    rng = np.random.default_rng(5)
    corner = rng.uniform(-50, 550, (count, 2))
    size = rng.uniform(0.5, 90, (count, 2))
    return from_wkb(
        [
            box(west, north, west + wide, north + high).wkb
            for (west, north), (wide, high) in zip(corner, size, strict=True)
        ]
    )


def bits(found: Statistics) -> list[bytes]:
    return [getattr(found, name).tobytes() for name in Statistics.__slots__]


def test_neither_threads_nor_order_nor_company_changes_a_bit():
    parcels = many(9_000)
    rasters = [Raster(HOLED, (890.0, 900.0)), Raster(HOLED.astype(np.float32))]
    one, other = statistics(parcels, rasters, TRANSFORM, threads=1), statistics(parcels, rasters, TRANSFORM, threads=2)
    assert [bits(found) for found in one] == [bits(found) for found in other]
    order = np.random.default_rng(6).permutation(len(parcels))
    (turned,) = statistics(parcels.take(order), rasters[:1], TRANSFORM)
    assert turned.total.tobytes() == one[0].total[order].tobytes()
    (alone,) = statistics(parcels.slice(17, 18), rasters[:1], TRANSFORM)
    assert alone.mean.tobytes() == one[0].mean[17:18].tobytes()


def test_a_parcel_larger_than_what_is_held_at_a_time_is_measured_in_strips():
    rng = np.random.default_rng(7)
    values = rng.normal(0.0, 1.0, (700, 900))
    triangle = shapely.Polygon(
        [(WEST - 3, NORTH - 7), (WEST + 8_990.5, NORTH - 3_333.3), (WEST + 1_234.5, NORTH - 6_999.9)]
    )
    (found,) = statistics(shapes(triangle), [Raster(values)], TRANSFORM)
    count, mean, least, most = by_the_other(values, [triangle], "count", "mean", "min", "max")
    assert found.count == pytest.approx(count, rel=1e-9)
    # A mean near nothing of values near 1: what counts is the digits of the values.
    assert found.mean == pytest.approx(mean, abs=1e-8)
    assert (found.minimum[0], found.maximum[0]) == (least[0], most[0])


def test_an_absent_boundary_is_unknown_ground():
    (found,) = statistics(from_wkb([b"", box(0, 0, 10, 10).wkb]), [Raster(GROUND)], TRANSFORM)
    assert found.nodata_share.tolist() == [1.0, 0.0]
    assert np.isnan(found.mean[0]) and found.mean[1] == GROUND[0, 0]


def test_the_broken_one_among_many_is_named():
    good = [box(i, i, i + 5, i + 5) for i in range(5_000)]
    good[4_321] = shapely.Polygon([(0, 0), (20, 20), (20, 0), (0, 20)])
    with pytest.raises(BrokenShape) as caught:
        statistics(shapes(*good), [Raster(GROUND)], TRANSFORM)
    assert caught.value.index == 4_321


def test_rasters_of_several_shapes_are_refused():
    with pytest.raises(ValueError, match="several shapes"):
        statistics(shapes(box(0, 0, 10, 10)), [Raster(GROUND), Raster(GROUND[1:])], TRANSFORM)
    assert statistics(shapes(box(0, 0, 10, 10)), [], TRANSFORM) == ()
