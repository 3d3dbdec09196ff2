"""Levelling: exact coverage weights, nodata never taken for zero, rasters that do not fit refused."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
import shapely
from exactextract import exact_extract
from exactextract.feature import JSONFeatureSource
from exactextract.raster import NumPyRasterSource
from hypothesis import given
from hypothesis import strategies as st

from geo_service.errors import MeasureFailed
from geo_service.overlay import design_from_grid, levels
from geo_service.store import cog
from tests.world import ORIGIN, box, grid


def ground(values: np.ndarray):
    edition = grid("ground_elevation", values, west=0, north=100)
    return edition.data


def test_a_plane_20_cm_above_its_design_is_within_30_cm() -> None:
    raster = ground(np.full((20, 20), 912.2))
    found = levels(box(10, 10, 60, 60), raster, np.full((20, 20), 912.0), (), 0.30)
    assert found.share_within == 1.0
    assert found.mean_m == pytest.approx(0.2)
    assert found.cut_m3 == pytest.approx(0.2 * 2500)
    assert found.fill_m3 == 0.0
    assert found.slope_p95_percent == pytest.approx(0.0)


def test_cells_count_by_the_part_that_lies_in_the_parcel() -> None:
    values = np.full((20, 20), 912.0)
    values[:, :2] = 913.0
    # The parcel begins in the middle of the second column: 2.5 m of its 10 m width lie on high ground.
    found = levels(box(7.5, 20, 17.5, 40), ground(values), np.full((20, 20), 912.0), (), 0.30)
    assert found.share_within == pytest.approx(0.75)
    assert found.cut_m3 == pytest.approx(2.5 * 20 * 1.0)


def test_nodata_is_reported_and_never_zero() -> None:
    values = np.full((20, 20), 912.0)
    values[:10, :] = np.nan
    found = levels(box(0, 0, 100, 100), ground(values), np.full((20, 20), 912.0), (), 0.30)
    assert found.nodata_share == pytest.approx(0.5)
    assert found.share_within == 1.0


def test_a_parcel_beyond_the_raster_is_nodata() -> None:
    found = levels(box(-50, 0, 50, 100), ground(np.full((20, 20), 912.0)), np.full((20, 20), 912.0), (), 0.30)
    assert found.nodata_share == pytest.approx(0.5)


def test_slope_is_rise_over_run() -> None:
    columns = np.arange(20) * 5.0 * 0.04
    values = np.tile(912.0 + columns, (20, 1))
    found = levels(box(20, 20, 80, 80), ground(values), values, (), 0.30)
    assert found.slope_p95_percent == pytest.approx(4.0)


def test_rasters_that_do_not_share_their_cells_are_refused() -> None:
    one = ground(np.zeros((20, 20)))
    moved = replace(one, transform=(ORIGIN[0] + 2.5, 5.0, 0.0, ORIGIN[1] + 100, 0.0, -5.0))
    with pytest.raises(MeasureFailed, match="share their cells"):
        design_from_grid(one, moved)
    with pytest.raises(MeasureFailed, match="EPSG:4546"):
        design_from_grid(one, replace(one, crs="EPSG:4546"))


def test_a_platform_is_judged_without_its_edge() -> None:
    values = np.full((20, 20), 912.0)
    values[:, 9:11] = 915.0
    platform = (shapely.union_all([box(0, 0, 45, 100)]), 912.0)
    found = levels(box(0, 0, 100, 100), ground(values), None, [platform], 0.30, edge_m=2.0)
    assert found.share_within == 1.0
    assert found.nodata_share > 0.5


def test_another_library_gives_the_same_levels() -> None:
    rng = np.random.default_rng(21)
    values = 912.0 + rng.normal(0.0, 0.3, (20, 20))
    values[3:6, 7:9] = np.nan
    design = 912.0 + rng.normal(0.0, 0.05, (20, 20))
    parcel = shapely.affinity.rotate(box(13.7, 21.1, 71.9, 88.3), 17.0).difference(box(33.3, 40.2, 41.6, 55.5))
    found = levels(parcel, ground(values), design, (), 0.30)
    west, north = ORIGIN[0], ORIGIN[1] + 100
    source = NumPyRasterSource(values - design, xmin=west, xmax=west + 100, ymin=north - 100, ymax=north)
    feature = {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(parcel)}
    cells = exact_extract(source, JSONFeatureSource([feature]), ["values", "coverage"])[0]["properties"]
    known = np.isfinite(cells["values"])
    difference, share = np.asarray(cells["values"])[known], np.asarray(cells["coverage"], dtype=float)[known]
    assert asdict(found) == pytest.approx(
        {
            "share_within": share[np.abs(difference) <= 0.30].sum() / share.sum(),
            "mean_m": np.average(difference, weights=share),
            "rmse_m": np.sqrt(np.average(difference**2, weights=share)),
            "p95_m": found.p95_m,
            "slope_p95_percent": found.slope_p95_percent,
            "cut_m3": (np.maximum(difference, 0.0) * share).sum() * 25.0,
            "fill_m3": (np.maximum(-difference, 0.0) * share).sum() * 25.0,
            "nodata_share": 1 - share.sum() * 25.0 / parcel.area,
            "judged_m2": share.sum() * 25.0,
        },
        rel=1e-6,
    )
    # P95: 95 % of the ground lies at most so far from its design.
    assert share[np.abs(difference) <= found.p95_m].sum() >= 0.95 * share.sum()
    assert share[np.abs(difference) < found.p95_m].sum() <= 0.95 * share.sum()


def test_ground_in_a_file_gives_what_ground_in_memory_gives(tmp_path) -> None:
    values = 912.0 + np.random.default_rng(22).normal(0.0, 0.3, (600, 300))
    raster = ground(values)
    cog.write(raster, tmp_path / "ground.tif")
    stored = cog.read(tmp_path / "ground.tif", raster.spec)
    parcel = box(900.0, -1_800.0, 1_400.0, -1_100.0)
    there = levels(parcel, stored, design_from_grid(stored, stored), (), 0.30)
    assert there == levels(parcel, raster, values, (), 0.30)
    assert there.slope_p95_percent is not None and there.slope_p95_percent > 0.0


def test_the_slope_at_the_edge_of_a_parcel_is_seen_from_the_ground_beside_it() -> None:
    values = np.full((20, 20), 912.0)
    values[:, :10] = 911.0
    # The step lies just outside: the cells along it rise by half of it in two cells.
    found = levels(box(50.0, 20.0, 55.0, 80.0), ground(values), values, (), 0.30)
    assert found.slope_p95_percent == pytest.approx(10.0)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1), st.booleans())
def test_the_95th_percentile_is_the_least_value_that_so_much_ground_does_not_exceed(down, across, seed, coarse) -> None:
    off = np.random.default_rng(seed).normal(0.0, 0.3, (20, 20))
    values = np.round(off, 1) if coarse else off
    found = levels(box(0, 100 - down * 5, across * 5, 100), ground(values), np.zeros((20, 20)), (), 0.30)
    inside = np.abs(values[:down, :across])
    assert found.p95_m == np.percentile(inside, 95, method="inverted_cdf")
