"""Hatches as lines and dots cut to the ground they cover, so that they are printed as they are, at any resolution."""

from __future__ import annotations

import math

import numpy as np
import shapely
from shapely import affinity
from shapely.geometry.base import BaseGeometry


def lines(ground: BaseGeometry, angle: float, apart_mm: float) -> BaseGeometry:
    """Return parallel lines over a ground, in mm of paper.

    They lie on one raster for the whole sheet, so that neighbours of one kind look alike.

    Parameters
    ----------
    angle : float
        Degrees, clockwise as y points down.

    Examples
    --------
    >>> lines(shapely.box(0.5, 0.5, 3.5, 1.5), 0.0, 1.0).wkt
    'LINESTRING (0.5 1, 3.5 1)'
    """
    if ground.is_empty:
        return shapely.MultiLineString()
    turned = affinity.rotate(ground, -angle, origin=(0.0, 0.0))
    west, low, east, high = turned.bounds
    rows = np.arange(math.ceil(low / apart_mm), math.floor(high / apart_mm) + 1) * apart_mm
    if not len(rows):
        return shapely.MultiLineString()
    ends = np.array([[(west - 1.0, y), (east + 1.0, y)] for y in rows])
    cut = shapely.intersection(shapely.multilinestrings(shapely.linestrings(ends)), turned)
    return affinity.rotate(cut, angle, origin=(0.0, 0.0))


def dots(ground: BaseGeometry, apart_mm: float) -> BaseGeometry:
    """Return points over a ground, in mm of paper: a square raster, and one more in the middle of each square.

    Examples
    --------
    >>> dots(shapely.box(0.1, 0.1, 1.9, 1.9), 2.0).wkt
    'MULTIPOINT ((1 1))'
    """
    if ground.is_empty:
        return shapely.MultiPoint()
    west, low, east, high = ground.bounds
    half = apart_mm / 2
    columns = np.arange(math.floor(west / half), math.ceil(east / half) + 1)
    rows = np.arange(math.floor(low / half), math.ceil(high / half) + 1)
    x, y = np.meshgrid(columns, rows)
    alike = (x + y) % 2 == 0
    x, y = x[alike] * half, y[alike] * half
    shapely.prepare(ground)
    inside = shapely.contains_xy(ground, x, y)
    return shapely.MultiPoint(np.column_stack((x[inside], y[inside])))
