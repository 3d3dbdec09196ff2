"""The way down: from the box around a layer to the segment that is nearest to a parcel."""

from __future__ import annotations

from typing import Any

import numpy as np

from geo_service.compiled import compiled
from geo_service.rings import Flags, Floats, Ints
from geo_service.segments.tree import FAN

#: Boxes so much farther away than the nearest so far are still looked at: distances are rounded.
SLACK_M = 1e-9
#: Edges of a parcel that stand under one box.
_EDGES = 16
#: Boxes that wait at most: one level leaves all but one of its boxes behind, and no layer has so many levels.
_WAITING = 32 * FAN
_NONE = np.iinfo(np.int64).max


@compiled
def _apart2(a: Floats, one: int, b: Floats, other: int) -> Any:
    """Return the square of the distance of two boxes."""
    dx = max(a[one, 0] - b[other, 2], b[other, 0] - a[one, 2], 0.0)
    dy = max(a[one, 1] - b[other, 3], b[other, 1] - a[one, 3], 0.0)
    return dx * dx + dy * dy


@compiled
def _to_segment2(px: float, py: float, ax: float, ay: float, ux: float, uy: float, inverse: float) -> Any:
    """Return the square of the distance of a point to a segment from a along u, good enough to tell what is too far."""
    vx, vy = px - ax, py - ay
    along = min(max((vx * ux + vy * uy) * inverse, 0.0), 1.0)
    across_x, across_y = vx - along * ux, vy - along * uy
    return across_x * across_x + across_y * across_y


@compiled
def _to_segment(px: float, py: float, ax: float, ay: float, bx: float, by: float) -> Any:
    """Return the distance of a point to a segment, bit by bit as GEOS does."""
    ux, uy = bx - ax, by - ay
    square = ux * ux + uy * uy
    along = (px - ax) * ux + (py - ay) * uy
    if along <= 0.0:
        return np.sqrt((px - ax) * (px - ax) + (py - ay) * (py - ay))
    if along >= square:
        return np.sqrt((px - bx) * (px - bx) + (py - by) * (py - by))
    across = ((ay - py) * ux - (ax - px) * uy) / square
    return abs(across) * np.sqrt(square)


@compiled
def _meet(ax: float, ay: float, bx: float, by: float, cx: float, cy: float, dx: float, dy: float) -> bool:
    """Tell whether segments ab and cd, neither of them a point and not parallel, share a point."""
    if min(ax, bx) > max(cx, dx) or min(cx, dx) > max(ax, bx) or min(ay, by) > max(cy, dy) or min(cy, dy) > max(ay, by):
        return False
    turn = (bx - ax) * (dy - cy) - (by - ay) * (dx - cx)
    if turn == 0.0:
        return False
    on_ab = ((ay - cy) * (dx - cx) - (ax - cx) * (dy - cy)) / turn
    on_cd = ((ay - cy) * (bx - ax) - (ax - cx) * (by - ay)) / turn
    return bool(0.0 <= on_ab <= 1.0 and 0.0 <= on_cd <= 1.0)


@compiled
def _turns_over(x: float, y: float, ax: float, ay: float, bx: float, by: float) -> bool:
    """Tell whether a ray from a point to the east crosses an edge."""
    if (ay > y) == (by > y):
        return False
    return bool(((ax - x) * (by - y) - (bx - x) * (ay - y) > 0.0) == (by > ay))


@compiled
def _holds(x: float, y: float, xy: Floats, begin: Ints, end: Ints, boxes: Floats, first: int, last: int) -> bool:
    """Tell whether a point lies in a polygon, given by its runs."""
    inside = False
    for run in range(first, last):
        if boxes[run, 1] <= y <= boxes[run, 3] and boxes[run, 2] >= x:
            for vertex in range(begin[run], end[run]):
                if _turns_over(x, y, xy[vertex, 0], xy[vertex, 1], xy[vertex + 1, 0], xy[vertex + 1, 1]):
                    inside = not inside
    return inside


