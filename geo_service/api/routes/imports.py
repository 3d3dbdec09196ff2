"""A file for a layer: taken at once, imported by and by, told about until it has ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from geo_service.api.access import Guarded, caller_of, needs
from geo_service.api.answers import attachment, json_answer
from geo_service.api.errors import Problem
from geo_service.api.guard import MULTIPART
from geo_service.api.links import JSON, XLSX, link, segment, url
from geo_service.api.openapi import answers
from geo_service.api.pace import PACED
from geo_service.api.parameters import Day, OnlyKnown, Services
from geo_service.api.routes.known import report_json
from geo_service.api.uploads import FIELD, Upload, form_schema, uploads
from geo_service.errors import Fault, NotFound
from geo_service.export.checked import fault_json
from geo_service.export.rejects import rejects
from geo_service.importing import Closing, Desk, Order, StorageFull
from geo_service.model.access import Role
from geo_service.model.text import Text
from geo_service.service import Service
from geo_service.store.jobs import JobRow, KeyTaken, Stage, State, TooMany

router = APIRouter(
    tags=["导入 / import"],
    route_class=Guarded,
    dependencies=[needs(Role.PLANNER, whole=True), OnlyKnown],
    default_response_class=Response,
)
EVENTS = "text/event-stream"
EXTENT = "extent"
#: How often a job is looked at for those who listen, and how soon those who ask should come again.
LOOK_S = 0.5
RETRY_S = 2
#: A listener that hears nothing for long takes the line for dead.
HEARTBEAT_S = 15.0
#: A stream ends after a while, so that a program that is ending waits for nobody; listeners come again by themselves.
STREAM_S = 300.0
MOST_LISTENERS = 64
#: Rejected rows in the description of a job; all of them are at its link.
SHOWN_FAULTS = 100

STATES = {
    State.QUEUED: Text("排队", "queued"),
    State.RUNNING: Text("进行中", "running"),
    State.DONE: Text("完成", "done"),
    State.REFUSED: Text("文件被拒绝，未入库", "the file was refused; nothing was stored"),
    State.CANCELLED: Text("已取消，未入库", "cancelled; nothing was stored"),
    State.INTERRUPTED: Text("服务中断，未入库，请重新提交", "the service ended; nothing was stored, send it again"),
    State.FAILED: Text("未完成，未入库", "failed; nothing was stored"),
}
STAGES = {
    Stage.WAITING: Text("等待", "waiting"),
    Stage.READING: Text("读取与检查", "reading and checking"),
    Stage.STORING: Text("入库", "storing"),
    Stage.PREPARING: Text("准备量算", "preparing for measuring"),
    Stage.ENDED: Text("已结束", "ended"),
}

JobId = Annotated[str, Path(description="任务编号 / id of a job")]
Words = Annotated[str | None, Query(max_length=200)]


async def _files(request: Request) -> AsyncIterator[Mapping[str, Upload]]:
    async with uploads(request, EXTENT) as found:
        yield found


async def _desk(request: Request) -> Desk:
    found: Desk = request.app.state.imports
    return found


Desks = Annotated[Desk, Depends(_desk)]


@router.post(
    "/layers/{layer_id}/editions",
    status_code=202,
    summary="导入图层 / import a file as an edition",
    responses=answers({JSON: "Job"}, 403, 404, 408, 409, 413, 415, 422, 429, 503, 507, status=202),
    dependencies=[PACED],
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                MULTIPART: form_schema(
                    file="TXT, GeoJSON, shapefile.zip, GeoPackage, KML, DXF, CSV, GeoTIFF …",
                    extent="资料覆盖范围 / polygons of the ground that was surveyed",
                )
            },
        }
    },
)
async def bring(
    request: Request,
    service: Services,
    desk: Desks,
    files: Annotated[Mapping[str, Upload], Depends(_files)],
    layer_id: Annotated[str, Path(description="图层编号，见 /layers / id of a layer, see /layers")],
    crs: Annotated[
        str | None,
        Query(max_length=200, description="坐标系代码，优先于文件声明 / CRS, before what the file declares"),
    ] = None,
    encoding: Annotated[str | None, Query(max_length=40, description="属性编码 / encoding of the attributes")] = None,
    edition_date: Annotated[
        Day | None,
        Query(description="数据日期，默认且不晚于今日 / date of the data: today if none is given, and at the latest"),
    ] = None,
    id_field: Annotated[str | None, Query(max_length=64, description="编号字段 / field with the id")] = None,
    layer: Annotated[
        str | None, Query(max_length=200, description="文件含多个图层时选用 / which layer of a file with several")
    ] = None,
    quarantine: Annotated[bool, Query(description="拒绝的行不入库，其余入库 / store the rows that are right")] = False,
    anywhere: Annotated[bool, Query(description="允许远离开发区 / the data may lie far from every zone")] = False,
    dry_run: Annotated[bool, Query(description="只检查，不入库 / check only, store nothing")] = False,
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=200,
            description="请求标识，重发时不会重复导入 / names the request: sent again, it is not done again",
        ),
    ] = None,
) -> Response:
    """上传一个文件，作为图层的一个数据版次导入；立即返回任务，进度见任务地址.

    全部成功或全部不入（quarantine 除外）；发布在一瞬间完成，读者看到旧版次或新版次，不会混用。

    Upload a file to be imported as an edition of a layer. The answer is a job; its address tells how far it is, what
    was rejected, and which edition it became. All rows or none, unless ``quarantine``; readers see the old edition or
    the new one, never a mix.
    """
    if layer_id not in service.catalogue.layers:
        there = "、".join(service.catalogue.layers)
        raise NotFound(f"没有图层 {layer_id[:64]}；可用：{there} / no layer {layer_id[:64]}; there are: {there}")
    order = Order(
        layer_id,
        files[FIELD].name,
        service.data_date(edition_date),
        crs,
        encoding,
        id_field,
        layer,
        quarantine,
        anywhere,
        dry_run,
    )
    extent = files.get(EXTENT)

    def take() -> JobRow:
        return desk.take(
            order,
            files[FIELD].file,
            None if extent is None else extent.file,
            key=idempotency_key,
            caller=caller_of(request).id,
        )

    try:
        row = await run_in_threadpool(take)
    except KeyTaken:
        raise _key_taken(idempotency_key or "") from None
    except TooMany as error:
        raise _too_many(own=error.own) from None
    except StorageFull:
        raise _no_room() from None
    except Closing:
        raise _too_many(own=False) from None
    address = url(request, f"/jobs/{row.id}")
    headers = {"Location": address, "Retry-After": str(RETRY_S), "Cache-Control": "no-store"}
    answer = json_answer(job_json(request, service, row), headers=headers)
    answer.status_code = 202
    return answer


@router.get("/jobs/{job_id}", summary="导入任务 / an import", responses=answers({JSON: "Job"}, 404))
def job(request: Request, service: Services, desk: Desks, job_id: JobId) -> Response:
    """任务的状态、进度、行数与结果 / how it stands with an import: state, progress, counts, outcome."""
    row = desk.job(job_id)
    headers = {"Cache-Control": "no-store"} | ({} if row.state.final else {"Retry-After": str(RETRY_S)})
    return json_answer(job_json(request, service, row), headers=headers)


@router.delete(
    "/jobs/{job_id}", summary="取消导入 / call an import off", responses=answers({JSON: "Job"}, 403, 404, 409)
)
def cancel(request: Request, service: Services, desk: Desks, job_id: JobId) -> Response:
    """取消尚未发布的导入，不留任何数据；已结束或已发布的返回 409.

    Call off an import that has not published anything; nothing of it stays. 409 when it is too late.
    """
    stopped = desk.cancel(job_id)
    row = desk.job(job_id)
    if not stopped:
        told = STATES[row.state] if row.state.final else STAGES[row.stage]
        raise Problem(
            409,
            "too-late",
            Text(f"任务不能再取消：{told.zh}", f"the job cannot be called off any more: {told.en}"),
            step=Text("请查看任务结果", "look at what became of it"),
            value=row.state.value,
        )
    return json_answer(job_json(request, service, row), headers={"Cache-Control": "no-store"})


@router.get(
    "/jobs/{job_id}/events",
    summary="导入进度（server-sent events） / progress of an import",
    responses=answers({EVENTS: "Event"}, 404, 503),
)
async def events(request: Request, service: Services, desk: Desks, job_id: JobId) -> Response:
    """每有变化发送一个 progress 事件，内容同 /jobs/{id}；结束时发送 end.

    An event ``progress`` at every change, with the same JSON as the job's address, and ``end`` when it has ended.
    """
    first = await run_in_threadpool(desk.job, job_id)
    if request.app.state.listeners >= MOST_LISTENERS:
        raise Problem(
            503,
            "busy",
            Text("收听者过多，请改用轮询", "too many are listening; ask the job's address instead"),
            step=Text(f"请每{RETRY_S}秒查询任务", f"ask for the job every {RETRY_S} seconds"),
            headers={"Retry-After": str(RETRY_S)},
        )
    return StreamingResponse(
        _told(request, service, desk, first),
        media_type=EVENTS,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _told(request: Request, service: Service, desk: Desk, row: JobRow) -> AsyncIterator[str]:
    state = request.app.state
    state.listeners += 1
    try:
        said, number, quiet, whole = "", 0, 0.0, 0.0
        yield f"retry: {RETRY_S * 1000}\n\n"
        while whole < STREAM_S and not state.stopping.is_set():
            words = json.dumps(job_json(request, service, row), ensure_ascii=False)
            if words != said:
                said, quiet, number = words, 0.0, number + 1
                kind = "end" if row.state.final else "progress"
                yield f"id: {number}\nevent: {kind}\ndata: {words}\n\n"
                if row.state.final:
                    return
            elif quiet >= HEARTBEAT_S:
                quiet = 0.0
                yield ": \n\n"
            await asyncio.sleep(LOOK_S)
            quiet, whole = quiet + LOOK_S, whole + LOOK_S
            row = await run_in_threadpool(desk.job, row.id)
    finally:
        state.listeners -= 1


@router.get("/jobs/{job_id}/rejected", summary="未通过的行 / rejected rows", responses=answers({JSON: "Rejected"}, 404))
def rejected(service: Services, desk: Desks, job_id: JobId) -> Response:
    """逐行列出未通过的原因 / every rejected row and why."""
    row = desk.job(job_id)
    return json_answer(
        {"job": row.id, "rejected": [fault_json(fault) for fault in _faults(service, row)]},
        headers={"Cache-Control": "no-store"},
    )


@router.get(
    "/jobs/{job_id}/rejected.xlsx",
    summary="未通过的行（表格） / rejected rows as a spreadsheet",
    responses=answers({XLSX: "Bytes"}, 404),
)
def rejected_sheet(service: Services, desk: Desks, job_id: JobId) -> Response:
    """未通过的行，供修正者使用的 XLSX / rejected rows as XLSX, for whoever mends them."""
    row = desk.job(job_id)
    found = attachment(rejects(_faults(service, row)), f"rejected-{row.id}.xlsx", XLSX)
    found.headers["Cache-Control"] = "no-store"
    return found


def _faults(service: Service, row: JobRow) -> tuple[Fault, ...]:
    return row.faults if row.report is None else row.report.rejected


def job_json(request: Request, service: Service, row: JobRow) -> dict[str, Any]:
    """Write a job."""
    faults = _faults(service, row)
    here = url(request, f"/jobs/{row.id}")
    links = [
        link(here, "self", JSON, row.id),
        link(f"{here}/events", "monitor", EVENTS, "进度 / progress"),
        link(f"{here}/rejected", "related", JSON, "未通过的行 / rejected rows"),
        link(f"{here}/rejected.xlsx", "related", XLSX, "未通过的行 / rejected rows"),
    ]
    if row.edition is not None:
        edition = url(request, f"/editions/{segment(row.edition)}")
        links.append(link(edition, "result", JSON, "导入报告 / import report"))
    counted = row.state in (State.DONE, State.REFUSED)
    spec = service.catalogue.layers.get(row.layer)
    private = spec is None or any(field.private for field in spec.fields)
    return {
        "id": row.id,
        "layer": row.layer,
        "source": row.source,
        "state": row.state.value,
        "said": _both(STATES[row.state]),
        "progress": {"stage": row.stage.value, "said": _both(STAGES[row.stage]), "done": row.done, "total": row.total},
        "submitted_at": row.submitted_at,
        "began_at": row.began_at,
        "ended_at": row.ended_at,
        "counts": {
            "read": row.read,
            "stored": row.report.stored if row.report is not None else 0,
            "rejected": len(faults),
            "deleted": row.report.deleted if row.report is not None else None,
        }
        if counted
        else None,
        "edition": row.edition,
        "report": None if row.report is None else report_json(row.report, private=private),
        "rejected": [fault_json(fault) for fault in faults[:SHOWN_FAULTS]],
        "links": links,
    }


def _both(text: Text) -> dict[str, str]:
    return {"zh": text.zh, "en": text.en}


def _key_taken(key: str) -> Problem:
    return Problem(
        422,
        "idempotency-key-reused",
        Text("同一 Idempotency-Key 已用于另一请求", "this Idempotency-Key came before with another request"),
        step=Text("内容不同的请求请换一个标识", "use another key for another request"),
        value=key,
    )


def _too_many(*, own: bool) -> Problem:
    zh, en = (
        ("您有过多导入尚未结束", "too many imports of yours have not ended")
        if own
        else ("导入排队已满", "too many imports wait")
    )
    return Problem(
        429 if own else 503,
        "too-many-imports" if own else "busy",
        Text(zh, en),
        step=Text("请等已有任务结束后再提交", "send it again when those have ended"),
        headers={"Retry-After": "30"},
    )


def _no_room() -> Problem:
    return Problem(
        507,
        "storage-full",
        Text("服务器磁盘空间不足，文件未接收", "there is no room for the file; it was not taken"),
        step=Text("请管理员清理磁盘后重试", "ask the administrator to make room, then try again"),
    )
