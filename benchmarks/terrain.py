"""The three rasters of the workload: ground elevation, its slope and the depth of a flood, 10,800 x 10,800 at 10 m."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import workload

Grid = NDArray[np.float32]

PIXELS, CELL_M = 10_800, 10.0
RASTERS = ("dem", "slope", "depth")
#: exactextract has no share above a threshold; the mean of a raster of 0 and 1 is the same number.
ABOVE_M = {"deep15": 0.15, "deep50": 0.5}
NODATA = -9999.0


def file_of(folder: Path, name: str) -> Path:
    """Return where a raster lies."""
    return folder / f"{name}.tif"


def _elevation() -> Grid:
    """Return fractal hills between 300 and 1,500 m, to the centimetre."""
    rng = workload.stream(30)
    coarse = PIXELS // 4
    waves = np.fft.rfft2(rng.standard_normal((coarse, coarse)).astype(np.float32))
    order = np.hypot(np.fft.fftfreq(coarse)[:, None], np.fft.rfftfreq(coarse)[None]) * coarse
    order[0, 0] = 1.0
    waves *= order**-2.0
    waves[0, 0] = 0.0
    hills = np.fft.irfft2(waves, (coarse, coarse)).astype(np.float32)
    hills = 900 + 180 * hills / hills.std()
    fine = _between(_between(hills, 0), 1)
    fine += rng.normal(0, 0.03, fine.shape).astype(np.float32)
    return np.round(np.clip(fine, 300, 1_500), 2).astype(np.float32)


def _between(grid: Grid, axis: int) -> Grid:
    """Return four cells for each one along an axis, linearly between their neighbours."""
    cells = np.moveaxis(grid, axis, 0)
    following = np.concatenate([cells[1:], cells[-1:]])
    steps = [cells + (following - cells) * np.float32(part / 4) for part in range(4)]
    fine = np.stack(steps, axis=1).reshape(-1, cells.shape[1])
    return np.ascontiguousarray(np.moveaxis(fine, 0, axis))


def _slope(elevation: Grid) -> Grid:
    """Return degrees, to the hundredth."""
    north, east = np.gradient(elevation, np.float32(CELL_M))
    return np.round(np.degrees(np.arctan(np.hypot(north, east))), 2).astype(np.float32)


def _depth() -> Grid:
    """Return metres of water along the rivers, 0 beside them and no data where nobody has computed a flood."""
    at = (np.arange(PIXELS) + 0.5) * CELL_M - workload.MARGIN_M
    depth = np.zeros((PIXELS, PIXELS), dtype=np.float32)
    for number, river in enumerate(workload.rivers()):
        centre = np.interp(at, river.along, river.centre)
        reach = np.interp(at, river.along, river.left[1] + river.right[1]) / 2
        deepest = 1.5 + 0.5 * workload.fractal(workload.stream(31, number), PIXELS, 0.8)
        water = deepest * (1 - np.abs(at[:, None] - centre) / reach)
        np.maximum(depth, water.T if river.swapped else water, out=depth)
    depth = np.round(np.clip(depth, 0, None), 2).astype(np.float32)[::-1]
    corner = workload.stream(32).integers(0, PIXELS - 2_000, (4, 2))
    for row, column in corner:
        depth[row : row + 1_200, column : column + 1_700] = np.nan
    return np.ascontiguousarray(depth)


def write(grid: NDArray[np.generic], file: Path, nodata: float) -> None:
    """Write a cloud-optimised GeoTIFF in blocks of 512 x 512."""
    import rasterio
    from rasterio.transform import from_origin

    west = workload.WEST - workload.MARGIN_M
    north = workload.SOUTH - workload.MARGIN_M + PIXELS * CELL_M
    part = file.with_suffix(".part")
    with rasterio.open(
        part,
        "w",
        driver="COG",
        width=PIXELS,
        height=PIXELS,
        count=1,
        dtype=grid.dtype,
        crs=workload.CRS,
        transform=from_origin(west, north, CELL_M, CELL_M),
        nodata=nodata,
        compress="DEFLATE",
        blocksize=512,
        num_threads=2,
    ) as target:
        target.write(grid, 1)
        target.update_tags(TIFFTAG_IMAGEDESCRIPTION=workload.NOTE)
    part.rename(file)


def ensure(folder: Path, say: Callable[[str], None]) -> None:
    """Write what is missing."""

    def missing(*names: str) -> bool:
        return not all(file_of(folder, name).exists() for name in names)

    def save(name: str, grid: NDArray[np.generic], nodata: float) -> None:
        began = time.perf_counter()
        write(grid, file_of(folder, name), nodata)
        size = file_of(folder, name).stat().st_size
        say(f"{name}.tif: {size / 1e6:.1f} MB in {time.perf_counter() - began:.1f} s")

    if missing("dem", "slope"):
        elevation = _elevation()
        save("dem", elevation, NODATA)
        save("slope", _slope(elevation), NODATA)
        del elevation
    if missing("depth", *ABOVE_M):
        depth = _depth()
        known = np.isfinite(depth)
        save("depth", np.where(known, depth, np.float32(NODATA)), NODATA)
        for name, limit_m in ABOVE_M.items():
            # Compared as an engine compares that reads the stored number as a double.
            above = (depth.astype(np.float64) > limit_m).astype(np.uint8)
            save(name, np.where(known, above, np.uint8(255)), 255)
