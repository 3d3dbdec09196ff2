"""How often boundaries cross: that decides what laying them over each other costs, not the number of their points."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import GEOSException
from shapely.geometry.base import BaseGeometry

MAX_SECONDS = 1.0

Points = NDArray[np.float64]


def _turn(a: Points, b: Points, c: Points) -> NDArray[np.float64]:
    return np.asarray((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]))


def crossing(a: Points, b: Points, c: Points, d: Points) -> NDArray[np.bool_]:
    """Tell for pairs of edges ab and cd, in rows, which cross properly or lie on each other along a line."""
    abc, abd, cda, cdb = _turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b)
    proper = (abc * abd < 0) & (cda * cdb < 0)
    flat = (abc == 0) & (abd == 0)
    if flat.any():
        along = b - a
        length = (along**2).sum(axis=1)
        reach = np.sort(np.stack([((c - a) * along).sum(axis=1), ((d - a) * along).sum(axis=1)]), axis=0)
        flat &= (np.minimum(reach[1], length) - np.maximum(reach[0], 0)) > 0
    return np.asarray(proper | flat)


def edges(geometries: Sequence[BaseGeometry]) -> tuple[Points, Points]:
    """Return where the edges of polygons or lines begin and end; those without length are left out."""
    parts = shapely.get_parts(geometries)
    polygons = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    chains = np.concatenate([shapely.get_rings(parts[polygons]), parts[~polygons]])
    points, chain = shapely.get_coordinates(chains, return_index=True)
    keep = (chain[:-1] == chain[1:]) & (points[:-1] != points[1:]).any(axis=1)
    return points[:-1][keep], points[1:][keep]


def touching(boundary: BaseGeometry, others: NDArray[np.object_]) -> NDArray[np.object_]:
    """Leave out what a boundary certainly does not touch, of what is prepared: of the rest it is not asked.

    Examples
    --------
    >>> near, far = shapely.box(0, 0, 3, 3), shapely.box(5, 5, 6, 6)
    >>> _ = shapely.prepare([near, far])
    >>> touching(shapely.box(1, 1, 4, 4), np.array([near, far])).tolist()
    [<POLYGON ((3 0, 3 3, 0 3, 0 0, 3 0))>]
    """
    apart: NDArray[np.bool_] = shapely.is_prepared(others)
    try:
        apart[apart] = ~shapely.intersects(others[apart], boundary)
    except GEOSException:
        return others
    return others[~apart]


def pairs_between(boundary: BaseGeometry, others: Sequence[BaseGeometry]) -> int:
    """Count pairs of an edge of a boundary and one of others in its box: it cannot cross them more often.

    Examples
    --------
    >>> cross = [shapely.box(-1, 1, 4, 2), shapely.box(10, 10, 11, 11)]
    >>> pairs_between(shapely.box(0, 0, 3, 3), cross)
    10
    """
    points, of = shapely.get_coordinates(others, return_index=True)
    west, south, east, north = boundary.bounds
    # From one ring to the next there is no edge; where one is taken to be there are only more pairs.
    along = of[:-1] == of[1:]
    low, high = np.minimum(points[:-1], points[1:]), np.maximum(points[:-1], points[1:])
    near = along & (high[:, 0] >= west) & (low[:, 0] <= east) & (high[:, 1] >= south) & (low[:, 1] <= north)
    return int(shapely.get_num_coordinates(boundary)) * int(np.count_nonzero(near))


def crossings_between(boundary: BaseGeometry, others: Sequence[BaseGeometry], most: int) -> int:
    """Count how often a boundary crosses others, up to where there are more than ``most``.

    Counting also stops after a second of computing: the number is then too small.

    Examples
    --------
    >>> cross = [shapely.box(-1, 1, 4, 2), shapely.box(10, 10, 11, 11)]
    >>> crossings_between(shapely.box(0, 0, 3, 3), cross, 100)
    4
    """
    start, end = edges([boundary])
    c, d = edges(others)
    low, high = np.minimum(start, end).min(axis=0), np.maximum(start, end).max(axis=0)
    near = ((np.maximum(c, d) >= low) & (np.minimum(c, d) <= high)).all(axis=1)
    # Small numbers keep the signs right: eastings with a zone prefix have eight digits before the point.
    start, end, c, d = start - low, end - low, c[near] - low, d[near] - low
    tree = shapely.STRtree(shapely.linestrings(np.stack([start, end], axis=1)))
    order = np.random.default_rng(0).permutation(len(c))
    deadline = time.thread_time() + MAX_SECONDS
    count, position, chunk = 0, 0, 32
    while position < len(order) and count <= most and time.thread_time() < deadline:
        part = order[position : position + chunk]
        asked, met = tree.query(shapely.linestrings(np.stack([c[part], d[part]], axis=1)))
        other = part[asked]
        count += int(crossing(start[met], end[met], c[other], d[other]).sum())
        position += len(part)
        # Many neighbours mean much memory a step, few mean that larger steps are quicker.
        chunk = min(chunk * 2, 1024) if len(met) < 50 * len(part) else 32
    return count
