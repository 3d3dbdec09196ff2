"""Parcels: search by what was concluded, and the assessment record of one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from geo_service.api.access import Guarded, needs
from geo_service.api.answers import holds, json_answer, unchanged
from geo_service.api.collections import Page, VerdictItems, feature, paged, within
from geo_service.api.errors import bad_parameter
from geo_service.api.links import GEOJSON, JSON, link, segment, url
from geo_service.api.openapi import RECORD, answers
from geo_service.api.parameters import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    AsOfDay,
    Bbox,
    Limit,
    OnlyKnown,
    ParcelId,
    ProjectType,
    Services,
    Verdict,
    listed,
)
from geo_service.api.reference import LONGITUDE_FIRST
from geo_service.api.routes.features import After, paging, shelf
from geo_service.model.access import Role
from geo_service.model.enums import PASSED
from geo_service.model.text import Text
from geo_service.snapshot import Summary

router = APIRouter(
    tags=["地块 / parcels"],
    route_class=Guarded,
    dependencies=[needs(Role.VIEWER), OnlyKnown],
    default_response_class=Response,
)


@router.get("/parcels", summary="查询地块 / search parcels", responses=answers({GEOJSON: "FeatureCollection"}, 422))
def search(
    request: Request,
    service: Services,
    bbox: Bbox = None,
    verdict: Annotated[
        str | None,
        Query(description="结论，可用逗号并列 / verdicts: ready, conditional, not_ready, undetermined"),
    ] = None,
    zone: Annotated[str | None, Query(description="开发区编号 / id of a zone")] = None,
    min_area_mu: Annotated[
        float | None, Query(ge=0, allow_inf_nan=False, description="面积不小于（亩）/ at least so many mu")
    ] = None,
    missing: Annotated[
        str | None,
        Query(
            description="缺项代码，可用逗号并列，任一未满足即入选 / codes, any of which did not pass",
            examples=["WATER,SWC"],
        ),
    ] = None,
    as_of: AsOfDay = None,
    limit: Limit = DEFAULT_LIMIT,
    after: After = None,
) -> Response:
    """按范围、结论、开发区、面积和缺项查询地块 / parcels by place, verdict, zone, area and what is missing."""
    snapshot, asked = service.snapshot(), service.as_of(as_of)
    verdicts = _among(verdict, [entry.value for entry in Verdict], "verdict")
    codes = _among(missing, _codes(service), "missing")
    parcels = shelf(request).verdicts(snapshot, asked) if snapshot.parcels else None
    limit = min(limit, MAX_LIMIT)
    found = Page((), 0, None)
    if parcels is not None:
        rows = range(len(parcels.ids)) if bbox is None else within(parcels, bbox)
        if verdicts or codes or zone is not None or min_area_mu is not None:
            rows = [row for row in rows if _fits(parcels.summary(row), verdicts, codes, zone, min_area_mu)]
        found = paged(parcels.ids, rows, limit, after)
    return json_answer(
        {
            "type": "FeatureCollection",
            "features": [] if parcels is None else [_feature(request, parcels, row) for row in found.rows],
            "links": paging(request, "/parcels", limit, found),
            "numberMatched": found.matched,
            "numberReturned": len(found.rows),
        },
        GEOJSON,
    )


def _feature(request: Request, parcels: VerdictItems, row: int) -> dict[str, Any]:
    own = f"/parcels/{segment(parcels.ids[row])}"
    when = {"as_of": str(parcels.properties(row)["as_of"])}
    return {
        **feature(parcels, row, LONGITUDE_FIRST),
        "links": [
            link(url(request, f"{own}/assessment", when), "describedby", JSON, "核查记录 / assessment record"),
            link(url(request, f"{own}/map", when), "alternate", "text/html", "地图 / map"),
        ],
    }


def _codes(service: Services) -> list[str]:
    order = service.rulebook.order
    return [*order.core, *order.local, *order.constraints, *order.services, order.level, *order.indicators]


def _among(given: str | None, known: list[str], name: str) -> frozenset[str]:
    """Return what a parameter lists; nothing where it was not given, which is not to say that it lists nothing."""
    if given is None:
        return frozenset()
    entries = listed(given) or [given]
    for entry in entries:
        if entry not in known:
            there, shown = ", ".join(known), entry[:64]
            raise bad_parameter(name, Text(f"“{shown}”不在 {there} 之中", f"{shown!r} is none of {there}"), entry)
    return frozenset(entries)


def _fits(
    summary: Summary,
    verdicts: frozenset[str],
    codes: frozenset[str],
    zone: str | None,
    min_area_mu: float | None,
) -> bool:
    found, outcomes = summary.properties, summary.outcomes
    return (
        (not verdicts or found["verdict"] in verdicts)
        and (zone is None or found["zone"] == zone)
        and (min_area_mu is None or float(str(found["area_mu"])) >= min_area_mu)
        and (not codes or any(outcomes[code] not in PASSED for code in codes & outcomes.keys()))
    )


@router.get(
    "/parcels/{parcel_id:path}/assessment",
    summary="核查记录 / assessment record",
    responses=answers({JSON: RECORD}, 404, 422),
)
async def assessment(
    request: Request,
    service: Services,
    parcel_id: ParcelId,
    as_of: AsOfDay = None,
    project_type: ProjectType = None,
) -> Response:
    """一个地块的核查记录：RFC 8785 规范字节，ETag 为校验码.

    The assessment record of one parcel, as the canonical bytes of RFC 8785; its ETag is the digest.
    """
    asked = service.as_of(as_of)
    snapshot = service.ready_snapshot()
    found = None if snapshot is None else snapshot.known(parcel_id, asked, project_type)
    # Only what must be read or concluded first is worth a thread.
    if snapshot is None or found is None:
        snapshot = await run_in_threadpool(service.snapshot)
        found = await run_in_threadpool(snapshot.written, parcel_id, asked, project_type)
    if holds(request, found.digest):
        return unchanged(found.digest)
    schema = url(request, "/schemas/assessment.json")
    headers = {
        "ETag": f'"{found.digest}"',
        "Link": f'<{schema}>; rel="describedby"; type="application/schema+json"',
    }
    return Response(snapshot.body(found), media_type=JSON, headers=headers)
