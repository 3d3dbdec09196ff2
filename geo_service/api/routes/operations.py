"""For whoever runs the service."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from geo_service import __version__
from geo_service.api import metrics
from geo_service.api.access import PUBLIC, Guarded, needs
from geo_service.api.answers import json_answer
from geo_service.api.errors import Problem
from geo_service.api.links import JSON
from geo_service.api.openapi import answers
from geo_service.api.parameters import OnlyKnown
from geo_service.api.standing import PARTS, missing
from geo_service.model.access import Role
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


@router.get("/readyz", dependencies=[PUBLIC], summary="就绪状态 / readiness", responses=answers({JSON: "Object"}, 503))
def readyz(request: Request) -> Response:
    """能否受理请求：数据、台账可写、磁盘、核查进程；缺什么在 items 列出 / 200, or 503 with what is missing in items."""
    state = request.app.state
    parts = missing(
        state.service,
        ready=state.ready(),
        stopping=state.stopping.is_set(),
        disk_free_bytes=state.disk_free_bytes,
    )
    if parts:
        raise Problem(
            503,
            "not-ready",
            Text("尚未就绪，缺下列各项", "not ready: what is listed is missing"),
            step=Text("请稍后重试，或告知管理员", "try again later, or tell the administrator"),
            items=[{"part": part, "reason": {"zh": PARTS[part].zh, "en": PARTS[part].en}} for part in parts],
            headers={"Retry-After": "5"},
        )
    return json_answer({"status": "ready", "version": __version__}, headers={"Cache-Control": "no-store"})


@router.get(
    "/metrics",
    dependencies=[needs(Role.ADMIN, whole=True)],
    summary="运行指标 / metrics",
    responses=answers({"text/plain": "Page"}, 503),
)
def figures(request: Request) -> Response:
    """Prometheus 文本：请求、核查、工作进程、导入 / in the text of Prometheus: requests, checks, workers, imports."""
    content = metrics.text(request.app.state.service.workspace.register)
    return Response(content, headers={"Content-Type": metrics.MEDIA, "Cache-Control": "no-store"})
