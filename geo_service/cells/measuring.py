"""Measuring parcels against prepared layers: one call for one parcel and for a million."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo_service.cells import kernel
from geo_service.cells.prepared import KNOWN, WHOLE, Prepared
from geo_service.errors import CrsMismatch
from geo_service.rings import BrokenShape, Floats, Ints, Shapes

BLOCK = 4096


@dataclass(frozen=True, eq=False, slots=True)
class Areas:
    """What parcels share with layers, sorted by parcel, layer and class.

    Attributes
    ----------
    parcel : ndarray of int64
    layer : ndarray of int32
        Index into the layers asked.
    cls : ndarray of int32
        Index into the layer's classes; `WHOLE` (-1) is the union of the layer, `KNOWN` (-2) that with the extent in
        which it was surveyed.
    area_m2 : ndarray of float64
        More than `kernel.RESIDUE_M2`; what is not listed is zero.
    parcel_m2 : ndarray of float64
        Area of every parcel.
    """

    parcel: Ints
    layer: NDArray[np.int32]
    cls: NDArray[np.int32]
    area_m2: Floats
    parcel_m2: Floats


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
        self._cell_m = layers[0].cell_m if layers else 1.0
        keys = [len(layer.classes) + 2 for layer in layers]
        firsts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(keys)]).astype(np.int64)
        self._table = np.zeros((len(layers), kernel.FIELDS), dtype=np.int64)
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
                layer.entry_class.ctypes.data,
                layer.entry_from.ctypes.data,
                layer.entry_wide.ctypes.data,
                layer.entry_to.ctypes.data,
                layer.edges.ctypes.data,
                len(layer.entry_class),
                len(layer.edges),
            )
        self._keys = int(firsts[-1])
        self._layer_of = np.repeat(np.arange(len(layers), dtype=np.int32), keys)
        self._class_of = np.concatenate(
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
            For a parcel that is no valid polygon.
        """
        if not parcels.polygonal.all():
            raise BrokenShape(int(np.argmin(parcels.polygonal)), "not a polygon")
        count = len(parcels)
        workers = threads or os.cpu_count() or 1
        with ThreadPoolExecutor(workers) as pool:
            # A few parcels are not worth waking a thread for.
            each = pool.map if workers > 1 and count > BLOCK else map
            for fault in list(each(lambda start: _fault(parcels, start), range(0, count, BLOCK))):
                if fault is not None:
                    raise fault
            order = kernel.neighbours(parcels.xy, parcels.chain_at, parcels.shape_at, self._cell_m)
            parcel_m2 = np.zeros(count)
            blocks = list(
                each(
                    lambda start: self._block(parcels, order[start : start + BLOCK], parcel_m2), range(0, count, BLOCK)
                )
            )
        if not blocks:
            blocks = [(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int32), np.zeros(0))]
        parcel, key, area_m2 = (np.concatenate(column) for column in zip(*blocks, strict=True))
        parcel, key, area_m2 = kernel.by_parcel(parcel, key, area_m2, count)
        return Areas(parcel, self._layer_of[key], self._class_of[key], area_m2, parcel_m2)

    def _block(self, parcels: Shapes, order: Ints, parcel_m2: Floats) -> tuple[Ints, NDArray[np.int32], Floats]:
        sums = np.zeros(self._keys)
        room = 16 * len(order) + 4 * self._keys
        while True:
            parcel, key = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int32)
            area_m2 = np.empty(room)
            rows = kernel.measure(
                parcels.xy,
                parcels.chain_at,
                parcels.shape_at,
                parcels.outer,
                order,
                self._table,
                self._cell_m,
                parcel_m2,
                parcel,
                key,
                area_m2,
                sums,
            )
            if rows >= 0:
                return parcel[:rows], key[:rows], area_m2[:rows]
            room *= 2


def _fault(parcels: Shapes, start: int) -> BrokenShape | None:
    try:
        parcels.slice(start, min(start + BLOCK, len(parcels))).check()
    except BrokenShape as error:
        return BrokenShape(error.index + start, error.why)
    return None


def areas(parcels: Shapes, layers: Sequence[Prepared], *, threads: int | None = None) -> Areas:
    """Measure parcels against layers; see `Stack.areas`.

    Examples
    --------
    >>> import shapely
    >>> from geo_service.cells.preparing import prepare
    >>> from geo_service.rings import from_wkb
    >>> flood = prepare(from_wkb([shapely.box(0, 0, 60, 40).wkb, shapely.box(40, 0, 100, 40).wkb]), ["low", "high"])
    >>> found = areas(from_wkb([shapely.box(30, 10, 80, 110).wkb]), [flood])
    >>> [(int(code), float(area_m2)) for code, area_m2 in zip(found.cls, found.area_m2)]
    [(0, 1200.0), (1, 900.0), (-1, 1500.0)]
    """
    return Stack(layers).areas(parcels, threads=threads)
