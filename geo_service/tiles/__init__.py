"""Vector tiles: layers cut to the squares of the web's tile matrix and written in the Mapbox vector tile encoding.

::

    features ──laid──▶ Layer ──cut──▶ bytes of one tile
                        plain numbers   compiled loop: clip, round, encode

Everything is rounded to the same lattice, and each tile is cut a little beyond its edge, so neighbours join. Where a
tile would hold too many features it says how many there are in each small square instead; nothing is left out unsaid.
"""

from geo_service.tiles.covering import covering
from geo_service.tiles.cutting import COUNTS, NUMBER, cut, marked
from geo_service.tiles.laying import Column, Layer, laid
from geo_service.tiles.square import MOST_ZOOM, Square

__all__ = ["COUNTS", "MOST_ZOOM", "NUMBER", "Column", "Layer", "Square", "covering", "cut", "laid", "marked"]
