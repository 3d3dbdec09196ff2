"""Grids as cloud-optimised GeoTIFF: float64, deflate, tiled, with our metadata in one tag."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import rasterio
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.transform import Affine

from geo_service.model.catalogue import LayerSpec
from geo_service.model.layer import Grid
from geo_service.store.digest import canonical, damaged, digest
from geo_service.store.parquet import ORIGIN

TAG = "GEO_SERVICE"


def metadata(grid: Grid) -> bytes:
    """Everything of a grid that is not a value, as canonical JSON."""
    return canonical(
        {
            "layer": grid.spec.id,
            "crs": grid.crs,
            "transform": grid.transform,
            "shape": grid.values.shape,
            "origin": ORIGIN.dump_python(grid.origin, mode="json"),
        }
    )


def sha256(grid: Grid) -> str:
    """SHA-256 hex over values and metadata; every NaN counts as the same nodata."""
    values = np.where(np.isnan(grid.values), np.nan, grid.values).astype("<f8")
    return digest([metadata(grid), values.tobytes()])


def write(grid: Grid, path: Path) -> None:
    """Write a grid; nodata is NaN."""
    rows, columns = grid.values.shape
    with rasterio.open(
        path,
        "w",
        driver="COG",
        height=rows,
        width=columns,
        count=1,
        dtype="float64",
        crs=CRS.from_user_input(grid.crs),
        transform=Affine.from_gdal(*grid.transform),
        nodata=float("nan"),
        compress="deflate",
        predictor="yes",
        blocksize=256,
        overview_resampling="average",
    ) as target:
        target.write(grid.values, 1)
        target.update_tags(**{TAG: metadata(grid).decode()})


def read(path: Path, spec: LayerSpec) -> Grid:
    """Read a grid back.

    Raises
    ------
    WorkspaceError
        When the file is missing, damaged or not one of ours.
    """
    try:
        # Only the driver that wrote it: a file that calls itself .tif could otherwise send GDAL elsewhere.
        with rasterio.open(path, driver="GTiff") as source:
            values = source.read(1)
            own = json.loads(source.tags().get(TAG, "null"))
        x0, dx, rx, y0, ry, dy = own["transform"]
        return Grid(spec, own["crs"], values, (x0, dx, rx, y0, ry, dy), ORIGIN.validate_python(own["origin"]))
    except (RasterioError, OSError, ValueError, TypeError, KeyError) as error:
        raise damaged(path) from error
