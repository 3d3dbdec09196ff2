"""Pages with a map; they work without any outside host, under a policy that allows only scripts of ours."""

from __future__ import annotations

import secrets

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from geo_service.api.links import HTML
from geo_service.api.openapi import answers
from geo_service.api.parameters import AsOfDay, OnlyKnown, ParcelId, Services

router = APIRouter(tags=["地图 / maps"], dependencies=[OnlyKnown], default_response_class=Response)


def page_policy(nonce: str) -> str:
    """Return the content security policy of a page whose inline scripts carry a nonce."""
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )


def page(html: str, nonce: str) -> Response:
    """Send a page."""
    return HTMLResponse(html, headers={"Content-Security-Policy": page_policy(nonce)})


@router.get("/map", summary="工作台地图 / map of all parcels", responses=answers({HTML: "Page"}, 422))
def zone_map(service: Services, as_of: AsOfDay = None) -> Response:
    """全部地块的地图、图层树、一览表和查询 / map, layer tree, table and search of all parcels."""
    nonce = secrets.token_urlsafe(16)
    return page(service.zone_map(as_of, single_file=False, nonce=nonce), nonce)


@router.get(
    "/parcels/{parcel_id:path}/map",
    summary="地块地图 / map of one parcel",
    responses=answers({HTML: "Page"}, 404, 422),
)
def parcel_map(service: Services, parcel_id: ParcelId, as_of: AsOfDay = None) -> Response:
    """一个地块及其周边 / one parcel with what surrounds it."""
    nonce = secrets.token_urlsafe(16)
    return page(service.parcel_map(parcel_id, as_of, single_file=False, nonce=nonce), nonce)
