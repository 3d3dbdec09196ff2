"""What can be wrong with a shape, as numbers that compiled loops return."""

from __future__ import annotations

#: Crossings and gaps below this are the rounding of a projection, not a fault of the shape; a ring of 10 km that is
#: wrong by so little is wrong by 1e-5 m² at most.
SLACK_M = 1e-9

TRUNCATED, BIG_ENDIAN, OTHER_TYPE = -1, -2, -3
FINE, NOT_FINITE, UNCLOSED, TOO_SHORT, CROSSING, NESTING = 0, 1, 2, 3, 4, 5
