"""A boundary from outside as the check page shows it: its record laid out, its outline, and where its outcomes lie."""

from __future__ import annotations

import json
from collections.abc import Mapping

from shapely.geometry import shape

from geo_service.maps import labels
from geo_service.maps.board import entry
from geo_service.maps.draw import rounded
from geo_service.maps.panel import panel
from geo_service.maps.rows import Json, pair
from geo_service.maps.scene import MapParcel, MapPiece, RuleNames
from geo_service.maps.signs import STATUS_SIGN
from geo_service.model.text import Text


def uploaded(
    row: int,
    record: bytes,
    drawn: bytes,
    *,
    land_use: Text | None,
    names: RuleNames,
    layer_titles: Mapping[str, Text],
) -> Json:
    """Lay out one boundary.

    Parameters
    ----------
    record : bytes
        The assessment record.
    drawn : bytes
        The internal GeoJSON of the parcel: its outline, then the pieces.
    """
    first, *rest = json.loads(drawn)["features"]
    pieces = tuple(
        MapPiece(
            piece["properties"]["role"],
            piece["properties"]["code"],
            piece["properties"]["class"],
            piece["properties"]["area_m2"],
            piece["properties"]["severity"],
            shape(piece["geometry"]),
        )
        for piece in rest
    )
    parcel = MapParcel(json.loads(record), shape(first["geometry"]), pieces, land_use=land_use)
    status = parcel.record["verdict"]["status"]
    return {
        "row": row,
        "sign": STATUS_SIGN[status].value,
        "words": pair(labels.STATUS[status]),
        "entry": entry(parcel, names),
        "outline": rounded(parcel.geometry),
        **panel(parcel, names, layer_titles),
    }
