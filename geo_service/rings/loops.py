"""Loops over the vertices of shapes."""

from __future__ import annotations

from typing import Any

import numpy as np

from geo_service.compiled import compiled, flags, floats, integers, octets
from geo_service.rings import Bytes, Flags, Floats, Ints
from geo_service.rings.faults import (
    BIG_ENDIAN,
    CROSSING,
    FINE,
    NESTING,
    NOT_FINITE,
    OTHER_TYPE,
    SLACK_M,
    TOO_SHORT,
    TRUNCATED,
    UNCLOSED,
)

#: How two edges of one boundary meet.
_APART, _TOUCH, _CLASH = 0, 1, 2

#: Rings up to this many edges are compared edge by edge as they come.
FEW = 64

#: Kinds of geometry in well-known binary.
LINE, POLYGON, MULTI_LINE, MULTI_POLYGON = 2, 3, 5, 6


@compiled
def _u32(data: Bytes, place: int) -> Any:
    return (
        np.int64(data[place])
        | (np.int64(data[place + 1]) << 8)
        | (np.int64(data[place + 2]) << 16)
        | (np.int64(data[place + 3]) << 24)
    )


@compiled
def _head(data: Bytes, place: int, end: int) -> tuple[Any, int, int]:
    """Return kind, dimensions and where the content begins; a negative kind is a fault."""
    if place + 5 > end:
        return TRUNCATED, 2, place
    if data[place] != 1:
        return BIG_ENDIAN, 2, place
    word = _u32(data, place + 1)
    begins = place + 5
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
def count_chains(data: Bytes, starts: Ints) -> tuple[int, int, int, int]:
    """Count chains and vertices and look whether the bytes are what they say."""
    chains, vertices = 0, 0
    for shape in range(len(starts) - 1):
        position, end = starts[shape], starts[shape + 1]
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
                return chains, vertices, shape, TRUNCATED
            number = _u32(data, position)
            position += 4
            if kind in (MULTI_LINE, MULTI_POLYGON) and first:
                pending += number
            elif kind == POLYGON:
                for _ in range(number):
                    if position + 4 > end:
                        return chains, vertices, shape, TRUNCATED
                    length = _u32(data, position)
                    position += 4 + length * 8 * dimensions
                    if position > end:
                        return chains, vertices, shape, TRUNCATED
                    chains += 1
                    vertices += length
            elif kind == LINE:
                position += number * 8 * dimensions
                if position > end:
                    return chains, vertices, shape, TRUNCATED
                chains += 1
                vertices += number
            else:
                return chains, vertices, shape, OTHER_TYPE
            first = False
    return chains, vertices, 0, 0


@compiled
def fill_chains(
    data: Bytes, starts: Ints, xy: Floats, chain_at: Ints, shape_at: Ints, outer: Flags, polygonal: Flags
) -> None:
    """Read well-known binary that `count_chains` found right."""
    chains, vertices = 0, 0
    for shape in range(len(starts) - 1):
        position, end = starts[shape], starts[shape + 1]
        pending = 1 if position < end else 0
        while pending > 0:
            pending -= 1
            kind, dimensions, position = _head(data, position, end)
            number = _u32(data, position)
            position += 4
            if kind in (MULTI_LINE, MULTI_POLYGON):
                pending += number
                polygonal[shape] = kind == MULTI_POLYGON
                continue
            polygonal[shape] = kind == POLYGON
            for ring in range(number if kind == POLYGON else 1):
                length = number
                if kind == POLYGON:
                    length = _u32(data, position)
                    position += 4
                numbers = data[position : position + length * 8 * dimensions].view(np.float64)
                for vertex in range(length):
                    xy[vertices + vertex, 0] = numbers[vertex * dimensions]
                    xy[vertices + vertex, 1] = numbers[vertex * dimensions + 1]
                position += length * 8 * dimensions
                vertices += length
                outer[chains] = kind == POLYGON and ring == 0
                chains += 1
                chain_at[chains] = vertices
        shape_at[shape + 1] = chains


