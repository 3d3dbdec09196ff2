"""Rasters in files: only the blocks that a polygon touches are read, each of them once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_service.errors import CrsMismatch, Fault, InputError
from geo_service.rings import Floats, Ints, Shapes
from geo_service.zonal.measuring import (
    Ground,
    Pieces,
    Raster,
    Statistics,
    Transform,
    merge,
    nothing,
    repeated,
    require_polygons,
)

#: A file in strips is read in as many of them as make so many rows.
_ROWS = 256
#: Decoded blocks that the file library may keep; each is asked for once, so keeping more would only take memory.
_KEPT_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a file stores its cells, and what turns them into values."""

    shape: tuple[int, int]
    block: tuple[int, int]
    transform: Transform
    nodata: float
    masked: bool
    scale: float
    offset: float


@dataclass(frozen=True, eq=False, slots=True)
class _Tile:
    """A part of the raster that is read in one go, and what of polygons may lie in it."""

    window: tuple[tuple[int, int], tuple[int, int]]
    pieces: Pieces
    certain: bool


def from_cog(
    parcels: Shapes, path: Path, *, crs: str, thresholds: Sequence[float] = (), threads: int | None = None
) -> Statistics:
    """Measure polygons on a raster file with one band, by the scale, offset and nodata of the file.

    Memory depends on the number of polygons and on the size of a block, not on the size of the raster.

    Parameters
    ----------
    path : Path
        GeoTIFF, tiled for speed; north up.
    crs : str
        Of the polygons: authority code, WKT or PROJ JSON. It must be that of the raster.
    thresholds : sequence of float
        For the shares of ground above them.
    threads : int, optional
        As many as there are cores when left out. The answer has the same bits for any number.

    Raises
    ------
    CrsMismatch
        When the raster is in another CRS: it is not resampled.
    InputError
        When the file cannot be read, has several bands, is rotated or holds no real numbers.
    BrokenShape
        For a shape that is no polygon or has no area in the sense of the standard.

    Examples
    --------
    >>> import shapely
    >>> from geo_service.rings import from_wkb
    >>> from_cog(from_wkb([shapely.box(0, 0, 1, 1).wkb]), Path("absent.tif"), crs="OGC:CRS84")
    Traceback (most recent call last):
    ...
    geo_service.errors.InputError: absent.tif: GeoTIFF 无法读取 / the GeoTIFF cannot be read [unreadable]
    """
    require_polygons(parcels)
    workers = threads or os.cpu_count() or 1
    with ExitStack() as stack:
        sources: SimpleQueue[Any] = SimpleQueue()
        source = stack.enter_context(_opened(path))
        layout = _layout(path, source, crs)
        sources.put(source)
        ground = Ground.of(parcels, layout.transform, layout.shape)
        tiles = list(_tiles(ground, layout.block))
        for _ in range(min(workers, len(tiles)) - 1):
            sources.put(stack.enter_context(_opened(path)))
        sums = nothing(len(parcels), len(thresholds))

        def take(tile: _Tile) -> list[tuple[Ints, Floats]]:
            if not tile.certain and not any(len(ground.runs(batch).rows) for batch in tile.pieces.batches()):
                return []
            values = _read(path, sources, tile, layout)
            raster = Raster(values, tuple(thresholds), layout.nodata, layout.scale, layout.offset)
            (top, _), (left, _) = tile.window
            return [(batch.owners, ground.runs(batch).add(raster, top, left)) for batch in tile.pieces.batches()]

        pool = stack.enter_context(ThreadPoolExecutor(workers))
        # In the order of tiles, whoever read them.
        for parts in pool.map(take, tiles):
            for owners, part in parts:
                merge(sums, owners, part)
    return ground.conclude(sums)


