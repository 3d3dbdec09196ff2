"""From outside files to editions in memory: read, checked and mended in a process that can be killed.

Nothing here imports GDAL into the program itself; only the reading process does, with all but the wanted drivers off.
"""

from geo_service.ingest.boundaries import Boundaries
from geo_service.ingest.reading import begin, read_boundaries, read_geojson_bytes, read_layer

__all__ = ["Boundaries", "begin", "read_boundaries", "read_geojson_bytes", "read_layer"]
