"""Pages with a map; they work without any outside host, under a policy that allows only scripts of ours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from geo_service.api.access import Guarded, needs
from geo_service.api.answers import json_answer
from geo_service.api.errors import bad_parameter
from geo_service.api.links import HTML, JSON
from geo_service.api.openapi import answers
from geo_service.api.pages import PageKey, Pages, page_key
from geo_service.api.parameters import AsOfDay, OnlyKnown, ParcelId, Services, listed
from geo_service.api.routes.claims import may_claim
from geo_service.maps.tiled import Engine
from geo_service.model.access import Role
from geo_service.model.text import Text
from geo_service.service import Service

router = APIRouter(
    tags=["地图 / maps"],
    route_class=Guarded,
    dependencies=[needs(Role.VIEWER), OnlyKnown],
    default_response_class=Response,
)

MOST_COMPARED = 4
Digest = Annotated[
    str | None,
    Query(
        pattern="^[0-9a-f]{64}$",
        description="留存的核查记录的校验码，见 /parcels/{id}/links / digest of a record that was kept",
    ),
]
Draw = Annotated[
    Engine | None,
    Query(description="以矢量瓦片绘制（canvas 或 gl），默认按地块数 / drawn from tiles; else by number of parcels"),
]


def pages(request: Request) -> Pages:
    """Return the pages drawn lately."""
    found: Pages = request.app.state.pages
    return found


@router.get("/map", summary="工作台地图 / map of all parcels", responses=answers({HTML: "Page"}, 422))
def zone_map(request: Request, service: Services, as_of: AsOfDay = None, draw: Draw = None) -> Response:
    """供地前核查工作台：清单、地图、图层、查询 / the workbench: list, map, layers and search of all parcels."""
    if draw is not None:
        key = page_key(service.snapshot(), service.as_of(as_of), draw)
        return pages(request).answer(key, lambda nonce: service.tiled_map(as_of, draw, nonce=nonce))
    return pages(request).answer(*_zone_map(service, as_of, may_claim(request)))


def draw_zone_map(service: Service, kept: Pages, *, claims: bool) -> None:
    """Draw the map of all parcels ahead of the first who asks for it."""
    kept.drawn(*_zone_map(service, None, claims))


def _zone_map(service: Service, as_of: date | None, claims: bool) -> tuple[PageKey, Callable[[str], str]]:
    key = page_key(service.snapshot(), service.as_of(as_of), claims)
    return key, lambda nonce: service.zone_map(as_of, single_file=False, nonce=nonce, claims=claims)


@router.get(
    "/parcels/{parcel_id:path}/map",
    summary="地块地图 / map of one parcel",
    responses=answers({HTML: "Page"}, 404, 422),
)
def parcel_map(
    request: Request, service: Services, parcel_id: ParcelId, as_of: AsOfDay = None, digest: Digest = None
) -> Response:
    """一个地块及其周边；带 digest 时显示留存的原结论 / a parcel and what surrounds it; a digest shows what was kept."""
    claims = may_claim(request)
    key = page_key(service.snapshot(), service.as_of(as_of), parcel_id, claims, digest)
    return pages(request).answer(
        key,
        lambda nonce: service.parcel_map(
            parcel_id, as_of, single_file=False, nonce=nonce, claims=claims, linked=digest
        ),
    )


@router.get("/check", summary="界址核查页 / check a boundary", responses=answers({HTML: "Page"}, 422))
def check_map(request: Request, service: Services, as_of: AsOfDay = None) -> Response:
    """绘制或上传界址即核查，不入库 / draw or drop a boundary and have it checked; nothing is stored."""
    key = page_key(service.snapshot(), service.as_of(as_of), "check")
    return pages(request).answer(key, lambda nonce: service.check_map(as_of, nonce=nonce))


@router.get("/compare", summary="比较 / parcels side by side", responses=answers({HTML: "Page"}, 404, 422))
def compare_map(
    request: Request,
    service: Services,
    parcels: Annotated[str, Query(description="地块编号，逗号并列，二至四宗 / ids of two to four parcels")],
    as_of: AsOfDay = None,
    digest: Digest = None,
) -> Response:
    """两宗（至多四宗）逐项比较，不同项在前；带 digest 时比较一宗的原结论与现结论.

    Two to four parcels item by item, what differs first; with a digest, one parcel as it was kept and as it is.
    """
    ids = listed(parcels)
    if not (len(ids) == 1 if digest else 1 <= len(ids) <= MOST_COMPARED):
        raise bad_parameter(
            "parcels",
            Text(f"应为一至{MOST_COMPARED}个地块编号", f"must be one to {MOST_COMPARED} parcel ids"),
            parcels,
        )
    key = page_key(service.snapshot(), service.as_of(as_of), "compare", *ids, digest)
    return pages(request).answer(key, lambda nonce: service.compare_map(ids, as_of, linked=digest, nonce=nonce))


@router.get(
    "/parcels/{parcel_id:path}/panel",
    summary="地块面板 / what the map page says of one parcel",
    responses=answers({JSON: "Object"}, 404, 422),
)
def panel(service: Services, parcel_id: ParcelId, as_of: AsOfDay = None) -> Response:
    """地图页面板的内容：按核查顺序排好的各节，及各项涉及的范围.

    What the map page shows of one parcel: its sections in the planner's order, and the ground that findings rest on.
    """
    return json_answer(service.parcel_panel(parcel_id, as_of))


@router.post(
    "/parcels/{parcel_id:path}/links",
    dependencies=[needs(Role.PLANNER)],
    summary="留存结论 / keep a record for a link",
    responses=answers({JSON: "Object"}, 404, 422),
)
def keep(service: Services, parcel_id: ParcelId, as_of: AsOfDay = None) -> Response:
    """留存当前结论，日后凭校验码打开同一结论 / keep the present record, so that its digest opens it later."""
    row = service.keep(parcel_id, as_of)
    return json_answer(
        {"parcel": row.parcel_id, "as_of": row.as_of.isoformat(), "digest": row.digest, "status": row.status}
    )
