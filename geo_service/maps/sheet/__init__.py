"""Sheets for paper: the check sheet of a parcel, and the map sheet; drawn to scale, readable in black and white."""

from __future__ import annotations

from geo_service.maps.sheet.paper import MOST_LAYERS, Box, Frame, Orientation, Paper
from geo_service.maps.sheet.view import (
    MOST_PARCELS,
    Language,
    SheetView,
    check_frame,
    check_sheet,
    map_frame,
    map_sheet,
)

__all__ = [
    "MOST_LAYERS",
    "MOST_PARCELS",
    "Box",
    "Frame",
    "Language",
    "Orientation",
    "Paper",
    "SheetView",
    "check_frame",
    "check_sheet",
    "map_frame",
    "map_sheet",
]
