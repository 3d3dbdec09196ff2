"""Imagery for a basemap: red in the west of a meridian through the first parcel, blue in its east."""

from __future__ import annotations

import numpy as np
import rasterio

from geo_service.projection import lon_lat
from geo_service.service import Service

HALF_DEGREES = 0.05
PIXELS = 8000
SETTINGS = """
[[basemaps]]
id = "imagery"
title = {zh = "影像", en = "Imagery"}
kind = "cog"
datum = "CGCS2000"
attribution = {zh = "某测绘院", en = "Some survey"}
approval_no = "GS(2026)0001号"
file = "imagery.tif"
"""


def middle(service: Service) -> tuple[float, float]:
    """Longitude of the meridian, and a latitude on it."""
    first = next(iter(service.parcels.values()))
    centre = lon_lat(first.geometry, first.crs).centroid
    return centre.x, centre.y


def register_imagery(service: Service) -> None:
    """Write the imagery and its entry into the service's workspace."""
    lon, lat = middle(service)
    colours = np.zeros((3, 4, PIXELS), dtype=np.uint8)
    colours[0, :, : PIXELS // 2], colours[2, :, PIXELS // 2 :] = 255, 255
    wide, high = 2 * HALF_DEGREES / PIXELS, 2 * HALF_DEGREES / 4
    place = rasterio.Affine(wide, 0.0, lon - HALF_DEGREES, 0.0, -high, lat + HALF_DEGREES)
    with rasterio.open(
        service.workspace.directory / "imagery.tif", "w", driver="GTiff", width=PIXELS, height=4, count=3,
        dtype="uint8", crs="EPSG:4490", transform=place,
    ) as file:  # fmt: skip
        file.write(colours)
    (service.workspace.directory / "basemaps.toml").write_text(SETTINGS, encoding="utf-8")