@compiled
def _lay_out(xy: Floats, chain_at: Ints, first: int, last: int, edges: Floats, boxes: Floats) -> int:
    """Lay out the edges of a parcel, each with its direction and the inverse of its squared length, and their boxes.

    The first box is around all, then one around every sixteen edges.
    """
    count = 0
    for chain in range(first, last):
        begin, end = chain_at[chain], chain_at[chain + 1]
        if begin == end:
            continue
        closed = end - begin > 1 and xy[begin, 0] == xy[end - 1, 0] and xy[begin, 1] == xy[end - 1, 1]
        # Only the first end of an edge is asked how far it is from others, hence an edge of no length at an open end.
        for vertex in range(begin, end - 1 if closed else end):
            after = min(vertex + 1, end - 1)
            ux, uy = xy[after, 0] - xy[vertex, 0], xy[after, 1] - xy[vertex, 1]
            edges[0, count], edges[1, count] = xy[vertex, 0], xy[vertex, 1]
            edges[2, count], edges[3, count] = xy[after, 0], xy[after, 1]
            edges[4, count], edges[5, count] = ux, uy
            edges[6, count] = _inverse(ux, uy)
            count += 1
    boxes[0, 0], boxes[0, 1], boxes[0, 2], boxes[0, 3] = np.inf, np.inf, -np.inf, -np.inf
    for edge in range(count):
        box = 1 + edge // _EDGES
        if edge % _EDGES == 0:
            boxes[box, 0], boxes[box, 1], boxes[box, 2], boxes[box, 3] = np.inf, np.inf, -np.inf, -np.inf
        for side in (0, box):
            boxes[side, 0] = min(boxes[side, 0], edges[0, edge], edges[2, edge])
            boxes[side, 1] = min(boxes[side, 1], edges[1, edge], edges[3, edge])
            boxes[side, 2] = max(boxes[side, 2], edges[0, edge], edges[2, edge])
            boxes[side, 3] = max(boxes[side, 3], edges[1, edge], edges[3, edge])
    return count


@compiled
def _widened2(square: float) -> Any:
    """Return the square of a distance that is longer by the slack, given its square."""
    return (np.sqrt(square) + SLACK_M) * (np.sqrt(square) + SLACK_M)


@compiled
def _inverse(ux: float, uy: float) -> Any:
    square = ux * ux + uy * uy
    return 1.0 / square if square > 0.0 else 0.0


@compiled
def _radius(edges: Floats, count: int, x: float, y: float) -> Any:
    most2 = 0.0
    for edge in range(count):
        dx, dy = edges[0, edge] - x, edges[1, edge] - y
        most2 = max(most2, dx * dx + dy * dy)
    return np.sqrt(most2)


@compiled
def _vertex_m(x: float, y: float, edges: Floats, first: int, last: int, most: float) -> Any:
    """Return the distance of a point to some edges where it is at most so large; anything larger otherwise."""
    reach2 = (most + SLACK_M) * (most + SLACK_M)
    least2 = np.inf
    for edge in range(first, last):
        away2 = _to_segment2(x, y, edges[0, edge], edges[1, edge], edges[4, edge], edges[5, edge], edges[6, edge])
        least2 = min(least2, away2)
    least = np.inf
    if least2 <= reach2:
        near2 = _widened2(least2)
        for edge in range(first, last):
            away2 = _to_segment2(x, y, edges[0, edge], edges[1, edge], edges[4, edge], edges[5, edge], edges[6, edge])
            if away2 <= near2:
                found = _to_segment(x, y, edges[0, edge], edges[1, edge], edges[2, edge], edges[3, edge])
                least = min(least, found)
    return least


@compiled
def _to_edges_m(
    ax: float, ay: float, bx: float, by: float, inverse: float, edges: Floats, first: int, last: int, most: float
) -> Any:
    """Return the distance of a segment to the first ends of some edges where it is at most so large."""
    reach2 = (most + SLACK_M) * (most + SLACK_M)
    ux, uy = bx - ax, by - ay
    least2 = np.inf
    for edge in range(first, last):
        least2 = min(least2, _to_segment2(edges[0, edge], edges[1, edge], ax, ay, ux, uy, inverse))
    least = np.inf
    if least2 <= reach2:
        near2 = _widened2(least2)
        for edge in range(first, last):
            if _to_segment2(edges[0, edge], edges[1, edge], ax, ay, ux, uy, inverse) <= near2:
                least = min(least, _to_segment(edges[0, edge], edges[1, edge], ax, ay, bx, by))
    return least


