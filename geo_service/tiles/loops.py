"""The compiled loop that clips, rounds and writes the features of one tile."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geo_service.compiled import compiled, flags, floats, integers, octets, short_integers
from geo_service.rings import Bytes, Floats
from geo_service.tiles.kinds import GROWTH, LINE, NO_ROOM, POLYGON

Shorts = NDArray[np.int32]

_MOVE, _LINE, _CLOSE = 1, 2, 15
#: Longest varint of a coordinate, and what surrounds a chain or a feature, in bytes.
_NUMBER, _AROUND = 10, 64


@compiled
def _put(out: Bytes, at: int, number: int) -> int:
    """Write a number that is not negative in groups of seven bits; returns where it ends."""
    while number > 127:
        out[at] = number & 127 | 128
        number >>= 7
        at += 1
    out[at] = number
    return at + 1


@compiled
def _length(number: int) -> int:
    found = 1
    while number > 127:
        number >>= 7
        found += 1
    return found


@compiled
def _step(out: Bytes, at: int, by: int) -> int:
    return _put(out, at, by << 1 if by >= 0 else (-by << 1) - 1)


@compiled
def _half(source: Floats, count: int, axis: int, limit: float, sign: float, into: Floats) -> int:
    """Keep what of a ring lies on one side of a line across an axis; the last vertex is not the first again."""
    used = 0
    for index in range(count):
        before = count - 1 if index == 0 else index - 1
        inside = (limit - source[index, axis]) * sign >= 0.0
        if inside != ((limit - source[before, axis]) * sign >= 0.0):
            part = (limit - source[before, axis]) / (source[index, axis] - source[before, axis])
            other = 1 - axis
            into[used, axis] = limit
            into[used, other] = source[before, other] + part * (source[index, other] - source[before, other])
            used += 1
        if inside:
            into[used, 0], into[used, 1] = source[index, 0], source[index, 1]
            used += 1
    return used


@compiled
def _settled(points: Floats, count: int, step: float, ring: bool) -> int:
    """Round in place to a lattice, without vertices that repeat or lie on the way; returns how many are left."""
    used = 0
    for index in range(count):
        x, y = np.floor(points[index, 0] / step + 0.5) * step, np.floor(points[index, 1] / step + 0.5) * step
        if used > 0 and points[used - 1, 0] == x and points[used - 1, 1] == y:
            continue
        if used > 1 and _on_the_way(points, used - 2, used - 1, x, y):
            used -= 1
        points[used, 0], points[used, 1] = x, y
        used += 1
    while ring and used > 1 and points[0, 0] == points[used - 1, 0] and points[0, 1] == points[used - 1, 1]:
        used -= 1
    if ring and used > 3 and _on_the_way(points, used - 2, used - 1, points[0, 0], points[0, 1]):
        used -= 1
    return used


@compiled
def _on_the_way(points: Floats, first: int, middle: int, x: float, y: float) -> bool:
    ax, ay = points[middle, 0] - points[first, 0], points[middle, 1] - points[first, 1]
    bx, by = x - points[middle, 0], y - points[middle, 1]
    return bool(ax * by == ay * bx and ax * bx + ay * by > 0.0)


@compiled
def _ring(out: Bytes, at: int, pen: Floats, points: Floats, count: int, outside: bool) -> int:
    """Write a ring, clockwise on the screen where it bounds from outside; nothing where it has no area."""
    area = 0.0
    for index in range(count):
        after = 0 if index == count - 1 else index + 1
        area += points[index, 0] * points[after, 1] - points[after, 0] * points[index, 1]
    if count < 3 or area == 0.0:
        return at
    forward = (area > 0.0) == outside
    for index in range(count):
        place = index if forward else count - 1 - index
        if index < 2:
            at = _put(out, at, _MOVE | 1 << 3 if index == 0 else _LINE | count - 1 << 3)
        at = _to(out, at, pen, points[place, 0], points[place, 1])
    return _put(out, at, _CLOSE)


@compiled
def _to(out: Bytes, at: int, pen: Floats, x: float, y: float) -> int:
    at = _step(out, at, int(x - pen[0]))
    at = _step(out, at, int(y - pen[1]))
    pen[0], pen[1] = x, y
    return at


@compiled
def _path(out: Bytes, at: int, pen: Floats, points: Floats, count: int) -> int:
    if count < 2:
        return at
    for index in range(count):
        if index < 2:
            at = _put(out, at, _MOVE | 1 << 3 if index == 0 else _LINE | count - 1 << 3)
        at = _to(out, at, pen, points[index, 0], points[index, 1])
    return at


@compiled
def _within(start: float, by: float, low: float, high: float, pen: Floats) -> bool:
    """Narrow the part of a segment, kept with the pen, to what lies between two limits across one axis."""
    if by == 0.0:
        return low <= start <= high
    one, other = (low - start) / by, (high - start) / by
    pen[2], pen[3] = max(pen[2], min(one, other)), min(pen[3], max(one, other))
    return bool(pen[2] <= pen[3])


@compiled
def _line(
    out: Bytes, at: int, pen: Floats, source: Floats, count: int, low: float, high: float, step: float, run: Floats
) -> int:  # fmt: skip
    """Write what of a line lies within a square, in as many pieces as it has there."""
    used = 0
    for index in range(1, count):
        x, y = source[index - 1, 0], source[index - 1, 1]
        dx, dy = source[index, 0] - x, source[index, 1] - y
        pen[2], pen[3] = 0.0, 1.0
        if not (_within(x, dx, low, high, pen) and _within(y, dy, low, high, pen)):
            at = _path(out, at, pen, run, _settled(run, used, step, False))
            used = 0
            continue
        if used == 0 or pen[2] > 0.0:
            at = _path(out, at, pen, run, _settled(run, used, step, False))
            run[0, 0], run[0, 1] = x + pen[2] * dx, y + pen[2] * dy
            used = 1
        run[used, 0], run[used, 1] = x + pen[3] * dx, y + pen[3] * dy
        used += 1
        if pen[3] < 1.0:
            at = _path(out, at, pen, run, _settled(run, used, step, False))
            used = 0
    return _path(out, at, pen, run, _settled(run, used, step, False))


@compiled
def _ring_within(points: Floats, spare: Floats, count: int, low: float, high: float) -> int:
    """Clip a ring to a square, in place."""
    count = _half(points, count, 0, low, -1.0, spare)
    count = _half(spare, count, 0, high, 1.0, points)
    count = _half(points, count, 1, low, -1.0, spare)
    return _half(spare, count, 1, high, 1.0, points)


def write(
    xy_at: int, vertices: int, chains_at: int, chains: int, shapes_at: int, shapes: int, outer_at: int, kind_at: int,
    bounds_at: int, rows_at: int, rows: int, tags_at: int, width: int,
    scale: float, column: float, row: float, extent: float, margin: float, step: float, least: float,
    points_at: int, spare_at: int, pen_at: int, room: int, out_at: int, capacity: int,
) -> int:  # fmt: skip
    """Write features as messages of a tile's layer; returns how many bytes, or `NO_ROOM`.

    Parameters
    ----------
    tags_at : int
        Numbers of keys and values, ``width`` for each row, pairs that begin with -1 left out.
    scale, column, row : float
        Tiles along a side of the globe, and which this is.
    extent, margin, step, least : float
        Units along a side of the tile, how far it reaches beyond, the lattice for rounding, and the side of the square
        that stands for a polygon too small to be seen.
    points_at, spare_at, pen_at, room : int
        Space for so many vertices, twice, and for four numbers.
    """
    xy, chain_at, shape_at = (
        floats(xy_at, (vertices, 2)),
        integers(chains_at, chains + 1),
        integers(shapes_at, shapes + 1),
    )
    outer, kinds, bounds = flags(outer_at, chains), integers(kind_at, shapes), floats(bounds_at, (shapes, 4))
    chosen, tags = integers(rows_at, rows), short_integers(tags_at, rows * width)
    points, spare, pen = floats(points_at, (room, 2)), floats(spare_at, (room, 2)), floats(pen_at, 4)
    out = octets(out_at, capacity)
    low, high = -margin, extent + margin
    at = 0
    for index in range(rows):
        shape = chosen[index]
        kind = kinds[shape]
        west, north = (bounds[shape, 0] * scale - column) * extent, (bounds[shape, 1] * scale - row) * extent
        east, south = (bounds[shape, 2] * scale - column) * extent, (bounds[shape, 3] * scale - row) * extent
        whole = west >= low and north >= low and east <= high and south <= high
        begin = at + _AROUND + _NUMBER * width
        end = begin
        pen[0], pen[1] = 0.0, 0.0
        outside_left_out = False
        for chain in range(shape_at[shape], shape_at[shape + 1]):
            first, count = chain_at[chain], chain_at[chain + 1] - chain_at[chain]
            if kind == POLYGON:
                count -= 1
            if end + _NUMBER * (2 * GROWTH * count + 8) + _AROUND > capacity or GROWTH * count + 8 > room:
                return NO_ROOM
            if kind == POLYGON and outside_left_out and not outer[chain]:
                continue
            for vertex in range(count):
                points[vertex, 0] = (xy[first + vertex, 0] * scale - column) * extent
                points[vertex, 1] = (xy[first + vertex, 1] * scale - row) * extent
            if kind == POLYGON:
                if not whole:
                    count = _ring_within(points, spare, count, low, high)
                written = _ring(out, end, pen, points, _settled(points, count, step, True), outer[chain])
                if outer[chain]:
                    outside_left_out = written == end
                end = written
            elif kind == LINE:
                end = _line(out, end, pen, points, count, low, high, step, spare)
            elif points[0, 0] >= 0.0 and points[0, 1] >= 0.0 and points[0, 0] < extent and points[0, 1] < extent:
                # Several points are several features to whoever counts, so each is written once, in one tile.
                end = _put(out, end, _MOVE | 1 << 3)
                end = _to(out, end, pen, np.floor(points[0, 0] + 0.5), np.floor(points[0, 1] + 0.5))
        if kind == POLYGON and end == begin:
            x, y = np.floor(0.5 * (west + east)), np.floor(0.5 * (north + south))
            if x >= 0.0 and y >= 0.0 and x < extent and y < extent:
                half = np.floor(0.5 * least)
                points[0, 0], points[0, 1] = x - half, y - half
                points[1, 0], points[1, 1] = x + half, y - half
                points[2, 0], points[2, 1] = x + half, y + half
                points[3, 0], points[3, 1] = x - half, y + half
                end = _ring(out, end, pen, points, 4, True)
        if end == begin:
            continue
        at = _feature(out, at, shape, kind, tags, index * width, width, begin, end)
    return at


@compiled
def _feature(
    out: Bytes, at: int, shape: int, kind: int, tags: Shorts, first: int, width: int, begin: int, end: int
) -> int:  # fmt: skip
    """Write the head of a feature and bring its geometry up behind it."""
    tagged = 0
    for place in range(first, first + width, 2):
        if tags[place] >= 0:
            tagged += _length(tags[place]) + _length(tags[place + 1])
    size = 1 + _length(shape + 1) + 2 + 1 + _length(end - begin) + (end - begin)
    if tagged:
        size += 1 + _length(tagged) + tagged
    at = _put(out, at, 0x12)
    at = _put(out, at, size)
    at = _put(out, at, 0x08)
    at = _put(out, at, shape + 1)
    if tagged:
        at = _put(out, at, 0x12)
        at = _put(out, at, tagged)
        for place in range(first, first + width, 2):
            if tags[place] >= 0:
                at = _put(out, at, tags[place])
                at = _put(out, at, tags[place + 1])
    at = _put(out, at, 0x18)
    at = _put(out, at, kind)
    at = _put(out, at, 0x22)
    at = _put(out, at, end - begin)
    for place in range(begin, end):
        out[at] = out[place]
        at += 1
    return at
