"""How much of every cell of a grid lies in a polygon, exactly.

An edge that runs down through a row of cells has ground on its right. Of the height ``dv`` that it passes in that row,
the part ``left`` of the cell it is in lies to its left, the part ``dv - left`` to its right, and every cell further
right gains all of ``dv``; an edge that runs up takes the same away. It is enough to write down what changes from one
cell to the next, and to add up along the row once all edges are written::

      cell      c      c+1     c+2                    one edge, dv = 1
             ┌───────┬───────┬───────┐
             │    ╲//│///////│///////│     change     1 - left    left      0
             │     ╲/│///////│///////│     share      1 - left     1        1
             └───────┴───────┴───────┘

Heights are whole multiples of 2⁻⁴⁰ of a cell and areas of 2⁻⁴⁶, so that these sums have no rounding at all: a cell
that no edge passes gets exactly 0 or 1, and neither the order of edges nor the window asked for changes a bit.
"""

from __future__ import annotations

import numpy as np

from geo_service.compiled import compiled
from geo_service.rings import Flags, Floats, Ints
from geo_service.rings.loops import turns

_HEIGHT = 2.0**40
_AREA = 2.0**46
#: A vertex so many roundings of its coordinates from a line between cells lies on that line.
_ROUNDINGS = 4.0 * 2.0**-52


@compiled
def _place(number: float, origin: float, step: float, base: float) -> float:
    """Return where a coordinate lies, in cells from a base cell."""
    cells = (number - origin) / step
    line = np.rint(cells)
    if abs(cells - line) * abs(step) <= _ROUNDINGS * max(abs(number), abs(origin)):
        return float(line - base)
    return float(np.rint((cells - base) * _HEIGHT) / _HEIGHT)


@compiled
def frame(
    xy: Floats, chain_at: Ints, first: int, last: int, frame_of: Floats, places: Floats
) -> tuple[int, int, int, int]:
    """Write a polygon's vertices in cells, from the upper left cell that it reaches.

    Parameters
    ----------
    first, last : int
        Its rings.
    frame_of : ndarray of float64, shape (4,)
        West edge, cell width, north edge and (negative) cell height of the grid.
    places : ndarray of float64, shape (at least its vertices, 2)
        Receives columns and rows.

    Returns
    -------
    row, column : int
        The upper left cell in the grid; may lie outside of it.
    rows, columns : int
        How many it reaches.
    """
    x0, dx, y0, dy = frame_of[0], frame_of[1], frame_of[2], frame_of[3]
    begin, end = chain_at[first], chain_at[last]
    if begin == end:
        return 0, 0, 0, 0
    west, north = np.inf, np.inf
    for vertex in range(begin, end):
        west = min(west, _place(xy[vertex, 0], x0, dx, 0.0))
        north = min(north, _place(xy[vertex, 1], y0, dy, 0.0))
    column, row = np.floor(west), np.floor(north)
    east, south = 0.0, 0.0
    for vertex in range(begin, end):
        u = _place(xy[vertex, 0], x0, dx, column)
        v = _place(xy[vertex, 1], y0, dy, row)
        east, south = max(east, u), max(south, v)
        places[vertex - begin, 0], places[vertex - begin, 1] = u, v
    return int(row), int(column), int(np.ceil(south)), int(np.ceil(east))


@compiled
def _edge(u1: float, v1: float, u2: float, v2: float, sign: float, window: Ints, change: Floats) -> None:
    """Write down what one edge changes, in a window of rows and columns."""
    if v1 > v2:
        u1, v1, u2, v2 = u2, v2, u1, v1
        sign = -sign
    top, bottom, near, far = window[0], window[1], window[2], window[3]
    if v1 == v2 or v2 <= top or v1 >= bottom or min(u1, u2) >= far:
        return
    slope = (u2 - u1) / (v2 - v1)
    west, east = min(u1, u2), max(u1, u2)
    for row in range(max(int(np.floor(v1)), top), min(int(np.ceil(v2)), bottom)):
        ua, va, ub, vb = u1, v1, u2, v2
        if v1 < row:
            va = float(row)
            ua = min(max(u1 + (va - v1) * slope, west), east)
        if v2 > row + 1:
            vb = float(row + 1)
            ub = min(max(u1 + (vb - v1) * slope, west), east)
        height = vb - va
        left, right = min(ua, ub), max(ua, ub)
        line = row - top
        if left >= far:
            continue
        if right <= near:
            change[line, 0] += sign * height
            continue
        column, stop = int(np.floor(left)), int(np.ceil(right))
        if stop - column <= 1:
            part = np.rint(height * ((left + right) / 2.0 - column) * _AREA) / _AREA
            change[line, column - near] += sign * (height - part)
            change[line, column - near + 1] += sign * part
            continue
        rise = height / (right - left)
        passed = 0.0
        if column < near:
            column = near
            passed = min(np.rint((near - left) * rise * _HEIGHT) / _HEIGHT, height)
            change[line, 0] += sign * passed
        for cell in range(column, min(stop, far)):
            reached = height
            if cell + 1 < right:
                reached = min(np.rint((cell + 1 - left) * rise * _HEIGHT) / _HEIGHT, height)
            middle = (max(left, float(cell)) + min(right, float(cell + 1))) / 2.0 - cell
            part = np.rint((reached - passed) * middle * _AREA) / _AREA
            change[line, cell - near] += sign * (reached - passed - part)
            change[line, cell - near + 1] += sign * part
            passed = reached


@compiled
def cover(
    xy: Floats, chain_at: Ints, outer: Flags, first: int, last: int, places: Floats, window: Ints, shares: Floats
) -> None:
    """Write the share of each cell of a window that lies in a polygon.

    Parameters
    ----------
    places : ndarray of float64
        As `frame` wrote them.
    window : ndarray of int64, shape (4,)
        First row, last row + 1, first column, last column + 1, from the polygon's upper left cell.
    shares : ndarray of float64, shape (at least rows, at least columns + 1)
        Overwritten; the column after the last one is scratch.
    """
    rows, columns = window[1] - window[0], window[3] - window[2]
    shares[:rows, : columns + 1] = 0.0
    begin = chain_at[first]
    for chain in range(first, last):
        # With ground on the left, a ring runs down on its west side.
        sign = 1.0 if (turns(xy, chain_at[chain], chain_at[chain + 1]) > 0.0) == outer[chain] else -1.0
        for vertex in range(chain_at[chain] - begin, chain_at[chain + 1] - begin - 1):
            _edge(
                places[vertex, 0],
                places[vertex, 1],
                places[vertex + 1, 0],
                places[vertex + 1, 1],
                sign,
                window,
                shares,
            )
    for row in range(rows):
        total = 0.0
        for column in range(columns):
            total += shares[row, column]
            # A needle thinner than a multiple may come out one of them below 0.
            shares[row, column] = min(max(total, 0.0), 1.0)


@compiled
def cells(chain_at: Ints, outer: Flags, first: int, last: int, places: Floats) -> float:
    """Return the area of a polygon in cells, from what `frame` wrote."""
    total = 0.0
    begin = chain_at[first]
    for chain in range(first, last):
        doubled = 0.0
        for vertex in range(chain_at[chain] - begin, chain_at[chain + 1] - begin - 1):
            doubled += places[vertex, 0] * places[vertex + 1, 1] - places[vertex + 1, 0] * places[vertex, 1]
        total += abs(doubled) / 2.0 if outer[chain] else -abs(doubled) / 2.0
    return total