@compiled
def _segment_m(
    ax: float, ay: float, bx: float, by: float,
    edges: Floats, count: int, boxes: Floats, middle_x: float, middle_y: float, radius: float, most: float,
) -> Any:  # fmt: skip
    """Return the distance of a segment to the boundary of a parcel where it is at most so large."""
    ux, uy = bx - ax, by - ay
    inverse = _inverse(ux, uy)
    along = min(max(((middle_x - ax) * ux + (middle_y - ay) * uy) * inverse, 0.0), 1.0)
    nx, ny = ax - middle_x + along * ux, ay - middle_y + along * uy
    away2 = nx * nx + ny * ny
    reach = most + radius + SLACK_M
    if away2 > reach * reach:
        return np.inf
    if away2 > radius * radius:
        # The line across the way from the middle of the parcel to the segment has all of the segment beyond it.
        away = np.sqrt(away2)
        toward = 0.0
        for edge in range(count):
            toward = max(toward, (edges[0, edge] - middle_x) * nx + (edges[1, edge] - middle_y) * ny)
        if away - toward / away > most + SLACK_M:
            return np.inf
    least = np.inf
    for box in range(1, 1 + (count + _EDGES - 1) // _EDGES):
        dx = max(boxes[box, 0] - max(ax, bx), min(ax, bx) - boxes[box, 2], 0.0)
        dy = max(boxes[box, 1] - max(ay, by), min(ay, by) - boxes[box, 3], 0.0)
        reach = min(most, least) + SLACK_M
        if dx * dx + dy * dy > reach * reach:
            continue
        first, last = (box - 1) * _EDGES, min(box * _EDGES, count)
        if dx == 0.0 and dy == 0.0:
            for edge in range(first, last):
                if _meet(ax, ay, bx, by, edges[0, edge], edges[1, edge], edges[2, edge], edges[3, edge]):
                    return 0.0
        least = min(least, _to_edges_m(ax, ay, bx, by, inverse, edges, first, last, min(most, least)))
        reach = min(most, least) + radius + SLACK_M
        for x, y in ((ax, ay), (bx, by)):
            if (x - middle_x) * (x - middle_x) + (y - middle_y) * (y - middle_y) <= reach * reach:
                least = min(least, _vertex_m(x, y, edges, first, last, min(most, least)))
    return least


@compiled
def _run_m(
    xy: Floats, first: int, last: int, is_start: bool, polygonal: bool,
    edges: Floats, count: int, boxes: Floats, radius: float, most: float,
) -> float:  # fmt: skip
    """Return the distance of a run to a parcel where it is at most so large; anything larger otherwise."""
    x, y = xy[first, 0], xy[first, 1]
    if is_start and polygonal and boxes[0, 0] <= x <= boxes[0, 2] and boxes[0, 1] <= y <= boxes[0, 3]:
        # What does not meet the boundary lies inside with all of its vertices, or with none.
        inside = False
        for edge in range(count):
            if _turns_over(x, y, edges[0, edge], edges[1, edge], edges[2, edge], edges[3, edge]):
                inside = not inside
        if inside:
            return 0.0
    # From the segment that is nearest to the middle on: it tells most of the others to be too far.
    middle_x, middle_y = 0.5 * (boxes[0, 0] + boxes[0, 2]), 0.5 * (boxes[0, 1] + boxes[0, 3])
    begins, nearest2 = first, np.inf
    for vertex in range(first, last):
        ax, ay, ux, uy = (
            xy[vertex, 0],
            xy[vertex, 1],
            xy[vertex + 1, 0] - xy[vertex, 0],
            xy[vertex + 1, 1] - xy[vertex, 1],
        )
        away2 = _to_segment2(middle_x, middle_y, ax, ay, ux, uy, _inverse(ux, uy))
        if away2 < nearest2:
            begins, nearest2 = vertex, away2
    reach = most + radius + SLACK_M
    if nearest2 > reach * reach and last > first:
        return np.inf
    least = np.inf
    segments = max(last - first, 1)
    for step in range(segments):
        vertex = first + (begins - first + step) % segments
        after = min(vertex + 1, last)
        found = _segment_m(
            xy[vertex, 0], xy[vertex, 1], xy[after, 0], xy[after, 1],
            edges, count, boxes, middle_x, middle_y, radius, min(most, least),
        )  # fmt: skip
        least = min(least, found)
    return least


@compiled
def _around(
    x: float, y: float, xy: Floats, rank: Ints, run_at: Ints, begin: Ints, end: Ints, run_boxes: Floats,
    order: Ints, boxes: Floats, level_at: Ints, polygons: Ints, wanted: Flags,
    best_rank: int, nearest: int, waiting: Ints, level_of: Ints,
) -> tuple[int, int]:  # fmt: skip
    """Return the first in rank of the eligible polygons around a point, and of the one found so far."""
    waiting[0], level_of[0] = level_at[-2], len(level_at) - 2
    left = 1
    while left > 0:
        left -= 1
        place, level = waiting[left], level_of[left]
        if not (boxes[place, 0] <= x <= boxes[place, 2] and boxes[place, 1] <= y <= boxes[place, 3]):
            continue
        if level > 0:
            child = level_at[level - 1] + (place - level_at[level]) * FAN
            for below in range(child, min(child + FAN, level_at[level])):
                waiting[left], level_of[left] = below, level - 1
                left += 1
            continue
        one = polygons[order[place]]
        if not wanted[one] or (nearest >= 0 and (rank[one], one) >= (best_rank, nearest)):
            continue
        if _holds(x, y, xy, begin, end, run_boxes, run_at[one], run_at[one + 1]):
            best_rank, nearest = rank[one], one
    return best_rank, nearest


@compiled
def search(
    parcel_xy: Floats, parcel_chain_at: Ints, parcel_at: Ints, outer: Flags, parcel_polygonal: Flags, order: Ints,
    xy: Floats, rank: Ints, run_at: Ints, begin: Ints, end: Ints, owner: Ints, run_boxes: Floats,
    run_order: Ints, boxes: Floats, level_at: Ints, live: Flags,
    ground_order: Ints, ground_boxes: Floats, ground_at: Ints, polygons: Ints, wanted: Flags,
    limit_m: float, feature: Ints, distance_m: Floats,
) -> None:  # fmt: skip
    """Find the nearest eligible feature of some parcels, one after the other, and write it where the parcel stands."""
    longest = 0
    for parcel in order:
        longest = max(longest, parcel_chain_at[parcel_at[parcel + 1]] - parcel_chain_at[parcel_at[parcel]])
    edges, own = np.empty((7, longest)), np.empty((2 + longest // _EDGES, 4))
    waiting, level_of, apart = np.empty(_WAITING, np.int64), np.empty(_WAITING, np.int64), np.empty(_WAITING)
    top = len(level_at) - 2
    neighbour = -1
    for parcel in order:
        first, last = parcel_at[parcel], parcel_at[parcel + 1]
        count = _lay_out(parcel_xy, parcel_chain_at, first, last, edges, own)
        if count == 0:
            continue
        radius = _radius(edges, count, 0.5 * (own[0, 0] + own[0, 2]), 0.5 * (own[0, 1] + own[0, 3]))
        best, best_rank, nearest, run_found = limit_m, _NONE, -1, -1
        # A polygon around the whole of a part need not be near its boundary.
        for chain in range(first, last):
            if len(polygons) > 0 and (outer[chain] or not parcel_polygonal[parcel]):
                x, y = parcel_xy[parcel_chain_at[chain], 0], parcel_xy[parcel_chain_at[chain], 1]
                best_rank, nearest = _around(
                    x, y, xy, rank, run_at, begin, end, run_boxes, ground_order, ground_boxes, ground_at, polygons,
                    wanted, best_rank, nearest, waiting, level_of,
                )  # fmt: skip
        if nearest >= 0:
            best = 0.0
        waiting[0], level_of[0], apart[0] = level_at[-2], top, 0.0
        left = 1 if live[level_at[-2]] else 0
        if neighbour >= 0:
            # What is nearest to a neighbour is near; looked at first, it spares most of the way down.
            waiting[left], level_of[left], apart[left] = neighbour, 0, 0.0
            left += 1
        while left > 0:
            left -= 1
            reach2 = (best + SLACK_M) * (best + SLACK_M)
            if apart[left] > reach2:
                continue
            place, level = waiting[left], level_of[left]
            if level == 0:
                run = run_order[place]
                one = owner[run]
                if not wanted[one] or (best == 0.0 and (rank[one], one) >= (best_rank, nearest)):
                    continue
                is_start = run == 0 or end[run - 1] != begin[run]
                found = _run_m(
                    xy, begin[run], end[run], is_start, parcel_polygonal[parcel], edges, count, own, radius, best
                )
                if found < best or (found == best and (nearest < 0 or (rank[one], one) < (best_rank, nearest))):
                    best, best_rank, nearest, run_found = found, rank[one], one, place
                continue
            child = level_at[level - 1] + (place - level_at[level]) * FAN
            bottom = left
            for below in range(child, min(child + FAN, level_at[level])):
                away2 = _apart2(boxes, below, own, 0)
                if away2 > reach2 or not live[below]:
                    continue
                # The nearest comes to lie on top.
                at = left
                while at > bottom and apart[at - 1] < away2:
                    waiting[at], level_of[at], apart[at] = waiting[at - 1], level_of[at - 1], apart[at - 1]
                    at -= 1
                waiting[at], level_of[at], apart[at] = below, level - 1, away2
                left += 1
        neighbour = run_found if run_found >= 0 else neighbour
        if nearest >= 0:
            feature[parcel], distance_m[parcel] = nearest, best
