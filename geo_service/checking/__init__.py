"""Boundaries from outside are measured in a process that can be killed: one that has the same layers open.

A valid boundary can still keep GEOS busy for minutes, and a call into GEOS cannot be interrupted. What hangs or breaks
here is one row of somebody's file; the program goes on answering.
"""

from geo_service.checking.job import SINGLE_BYTES, Unread
from geo_service.checking.process import Found, Measured, begin, found, measure, one, standing, warm_up

__all__ = ["SINGLE_BYTES", "Found", "Measured", "Unread", "begin", "found", "measure", "one", "standing", "warm_up"]
