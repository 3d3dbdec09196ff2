"""Levelling: exact coverage weights, nodata never taken for zero, rasters that do not fit refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely

from geo_service.errors import MeasureFailed
from geo_service.overlay import design_from_grid, levels
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
