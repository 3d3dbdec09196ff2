"""For whoever runs the service."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from geo_service import __version__
from geo_service.api.access import PUBLIC, Guarded
from geo_service.api.answers import json_answer
from geo_service.api.errors import Problem
from geo_service.api.links import JSON
from geo_service.api.openapi import answers
from geo_service.api.parameters import OnlyKnown
from geo_service.model.text import Text

router = APIRouter(
    tags=["运行 / operations"], route_class=Guarded, dependencies=[OnlyKnown], default_response_class=Response
)


@router.get("/healthz", dependencies=[PUBLIC], summary="运行状态 / health", responses=answers({JSON: "Object"}, 503))
def healthz(request: Request) -> Response:
    """服务可用时 200；数据尚在准备时 503 / 200 when it can answer, 503 while the data are being prepared."""
    if not request.app.state.ready():
        raise Problem(
            503,
            "not-ready",
            Text("数据尚在准备", "the data are being prepared"),
            step=Text("请稍后重试", "try again in a moment"),
            headers={"Retry-After": "2"},
        )
    return json_answer({"status": "ok", "version": __version__}, headers={"Cache-Control": "no-store"})
