"""Levelling: ground against design over a parcel, by exact cell–polygon coverage."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo_service import zonal
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
        slope = _slope_percent(values, ground)
        judged = [(difference, shares)]
        known_m2 = _known_m2(difference, shares, cell_m2)
        total_m2 = float(parcel.area)
        slopes = _percentile(slope, shares, 95.0)
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
        p95_m=_percentile(np.abs(flat), weight, 95.0) or 0.0,
        slope_p95_percent=slopes,
        cut_m3=float((np.maximum(flat, 0.0) * weight).sum() * cell_m2),
        fill_m3=float((np.maximum(-flat, 0.0) * weight).sum() * cell_m2),
        nodata_share=max(0.0, 1.0 - known_m2 / total_m2) if total_m2 > 0 else 1.0,
        judged_m2=known_m2,
    )


def _known_m2(values: Floats, shares: Floats, cell_m2: float) -> float:
    return float(shares[np.isfinite(values)].sum()) * cell_m2


def _slope_percent(values: Floats, ground: Grid) -> Floats:
    if min(values.shape, default=0) < 2:
        return np.full(values.shape, np.nan)
    down, right = np.gradient(values, abs(ground.transform[5]), abs(ground.transform[1]))
    return np.asarray(np.hypot(down, right) * 100.0)


def _percentile(values: Floats, weight: Floats, percent: float) -> float | None:
    known = np.isfinite(values) & (weight > 0)
    if not known.any():
        return None
    flat, share = values[known], weight[known]
    target = float(share.sum()) * percent / 100.0
    # Only values around the one that is asked for are put in order: well below it, their sum is enough.
    low = np.partition(flat, len(flat) * 3 // 4)[len(flat) * 3 // 4]
    below = flat < low
    passed = float(share[below].sum())
    if passed < target:
        flat, share = flat[~below], share[~below]
    else:
        passed = 0.0
    order = np.argsort(flat, kind="stable")
    reached = passed + np.cumsum(share[order])
    return float(flat[order][np.searchsorted(reached, min(target, reached[-1]))])
