"""The nearest feature of a layer to a parcel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.model.evidence import Nearest
from geo_service.rings import Ints, Shapes
from geo_service.segments import SegmentIndex, index


@dataclass(frozen=True, eq=False, slots=True)
class Neighbours:
    """The features of a layer, ready to be asked which is nearest; made by `neighbours`.

    Attributes
    ----------
    ids : sequence of str
    parts : SegmentIndex
        Over the parts of all features: a feature may be made of points, lines and polygons.
    owner : ndarray of int64
        Feature of each part.
    """

    ids: Sequence[str]
    parts: SegmentIndex
    owner: Ints


def neighbours(geometries: NDArray[np.object_], ids: Sequence[str]) -> Neighbours:
    """Make ready the features of a layer; those without a geometry are never found.

    Raises
    ------
    BrokenShape
        When a coordinate is not finite.
    """
    # A collection may hold what has parts itself.
    parts, owner = shapely.get_parts(geometries, return_index=True)
    parts, within = shapely.get_parts(parts, return_index=True)
    owner = owner[within]
    rank = np.empty(len(ids), dtype=np.int64)
    rank[sorted(range(len(ids)), key=lambda row: (ids[row], row))] = np.arange(len(ids))
    return Neighbours(ids, index(_shapes(parts), rank[owner]), owner)


def _shapes(parts: NDArray[np.object_]) -> Shapes:
    """Lay out polygons, lines and points, none of them of several parts, as plain numbers; a point is a short line."""
    polygonal = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    rings, of = shapely.get_rings(parts[polygonal], return_index=True)
    owner = np.concatenate([np.flatnonzero(polygonal)[of], np.flatnonzero(~polygonal)])
    # Rings of a polygon stay in their order, the outer one first.
    order = np.argsort(owner, kind="stable")
    chains, owner = np.concatenate([rings, parts[~polygonal]])[order], owner[order]
    xy, chain = shapely.get_coordinates(chains, return_index=True)
    first = np.ones(len(owner), dtype=np.bool_)
    first[1:] = owner[1:] != owner[:-1]
    return Shapes(
        np.ascontiguousarray(xy),
        np.searchsorted(chain, np.arange(len(chains) + 1)).astype(np.int64),
        np.searchsorted(owner, np.arange(len(parts) + 1)).astype(np.int64),
        first & polygonal[owner],
        polygonal,
    )


def nearest(parcel: Shapes, features: Neighbours, rows: Sequence[int], search_m: float) -> Nearest | None:
    """Find the nearest of some features within a search distance; 0 when it touches or crosses the parcel.

    Equal distances are decided by id, so that the order of features does not matter.

    Parameters
    ----------
    parcel : Shapes
        One, in the CRS of the features, in metres.
    rows : sequence of int
        Which features may be found.

    Examples
    --------
    >>> from geo_service.rings import from_wkb
    >>> lines = np.array([shapely.LineString([(0, 15), (10, 15)]), shapely.LineString([(0, 30), (10, 30)])])
    >>> mains, parcel = neighbours(lines, ["m1", "m2"]), from_wkb([shapely.box(0, 0, 10, 10).wkb])
    >>> nearest(parcel, mains, [0, 1], 100.0)
    Nearest(id='m1', row=0, distance_m=5.0)
    >>> nearest(parcel, mains, [], 100.0) is None
    True
    """
    if not rows:
        return None
    eligible = np.zeros(len(features.ids), dtype=np.bool_)
    eligible[list(rows)] = True
    found = features.parts.nearest(parcel, search_m, eligible=eligible[features.owner])
    if found.feature[0] < 0:
        return None
    row = int(features.owner[found.feature[0]])
    return Nearest(features.ids[row], row, float(found.distance_m[0]))
