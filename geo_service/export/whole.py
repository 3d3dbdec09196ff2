"""A whole layer as one GeoJSON FeatureCollection (RFC 7946), piece by piece."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import numpy as np
import shapely

from geo_service.export.geojson import LON_LAT_DECIMALS, compact, plain, rounded, together
from geo_service.model.layer import Features
from geo_service.projection import lon_lat

#: Features in one piece.
TOGETHER = 500
#: Raised when other bytes are written of the same features.
FORMAT = 1


def whole(data: Features) -> Iterator[bytes]:
    """Write all features of a layer in the order of their ids, in degrees, with the fields that may be shown.

    Returns
    -------
    iterator of bytes
        One after the other they are the collection.
    """
    rows = sorted(range(len(data)), key=lambda row: data.ids[row])
    starts = range(0, len(rows), TOGETHER)
    return together(b",".join(_features(data, rows[start : start + TOGETHER])) for start in starts)


def _features(data: Features, rows: Sequence[int]) -> Iterator[bytes]:
    places = np.empty(len(rows), dtype=object)
    for place, row in enumerate(rows):
        geometry = data.geometries[row]
        places[place] = None if geometry is None else lon_lat(geometry, data.crs)
    texts = shapely.to_geojson(rounded(places, LON_LAT_DECIMALS))
    for row, text in zip(rows, texts, strict=True):
        properties = {field.name: plain(data.value(row, field.name)) for field in data.spec.shown_fields}
        # Read and written once more, so that numbers stand here as they do in every other answer.
        geometry = None if text is None else json.loads(text)
        yield compact({"type": "Feature", "id": data.ids[row], "geometry": geometry, "properties": properties})