@compiled
def _bounds(xy: Floats, chain_at: Ints, shape_at: Ints, found: Floats) -> None:
    for shape in range(len(shape_at) - 1):
        begin, end = chain_at[shape_at[shape]], chain_at[shape_at[shape + 1]]
        if begin == end:
            for side in range(4):
                found[shape, side] = np.nan
            continue
        west, south = xy[begin, 0], xy[begin, 1]
        east, north = west, south
        for vertex in range(begin + 1, end):
            x, y = xy[vertex, 0], xy[vertex, 1]
            west, east = min(west, x), max(east, x)
            south, north = min(south, y), max(north, y)
        found[shape, 0], found[shape, 1], found[shape, 2], found[shape, 3] = west, south, east, north


@compiled
def _meeting(ax: float, ay: float, bx: float, by: float, cx: float, cy: float, dx: float, dy: float) -> int:
    """Tell whether edges ab and cd of one boundary cross, or run over each other in the same direction.

    Edges that run over each other in opposite directions enclose nothing between them and are fine. Where one may only
    touch the other, what else meets there says whether the boundary crosses itself.
    """
    if (bx == cx and by == cy) or (dx == ax and dy == ay):
        # One goes on where the other ends; turning back on it would be the opposite direction.
        return _APART
    ux, uy, vx, vy = bx - ax, by - ay, dx - cx, dy - cy
    uu, vv = ux * ux + uy * uy, vx * vx + vy * vy
    # Twice the areas of the triangles of one edge and an end of the other: squared, over the edge's own square, they
    # are the squares of the distances of that end from the edge's line.
    abc = ux * (cy - ay) - uy * (cx - ax)
    abd = ux * (dy - ay) - uy * (dx - ax)
    slack = SLACK_M * SLACK_M
    if abc * abc > slack * uu and abd * abd > slack * uu:
        if (abc > 0.0) == (abd > 0.0):
            return _APART
        cda = vx * (ay - cy) - vy * (ax - cx)
        cdb = vx * (by - cy) - vy * (bx - cx)
        if cda * cda <= slack * vv or cdb * cdb <= slack * vv:
            return _TOUCH
        return _CLASH if (cda > 0.0) != (cdb > 0.0) else _APART
    if abc * abc <= slack * uu and abd * abd <= slack * uu and uu > 0.0 and vv > 0.0:
        u = np.sqrt(uu)
        low = ((cx - ax) * ux + (cy - ay) * uy) / u
        high = ((dx - ax) * ux + (dy - ay) * uy) / u
        if low < high and min(high, u) - max(low, 0.0) > SLACK_M:
            return _CLASH
    return _TOUCH


@compiled
def length(dx: float, dy: float) -> float:
    """Return the length of a vector; coordinates in metres cannot overflow."""
    return float(np.sqrt(dx * dx + dy * dy))


@compiled
def _turned(dx: float, dy: float) -> float:
    """Return a number from -2 to 2 that grows with the angle of a vector as it turns to the left from due west."""
    along = dx / (abs(dx) + abs(dy))
    return along - 1.0 if dy < 0.0 else 1.0 - along


@compiled
def _crosses_at(x: float, y: float, ends: Floats, around: Floats, steps: Ints) -> bool:
    """Tell whether a boundary crosses itself at a point.

    Ground lies on the left of every edge. Going round the point to the left, ground thus begins at every edge that
    leaves it and ends at every one that comes in; where two of one kind follow each other, ground lies upon ground.
    """
    count = 0
    for edge in range(len(ends)):
        for step in (1, -1):
            # The edge as it leaves, or as it comes in, seen from the point.
            near, far = (0, 2) if step > 0 else (2, 0)
            dx, dy = ends[edge, far] - x, ends[edge, far + 1] - y
            far_m = length(dx, dy)
            if far_m <= SLACK_M:
                continue
            ux, uy = ends[edge, near] - x, ends[edge, near + 1] - y
            if length(ux, uy) > SLACK_M:
                if abs(ux * dy - uy * dx) > SLACK_M * length(dx - ux, dy - uy) or ux * dx + uy * dy > 0.0:
                    continue
            angle, before = _turned(dx, dy), count - 1
            while before >= 0 and around[before, 0] > angle:
                around[before + 1, 0], around[before + 1, 1] = around[before, 0], around[before, 1]
                steps[before + 1] = steps[before]
                before -= 1
            around[before + 1, 0], around[before + 1, 1], steps[before + 1] = angle, far_m, step
            count += 1
    if count <= 2:
        return False
    left = 0
    for place in range(count):
        # Edges that run over each other in opposite directions enclose nothing.
        if left > 0:
            apart = (around[place, 0] - around[left - 1, 0]) * min(around[place, 1], around[left - 1, 1])
            if steps[place] != steps[left - 1] and apart <= 2.0 * SLACK_M:
                left -= 1
                continue
        around[left, 0], around[left, 1], steps[left] = around[place, 0], around[place, 1], steps[place]
        left += 1
    for place in range(left):
        if steps[place] == steps[place - 1 if place > 0 else left - 1]:
            return True
    return False


