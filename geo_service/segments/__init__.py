"""The nearest feature of a layer to every parcel, over the segments of lines and of polygon boundaries.

Segments that follow each other on a line lie close together, so runs of at most six stand for them. A run has a box,
six runs that lie together (in the order of a Hilbert curve) have one, and so on up to one box for the layer::

    level 2   ┌──────────────── all ────────────────┐
    level 1   ├─ runs 0…5 ─┤ ├─ runs 6…11 ─┤  …
    level 0   run run run …                            a run: up to 7 vertices of one line, and the feature it is of

A parcel goes down from the top, nearest box first, and leaves out every box that is farther away than the nearest
feature so far; it begins with what was nearest to its neighbour. Which boxes are left out never changes the answer: the
distance is the least of the same numbers, whatever their order.

A distance is computed from differences of coordinates, operation by operation as GEOS does it: eastings of eight
digits lose nothing, and the bits are those of `shapely.distance`.
"""

from geo_service.segments.index import Nearest, SegmentIndex, index

__all__ = ["Nearest", "SegmentIndex", "index"]
