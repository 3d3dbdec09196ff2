"""Adding up cells under polygons, a few polygons at a time, and putting the sums together.

The polygons are cut into pieces small enough that their shares are held at once: the strips of a large polygon, or what
of it lies in one block of a file. For some pieces the cells with any ground are written down as runs; then each raster
on that grid is added up along the runs. What a polygon's pieces give is put together in their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from geo_service.compiled import compiled
from geo_service.rings import BrokenShape, Flags, Floats, Ints, Shapes
from geo_service.zonal.cover import cells, cover, frame

Transform = tuple[float, float, float, float, float, float]

#: Cells whose shares are held at a time.
HELD = 1 << 16
# Columns of the sums; thresholds follow.
_GROUND, _KNOWN, _TOTAL, _LEAST, _MOST, _ABOVE = 0, 1, 2, 3, 4, 5


@dataclass(frozen=True, eq=False, slots=True)
class Raster:
    """Values on a grid, as stored, and what turns them into values.

    Attributes
    ----------
    values : ndarray of float32 or float64, shape (rows, columns)
        NaN is nodata.
    thresholds : tuple of float
        For the shares of ground above them.
    nodata : float
        Stored value that stands for nodata, beside NaN.
    scale, offset : float
        Value = stored value · scale + offset.
    """

    values: NDArray[np.floating]
    thresholds: tuple[float, ...] = ()
    nodata: float = np.nan
    scale: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, eq=False, slots=True)
class Statistics:
    """What a raster says about each of n polygons.

    Attributes
    ----------
    count : ndarray of float64, shape (n,)
        Cells with a value, each by the share of it that lies in the polygon.
    mean, total : ndarray of float64, shape (n,)
        Mean and sum of the values, weighted in the same way; NaN where nothing is known.
    minimum, maximum : ndarray of float64, shape (n,)
        Over cells of which any ground lies in the polygon; NaN where nothing is known.
    above : ndarray of float64, shape (n, thresholds)
        Share of the known ground with a value greater than each threshold; NaN where nothing is known.
    nodata_share : ndarray of float64, shape (n,)
        Share of the polygon that has no value or lies outside the raster; 1 for one without ground.
    """

    count: Floats
    mean: Floats
    total: Floats
    minimum: Floats
    maximum: Floats
    above: Floats
    nodata_share: Floats


@dataclass(frozen=True, eq=False, slots=True)
class Ground:
    """Polygons on a grid.

    Attributes
    ----------
    parcels : Shapes
    frame : ndarray of float64, shape (4,)
        West edge, cell width, north edge and (negative) cell height of the grid.
    shape : (rows, columns)
        Size of the grid.
    reached : ndarray of int64, shape (n, 4)
        First row, last row + 1, first column, last column + 1 of each polygon; not bounded by the grid.
    areas : ndarray of float64, shape (n,)
        In cells.
    """

    parcels: Shapes
    frame: Floats
    shape: tuple[int, int]
    reached: Ints
    areas: Floats

    @classmethod
    def of(cls, parcels: Shapes, transform: Transform, shape: tuple[int, int]) -> Ground:
        """Find where polygons lie on a grid."""
        x0, dx, _, y0, _, dy = transform
        frame_of = np.array([x0, dx, y0, dy])
        reached, areas = _reach(parcels.xy, parcels.chain_at, parcels.shape_at, parcels.outer, frame_of)
        return cls(parcels, frame_of, shape, reached, areas)

    def within(self) -> Ints:
        """Return `reached`, bounded by the grid."""
        rows, columns = self.shape
        return np.clip(self.reached, 0, np.array([rows, rows, columns, columns]))

    def runs(self, pieces: Pieces) -> Runs:
        """Find the cells of some pieces that have any ground."""
        of = self.parcels
        return Runs(
            *_collect(
                of.xy, of.chain_at, of.shape_at, of.outer, self.frame, pieces.owners, pieces.windows, pieces.cells()
            )
        )

    def conclude(self, sums: Floats) -> Statistics:
        """Turn the sums of all polygons into statistics."""
        known = sums[:, _KNOWN]
        some = known > 0.0
        count = np.where(some, known, 1.0)
        outside = (self.reached != self.within()).any(axis=1)
        beyond = np.where(outside, np.maximum(self.areas - sums[:, _GROUND], 0.0), 0.0)
        silent = (sums[:, _GROUND] - known) + beyond
        ground = known + silent
        return Statistics(
            count=known,
            mean=np.where(some, sums[:, _TOTAL] / count, np.nan),
            total=np.where(some, sums[:, _TOTAL], np.nan),
            minimum=np.where(some, sums[:, _LEAST], np.nan),
            maximum=np.where(some, sums[:, _MOST], np.nan),
            above=np.where(some[:, None], sums[:, _ABOVE:] / count[:, None], np.nan),
            nodata_share=np.where(ground > 0.0, silent / np.where(ground > 0.0, ground, 1.0), 1.0),
        )


@dataclass(frozen=True, eq=False, slots=True)
class Pieces:
    """Parts of polygons.

    Attributes
    ----------
    owners : ndarray of int64, shape (pieces,)
        Which polygon.
    windows : ndarray of int64, shape (pieces, 4)
        First row, last row + 1, first column, last column + 1 in the grid.
    """

    owners: Ints
    windows: Ints

    def __len__(self) -> int:
        """Count the pieces."""
        return len(self.owners)

    def cells(self) -> int:
        """Count the cells of all windows."""
        return int(((self.windows[:, 1] - self.windows[:, 0]) * (self.windows[:, 3] - self.windows[:, 2])).sum())

    def take(self, rows: Ints) -> Pieces:
        """Return some pieces in the order asked for."""
        return Pieces(self.owners[rows], self.windows[rows])

    def strips(self) -> Pieces:
        """Cut those with more cells than are held at a time into strips of rows."""
        wide = np.maximum(self.windows[:, 3] - self.windows[:, 2], 1)
        high = np.maximum(HELD // wide, 1)
        number = -(-(self.windows[:, 1] - self.windows[:, 0]) // high)
        piece, step = repeated(number)
        windows = self.windows[piece]
        windows[:, 0] += step * high[piece]
        windows[:, 1] = np.minimum(windows[:, 1], windows[:, 0] + high[piece])
        return Pieces(self.owners[piece], windows)

    def batches(self) -> Iterator[Pieces]:
        """Yield them in order, as many at a time as are held."""
        size = (self.windows[:, 1] - self.windows[:, 0]) * (self.windows[:, 3] - self.windows[:, 2])
        batch = np.cumsum(size) // HELD
        edges = [0, *(np.flatnonzero(np.diff(batch)) + 1).tolist(), len(self)]
        for start, stop in pairwise(edges):
            if start < stop:
                yield Pieces(self.owners[start:stop], self.windows[start:stop])


@dataclass(frozen=True, eq=False, slots=True)
class Runs:
    """Cells with any ground, row by row of every piece.

    Attributes
    ----------
    run_at : ndarray of int64, shape (pieces + 1,)
        Where the runs of each piece begin.
    rows, columns : ndarray of int64, shape (runs,)
        The first cell of each run in the grid; its cells follow one another to the east.
    share_at : ndarray of int64, shape (runs + 1,)
        Where the shares of each run begin.
    shares : ndarray of float64
    """

    run_at: Ints
    rows: Ints
    columns: Ints
    share_at: Ints
    shares: Floats

    def add(self, raster: Raster, top: int = 0, left: int = 0) -> Floats:
        """Add up a raster along the runs.

        Parameters
        ----------
        top, left : int
            The row and column of the grid at which the array begins.

        Returns
        -------
        ndarray of float64, shape (pieces, …)
            Sums for `merge`.
        """
        sums = nothing(len(self.run_at) - 1, len(raster.thresholds))
        _add(
            raster.values,
            top,
            left,
            # As the file's kind of number has it: -3.4e38 is not the same in 32 and in 64 bits.
            float(raster.values.dtype.type(raster.nodata)),
            raster.scale,
            raster.offset,
            np.asarray(raster.thresholds, dtype=np.float64),
            self.run_at,
            self.rows,
            self.columns,
            self.share_at,
            self.shares,
            sums,
        )
        return sums


def nothing(polygons: int, thresholds: int) -> Floats:
    """Return sums to which nothing was added."""
    sums = np.zeros((polygons, _ABOVE + thresholds))
    sums[:, _LEAST], sums[:, _MOST] = np.inf, -np.inf
    return sums


def repeated(number: Ints) -> tuple[Ints, Ints]:
    """Return each index so many times, and the count within it.

    Examples
    --------
    >>> [found.tolist() for found in repeated(np.array([2, 0, 3]))]
    [[0, 0, 2, 2, 2], [0, 1, 0, 1, 2]]
    """
    index = np.repeat(np.arange(len(number)), number)
    return index, np.arange(len(index)) - np.repeat(np.cumsum(number) - number, number)


def require_polygons(parcels: Shapes, start: int = 0, stop: int | None = None) -> None:
    """Refuse what is no polygon or has no area in the sense of the standard.

    Parameters
    ----------
    start, stop : int, optional
        Look at these only.

    Raises
    ------
    BrokenShape
        For the first of them.
    """
    some = parcels.slice(start, len(parcels) if stop is None else min(stop, len(parcels)))
    lines = ~some.polygonal & (np.diff(some.shape_at) > 0)
    if lines.any():
        raise BrokenShape(start + int(np.argmax(lines)), "a line has no area")
    try:
        some.check()
    except BrokenShape as error:
        raise BrokenShape(start + error.index, error.why) from None


@compiled
def merge(sums: Floats, owners: Ints, parts: Floats) -> None:
    """Add what pieces gave to what their polygons have."""
    for piece in range(len(owners)):
        into = sums[owners[piece]]
        least, most = min(into[_LEAST], parts[piece, _LEAST]), max(into[_MOST], parts[piece, _MOST])
        into += parts[piece]
        into[_LEAST], into[_MOST] = least, most


@compiled
def _reach(xy: Floats, chain_at: Ints, shape_at: Ints, outer: Flags, frame_of: Floats) -> tuple[Ints, Floats]:
    reached = np.zeros((len(shape_at) - 1, 4), dtype=np.int64)
    areas = np.zeros(len(shape_at) - 1)
    places = np.empty((_longest(chain_at, shape_at, np.arange(len(areas))), 2))
    for shape in range(len(areas)):
        first, last = shape_at[shape], shape_at[shape + 1]
        row, column, rows, columns = frame(xy, chain_at, first, last, frame_of, places)
        reached[shape, 0], reached[shape, 1] = row, row + rows
        reached[shape, 2], reached[shape, 3] = column, column + columns
        areas[shape] = cells(chain_at, outer, first, last, places)
    return reached, areas


@compiled
def _collect(
    xy: Floats,
    chain_at: Ints,
    shape_at: Ints,
    outer: Flags,
    frame_of: Floats,
    owners: Ints,
    windows: Ints,
    room: int,
) -> tuple[Ints, Ints, Ints, Ints, Floats]:
    """Write down the runs of pieces; ``room`` is the number of cells of all their windows."""
    places = np.empty((_longest(chain_at, shape_at, owners), 2))
    run_at = np.zeros(len(owners) + 1, dtype=np.int64)
    rows, columns = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int64)
    share_at = np.empty(room + 1, dtype=np.int64)
    share_at[0] = 0
    shares = np.empty(room)
    held = np.empty(0)
    window = np.empty(4, dtype=np.int64)
    runs, count = 0, 0
    for piece in range(len(owners)):
        first, last = shape_at[owners[piece]], shape_at[owners[piece] + 1]
        row, column, _, _ = frame(xy, chain_at, first, last, frame_of, places)
        window[0], window[1] = windows[piece, 0] - row, windows[piece, 1] - row
        window[2], window[3] = windows[piece, 2] - column, windows[piece, 3] - column
        high, wide = window[1] - window[0], window[3] - window[2]
        if len(held) < high * (wide + 1):
            held = np.empty(2 * high * (wide + 1))
        found = held[: high * (wide + 1)].reshape((high, wide + 1))
        cover(xy, chain_at, outer, first, last, places, window, found)
        for line in range(high):
            follows = False
            for cell in range(wide):
                share = found[line, cell]
                if share > 0.0:
                    if not follows:
                        rows[runs], columns[runs] = windows[piece, 0] + line, windows[piece, 2] + cell
                        runs += 1
                    shares[count] = share
                    count += 1
                    share_at[runs] = count
                follows = share > 0.0
        run_at[piece + 1] = runs
    return run_at, rows[:runs], columns[:runs], share_at[: runs + 1], shares[:count]


@compiled
def _add(
    values: NDArray[np.floating],
    top: int,
    left: int,
    nodata: float,
    scale: float,
    offset: float,
    thresholds: Floats,
    run_at: Ints,
    rows: Ints,
    columns: Ints,
    share_at: Ints,
    shares: Floats,
    sums: Floats,
) -> float:
    lowest = np.inf if len(thresholds) == 0 else thresholds.min()
    asked = 0.0
    for piece in range(len(run_at) - 1):
        ground, known, total, least, most = 0.0, 0.0, 0.0, np.inf, -np.inf
        # All rows are asked for before the first is needed: memory then answers them together. What is asked is handed
        # back, or the compiler would leave it out.
        for run in range(run_at[piece], run_at[piece + 1]):
            first, last = columns[run] - left, columns[run] - left + share_at[run + 1] - share_at[run] - 1
            asked += values[rows[run] - top, first] + values[rows[run] - top, last]
        for run in range(run_at[piece], run_at[piece + 1]):
            row = rows[run] - top
            shift = columns[run] - left - share_at[run]
            # Row by row, so that a long sum loses nothing to its own size.
            along = 0.0
            for cell in range(share_at[run], share_at[run + 1]):
                share = shares[cell]
                raw = np.float64(values[row, shift + cell])
                ground += share
                if np.isnan(raw) or raw == nodata:
                    continue
                value = raw * scale + offset
                known += share
                along += share * value
                least, most = min(least, value), max(most, value)
                if value > lowest:
                    for index in range(len(thresholds)):
                        if value > thresholds[index]:
                            sums[piece, _ABOVE + index] += share
            total += along
        sums[piece, _GROUND], sums[piece, _KNOWN], sums[piece, _TOTAL] = ground, known, total
        sums[piece, _LEAST], sums[piece, _MOST] = least, most
    return asked


@compiled
def _longest(chain_at: Ints, shape_at: Ints, chosen: Ints) -> int:
    longest = 0
    for place in range(len(chosen)):
        shape = chosen[place]
        longest = max(longest, chain_at[shape_at[shape + 1]] - chain_at[shape_at[shape]])
    return longest
