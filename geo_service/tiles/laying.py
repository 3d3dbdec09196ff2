"""A layer laid out for cutting: places on the globe's square as plain numbers, attributes as numbered values."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.errors import CrsMismatch
from geo_service.model.layer import Features, Value
from geo_service.pmtiles import varint
from geo_service.projection import LON_LAT, on_square, transformer
from geo_service.tiles.kinds import LINE, POINT, POLYGON

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Shorts = NDArray[np.int32]
Flags = NDArray[np.bool_]
_KIND_OF_VALUE = {0x0A: "String", 0x38: "Boolean"}
#: Kind of geometry in a tile by shapely's type of a part: point, line, ring, polygon.
_KIND = np.array([POINT, LINE, LINE, POLYGON], dtype=np.int64)


@dataclass(frozen=True, eq=False, slots=True)
class Column:
    """One attribute of all features.

    Attributes
    ----------
    codes : ndarray of int32, shape (features,)
        Which of the values each has, -1 for none.
    values : tuple of bytes
        Different values as tiles write them.
    """

    name: str
    codes: Shorts
    values: tuple[bytes, ...]

    @classmethod
    def of(cls, name: str, values: Iterable[Value]) -> Column:
        """Number the different values.

        Examples
        --------
        >>> Column.of("cls", ["a", None, "a"]).codes.tolist()
        [0, -1, 0]
        """
        numbers: dict[bytes, int] = {}
        codes = [
            -1 if value is None or value == "" else numbers.setdefault(_written(value), len(numbers))
            for value in values
        ]
        return cls(name, np.array(codes, dtype=np.int32), tuple(numbers))

    @property
    def kind(self) -> str:
        """What its values are, as a file of tiles says it: ``String``, ``Number`` or ``Boolean``."""
        kinds = {_KIND_OF_VALUE.get(value[0], "Number") for value in self.values}
        return kinds.pop() if len(kinds) == 1 else "String"


@dataclass(frozen=True, eq=False, slots=True)
class Layer:
    """Features in rows, each a run of chains, each chain a run of vertices; see `geo_service.rings`.

    Attributes
    ----------
    xy : ndarray of float64, shape (vertices, 2)
        Parts of the globe's square.
    kind : ndarray of int64, shape (features,)
        Points, lines or polygons.
    bounds : ndarray of float64, shape (features, 4)
        West, north, east and south; NaN for a feature without a place.
    longest : ndarray of int64, shape (features,)
        Vertices of the longest chain of each.
    """

    name: str
    xy: Floats
    chain_at: Ints
    shape_at: Ints
    outer: Flags
    kind: Ints
    bounds: Floats
    longest: Ints
    columns: tuple[Column, ...]

    def __len__(self) -> int:
        """Count the features."""
        return len(self.kind)

    @property
    def nbytes(self) -> int:
        """What it takes in memory, in bytes, about."""
        return self.xy.nbytes + self.chain_at.nbytes + self.bounds.nbytes + sum(c.codes.nbytes for c in self.columns)


def laid(features: Features, fields: Sequence[str]) -> Layer:
    """Lay out the features of a layer with their ids and the attributes that may be seen.

    Of a collection of points, lines and polygons only the parts of the highest dimension are drawn.

    Raises
    ------
    CrsMismatch
        When a point has no place on the globe.

    Examples
    --------
    >>> from geo_service.model.catalogue import GeometryKind, LayerSpec
    >>> from geo_service.model.layer import Origin
    >>> from geo_service.model.text import Text
    >>> spec = LayerSpec(id="wells", title=Text("井", "Wells"), geometry=GeometryKind.ANY, group="x")
    >>> places = np.array([shapely.Point(90, 0), None])
    >>> layer = laid(Features(spec, LON_LAT, ("a", "b"), places, {}, Origin("", "", None)), [])
    >>> layer.xy.tolist(), layer.kind.tolist(), layer.shape_at.tolist()
    ([[0.75, 0.5]], [1, 0], [0, 1, 1])
    """
    count = len(features)
    parts, row = shapely.get_parts(features.geometries, return_index=True)
    if (shapely.get_type_id(parts) > shapely.GeometryType.POLYGON).any():
        parts, inner = shapely.get_parts(parts, return_index=True)
        row = row[inner]
    full = ~shapely.is_empty(parts)
    parts, row = parts[full], row[full]
    of_part = _KIND[shapely.get_type_id(parts)]
    kind = np.zeros(count, dtype=np.int64)
    np.maximum.at(kind, row, of_part)
    drawn = of_part == kind[row]
    parts, row, of_part = parts[drawn], row[drawn], of_part[drawn]
    ringed = of_part == POLYGON
    chains_of = np.where(ringed, shapely.get_num_interior_rings(parts) + 1, 1)
    first = _starts(chains_of)
    of_polygon = np.repeat(ringed, chains_of)
    chains = np.empty(first[-1], dtype=object)
    chains[of_polygon] = shapely.get_rings(parts[ringed])
    chains[~of_polygon] = parts[~ringed]
    outer = np.zeros(len(chains), dtype=np.bool_)
    outer[first[:-1][ringed]] = True
    per_shape = np.bincount(np.repeat(row, chains_of), minlength=count)
    chain_at, shape_at = _starts(shapely.get_num_coordinates(chains)), _starts(per_shape)
    xy = on_square(_degrees(shapely.get_coordinates(chains), features.crs))
    longest = np.zeros(count, dtype=np.int64)
    np.maximum.at(longest, np.repeat(row, chains_of), np.diff(chain_at))
    columns = (Column.of("id", features.ids), *(Column.of(name, _column(features, name)) for name in fields))
    return Layer(
        features.spec.id, xy, chain_at, shape_at, outer, kind, _bounds(xy, chain_at[shape_at]), longest, columns
    )


def _degrees(points: Floats, crs: str) -> Floats:
    if crs == LON_LAT or not len(points):
        return points
    found = np.column_stack(transformer(crs, LON_LAT).transform(points[:, 0], points[:, 1], errcheck=False))
    if not np.isfinite(found).all():
        raise CrsMismatch(f"a point has no place in {LON_LAT} (from {crs})")
    return found


def _bounds(xy: Floats, vertex_at: Ints) -> Floats:
    found = np.full((len(vertex_at) - 1, 4), np.nan)
    placed = np.diff(vertex_at) > 0
    starts = vertex_at[:-1][placed]
    if len(starts):
        found[placed, :2] = np.minimum.reduceat(xy, starts)
        found[placed, 2:] = np.maximum.reduceat(xy, starts)
    return found


def _starts(lengths: NDArray[np.integer]) -> Ints:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _column(features: Features, name: str) -> Iterable[Value]:
    return features.attributes.get(name, (None,) * len(features))


def _written(value: Value) -> bytes:
    if isinstance(value, str):
        return b"\x0a" + sized(value.encode())
    if isinstance(value, bool):
        return bytes((0x38, value))
    if isinstance(value, int):
        return b"\x30" + varint((value << 1) ^ (value >> 63))
    if isinstance(value, float):
        return b"\x19" + struct.pack("<d", value)
    return b"\x0a" + sized((value.isoformat() if isinstance(value, date) else str(value)).encode())


def sized(content: bytes) -> bytes:
    """Write bytes after their length."""
    return varint(len(content)) + content