@compiled
def _crosses_where(ends: Floats, one: int, two: int, around: Floats, steps: Ints) -> bool:
    """Tell whether a boundary crosses itself where an end of one of two edges lies on the other."""
    for turn in range(2):
        first, second = (one, two) if turn == 0 else (two, one)
        ax, ay = ends[second, 0], ends[second, 1]
        ux, uy = ends[second, 2] - ax, ends[second, 3] - ay
        square = ux * ux + uy * uy
        for end in (0, 2):
            x, y = ends[first, end], ends[first, end + 1]
            along = 0.0 if square == 0.0 else min(max(((x - ax) * ux + (y - ay) * uy) / square, 0.0), 1.0)
            if length(ax + along * ux - x, ay + along * uy - y) <= SLACK_M:
                if _crosses_at(x, y, ends, around, steps):
                    return True
    return False


@compiled
def _by_west(ends: Floats, west: Floats) -> None:
    """Sort edges by their western ends, in place."""
    gap = 1
    while gap < len(west) // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for index in range(gap, len(west)):
            key, a, b, c, d = west[index], ends[index, 0], ends[index, 1], ends[index, 2], ends[index, 3]
            place = index
            while place >= gap and west[place - gap] > key:
                west[place] = west[place - gap]
                ends[place, 0], ends[place, 1] = ends[place - gap, 0], ends[place - gap, 1]
                ends[place, 2], ends[place, 3] = ends[place - gap, 2], ends[place - gap, 3]
                place -= gap
            west[place] = key
            ends[place, 0], ends[place, 1], ends[place, 2], ends[place, 3] = a, b, c, d
        gap //= 3


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
        if length(ax + along * ux, ay + along * uy) <= SLACK_M:
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
def fault_of(
    xy: Floats,
    chain_at: Ints,
    outer: Flags,
    polygonal: bool,
    first: int,
    last: int,
    by_pairs: bool,
    room: Floats,
    boxes: Floats,
    around: Floats,
    steps: Ints,
) -> int:
    """Return what is wrong with a shape; the last four arrays are room for its edges and for the four rows of boxes."""
    begin, end = chain_at[first], chain_at[last]
    for vertex in range(begin, end):
        if not (np.isfinite(xy[vertex, 0]) and np.isfinite(xy[vertex, 1])):
            return NOT_FINITE
    if not polygonal:
        return FINE
    for chain in range(first, last):
        start, stop = chain_at[chain], chain_at[chain + 1]
        if stop - start < 4:
            return TOO_SHORT
        if xy[start, 0] != xy[stop - 1, 0] or xy[start, 1] != xy[stop - 1, 1]:
            return UNCLOSED
    if not by_pairs:
        return FINE
    # Every ring as it would run in the standard's order, so that ground lies on its left.
    edges = end - begin - (last - first)
    ends, west, east, south, north = room[:edges], boxes[0, :edges], boxes[1], boxes[2], boxes[3]
    count = 0
    x0, y0 = xy[begin, 0], xy[begin, 1]
    for chain in range(first, last):
        flip = (turns(xy, chain_at[chain], chain_at[chain + 1]) > 0.0) != outer[chain]
        for vertex in range(chain_at[chain], chain_at[chain + 1] - 1):
            a, b = (vertex + 1, vertex) if flip else (vertex, vertex + 1)
            ends[count, 0], ends[count, 1] = xy[a, 0] - x0, xy[a, 1] - y0
            ends[count, 2], ends[count, 3] = xy[b, 0] - x0, xy[b, 1] - y0
            west[count], east[count] = min(ends[count, 0], ends[count, 2]), max(ends[count, 0], ends[count, 2])
            south[count], north[count] = min(ends[count, 1], ends[count, 3]), max(ends[count, 1], ends[count, 3])
            count += 1
    # Sorting costs more than it saves where edges are few.
    in_order = edges > FEW
    if in_order:
        _by_west(ends, west)
    for one in range(edges):
        ax, ay, bx, by = ends[one, 0], ends[one, 1], ends[one, 2], ends[one, 3]
        e, s, n = max(ax, bx), min(ay, by), max(ay, by)
        last_two = edges
        if not in_order:
            # Without a branch, several edges go at once; most meet none but the next one.
            met = 0
            for two in range(one + 2, edges):
                met += (west[two] <= e) & (east[two] >= west[one]) & (south[two] <= n) & (north[two] >= s)
            if met == 0:
                last_two = min(one + 2, edges)
        for two in range(one + 1, last_two):
            cx, cy, dx, dy = ends[two, 0], ends[two, 1], ends[two, 2], ends[two, 3]
            if west[two] > e:
                if in_order:
                    break
                continue
            if max(cx, dx) < west[one] or min(cy, dy) > n or max(cy, dy) < s:
                continue
            meeting = _meeting(ax, ay, bx, by, cx, cy, dx, dy)
            if meeting == _CLASH or (meeting == _TOUCH and _crosses_where(ends, one, two, around, steps)):
                return CROSSING
    if last - first > 1:
        for chain in range(first, last):
            depth = _depth(xy, chain_at, outer, first, last, chain)
            if depth != -9 and depth != (0 if outer[chain] else 1):
                return NESTING
    return FINE


