"""What the cells of one column hold, by class."""

from __future__ import annotations

import numpy as np

from geo_service.cells.prepared import KNOWN, NARROW, WHOLE
from geo_service.cells.union import roomy, united
from geo_service.compiled import compiled
from geo_service.rings import Floats, Ints

ALL_OF_IT = -1


@compiled
def gross_m2(edges: Floats) -> float:
    """Return the ground that edges of one cell bound, as often as it is there."""
    total = 0.0
    for index in range(len(edges)):
        total += 0.5 * (edges[index, 1] + edges[index, 3]) * (edges[index, 2] - edges[index, 0])
    return total


@compiled
def cell_areas(places: Ints, starts: Ints, stops: Ints, edges: Floats, cell: float) -> tuple[Ints, Floats]:
    """Return the shapes of a column, each once and in the order of their records, and the ground each has there."""
    touched = np.empty(len(places), dtype=np.int64)
    areas = np.zeros(len(places))
    count = 0
    for record in range(len(places)):
        if count == 0 or touched[count - 1] != places[record]:
            touched[count] = places[record]
            count += 1
        if starts[record] == ALL_OF_IT:
            areas[count - 1] += cell * cell
        else:
            areas[count - 1] += gross_m2(edges[starts[record] : stops[record]])
    return touched[:count], areas[:count]


@compiled
def _arrange(edges: Floats, cell: float) -> int:
    """Sort edges in place, the wide ones first, the others by their western ends; returns how many are wide."""
    count = len(edges)
    keys = np.empty(count)
    wide = 0
    for index in range(count):
        west, east = min(edges[index, 0], edges[index, 2]), max(edges[index, 0], edges[index, 2])
        keys[index] = west
        if east - west > cell * NARROW:
            keys[index] = -1.0
            wide += 1
    order = np.argsort(keys, kind="mergesort")
    edges[:] = edges[order]
    return wide


@compiled
def _enter_full(entries: Ints, used: int, code: int) -> int:
    """Write that a class holds all of a cell; returns how many entries there are then."""
    entries[used] = ALL_OF_IT
    entries[used, 0] = code
    return used + 1


@compiled
def _enter(entries: Ints, used: int, code: int, kept: Floats, count: int, edges: Floats, cell: float) -> Floats:
    """Write that a class holds what edges bound, and keep these after the first ``count``; returns all kept."""
    stop = count + len(edges)
    kept = roomy(kept, count, len(edges))
    kept[count:stop] = edges
    entries[used, 0], entries[used, 1], entries[used, 3] = code, count, stop
    entries[used, 2] = count + _arrange(kept[count:stop], cell)
    return kept


