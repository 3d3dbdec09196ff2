"""Who did what."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from geo_service.api.access import Guarded, needs
from geo_service.api.answers import json_answer
from geo_service.api.links import JSON, link, url
from geo_service.api.openapi import answers
from geo_service.api.parameters import DEFAULT_LIMIT, MAX_LIMIT, Limit, OnlyKnown, Services
from geo_service.model.access import Role

router = APIRouter(
    tags=["审计 / audit"],
    route_class=Guarded,
    dependencies=[needs(Role.AUDITOR, whole=True), OnlyKnown],
    default_response_class=Response,
)
Before = Annotated[
    int | None, Query(ge=1, le=2**53, description="只列该序号之前的（next 链接自带）/ only lines before this one")
]


@router.get("/audit", summary="审计记录 / lines of audit", responses=answers({JSON: "Object"}))
def audit(request: Request, service: Services, limit: Limit = DEFAULT_LIMIT, before: Before = None) -> Response:
    """谁以哪个密钥做了什么，新的在前；actor 为空即命令行 / what was done with which key, newest first."""
    size = min(limit, MAX_LIMIT)
    rows = service.workspace.register.audit_before(before, size)
    more = len(rows) == size and rows[-1].seq > 1
    return json_answer(
        {
            "lines": [
                {
                    "seq": row.seq,
                    "at": None if row.at is None else row.at.isoformat(),
                    "actor": row.actor,
                    "action": row.action,
                    "object": row.object,
                    "input_sha256": row.input_sha256,
                }
                for row in rows
            ],
            "links": [link(url(request, "/audit", {"limit": size, "before": rows[-1].seq}), "next", JSON, "next")]
            if more
            else [],
        },
        headers={"Cache-Control": "private, no-store"},
    )
