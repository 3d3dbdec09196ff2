"""Which drivers GDAL may load. Run as a program it lists all the others, and is thrown away with its GDAL."""

from __future__ import annotations

import json
import os

from geo_service.nursery import ENVIRONMENT

#: Drivers that are wanted; ``Memory`` and ``MEM`` are GDAL's own scratch space.
ALLOWED = frozenset({"ESRI Shapefile", "OpenFileGDB", "KML", "LIBKML", "GTiff", "MEM", "Memory"})


def unwanted() -> dict[str, str]:
    """Return for each library with a GDAL of its own the drivers it must not load, as ``GDAL_SKIP`` takes them."""
    import pyogrio
    import rasterio

    with rasterio.Env() as env:
        found = {"pyogrio": set(pyogrio.list_drivers()), "rasterio": set(env.drivers())}
    return {library: ",".join(sorted(names - ALLOWED)) for library, names in found.items()}


if __name__ == "__main__":
    os.environ.update(ENVIRONMENT)
    print(json.dumps(unwanted()))
