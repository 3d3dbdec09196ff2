"""Imports while others read: each in a process of its own, its steps kept in the register.

A file is taken, a job is written down, and the import runs in a process that may be killed: by whoever calls it off, by
a limit, or with the machine. Whatever happens, readers see the old edition or the new one, and the job says which.
"""

from geo_service.importing.desk import Closing, Desk, StorageFull
from geo_service.importing.order import Order
from geo_service.importing.steps import (
    SHIFT_MAX_M,
    prepare,
    refuse_shifted,
    shapes_of,
    shift_words,
    shifted_m,
    written,
    zone_shapes,
)

__all__ = [
    "SHIFT_MAX_M",
    "Closing",
    "Desk",
    "Order",
    "StorageFull",
    "prepare",
    "refuse_shifted",
    "shapes_of",
    "shift_words",
    "shifted_m",
    "written",
    "zone_shapes",
]
