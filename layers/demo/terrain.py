"""Ground, design and flood depth as rasters of 5 m cells."""

from __future__ import annotations

import io

import numpy as np
import rasterio
import shapely
from files import HERE, SYNTHETIC
from lots import Lot
from places import CRS_CODE, PITCH_Y, RIVER, Y0, within
from shapely.geometry import LineString, box
from shapely.geometry.base import BaseGeometry

CELL_M = 5.0

LEFT, TOP, WIDTH, HEIGHT = 411100.0, 4016300.0, 1640, 1240

NODATA, SCALE, OFFSET = -32768, 0.01, 900.0


def terrain(by_case: dict[str, Lot]) -> dict[str, np.ndarray]:
    """Make ground, design and flood depth, in metres, NaN where there is none."""
    x = LEFT + CELL_M * (np.arange(WIDTH) + 0.5)[None, :]
    y = TOP - CELL_M * (np.arange(HEIGHT) + 0.5)[:, None]
    plane = 915.0 + 0.0015 * (y - 4013200.0) + 0.001 * (x - 415000.0)
    design = np.round(plane, 1)
    swell = 0.11 * np.sin(x / 70.0) * np.cos(y / 85.0)
    ground = design + np.round(swell / 0.02) * 0.02

    def rows_columns(shape_: BaseGeometry) -> tuple[slice, slice]:
        west, south, east, north = shape_.bounds
        top, bottom = round((TOP - north) / CELL_M), round((TOP - south) / CELL_M)
        return slice(top, bottom), slice(round((west - LEFT) / CELL_M), round((east - LEFT) / CELL_M))

    # No design yet in the two southernmost rows of blocks.
    design[round((TOP - (Y0 - 4 * PITCH_Y - 30)) / CELL_M) :, :] = np.nan
    hump = np.zeros_like(ground)
    # 24 × 24 of the 80 × 90 cells of this parcel: 8 % of it.
    hump[rows_columns(box(415860 + 150, 4013200 + 150, 415860 + 270, 4013200 + 270))] = 0.6
    for case in ("not_level", "level_review"):
        place = rows_columns(by_case[case].shape)
        hump[place] = 2.5 * np.sin(np.linspace(0.0, 9.0, hump[place].shape[1]))[None, :]
    ground = ground + hump
    for number, level in enumerate((912.0, 915.5, 919.0)):
        place = rows_columns(within(4, 0, 150 * number, 0, 150, 450))
        ground[place] = level + np.round(swell[place] / 0.02) * 0.02
        design[place] = np.nan
    design[rows_columns(by_case["level_no_claim"].shape)] = np.nan
    west, south, _, _ = by_case["dem_gap"].shape.bounds
    # 11 × 16 of the 40 × 88 cells of this parcel: 5 % of it.
    ground[rows_columns(box(west + 50, south + 100, west + 105, south + 180))] = np.nan

    river = shapely.transform(RIVER, lambda points: points)
    flood = np.full_like(ground, np.nan)
    near = np.abs(np.interp(y[:, 0], *_profile(river))[:, None] - x) < 400
    rows, columns = np.nonzero(near)
    distance = shapely.distance(shapely.points(x[0, columns], y[rows, 0]), river)
    wet = distance < 320
    depth = np.where(distance < 130, 1.2, 0.5) * (1 - distance / 400)
    flood[rows[wet], columns[wet]] = np.round(depth[wet], 1)
    return {"ground_elevation": ground, "design_elevation": design, "flood_depth": flood}


def _profile(line: LineString) -> tuple[np.ndarray, np.ndarray]:
    points = np.asarray(line.coords)[::-1]
    return points[:, 1], points[:, 0]


def write_raster(name: str, values: np.ndarray) -> None:
    """Write centimetres as 16-bit integers, tiled and deflated."""
    offset = 0.0 if name == "flood_depth" else OFFSET
    stored = np.where(np.isnan(values), NODATA, np.round((values - offset) / SCALE)).astype(np.int16)
    memory = io.BytesIO()
    profile = {
        "driver": "GTiff",
        "width": WIDTH,
        "height": HEIGHT,
        "count": 1,
        "dtype": "int16",
        "crs": CRS_CODE,
        "transform": rasterio.transform.from_origin(LEFT, TOP, CELL_M, CELL_M),
        "nodata": NODATA,
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
        "compress": "deflate",
        "predictor": 2,
        "zlevel": 9,
    }
    with rasterio.open(memory, "w", **profile) as target:
        target.write(stored, 1)
        target.scales, target.offsets = (SCALE,), (offset,)
        target.update_tags(synthetic="true", note=SYNTHETIC, TIFFTAG_SOFTWARE="layers/demo/build.py")
    (HERE / f"{name}.tif").write_bytes(memory.getvalue())
