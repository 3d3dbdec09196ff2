"""Polygons to measure, and the exact share of cells by another road."""

from __future__ import annotations

from math import cos, pi, sin

import numpy as np
import shapely
from hypothesis import strategies as st
from shapely.affinity import translate

from geo_service.rings import Shapes, from_wkb

#: A raster of 40 by 50 cells of 10 m, where coordinates have seven digits before the point.
WEST, NORTH, CELL = 430_000.0, 4_050_000.0, 10.0
ROWS, COLUMNS = 40, 50
TRANSFORM = (WEST, CELL, 0.0, NORTH, 0.0, -CELL)


def shapes(*geometries: shapely.Geometry) -> Shapes:
    return from_wkb([geometry.wkb for geometry in geometries])


def local(geometry: shapely.Geometry) -> shapely.Geometry:
    """Move a shape drawn in metres from the raster's upper left corner, y to the north."""
    return translate(geometry, WEST, NORTH)


def box(west: float, north: float, east: float, south: float) -> shapely.Polygon:
    """A rectangle in metres from the raster's upper left corner, measured to the east and to the south."""
    return shapely.box(WEST + west, NORTH - south, WEST + east, NORTH - north)


def star(x: float, y: float, radii: list[float], turn: float) -> shapely.Polygon:
    angles = [turn + 2 * pi * index / len(radii) for index in range(len(radii))]
    points = [(x + r * cos(a), y + r * sin(a)) for r, a in zip(radii, angles, strict=True)]
    return shapely.Polygon(np.round(points, 3))


@st.composite
def polygons(draw: st.DrawFn) -> shapely.Polygon | shapely.MultiPolygon:
    """Draw stars with holes, several parts, needles, tiny ones, and ones whose vertices lie on cell lines."""
    size = draw(st.sampled_from([0.5, 4.0, 30.0, 120.0]))
    x, y = draw(st.floats(0, COLUMNS * CELL)), -draw(st.floats(0, ROWS * CELL))
    radii = draw(st.lists(st.floats(0.6 * size, size), min_size=3, max_size=12))
    whole = star(x, y, radii, draw(st.floats(0, 2 * pi)))
    kind = draw(st.sampled_from(["plain", "hole", "parts", "needle", "on lines"]))
    if kind == "hole":
        whole = whole.difference(star(x, y, [0.3 * r for r in radii], draw(st.floats(0, 1))))
    elif kind == "parts":
        whole = shapely.MultiPolygon([whole, translate(whole, 3 * size, 0.7 * size)])
    elif kind == "needle":
        angle, length, width = draw(st.floats(0, 2 * pi)), draw(st.floats(5, 300)), draw(st.floats(0.01, 0.5))
        along, aside = (length * cos(angle), length * sin(angle)), (-width * sin(angle), width * cos(angle))
        ends = [(0.0, 0.0), along, (along[0] + aside[0], along[1] + aside[1]), aside]
        whole = translate(shapely.Polygon(ends), x, y)
    elif kind == "on lines":
        points = draw(
            st.lists(st.tuples(st.integers(0, COLUMNS), st.integers(0, ROWS)), min_size=3, max_size=8, unique=True)
        )
        hull = shapely.convex_hull(shapely.MultiPoint([(CELL * i, -CELL * j) for i, j in points]))
        whole = hull if isinstance(hull, shapely.Polygon) else shapely.box(x, y, x + CELL, y + CELL)
    placed = local(whole)
    return placed if placed.is_valid and placed.area > 0 else box(105, 105, 133, 171)


def cut(geometry: shapely.Geometry, window: tuple[slice, slice]) -> np.ndarray:
    """Share of each cell of a window, by intersecting it with the polygon."""
    rows, columns = window
    row, column = np.mgrid[rows, columns]
    squares = shapely.box(
        WEST + CELL * column, NORTH - CELL * (row + 1), WEST + CELL * (column + 1), NORTH - CELL * row
    )
    return shapely.area(shapely.intersection(squares, geometry)) / CELL**2
