"""Check boundaries from outside: a body of GeoJSON, or a file of any accepted format. Nothing is stored."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, BinaryIO

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import Response

from geo_service.api.access import Guarded, needs
from geo_service.api.answers import json_answer
from geo_service.api.errors import Problem, problem_of
from geo_service.api.guard import MULTIPART
from geo_service.api.links import JSON
from geo_service.api.openapi import answers
from geo_service.api.pace import PACED
from geo_service.api.parameters import AsOfDay, OnlyKnown, ProjectType, Services
from geo_service.errors import Fault, InputError
from geo_service.export.checked import checked, fault_json, report_json
from geo_service.ingest import Boundaries
from geo_service.model.access import Role
from geo_service.model.text import Text
from geo_service.service import Service
from geo_service.worker import SLOTS

router = APIRouter(
    tags=["核查 / check"],
    route_class=Guarded,
    dependencies=[needs(Role.VIEWER), OnlyKnown],
    default_response_class=Response,
)
FIELD = "file"
#: Checks at once; more wait here, where they take no thread from the other routes.
CHECKS = 2 * SLOTS
#: As many more may wait; others are turned away at once.
WAITING = 8 * CHECKS
#: Boundaries in one request. Each takes its share of time, and of memory for its record; a file of more is for the
#: command line.
MAX_BOUNDARIES = 1000
WAIT_S = 20.0
RETRY_S = 5
JSON_KINDS = ("application/json", "application/geo+json", "application/vnd.geo+json")


BODY = {
    "required": True,
    "description": "GeoJSON，或以字段 file 上传的文件 / GeoJSON, or a file uploaded as field 'file'",
    "content": {
        "application/geo+json": {"schema": {"$ref": "#/components/schemas/GeoJSON"}},
        "application/json": {"schema": {"$ref": "#/components/schemas/GeoJSON"}},
        MULTIPART: {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "properties": {
                    FIELD: {
                        "type": "string",
                        "format": "binary",
                        "description": "TXT, GeoJSON, shapefile.zip, GeoPackage, KML, DXF, CSV …",
                    }
                },
            }
        },
    },
}


@dataclass(frozen=True)
class Posted:
    """What came with the request: a body of GeoJSON, or an open file with the name it came with."""

    body: bytes = b""
    file: BinaryIO | None = None
    name: str = ""


async def _posted(request: Request) -> AsyncIterator[Posted]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in JSON_KINDS:
        yield Posted(await request.body())
        return
    if kind != MULTIPART:
        raise Problem(
            415,
            "unsupported-media-type",
            Text(
                "内容类型应为 GeoJSON 或 multipart/form-data", "the content type must be GeoJSON or multipart/form-data"
            ),
            step=Text(
                "GeoJSON 用 application/geo+json；文件用 multipart 字段 file 上传",
                "send GeoJSON as application/geo+json, a file as multipart field 'file'",
            ),
            value=kind,
        )
    async with request.form(max_files=1, max_fields=0) as form:
        file = form.get(FIELD)
        if not isinstance(file, UploadFile):
            raise Problem(
                400,
                "field-missing",
                Text("缺少 multipart 字段 file", "the multipart field 'file' is missing"),
                step=Text("请以字段 file 上传一个文件", "upload one file as field 'file'"),
            )
        yield Posted(file=file.file, name=_plain_name(file.filename or ""))


def _plain_name(name: str) -> str:
    """Return the last part of a file name, because only messages use it."""
    return PurePosixPath(name.replace("\\", "/")).name[:200] or "upload"


@router.post(
    "/check",
    summary="核查界址 / check boundaries",
    responses=answers({JSON: "RecordOrChecked"}, 408, 413, 415, 422, 429, 503),
    dependencies=[PACED],
    openapi_extra={"requestBody": BODY},
)
async def check(
    request: Request,
    service: Services,
    posted: Annotated[Posted, Depends(_posted)],
    as_of: AsOfDay = None,
    project_type: ProjectType = None,
    zone: Annotated[
        str | None, Query(max_length=200, description="按此开发区核查 / the zone by which all are judged")
    ] = None,
    crs: Annotated[
        str | None,
        Query(
            max_length=200,
            description="坐标系代码，优先于文件声明 / CRS, before what the file declares",
        ),
    ] = None,
) -> Response:
    """核查一个或多个界址，不入库.

    Geometry 或 Feature 返回一条记录；FeatureCollection 或上传文件返回 records、rejected 与 report（读取与修复情况）。

    Check boundaries, storing nothing. A Geometry or Feature gives one record; a FeatureCollection or an upload gives
    ``records`` and ``rejected``, in the order of the file, and ``report``: how it was read and what was mended.
    """

    def answer() -> Response:
        boundaries = _boundaries(service, posted, crs)
        found = service.check(boundaries, as_of, project_type, zone)
        records = [content for _, content in found.records]
        if not records:
            raise _nothing(found.rejected)
        single = (
            posted.file is None and json.loads(posted.body.removeprefix(b"\xef\xbb\xbf"))["type"] != "FeatureCollection"
        )
        return Response(records[0] if single else checked(records, found.rejected, boundaries.report), media_type=JSON)

    return await _in_turn(request, answer)


@router.post(
    "/check/panels",
    summary="核查页面板 / what the check page says",
    responses=answers({JSON: "Object"}, 408, 413, 415, 422, 429, 503),
    dependencies=[PACED],
    openapi_extra={"requestBody": BODY},
)
async def panels(
    request: Request,
    service: Services,
    posted: Annotated[Posted, Depends(_posted)],
    as_of: AsOfDay = None,
    crs: Annotated[str | None, Query(max_length=200, description="坐标系代码 / CRS")] = None,
) -> Response:
    """核查页面的内容：各界址的面板与范围，未通过的行，读取情况；不入库.

    What the check page shows of boundaries: panel and shapes of each, rejected rows, and how they were read; nothing is
    stored.
    """

    def answer() -> Response:
        boundaries = _boundaries(service, posted, crs)
        found = service.check(boundaries, as_of)
        return json_answer(
            service.uploaded(boundaries, found)
            | {
                "rejected": [fault_json(fault) for fault in found.rejected],
                "report": report_json(boundaries.report),
            }
        )

    return await _in_turn(request, answer)


async def _in_turn(request: Request, answer: Callable[[], Response]) -> Response:
    state = request.app.state
    places: asyncio.Semaphore = state.checks
    if state.waiting >= WAITING:
        raise _busy()
    state.waiting += 1
    try:
        await asyncio.wait_for(places.acquire(), WAIT_S)
    except TimeoutError:
        raise _busy() from None
    finally:
        state.waiting -= 1
    try:
        return await run_in_threadpool(answer)
    finally:
        places.release()


def _boundaries(service: Service, posted: Posted, crs: str | None) -> Boundaries:
    if posted.file is None:
        found = service.read_geojson(posted.body, crs)
    else:
        found = _read_file(service, posted.file, posted.name, crs)
    if len(found.parcels) > MAX_BOUNDARIES:
        raise _too_many(len(found.parcels))
    return found


def _read_file(service: Service, file: BinaryIO, name: str, crs: str | None) -> Boundaries:
    """Read an upload from a file of its own, so that a large one is never held in memory here."""
    with tempfile.TemporaryDirectory(prefix="geo-service-") as folder:
        path = Path(folder) / "upload"
        with path.open("wb") as out:
            shutil.copyfileobj(file, out, 1 << 20)
        return service.read_boundaries(path, name, crs)


def _too_many(count: int) -> Problem:
    return Problem(
        422,
        "too-many",
        Text(
            f"共{count}个界址，一次最多核查{MAX_BOUNDARIES}个",
            f"{count} boundaries; one request checks at most {MAX_BOUNDARIES}",
        ),
        step=Text("请分批提交，或用命令行 check", "send them in parts, or use the command 'check'"),
        value=str(count),
    )


def _busy() -> Problem:
    return Problem(
        503,
        "busy",
        Text(f"服务忙，请{RETRY_S}秒后重试", f"other checks are at work; try again in {RETRY_S} seconds"),
        step=Text(f"请{RETRY_S}秒后重试", f"try again in {RETRY_S} seconds"),
        headers={"Retry-After": str(RETRY_S)},
    )


def _nothing(rejected: tuple[Fault, ...]) -> Problem:
    if len(rejected) == 1:
        found = problem_of(InputError(rejected[0]))
        status = max(found.status, 422)
        return Problem(status, found.code, found.detail, step=found.step, value=found.value, items=found.items)
    return Problem(
        422,
        "nothing-to-check",
        Text(
            f"没有可核查的界址（{len(rejected)} 行未通过）",
            f"no boundary could be checked ({len(rejected)} rows rejected)",
        ),
        step=Text("请按 items 逐行修正", "mend the rows that items list"),
        items=[fault_json(fault) for fault in rejected],
    )
