"""The squares of the web's tile matrix: the globe as one square at zoom 0, four at zoom 1, and so on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo_service.projection import off_square

Floats = NDArray[np.float64]

MOST_ZOOM = 22


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

    @property
    def quarters(self) -> tuple[Square, Square, Square, Square]:
        """The four that it is divided into at the next zoom."""
        zoom, row, column = self.zoom + 1, 2 * self.row, 2 * self.column
        return (
            *(Square(zoom, row, column), Square(zoom, row, column + 1)),
            *(Square(zoom, row + 1, column), Square(zoom, row + 1, column + 1)),
        )


def in_degrees(boxes: Floats) -> list[tuple[float, float, float, float]]:
    """Return boxes on the globe's square as west, south, east and north in degrees.

    Examples
    --------
    >>> in_degrees(np.array([[0.5, 0.25, 0.75, 0.5]]))
    [(0.0, 0.0, 90.0, 66.51326044311186)]
    """
    west_north, east_south = off_square(boxes[:, :2]), off_square(boxes[:, 2:])
    found = np.column_stack([west_north[:, 0], east_south[:, 1], east_south[:, 0], west_north[:, 1]])
    return [(one[0], one[1], one[2], one[3]) for one in found.tolist()]
