"""Layers and parcels for hypothesis, small enough to read when a law fails.

Coordinates are whole multiples of 2^-10 m, so that moving everything by metres is exact and no law has to forgive it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import shapely
from hypothesis import strategies as st
from shapely.geometry.base import BaseGeometry

from tests.cells.families import Case

EAST, NORTH = 414_000.0, 4_013_000.0
STEP = 1024.0


@st.composite
def stars(draw: Callable, reach: int = 60) -> BaseGeometry:
    """A polygon that can be seen whole from its centre, maybe with a hole, maybe of two parts."""
    east, north = draw(st.integers(-reach, reach)), draw(st.integers(-reach, reach))
    # One draw for all spokes: drawing them one by one would take longer than measuring.
    spokes = np.random.default_rng(draw(st.integers(0, 9_999))).uniform(15, 90, draw(st.integers(3, 8)))
    kind = draw(st.sampled_from(["plain", "plain", "hole", "parts"]))
    turn = 2 * np.pi * (np.arange(len(spokes)) + 0.1) / len(spokes)
    ring = spokes[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    ring = np.round(ring * STEP) / STEP + [EAST + east, NORTH + north]
    centre = np.array([EAST + east, NORTH + north])
    if kind == "hole":
        return shapely.Polygon(ring, [np.round((ring - centre) * STEP / 4) / STEP + centre])
    if kind == "parts":
        return shapely.MultiPolygon([shapely.Polygon(ring), shapely.Polygon(ring + np.array([0.0, 200.0]))])
    return shapely.Polygon(ring)


@st.composite
def boxes(draw: Callable) -> BaseGeometry:
    """A rectangle on lines of the grid, or beside them."""
    x, y = EAST + 8 * draw(st.integers(-10, 10)), NORTH + 8 * draw(st.integers(-10, 10))
    return shapely.box(x, y, x + 8 * draw(st.integers(1, 12)), y + 8 * draw(st.integers(1, 12)))


CLASSES = st.sampled_from(["a", "b", None])
POLYGONS = st.one_of(stars(), stars(), boxes())


@st.composite
def layers(draw: Callable, *, least: int = 0, most: int = 4, extents: bool = True) -> Case:
    """A layer and one or two parcels."""
    features = draw(st.lists(st.tuples(POLYGONS, CLASSES), min_size=least, max_size=most))
    return Case(
        parcels=draw(st.lists(POLYGONS, min_size=1, max_size=2)),
        features=[feature for feature, _ in features],
        classes=[cls for _, cls in features],
        surveyed=draw(st.none() | st.lists(POLYGONS, max_size=2)) if extents else None,
        cell_m=draw(st.sampled_from([16.0, 64.0, 512.0])),
    )
