"""The list beside the map of very many parcels, asked for as it is read; and any list as a spreadsheet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from geo_service.api.access import Guarded, needs
from geo_service.api.answers import attachment, json_answer
from geo_service.api.errors import Problem
from geo_service.api.links import JSON, XLSX
from geo_service.api.openapi import answers
from geo_service.api.parameters import AsOfDay, LanguageOf, Limit, Offset, OnlyKnown, Services
from geo_service.api.routes.tiles import tiles_of
from geo_service.errors import NotFound
from geo_service.maps.listing import NOT_YET, Line
from geo_service.maps.outstanding import MOST_ROWS
from geo_service.maps.sheet import Language
from geo_service.maps.signs import STATUS_SIGN
from geo_service.model.access import Role
from geo_service.model.text import Text
from geo_service.service import Service

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


class Chosen(BaseModel):
    """Parcels by id, in the order in which they are to be listed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ids: Annotated[
        list[Annotated[str, Field(max_length=64)]],
        Field(max_length=MOST_ROWS, description="地块编号，按此顺序列出 / ids of parcels, listed in this order"),
    ]


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
    """地块清单的一页，按拟公告日、再按结论轻重排序，附首要问题；并给出各结论的宗数.

    One page of the list, by notice date and then worst first, each with its first problem, and the number of parcels of
    each verdict.
    """
    snapshot, asked = service.snapshot(), service.as_of(as_of)
    found = tiles_of(request).listing(snapshot, asked)
    matching, limit = found.matching(q, verdict, min_area_mu), min(limit, MOST_LINES)
    shown = [line.id for line in matching[offset : offset + limit] if line.status is not None]
    return json_answer(found.page(matching, offset, limit, service.problems(snapshot, asked, shown)))


@router.get("/map/list.xlsx", summary="地块清单表 / the list as a spreadsheet", responses=answers({XLSX: "Bytes"}, 422))
def listing_xlsx(
    request: Request,
    service: Services,
    q: Words = "",
    verdict: Status = None,
    min_area_mu: LeastMu = None,
    lang: LanguageOf = Language.ZH,
    as_of: AsOfDay = None,
) -> Response:
    """筛选后的清单（XLSX）：每宗一行，另一张表逐项列出缺项、责任单位和应取得的材料.

    The filtered list (XLSX): a row for each parcel, and on a second sheet what each lacks, by whom, and what to obtain.
    """
    found = tiles_of(request).listing(service.snapshot(), service.as_of(as_of))
    return _spreadsheet(service, found.matching(q, verdict, min_area_mu), as_of, lang)


@router.post(
    "/map/list.xlsx",
    summary="所选地块的清单表 / chosen parcels as a spreadsheet",
    responses=answers({XLSX: "Bytes"}, 404, 422),
)
def chosen_xlsx(
    request: Request,
    service: Services,
    chosen: Chosen,
    lang: LanguageOf = Language.ZH,
    as_of: AsOfDay = None,
) -> Response:
    """所选地块的清单（XLSX），按所给顺序；不入库 / the parcels named (XLSX), in their order; nothing is stored."""
    found = tiles_of(request).listing(service.snapshot(), service.as_of(as_of))
    lines = found.named(chosen.ids)
    if len(lines) < len(chosen.ids):
        known = {line.id for line in lines}
        absent = next(id_ for id_ in chosen.ids if id_ not in known)
        raise NotFound(f"没有地块 {absent} / there is no parcel {absent}")
    return _spreadsheet(service, lines, as_of, lang)


def _spreadsheet(service: Service, lines: Sequence[Line], as_of: date | None, language: Language) -> Response:
    if len(lines) > MOST_ROWS:
        raise Problem(
            422,
            "too-many-parcels",
            Text(f"清单有 {len(lines)} 宗，多于 {MOST_ROWS} 宗", f"{len(lines)} parcels, more than {MOST_ROWS}"),
            step=Text("请先按结论、面积或编号筛选", "filter by verdict, area or number first"),
        )
    return attachment(service.outstanding(lines, as_of, language), "parcels.xlsx", XLSX)
