"""The index over a layer's segments, and the question asked of it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from geo_service.compiled import compiled
from geo_service.errors import MeasureFailed
from geo_service.rings import Flags, Floats, Ints, Shapes
from geo_service.segments.search import search
from geo_service.segments.tree import Tree, along_curve, live, tree

#: Segments of a run.
RUN = 6
#: Parcels that one thread takes at a time.
BLOCK = 4096
#: For so few parcels it is quicker to go down into boxes without anything eligible than to know them beforehand.
FEW = 64


@dataclass(frozen=True, eq=False, slots=True)
class Nearest:
    """The nearest feature of every parcel.

    Attributes
    ----------
    feature : ndarray of int64
        Index of the feature; -1 where none is within the limit.
    distance_m : ndarray of float64
        0 where they touch, cross or lie in each other; infinite where none is within the limit.
    """

    feature: Ints
    distance_m: Floats


@dataclass(frozen=True, eq=False, slots=True)
class SegmentIndex:
    """The features of a layer, ready to be asked which is nearest; made by `index`.

    Attributes
    ----------
    features : Shapes
        Lines, polygons; or points, each a line of one vertex.
    rank : ndarray of int64, shape (features,)
        Which of several at the same distance is taken: the least.
    run_at : ndarray of int64, shape (features + 1,)
        Where the runs of each feature begin.
    begin, end : ndarray of int64, shape (runs,)
        First and last vertex of each run.
    owner : ndarray of int64, shape (runs,)
        Feature of each run.
    boxes : ndarray of float64, shape (runs, 4)
        Of each run.
    runs : Tree
        Over the boxes of the runs.
    grounds : Tree
        Over the boxes of the features that are polygons, in the order of ``polygons``.
    polygons : ndarray of int64
        Features that are polygons.
    all_runs : ndarray of bool
        True for every box of ``runs``.
    """

    features: Shapes
    rank: Ints
    run_at: Ints
    begin: Ints
    end: Ints
    owner: Ints
    boxes: Floats
    runs: Tree
    grounds: Tree
    polygons: Ints
    all_runs: Flags

    def __len__(self) -> int:
        """Count the features."""
        return len(self.features)

    def nearest(
        self, parcels: Shapes, limit_m: float, *, eligible: Flags | None = None, threads: int | None = None
    ) -> Nearest:
        """Find the nearest feature of every parcel, the same bits whatever the threads and the order of parcels.

        Parameters
        ----------
        parcels : Shapes
            In metres, in the CRS of the features. One without vertices has no nearest feature.
        limit_m : float
            Largest distance, included.
        eligible : ndarray of bool, shape (features,), optional
            Which features may be found; all when left out.
        threads : int, optional
            All cores when left out.

        Raises
        ------
        BrokenShape
            For a parcel with a coordinate that is not finite, or a ring that is unclosed or too short.
        MeasureFailed
            When the limit is no distance.

        Examples
        --------
        >>> import shapely
        >>> from geo_service.rings import from_wkb
        >>> mains = index(from_wkb([shapely.LineString([(0, y), (10, y)]).wkb for y in (15, 30)]))
        >>> found = mains.nearest(from_wkb([shapely.box(0, 0, 10, 10).wkb, shapely.box(0, 12, 10, 20).wkb]), 100.0)
        >>> found.feature.tolist(), found.distance_m.tolist()
        ([0, 0], [5.0, 0.0])
        >>> found = mains.nearest(from_wkb([shapely.box(0, 0, 10, 10).wkb]), 100.0, eligible=np.array([False, True]))
        >>> found.feature.tolist(), found.distance_m.tolist()
        ([1], [20.0])
        """
        if not limit_m >= 0.0:
            raise MeasureFailed(f"{limit_m} is no distance")
        if eligible is not None and eligible.shape != (len(self),):
            raise MeasureFailed(f"{len(eligible)} flags for {len(self)} features")
        parcels.check_rings()
        found = Nearest(np.full(len(parcels), -1, dtype=np.int64), np.full(len(parcels), np.inf))
        if len(self.begin) == 0 or len(parcels) == 0:
            return found
        wanted = np.ones(len(self), dtype=np.bool_) if eligible is None else np.ascontiguousarray(eligible)
        order = np.zeros(1, dtype=np.int64) if len(parcels) == 1 else along_curve(parcels.bounds())
        # To see which boxes hold nothing eligible takes a look at all of them.
        few = eligible is None or len(parcels) < FEW
        alive = self.all_runs if few else live(self.runs.order, self.runs.level_at, self.owner, wanted)

        def block(start: int) -> None:
            search(
                parcels.xy, parcels.chain_at, parcels.shape_at, parcels.outer, parcels.polygonal,
                order[start : start + BLOCK],
                self.features.xy, self.rank, self.run_at, self.begin, self.end, self.owner, self.boxes,
                self.runs.order, self.runs.boxes, self.runs.level_at, alive,
                self.grounds.order, self.grounds.boxes, self.grounds.level_at, self.polygons, wanted,
                limit_m, found.feature, found.distance_m,
            )  # fmt: skip

        starts = range(0, len(parcels), BLOCK)
        workers = 1 if len(starts) == 1 else threads or os.cpu_count() or 1
        if workers > 1:
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(block, starts))
        else:
            for start in starts:
                block(start)
        return found


def index(features: Shapes, rank: Ints | None = None) -> SegmentIndex:
    """Make an index over features.

    Parameters
    ----------
    features : Shapes
        Lines and polygons in metres; a line of one vertex is a point. Those without vertices are never found.
    rank : ndarray of int64, optional
        Which of several features at the same distance is taken: the least; their own order when left out.

    Raises
    ------
    BrokenShape
        For a feature with a coordinate that is not finite, or a ring that is unclosed or too short.

    Examples
    --------
    >>> import shapely
    >>> from geo_service.rings import from_wkb
    >>> len(index(from_wkb([]))), len(index(from_wkb([shapely.box(0, 0, 1, 1).wkb])))
    (0, 1)
    """
    features.check_rings()
    run_at, begin, end, owner, boxes = _runs(features.xy, features.chain_at, features.shape_at)
    polygons = np.flatnonzero(features.polygonal & (np.diff(features.shape_at) > 0))
    over_runs = tree(boxes)
    return SegmentIndex(
        features,
        np.arange(len(features), dtype=np.int64) if rank is None else np.asarray(rank, dtype=np.int64),
        run_at,
        begin,
        end,
        owner,
        boxes,
        over_runs,
        tree(features.bounds()[polygons]),
        polygons,
        np.ones(len(over_runs.boxes), dtype=np.bool_),
    )


@compiled
def _runs(xy: Floats, chain_at: Ints, shape_at: Ints) -> tuple[Ints, Ints, Ints, Ints, Floats]:
    count = 0
    for chain in range(shape_at[0], shape_at[-1]):
        vertices = chain_at[chain + 1] - chain_at[chain]
        if vertices > 0:
            count += max((vertices - 2) // RUN + 1, 1)
    run_at = np.empty(len(shape_at), dtype=np.int64)
    begin, end = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
    owner = np.empty(count, dtype=np.int64)
    boxes = np.empty((count, 4))
    run = 0
    for shape in range(len(shape_at) - 1):
        run_at[shape] = run
        for chain in range(shape_at[shape], shape_at[shape + 1]):
            first, last = chain_at[chain], chain_at[chain + 1] - 1
            while first <= last:
                stop = min(first + RUN, last)
                west, south = xy[first, 0], xy[first, 1]
                east, north = west, south
                for vertex in range(first + 1, stop + 1):
                    x, y = xy[vertex, 0], xy[vertex, 1]
                    west, east = min(west, x), max(east, x)
                    south, north = min(south, y), max(north, y)
                begin[run], end[run], owner[run] = first, stop, shape
                boxes[run, 0], boxes[run, 1], boxes[run, 2], boxes[run, 3] = west, south, east, north
                run += 1
                # The last vertex of a run is the first of the next; a chain ends with its last segment.
                first = stop if stop < last else last + 1
    run_at[-1] = run
    return run_at, begin, end, owner, boxes
