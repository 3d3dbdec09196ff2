"""Pages with a map; they work without any outside host, under a policy that allows only scripts of ours."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import date

from fastapi import APIRouter, Request
from starlette.responses import Response

from geo_service.api.links import HTML
from geo_service.api.openapi import answers
from geo_service.api.pages import Pages
from geo_service.api.parameters import AsOfDay, OnlyKnown, ParcelId, Services
from geo_service.service import Service

router = APIRouter(tags=["地图 / maps"], dependencies=[OnlyKnown], default_response_class=Response)


def pages(request: Request) -> Pages:
    """Return the pages drawn lately."""
    found: Pages = request.app.state.pages
    return found


@router.get("/map", summary="工作台地图 / map of all parcels", responses=answers({HTML: "Page"}, 422))
def zone_map(request: Request, service: Services, as_of: AsOfDay = None) -> Response:
    """全部地块的地图、图层树、一览表和查询 / map, layer tree, table and search of all parcels."""
    return pages(request).answer(*_zone_map(service, as_of))


def draw_zone_map(service: Service, kept: Pages) -> None:
    """Draw the map of all parcels ahead of the first who asks for it."""
    kept.drawn(*_zone_map(service, None))


def _zone_map(service: Service, as_of: date | None) -> tuple[Hashable, Callable[[str], str]]:
    key = (service.snapshot().revision, service.as_of(as_of))
    return key, lambda nonce: service.zone_map(as_of, single_file=False, nonce=nonce)


@router.get(
    "/parcels/{parcel_id:path}/map",
    summary="地块地图 / map of one parcel",
    responses=answers({HTML: "Page"}, 404, 422),
)
def parcel_map(request: Request, service: Services, parcel_id: ParcelId, as_of: AsOfDay = None) -> Response:
    """一个地块及其周边 / one parcel with what surrounds it."""
    key = (service.snapshot().revision, service.as_of(as_of), parcel_id)
    return pages(request).answer(
        key, lambda nonce: service.parcel_map(parcel_id, as_of, single_file=False, nonce=nonce)
    )
