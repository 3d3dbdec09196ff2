"""Lettering of a map: where a name may stand without lying on another."""

from __future__ import annotations

from collections.abc import Sequence

import shapely
from shapely.geometry.base import BaseGeometry

from geo_service.maps.sheet.svg import TEXT_MM, width_mm

LINE_MM = TEXT_MM * 1.15
# A line of text is several times as wide as it is high, so room beside a point counts for less than room above it.
_SQUEEZE = 0.35
Spot = tuple[float, float]


def roomiest(ground: BaseGeometry) -> Spot:
    """Return the point of a ground with most room for a line of text around it.

    Examples
    --------
    >>> [round(value, 1) for value in roomiest(shapely.box(0, 0, 30, 10))]
    [15.0, 5.0]
    """
    parts = shapely.get_parts(ground)
    largest = max(parts, key=lambda part: (part.area, -part.bounds[0], -part.bounds[1]))
    middle = largest.centroid
    if largest.geom_type == "Polygon" and _convex(largest):
        return middle.x, middle.y
    squeezed = shapely.transform(largest, lambda points: points * (_SQUEEZE, 1.0))
    circle = shapely.maximum_inscribed_circle(squeezed, max(largest.length / 500, 0.01))
    x, y = shapely.get_coordinates(circle)[0]
    return float(x) / _SQUEEZE, float(y)


def _convex(ground: BaseGeometry) -> bool:
    return bool(ground.area > 0.97 * ground.convex_hull.area)


def block(spot: Spot, rows: Sequence[str], size_mm: float = TEXT_MM) -> BaseGeometry:
    """Return the rectangle that rows of text take around a point."""
    x, y = spot
    wide = max((width_mm(row, size_mm) for row in rows), default=0.0) / 2
    high = LINE_MM * size_mm / TEXT_MM * len(rows) / 2
    return shapely.box(x - wide, y - high, x + wide, y + high)


class Taken:
    """What is written on already."""

    def __init__(self) -> None:
        self._blocks: list[BaseGeometry] = []

    def free(self, wanted: BaseGeometry) -> bool:
        """Tell whether nothing stands there yet."""
        return not any(shapely.intersects(wanted, other) for other in self._blocks)

    def take(self, wanted: BaseGeometry) -> None:
        """Keep a place."""
        self._blocks.append(wanted)

    @property
    def ground(self) -> BaseGeometry:
        """All places taken."""
        return shapely.union_all(self._blocks)
