"""Measuring parcels against prepared layers: one call for one parcel and for a million."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_service.cells import fields
from geo_service.cells.prepared import KNOWN, WHOLE, Prepared
from geo_service.errors import CrsMismatch
from geo_service.native import Native
from geo_service.rings import BrokenShape, Floats, Ints, Shapes, broken, from_wkb

BLOCK = 4096
#: Vertices for which there is room when one parcel is asked for at a time.
USUAL_VERTICES = 1024

_SOURCES = (
    "compiled.py",
    "cells/columns.py",
    "cells/fields.py",
    "cells/kernel.py",
    "cells/prepared.py",
    "rings/faults.py",
    "rings/loops.py",
)
_MODULE = "geo_service.cells.kernel"
_MANY = Native(_MODULE, "measure_many", "int64", ("int64",), _SOURCES)
_ONE = Native(_MODULE, "measure_one", "int64", ("bytes", "int64", "int64"), _SOURCES)
_PLACE = Native(_MODULE, "place", "int64", ("int64",) * 3, _SOURCES)

_Block = tuple[Ints, NDArray[np.int32], Floats]


@dataclass(frozen=True, eq=False, slots=True)
class Areas:
    """What parcels share with layers, sorted by parcel, layer and class.

    Attributes
    ----------
    parcel : ndarray of int64
    key : ndarray of int32
        Number of the layer's class among all classes of all layers.
    area_m2 : ndarray of float64
        More than `fields.RESIDUE_M2`; what is not listed is zero.
    parcel_m2 : ndarray of float64
        Area of every parcel.
    """

    parcel: Ints
    key: NDArray[np.int32]
    area_m2: Floats
    parcel_m2: Floats
    _layer_of: NDArray[np.int32]
    _class_of: NDArray[np.int32]

    @property
    def layer(self) -> NDArray[np.int32]:
        """Index into the layers asked."""
        return self._layer_of[self.key]

    @property
    def cls(self) -> NDArray[np.int32]:
        """Index into the layer's classes; `WHOLE` (-1) is the layer's union, `KNOWN` (-2) that with its survey."""
        return self._class_of[self.key]


class Stack:
    """Layers that are asked together.

    Parameters
    ----------
    layers : sequence of Prepared
        Of one size of cells and in one CRS.
    """

    def __init__(self, layers: Sequence[Prepared]) -> None:
        self.layers = tuple(layers)
        if len({layer.cell_m for layer in layers}) > 1:
            raise CrsMismatch("layers were prepared with cells of different sizes")
        if len({layer.crs for layer in layers}) > 1:
            raise CrsMismatch(f"layers are in different CRS: {', '.join(sorted({layer.crs for layer in layers}))}")
        self.crs = layers[0].crs if layers else ""
        self._cell_m = np.array([layers[0].cell_m if layers else 1.0])
        keys = [len(layer.classes) + 2 for layer in layers]
        firsts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(keys)]).astype(np.int64)
        self._table = np.zeros((len(layers), fields.FIELDS), dtype=np.int64)
        for row, layer in enumerate(layers):
            self._table[row] = (
                layer.west,
                layer.south,
                layer.columns,
                layer.rows,
                len(layer.classes),
                layer.surveyed,
                firsts[row],
                layer.cell_at.ctypes.data,
                layer.entries.ctypes.data,
                len(layer.entries),
                layer.edges.ctypes.data,
                len(layer.edges),
            )
        self._keys = int(firsts[-1])
        #: Layer and class of every key.
        self.layer_of = np.repeat(np.arange(len(layers), dtype=np.int32), keys)
        self.class_of = np.concatenate(
            [np.array([*range(len(layer.classes)), WHOLE, KNOWN], dtype=np.int32) for layer in layers]
            or [np.zeros(0, dtype=np.int32)]
        )

    def areas(self, parcels: Shapes, *, threads: int | None = None) -> Areas:
        """Measure parcels; the same bits whatever the number of threads and the order of the parcels.

        Parameters
        ----------
        parcels : Shapes
            Valid polygons in metres, in the layers' CRS.

        Raises
        ------
        BrokenShape
            For the first parcel that is no valid polygon.
        """
        if not parcels.polygonal.all():
            raise BrokenShape(int(np.argmin(parcels.polygonal)), "not a polygon")
        count = len(parcels)
        parcel_m2, parcel_rows = np.zeros(count), np.zeros(count, dtype=np.int64)
        starts = range(0, count, BLOCK)
        # A few parcels are not worth waking a thread for.
        workers = min(threads or os.cpu_count() or 1, len(starts))
        with ThreadPoolExecutor(max(workers, 1)) as pool:
            each: Any = pool.map if workers > 1 else map
            coming = pool.submit(_neighbours, parcels, float(self._cell_m[0]))
            for fault in list(each(lambda start: _fault(parcels, start), starts)):
                if fault is not None:
                    raise fault
            order, longest = coming.result(), _longest(parcels)

            def block(start: int) -> _Block:
                return self._block(parcels, order[start : start + BLOCK], longest, parcel_m2, parcel_rows)

            blocks = list(each(block, starts))
            found = _Rows(parcel_rows)
            list(each(found.place, blocks))
        return Areas(found.parcel, found.key, found.area_m2, parcel_m2, self.layer_of, self.class_of)

    def asker(self) -> Asker:
        """Return what measures one parcel at a time; each thread needs its own."""
        return Asker(self)

    def desk(self, vertices: int, rows: int) -> Desk:
        """Return room for measuring: for parcels up to a number of vertices, and for so many rows of results."""
        return Desk(self._table, self._cell_m, self._keys, vertices, rows)

    def _block(self, parcels: Shapes, order: Ints, longest: int, parcel_m2: Floats, parcel_rows: Ints) -> _Block:
        order = np.ascontiguousarray(order)
        rows = 16 * len(order) + 4 * self._keys
        while True:
            desk = self.desk(longest, rows)
            desk.put(
                {
                    fields.XY: parcels.xy,
                    fields.CHAIN_AT: parcels.chain_at,
                    fields.SHAPE_AT: parcels.shape_at,
                    fields.OUTER: parcels.outer,
                    fields.ORDER: order,
                    fields.PARCEL_M2: parcel_m2,
                    fields.PARCEL_ROWS: parcel_rows,
                }
            )
            desk.numbers[fields.VERTICES] = len(parcels.xy)
            desk.numbers[fields.CHAINS] = len(parcels.outer)
            desk.numbers[fields.SHAPES] = len(parcels)
            desk.numbers[fields.ASKED] = len(order)
            found = _MANY.call(desk.address)
            if found >= 0:
                return desk.parcel[:found], desk.key[:found], desk.area_m2[:found]
            rows *= 2


class _Rows:
    """All rows in the order of parcels."""

    def __init__(self, parcel_rows: Ints) -> None:
        self._starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(parcel_rows)])
        count = int(self._starts[-1])
        self.parcel, self.key = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int32)
        self.area_m2 = np.empty(count)

    def place(self, block: _Block) -> None:
        """Put the rows of a block where they go; other threads put theirs elsewhere."""
        arrays = (*block, self._starts, self.parcel, self.key, self.area_m2)
        desk = np.array([array.ctypes.data for array in arrays], dtype=np.int64)
        _PLACE.call(len(block[0]), len(self._starts) - 1, desk.ctypes.data)


class Desk:
    """Arrays that the kernel reads and writes, and where they are.

    Parameters
    ----------
    vertices : int
        Of the longest parcel.
    rows : int
        Of results.
    """

    def __init__(self, table: Ints, cell_m: Floats, keys: int, vertices: int, rows: int) -> None:
        self.parcel, self.key = np.empty(rows, dtype=np.int64), np.empty(rows, dtype=np.int32)
        self.area_m2 = np.empty(rows)
        self.numbers = np.zeros(fields.DESK, dtype=np.int64)
        self.address = self.numbers.ctypes.data
        self._held: list[Any] = []
        self.put(
            {
                fields.TABLE: table,
                fields.CELL: cell_m,
                fields.FOUND_PARCEL: self.parcel,
                fields.FOUND_KEY: self.key,
                fields.FOUND_M2: self.area_m2,
                fields.SUMS: np.zeros(keys),
                fields.MET: np.zeros(len(table), dtype=np.bool_),
                fields.OWN: np.empty((vertices, 6)),
                fields.CUT: np.empty((2 * vertices, 6)),
                fields.BOUNDS: np.empty(4),
                fields.CELL_ENTRIES: np.empty((len(table), 4), dtype=np.int64),
                fields.FIRST_EDGES: np.empty((len(table), 2)),
            }
        )
        self.numbers[fields.LAYERS] = len(table)
        self.numbers[fields.KEYS] = keys
        self.numbers[fields.ROOM] = rows
        self.numbers[fields.LONGEST] = vertices

    def put(self, arrays: dict[int, NDArray[Any]]) -> None:
        """Say where arrays are, and keep them there."""
        for field, array in arrays.items():
            self.numbers[field] = array.ctypes.data
            self._held.append(array)


class Asker:
    """Measures one parcel at a time, in a microsecond or two.

    Parameters
    ----------
    stack : Stack
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._ask = _ONE.call
        self._parcel_m2 = np.zeros(1)
        self._make(USUAL_VERTICES)

    def areas(self, wkb: bytes) -> tuple[float, NDArray[np.int32], Floats]:
        """Measure a parcel.

        Parameters
        ----------
        wkb : bytes
            Little-endian, in metres, in the layers' CRS.

        Returns
        -------
        parcel_m2 : float
        keys : ndarray of int32
            See `Stack.layer_of` and `Stack.class_of`.
        areas_m2 : ndarray of float64
            Both are overwritten when the next parcel is measured.

        Raises
        ------
        BrokenShape
            When it is no valid polygon.

        Examples
        --------
        >>> import shapely
        >>> from geo_service.cells.preparing import prepare
        >>> asker = Stack([prepare(from_wkb([shapely.box(0, 0, 60, 40).wkb]), ["low"])]).asker()
        >>> parcel_m2, keys, areas_m2 = asker.areas(shapely.box(30, 10, 80, 110).wkb)
        >>> parcel_m2, keys.tolist(), areas_m2.tolist()
        (5000.0, [0, 1], [900.0, 900.0])
        """
        rows = self._ask(wkb, len(wkb), self._address)
        if rows >= 0:
            return self._parcel_m2.item(), self._key[:rows], self._area_m2[:rows]
        if rows == -1:
            self._make(len(from_wkb([wkb]).xy) + len(wkb) // 16)
            return self.areas(wkb)
        raise broken(0, rows + fields.REFUSED)

    def _make(self, vertices: int) -> None:
        desk = self._stack.desk(vertices, len(self._stack.layer_of) + 1)
        desk.put(
            {
                fields.XY: np.empty((vertices, 2)),
                fields.CHAIN_AT: np.zeros(vertices + 1, dtype=np.int64),
                fields.SHAPE_AT: np.zeros(2, dtype=np.int64),
                fields.OUTER: np.zeros(vertices, dtype=np.bool_),
                fields.POLYGONAL: np.zeros(1, dtype=np.bool_),
                fields.STARTS: np.zeros(2, dtype=np.int64),
                fields.ORDER: np.zeros(1, dtype=np.int64),
                fields.PARCEL_M2: self._parcel_m2,
                fields.PARCEL_ROWS: np.zeros(1, dtype=np.int64),
                fields.STEPS: np.zeros(2 * vertices, dtype=np.int64),
            }
        )
        desk.numbers[fields.VERTICES] = desk.numbers[fields.CHAINS] = vertices
        desk.numbers[fields.SHAPES] = desk.numbers[fields.ASKED] = 1
        self._desk, self._address = desk, desk.address
        self._key, self._area_m2 = desk.key, desk.area_m2


def areas(parcels: Shapes, layers: Sequence[Prepared], *, threads: int | None = None) -> Areas:
    """Measure parcels against layers; see `Stack.areas`.

    Examples
    --------
    >>> import shapely
    >>> from geo_service.cells.preparing import prepare
    >>> flood = prepare(from_wkb([shapely.box(0, 0, 60, 40).wkb, shapely.box(40, 0, 100, 40).wkb]), ["low", "high"])
    >>> found = areas(from_wkb([shapely.box(30, 10, 80, 110).wkb]), [flood])
    >>> [(int(code), float(area_m2)) for code, area_m2 in zip(found.cls, found.area_m2)]
    [(0, 1200.0), (1, 900.0), (-1, 1500.0)]
    """
    return Stack(layers).areas(parcels, threads=threads)


def is_compiled() -> bool:
    """Tell whether this machine has compiled this version's kernel before; the first time takes most of a minute."""
    return _MANY.is_kept


def _longest(parcels: Shapes) -> int:
    return int((parcels.chain_at[parcels.shape_at[1:]] - parcels.chain_at[parcels.shape_at[:-1]]).max(initial=0)) + 1


def _fault(parcels: Shapes, start: int) -> BrokenShape | None:
    try:
        parcels.slice(start, min(start + BLOCK, len(parcels))).check()
    except BrokenShape as error:
        return BrokenShape(error.index + start, error.why)
    return None


def _neighbours(parcels: Shapes, cell_m: float) -> Ints:
    """Return the parcels in an order in which those of one cell come together; those without vertices are left out."""
    begins, ends = parcels.chain_at[parcels.shape_at[:-1]], parcels.chain_at[parcels.shape_at[1:]]
    there = np.flatnonzero(begins < ends)
    cells = np.floor(parcels.xy[begins[there]] / cell_m).astype(np.int64)
    # Parcels of one cell in any order: none of them sees another.
    return there[np.argsort((cells[:, 0] << 32) + cells[:, 1])]
