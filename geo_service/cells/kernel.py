"""The kernel: what parcels share with cells, by signed trapezoids.

The loops here read prepared layers through their addresses, so that one call can have any number of layers and costs a
microsecond to make.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from geo_service.cells import fields
from geo_service.cells.columns import Rows
from geo_service.cells.prepared import KNOWN, NARROW, WHOLE
from geo_service.compiled import compiled, flags, floats, integers, octets, short_integers
from geo_service.rings import Flags, Floats, Ints
from geo_service.rings.faults import FINE, OTHER_TYPE
from geo_service.rings.loops import count_chains, fault_of, fill_chains, turns


@compiled
def shared(
    ax0: float, ay0: float, ax1: float, ay1: float, a_slope: float,
    bx0: float, by0: float, bx1: float, by1: float, b_slope: float,
) -> float:  # fmt: skip
    """Return ∫ min(y_a, y_b) dx over the x that two edges, both from west to east, have in common."""
    west, east = max(ax0, bx0), min(ax1, bx1)
    if west >= east:
        return 0.0
    # From each edge's own end, and exact at the other: a slope alone would be wrong by metres where edges are steep.
    a_west = ay0 + (west - ax0) * a_slope
    a_east = ay0 + (east - ax0) * a_slope if east < ax1 else ay1
    b_west = by0 + (west - bx0) * b_slope
    b_east = by0 + (east - bx0) * b_slope if east < bx1 else by1
    low, high = a_west - b_west, a_east - b_east
    if low > high:
        low, high = high, low
    below = 0.5 * (b_west + b_east)
    if high <= 0.0:
        below += 0.5 * (low + high)
    elif low < 0.0:
        below -= 0.5 * low * low / (high - low)
    return below * (east - west)


@compiled
def _oriented(
    xy: Floats, chain_at: Ints, outer: Flags, first: int, last: int, x0: float, y0: float, into: Floats
) -> int:
    """Write a shape's edges from west to east with their signs, without vertical ones; returns how many."""
    count = 0
    for chain in range(first, last):
        begin, end = chain_at[chain], chain_at[chain + 1]
        westward = 1.0 if (turns(xy, begin, end) > 0.0) == outer[chain] else -1.0
        xa, ya = xy[begin, 0] - x0, xy[begin, 1] - y0
        for vertex in range(begin + 1, end):
            xb, yb = xy[vertex, 0] - x0, xy[vertex, 1] - y0
            if xa < xb:
                into[count, 0], into[count, 1], into[count, 2], into[count, 3] = xa, ya, xb, yb
                into[count, 4] = -westward
                count += 1
            elif xb < xa:
                into[count, 0], into[count, 1], into[count, 2], into[count, 3] = xb, yb, xa, ya
                into[count, 4] = westward
                count += 1
            xa, ya = xb, yb
    return count


@compiled
def _clipped(edges: Floats, count: int, dx: float, dy: float, cell: float, into: Floats) -> int:
    """Write what of a parcel's edges bears on one cell, in its frame: cut at its sides, flat above its top."""
    used = 0
    for index in range(count):
        x0, y0, x1, y1 = edges[index, 0] - dx, edges[index, 1] - dy, edges[index, 2] - dx, edges[index, 3] - dy
        if x1 <= 0.0 or x0 >= cell or (y0 <= 0.0 and y1 <= 0.0):
            continue
        if x0 < 0.0 or x1 > cell:
            slope = (y1 - y0) / (x1 - x0)
            if x1 > cell:
                x1, y1 = cell, y0 + (cell - x0) * slope
            if x0 < 0.0:
                y0 -= x0 * slope
                x0 = 0.0
        if y0 < 0.0:
            if y1 <= 0.0:
                continue
            x0 += (x1 - x0) * (-y0 / (y1 - y0))
            y0 = 0.0
        elif y1 < 0.0:
            if y0 == 0.0:
                continue
            x1 = x0 + (x1 - x0) * (y0 / (y0 - y1))
            y1 = 0.0
        sign = edges[index, 4]
        if (y0 > cell) != (y1 > cell):
            cut = min(max(x0 + (x1 - x0) * ((cell - y0) / (y1 - y0)), x0), x1)
            if y0 > cell:
                if cut > x0:
                    into[used, 0], into[used, 1], into[used, 2], into[used, 3] = x0, cell, cut, cell
                    into[used, 4] = sign
                    used += 1
                x0, y0 = cut, cell
            else:
                if x1 > cut:
                    into[used, 0], into[used, 1], into[used, 2], into[used, 3] = cut, cell, x1, cell
                    into[used, 4] = sign
                    used += 1
                x1, y1 = cut, cell
        elif y0 > cell:
            y0, y1 = cell, cell
        if x0 < x1:
            into[used, 0], into[used, 1], into[used, 2], into[used, 3] = x0, y0, x1, y1
            into[used, 4] = sign
            used += 1
    return used


