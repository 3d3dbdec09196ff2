"""Areas of any Boolean of polygons in rational numbers: a sweep over slabs, without GEOS and without the kernel.

The x of every vertex and of every crossing cut the parcel into slabs. Within a slab no two edges cross, so the edges
that span it are ordered from south to north once, at its middle; walking them, each toggles whether the ground above
lies in its region (even-odd), and what the measure keeps is a stack of trapezoids::

      │   ╱────│        area of a slab = Σ (y above − y below at the middle) · width
      │──╱─────│
    ──│─╱──────│──

Doubles are dyadic, so all coordinates are whole numbers of one small unit, and everything up to the area of a slab is
exact. Only then is it rounded, and the slabs are added without further rounding: the error is one part in 2^53.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from math import fsum

import shapely
from shapely.geometry.base import BaseGeometry

Ring = Sequence[tuple[float, float]]
#: The rings of a polygon or of several parts, holes included, in any order and direction.
Region = Sequence[Ring]
#: Tells from the regions a point of the parcel lies in, one bit each, whether it counts.
Keep = Callable[[int], bool]


def region(geometry: BaseGeometry) -> Region:
    """List the rings of a polygon or multipolygon."""
    parts = [part for part in shapely.get_parts([geometry]) if not part.is_empty]
    return [list(ring.coords) for part in parts for ring in (part.exterior, *part.interiors)]


def areas(parcel: Region, others: Sequence[Region], keeps: Mapping[str, Keep]) -> dict[str, float]:
    """Return for every measure the area of the ground of the parcel that it keeps.

    Examples
    --------
    >>> square, half = [[(0, 0), (2, 0), (2, 2), (0, 2), (0, 0)]], [[(1, -1), (5, -1), (5, 9), (1, 9), (1, -1)]]
    >>> areas(square, [half], {"all": lambda inside: True, "half": lambda inside: bool(inside & 1)})
    {'all': 4.0, 'half': 2.0}
    """
    rings = [(bit, ring) for bit, shape in enumerate([parcel, *others]) for ring in shape]
    unit = max((float(n).as_integer_ratio()[1] for _, ring in rings for point in ring for n in point), default=1)
    whole = [(bit, [(_whole(x, unit), _whole(y, unit)) for x, y in ring]) for bit, ring in rings]
    own = [point for bit, ring in whole if bit == 0 for point in ring]
    if not own:
        return dict.fromkeys(keeps, 0.0)
    west, east = min(x for x, _ in own), max(x for x, _ in own)
    south, north = min(y for _, y in own), max(y for _, y in own)
    # From west to east; vertical edges span no slab, and what lies north of the parcel is never reached.
    edges = [
        (*min(a, b), *max(a, b), bit)
        for bit, ring in whole
        for a, b in pairwise(ring)
        if a[0] != b[0] and min(a[0], b[0]) < east and max(a[0], b[0]) > west and min(a[1], b[1]) <= north
    ]
    cuts = {Fraction(x) for _, ring in whole for x, _ in ring if west <= x <= east}
    cuts |= _crossings(edges, west, east, south, north)
    kept: dict[int, list[str]] = {}
    found: dict[str, list[float]] = {name: [] for name in keeps}
    fine = 2 * max((edge[2] - edge[0] for edge in edges), default=1).bit_length() + 1
    for left, right in pairwise(sorted(cuts)):
        middle = (left + right) / 2
        p, q = middle.numerator, middle.denominator
        spanning = []
        for ax, ay, bx, by, bit in edges:
            if ax * q < p < bx * q:
                width = bx - ax
                # The height at the middle is rise / (width · q); floors so fine differ wherever the heights do.
                rise = ay * q * width + (by - ay) * (p - ax * q)
                spanning.append(((rise << fine) // width, rise, width, bit))
        spanning.sort()
        inside, sums = 0, {}
        for (low, rise, width, bit), (high, rise_above, width_above, _) in pairwise(spanning):
            inside ^= 1 << bit
            if not inside & 1 or low == high:
                continue
            among = inside >> 1
            if among not in kept:
                kept[among] = [name for name, keep in keeps.items() if keep(among)]
            for name in kept[among]:
                top, bottom = sums.get(name, (0, 1))
                step = width * width_above
                sums[name] = (top * step + (rise_above * width - rise * width_above) * bottom, bottom * step)
        wide = right - left
        for name, (top, bottom) in sums.items():
            found[name].append(top * wide.numerator / (bottom * q * wide.denominator * unit * unit))
    return {name: fsum(slabs) for name, slabs in found.items()}


def _whole(number: float, unit: int) -> int:
    top, bottom = float(number).as_integer_ratio()
    return top * (unit // bottom)


def _crossings(
    edges: Sequence[tuple[int, int, int, int, int]], west: int, east: int, south: int, north: int
) -> set[Fraction]:
    """Return the x of every point inside the box of the parcel where edges of two regions cross."""
    near = [edge for edge in edges if max(edge[1], edge[3]) >= south]
    near.sort()
    found = set()
    for index, (ax, ay, bx, by, bit) in enumerate(near):
        low, high = (ay, by) if ay < by else (by, ay)
        ux, uy = bx - ax, by - ay
        for other in range(index + 1, len(near)):
            cx, cy, dx, dy, own = near[other]
            if cx >= bx:
                break
            if own == bit or (cy > high and dy > high) or (cy < low and dy < low):
                continue
            vx, vy = dx - cx, dy - cy
            cross = ux * vy - uy * vx
            if not cross:
                continue
            wx, wy = cx - ax, cy - ay
            along, across = wx * vy - wy * vx, wx * uy - wy * ux
            if cross < 0:
                cross, along, across = -cross, -along, -across
            if not (0 < along < cross and 0 < across < cross):
                continue
            if west * cross < ax * cross + ux * along < east * cross and (
                south * cross <= ay * cross + uy * along <= north * cross
            ):
                found.add(Fraction(ax * cross + ux * along, cross))
    return found
