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
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_service.errors import MeasureFailed
from geo_service.native import Native
from geo_service.rings.faults import (
    BIG_ENDIAN,
    CROSSING,
    FINE,
    NESTING,
    NOT_FINITE,
    OTHER_TYPE,
    TOO_SHORT,
    TRUNCATED,
    UNCLOSED,
)

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

_SOURCES = ("compiled.py", "rings/faults.py", "rings/loops.py")
_MODULE = "geo_service.rings.loops"
_COUNT = Native(_MODULE, "count_wkb", "int64", ("int64",) * 5, _SOURCES)
_FILL = Native(_MODULE, "fill_wkb", "int64", ("int64",) * 11, _SOURCES)
_FIRST_FAULT = Native(_MODULE, "first_fault", "int64", ("int64",) * 13, _SOURCES)
_BOUNDS = Native(_MODULE, "bounds", "int64", ("int64",) * 7, _SOURCES)

_KINDS = {
    "xy": np.dtype(np.float64),
    "chain_at": np.dtype(np.int64),
    "shape_at": np.dtype(np.int64),
    "outer": np.dtype(np.bool_),
    "polygonal": np.dtype(np.bool_),
}

_FAULTS = {
    TRUNCATED: "the bytes end too early",
    BIG_ENDIAN: "big-endian WKB",
    OTHER_TYPE: "neither polygon nor line",
    NOT_FINITE: "a coordinate is not a finite number",
    UNCLOSED: "a ring is not closed",
    TOO_SHORT: "a ring has fewer than four vertices",
    CROSSING: "its boundary crosses itself or runs over itself",
    NESTING: "a part lies within another part, or a hole outside of all parts",
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


def broken(index: int, fault: int) -> BrokenShape:
    """Return the error for a fault that a compiled loop found."""
    return BrokenShape(index, _FAULTS[fault])


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
    # One boundary is held against many layers, each of which asks whether its rings are sound.
    _sound: list[None] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        # Compiled loops read these by their addresses.
        for name, kind in _KINDS.items():
            array = getattr(self, name)
            if array.dtype != kind or not array.flags.c_contiguous:
                raise ValueError(f"{name} must be contiguous {kind}")
        if len(self.shape_at) != len(self.polygonal) + 1 or len(self.chain_at) != len(self.outer) + 1:
            raise ValueError("a start is missing or left over")
        if (
            self.shape_at[-1] != len(self.outer)
            or self.chain_at[-1] != len(self.xy)
            or self.shape_at[0]
            or self.chain_at[0]
        ):
            raise ValueError("the starts do not span all chains and all vertices")

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
        found = np.empty((len(self), 4))
        _BOUNDS.call(*self._addresses(), found.ctypes.data)
        return found

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
        self._check(by_pairs=True)

    def check_rings(self) -> None:
        """As `check`, without looking at pairs of edges: for large shapes whose edges are compared elsewhere.

        Raises
        ------
        BrokenShape
            For the first shape with a coordinate that is not finite or a ring that is unclosed or too short.
        """
        if not self._sound:
            self._check(by_pairs=False)
            self._sound.append(None)

    def _check(self, *, by_pairs: bool) -> None:
        longest = int((self.chain_at[self.shape_at[1:]] - self.chain_at[self.shape_at[:-1]]).max(initial=0))
        room, steps, index = np.empty(12 * longest), np.empty(2 * longest, dtype=np.int64), np.zeros(1, dtype=np.int64)
        fault = _FIRST_FAULT.call(
            *self._addresses(),
            self.outer.ctypes.data,
            self.polygonal.ctypes.data,
            by_pairs,
            room.ctypes.data,
            steps.ctypes.data,
            longest,
            index.ctypes.data,
        )
        if fault != FINE:
            raise broken(int(index[0]), fault)

    def _addresses(self) -> tuple[int, int, int, int, int, int]:
        return (
            self.xy.ctypes.data,
            len(self.xy),
            self.chain_at.ctypes.data,
            len(self.chain_at) - 1,
            self.shape_at.ctypes.data,
            len(self),
        )


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
    counted = np.zeros(3, dtype=np.int64)
    where = (data.ctypes.data, len(data), at.ctypes.data, len(at) - 1)
    fault = _COUNT.call(*where, counted.ctypes.data)
    chains, vertices, index = (int(number) for number in counted)
    if fault:
        raise broken(index, fault)
    xy, outer = np.empty((vertices, 2)), np.zeros(chains, dtype=np.bool_)
    chain_at, shape_at = np.zeros(chains + 1, dtype=np.int64), np.zeros(len(at), dtype=np.int64)
    polygonal = np.zeros(len(at) - 1, dtype=np.bool_)
    into = (array.ctypes.data for array in (xy, chain_at, shape_at, outer, polygonal))
    _FILL.call(*where, chains, vertices, *into)
    return Shapes(xy, chain_at, shape_at, outer, polygonal)


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
        raise BrokenShape(0, _FAULTS[OTHER_TYPE])
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
