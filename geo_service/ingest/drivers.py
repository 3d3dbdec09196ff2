"""Which drivers GDAL may load. Run as a program it lists all the others, and is thrown away with its GDAL."""

from __future__ import annotations

import json
import os

#: Drivers that are wanted; ``Memory`` and ``MEM`` are GDAL's own scratch space.
ALLOWED = frozenset({"ESRI Shapefile", "OpenFileGDB", "KML", "LIBKML", "GTiff", "MEM", "Memory"})

#: Fixed before GDAL or PROJ starts, so that no default of a version decides.
ENVIRONMENT = {
    "GDAL_DRIVER_PATH": "disable",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "GDAL_VRT_ENABLE_RAWRASTERBAND": "NO",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "{none}",
    "CPL_VSIL_CURL_HEADER_FILE_KVP_ENABLED": "NO",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_CACHEMAX": "128",
    "PROJ_NETWORK": "OFF",
}


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