@compiled
def _under(edges: Floats, count: int) -> float:
    total = 0.0
    for index in range(count):
        total += edges[index, 4] * (0.5 * (edges[index, 1] + edges[index, 3]) * (edges[index, 2] - edges[index, 0]))
    return total


@compiled
def _entry_m2(
    part: Floats,
    count: int,
    bounds: Floats,
    ground: float,
    edges: Floats,
    begin: int,
    wide: int,
    end: int,
    narrow: float,
) -> float:
    """Return what a parcel's part in a cell shares with an entry's edges."""
    west, south, east, north = bounds[0], bounds[1], bounds[2], bounds[3]
    # The first narrow edge that can reach the parcel, by halving.
    low, high = wide, end
    while low < high:
        middle = (low + high) // 2
        if min(edges[middle, 0], edges[middle, 2]) < west - narrow:
            low = middle + 1
        else:
            high = middle
    total = 0.0
    index = begin if begin < wide else low
    while index < end:
        x0, y0, x1, y1 = edges[index, 0], edges[index, 1], edges[index, 2], edges[index, 3]
        is_wide = index < wide
        index += 1
        if index == wide:
            index = low
        if min(x0, x1) >= east:
            if is_wide:
                continue
            break
        # An edge south of the parcel bounds nothing of it: the parcel's upper and lower sides cancel.
        if max(x0, x1) <= west or max(y0, y1) <= south:
            continue
        turned = x0 > x1
        sign = -1.0 if turned else 1.0
        if min(x0, x1) <= west and max(x0, x1) >= east and min(y0, y1) >= north:
            total += sign * ground
            continue
        bx0, by0 = (x1, y1) if turned else (x0, y0)
        bx1, by1 = (x0, y0) if turned else (x1, y1)
        slope = (by1 - by0) / (bx1 - bx0)
        found = 0.0
        for own in range(count):
            if part[own, 0] < bx1 and part[own, 2] > bx0:
                found += part[own, 4] * shared(
                    part[own, 0], part[own, 1], part[own, 2], part[own, 3], part[own, 5], bx0, by0, bx1, by1, slope
                )
        total += sign * found
    return total


@compiled
def _cell_of(coordinate: float, cell: float) -> int:
    """Return the number of the cell in which a coordinate lies."""
    number = int(coordinate / cell)
    return number - 1 if number * cell > coordinate else number


