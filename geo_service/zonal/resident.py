"""Rasters that are in memory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from geo_service.rings import Floats, Shapes
from geo_service.zonal.cover import cover, frame
from geo_service.zonal.measuring import (
    Ground,
    Pieces,
    Raster,
    Statistics,
    Transform,
    merge,
    nothing,
    require_polygons,
)

#: Polygons that one thread checks at a time, and the cells along the side of the squares by which they are sorted.
_TAKEN, _NEAR = 4096, 256

Window = tuple[slice, slice]


def statistics(
    parcels: Shapes, rasters: Sequence[Raster], transform: Transform, *, threads: int | None = None
) -> tuple[Statistics, ...]:
    """Measure polygons on rasters in memory that share their cells; all in one CRS.

    Parameters
    ----------
    rasters : sequence of Raster
        All of one shape.
    transform : tuple of six floats
        GDAL order ``(x0, dx, 0, y0, 0, -dy)``; north up.
    threads : int, optional
        As many as there are cores when left out. The answer has the same bits for any number.

    Returns
    -------
    tuple of Statistics
        One for each raster.

    Raises
    ------
    BrokenShape
        For a shape that is no polygon or has no area in the sense of the standard.
    ValueError
        For rasters of several shapes.

    Examples
    --------
    >>> import shapely
    >>> from geo_service.rings import from_wkb
    >>> depth = Raster(np.array([[1.0, 2.0], [3.0, np.nan]]), thresholds=(1.5,))
    >>> parcel = from_wkb([shapely.box(0, 0, 15, 20).wkb])
    >>> (found,) = statistics(parcel, [depth], (0.0, 10.0, 0.0, 20.0, 0.0, -10.0))
    >>> found.count.item(), found.mean.item(), found.minimum.item(), found.maximum.item()
    (2.5, 2.0, 1.0, 3.0)
    >>> found.above.tolist(), found.nodata_share.round(4).tolist()
    ([[0.6]], [0.1667])
    """
    shapes = {raster.values.shape for raster in rasters}
    if len(shapes) > 1:
        raise ValueError(f"rasters of several shapes: {sorted(shapes)}")
    if not rasters:
        return ()
    rows, columns = rasters[0].values.shape
    sums = [nothing(len(parcels), len(raster.thresholds)) for raster in rasters]
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        list(pool.map(lambda start: require_polygons(parcels, start, start + _TAKEN), range(0, len(parcels), _TAKEN)))
        ground = Ground.of(parcels, transform, (rows, columns))

        def take(pieces: Pieces) -> list[Floats]:
            runs = ground.runs(pieces)
            return [runs.add(raster) for raster in rasters]

        batches = list(_pieces(ground).batches())
        for batch, parts in zip(batches, pool.map(take, batches), strict=True):
            for into, part in zip(sums, parts, strict=True):
                merge(into, batch.owners, part)
    return tuple(ground.conclude(own) for own in sums)


def _pieces(ground: Ground) -> Pieces:
    """Cut polygons; neighbours come one after the other, because their cells are then still at hand."""
    within = ground.within()
    inside = np.flatnonzero((within[:, 0] < within[:, 1]) & (within[:, 2] < within[:, 3]))
    order = inside[np.lexsort((within[inside, 2] // _NEAR, within[inside, 0] // _NEAR))]
    return Pieces(order, within[order]).strips()


def weights(parcel: Shapes, transform: Transform, shape: tuple[int, int]) -> tuple[Window, Floats]:
    """Give the share of each cell of a raster that lies in one polygon.

    Parameters
    ----------
    parcel : Shapes
        One polygon.
    shape : (rows, columns)
        Size of the raster.

    Returns
    -------
    window : pair of slices
        Rows and columns of the raster that the polygon reaches; empty when it lies outside.
    shares : ndarray of float64
        Same shape as the window, each between 0 and 1.

    Raises
    ------
    BrokenShape
        See `statistics`.

    Examples
    --------
    >>> import shapely
    >>> from geo_service.rings import from_wkb
    >>> triangle = from_wkb([shapely.Polygon([(0, 0), (20, 0), (0, 20)]).wkb])
    >>> weights(triangle, (0.0, 10.0, 0.0, 20.0, 0.0, -10.0), (2, 2))[1].tolist()
    [[0.5, 0.0], [1.0, 0.5]]
    """
    require_polygons(parcel)
    ground = Ground.of(parcel, transform, shape)
    top, bottom, left, right = ground.within()[0].tolist()
    if top >= bottom or left >= right:
        return (slice(0, 0), slice(0, 0)), np.zeros((0, 0))
    rings = len(parcel.outer)
    places = np.empty((len(parcel.xy), 2))
    row, column, _, _ = frame(parcel.xy, parcel.chain_at, 0, rings, ground.frame, places)
    shares = np.empty((bottom - top, right - left + 1))
    window = np.array([top - row, bottom - row, left - column, right - column])
    cover(parcel.xy, parcel.chain_at, parcel.outer, 0, rings, places, window, shares)
    return (slice(top, bottom), slice(left, right)), np.ascontiguousarray(shares[:, :-1])
