"""Basemaps that an operator registers: none by default, each with its datum, its credit and its approval number.

::

    basemaps.toml ──registered──▶ Basemap ──opened──▶ Source: tile (zoom, row, column) ──▶ Picture, or none

Pages ask this service for pictures, never another host; a key stays on the server. What is drawn with an offset datum
is refused: parcels laid over it would look wrong by more than their own width.
"""

from geo_service.basemaps.registry import FILE, Basemap, registered
from geo_service.basemaps.sources import Picture, Source, opened

__all__ = ["FILE", "Basemap", "Picture", "Source", "opened", "registered"]
