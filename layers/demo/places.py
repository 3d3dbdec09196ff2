"""Where things lie: the street grid, the zones' boundaries, the river, the diagonal road. Metres in the working CRS."""

from __future__ import annotations

import numpy as np
import shapely
from shapely.geometry import LineString, Polygon, box
from shapely.geometry.base import BaseGeometry

CRS_CODE, CRS_URN = "EPSG:4547", "urn:ogc:def:crs:EPSG::4547"

# The street grid: block (column, row) begins here; blocks of 460 × 450 m with streets of 60 m between them.
X0, Y0, PITCH_X, PITCH_Y, WIDE, HIGH = 414300.0, 4013200.0, 520.0, 510.0, 460.0, 450.0

COLUMNS, ROWS = range(-6, 9), range(-6, 6)

WEST, SOUTH, EAST, NORTH = 411150.0, 4010110.0, 418950.0, 4016230.0

REGION = box(410500, 4007000, 420300, 4017200)


def block(i: int, j: int) -> Polygon:
    """One block of the street grid."""
    x, y = X0 + PITCH_X * i, Y0 + PITCH_Y * j
    return box(x, y, x + WIDE, y + HIGH)


def cell(i: int, j: int) -> Polygon:
    """A block with half of the streets around it."""
    return block(i, j).buffer(30, join_style="mitre")


def within(i: int, j: int, x: float, y: float, wide: float, high: float) -> Polygon:
    """A rectangle inside a block, from its south-west corner."""
    west, south, _, _ = block(i, j).bounds
    return box(west + x, south + y, west + x + wide, south + y + high)


# The approved boundary: two slanted sides in the west, a step in the south-east, and a notch of 10 m at one parcel.
APPROVED = Polygon(
    [
        (412190, 4010110),
        (418430, 4010110),
        (418430, 4011130),
        (418950, 4011130),
        (418950, 4016230),
        (416860, 4016230),
        (416860, 4016190),
        (416830, 4016190),
        (416830, 4016230),
        (413230, 4016230),
        (411150, 4014700),
        (411150, 4011640),
        (412190, 4010110),
    ]
)

RING = box(418950, 4011130, 419700, 4016230)

APPLIED = shapely.union_all([APPROVED, RING])

SECOND_ZONE = box(415050, 4008510, 416700, 4009640)

RIVER = LineString(
    [
        (412900, 4016800),
        (412480, 4015300),
        (412700, 4014250),
        (412000, 4013000),
        (412300, 4011800),
        (411850, 4010400),
        (411700, 4009500),
    ]
)

RIVER_RANGE = RIVER.buffer(60, quad_segs=4)

DIAGONAL = LineString([(416610, 4010000), (418950, 4012650)])

BUILDABLE = shapely.difference(
    APPROVED.buffer(-15, join_style="mitre"),
    shapely.union_all([RIVER.buffer(80, quad_segs=4), DIAGONAL.buffer(40, cap_style="flat")]),
)

HOLE = box(414500, 4013420, 414540, 4013450)

PARCEL_A = Polygon(
    [(414300, 4013646.884), (414760, 4013646.884), (414760, 4013200), (414300, 4013200), (414300, 4013646.884)],
    [[(414500, 4013450), (414500, 4013420), (414540, 4013420), (414540, 4013450), (414500, 4013450)]],
)

PARCEL_2 = box(415000, 4013000, 415140, 4013133.333)

# Blocks that no parcel of the list takes: what stands there already.
BUILT_UP = {
    (-4, 4),
    (-4, 3),
    (-3, 3),
    (-3, 4),
    (-3, 5),
    (-2, 5),
    (-1, 5),
    (0, 5),
    (-1, 3),
    (0, 3),
    (1, 3),
    (1, 4),
    (3, 5),
    (5, 5),
    (-3, -4),
    (-3, -5),
    (-2, -5),
    (-1, -5),
    (0, -5),
    (-4, -4),
    (4, -1),
    (3, 2),
    (5, 2),
    (8, -1),
    (8, 0),
    (7, 1),
    (-6, 3),
    (-5, 3),
    (2, -6),
    (3, -6),
    (6, 5),
    (8, 5),
}

GREEN = {(-4, 1), (-5, -3), (3, -2), (8, 4), (4, -5)}


def largest(geometry: BaseGeometry) -> Polygon:
    """Return the largest polygon, its corners on the millimetre."""
    parts = [part for part in shapely.get_parts(geometry) if isinstance(part, Polygon)]
    if not parts:
        return Polygon()
    return shapely.transform(max(parts, key=lambda part: part.area), lambda points: np.round(points, 3))


def mm(geometry: BaseGeometry) -> BaseGeometry:
    """Return a geometry with its corners on the millimetre."""
    return shapely.transform(geometry, lambda points: np.round(points, 3))
