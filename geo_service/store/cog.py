"""Grids as cloud-optimised GeoTIFF: float64, deflate, tiled, with our metadata in one tag.

A grid of a province does not fit into memory, and a parcel needs a few blocks of it. The tag therefore holds a digest
of every block, and the digest of a grid is that over the tag: opening a file reads its head and shows whether it is
the one that its name says; each block is compared with its own digest when it is read.

GDAL writes these files where files are imported. It reads none: what answers requests does without GDAL.
"""

from __future__ import annotations

import hashlib
import json
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO
from xml.sax.saxutils import unescape

import numpy as np
from defusedxml import ElementTree
from numpy.typing import DTypeLike, NDArray

from geo_service.model.catalogue import LayerSpec
from geo_service.model.layer import Grid
from geo_service.store.digest import canonical, damaged, digest
from geo_service.store.parquet import ORIGIN

TAG = "GEO_SERVICE"
#: The TIFF tag in which GDAL keeps what it was told of a file, as XML whose texts are escaped once more.
GDAL_METADATA = 42112
#: How TIFF calls what we write: deflate, and the prediction of floating-point numbers (TIFF Technical Note 3).
DEFLATE, FLOATING = 8, 3
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
    places : tuple of (offset, size)
        Where in the file each block lies, in bytes.
    """

    def __init__(
        self, path: Path, shape: tuple[int, int], digests: tuple[str, ...], places: tuple[tuple[int, int], ...]
    ) -> None:
        self.shape, self.digests = shape, digests
        self._path = path
        self._places = places
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
            with self._path.open("rb") as file:
                for row, column in missing:
                    number = row * across + column
                    (top, bottom), (left, right) = _window(self.shape, row, column)
                    block = _block(file, *self._places[number])[: bottom - top, : right - left]
                    if _digest(block) != self.digests[number]:
                        raise damaged(self._path)
                    self._kept[number] = block
                    if len(self._kept) > _KEPT:
                        self._kept.popitem(last=False)
                    yield (row, column), block
        except (OSError, ValueError, zlib.error) as error:
            raise damaged(self._path) from error


def _block(file: BinaryIO, offset: int, size: int) -> Floats:
    """Read one block.

    Raises
    ------
    ValueError
        When it is not as large as a block.
    """
    file.seek(offset)
    length = BLOCK * BLOCK * 8
    raw = zlib.decompressobj().decompress(file.read(size), length + 1)
    if len(raw) != length:
        raise ValueError("a block of another size")
    # Of each row the first bytes of all numbers, then the second ones, and so on, each less the byte before it.
    planes = np.add.accumulate(np.frombuffer(raw, dtype=np.uint8).reshape(BLOCK, -1), axis=1, dtype=np.uint8)
    numbers = np.ascontiguousarray(planes.reshape(BLOCK, 8, BLOCK).transpose(0, 2, 1)).view(">f8")
    return numbers.reshape(BLOCK, BLOCK).astype(np.float64)


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
    import rasterio
    from rasterio.crs import CRS
    from rasterio.transform import Affine

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
    from tifffile import TiffFile, TiffPage

    try:
        with TiffFile(path) as file:
            page = file.pages.first
            assert isinstance(page, TiffPage)
            told = ElementTree.fromstring(page.tags[GDAL_METADATA].value).find(f"Item[@name='{TAG}']")
            how = (page.dtype, page.tile, int(page.compression), int(page.predictor), page.samplesperpixel)
            shape = (page.imagelength, page.imagewidth)
            places = tuple(zip(page.dataoffsets, page.databytecounts, strict=True))
        own = json.loads(unescape(told.text, {"&quot;": '"', "&apos;": "'"}))
        x0, dx, rx, y0, ry, dy = own["transform"]
        digests = tuple(str(one) for one in own["blocks"])
        if (
            how != (np.dtype(np.float64), (BLOCK, BLOCK), DEFLATE, FLOATING, 1)
            or list(shape) != own["shape"]
            or not len(places) == len(digests) == len(list(_numbers(shape)))
            or path.stat().st_size < max(offset + size for offset, size in places)
        ):
            raise ValueError("not one of ours, or not all of it")
        return Grid(
            spec,
            own["crs"],
            Blocks(path, shape, digests, places),
            (x0, dx, rx, y0, ry, dy),
            ORIGIN.validate_python(own["origin"]),
        )
    except Exception as error:  # a library may raise anything on the head of a damaged file
        raise damaged(path) from error


def _numbers(shape: tuple[int, ...]) -> Iterator[tuple[int, int]]:
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
    windows = (_window(values.shape, row, column) for row, column in _numbers(values.shape))
    return tuple(_digest(values[slice(*rows), slice(*columns)]) for rows, columns in windows)


def _digest(block: Floats) -> str:
    """Half of a SHA-256 of one block."""
    plain = np.where(np.isnan(block), np.nan, block).astype("<f8")
    return hashlib.sha256(plain.tobytes()).hexdigest()[:32]
