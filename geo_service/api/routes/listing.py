"""The list beside the map of very many parcels, asked for as it is read."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from geo_service.api.access import Guarded, needs
from geo_service.api.answers import json_answer
from geo_service.api.links import JSON
from geo_service.api.openapi import answers
from geo_service.api.parameters import AsOfDay, Limit, Offset, OnlyKnown, Services
from geo_service.api.routes.tiles import tiles_of
from geo_service.maps.listing import NOT_YET
from geo_service.maps.signs import STATUS_SIGN
from geo_service.model.access import Role

router = APIRouter(
    tags=["地图 / maps"],
    route_class=Guarded,
    dependencies=[needs(Role.VIEWER), OnlyKnown],
    default_response_class=Response,
)
MOST_LINES = 500

Words = Annotated[
    str, Query(max_length=200, description="编号、名称、坐落、不动产单元号的一部分 / part of number, name, place, unit")
]
Status = Annotated[
    str | None,
    Query(
        pattern=f"^({'|'.join((*STATUS_SIGN, NOT_YET))})$",
        description=f"核查结论，未核查为 {NOT_YET} / a verdict, or {NOT_YET}",
    ),
]
LeastMu = Annotated[float | None, Query(ge=0, description="最小面积（亩）/ smallest area in mu")]


@router.get("/map/list", summary="地块清单 / list of parcels", responses=answers({JSON: "Object"}, 422))
def listing(
    request: Request,
    service: Services,
    q: Words = "",
    verdict: Status = None,
    min_area_mu: LeastMu = None,
    offset: Offset = 0,
    limit: Limit = 60,
    as_of: AsOfDay = None,
) -> Response:
    """地块清单的一页，按拟公告日、再按结论轻重排序；并给出各结论的宗数.

    One page of the list, by notice date and then worst first, with the number of parcels of each verdict.
    """
    found = tiles_of(request).listing(service.snapshot(), service.as_of(as_of))
    return json_answer(found.page(q, verdict, min_area_mu, offset, min(limit, MOST_LINES)))
