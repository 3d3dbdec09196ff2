"""Valid polygons of a few kilobytes that keep GEOS busy for a long time when they are laid over each other."""

from __future__ import annotations

import shapely
from shapely.geometry.base import BaseGeometry

from tests import world

SIDE = 600.0
WEST, SOUTH = 1000.0, 1000.0


def comb(*, upright: bool, teeth: int = 400) -> BaseGeometry:
    """A comb in a square of the zone, its teeth upright or lying."""
    step = SIDE / teeth
    points = [(0.0, 0.0)]
    for tooth in range(teeth):
        left, right = tooth * step, (tooth + 0.5) * step
        points += [(left, SIDE), (right, SIDE), (right, 1.0), (left + step, 1.0)]
    points[-1] = (right, 0.0)
    flat = points if upright else [(y, x) for x, y in points]
    found = world.at(shapely.Polygon([(x + WEST, y + SOUTH) for x, y in flat]))
    assert found.is_valid
    return found
