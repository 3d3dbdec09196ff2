"""Verdicts as a table with geometry (GeoParquet)."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import pyarrow as pa

from geo_service.export.geojson import parcel_properties
from geo_service.export.record import Record
from geo_service.model.finding import Verdict
from geo_service.projection import LON_LAT, lon_lat


def verdict_table(done: Sequence[tuple[Verdict, Record]]) -> pa.Table:
    """Return one row a parcel: the flat properties of the package's GeoJSON, geometry in lon/lat as WKB."""
    frame = gpd.GeoDataFrame(
        [parcel_properties(body) for _, body in done],
        geometry=[lon_lat(verdict.geometry, verdict.crs) for verdict, _ in done],
        crs=LON_LAT,
    )
    return pa.table(frame.to_arrow(index=False, geometry_encoding="WKB"))
