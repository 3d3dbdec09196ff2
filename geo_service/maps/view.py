"""The pages with a map: one of a zone, one of a parcel; served, or as one file that opens anywhere."""

from __future__ import annotations

from geo_service.errors import NotFound
from geo_service.maps.offline import STATIC, UnvendoredAsset
from geo_service.maps.page import page
from geo_service.maps.scene import MapLayer, MapParcel, MapPiece, MapView, RuleNames


def zone_page(view: MapView, *, single_file: bool, nonce: str | None = None) -> str:
    """Write the page of all parcels: map, layer tree, table, search, and a panel for the parcel chosen.

    Parameters
    ----------
    view : MapView
        What is shown; geometry in lon/lat.
    single_file : bool
        ``True`` inlines scripts and styles, so that the page opens from disk without a server; ``False`` links them
        under ``/static/``.
    nonce : str, optional
        Put on the inline script, for a page served with a content security policy.

    Raises
    ------
    UnvendoredAsset
        When the map would need a file from another host.
    """
    return page(view, None, single_file=single_file, nonce=nonce)


def parcel_page(view: MapView, parcel_id: str, *, single_file: bool, nonce: str | None = None) -> str:
    """Write the page of one parcel; the view's other parcels are drawn as outlines.

    A file that stands alone (``single_file`` and no ``links``) says so when the parcel's verdict refuses a package.

    Raises
    ------
    NotFound
        When the view has no such parcel.
    """
    focus = next((parcel for parcel in view.parcels if parcel.id == parcel_id), None)
    if focus is None:
        raise NotFound(parcel_id)
    return page(view, focus, single_file=single_file, nonce=nonce)


__all__ = [
    "STATIC",
    "MapLayer",
    "MapParcel",
    "MapPiece",
    "MapView",
    "RuleNames",
    "UnvendoredAsset",
    "parcel_page",
    "zone_page",
]
