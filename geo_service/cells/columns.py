"""Cutting edges at the lines of the grid.

All numbers are metres in the frame of a layer: from the corner of its first cell, so that subtracting is exact.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geo_service.compiled import compiled
from geo_service.rings import Flags, Floats, Ints
from geo_service.rings.loops import turns

Signs = NDArray[np.int8]
Rows = NDArray[np.int32]


@compiled
def count_columns(xy: Floats, chain_at: Ints, shape_at: Ints, order: Ints, x0: float, cell: float, count: Ints) -> None:
    """Count how many pieces of edges every column of the grid will hold."""
    for place in range(len(order)):
        shape = order[place]
        for chain in range(shape_at[shape], shape_at[shape + 1]):
            for vertex in range(chain_at[chain], chain_at[chain + 1] - 1):
                a, b = xy[vertex, 0] - x0, xy[vertex + 1, 0] - x0
                if a == b:
                    continue
                low, high = min(a, b), max(a, b)
                first, last = int(np.floor(low / cell)), int(np.ceil(high / cell)) - 1
                for column in range(first, last + 1):
                    count[column] += 1


@compiled
def fill_columns(
    xy: Floats,
    chain_at: Ints,
    shape_at: Ints,
    outer: Flags,
    order: Ints,
    x0: float,
    y0: float,
    cell: float,
    at: Ints,
    pieces: Floats,
    signs: Signs,
    places: Rows,
    areas: Floats,
) -> None:
    """Cut edges at the column lines; a piece runs from west to east, +1 where ground lies below it.

    ``at`` says where the pieces of each column begin, and is moved on. ``areas`` receives each shape's own area.
    """
    for place in range(len(order)):
        shape = order[place]
        total = 0.0
        for chain in range(shape_at[shape], shape_at[shape + 1]):
            begin, end = chain_at[chain], chain_at[chain + 1]
            doubled = turns(xy, begin, end)
            total += abs(doubled) / 2.0 if outer[chain] else -abs(doubled) / 2.0
            # With ground on the left of every edge, an edge that runs west has ground below it.
            westward = 1 if (doubled > 0.0) == outer[chain] else -1
            for vertex in range(begin, end - 1):
                xa, ya = xy[vertex, 0] - x0, xy[vertex, 1] - y0
                xb, yb = xy[vertex + 1, 0] - x0, xy[vertex + 1, 1] - y0
                if xa == xb:
                    continue
                sign = westward
                if xa < xb:
                    sign = -westward
                else:
                    xa, ya, xb, yb = xb, yb, xa, ya
                first, last = int(np.floor(xa / cell)), int(np.ceil(xb / cell)) - 1
                left_x, left_y = xa, ya
                for column in range(first, last + 1):
                    if column == last:
                        right_x, right_y = xb, yb
                    else:
                        right_x = (column + 1) * cell
                        right_y = ya + (yb - ya) * ((right_x - xa) / (xb - xa))
                    index = at[column]
                    pieces[index, 0], pieces[index, 1] = left_x - column * cell, left_y
                    pieces[index, 2], pieces[index, 3] = right_x - column * cell, right_y
                    signs[index] = sign
                    places[index] = place
                    at[column] = index + 1
                    left_x, left_y = right_x, right_y
        areas[place] = total


@compiled
def _grown(numbers: Floats, need: int) -> Floats:
    larger = np.empty((max(2 * len(numbers), need), numbers.shape[1]))
    larger[: len(numbers)] = numbers
    return larger


@compiled
def _grown_rows(numbers: Ints, need: int) -> Ints:
    larger = np.empty(max(2 * len(numbers), need), dtype=np.int64)
    larger[: len(numbers)] = numbers
    return larger


@compiled
def _merged(xs: Floats, steps: Ints, count: int) -> int:
    """Sort the steps of a profile by where they are and add up those at one place; returns how many are left."""
    if count > 64:
        order = np.argsort(xs[:count], kind="mergesort")
        xs[:count], steps[:count] = xs[:count][order], steps[:count][order]
    else:
        for index in range(1, count):
            x, step, before = xs[index], steps[index], index - 1
            while before >= 0 and xs[before] > x:
                xs[before + 1], steps[before + 1] = xs[before], steps[before]
                before -= 1
            xs[before + 1], steps[before + 1] = x, step
    left = 0
    index = 0
    while index < count:
        x, total = xs[index], 0
        while index < count and xs[index] == x:
            total += steps[index]
            index += 1
        if total != 0:
            xs[left], steps[left] = x, total
            left += 1
    return left


@compiled
def _rows_of(ya: float, yb: float, cell: float) -> tuple[int, int]:
    """Return the lowest and the highest row that a piece of an edge passes; one on a row line is in the row above."""
    low, high = min(ya, yb), max(ya, yb)
    first = int(np.floor(low / cell))
    last = int(np.ceil(high / cell)) - 1
    return first, max(first, last)


@compiled
def cut_column(pieces: Floats, signs: Signs, places: Rows, cell: float) -> tuple[Ints, Ints, Ints, Ints, Floats, int]:
    """Cut the pieces of one column at the row lines and close them at the top of every cell.

    Ground is what has an edge above it: going down from an edge with +1 one enters it, at one with −1 one leaves it.
    What lies above a cell thus matters only by how many times one has entered where one comes in from above: by a
    profile along the cell's top, which becomes flat edges there.

    Returns
    -------
    rows, places : ndarrays of int64
        One record for each cell and shape that has ground in it, by shape, from north to south.
    starts, stops : ndarrays of int64
        Its edges; -1 for a cell that lies within the shape.
    edges : ndarray of float64, shape (n, 4)
        In the frame of the cell; an edge with −1 runs from east to west.
    broken : int
        The first shape whose edges do not close, -1 when all do.
    """
    rows = np.empty(64, dtype=np.int64)
    owners = np.empty(64, dtype=np.int64)
    starts = np.empty(64, dtype=np.int64)
    stops = np.empty(64, dtype=np.int64)
    records = 0
    edges = np.empty((2 * len(pieces) + 16, 4))
    count = 0
    xs = np.empty(64)
    steps = np.empty(64, dtype=np.int64)
    cut = np.empty((64, 4))
    group = 0
    while group < len(pieces):
        place = places[group]
        stop = group
        bottom, top = 2**40, -(2**40)
        total = 0
        while stop < len(pieces) and places[stop] == place:
            first, last = _rows_of(pieces[stop, 1], pieces[stop, 3], cell)
            bottom, top = min(bottom, first), max(top, last)
            total += last - first + 1
            stop += 1
        # Pieces in rows, sorted by counting, the northernmost first.
        if total > len(cut):
            cut = np.empty((2 * total, 4))
        at = np.zeros(top - bottom + 2, dtype=np.int64)
        for index in range(group, stop):
            first, last = _rows_of(pieces[index, 1], pieces[index, 3], cell)
            for row in range(first, last + 1):
                at[top - row + 1] += 1
        for row in range(1, len(at)):
            at[row] += at[row - 1]
        fill = at.copy()
        for index in range(group, stop):
            xa, ya, xb, yb = pieces[index, 0], pieces[index, 1], pieces[index, 2], pieces[index, 3]
            first, last = _rows_of(ya, yb, cell)
            steps_up = yb > ya
            left_x, left_y = xa, ya
            for number in range(last - first + 1):
                row = first + number if steps_up else last - number
                if number == last - first:
                    right_x, right_y = xb, yb
                else:
                    right_y = (row + 1) * cell if steps_up else row * cell
                    right_x = min(max(xa + (xb - xa) * ((right_y - ya) / (yb - ya)), left_x), xb)
                slot = fill[top - row]
                fill[top - row] += 1
                base = row * cell
                low, high = left_y - base, right_y - base
                if signs[index] > 0:
                    cut[slot, 0], cut[slot, 1], cut[slot, 2], cut[slot, 3] = left_x, low, right_x, high
                else:
                    cut[slot, 0], cut[slot, 1], cut[slot, 2], cut[slot, 3] = right_x, high, left_x, low
                left_x, left_y = right_x, right_y
        profile = 0
        for row in range(top, bottom - 1, -1):
            begin, end = at[top - row], at[top - row + 1]
            if begin == end and profile == 0:
                continue
            if records == len(rows):
                rows, owners = _grown_rows(rows, 0), _grown_rows(owners, 0)
                starts, stops = _grown_rows(starts, 0), _grown_rows(stops, 0)
            rows[records], owners[records] = row, place
            # Without pieces a cell is still only partly within the shape where vertical edges pass, without ground.
            if begin == end and profile == 2 and xs[0] == 0.0 and xs[1] == cell and steps[0] == 1:
                starts[records] = stops[records] = -1
                records += 1
                continue
            starts[records] = count
            height = 0
            for step in range(profile):
                height += steps[step]
                if step == profile - 1 or height == 0:
                    continue
                for _ in range(abs(height)):
                    if count == len(edges):
                        edges = _grown(edges, 0)
                    edges[count, 1] = edges[count, 3] = cell
                    edges[count, 0] = xs[step] if height > 0 else xs[step + 1]
                    edges[count, 2] = xs[step + 1] if height > 0 else xs[step]
                    count += 1
            if height != 0:
                return rows, owners, starts, stops, edges, place
            if profile + 2 * (end - begin) > len(xs):
                larger = np.empty(2 * (profile + 2 * (end - begin)))
                larger[:profile] = xs[:profile]
                xs = larger
                steps = _grown_rows(steps, len(larger))
            for slot in range(begin, end):
                if cut[slot, 0] == cut[slot, 2]:
                    continue
                if count == len(edges):
                    edges = _grown(edges, 0)
                edges[count] = cut[slot]
                count += 1
                xs[profile], steps[profile] = cut[slot, 0], 1
                xs[profile + 1], steps[profile + 1] = cut[slot, 2], -1
                profile += 2
            profile = _merged(xs, steps, profile)
            stops[records] = count
            if stops[records] > starts[records]:
                records += 1
        if profile != 0:
            return rows, owners, starts, stops, edges, place
        group = stop
    return rows[:records], owners[:records], starts[:records], stops[:records], edges[:count], -1