@compiled
def fill_column(
    rows: Ints,
    places: Ints,
    starts: Ints,
    stops: Ints,
    edges: Floats,
    codes: Ints,
    class_count: int,
    height: int,
    cell: float,
) -> tuple[Ints, Ints, Floats, Ints, Ints, int]:
    """Unite what the shapes have in each cell: by class, for the layer, and with its surveyed extent.

    Parameters
    ----------
    rows, places, starts, stops, edges
        As `cut_column` gives them.
    codes : ndarray of int64
        Class of each shape: ``class_count`` for none, ``class_count`` + 1 for the surveyed extent. Ascending.
    height : int
        How many rows the grid has.
    cell : float
        Side of a cell in m.

    Returns
    -------
    cell_at, entries, edges
        Entries of each cell, as in `Prepared`.
    member_at, member_records
        Records of each cell.
    broken : int
        A shape whose boundary crosses itself, -1 when there is none.
    """
    none = class_count
    member_at = np.zeros(height + 1, dtype=np.int64)
    for record in range(len(rows)):
        member_at[rows[record] + 1] += 1
    for row in range(height):
        member_at[row + 1] += member_at[row]
    records = np.empty(len(rows), dtype=np.int64)
    slot = member_at.copy()
    for record in range(len(rows)):
        row = rows[record]
        records[slot[row]] = record
        slot[row] += 1
    cell_at = np.zeros(height + 1, dtype=np.int64)
    # A cell has an entry a record at most, and two more.
    entries = np.empty((len(rows) + 2 * height, 4), dtype=np.int64)
    used = 0
    kept = np.empty((len(edges) + 64, 4))
    count = 0
    for row in range(height):
        begin, end = member_at[row], member_at[row + 1]
        index = begin
        first_entry, first_edge = used, count
        full_classes, part_classes = 0, 0
        none_full, none_from, none_to = False, 0, 0
        survey_full, survey_from, survey_to = False, 0, 0
        has_none, has_survey = False, False
        loose = np.empty((0, 4))
        while index < end:
            code = codes[places[records[index]]]
            stop = index
            full = False
            need = 0
            while stop < end and codes[places[records[stop]]] == code:
                record = records[stop]
                if starts[record] == ALL_OF_IT:
                    full = True
                else:
                    need += stops[record] - starts[record]
                stop += 1
            # Every boundary is swept, also where it changes nothing: that is how one that crosses itself is found.
            gathered = np.empty((need, 4))
            owners = np.empty(need, dtype=np.int64)
            fill = 0
            for member in range(index, stop):
                record = records[member]
                if starts[record] != ALL_OF_IT:
                    part = stops[record] - starts[record]
                    gathered[fill : fill + part] = edges[starts[record] : stops[record]]
                    owners[fill : fill + part] = member - index
                    fill += part
            result = gathered
            if need > 0:
                union, shared, broken = united(gathered, owners, stop - index)
                if broken >= 0:
                    return cell_at, entries, kept, member_at, records, places[records[index + broken]]
                if shared > 0.0 or len(union) < need:
                    result = union
            if code < none:
                if full:
                    used = _enter_full(entries, used, code)
                    full_classes += 1
                elif len(result) > 0:
                    kept = _enter(entries, used, code, kept, count, result, cell)
                    count += len(result)
                    used += 1
                    part_classes += 1
            elif code == none:
                has_none, none_full = True, full
                none_from, none_to = len(loose), len(loose) + len(result)
                loose = np.concatenate((loose, result))
            else:
                has_survey, survey_full = True, full
                survey_from, survey_to = len(loose), len(loose) + len(result)
                loose = np.concatenate((loose, result))
            index = stop
        # The union of the layer, where the classes do not simply add up to it.
        whole_full = full_classes > 0 or none_full
        whole = kept[first_edge:count].copy()
        parts = part_classes + (1 if has_none and not none_full else 0)
        if whole_full:
            if full_classes + part_classes > 1 or none_full or full_classes == 0:
                used = _enter_full(entries, used, WHOLE)
        elif parts > 1 or (has_none and parts > 0):
            owners = np.empty(len(whole) + none_to - none_from, dtype=np.int64)
            owner = 0
            for entry in range(first_entry, used):
                owners[entries[entry, 1] - first_edge : entries[entry, 3] - first_edge] = owner
                owner += 1
            owners[len(whole) :] = owner
            gathered = np.concatenate((whole, loose[none_from:none_to])) if has_none else whole
            union, shared, _ = united(gathered, owners, owner + 1)
            if has_none or shared > 0.0:
                whole = union
                kept = _enter(entries, used, WHOLE, kept, count, union, cell)
                count += len(union)
                used += 1
        if has_survey and not whole_full:
            if survey_full:
                used = _enter_full(entries, used, KNOWN)
            else:
                gathered = np.concatenate((whole, loose[survey_from:survey_to]))
                owners = np.zeros(len(gathered), dtype=np.int64)
                owners[len(whole) :] = 1
                union, _, _ = united(gathered, owners, 2)
                kept = _enter(entries, used, KNOWN, kept, count, union, cell)
                count += len(union)
                used += 1
        cell_at[row + 1] = used
    return cell_at, entries[:used], kept[:count], member_at, records, -1
