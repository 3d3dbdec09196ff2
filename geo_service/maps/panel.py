"""What the panel needs of one parcel: its card, and the ground its outcomes rest on."""

from __future__ import annotations

from collections.abc import Mapping

from geo_service.maps.card import card
from geo_service.maps.draw import rounded
from geo_service.maps.rows import Json, both, joined, pair, square_metres
from geo_service.maps.scene import MapParcel, MapPiece, Record, RuleNames
from geo_service.maps.signs import title_of
from geo_service.model.text import Text


def panel(parcel: MapParcel, names: RuleNames, layer_titles: Mapping[str, Text], *, forced: bool = False) -> Json:
    """Lay out one parcel: ``card`` and ``pieces``; see `geo_service.maps.card.card`.

    Parameters
    ----------
    forced : bool
        Marks a parcel that is handed over although its verdict refuses the package.
    """
    return {
        "card": card(
            parcel.record,
            forced=forced,
            land_use=parcel.land_use,
            zone_name=parcel.zone_name,
            layer_titles=layer_titles,
            names=names,
        ),
        "pieces": [_piece(parcel.record, piece) for piece in parcel.pieces],
    }


def _piece(record: Record, piece: MapPiece) -> Json:
    findings = [*record["assessments"], *record["constraints"]]
    finding = next((found for found in findings if found["code"] == piece.code), None)
    title = title_of(finding, {}) if finding else both(piece.code)
    part = next((part for part in (finding or {}).get("parts", ()) if part["class"] == piece.cls), None)
    if part is not None and part.get("title"):
        what: Text | None = Text(part["title"]["zh"], part["title"]["en"])
    elif piece.role == "uncovered":
        what = Text("范围外", "outside")
    else:
        what = both(piece.cls) if piece.cls else None
    return {
        "code": piece.code,
        "title": pair(joined([title, None if what == title else what], " ")),
        "area": pair(square_metres(piece.area_m2)),
        "geometry": rounded(piece.geometry),
    }