@compiled
def _look_up(table: Ints, column: int, row: int, cell_entries: Ints, first_edges: Floats) -> None:
    """Write where each layer's entries of a cell begin and end, and read the edges that will be needed first.

    Memory is slower than all that follows: here it is asked for everything at once, there it would be layer by layer.
    """
    for layer in range(len(table)):
        c, r = column - table[layer, fields.WEST], row - table[layer, fields.SOUTH]
        height = table[layer, fields.ROWS]
        cell_entries[layer, 0] = cell_entries[layer, 1] = 0
        if c >= 0 and r >= 0 and c < table[layer, fields.COLUMNS] and r < height:
            cell_at = integers(table[layer, fields.CELL_AT], table[layer, fields.COLUMNS] * height + 1)
            cell_entries[layer, 0], cell_entries[layer, 1] = cell_at[c * height + r], cell_at[c * height + r + 1]
    for layer in range(len(table)):
        begin = cell_entries[layer, 0]
        if begin < cell_entries[layer, 1]:
            entries = integers(table[layer, fields.ENTRIES], (table[layer, fields.ENTRY_COUNT], 4))
            cell_entries[layer, 2], cell_entries[layer, 3] = entries[begin, 1], entries[begin, 3]
        else:
            cell_entries[layer, 2] = -1
    for layer in range(len(table)):
        begin, end = cell_entries[layer, 2], cell_entries[layer, 3]
        if begin >= 0:
            edges = floats(table[layer, fields.EDGES], (table[layer, fields.EDGE_COUNT], 4))
            first_edges[layer, 0], first_edges[layer, 1] = edges[begin, 0], edges[(begin + end) // 2, 0]


@compiled
def measure(
    xy: Floats,
    chain_at: Ints,
    shape_at: Ints,
    outer: Flags,
    order: Ints,
    table: Ints,
    cell: float,
    parcel_m2: Floats,
    parcel_rows: Ints,
    found_parcel: Ints,
    found_key: Rows,
    found_m2: Floats,
    sums: Floats,
    met: Flags,
    own: Floats,
    cut: Floats,
    bounds: Floats,
    cell_entries: Ints,
    first_edges: Floats,
) -> int:
    """Measure parcels against layers.

    Parameters
    ----------
    order : ndarray of int64
        Which shapes, neighbours together so that the cells they read are at hand.
    table : ndarray of int64, shape (layers, FIELDS)
    parcel_m2, parcel_rows : ndarrays of float64 and int64, shape (shapes,)
        Area and number of rows, written for the shapes in ``order``.
    sums, met : ndarrays of float64, shape (keys,), and of bool, shape (layers,)
        Zeros; left as zeros. A layer's keys are its classes, its whole, and what is known of it.
    own, cut, bounds : ndarrays of float64
        Room for the edges of the longest parcel, for twice as many, and for a box.
    cell_entries, first_edges : ndarrays of int64, shape (layers, 4), and of float64, shape (layers, 2)
        Room for what is looked up in a cell.

    Returns
    -------
    int
        Rows written, -1 when there was no room.
    """
    keys = len(sums)
    room = len(found_key)
    narrow = cell * NARROW
    rows = 0
    for shape in order:
        first, last = shape_at[shape], shape_at[shape + 1]
        begin, end = chain_at[first], chain_at[last]
        if room - rows < keys:
            return -1
        if begin == end:
            continue
        first_row = rows
        west, south = xy[begin, 0], xy[begin, 1]
        east, north = west, south
        for vertex in range(begin + 1, end):
            x, y = xy[vertex, 0], xy[vertex, 1]
            west, east = min(west, x), max(east, x)
            south, north = min(south, y), max(north, y)
        column_from, column_to = _cell_of(west, cell), _cell_of(east, cell)
        row_from, row_to = _cell_of(south, cell), _cell_of(north, cell)
        x0, y0 = column_from * cell, row_from * cell
        count = _oriented(xy, chain_at, outer, first, last, x0, y0, own)
        # The parcel by itself is measured from its own corner, so that a single cell and many give the same bits.
        total = 0.0
        for index in range(count):
            total += own[index, 4] * (
                0.5
                * ((own[index, 1] - (south - y0)) + (own[index, 3] - (south - y0)))
                * (own[index, 2] - own[index, 0])
            )
        parcel_m2[shape] = total
        single = column_from == column_to and row_from == row_to
        for column in range(column_from, column_to + 1):
            for row in range(row_from, row_to + 1):
                if single:
                    # It lies in the frame of its only cell already.
                    part, part_count, ground = own, count, total
                else:
                    part = cut
                    part_count = _clipped(
                        own, count, (column - column_from) * cell, (row - row_from) * cell, cell, part
                    )
                    ground = _under(part, part_count)
                if part_count == 0:
                    continue
                bounds[0], bounds[1], bounds[2], bounds[3] = np.inf, np.inf, -np.inf, -np.inf
                for index in range(part_count):
                    part[index, 5] = (part[index, 3] - part[index, 1]) / (part[index, 2] - part[index, 0])
                    bounds[0] = min(bounds[0], part[index, 0])
                    bounds[1] = min(bounds[1], part[index, 1], part[index, 3])
                    bounds[2] = max(bounds[2], part[index, 2])
                    bounds[3] = max(bounds[3], part[index, 1], part[index, 3])
                if south <= y0 + (row - row_from) * cell:
                    # Its lower side in this cell is the cell's bottom, along which there is no edge.
                    bounds[1] = 0.0
                _look_up(table, column, row, cell_entries, first_edges)
                for layer in range(len(table)):
                    entry_from, entry_to = cell_entries[layer, 0], cell_entries[layer, 1]
                    if entry_from == entry_to:
                        continue
                    entries = integers(table[layer, fields.ENTRIES], (table[layer, fields.ENTRY_COUNT], 4))
                    edges = floats(table[layer, fields.EDGES], (table[layer, fields.EDGE_COUNT], 4))
                    met[layer] = True
                    key = table[layer, fields.FIRST_KEY]
                    class_count = table[layer, fields.CLASSES]
                    by_class, whole, known = 0.0, -1.0, -1.0
                    for entry in range(entry_from, entry_to):
                        edge_from = entries[entry, 1]
                        if edge_from < 0:
                            value = ground
                        else:
                            value = _entry_m2(
                                part,
                                part_count,
                                bounds,
                                ground,
                                edges,
                                edge_from,
                                entries[entry, 2],
                                entries[entry, 3],
                                narrow,
                            )
                        code = entries[entry, 0]
                        if code >= 0:
                            sums[key + code] += value
                            by_class += value
                        elif code == WHOLE:
                            whole = max(value, 0.0)
                        elif code == KNOWN:
                            known = max(value, 0.0)
                    if whole < 0.0:
                        whole = by_class
                    sums[key + class_count] += whole
                    if table[layer, fields.SURVEYED]:
                        sums[key + class_count + 1] += known if known >= 0.0 else whole
        for layer in range(len(table)):
            if not met[layer]:
                continue
            met[layer] = False
            for key in range(
                table[layer, fields.FIRST_KEY], table[layer, fields.FIRST_KEY] + table[layer, fields.CLASSES] + 2
            ):
                if sums[key] > fields.RESIDUE_M2:
                    found_parcel[rows], found_key[rows], found_m2[rows] = shape, key, sums[key]
                    rows += 1
                sums[key] = 0.0
        parcel_rows[shape] = rows - first_row
    return rows


def place(count: int, shapes: int, desk: int) -> int:
    """Put rows where they go in the order of parcels; a parcel's own rows stay in theirs. For `Native`.

    ``desk`` holds the addresses of the rows' parcels, keys and areas, of where each parcel's rows begin, and of where
    parcels, keys and areas go.
    """
    at = integers(desk, 7)
    parcel, key, m2 = integers(at[0], count), short_integers(at[1], count), floats(at[2], count)
    starts = integers(at[3], shapes + 1)
    rows = starts[shapes]
    parcels, keys, areas = integers(at[4], rows), short_integers(at[5], rows), floats(at[6], rows)
    into, last = 0, -1
    for row in range(count):
        shape = parcel[row]
        into = into + 1 if shape == last else starts[shape]
        last = shape
        parcels[into], keys[into], areas[into] = shape, key[row], m2[row]
    return 0


@compiled
def _measure_at(desk: int) -> Any:
    """Measure some of many parcels; see `measure`; ``desk`` holds the fields listed above."""
    at = integers(desk, fields.DESK)
    shapes, longest = at[fields.SHAPES], at[fields.LONGEST]
    return measure(
        floats(at[fields.XY], (at[fields.VERTICES], 2)),
        integers(at[fields.CHAIN_AT], at[fields.CHAINS] + 1),
        integers(at[fields.SHAPE_AT], shapes + 1),
        flags(at[fields.OUTER], at[fields.CHAINS]),
        integers(at[fields.ORDER], at[fields.ASKED]),
        integers(at[fields.TABLE], (at[fields.LAYERS], fields.FIELDS)),
        floats(at[fields.CELL], 1)[0],
        floats(at[fields.PARCEL_M2], shapes),
        integers(at[fields.PARCEL_ROWS], shapes),
        integers(at[fields.FOUND_PARCEL], at[fields.ROOM]),
        short_integers(at[fields.FOUND_KEY], at[fields.ROOM]),
        floats(at[fields.FOUND_M2], at[fields.ROOM]),
        floats(at[fields.SUMS], at[fields.KEYS]),
        flags(at[fields.MET], at[fields.LAYERS]),
        floats(at[fields.OWN], (longest, 6)),
        floats(at[fields.CUT], (2 * longest, 6)),
        floats(at[fields.BOUNDS], 4),
        integers(at[fields.CELL_ENTRIES], (at[fields.LAYERS], 4)),
        floats(at[fields.FIRST_EDGES], (at[fields.LAYERS], 2)),
    )


def measure_one(wkb: int, size: int, desk: int) -> int:
    """Read, check and measure one parcel. For `Native`: ``desk`` as for `measure_many`, with room for one parcel.

    Returns
    -------
    int
        Rows written; -1 when the parcel needs more room; its fault less `fields.REFUSED` when it has none.
    """
    at = integers(desk, fields.DESK)
    data, starts = octets(wkb, size), integers(at[fields.STARTS], 2)
    starts[1] = size
    chains, vertices, _, fault = count_chains(data, starts)
    if fault != FINE:
        return fault - fields.REFUSED
    longest = at[fields.LONGEST]
    if vertices > longest or chains > longest:
        return -1
    xy, chain_at = floats(at[fields.XY], (longest, 2)), integers(at[fields.CHAIN_AT], longest + 1)
    shape_at, outer, polygonal = (
        integers(at[fields.SHAPE_AT], 2),
        flags(at[fields.OUTER], longest),
        flags(at[fields.POLYGONAL], 1),
    )
    fill_chains(data, starts, xy, chain_at, shape_at, outer, polygonal)
    if not polygonal[0]:
        return OTHER_TYPE - fields.REFUSED
    fault = fault_of(
        xy,
        chain_at,
        outer,
        True,
        0,
        chains,
        True,
        floats(at[fields.OWN], (longest, 4)),
        floats(at[fields.CUT], (4, longest)),
        floats(at[fields.CUT] + 8 * 4 * longest, (2 * longest, 2)),
        integers(at[fields.STEPS], 2 * longest),
    )
    if fault != FINE:
        return fault - fields.REFUSED
    return int(_measure_at(desk))


def measure_many(desk: int) -> int:
    """Measure some of many parcels. For `Native`."""
    return int(_measure_at(desk))
