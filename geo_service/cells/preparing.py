"""Preparing a layer: its features cut into cells, united by class, checked to add up."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from geo_service.cells.columns import count_columns, cut_column, fill_columns
from geo_service.cells.filling import ALL_OF_IT, cell_areas, fill_column
from geo_service.cells.prepared import Prepared, class_codes
from geo_service.errors import MeasureFailed
from geo_service.rings import BrokenShape, Flags, Floats, Ints, Shapes

CELL_M = 512.0
#: Cells together may differ from the shape that was cut by the rounding of the cuts.
ADDS_UP_M2, ADDS_UP = 1e-6, 1e-12
_CROSSES = "its boundary crosses itself or runs over itself"


@dataclass(frozen=True, eq=False, slots=True)
class _Column:
    cell_at: Ints
    entries: Ints
    edges: Floats
    member_at: Ints
    members: Ints
    full: Flags
    touched: Ints
    touched_m2: Floats


def prepare(
    features: Shapes,
    classes: Sequence[str | None],
    *,
    surveyed: Shapes | None = None,
    crs: str = "",
    cell_m: float = CELL_M,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Prepared:
    """Prepare a layer.

    Parameters
    ----------
    features : Shapes
        Valid polygons in metres; features may overlap.
    classes : sequence of str or None, one a feature
        ``None`` keeps a feature out of all classes, though not out of the layer.
    surveyed : Shapes, optional
        Where the layer was surveyed.
    crs : str
        Of the features; kept with the layer, so that parcels in another one are refused.
    cell_m : float
        Side of a cell in m, a power of two.
    threads : int, optional
        As many as there are cores when not given; changes no bit of the result.
    progress : callable, optional
        Called with the columns done and their number.

    Raises
    ------
    BrokenShape
        For a feature that is no valid polygon; parts of the surveyed extent are counted after the features.
    MeasureFailed
        When a shape's cells do not add up to it.

    Examples
    --------
    >>> import shapely
    >>> from geo_service.rings import from_wkb
    >>> two = from_wkb([shapely.box(0, 0, 800, 100).wkb, shapely.box(700, 0, 900, 100).wkb])
    >>> layer = prepare(two, ["wet", "wet"])
    >>> layer.columns, layer.rows, layer.classes
    (2, 1, ('wet',))
    """
    if len(classes) != len(features):
        raise ValueError(f"{len(features)} features, {len(classes)} classes")
    if not (cell_m > 0 and np.log2(cell_m).is_integer()):
        raise ValueError("the side of a cell must be a power of two")
    shapes = features if surveyed is None else _joined(features, surveyed)
    if not shapes.polygonal.all():
        raise BrokenShape(int(np.argmin(shapes.polygonal)), "not a polygon")
    shapes.check_rings()
    names, codes = class_codes(classes)
    if surveyed is not None:
        codes = np.concatenate([codes, np.full(len(surveyed), len(names) + 1)])
    # By class, so that the records of a cell come class by class; within a class as given.
    order = np.argsort(codes, kind="stable")
    west, south, columns, rows = _frame(shapes, cell_m)
    x0, y0 = west * cell_m, south * cell_m
    count = np.zeros(columns, dtype=np.int64)
    count_columns(shapes.xy, shapes.chain_at, shapes.shape_at, order, x0, cell_m, count)
    at = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(count)])
    pieces = np.empty((int(at[-1]), 4))
    signs, places = np.empty(len(pieces), dtype=np.int8), np.empty(len(pieces), dtype=np.int32)
    own_m2 = np.zeros(len(order))
    fill_columns(
        shapes.xy,
        shapes.chain_at,
        shapes.shape_at,
        shapes.outer,
        order,
        x0,
        y0,
        cell_m,
        at[:-1].copy(),
        pieces,
        signs,
        places,
        own_m2,
    )
    sorted_codes = codes[order]

    def column(index: int) -> _Column:
        part = slice(int(at[index]), int(at[index + 1]))
        in_rows, owners, starts, stops, edges, broken = cut_column(pieces[part], signs[part], places[part], cell_m)
        if broken >= 0:
            raise BrokenShape(int(order[broken]), _CROSSES)
        cell_at, entries, kept, member_at, records, broken = fill_column(
            in_rows, owners, starts, stops, edges, sorted_codes, len(names), rows, cell_m
        )
        if broken >= 0:
            raise BrokenShape(int(order[broken]), _CROSSES)
        touched, touched_m2 = cell_areas(owners, starts, stops, edges, cell_m)
        return _Column(cell_at, entries, kept, member_at, owners[records], starts[records] < 0, touched, touched_m2)

    results: list[_Column] = []
    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        for found in pool.map(column, range(columns)):
            results.append(found)
            if progress is not None:
                progress(len(results), columns)
    _check_sums(results, own_m2, order)
    return _assembled(
        results, crs, cell_m, west, south, rows, names, surveyed is not None, order, own_m2, len(features)
    )


def _frame(shapes: Shapes, cell_m: float) -> tuple[int, int, int, int]:
    if len(shapes.xy) == 0:
        return 0, 0, 1, 1
    low, high = shapes.xy.min(axis=0), shapes.xy.max(axis=0)
    west, south = int(np.floor(low[0] / cell_m)), int(np.floor(low[1] / cell_m))
    # A boundary on a line of the grid may count as in the cell beyond.
    east, north = int(np.floor(high[0] / cell_m)), int(np.floor(high[1] / cell_m))
    return west, south, east - west + 1, north - south + 1


def _joined(one: Shapes, other: Shapes) -> Shapes:
    return Shapes(
        np.concatenate([one.xy, other.xy]),
        np.concatenate([one.chain_at, other.chain_at[1:] + one.chain_at[-1]]),
        np.concatenate([one.shape_at, other.shape_at[1:] + one.shape_at[-1]]),
        np.concatenate([one.outer, other.outer]),
        np.concatenate([one.polygonal, other.polygonal]),
    )


def _check_sums(results: list[_Column], own_m2: Floats, order: Ints) -> None:
    """See that the cells of every shape add up to it; nothing is answered from a layer that lost ground."""
    sums = np.zeros(len(own_m2))
    for found in results:
        sums[found.touched] += found.touched_m2
    off = np.abs(sums - own_m2) > ADDS_UP_M2 + ADDS_UP * np.abs(own_m2)
    if off.any():
        place = int(np.argmax(off))
        raise MeasureFailed(f"shape {int(order[place])}: its cells hold {sums[place]} m², it has {own_m2[place]} m²")


def _assembled(
    results: list[_Column],
    crs: str,
    cell_m: float,
    west: int,
    south: int,
    rows: int,
    names: tuple[str, ...],
    surveyed: bool,
    order: Ints,
    own_m2: Floats,
    feature_count: int,
) -> Prepared:
    cell_at, member_at = [np.zeros(1, dtype=np.int64)], [np.zeros(1, dtype=np.int64)]
    entries, edges, members = 0, 0, 0
    for found in results:
        cell_at.append(found.cell_at[1:] + entries)
        # Of an entry that holds all of its cell there are no edges to point to.
        bounds = found.entries[:, 1:]
        bounds[bounds != ALL_OF_IT] += edges
        member_at.append(found.member_at[1:] + members)
        entries, edges, members = entries + len(found.entries), edges + len(found.edges), members + len(found.members)
    member = order[np.concatenate([found.members for found in results])]
    full = np.concatenate([found.full for found in results])
    is_feature = member < feature_count
    areas_m2 = np.zeros(len(order))
    areas_m2[order] = own_m2
    return Prepared(
        crs,
        cell_m,
        west,
        south,
        len(results),
        rows,
        names,
        surveyed,
        np.concatenate(cell_at),
        np.concatenate([found.entries for found in results]),
        np.concatenate([found.edges for found in results]),
        np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(is_feature)])[np.concatenate(member_at)],
        member[is_feature].astype(np.int32),
        full[is_feature],
        areas_m2[:feature_count],
    )
