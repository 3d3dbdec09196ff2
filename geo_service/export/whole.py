"""A whole layer as one GeoJSON FeatureCollection (RFC 7946), piece by piece."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np
import shapely

from geo_service.export.geojson import LON_LAT_DECIMALS, compact, rounded
from geo_service.model.layer import Features
from geo_service.projection import lon_lat

#: Features in one piece.
TOGETHER = 500
#: Raised when other bytes are written of the same features.
FORMAT = 1


def whole(data: Features) -> Iterator[bytes]:
    """Write all features of a layer in the order of their ids, in degrees, with the fields that may be shown.

    Yields
    ------
    bytes
        One after the other they are the collection.
    """
    rows = sorted(range(len(data)), key=lambda row: data.ids[row])
    yield b'{"type":"FeatureCollection","features":['
    for start in range(0, len(rows), TOGETHER):
        yield (b"," if start else b"") + b",".join(_features(data, rows[start : start + TOGETHER]))
    yield b"]}"


def _features(data: Features, rows: Sequence[int]) -> Iterator[bytes]:
    places = np.empty(len(rows), dtype=object)
    for place, row in enumerate(rows):
        geometry = data.geometries[row]
        places[place] = None if geometry is None else lon_lat(geometry, data.crs)
    texts = shapely.to_geojson(rounded(places, LON_LAT_DECIMALS))
    for row, text in zip(rows, texts, strict=True):
        values = ((field.name, data.value(row, field.name)) for field in data.spec.shown_fields)
        properties = {name: value.isoformat() if isinstance(value, date) else value for name, value in values}
        # Read and written once more, so that numbers stand here as they do in every other answer.
        geometry = None if text is None else json.loads(text)
        yield compact({"type": "Feature", "id": data.ids[row], "geometry": geometry, "properties": properties})
