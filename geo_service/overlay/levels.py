"""Levelling: ground against design over a parcel, by exact cell–polygon coverage."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo_service import zonal
from geo_service.compiled import compiled
from geo_service.errors import MeasureFailed
from geo_service.model.evidence import Levels
from geo_service.model.layer import Cells, Grid
from geo_service.overlay.noise import pieces
from geo_service.rings import Shapes, from_wkb

Floats = NDArray[np.float64]


def weights(polygon: Shapes, grid: Grid) -> tuple[tuple[slice, slice], Floats]:
    """Give the share of each cell that lies in a polygon, in the window of the grid around it.

    Returns
    -------
    window : pair of slices
        Rows and columns of the grid, one more on each side where there are any: a slope is seen from its neighbours.
    shares : ndarray of float64
        Same shape as the window, each between 0 and 1.
    """
    rows, columns = grid.values.shape
    (down, across), shares = zonal.weights(polygon, grid.transform, (rows, columns))
    if not shares.size:
        return (down, across), shares
    top, bottom = max(down.start - 1, 0), min(down.stop + 1, rows)
    left, right = max(across.start - 1, 0), min(across.stop + 1, columns)
    around = np.zeros((bottom - top, right - left))
    around[down.start - top : down.stop - top, across.start - left : across.stop - left] = shares
    return (slice(top, bottom), slice(left, right)), around


def _shape(area: BaseGeometry) -> Shapes:
    return from_wkb([b"" if area.is_empty else area.wkb])


def design_from_grid(ground: Grid, design: Grid) -> Cells:
    """Return the design levels on the cells of the ground raster.

    Raises
    ------
    MeasureFailed
        When the two rasters do not share their cells; nothing is resampled in silence.
    """
    if ground.crs != design.crs:
        raise MeasureFailed(f"design raster in {design.crs}, ground raster in {ground.crs}")
    if ground.transform != design.transform or ground.values.shape != design.values.shape:
        raise MeasureFailed("design raster and ground raster do not share their cells")
    return design.values


def _platform_ground(
    parcel: BaseGeometry, platforms: Sequence[tuple[BaseGeometry, float]], edge_m: float
) -> tuple[list[tuple[BaseGeometry, float]], BaseGeometry]:
    """Return the inner ground of each platform with its level, and the parcel without all platform edges.

    The band of ``edge_m`` on both sides of a platform's edge is left out: slopes and walls stand there.
    """
    inner = [
        (shapely.MultiPolygon(pieces(shapely.intersection(parcel, shapely.buffer(shape, -edge_m)))), level)
        for shape, level in platforms
    ]
    bands = [
        shapely.difference(shapely.buffer(shape, edge_m), shapely.buffer(shape, -edge_m)) for shape, _ in platforms
    ]
    judged = shapely.difference(parcel, shapely.union_all(bands))
    return [(shape, level) for shape, level in inner if shape.area > 0.0], judged


def levels(
    parcel: BaseGeometry,
    ground: Grid,
    design: Cells | None,
    platforms: Sequence[tuple[BaseGeometry, float]],
    tolerance_m: float,
    edge_m: float = 0.0,
    outline: Shapes | None = None,
) -> Levels:
    """Compare ground and design.

    Parameters
    ----------
    parcel : Polygon or MultiPolygon
        In the CRS of ``ground``.
    design : Cells or None
        Design levels on the cells of ``ground``, NaN where there are none; ``None`` when platforms are given.
    platforms : sequence of (geometry, level in m)
        Each is judged by itself without its edges; the least share within the tolerance is the parcel's.
    outline : Shapes, optional
        The parcel as plain numbers, where they are at hand.

    Examples
    --------
    See ``tests/overlay/test_levels.py``: a plane 0.2 m above its design is wholly within 0.3 m.
    """
    cell_m2 = abs(ground.transform[1] * ground.transform[5])
    if design is not None:
        window, shares = weights(_shape(parcel) if outline is None else outline, ground)
        values = ground.values[window]
        difference = values - design[window]
        judged = [(difference, shares)]
        known_m2 = _known_m2(difference, shares, cell_m2)
        total_m2 = float(parcel.area)
        slopes = _slope_p95_percent(values, shares, ground)
    else:
        inner, site = _platform_ground(parcel, platforms, edge_m)
        judged = []
        for shape, level in inner:
            window, shares = weights(_shape(shape), ground)
            judged.append((ground.values[window] - level, shares))
        # Ground under several platforms is judged for each and known once.
        known = shapely.union_all([shape for shape, level in inner if np.isfinite(level)])
        window, shares = weights(_shape(known), ground)
        known_m2 = _known_m2(ground.values[window], shares, cell_m2)
        total_m2 = float(site.area)
        slopes = None
    worst = 1.0
    collected: list[Floats] = []
    collected_weights: list[Floats] = []
    for difference, shares in judged:
        given = np.isfinite(difference) & (shares > 0)
        own, own_weights = difference[given], shares[given]
        own_known = float(own_weights.sum()) * cell_m2
        own_within = float(own_weights[np.abs(own) <= tolerance_m].sum()) * cell_m2
        if own_known > 0:
            worst = min(worst, own_within / own_known)
        collected.append(own)
        collected_weights.append(own_weights)
    if known_m2 == 0.0:
        return Levels(0.0, 0.0, 0.0, 0.0, None, 0.0, 0.0, 1.0, 0.0)
    flat, weight = np.concatenate(collected), np.concatenate(collected_weights)
    total = weight.sum()
    return Levels(
        share_within=worst,
        mean_m=float((flat * weight).sum() / total),
        rmse_m=float(np.sqrt((flat**2 * weight).sum() / total)),
        p95_m=weighted_percentile(np.abs(flat), weight.copy(), 95.0) if len(flat) else 0.0,
        slope_p95_percent=slopes,
        cut_m3=float((np.maximum(flat, 0.0) * weight).sum() * cell_m2),
        fill_m3=float((np.maximum(-flat, 0.0) * weight).sum() * cell_m2),
        nodata_share=max(0.0, 1.0 - known_m2 / total_m2) if total_m2 > 0 else 1.0,
        judged_m2=known_m2,
    )


def _known_m2(values: Floats, shares: Floats, cell_m2: float) -> float:
    return float(shares[np.isfinite(values)].sum()) * cell_m2


def _slope_p95_percent(values: Floats, shares: Floats, ground: Grid) -> float | None:
    """Return the 95th percentile of the slope on a polygon, in percent."""
    if min(values.shape, default=0) < 2:
        return None
    found, weight = np.empty(values.size), np.empty(values.size)
    count = _slopes(values, shares, abs(ground.transform[5]), abs(ground.transform[1]), found, weight)
    return weighted_percentile(found[:count], weight[:count], 95.0) if count else None


@compiled
def _slopes(values: Floats, shares: Floats, down_m: float, across_m: float, found: Floats, weight: Floats) -> int:
    """Write the slope of each cell of a polygon from its neighbours, by central differences, and the cell's share.

    Returns
    -------
    int
        How many there are: cells without a value, or beside one, have none.
    """
    rows, columns = values.shape
    count = 0
    for row in range(rows):
        above, below = max(row - 1, 0), min(row + 1, rows - 1)
        for column in range(columns):
            if not shares[row, column] > 0.0:
                continue
            left, right = max(column - 1, 0), min(column + 1, columns - 1)
            fall = (values[below, column] - values[above, column]) / ((below - above) * down_m)
            rise = (values[row, right] - values[row, left]) / ((right - left) * across_m)
            slope = math.hypot(fall, rise) * 100.0
            if np.isfinite(slope):
                found[count], weight[count] = slope, shares[row, column]
                count += 1
    return count


@compiled
def weighted_percentile(values: Floats, weights: Floats, percent: float) -> float:
    """Return the least value that is reached by so many percent of the weight; both arrays are put in another order.

    Only the side of a pivot that holds it is looked at again, so that this takes a few passes.

    Examples
    --------
    >>> weighted_percentile(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0]), 50.0)
    2.0
    """
    target = weights.sum() * percent / 100.0
    low, high, passed = 0, len(values), 0.0
    while True:
        one, two, three = values[low], values[(low + high) // 2], values[high - 1]
        pivot = max(min(one, two), min(max(one, two), three))
        # Less than the pivot before ``less``, more from ``more`` on.
        less, place, more = low, low, high
        below, same = 0.0, 0.0
        while place < more:
            value, weight = values[place], weights[place]
            if value < pivot:
                values[place], weights[place] = values[less], weights[less]
                values[less], weights[less] = value, weight
                below += weight
                less += 1
                place += 1
            elif value > pivot:
                more -= 1
                values[place], weights[place] = values[more], weights[more]
                values[more], weights[more] = value, weight
            else:
                same += weight
                place += 1
        if less > low and passed + below >= target:
            high = less
        elif more == high or passed + below + same >= target:
            return float(pivot)
        else:
            low, passed = more, passed + below + same
