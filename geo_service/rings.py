"""Polygons and lines as plain numbers: what the compiled loops read instead of geometry objects.

A shape is a run of chains, a chain is a run of vertices. A polygon's chains are its rings, each closed, the outer one
of every part first; a line's chains are its parts::

    xy        x0 y0 | x1 y1 | …                 vertices, chain after chain
    chain_at  0 ─────▲──────────▲               where each chain begins in xy, and where the last one ends
    shape_at  0 ────────────────▲               where each shape begins in chain_at, and where the last one ends
    outer     True   False   True               whether a ring bounds its part from outside
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_service.compiled import compiled
from geo_service.errors import MeasureFailed

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

#: Crossings and gaps below this are the rounding of a projection, not a fault of the shape; a ring of 10 km that is
#: wrong by so little is wrong by 1e-5 m² at most.
SLACK_M = 1e-9

_LINE, _POLYGON, _MULTI_LINE, _MULTI_POLYGON, _COLLECTION = 2, 3, 5, 6, 7
_TRUNCATED, _BIG_ENDIAN, _OTHER_TYPE = -1, -2, -3
_FINE, _NOT_FINITE, _UNCLOSED, _TOO_SHORT, _CROSSING, _NESTING = 0, 1, 2, 3, 4, 5
_FAULTS = {
    _TRUNCATED: "the bytes end too early",
    _BIG_ENDIAN: "big-endian WKB",
    _OTHER_TYPE: "neither polygon nor line",
    _NOT_FINITE: "a coordinate is not a finite number",
    _UNCLOSED: "a ring is not closed",
    _TOO_SHORT: "a ring has fewer than four vertices",
    _CROSSING: "its boundary crosses itself or runs over itself",
    _NESTING: "a part lies within another part, or a hole outside of all parts",
}


class BrokenShape(MeasureFailed):
    """A shape that has no area in the sense of the standard: it is refused, never answered.

    Attributes
    ----------
    index : int
        Which one, counted from 0 in the order given.
    """

    def __init__(self, index: int, why: str) -> None:
        super().__init__(f"shape {index}: {why}")
        self.index, self.why = index, why

    def __reduce__(self) -> tuple[type[BrokenShape], tuple[int, str]]:
        """Pickle by what it was made of, because this crosses a process boundary."""
        return type(self), (self.index, self.why)


@dataclass(frozen=True, eq=False, slots=True)
class Shapes:
    """Polygons or lines, in rows.

    Attributes
    ----------
    xy : ndarray of float64, shape (vertices, 2)
    chain_at : ndarray of int64, shape (chains + 1,)
    shape_at : ndarray of int64, shape (shapes + 1,)
    outer : ndarray of bool, shape (chains,)
        Of rings; ``False`` for lines.
    polygonal : ndarray of bool, shape (shapes,)
    """

    xy: Floats
    chain_at: Ints
    shape_at: Ints
    outer: Flags
    polygonal: Flags

    def __len__(self) -> int:
        """Count the shapes."""
        return len(self.shape_at) - 1

    def slice(self, start: int, stop: int) -> Shapes:
        """Return some shapes in a row; nothing is copied but the starts.

        Examples
        --------
        >>> import shapely
        >>> three = from_wkb([shapely.box(i, 0, i + 1, 1).wkb for i in range(3)])
        >>> three.slice(1, 2).xy[0].tolist()
        [2.0, 0.0]
        """
        first, last = self.shape_at[start], self.shape_at[stop]
        begin, end = self.chain_at[first], self.chain_at[last]
        return Shapes(
            self.xy[begin:end],
            self.chain_at[first : last + 1] - begin,
            self.shape_at[start : stop + 1] - first,
            self.outer[first:last],
            self.polygonal[start:stop],
        )

    def take(self, rows: NDArray[np.integer[Any]]) -> Shapes:
        """Return some shapes in the order asked for.

        Examples
        --------
        >>> import shapely
        >>> three = from_wkb([shapely.box(i, 0, i + 1, 1).wkb for i in range(3)])
        >>> three.take(np.array([2, 0])).bounds()[:, 0].tolist()
        [2.0, 0.0]
        """
        rows = np.asarray(rows, dtype=np.int64)
        chains = _runs(self.shape_at[rows], self.shape_at[rows + 1])
        vertices = _runs(self.chain_at[chains], self.chain_at[chains + 1])
        return Shapes(
            self.xy[vertices],
            _starts(np.diff(self.chain_at)[chains]),
            _starts(np.diff(self.shape_at)[rows]),
            self.outer[chains],
            self.polygonal[rows],
        )

    def bounds(self) -> Floats:
        """Return west, south, east and north of every shape, NaN for a shape without vertices."""
        return _bounds(self.xy, self.chain_at, self.shape_at)

    def check(self) -> None:
        """Refuse shapes that have no area in the sense of the standard.

        Raises
        ------
        BrokenShape
            For the first shape with a coordinate that is not finite, a ring that is unclosed or too short, a boundary
            that crosses itself, or parts and holes that do not nest. A ring that only touches itself is fine.

        Notes
        -----
        Every pair of edges whose x overlap is looked at: for parcels, whose rings are short.

        Examples
        --------
        >>> import shapely
        >>> bow_tie = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
        >>> from_wkb([bow_tie.wkb]).check()
        Traceback (most recent call last):
        ...
        geo_service.rings.BrokenShape: shape 0: its boundary crosses itself or runs over itself
        """
        index, fault = _first_fault(self.xy, self.chain_at, self.shape_at, self.outer, self.polygonal, True)
        if fault != _FINE:
            raise BrokenShape(int(index), _FAULTS[int(fault)])

    def check_rings(self) -> None:
        """As `check`, without looking at pairs of edges: for large shapes whose edges are compared elsewhere.

        Raises
        ------
        BrokenShape
            For the first shape with a coordinate that is not finite or a ring that is unclosed or too short.
        """
        index, fault = _first_fault(self.xy, self.chain_at, self.shape_at, self.outer, self.polygonal, False)
        if fault != _FINE:
            raise BrokenShape(int(index), _FAULTS[int(fault)])


def from_wkb(column: Sequence[bytes] | Any) -> Shapes:
    """Read polygons and lines from well-known binary; further dimensions are left out.

    Parameters
    ----------
    column : sequence of bytes, or pyarrow binary array
        Little-endian ISO WKB or EWKB. An arrow array is read in place. Null is a shape without vertices.

    Raises
    ------
    BrokenShape
        When bytes end too early, are big-endian, or are neither polygons nor lines.

    Examples
    --------
    >>> import shapely
    >>> shapes = from_wkb([shapely.box(0, 0, 2, 1).wkb, shapely.LineString([(0, 0), (3, 4)]).wkb])
    >>> len(shapes), shapes.chain_at.tolist(), shapes.polygonal.tolist()
    (2, [0, 5, 7], [True, False])
    """
    data, at = _bytes_of(column)
    chains, vertices, index, fault = _count(data, at)
    if fault:
        raise BrokenShape(int(index), _FAULTS[int(fault)])
    shapes = Shapes(
        np.empty((vertices, 2)),
        np.zeros(chains + 1, dtype=np.int64),
        np.zeros(len(at), dtype=np.int64),
        np.zeros(chains, dtype=np.bool_),
        np.zeros(len(at) - 1, dtype=np.bool_),
    )
    _fill(data, at, shapes.xy, shapes.chain_at, shapes.shape_at, shapes.outer, shapes.polygonal)
    return shapes


def from_geoarrow(column: Any) -> Shapes:
    """Read polygons from a native GeoArrow array: lists of lists of coordinates, interleaved or separate.

    Parameters
    ----------
    column : pyarrow list array
        ``geoarrow.polygon`` or ``geoarrow.multipolygon``.

    Raises
    ------
    BrokenShape
        When the nesting is neither that of polygons nor that of multipolygons.

    Examples
    --------
    >>> import pyarrow as pa
    >>> ring = [[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 0.0]]
    >>> pair = pa.list_(pa.list_(pa.list_(pa.float64(), 2)))
    >>> from_geoarrow(pa.array([[ring], [ring]], type=pair)).chain_at.tolist()
    [0, 4, 8]
    """
    import pyarrow as pa

    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    levels: list[Ints] = []
    inner = column
    while pa.types.is_list(inner.type) or pa.types.is_large_list(inner.type):
        levels.append(np.asarray(inner.offsets, dtype=np.int64))
        inner = inner.values
    if len(levels) not in (2, 3):
        raise BrokenShape(0, _FAULTS[_OTHER_TYPE])
    if pa.types.is_struct(inner.type):
        xy = np.stack([np.asarray(inner.field("x")), np.asarray(inner.field("y"))], axis=1)
    else:
        xy = np.asarray(inner.values).reshape(-1, inner.type.list_size)[:, :2]
    chains = levels[-1]
    parts = levels[-2]
    shape_at = parts if len(levels) == 2 else parts[levels[0]]
    outer = np.zeros(len(chains) - 1, dtype=np.bool_)
    outer[parts[:-1][np.diff(parts) > 0]] = True
    first, last = int(shape_at[0]), int(shape_at[-1])
    begin, end = int(chains[first]), int(chains[last])
    return Shapes(
        np.ascontiguousarray(xy[begin:end], dtype=np.float64),
        chains[first : last + 1] - begin,
        shape_at - first,
        outer[first:last],
        np.ones(len(shape_at) - 1, dtype=np.bool_),
    )


def _starts(lengths: Ints) -> Ints:
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])


def _runs(starts: Ints, stops: Ints) -> Ints:
    """Return the numbers of all half-open runs, one run after the other."""
    lengths = stops - starts
    return np.arange(lengths.sum()) + np.repeat(starts - _starts(lengths)[:-1], lengths)


def _bytes_of(column: Any) -> tuple[NDArray[np.uint8], Ints]:
    if hasattr(column, "combine_chunks") and hasattr(column, "chunks"):
        column = column.combine_chunks()
    if hasattr(column, "buffers"):
        _, starts, content = column.buffers()
        wide = str(column.type).startswith("large_")
        at = np.frombuffer(starts, dtype=np.int64 if wide else np.int32)[
            column.offset : column.offset + len(column) + 1
        ]
        data = np.zeros(0, dtype=np.uint8) if content is None else np.frombuffer(content, dtype=np.uint8)
        return data, at.astype(np.int64)
    lengths = np.array([len(item) for item in column], dtype=np.int64)
    return np.frombuffer(b"".join(column), dtype=np.uint8), _starts(lengths)


@compiled
def _u32(data: Bytes, at: int) -> Any:
    return (
        np.int64(data[at])
        | (np.int64(data[at + 1]) << 8)
        | (np.int64(data[at + 2]) << 16)
        | (np.int64(data[at + 3]) << 24)
    )


@compiled
def _head(data: Bytes, at: int, end: int) -> tuple[Any, int, int]:
    """Return kind, dimensions and where the content begins; a negative kind is a fault."""
    if at + 5 > end:
        return _TRUNCATED, 2, at
    if data[at] != 1:
        return _BIG_ENDIAN, 2, at
    word = _u32(data, at + 1)
    begins = at + 5
    dimensions = 2
    if word & 0x80000000:
        dimensions += 1
    if word & 0x40000000:
        dimensions += 1
    if word & 0x20000000:
        begins += 4
    kind = word & 0x0FFFFFFF
    extra = kind // 1000
    kind = kind % 1000
    if extra in (1, 2):
        dimensions = 3
    elif extra == 3:
        dimensions = 4
    return kind, dimensions, begins


@compiled
def _count(data: Bytes, at: Ints) -> tuple[int, int, int, int]:
    """Count chains and vertices and look whether the bytes are what they say."""
    chains, vertices = 0, 0
    for shape in range(len(at) - 1):
        position, end = at[shape], at[shape + 1]
        if position == end:
            continue
        pending = 1
        first = True
        while pending > 0:
            pending -= 1
            kind, dimensions, position = _head(data, position, end)
            if kind < 0:
                return chains, vertices, shape, kind
            if position + 4 > end:
                return chains, vertices, shape, _TRUNCATED
            number = _u32(data, position)
            position += 4
            if kind in (_MULTI_LINE, _MULTI_POLYGON) and first:
                pending += number
            elif kind == _POLYGON:
                for _ in range(number):
                    if position + 4 > end:
                        return chains, vertices, shape, _TRUNCATED
                    length = _u32(data, position)
                    position += 4 + length * 8 * dimensions
                    if position > end:
                        return chains, vertices, shape, _TRUNCATED
                    chains += 1
                    vertices += length
            elif kind == _LINE:
                position += number * 8 * dimensions
                if position > end:
                    return chains, vertices, shape, _TRUNCATED
                chains += 1
                vertices += number
            else:
                return chains, vertices, shape, _OTHER_TYPE
            first = False
    return chains, vertices, 0, 0


@compiled
def _fill(data: Bytes, at: Ints, xy: Floats, chain_at: Ints, shape_at: Ints, outer: Flags, polygonal: Flags) -> None:
    chains, vertices = 0, 0
    for shape in range(len(at) - 1):
        position, end = at[shape], at[shape + 1]
        pending = 1 if position < end else 0
        while pending > 0:
            pending -= 1
            kind, dimensions, position = _head(data, position, end)
            number = _u32(data, position)
            position += 4
            if kind in (_MULTI_LINE, _MULTI_POLYGON):
                pending += number
                polygonal[shape] = kind == _MULTI_POLYGON
                continue
            polygonal[shape] = kind == _POLYGON
            for ring in range(number if kind == _POLYGON else 1):
                length = number
                if kind == _POLYGON:
                    length = _u32(data, position)
                    position += 4
                numbers = data[position : position + length * 8 * dimensions].view(np.float64)
                for vertex in range(length):
                    xy[vertices + vertex, 0] = numbers[vertex * dimensions]
                    xy[vertices + vertex, 1] = numbers[vertex * dimensions + 1]
                position += length * 8 * dimensions
                vertices += length
                outer[chains] = kind == _POLYGON and ring == 0
                chains += 1
                chain_at[chains] = vertices
        shape_at[shape + 1] = chains


@compiled
def _bounds(xy: Floats, chain_at: Ints, shape_at: Ints) -> Floats:
    found = np.full((len(shape_at) - 1, 4), np.nan)
    for shape in range(len(shape_at) - 1):
        begin, end = chain_at[shape_at[shape]], chain_at[shape_at[shape + 1]]
        if begin == end:
            continue
        west, south = xy[begin, 0], xy[begin, 1]
        east, north = west, south
        for vertex in range(begin + 1, end):
            x, y = xy[vertex, 0], xy[vertex, 1]
            west, east = min(west, x), max(east, x)
            south, north = min(south, y), max(north, y)
        found[shape, 0], found[shape, 1], found[shape, 2], found[shape, 3] = west, south, east, north
    return found


@compiled
def clash(ax: float, ay: float, bx: float, by: float, cx: float, cy: float, dx: float, dy: float) -> bool:
    """Tell whether edges ab and cd of one boundary cross, or run over each other in the same direction.

    Edges that run over each other in opposite directions enclose nothing between them and are fine.
    """
    if (bx == cx and by == cy) or (dx == ax and dy == ay):
        # One goes on where the other ends; turning back on it would be the opposite direction.
        return False
    ux, uy, vx, vy = bx - ax, by - ay, dx - cx, dy - cy
    uu, vv = ux * ux + uy * uy, vx * vx + vy * vy
    # Twice the areas of the triangles of one edge and an end of the other: squared, over the edge's own square, they are
    # the squares of the distances of that end from the edge's line.
    abc = ux * (cy - ay) - uy * (cx - ax)
    abd = ux * (dy - ay) - uy * (dx - ax)
    slack = SLACK_M * SLACK_M
    if abc * abc > slack * uu and abd * abd > slack * uu:
        if (abc > 0.0) == (abd > 0.0):
            return False
        cda = vx * (ay - cy) - vy * (ax - cx)
        cdb = vx * (by - cy) - vy * (bx - cx)
        return bool((cda > 0.0) != (cdb > 0.0) and cda * cda > slack * vv and cdb * cdb > slack * vv)
    if abc * abc <= slack * uu and abd * abd <= slack * uu and uu > 0.0 and vv > 0.0:
        u = np.sqrt(uu)
        low = ((cx - ax) * ux + (cy - ay) * uy) / u
        high = ((dx - ax) * ux + (dy - ay) * uy) / u
        return bool(low < high and min(high, u) - max(low, 0.0) > SLACK_M)
    return False


@compiled
def turns(xy: Floats, begin: int, end: int) -> float:
    """Return twice the signed area of a ring, positive when it runs counter-clockwise."""
    total = 0.0
    x0, y0 = xy[begin, 0], xy[begin, 1]
    for vertex in range(begin, end - 1):
        total += (xy[vertex, 0] - x0) * (xy[vertex + 1, 1] - y0) - (xy[vertex + 1, 0] - x0) * (xy[vertex, 1] - y0)
    return total


@compiled
def _is_on(x: float, y: float, xy: Floats, begin: int, end: int) -> bool:
    for vertex in range(begin, end - 1):
        ax, ay = xy[vertex, 0] - x, xy[vertex, 1] - y
        ux, uy = xy[vertex + 1, 0] - xy[vertex, 0], xy[vertex + 1, 1] - xy[vertex, 1]
        square = ux * ux + uy * uy
        along = 0.0 if square == 0.0 else min(max(-(ax * ux + ay * uy) / square, 0.0), 1.0)
        if np.hypot(ax + along * ux, ay + along * uy) <= SLACK_M:
            return True
    return False


@compiled
def _is_in(x: float, y: float, xy: Floats, begin: int, end: int) -> bool:
    inside = False
    for vertex in range(begin, end - 1):
        ay, by = xy[vertex, 1] - y, xy[vertex + 1, 1] - y
        if (ay > 0.0) != (by > 0.0):
            ax, bx = xy[vertex, 0] - x, xy[vertex + 1, 0] - x
            if (ax * by - bx * ay > 0.0) == (by > ay):
                inside = not inside
    return inside


@compiled
def _depth(xy: Floats, chain_at: Ints, outer: Flags, first: int, last: int, chain: int) -> int:
    """Return in how many more parts than holes of its shape a ring lies, by a vertex on no other ring; -9 unknown."""
    for vertex in range(chain_at[chain], chain_at[chain + 1] - 1):
        depth, known = 0, True
        for other in range(first, last):
            if other == chain:
                continue
            begin, end = chain_at[other], chain_at[other + 1]
            if _is_on(xy[vertex, 0], xy[vertex, 1], xy, begin, end):
                known = False
                break
            if _is_in(xy[vertex, 0], xy[vertex, 1], xy, begin, end):
                depth += 1 if outer[other] else -1
        if known:
            return depth
    return -9


@compiled
def _fault(xy: Floats, chain_at: Ints, outer: Flags, polygonal: bool, first: int, last: int, by_pairs: bool) -> int:
    begin, end = chain_at[first], chain_at[last]
    for vertex in range(begin, end):
        if not (np.isfinite(xy[vertex, 0]) and np.isfinite(xy[vertex, 1])):
            return _NOT_FINITE
    if not polygonal:
        return _FINE
    for chain in range(first, last):
        start, stop = chain_at[chain], chain_at[chain + 1]
        if stop - start < 4:
            return _TOO_SHORT
        if xy[start, 0] != xy[stop - 1, 0] or xy[start, 1] != xy[stop - 1, 1]:
            return _UNCLOSED
    if not by_pairs:
        return _FINE
    # Every ring as it would run in the standard's order, so that ground lies on its left.
    edges = end - begin - (last - first)
    ends = np.empty((edges, 4))
    west = np.empty(edges)
    count = 0
    x0, y0 = xy[begin, 0], xy[begin, 1]
    for chain in range(first, last):
        flip = (turns(xy, chain_at[chain], chain_at[chain + 1]) > 0.0) != outer[chain]
        for vertex in range(chain_at[chain], chain_at[chain + 1] - 1):
            a, b = (vertex + 1, vertex) if flip else (vertex, vertex + 1)
            ends[count, 0], ends[count, 1] = xy[a, 0] - x0, xy[a, 1] - y0
            ends[count, 2], ends[count, 3] = xy[b, 0] - x0, xy[b, 1] - y0
            west[count] = min(ends[count, 0], ends[count, 2])
            count += 1
    if edges > 64:
        order = np.argsort(west)
        ends, west = ends[order], west[order]
        in_order = True
    else:
        in_order = False
    for one in range(edges):
        ax, ay, bx, by = ends[one, 0], ends[one, 1], ends[one, 2], ends[one, 3]
        east, south, north = max(ax, bx), min(ay, by), max(ay, by)
        for two in range(one + 1, edges):
            if west[two] > east:
                if in_order:
                    break
                continue
            cx, cy, dx, dy = ends[two, 0], ends[two, 1], ends[two, 2], ends[two, 3]
            if max(cx, dx) < west[one] or min(cy, dy) > north or max(cy, dy) < south:
                continue
            if clash(ax, ay, bx, by, cx, cy, dx, dy):
                return _CROSSING
    if last - first > 1:
        for chain in range(first, last):
            depth = _depth(xy, chain_at, outer, first, last, chain)
            if depth != -9 and depth != (0 if outer[chain] else 1):
                return _NESTING
    return _FINE


@compiled
def _first_fault(
    xy: Floats, chain_at: Ints, shape_at: Ints, outer: Flags, polygonal: Flags, by_pairs: bool
) -> tuple[int, int]:
    for shape in range(len(shape_at) - 1):
        found = _fault(xy, chain_at, outer, polygonal[shape], shape_at[shape], shape_at[shape + 1], by_pairs)
        if found != _FINE:
            return shape, found
    return 0, _FINE
