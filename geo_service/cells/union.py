"""The union of overlapping ground within one cell, as edges."""

from __future__ import annotations

import numpy as np

from geo_service.compiled import compiled
from geo_service.rings import Floats, Ints

#: Ground that a shape covers twice, or less than not at all, through the rounding of a projection.
SLACK_M2 = 1e-6


@compiled
def roomy(edges: Floats, used: int, need: int) -> Floats:
    """Return edges with room for more after the used ones: the same array, or one at least twice as long."""
    if used + need <= len(edges):
        return edges
    larger = np.empty((max(2 * len(edges), used + need), 4))
    larger[:used] = edges[:used]
    return larger


@compiled
def ordinate(edge: Floats, x: float) -> float:
    """Return y of an edge at x; its ends are exact."""
    if x == edge[0]:
        return float(edge[1])
    if x == edge[2]:
        return float(edge[3])
    return float(edge[1] + (edge[3] - edge[1]) * ((x - edge[0]) / (edge[2] - edge[0])))


@compiled
def _stations(edges: Floats, order: Ints) -> Floats:
    """Return every x at which an edge begins or ends or two edges cross, sorted, each once."""
    count = len(order)
    found = np.empty(4 * count + 8)
    used = 0
    for place in range(count):
        one = edges[order[place]]
        west, east = min(one[0], one[2]), max(one[0], one[2])
        south, north = min(one[1], one[3]), max(one[1], one[3])
        if used + 2 > len(found):
            larger = np.empty(2 * len(found))
            larger[:used] = found[:used]
            found = larger
        found[used], found[used + 1] = west, east
        used += 2
        for after in range(place + 1, count):
            two = edges[order[after]]
            begin = min(two[0], two[2])
            if begin >= east:
                break
            if min(two[1], two[3]) >= north or max(two[1], two[3]) <= south:
                continue
            end = min(east, max(two[0], two[2]))
            left = ordinate(one, begin) - ordinate(two, begin)
            right = ordinate(one, end) - ordinate(two, end)
            if (left > 0.0 and right < 0.0) or (left < 0.0 and right > 0.0):
                if used == len(found):
                    larger = np.empty(2 * len(found))
                    larger[:used] = found[:used]
                    found = larger
                found[used] = begin + (end - begin) * (left / (left - right))
                used += 1
    found = np.sort(found[:used])
    left_over = 0
    for index in range(used):
        if index == 0 or found[index] != found[left_over - 1]:
            found[left_over] = found[index]
            left_over += 1
    return found[:left_over]


@compiled
def united(edges: Floats, owners: Ints, count: int) -> tuple[Floats, float, int]:
    """Sweep the ground of several owners from west to east and unite it.

    Between two stations no edge begins, ends or crosses another, so that their order from north to south at the middle
    holds throughout. Going down, the number of owners whose ground one is in says where the union begins and ends. An
    order that rounding got wrong is wrong by the rounding, not by an area.

    Parameters
    ----------
    edges : ndarray of float64, shape (n, 4)
        In the frame of the cell, closed at its top; with −1 from east to west.
    owners : ndarray of int64, shape (n,)
        From 0 to ``count`` − 1.

    Returns
    -------
    union : ndarray of float64, shape (m, 4)
        Edges of the union.
    shared_m2 : float
        Ground of more than one owner.
    broken : int
        An owner who has more than `SLACK_M2` of ground twice or inside out, -1 when there is none.
    """
    total = len(edges)
    wests = np.empty(total)
    for index in range(total):
        wests[index] = min(edges[index, 0], edges[index, 2])
    order = np.argsort(wests, kind="mergesort")
    xs = _stations(edges, order)
    union = np.empty((total + 16, 4))
    used = 0
    # Per edge: the piece of the union that it bounds as far as it was followed; NaN for none.
    since = np.full(total, np.nan)
    until = np.full(total, np.nan)
    sides = np.zeros(total, dtype=np.int64)
    inside = np.zeros(count, dtype=np.int64)
    twisted = np.zeros(count)
    active = np.empty(total, dtype=np.int64)
    middles = np.empty(total)
    size = 0
    coming = 0
    shared = 0.0
    for station in range(len(xs) - 1):
        west, east = xs[station], xs[station + 1]
        kept = 0
        for index in range(size):
            edge = active[index]
            if max(edges[edge, 0], edges[edge, 2]) > west:
                active[kept] = edge
                kept += 1
        size = kept
        while coming < total and wests[order[coming]] <= west:
            edge = order[coming]
            if max(edges[edge, 0], edges[edge, 2]) > west:
                active[size] = edge
                size += 1
            coming += 1
        for index in range(size):
            edge = active[index]
            middle = 0.5 * (ordinate(edges[edge], west) + ordinate(edges[edge], east))
            enters = edges[edge, 0] < edges[edge, 2]
            before = index - 1
            # North first; of two at one height the one that enters, so that neighbours join.
            while before >= 0 and (
                middles[before] < middle
                or (middles[before] == middle and enters and edges[active[before], 0] > edges[active[before], 2])
            ):
                active[before + 1], middles[before + 1] = active[before], middles[before]
                before -= 1
            active[before + 1], middles[before + 1] = edge, middle
        inside[:] = 0
        depth = 0
        for index in range(size):
            edge = active[index]
            enters = edges[edge, 0] < edges[edge, 2]
            step = 1 if enters else -1
            was = depth > 0
            inside[owners[edge]] += step
            depth += step
            if (depth > 0) != was:
                if until[edge] == west and sides[edge] == step:
                    until[edge] = east
                else:
                    if not np.isnan(until[edge]):
                        union = roomy(union, used, 1)
                        _follow(edges[edge], since[edge], until[edge], sides[edge], union[used])
                        used += 1
                    since[edge], until[edge], sides[edge] = west, east, step
            lower = middles[index + 1] if index + 1 < size else 0.0
            ground = (middles[index] - lower) * (east - west)
            if depth > 1:
                shared += ground
            if ground > 0.0:
                for owner in range(count):
                    if inside[owner] < 0 or inside[owner] > 1:
                        twisted[owner] += ground
    for edge in range(total):
        if not np.isnan(until[edge]):
            union = roomy(union, used, 1)
            _follow(edges[edge], since[edge], until[edge], sides[edge], union[used])
            used += 1
    broken = -1
    for owner in range(count):
        if twisted[owner] > SLACK_M2:
            broken = owner
    return union[:used], shared, broken


@compiled
def _follow(edge: Floats, west: float, east: float, side: int, piece: Floats) -> None:
    """Write the part of an edge between two stations, with the side on which the union lies."""
    low, high = ordinate(edge, west), ordinate(edge, east)
    if side > 0:
        piece[0], piece[1], piece[2], piece[3] = west, low, east, high
    else:
        piece[0], piece[1], piece[2], piece[3] = east, high, west, low
