"""The order of a Hilbert curve: parcels near each other come one after the other, and share what lies around them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: The curve's square has this many cells a side, as a power of two.
BITS = 16


def order(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the places of points along the curve through their box; those of one cell stay in the order given.

    Parameters
    ----------
    points : ndarray, shape (n, 2)
        In any unit.

    Examples
    --------
    >>> order(np.array([[0.0, 0.0], [9.0, 0.0], [9.0, 9.0], [0.0, 9.0]])).tolist()
    [0, 3, 2, 1]
    >>> order(np.empty((0, 2))).tolist()
    []
    """
    if len(points) == 0:
        return np.empty(0, dtype=np.int64)
    low = points.min(axis=0)
    side = float((points.max(axis=0) - low).max()) or 1.0
    x, y = ((points - low) / side * (2**BITS - 1)).astype(np.int64).T
    distance = np.zeros(len(points), dtype=np.int64)
    for bit in reversed(range(BITS)):
        half = 1 << bit
        right, upper = (x & half) > 0, (y & half) > 0
        distance += half * half * ((3 * right) ^ upper)
        # The quarter that was entered is turned so that the curve in it looks like the whole.
        x, y = x & (half - 1), y & (half - 1)
        mirrored = right & ~upper
        x, y = np.where(mirrored, half - 1 - x, x), np.where(mirrored, half - 1 - y, y)
        x, y = np.where(upper, x, y), np.where(upper, y, x)
    return np.argsort(distance, kind="stable")
