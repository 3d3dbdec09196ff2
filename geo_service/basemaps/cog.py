"""Pictures out of an operator's georeferenced imagery, drawn for each tile as it is asked for."""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

PIXELS = 256


class Imagery:
    """A raster file of one or three bands of bytes; a fourth band says where there is no picture.

    Raises
    ------
    ValueError
        When it has no CRS, or no bands of bytes.
    """

    def __init__(self, path: Path) -> None:
        import rasterio
        from rasterio.errors import RasterioError

        self._path = path
        try:
            with rasterio.open(path) as file:
                if file.crs is None or set(file.dtypes) != {"uint8"} or file.count not in (1, 3, 4):
                    raise ValueError("imagery needs a CRS and one, three or four bands of bytes")
                self._bands = 3 if file.count >= 3 else 1
        except RasterioError as error:
            raise OSError(type(error).__name__) from error

    def tile(self, zoom: int, row: int, column: int) -> bytes | None:
        """Return a picture, ``None`` where the imagery does not reach.

        Raises
        ------
        OSError
            When the file was damaged since it was opened.
        """
        import rasterio
        from rasterio.enums import ColorInterp, Resampling
        from rasterio.errors import RasterioError
        from rasterio.vrt import WarpedVRT

        try:
            with (
                rasterio.open(self._path) as file,
                WarpedVRT(
                    file, crs=_WEB, resampling=Resampling.bilinear, add_alpha=ColorInterp.alpha not in file.colorinterp,
                    transform=rasterio.Affine(*_placed(zoom, row, column)), width=PIXELS, height=PIXELS,
                ) as warped,
            ):  # fmt: skip
                values = warped.read()
        except RasterioError as error:
            raise OSError(type(error).__name__) from error
        shown = values[-1] > 0
        return _png(values[: self._bands], shown) if shown.any() else None


#: The sphere that the web draws maps on.
_RADIUS_M = 6378137.0
_WEB = (
    f"+proj=merc +a={_RADIUS_M} +b={_RADIUS_M} +lat_ts=0 +lon_0=0 +x_0=0 +y_0=0 +k=1 +units=m +nadgrids=@null +no_defs"
)


def _placed(zoom: int, row: int, column: int) -> tuple[float, float, float, float, float, float]:
    """Where a tile lies, in metres of the web's map: width of a pixel, 0, west, 0, its height, north."""
    half = math.pi * _RADIUS_M
    side = 2 * half / (1 << zoom)
    return side / PIXELS, 0.0, column * side - half, 0.0, -side / PIXELS, half - row * side


def _png(colours: Any, shown: Any) -> bytes:
    rgb = np.broadcast_to(colours, (3, PIXELS, PIXELS))
    pixels = np.concatenate([rgb, np.where(shown, 255, 0)[None]]).astype(np.uint8).transpose(1, 2, 0)
    # Each row stands behind the number of its filter, which is none.
    rows = np.concatenate([np.zeros((PIXELS, 1), dtype=np.uint8), pixels.reshape(PIXELS, -1)], axis=1)
    head = struct.pack(">IIBBBBB", PIXELS, PIXELS, 8, 6, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
