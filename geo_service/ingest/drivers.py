"""Which drivers GDAL may load. Run as a program it lists all the others, and is thrown away with its GDAL."""

from __future__ import annotations

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


def unwanted() -> str:
    """Return the names of all drivers but the wanted ones, as ``GDAL_SKIP`` takes them."""
    import pyogrio
    import rasterio

    with rasterio.Env() as env:
        names = set(pyogrio.list_drivers()) | set(env.drivers())
    return ",".join(sorted(names - ALLOWED))


if __name__ == "__main__":
    os.environ.update(ENVIRONMENT)
    print(unwanted())
