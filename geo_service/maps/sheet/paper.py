"""Paper: its sizes, the round scales a map on it may have, and the ground that a frame on it shows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import count

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

Box = tuple[float, float, float, float]

#: What the legend of a sheet has room for beside the verdicts and the zones.
MOST_LAYERS = 12
LARGEST_SCALE = 500
SMALLEST_SCALE = 10_000_000
# Between the steps of ten; a sheet whose scale is none of these cannot be measured on with a rule.
_STEPS = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.5)
_BAR_STEPS = (1.0, 2.0, 5.0)


class Paper(StrEnum):
    """A size of paper."""

    A4 = "A4"
    A3 = "A3"


class Orientation(StrEnum):
    """How paper lies."""

    PORTRAIT = "portrait"
    LANDSCAPE = "landscape"


_SHORT_LONG_MM = {Paper.A4: (210.0, 297.0), Paper.A3: (297.0, 420.0)}


def size_mm(paper: Paper, orientation: Orientation) -> tuple[float, float]:
    """Return the width and the height of paper, in mm.

    Examples
    --------
    >>> size_mm(Paper.A3, Orientation.LANDSCAPE)
    (420.0, 297.0)
    """
    short, long = _SHORT_LONG_MM[paper]
    return (short, long) if orientation is Orientation.PORTRAIT else (long, short)


def _rounds(steps: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(step * 10**power for power in range(8) for step in steps)


def round_scale(least: float) -> int:
    """Return the largest round scale whose denominator is at least so much.

    Examples
    --------
    >>> round_scale(7312.0), round_scale(1.0), round_scale(1e12)
    (7500, 500, 10000000)
    """
    found = (value for value in _rounds(_STEPS) if max(least, LARGEST_SCALE) <= value <= SMALLEST_SCALE)
    return int(next(found, SMALLEST_SCALE))


def round_length(at_least: float) -> float:
    """Return the smallest length of 1, 2 or 5 with zeros that is at least so much, in metres.

    Examples
    --------
    >>> round_length(130.0), round_length(0.5)
    (200.0, 1.0)
    """
    return next(value for value in _rounds(_BAR_STEPS) if value >= at_least)


@dataclass(frozen=True, slots=True)
class Frame:
    """A rectangle of paper that shows a rectangle of ground to scale.

    Parameters
    ----------
    width_mm, height_mm : float
        On paper.
    scale : int
        Denominator: 1 mm of paper is so many mm of ground.
    east, north : float
        Ground in the middle of the frame, in metres of the working CRS.

    Examples
    --------
    >>> frame = Frame(100.0, 50.0, 2000, 500.0, 300.0)
    >>> frame.ground
    (400.0, 250.0, 600.0, 350.0)
    >>> frame.on_paper(shapely.Point(500.0, 350.0)).wkt
    'POINT (50 0)'
    """

    width_mm: float
    height_mm: float
    scale: int
    east: float
    north: float

    @property
    def m_per_mm(self) -> float:
        """Metres of ground in a millimetre of paper."""
        return self.scale / 1000

    @property
    def ground(self) -> Box:
        """West, south, east, north in metres."""
        wide, high = self.width_mm * self.m_per_mm / 2, self.height_mm * self.m_per_mm / 2
        return self.east - wide, self.north - high, self.east + wide, self.north + high

    def on_paper(self, geometry: BaseGeometry) -> BaseGeometry:
        """Return a geometry in mm from the upper left corner, y downwards; what lies outside is cut off."""
        # A margin keeps the cut itself, which would be drawn as an edge, out of sight.
        west, south, east, north = self.ground
        margin = 5 * self.m_per_mm
        kept = shapely.clip_by_rect(geometry, west - margin, south - margin, east + margin, north + margin)
        kept = kept if shapely.is_valid(kept) else shapely.make_valid(kept)

        def moved(points: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.column_stack(((points[:, 0] - west), (north - points[:, 1]))) / self.m_per_mm

        return shapely.transform(kept, moved)


def fitted(box: Box, width_mm: float, height_mm: float, *, fill: float, scale: int | None = None) -> Frame:
    """Return the frame that shows a box of ground at the largest round scale at which it fits.

    Parameters
    ----------
    box : tuple
        West, south, east, north in metres.
    fill : float
        Share of the frame's width and height that the box may take.
    scale : int, optional
        Asked for instead; the box may then reach beyond the frame.
    """
    west, south, east, north = box
    least = max((east - west) / width_mm, (north - south) / height_mm) * 1000 / fill
    return Frame(width_mm, height_mm, scale or round_scale(least), (west + east) / 2, (south + north) / 2)


def steps(low: float, high: float, step: float) -> list[float]:
    """Return the multiples of a step between two values, both included.

    Examples
    --------
    >>> steps(95.0, 320.0, 100.0)
    [100.0, 200.0, 300.0]
    """
    found: list[float] = []
    for number in count(int(np.ceil(low / step))):
        if number * step > high:
            return found
        found.append(number * step)
    return found