def count_wkb(data: int, size: int, starts: int, shapes: int, found: int) -> int:
    """Count chains and vertices; writes them, and which shape is wrong. For `Native`: arrays by address."""
    counted = integers(found, 3)
    chains, vertices, index, fault = count_chains(octets(data, size), integers(starts, shapes + 1))
    counted[0], counted[1], counted[2] = chains, vertices, index
    return fault


def fill_wkb(
    data: int,
    size: int,
    starts: int,
    shapes: int,
    chains: int,
    vertices: int,
    xy: int,
    chain_at: int,
    shape_at: int,
    outer: int,
    polygonal: int,
) -> int:
    """Read well-known binary that `count_wkb` found right. For `Native`: arrays by address."""
    fill_chains(
        octets(data, size),
        integers(starts, shapes + 1),
        floats(xy, (vertices, 2)),
        integers(chain_at, chains + 1),
        integers(shape_at, shapes + 1),
        flags(outer, chains),
        flags(polygonal, shapes),
    )
    return 0


def first_fault(
    xy: int,
    vertices: int,
    chain_at: int,
    chains: int,
    shape_at: int,
    shapes: int,
    outer: int,
    polygonal: int,
    by_pairs: int,
    room: int,
    steps: int,
    longest: int,
    found: int,
) -> int:
    """Return what is wrong with the first shape that has a fault, and write which. For `Native`: arrays by address."""
    starts = integers(shape_at, shapes + 1)
    kinds = flags(polygonal, shapes)
    index = integers(found, 1)
    for shape in range(shapes):
        fault = fault_of(
            floats(xy, (vertices, 2)),
            integers(chain_at, chains + 1),
            flags(outer, chains),
            kinds[shape],
            starts[shape],
            starts[shape + 1],
            by_pairs != 0,
            floats(room, (longest, 4)),
            floats(room + 8 * 4 * longest, (4, longest)),
            floats(room + 8 * 8 * longest, (2 * longest, 2)),
            integers(steps, 2 * longest),
        )
        if fault != FINE:
            index[0] = shape
            return fault
    return FINE


def bounds(xy: int, vertices: int, chain_at: int, chains: int, shape_at: int, shapes: int, found: int) -> int:
    """Write the box of every shape. For `Native`: arrays by address."""
    _bounds(
        floats(xy, (vertices, 2)),
        integers(chain_at, chains + 1),
        integers(shape_at, shapes + 1),
        floats(found, (shapes, 4)),
    )
    return 0
