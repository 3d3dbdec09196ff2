"""Boxes over boxes, along a Hilbert curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from geo_service.compiled import compiled
from geo_service.rings import Flags, Floats, Ints

#: Boxes under a box.
FAN = 6
_HILBERT_BITS = 16
_LAST = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False, slots=True)
class Tree:
    """Boxes over boxes.

    Attributes
    ----------
    order : ndarray of int64
        What stands at each place of the lowest level.
    boxes : ndarray of float64, shape (boxes, 4)
        West, south, east, north; the lowest level first.
    level_at : ndarray of int64
        Where each level begins in ``boxes``, and where the last one ends.
    """

    order: Ints
    boxes: Floats
    level_at: Ints


def along_curve(boxes: Floats) -> Ints:
    """Return boxes in an order in which neighbours follow each other; those without a place come last."""
    if len(boxes) == 0:
        return np.zeros(0, dtype=np.int64)
    return np.argsort(_hilbert(boxes))


def tree(boxes: Floats) -> Tree:
    """Put boxes under boxes; the last level is one box around all, unless there is none."""
    order = along_curve(boxes)
    sizes = [len(order)]
    while sizes[-1] > 1:
        sizes.append(-(-sizes[-1] // FAN))
    level_at = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes)])
    return Tree(order, _stacked(boxes, order, level_at), level_at)


@compiled
def _hilbert(boxes: Floats) -> Ints:
    """Return the place of the middle of every box on a Hilbert curve around all of them."""
    west, south, east, north = np.inf, np.inf, -np.inf, -np.inf
    for row in range(len(boxes)):
        if boxes[row, 0] == boxes[row, 0]:
            west, south = min(west, boxes[row, 0]), min(south, boxes[row, 1])
            east, north = max(east, boxes[row, 2]), max(north, boxes[row, 3])
    cells = np.float64((1 << _HILBERT_BITS) - 1)
    side = max(east - west, north - south)
    scale = cells / side if side > 0.0 else 0.0
    place = np.empty(len(boxes), dtype=np.int64)
    for row in range(len(boxes)):
        if boxes[row, 0] != boxes[row, 0]:
            place[row] = _LAST
            continue
        x = np.int64(((boxes[row, 0] - west) + (boxes[row, 2] - west)) * 0.5 * scale)
        y = np.int64(((boxes[row, 1] - south) + (boxes[row, 3] - south)) * 0.5 * scale)
        along = np.int64(0)
        half = np.int64(1 << (_HILBERT_BITS - 1))
        while half > 0:
            right, upper = np.int64((x & half) > 0), np.int64((y & half) > 0)
            along += half * half * ((3 * right) ^ upper)
            if upper == 0:
                if right == 1:
                    x, y = half - 1 - (x & (half - 1)), half - 1 - (y & (half - 1))
                x, y = y, x
            half >>= 1
        place[row] = along
    return place


@compiled
def _stacked(boxes: Floats, order: Ints, level_at: Ints) -> Floats:
    stacked = np.empty((level_at[-1], 4))
    for place in range(len(order)):
        for side in range(4):
            stacked[place, side] = boxes[order[place], side]
    for level in range(1, len(level_at) - 1):
        below, above = level_at[level - 1], level_at[level]
        for place in range(above, level_at[level + 1]):
            first = below + (place - above) * FAN
            for side in range(4):
                stacked[place, side] = stacked[first, side]
            for child in range(first + 1, min(first + FAN, above)):
                stacked[place, 0] = min(stacked[place, 0], stacked[child, 0])
                stacked[place, 1] = min(stacked[place, 1], stacked[child, 1])
                stacked[place, 2] = max(stacked[place, 2], stacked[child, 2])
                stacked[place, 3] = max(stacked[place, 3], stacked[child, 3])
    return stacked


@compiled
def live(order: Ints, level_at: Ints, owner: Ints, wanted: Flags) -> Flags:
    """Tell of every box whether anything eligible stands under it."""
    alive = np.zeros(level_at[-1], dtype=np.bool_)
    for place in range(len(order)):
        alive[place] = wanted[owner[order[place]]]
    for level in range(1, len(level_at) - 1):
        below, above = level_at[level - 1], level_at[level]
        for child in range(below, above):
            if alive[child]:
                alive[above + (child - below) // FAN] = True
    return alive
