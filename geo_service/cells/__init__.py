"""Layers prepared as cells, and what parcels share with them (to be written last)."""

from geo_service.cells.measuring import Areas, Stack, areas
from geo_service.cells.prepared import KNOWN, WHOLE, Prepared
from geo_service.cells.preparing import prepare

__all__ = ["KNOWN", "WHOLE", "Areas", "Prepared", "Stack", "areas", "prepare"]
