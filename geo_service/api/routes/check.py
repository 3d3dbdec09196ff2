"""Check boundaries from outside: a body of GeoJSON, or a file of any accepted format. Nothing is stored."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Annotated, BinaryIO, TypeVar

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.responses import Response, StreamingResponse

from geo_service import __version__
from geo_service.api.access import Guarded, caller_of, needs
from geo_service.api.answers import VARIED, json_answer, names, prefers_features, unchanged
from geo_service.api.errors import Problem, bad_parameter, problem_of
from geo_service.api.guard import MULTIPART
from geo_service.api.links import GEOJSON, JSON
from geo_service.api.openapi import answers
from geo_service.api.pace import PACED
from geo_service.api.parameters import AsOfDay, OnlyKnown, ProjectType, Services, listed
from geo_service.api.turns import Turns
from geo_service.api.uploads import FIELD, form_schema, media_of, uploads
from geo_service.checking import SINGLE_BYTES, Found, Unread
from geo_service.errors import Fault, InputError
from geo_service.export.checked import (
    checked_parts,
    fault_json,
    feature_parts,
    flat_feature,
    report_json,
    with_assessments,
)
from geo_service.ingest import Boundaries
from geo_service.kept import Kept
from geo_service.model.access import Role
from geo_service.model.enums import NoDataReason
from geo_service.model.report import ImportReport
from geo_service.model.text import Text
from geo_service.service import Service
from geo_service.worker import SLOTS

router = APIRouter(
    tags=["核查 / check"],
    route_class=Guarded,
    dependencies=[needs(Role.VIEWER), OnlyKnown],
    default_response_class=Response,
)
#: Answers by what names them, see `_tag`: nothing of other data, rules, dates or zones is found.
Answered = Kept[str, bytes]
ANSWERED_BYTES = 32_000_000
#: Checks at once at the most; more wait here, where they take no thread from the other routes.
CHECKS = SLOTS
#: As many more may wait; others are turned away at once.
WAITING = 16 * CHECKS
#: Boundaries in one request; a file of more is for the command line.
MAX_BOUNDARIES = 10_000
#: So many are answered at once; of more each is sent when it is there.
GATHERED = 100
#: Requests with more than that at once, beside the others.
LONG_CHECKS = max(1, SLOTS // 2)
#: Rejections that say something of the moment, and nothing of the boundary.
PASSING = frozenset({"measuring_failed", "not_measured", "geometry_too_complex"})
_FAILED = f'reason":"{NoDataReason.FAILED}"'.encode()
WAIT_S = 20.0
RETRY_S = 5
JSON_KINDS = ("application/json", "application/geo+json", "application/vnd.geo+json")
#: What a body must have in it to be a collection; a letter may be written as its number.
_COLLECTION = re.compile(rb"FeatureCollection|\\u")

T = TypeVar("T")
Crs = Annotated[
    str | None, Query(max_length=200, description="坐标系代码，优先于文件声明 / CRS, before what the file declares")
]
BODY = {
    "required": True,
    "description": "GeoJSON，或以字段 file 上传的文件 / GeoJSON, or a file uploaded as field 'file'",
    "content": {
        "application/geo+json": {"schema": {"$ref": "#/components/schemas/GeoJSON"}},
        "application/json": {"schema": {"$ref": "#/components/schemas/GeoJSON"}},
        MULTIPART: form_schema(file="TXT, GeoJSON, shapefile.zip, GeoPackage, KML, DXF, CSV …"),
    },
}


@dataclass(frozen=True)
class Posted:
    """What came with the request: a body of GeoJSON, or an open file with the name it came with."""

    body: bytes = b""
    file: BinaryIO | None = None
    name: str = ""

    @property
    def is_single(self) -> bool:
        """Tell whether one boundary was sent by itself; only for what could be read."""
        return self.file is None and json.loads(self.body.removeprefix(b"\xef\xbb\xbf"))["type"] != "FeatureCollection"

    @property
    def is_surely_single(self) -> bool:
        """Tell whether this can be no collection, nor much, whatever it is: the word stands nowhere in it."""
        return self.file is None and len(self.body) <= SINGLE_BYTES and _COLLECTION.search(self.body) is None


@asynccontextmanager
async def _posted(request: Request) -> AsyncIterator[Posted]:
    kind = media_of(request)
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
    async with uploads(request) as files:
        yield Posted(file=files[FIELD].file, name=files[FIELD].name)


@dataclass(frozen=True)
class _Asked:
    """How boundaries are to be checked, and how they are to be answered.

    Attributes
    ----------
    assessments : tuple of str or None
        The assessments that are told of; ``None``: all.
    left_out : tuple of str
        The others.
    features : bool
        Whether features are answered instead of records.
    """

    as_of: date | None
    project_type: str | None
    zone: str | None
    crs: str | None
    assessments: tuple[str, ...] | None
    left_out: tuple[str, ...]
    features: bool

    @property
    def media(self) -> str:
        """Media type of the answer."""
        return GEOJSON if self.features else JSON

    def told(self, one: Found) -> bytes:
        """Write what was found of a boundary as it is wanted."""
        if self.features:
            return flat_feature(one.drawn, self.left_out)
        return one.record if self.assessments is None else with_assessments(one.record, self.assessments)

    def written(self, found: Iterable[Found | Fault]) -> Iterator[bytes | Fault]:
        """Write what was found of boundaries; faults stay."""
        for one in found:
            yield one if isinstance(one, Fault) else self.told(one)

    def parts(self, found: Iterable[bytes | Fault], report: ImportReport) -> Iterator[bytes]:
        """Put them together."""
        return feature_parts(found, report) if self.features else checked_parts(found, report)

    def answer(self, content: bytes, tag: str | None) -> Response:
        """Answer at once, with a tag where the same comes out again."""
        headers = VARIED if tag is None else {**VARIED, "ETag": f'"{tag}"'}
        return Response(content, media_type=self.media, headers=headers)


async def _asked(
    request: Request,
    service: Services,
    as_of: AsOfDay = None,
    project_type: ProjectType = None,
    zone: Annotated[
        str | None, Query(max_length=200, description="按此开发区核查 / the zone by which all are judged")
    ] = None,
    crs: Crs = None,
    assessments: Annotated[
        str | None,
        Query(
            max_length=200,
            description="只列出这些区域评估（逗号分隔）；结论仍依据全部 / tell of these assessments only, separated by "
            "commas; the verdict rests on all",
        ),
    ] = None,
) -> _Asked:
    order = service.rulebook.order
    there = (*order.core, *order.local)
    wanted = there if assessments is None else listed(assessments)
    if not wanted or not set(wanted) <= set(there):
        raise bad_parameter(
            "assessments",
            Text(f"可用：{'、'.join(there)}", f"there are: {', '.join(there)}"),
            assessments or "",
        )
    told = None if assessments is None else tuple(code for code in there if code in wanted)
    left_out = tuple(code for code in there if code not in wanted)
    features = prefers_features(request.headers.get("accept", ""))
    return _Asked(as_of, project_type, zone, crs, told, left_out, features)


@router.post(
    "/check",
    summary="核查界址 / check boundaries",
    responses=answers({JSON: "RecordOrChecked", GEOJSON: "CheckedFeatures"}, 408, 413, 415, 422, 429, 503),
    dependencies=[PACED],
    openapi_extra={"requestBody": BODY},
)
async def check(
    request: Request,
    service: Services,
    asked: Annotated[_Asked, Depends(_asked)],
) -> Response:
    """核查一个或多个界址，不入库.

    Geometry 或 Feature 返回一条记录；FeatureCollection 或上传文件返回 records、rejected 与 report（读取与修复情况），
    顺序同输入，较多时边算边发。Accept: application/geo+json 返回要素，属性为各项结论。

    Check boundaries, storing nothing. A Geometry or Feature gives one record; a FeatureCollection or an upload gives
    ``records`` and ``rejected``, in the order of the file, and ``report``: how it was read and what was mended; of many
    the records are sent as they are made. With ``Accept: application/geo+json`` features are answered, the outcomes as
    their properties. Few boundaries have an ETag: the same under the same data and rules.
    """
    async with _posted(request) as posted:
        return await _checked(request, service, posted, asked)


async def _checked(request: Request, service: Service, posted: Posted, asked: _Asked) -> Response:
    if posted.file is None:
        tag = _tag(request, service, posted, asked)
    else:
        tag = await run_in_threadpool(_tag, request, service, posted, asked)
    if names(request, tag):
        return unchanged(tag, VARIED)
    answered: Answered = request.app.state.answered
    known = answered.get(tag)
    if known is not None:
        return asked.answer(known, tag)

    def first() -> Response | Boundaries:
        if posted.is_surely_single:
            body = Unread(posted.body, asked.crs, asked.project_type)
            one = service.check_one(body, asked.as_of, asked.zone, drawn=asked.features)
            if isinstance(one, Fault):
                raise _nothing([one])
            return asked.answer(asked.told(one), None if _passes(one) else tag)
        boundaries = _boundaries(service, posted, asked.crs)
        if len(boundaries.parcels) > GATHERED:
            return boundaries
        found = list(service.checks(boundaries, asked.as_of, asked.project_type, asked.zone, drawn=asked.features))
        return _whole(asked, posted, boundaries, found, tag)

    answer = await _in_turn(request, first)
    if not isinstance(answer, Response):
        return await _streamed(request, service, asked, answer)
    # Whoever asks again, because an answer got lost or the next office asks the same, is answered without measuring.
    if "etag" in answer.headers and len(answer.body) <= ANSWERED_BYTES:
        answered.put(tag, bytes(answer.body), len(answer.body))
    return answer


def _whole(asked: _Asked, posted: Posted, boundaries: Boundaries, found: Sequence[Found | Fault], tag: str) -> Response:
    """Answer few boundaries at once."""
    rejected = [*boundaries.rejected, *(one for one in found if isinstance(one, Fault))]
    if len(rejected) == len(found) + len(boundaries.rejected):
        raise _nothing(sorted(rejected, key=lambda fault: fault.row or 0))
    written = list(asked.written(found))
    content = (
        b"".join(one for one in written if isinstance(one, bytes))
        if posted.is_single
        else b"".join(asked.parts([*written, *boundaries.rejected], boundaries.report))
    )
    passing = any(map(_passes, (*found, *boundaries.rejected)))
    return asked.answer(content, None if passing else tag)


def _passes(one: Found | Fault) -> bool:
    """Tell whether something may come out otherwise next time, because a process overran or something failed."""
    return one.code in PASSING if isinstance(one, Fault) else _FAILED in one.record


async def _streamed(request: Request, service: Service, asked: _Asked, boundaries: Boundaries) -> Response:
    """Answer many boundaries one by one, once there is a record of one."""
    places: asyncio.Semaphore = request.app.state.long_checks
    await _acquired(request, places)
    try:
        found = service.checks(boundaries, asked.as_of, asked.project_type, asked.zone, drawn=asked.features)
        begun = await run_in_threadpool(_to_first, found)
        if not isinstance(begun[-1], Found):
            raise _nothing([*(one for one in begun if isinstance(one, Fault)), *boundaries.rejected])
    except BaseException:
        places.release()
        raise
    written = asked.written(chain(begun, found))
    parts = asked.parts(chain(written, boundaries.rejected), boundaries.report)

    async def sent() -> AsyncIterator[bytes]:
        try:
            async for part in iterate_in_threadpool(parts):
                yield part
        finally:
            places.release()

    return StreamingResponse(sent(), media_type=asked.media, headers=VARIED)


def _to_first(found: Iterator[Found | Fault]) -> list[Found | Fault]:
    begun = []
    for one in found:
        begun.append(one)
        if isinstance(one, Found):
            break
    return begun


def _tag(request: Request, service: Service, posted: Posted, asked: _Asked) -> str:
    """Return what names an answer before it is worked out: the same data, rules, dates and bytes give the same."""
    digest = hashlib.sha256(posted.body)
    if posted.file is not None:
        posted.file.seek(0)
        while chunk := posted.file.read(1 << 20):
            digest.update(chunk)
        posted.file.seek(0)
    revision, zones = service.workspace.register.revision(), caller_of(request).zones
    seen = None if zones is None else sorted(zones)
    rests_on = (__version__, service.rulebook.sha256, revision, service.as_of(asked.as_of), seen)
    digest.update(repr((asked, posted.name, rests_on)).encode())
    return digest.hexdigest()


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
    as_of: AsOfDay = None,
    crs: Crs = None,
) -> Response:
    """核查页面的内容：各界址的面板与范围，未通过的行，读取情况；不入库.

    What the check page shows of boundaries: panel and shapes of each, rejected rows, and how they were read; nothing is
    stored.
    """

    def answer(posted: Posted) -> Response:
        boundaries = _boundaries(service, posted, crs)
        found = service.check(boundaries, as_of)
        return json_answer(
            service.uploaded(boundaries, found)
            | {
                "rejected": [fault_json(fault) for fault in found.rejected],
                "report": report_json(boundaries.report),
            }
        )

    async with _posted(request) as posted:
        return await _in_turn(request, lambda: answer(posted))


async def _in_turn(request: Request, answer: Callable[[], T]) -> T:
    turns: Turns = request.app.state.checks
    await _acquired(request, turns.places)
    with turns.taken():
        return await run_in_threadpool(answer)


async def _acquired(request: Request, places: asyncio.Semaphore) -> None:
    """Wait for a place; whoever finds a full line, or waits for too long, is turned away."""
    state = request.app.state
    if state.waiting >= WAITING:
        raise _busy()
    state.waiting += 1
    try:
        async with asyncio.timeout(WAIT_S):
            await places.acquire()
    except TimeoutError:
        raise _busy() from None
    finally:
        state.waiting -= 1


def _boundaries(service: Service, posted: Posted, crs: str | None) -> Boundaries:
    if posted.file is None:
        return service.read_geojson(posted.body, crs, most=MAX_BOUNDARIES)
    return _read_file(service, posted.file, posted.name, crs)


def _read_file(service: Service, file: BinaryIO, name: str, crs: str | None) -> Boundaries:
    """Read an upload from a file of its own, so that a large one is never held in memory here."""
    with tempfile.TemporaryDirectory(prefix="geo-service-") as folder:
        path = Path(folder) / "upload"
        with path.open("wb") as out:
            shutil.copyfileobj(file, out, 1 << 20)
        return service.read_boundaries(path, name, crs, most=MAX_BOUNDARIES)


def _busy() -> Problem:
    return Problem(
        503,
        "busy",
        Text(f"服务忙，请{RETRY_S}秒后重试", f"other checks are at work; try again in {RETRY_S} seconds"),
        step=Text(f"请{RETRY_S}秒后重试", f"try again in {RETRY_S} seconds"),
        headers={"Retry-After": str(RETRY_S)},
    )


def _nothing(rejected: Sequence[Fault]) -> Problem:
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
