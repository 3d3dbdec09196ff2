"""Every square that a layer may have something in, from the whole globe down."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from geo_service.tiles.cutting import EXTENT, MARGIN
from geo_service.tiles.laying import Ints, Layer
from geo_service.tiles.square import Square


def covering(layer: Layer, most_zoom: int) -> Iterator[Square]:
    """Return the squares whose tiles reach the box of a feature, at every zoom up to ``most_zoom``.

    Examples
    --------
    >>> import shapely
    >>> from geo_service.model.catalogue import GeometryKind, LayerSpec
    >>> from geo_service.model.layer import Features, Origin
    >>> from geo_service.model.text import Text
    >>> from geo_service.tiles.laying import laid
    >>> spec = LayerSpec(id="a", title=Text("", ""), geometry=GeometryKind.ANY, group="x")
    >>> place = np.array([shapely.Point(100, 10)])
    >>> layer = laid(Features(spec, "OGC:CRS84", ("a",), place, {}, Origin("", "", None)), [])
    >>> [(square.zoom, square.row, square.column) for square in covering(layer, 2)]
    [(0, 0, 0), (1, 0, 1), (2, 1, 3)]
    """
    waiting = [(Square(0, 0, 0), np.flatnonzero(~np.isnan(layer.bounds[:, 0])))]
    while waiting:
        square, among = waiting.pop()
        rows = _meeting(layer, among, square)
        if not len(rows):
            continue
        yield square
        if square.zoom < most_zoom:
            waiting += [(quarter, rows) for quarter in reversed(square.quarters)]


def _meeting(layer: Layer, among: Ints, square: Square) -> Ints:
    west, north, east, south = square.bounds
    beyond = (east - west) * MARGIN / EXTENT
    x0, y0, x1, y1 = layer.bounds[among].T
    found: Ints = among[(x0 <= east + beyond) & (x1 >= west - beyond) & (y0 <= south + beyond) & (y1 >= north - beyond)]
    return found
