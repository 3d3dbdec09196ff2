"""Rasters under polygons: exact cell–polygon coverage, for many parcels at once.

Every cell counts by the share of it that lies in the parcel (`cover`), nodata is reported and never taken for zero,
and what lies outside the raster is nodata. Nothing is resampled: a raster in another CRS is refused. Of a file only the
blocks that a parcel touches are read, each of them once.
"""

from __future__ import annotations

from geo_service.zonal.file import from_cog
from geo_service.zonal.measuring import Raster, Statistics, Transform
from geo_service.zonal.resident import statistics, weights

__all__ = ["Raster", "Statistics", "Transform", "from_cog", "statistics", "weights"]
