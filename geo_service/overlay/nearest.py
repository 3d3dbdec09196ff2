"""The nearest feature of a layer to a parcel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo_service.model.evidence import Nearest


def nearest(
    parcel: BaseGeometry,
    geometries: NDArray[np.object_],
    ids: Sequence[str],
    rows: Sequence[int],
    search_m: float,
) -> Nearest | None:
    """Find the nearest of some features within a search distance; 0 when it touches or crosses the parcel.

    Equal distances are decided by id, so that the order of features does not matter.

    Examples
    --------
    >>> lines = np.array([shapely.LineString([(0, 15), (10, 15)]), shapely.LineString([(0, 30), (10, 30)])])
    >>> nearest(shapely.box(0, 0, 10, 10), lines, ["m1", "m2"], [0, 1], 100.0)
    Nearest(id='m1', row=0, distance_m=5.0)
    >>> nearest(shapely.box(0, 0, 10, 10), lines[:0], [], [], 100.0) is None
    True
    """
    if len(geometries) == 0:
        return None
    distances = shapely.distance(parcel, geometries)
    found = min(
        (
            (float(distance), ids[index], rows[index])
            for index, distance in enumerate(distances)
            if distance <= search_m
        ),
        default=None,
    )
    return None if found is None else Nearest(found[1], found[2], found[0])
