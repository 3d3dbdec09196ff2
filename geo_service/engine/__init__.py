"""Composition: from parcels and layers to verdicts. Geometry measures, law reads, a verdict gathers.

`examine` brings a parcel into its zone's working CRS (`site`), asks the layers what lies there (`ground`), has the
law conclude (`judging`), and looks ahead to the day on which the status changes (`outlook`).
"""

from geo_service.engine.examining import examine, is_prepared, prepare, require_rules
from geo_service.engine.ownership import foreign_ground, own_part
from geo_service.engine.zones import require_zone

__all__ = ["examine", "foreign_ground", "is_prepared", "own_part", "prepare", "require_rules", "require_zone"]
