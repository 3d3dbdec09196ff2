"""A layer in memory: features with attributes, or a grid of values; and the edition it came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Protocol

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo_service.model.catalogue import LayerSpec

Value = str | float | int | bool | date | None


def day_of(values: Mapping[str, Value], name: str) -> date | None:
    """Return the date under a name, ``None`` where there is none.

    Examples
    --------
    >>> day_of({"valid_to": date(2026, 12, 1), "status": "x"}, "valid_to"), day_of({"status": "x"}, "status")
    (datetime.date(2026, 12, 1), None)
    """
    value = values.get(name)
    return value if isinstance(value, date) else None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a layer's data came from; travels with the edition and enters its hash."""

    source_name: str
    source_sha256: str
    edition_date: date | None
    licence: str = ""
    attribution: str = ""
    synthetic: bool = False


@dataclass(frozen=True, eq=False)
class Features:
    """Vector features of one layer in one CRS.

    Attributes
    ----------
    spec : LayerSpec
    crs : str
        Authority code, e.g. ``EPSG:4547``; x is east, y is north whatever the authority says.
    ids : tuple of str
    geometries : ndarray of shapely geometries, shape (n,)
        ``None`` only where ``spec.geometry_from`` names a stand-in.
    attributes : mapping of str to tuple
        One tuple of n values a field of ``spec``; absent fields are columns of ``None``.
    extent : BaseGeometry or None
        Surveyed extent given beside the file, in the same CRS.
    """

    spec: LayerSpec
    crs: str
    ids: tuple[str, ...]
    geometries: NDArray[np.object_]
    attributes: Mapping[str, tuple[Value, ...]]
    origin: Origin
    extent: BaseGeometry | None = None

    @cached_property
    def tree(self) -> shapely.STRtree:
        """Spatial index over the geometries."""
        return shapely.STRtree(self.geometries)

    def value(self, row: int, name: str) -> Value:
        """Return one attribute of one feature, ``None`` when the field is absent."""
        column = self.attributes.get(name)
        return None if column is None else column[row]

    def __len__(self) -> int:
        """Count the features."""
        return len(self.ids)


class Cells(Protocol):
    """The values of a grid: an array in memory, or a file of which what is asked for is read."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""

    def __getitem__(self, window: tuple[slice, slice], /) -> NDArray[np.float64]:
        """Return the values of a window of rows and columns."""


@dataclass(frozen=True, eq=False)
class Grid:
    """A single-band raster.

    Attributes
    ----------
    values : Cells
        Scale and offset of the file applied; nodata is NaN. Often an ndarray of float64, shape (rows, columns).
    transform : tuple of six floats
        GDAL order ``(x0, dx, 0, y0, 0, -dy)``; north up.
    """

    spec: LayerSpec
    crs: str
    values: Cells
    transform: tuple[float, float, float, float, float, float]
    origin: Origin


#: Takes what is done and how much there is.
Progress = Callable[[int, int], None]


class Whereabouts(Protocol):
    """Where the features of a layer are, asked without their geometries."""

    def features_in(
        self, west: float, south: float, east: float, north: float
    ) -> tuple[frozenset[int], frozenset[int]]:
        """Return the rows that may have ground in a box, and those of them that certainly take all of it."""


@dataclass(frozen=True, eq=False)
class Edition:
    """One immutable imported version of a layer.

    Attributes
    ----------
    whereabouts : callable, optional
        Gives the whereabouts of the features once they are in a working CRS; ``None`` where nothing is known of them
        beside their geometries.
    part : str
        Names the features that are left where only some of the edition's are; empty where all are.
    """

    name: str
    sha256: str
    data: Features | Grid
    whereabouts: Callable[[Features, Progress | None], Whereabouts | None] | None = None
    part: str = ""

    @property
    def tag(self) -> str:
        """What differs between any two editions, or parts of them, that hold different features."""
        return f"{self.name}+{self.part}" if self.part else self.name

    @property
    def spec(self) -> LayerSpec:
        """The layer's description."""
        return self.data.spec

    @property
    def edition_date(self) -> date | None:
        """The date of the data."""
        return self.data.origin.edition_date


@dataclass(frozen=True, eq=False)
class LayerSet:
    """The published editions an examination reads, by layer id."""

    editions: Mapping[str, Edition] = field(default_factory=dict)

    def features(self, layer: str) -> Features | None:
        """Return the vector features of a layer, ``None`` when it is missing or a raster."""
        edition = self.editions.get(layer)
        return edition.data if edition is not None and isinstance(edition.data, Features) else None

    def grid(self, layer: str) -> Grid | None:
        """Return the grid of a raster layer, ``None`` when it is missing or not a raster."""
        edition = self.editions.get(layer)
        return edition.data if edition is not None and isinstance(edition.data, Grid) else None

    def without(self, layer: str) -> LayerSet:
        """Return the same set with one layer removed."""
        return LayerSet({key: value for key, value in self.editions.items() if key != layer})
