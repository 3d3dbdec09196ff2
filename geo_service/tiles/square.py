"""The squares of the web's tile matrix: the globe as one square at zoom 0, four at zoom 1, and so on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_ZOOM = 22
#: Where the square of the globe ends in the north and the south, in degrees.
_MOST_LATITUDE = 85.0511287798066


@dataclass(frozen=True, slots=True)
class Square:
    """One tile, by zoom, row from the north and column from the west.

    Examples
    --------
    >>> Square(1, 0, 1).bounds
    (0.5, 0.0, 1.0, 0.5)
    >>> Square(1, 0, 2)
    Traceback (most recent call last):
    ...
    ValueError: no tile 1/0/2
    """

    zoom: int
    row: int
    column: int

    def __post_init__(self) -> None:
        side = 1 << min(max(self.zoom, 0), MOST_ZOOM)
        if not (0 <= self.zoom <= MOST_ZOOM and 0 <= self.row < side and 0 <= self.column < side):
            raise ValueError(f"no tile {self.zoom}/{self.row}/{self.column}")

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, north, east and south as parts of the globe's square, whose corner is in the north-west."""
        side = float(1 << self.zoom)
        return self.column / side, self.row / side, (self.column + 1) / side, (self.row + 1) / side


def on_square(lon_lat: Floats) -> Floats:
    """Return points in degrees as parts of the globe's square: x to the east, y to the south, each from 0 to 1.

    Examples
    --------
    >>> on_square(np.array([[0.0, 0.0], [180.0, 0.0]])).tolist()
    [[0.5, 0.5], [1.0, 0.5]]
    """
    latitude = np.radians(np.clip(lon_lat[:, 1], -_MOST_LATITUDE, _MOST_LATITUDE))
    found = np.empty((len(lon_lat), 2))
    found[:, 0] = lon_lat[:, 0] / 360.0 + 0.5
    found[:, 1] = 0.5 - np.arcsinh(np.tan(latitude)) / (2.0 * np.pi)
    return found


def in_degrees(boxes: Floats) -> list[tuple[float, float, float, float]]:
    """Return boxes on the globe's square as west, south, east and north in degrees.

    Examples
    --------
    >>> in_degrees(np.array([[0.5, 0.25, 0.75, 0.5]]))
    [(0.0, 0.0, 90.0, 66.51326044311186)]
    """
    west, north, east, south = boxes.T
    latitude = np.degrees(np.arctan(np.sinh(np.pi * (1.0 - 2.0 * np.stack([south, north])))))
    found = np.stack([(west - 0.5) * 360.0, latitude[0], (east - 0.5) * 360.0, latitude[1]], axis=1)
    return [(one[0], one[1], one[2], one[3]) for one in found.tolist()]
