"""Grids as cloud-optimised GeoTIFF: float64, deflate, tiled, with our metadata in one tag.

A grid of a province does not fit into memory, and a parcel needs a few blocks of it. The tag therefore holds a digest
of every block, and the digest of a grid is that over the tag: opening a file reads its head and shows whether it is
the one that its name says; each block is compared with its own digest when it is read.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import DTypeLike, NDArray
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.transform import Affine

from geo_service.model.catalogue import LayerSpec
from geo_service.model.layer import Grid
from geo_service.store.digest import canonical, damaged, digest
from geo_service.store.parquet import ORIGIN

TAG = "GEO_SERVICE"
#: Cells along the side of a block, in the file and in the digests.
BLOCK = 256
#: Blocks of one grid that stay in memory, 0.5 MB each: what neighbouring parcels need.
_KEPT = 64

Floats = NDArray[np.float64]


class Blocks:
    """The values of a grid, read from its file block by block when they are asked for.

    Parameters
    ----------
    path : Path
    shape : (rows, columns)
    digests : tuple of str
        Of every block, from north to south and from west to east.
    """

    def __init__(self, path: Path, shape: tuple[int, int], digests: tuple[str, ...]) -> None:
        self.shape, self.digests = shape, digests
        self._path = path
        self._kept: OrderedDict[int, Floats] = OrderedDict()
        self._lock = threading.Lock()

    def __getitem__(self, window: tuple[slice, slice]) -> Floats:
        """Return the values of a window.

        Raises
        ------
        WorkspaceError
            When the file is missing or a block is not what it was when it was written.
        """
        (top, bottom, _), (left, right, _) = (
            side.indices(length) for side, length in zip(window, self.shape, strict=True)
        )
        values = np.empty((max(bottom - top, 0), max(right - left, 0)))
        if not values.size:
            return values
        across = -(-self.shape[1] // BLOCK)
        with self._lock:
            asked = [
                (row, column)
                for row in range(top // BLOCK, (bottom - 1) // BLOCK + 1)
                for column in range(left // BLOCK, (right - 1) // BLOCK + 1)
            ]
            for (row, column), block in self._read(asked, across):
                north, west = row * BLOCK, column * BLOCK
                rows = slice(max(top, north), min(bottom, north + BLOCK))
                columns = slice(max(left, west), min(right, west + BLOCK))
                values[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = block[
                    rows.start - north : rows.stop - north, columns.start - west : columns.stop - west
                ]
        return values

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """All values."""
        return np.asarray(self[:, :], dtype=dtype)

    def _read(self, asked: list[tuple[int, int]], across: int) -> Iterator[tuple[tuple[int, int], Floats]]:
        missing = []
        for row, column in asked:
            number = row * across + column
            if number in self._kept:
                self._kept.move_to_end(number)
                yield (row, column), self._kept[number]
            else:
                missing.append((row, column))
        if not missing:
            return
        try:
            with _opened(self._path) as source:
                for row, column in missing:
                    block = source.read(1, window=_window(self.shape, row, column))
                    number = row * across + column
                    if _digest(block) != self.digests[number]:
                        raise damaged(self._path)
                    self._kept[number] = block
                    if len(self._kept) > _KEPT:
                        self._kept.popitem(last=False)
                    yield (row, column), block
        except (RasterioError, OSError) as error:
            raise damaged(self._path) from error


def metadata(grid: Grid) -> dict[str, Any]:
    """Everything of a grid that is not a value."""
    return {
        "layer": grid.spec.id,
        "crs": grid.crs,
        "transform": grid.transform,
        "shape": grid.values.shape,
        "origin": ORIGIN.dump_python(grid.origin, mode="json"),
    }


def sha256(grid: Grid) -> str:
    """SHA-256 hex over metadata and the digests of all blocks; every NaN counts as the same nodata."""
    return digest([canonical(metadata(grid)), *(one.encode() for one in _digests(grid))])


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
        blocksize=BLOCK,
        overview_resampling="average",
    ) as target:
        target.write(grid.values[:, :], 1)
        target.update_tags(**{TAG: canonical({**metadata(grid), "blocks": _digests(grid)}).decode()})


def read(path: Path, spec: LayerSpec) -> Grid:
    """Open a grid; its values are read when they are asked for.

    Raises
    ------
    WorkspaceError
        When the file is missing, cut, damaged in its head or not one of ours.
    """
    try:
        with _opened(path) as source:
            own = json.loads(source.tags().get(TAG, "null"))
            shape = source.shape
            # Blocks lie in order: where the last one ends, the file may not end before.
            high, wide = source.block_shapes[0]
            last = f"{(shape[1] - 1) // wide}_{(shape[0] - 1) // high}"
            ends = sum(int(source.get_tag_item(f"BLOCK_{what}_{last}", "TIFF", bidx=1)) for what in ("OFFSET", "SIZE"))
        x0, dx, rx, y0, ry, dy = own["transform"]
        digests = tuple(str(one) for one in own["blocks"])
        if list(shape) != own["shape"] or len(digests) != len(list(_places(shape))) or path.stat().st_size < ends:
            raise ValueError("not all of it is there")
        return Grid(
            spec,
            own["crs"],
            Blocks(path, shape, digests),
            (x0, dx, rx, y0, ry, dy),
            ORIGIN.validate_python(own["origin"]),
        )
    except (RasterioError, OSError, ValueError, TypeError, KeyError) as error:
        raise damaged(path) from error


def _opened(path: Path) -> Any:
    # Only the driver that wrote it: a file that calls itself .tif could otherwise send GDAL elsewhere.
    return rasterio.open(path, driver="GTiff")


def _places(shape: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    for row in range(-(-shape[0] // BLOCK)):
        for column in range(-(-shape[1] // BLOCK)):
            yield row, column


def _window(shape: tuple[int, ...], row: int, column: int) -> tuple[tuple[int, int], tuple[int, int]]:
    return (
        (row * BLOCK, min((row + 1) * BLOCK, shape[0])),
        (column * BLOCK, min((column + 1) * BLOCK, shape[1])),
    )


def _digests(grid: Grid) -> tuple[str, ...]:
    values = grid.values
    if isinstance(values, Blocks):
        return values.digests
    windows = (_window(values.shape, row, column) for row, column in _places(values.shape))
    return tuple(_digest(values[slice(*rows), slice(*columns)]) for rows, columns in windows)


def _digest(block: Floats) -> str:
    """Half of a SHA-256 of one block."""
    plain = np.where(np.isnan(block), np.nan, block).astype("<f8")
    return hashlib.sha256(plain.tobytes()).hexdigest()[:32]
