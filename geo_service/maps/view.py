"""The pages with a map: one of a zone, one of a parcel; served, or as one file that opens anywhere."""

from __future__ import annotations

from dataclasses import replace

from geo_service.maps import labels
from geo_service.maps.board import listed
from geo_service.maps.offline import STATIC, UnvendoredAsset
from geo_service.maps.page import check as check_page
from geo_service.maps.page import compare as compare_page
from geo_service.maps.page import page
from geo_service.maps.panel import panel
from geo_service.maps.rows import pair
from geo_service.maps.scene import Filed, MapLayer, MapParcel, MapPiece, MapView, Neighbour, Record, RuleNames
from geo_service.maps.uploaded import uploaded


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
    return page(view, None, single_file=single_file, nonce=nonce, older=None)


def parcel_page(
    view: MapView,
    *,
    single_file: bool,
    nonce: str | None = None,
    linked: str | None = None,
    kept: Record | None = None,
) -> str:
    """Write the page of the one parcel of a view; those around it are drawn as outlines.

    A file that stands alone (``single_file`` and no ``links``) says so when the parcel's verdict refuses a package.

    Parameters
    ----------
    linked : str, optional
        The digest that a link names. When it is not the present one, the page says so.
    kept : Record, optional
        The record with that digest, to be shown instead of the present one; ``None`` when it was not kept.
    """
    [focus] = view.parcels
    older = None
    if linked is not None and linked != focus.record["provenance"]["digest"]:
        present = labels.STATUS_FULL[focus.record["verdict"]["status"]]
        older = {"digest": linked, "kept": kept is not None, "present": pair(present)}
        if kept is not None:
            # Where its outcomes lie was not kept with it.
            shown = replace(focus, record=kept, pieces=())
            view, focus = replace(view, parcels=(shown,)), shown
    return page(view, focus, single_file=single_file, nonce=nonce, older=older)


__all__ = [
    "STATIC",
    "Filed",
    "MapLayer",
    "MapParcel",
    "MapPiece",
    "MapView",
    "Neighbour",
    "RuleNames",
    "UnvendoredAsset",
    "check_page",
    "compare_page",
    "listed",
    "panel",
    "parcel_page",
    "uploaded",
    "zone_page",
]
