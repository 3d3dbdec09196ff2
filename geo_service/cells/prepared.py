"""A layer prepared as cells, in memory and on disk."""

from __future__ import annotations

import json
import math
import mmap
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_service.errors import WorkspaceError
from geo_service.native import Native
from geo_service.rings import Floats, Ints

_CHECKSUM = Native(
    "geo_service.cells.checksum", "checksum", "int64", ("int64",) * 2, ("compiled.py", "cells/checksum.py")
)

#: Changes with the arrays below or with what they mean; a file of another version is prepared again.
FORMAT = 4
MAGIC = b"cells\n"
ALIGN = 64

#: Edges up to this share of a cell's side are found by their western ends.
NARROW = 0.125

#: Class of an entry that is the union of the layer, of one that is that union with the surveyed extent, and of a record
#: of the surveyed extent.
WHOLE, KNOWN = -1, -2

_ARRAYS: tuple[tuple[str, type[np.generic]], ...] = (
    ("cell_at", np.int64),
    ("entries", np.int64),
    ("edges", np.float64),
    ("member_at", np.int64),
    ("member", np.int32),
    ("member_full", np.bool_),
    ("feature_m2", np.float64),
)


@dataclass(frozen=True, eq=False, slots=True)
class Prepared:
    """A layer as uniform cells: nothing, all of it, or edges, by class.

    Cells are numbered column by column from the west, and from south to north within a column.

    Attributes
    ----------
    crs : str
        Of the layer, which parcels must share; empty when nobody said.
    cell_m : float
        Side of a cell, a power of two, so that its lines are exact.
    west, south : int
        Number of the first column and the first row, counted in cells from the origin of the CRS.
    columns, rows : int
    classes : tuple of str
        Sorted.
    surveyed : bool
        Whether the layer has a surveyed extent.
    cell_at : ndarray of int64, shape (columns × rows + 1,)
        Where the entries of each cell begin.
    entries : ndarray of int64, shape (n, 4)
        Class, and where the entry's edges begin, where the narrow ones of them, and where they end. The class is an
        index into ``classes``, `WHOLE` or `KNOWN`: where a cell has no entry `WHOLE`, its classes do not overlap and
        add up to it; where it has no entry `KNOWN`, nothing is known beyond the layer. Edges wider than ``cell_m`` ×
        `NARROW` come first, then the others by their western ends, so that few of them need be looked at; -1 where an
        entry takes all of the cell. Together, because a parcel that asks for one number needs all four.
    edges : ndarray of float64, shape (n, 4)
        x, y, x, y in metres from the south-west corner of the cell; from west to east where ground lies below, from
        east to west where it lies above. Together with the cell's bottom they close.
    member_at, member, member_full : ndarrays
        The features that have ground in each cell, and whether they take all of it.
    feature_m2 : ndarray of float64, shape (features,)
        Area of every feature by itself.
    """

    crs: str
    cell_m: float
    west: int
    south: int
    columns: int
    rows: int
    classes: tuple[str, ...]
    surveyed: bool
    cell_at: Ints
    entries: Ints
    edges: Floats
    member_at: Ints
    member: NDArray[np.int32]
    member_full: NDArray[np.bool_]
    feature_m2: Floats

    def write(self, path: Path, key: str = "") -> None:
        """Write a file that `open` maps into memory; appears under its name only when complete.

        Parameters
        ----------
        key : str
            What it was prepared from, e.g. the hash of an edition.
        """
        arrays = [(name, np.ascontiguousarray(getattr(self, name), dtype=kind)) for name, kind in _ARRAYS]
        head = {
            "format": FORMAT,
            "key": key,
            "crs": self.crs,
            "cell_m": self.cell_m,
            "west": self.west,
            "south": self.south,
            "columns": self.columns,
            "rows": self.rows,
            "classes": list(self.classes),
            "surveyed": self.surveyed,
            "shapes": {name: list(array.shape) for name, array in arrays},
            "sums": {name: int(_sum(array.view(np.uint8).reshape(-1))) for name, array in arrays},
        }
        text = json.dumps(head, ensure_ascii=True, sort_keys=True).encode()
        temporary = path.with_name(f"{path.name}.{os.getpid()}.partial")
        try:
            with temporary.open("wb") as file:
                file.write(MAGIC + len(text).to_bytes(8, "little") + _head_sum(text) + text)
                for _, array in arrays:
                    file.write(b"\0" * (-file.tell() % ALIGN))
                    file.write(array.data if array.size else b"")
            # Not synced: after a crash its sums tell that it is not whole, and it is prepared again.
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def features_in(
        self, west: float, south: float, east: float, north: float
    ) -> tuple[frozenset[int], frozenset[int]]:
        """Return the features that may have ground in a box, and those of them that certainly take all of it.

        Parameters
        ----------
        west, south, east, north : float
            In metres, in the layer's CRS.

        Examples
        --------
        >>> import shapely
        >>> from geo_service.cells.preparing import prepare
        >>> from geo_service.rings import from_wkb
        >>> wide, far = shapely.box(0, 0, 2000, 2000), shapely.box(1500, 0, 2500, 900)
        >>> layer = prepare(from_wkb([wide.wkb, far.wkb]), ["wet", "wet"])
        >>> layer.features_in(600, 600, 1000, 700)
        (frozenset({0}), frozenset({0}))
        >>> layer.features_in(1900, 600, 2100, 700)
        (frozenset({0, 1}), frozenset())
        """
        first, last = _index(west, self.cell_m) - self.west, _index(east, self.cell_m) - self.west
        low, high = _index(south, self.cell_m) - self.south, _index(north, self.cell_m) - self.south
        begin, end = max(low, 0), min(high, self.rows - 1) + 1
        there: set[int] = set()
        # Nothing takes all of a box that reaches beyond the cells.
        everywhere: set[int] | None = (
            None if 0 <= first and last < self.columns and begin <= low and high < end else set()
        )
        for column in range(max(first, 0), min(last, self.columns - 1) + 1) if begin < end else ():
            at = self.member_at[column * self.rows + begin : column * self.rows + end + 1].tolist()
            members, full = self.member[at[0] : at[-1]].tolist(), self.member_full[at[0] : at[-1]].tolist()
            there.update(members)
            for start, stop in pairwise(at):
                of_cell = {members[index - at[0]] for index in range(start, stop) if full[index - at[0]]}
                everywhere = of_cell if everywhere is None else everywhere & of_cell
        return frozenset(there), frozenset(everywhere or ())

    @classmethod
    def open(cls, path: Path, key: str = "") -> Prepared:
        """Map a file into memory and see that it is whole.

        Raises
        ------
        WorkspaceError
            When it is missing, damaged, of another format, or was prepared from something else.
        """
        try:
            content = np.frombuffer(_mapped(path), dtype=np.uint8)
        except (OSError, ValueError) as error:
            raise WorkspaceError(f"{path.name}: no prepared layer here") from error
        begins = len(MAGIC) + 16
        length = int.from_bytes(bytes(content[len(MAGIC) : begins - 8]), "little")
        text = bytes(content[begins : begins + length])
        try:
            if bytes(content[: len(MAGIC)]) != MAGIC:
                raise ValueError("other magic")
            if bytes(content[begins - 8 : begins]) != _head_sum(text):
                raise ValueError("its head is damaged")
            head: dict[str, Any] = json.loads(text)
            if head["format"] != FORMAT or head["key"] != key:
                raise ValueError("prepared by another version or from something else")
            arrays: dict[str, Any] = {}
            at = begins + length
            for name, kind in _ARRAYS:
                at += -at % ALIGN
                shape = tuple(head["shapes"][name])
                size = int(np.prod(shape)) * np.dtype(kind).itemsize
                raw = content[at : at + size]
                if len(raw) != size or int(_sum(np.asarray(raw))) != head["sums"][name]:
                    raise ValueError(f"{name} is damaged")
                arrays[name] = np.asarray(raw).view(kind).reshape(shape)
                at += size
        except (ValueError, KeyError, TypeError) as error:
            raise WorkspaceError(f"{path.name}: {error}") from error
        return cls(
            head["crs"],
            head["cell_m"],
            head["west"],
            head["south"],
            head["columns"],
            head["rows"],
            tuple(head["classes"]),
            head["surveyed"],
            **arrays,
        )


def _index(metres: float, cell_m: float) -> int:
    return math.floor(metres / cell_m)


def _mapped(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        if hasattr(mmap, "MAP_POPULATE"):
            # All of it is read right away, for its checksum; asking for it at once saves a fault a page.
            return mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED | mmap.MAP_POPULATE, mmap.PROT_READ)
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def class_codes(classes: Sequence[str | None]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the sorted names of classes and each feature's index among them; after the last one for no class."""
    names = tuple(sorted({name for name in classes if name is not None}))
    index = {name: number for number, name in enumerate(names)}
    return names, np.array([len(names) if name is None else index[name] for name in classes], dtype=np.int64)


def _head_sum(text: bytes) -> bytes:
    return int(_sum(np.frombuffer(text, dtype=np.uint8))).to_bytes(8, "little")


def _sum(content: NDArray[np.uint8]) -> int:
    return int(_CHECKSUM.call(content.ctypes.data, len(content)))
