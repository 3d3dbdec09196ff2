"""One tile of a layer: which features, cut and encoded, or counted where there are too many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from geo_service.native import Native
from geo_service.pmtiles import varint
from geo_service.tiles.kinds import GROWTH, NO_ROOM, POLYGON
from geo_service.tiles.laying import Column, Layer, sized
from geo_service.tiles.square import Square

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Units along the side of a tile, how far it reaches beyond its edge, and one pixel of 256.
EXTENT, MARGIN, PIXEL = 4096, 128, 16
#: From this zoom on every unit counts; before, a quarter of a pixel is enough.
FINE_ZOOM, COARSE = 14, 4
#: Beyond so many features a tile counts them by small squares, this many along its side.
MOST_FEATURES, CELLS = 8_000, 64
#: What the layer of counts is called after the layer itself, and its number of features in a square.
COUNTS, NUMBER = "_counts", "n"

_WRITE = Native(
    "geo_service.tiles.loops",
    "write",
    "int64",
    (*("int64",) * 13, *("float64",) * 7, *("int64",) * 6),
    ("compiled.py", "tiles/kinds.py", "tiles/loops.py"),
)


def marked(layer: Layer, column: Column) -> Layer:
    """Return a layer with one more attribute; nothing else is copied."""
    return replace(layer, columns=(*layer.columns, column))


def cut(layer: Layer, square: Square, *, by: str | None = None, most: int = MOST_FEATURES) -> bytes:
    """Write one tile of a layer.

    Parameters
    ----------
    by : str, optional
        Attribute whose values are counted one by one where features are only counted; of each value that is there the
        square has a property of that name.
    most : int
        How many features a tile holds; where there are more, its layer is called ``<name>_counts`` and its features
        are small squares with the number ``n`` of features whose middle lies there.

    Returns
    -------
    bytes
        A Mapbox vector tile, empty when nothing lies there.

    Examples
    --------
    >>> import shapely
    >>> from geo_service.model.catalogue import GeometryKind, LayerSpec
    >>> from geo_service.model.layer import Features, Origin
    >>> from geo_service.model.text import Text
    >>> from geo_service.projection import LON_LAT
    >>> from geo_service.tiles.laying import laid
    >>> spec = LayerSpec(id="a", title=Text("", ""), geometry=GeometryKind.ANY, group="x")
    >>> layer = laid(Features(spec, LON_LAT, ("a",), np.array([shapely.Point(90, 9)]), {}, Origin("", "", None)), [])
    >>> len(cut(layer, Square(1, 0, 1))) > 0, cut(layer, Square(1, 1, 0))
    (True, b'')
    """
    west, north, east, south = square.bounds
    beyond = (east - west) * MARGIN / EXTENT
    x0, y0, x1, y1 = layer.bounds.T
    rows = np.flatnonzero(
        (x0 <= east + beyond) & (x1 >= west - beyond) & (y0 <= south + beyond) & (y1 >= north - beyond)
    )
    if len(rows) > most:
        layer, rows = _counted(layer, rows, square, by)
    return _tile(layer, rows, square) if len(rows) else b""


def _tile(layer: Layer, rows: Ints, square: Square) -> bytes:
    tags, keys, values = _tags(layer.columns, rows)
    features = _features(layer, rows, tags, square)
    if not features:
        return b""
    parts = [b"\x0a" + sized(layer.name.encode()), features]
    parts += [b"\x1a" + sized(key.encode()) for key in keys]
    parts += [b"\x22" + sized(value) for value in values]
    parts += [b"\x28" + varint(EXTENT), b"\x78\x02"]
    return b"\x1a" + sized(b"".join(parts))


def _tags(columns: Sequence[Column], rows: Ints) -> tuple[NDArray[np.int32], list[str], list[bytes]]:
    """Number the keys and the values of some features anew; a tile lists each value once."""
    tags = np.full((len(rows), 2 * len(columns)), -1, dtype=np.int32)
    keys: list[str] = []
    numbers: dict[bytes, int] = {}
    for column in columns:
        used, place = np.unique(column.codes[rows], return_inverse=True)
        if used[-1] < 0:
            continue
        known = [-1 if code < 0 else numbers.setdefault(column.values[code], len(numbers)) for code in used]
        found = np.array(known, dtype=np.int32)[place]
        tags[:, 2 * len(keys)] = np.where(found < 0, -1, len(keys))
        tags[:, 2 * len(keys) + 1] = found
        keys.append(column.name)
    return np.ascontiguousarray(tags[:, : 2 * len(keys)]), keys, list(numbers)


def _features(layer: Layer, rows: Ints, tags: NDArray[np.int32], square: Square) -> bytes:
    shape_at, chain_at = layer.shape_at, layer.chain_at
    longest = int(layer.longest[rows].max())
    room = GROWTH * longest + 8
    points, spare, pen = np.empty((room, 2)), np.empty((room, 2)), np.empty(4)
    vertices = int((chain_at[shape_at[rows + 1]] - chain_at[shape_at[rows]]).sum())
    capacity = 200_000 + 20 * GROWTH * longest + 6 * vertices + 20 * tags.size
    step = 1 if square.zoom >= FINE_ZOOM else COARSE
    while True:
        out = np.empty(capacity, dtype=np.uint8)
        used = _WRITE.call(
            layer.xy.ctypes.data, len(layer.xy), chain_at.ctypes.data, len(chain_at) - 1,
            shape_at.ctypes.data, len(layer), layer.outer.ctypes.data, layer.kind.ctypes.data,
            layer.bounds.ctypes.data, rows.ctypes.data, len(rows), tags.ctypes.data, tags.shape[1],
            float(1 << square.zoom), square.column, square.row, EXTENT, MARGIN, step, PIXEL,
            points.ctypes.data, spare.ctypes.data, pen.ctypes.data, room, out.ctypes.data, capacity,
        )  # fmt: skip
        if used != NO_ROOM:
            return out[:used].tobytes()
        capacity *= 2


def _counted(layer: Layer, rows: Ints, square: Square, by: str | None) -> tuple[Layer, Ints]:
    """Return a layer of small squares with the number of features whose middle lies in each."""
    west, north, east, _ = square.bounds
    side = (east - west) / CELLS
    bounds = layer.bounds[rows]
    across = np.floor((0.5 * (bounds[:, 0] + bounds[:, 2]) - west) / side).astype(np.int64)
    down = np.floor((0.5 * (bounds[:, 1] + bounds[:, 3]) - north) / side).astype(np.int64)
    inside = (across >= 0) & (down >= 0) & (across < CELLS) & (down < CELLS)
    rows = rows[inside]
    cells, place = np.unique(down[inside] * CELLS + across[inside], return_inverse=True)
    count = len(cells)
    columns = [Column.of(NUMBER, np.bincount(place, minlength=count).tolist())]
    for column in layer.columns:
        if column.name == by:
            codes = column.codes[rows]
            for code, value in enumerate(column.values):
                found = np.bincount(place[codes == code], minlength=count).tolist()
                # A value is written as a text behind its mark and its length.
                columns.append(Column.of(value[2:].decode(), [number or None for number in found]))
    x, y = west + (cells % CELLS) * side, north + (cells // CELLS) * side
    corners = np.stack(
        [np.stack([x + dx * side, y + dy * side], axis=1) for dx, dy in ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))],
        axis=1,
    )
    squares = Layer(
        layer.name + COUNTS,
        np.ascontiguousarray(corners.reshape(-1, 2)),
        np.arange(count + 1) * 5,
        np.arange(count + 1),
        np.ones(count, dtype=np.bool_),
        np.full(count, POLYGON),
        np.stack([x, y, x + side, y + side], axis=1),
        np.full(count, 5),
        tuple(columns),
    )
    return squares, np.arange(count)