def _tiles(ground: Ground, block: tuple[int, int]) -> Iterator[_Tile]:
    """Yield the parts of the raster that boxes around polygons reach, from north to south, from west to east."""
    high, wide = block
    if wide >= ground.shape[1]:
        high *= -(-_ROWS // high)
    within = ground.within()
    inside = np.flatnonzero((within[:, 0] < within[:, 1]) & (within[:, 2] < within[:, 3]))
    within = within[inside]
    top, left = within[:, 0] // high, within[:, 2] // wide
    down, across = (within[:, 1] - 1) // high - top + 1, (within[:, 3] - 1) // wide - left + 1
    number = down * across
    owner, step = repeated(number)
    row, column = top[owner] + step // across[owner], left[owner] + step % across[owner]
    windows = within[owner]
    windows[:, 0], windows[:, 1] = np.maximum(windows[:, 0], row * high), np.minimum(windows[:, 1], (row + 1) * high)
    windows[:, 2], windows[:, 3] = (
        np.maximum(windows[:, 2], column * wide),
        np.minimum(windows[:, 3], (column + 1) * wide),
    )
    order = np.lexsort((column, row))
    ends = np.flatnonzero((np.diff(row[order]) != 0) | (np.diff(column[order]) != 0)) + 1
    for group in np.split(order, ends):
        if len(group):
            pieces = Pieces(inside[owner[group]], windows[group])
            side = int(column[group[0]]) * wide
            # Of a tile made of strips, those that are reached.
            first = int(windows[group, 0].min()) // block[0] * block[0]
            last = -(-int(windows[group, 1].max()) // block[0]) * block[0]
            yield _Tile(
                ((first, min(last, ground.shape[0])), (side, min(side + wide, ground.shape[1]))),
                pieces.strips(),
                # A polygon with a box in one tile has ground in it; one with a box in several may pass it by.
                bool((number[owner[group]] == 1).any()),
            )


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    from rasterio.errors import RasterioError

    try:
        yield
    except (RasterioError, OSError) as error:
        raise InputError(
            Fault("unreadable", "GeoTIFF 无法读取", "the GeoTIFF cannot be read", where=path.name)
        ) from error


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import rasterio

    with _reading(path):
        # Only this driver: a file that calls itself .tif could otherwise send the library elsewhere.
        source = rasterio.open(path, driver="GTiff", sharing=False)
    with source:
        yield source


def _read(path: Path, sources: SimpleQueue[Any], tile: _Tile, layout: _Layout) -> NDArray[np.floating]:
    source = sources.get()
    try:
        with _reading(path):
            values: NDArray[np.floating] = source.read(1, window=tile.window)
            if values.dtype not in (np.float32, np.float64):
                values = values.astype(np.float64)
            if layout.masked:
                values[source.read_masks(1, window=tile.window) == 0] = np.nan
    finally:
        sources.put(source)
    return values


def _layout(path: Path, source: Any, crs: str) -> _Layout:
    import rasterio
    from rasterio.crs import CRS
    from rasterio.enums import MaskFlags

    def refused(code: str, zh: str, en: str, value: object) -> InputError:
        return InputError(Fault(code, zh, en, where=path.name, value=str(value)))

    if source.count != 1:
        raise refused("raster_bands", "应为1个波段", "expected one band", source.count)
    if np.dtype(source.dtypes[0]).kind not in "iuf":
        raise refused("raster_type", "栅格应为实数", "the raster must hold real numbers", source.dtypes[0])
    affine = source.transform
    if affine.b or affine.d or affine.a <= 0 or affine.e >= 0:
        raise refused("raster_rotated", "栅格应为上北且不旋转", "the raster must be north-up and not rotated", affine)
    if source.crs is None or source.crs != CRS.from_user_input(crs):
        name = "no CRS" if source.crs is None else source.crs.to_string()
        raise CrsMismatch(f"{path.name}: raster in {name}, parcels in {crs}; rasters are not resampled")
    rasterio.env.set_gdal_config("GDAL_CACHEMAX", _KEPT_BYTES)
    flags = source.mask_flag_enums[0]
    return _Layout(
        source.shape,
        source.block_shapes[0],
        (affine.c, affine.a, 0.0, affine.f, 0.0, affine.e),
        np.nan if source.nodata is None else float(source.nodata),
        MaskFlags.per_dataset in flags and MaskFlags.nodata not in flags,
        float(source.scales[0]),
        float(source.offsets[0]),
    )
