"""From an exception to a problem document (RFC 9457), or a page that says the same: one table, and its handlers."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Route

from geo_service.api.answers import VARIED, prefers_html
from geo_service.api.pages import page
from geo_service.api.templating import template
from geo_service.errors import (
    Fault,
    GeoServiceError,
    InputError,
    NotFound,
    PackageRefused,
    WorkspaceError,
)
from geo_service.export.checked import fault_json
from geo_service.model.text import Text

PROBLEM_JSON = "application/problem+json"
TYPE = "urn:geo-service:error:"
MAX_VALUE = 200
MAX_ITEMS = 1000
_LOG = logging.getLogger("geo_service.api")
_PAGE = template("problem.html")

#: Exception → status; the first that fits counts. Anything else of ours is a fault of the server.
STATUS: dict[type[GeoServiceError], int] = {
    NotFound: 404,
    PackageRefused: 409,
    InputError: 422,
    WorkspaceError: 503,
}

#: Faults that are no matter of meaning but of form, or ours.
STATUS_OF_FAULT = {
    "bad_json": 400,
    "duplicate_key": 400,
    "empty_file": 400,
    "encoding": 400,
    "measuring_failed": 503,
    "too_deep": 400,
    "dwg_unsupported": 415,
    "unsupported_format": 415,
}

TITLES = {
    400: Text("请求有误", "Bad request"),
    401: Text("需要密钥", "Key needed"),
    403: Text("无权操作", "Not allowed"),
    404: Text("没有找到", "Not found"),
    405: Text("不支持的方法", "Method not allowed"),
    408: Text("上传过慢", "Upload too slow"),
    409: Text("当前不可操作", "Not possible now"),
    413: Text("内容过大", "Content too large"),
    415: Text("不支持的格式", "Unsupported format"),
    416: Text("没有这一部分", "No such part"),
    422: Text("内容有误", "Cannot be processed"),
    429: Text("请求过多", "Too many requests"),
    500: Text("内部错误", "Internal error"),
    503: Text("暂不可用", "Not available right now"),
    507: Text("空间不足", "No room left"),
}
NOTHING = Text("", "")


class Problem(Exception):
    """A request that cannot be answered, with the status and words of its problem document."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: Text,
        *,
        step: Text = NOTHING,
        value: str | None = None,
        items: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail.en)
        self.status = status
        self.code = code
        self.detail = detail
        self.step = step
        self.value = value
        self.items = items
        self.headers = dict(headers or {})


def problem_of(error: GeoServiceError) -> Problem:
    """Say an exception of ours as a problem.

    Examples
    --------
    >>> found = problem_of(NotFound("没有地块 X / there is no parcel X"))
    >>> found.status, found.code, found.detail.en
    (404, 'not-found', 'there is no parcel X')
    """
    status = next((status for kind, status in STATUS.items() if isinstance(error, kind)), 500)
    if isinstance(error, InputError) and error.faults:
        return _of_faults(error.faults, status)
    if isinstance(error, NotFound):
        zh, _, en = str(error).partition(" / ")
        step = Text("请核对编号或名称", "look at the id or name")
        return Problem(status, "not-found", Text(zh, en or zh), step=step)
    if isinstance(error, PackageRefused):
        return _of_refusal(error, status)
    if status == 503:
        # Its own words name folders, which are nobody's business outside.
        return Problem(
            status,
            "workspace-unavailable",
            Text("工作区暂时无法读取", "the workspace cannot be read right now"),
            step=Text("请稍后重试或联系管理员", "try again later, or ask the administrator"),
            headers={"Retry-After": "5"},
        )
    return internal()


def bad_parameter(name: str, words: Text, value: str) -> Problem:
    """Say that a query parameter is not what it must be."""
    return Problem(
        400,
        "bad-parameter",
        Text(f"参数 {name}：{words.zh}", f"parameter {name}: {words.en}"),
        step=Text("各参数的写法见 /docs", "/docs says how each parameter is written"),
        value=value,
    )


def internal() -> Problem:
    """Say that something of ours failed, without saying what."""
    return Problem(
        500,
        "internal",
        Text("服务内部出错，未给出任何结论", "something failed inside; nothing was concluded"),
        step=Text("请将请求编号告知管理员", "give the request's number to the administrator"),
    )


def _of_faults(faults: Sequence[Fault], status: int) -> Problem:
    first = faults[0]
    where = f"{first.where}：" if first.where else ""
    where_en = f"{first.where}: " if first.where else ""
    return Problem(
        STATUS_OF_FAULT.get(first.code, status),
        first.code,
        Text(where + first.zh, where_en + first.en),
        step=Text(first.next_zh, first.next_en),
        value=first.value,
        items=[fault_json(fault) for fault in faults] if len(faults) > 1 or first.row is not None else (),
    )


def _of_refusal(error: PackageRefused, status: int) -> Problem:
    ids = "、".join(parcel for parcel, _, _ in error.refused)
    missing = sum(len(reasons) for _, _, reasons in error.refused)
    return Problem(
        status,
        "package-refused",
        Text(
            f"地块不具备条件，不能生成成果包（缺{missing}项）：{ids}",
            f"not ready, no tender package ({missing} missing): {ids}",
        ),
        step=Text(
            "请先补齐所列各项；确需导出时加 force=true，成果包每页注明",
            "settle what is listed; force=true exports all the same, and every page says so",
        ),
        items=[
            {"id": parcel, "verdict": verdict, "reasons": list(reasons)} for parcel, verdict, reasons in error.refused
        ],
    )


def problem_response(request: Request, problem: Problem) -> Response:
    """Write a problem document; for a browser that asked for a page, a page."""
    title = TITLES.get(problem.status, TITLES[500 if problem.status >= 500 else 400])
    value = None if problem.value is None else problem.value[:MAX_VALUE]
    reads = request.method in {"GET", "HEAD"}
    headers = problem.headers | (VARIED if reads else {})
    # Libraries accept pages by themselves; whoever asks for JSON in the address means it.
    if reads and request.query_params.get("f") != "json" and prefers_html(request.headers.get("accept", "")):
        nonce = secrets.token_urlsafe(16)
        number = request.state.request_id
        html = _PAGE.render(title=title, problem=problem, value=value, number=number, nonce=nonce)
        answer = page(html.encode("utf-8", errors="replace"), nonce)
        answer.status_code = problem.status
        answer.headers.update(headers)
        return answer
    body = {
        "type": TYPE + problem.code,
        "title": f"{title.zh} / {title.en}",
        "status": problem.status,
        "detail": problem.detail.zh,
        "detail_en": problem.detail.en,
        "code": problem.code,
        "value": value,
        "next": {"zh": problem.step.zh, "en": problem.step.en},
        "instance": f"urn:uuid:{request.state.request_id}",
        "items": list(problem.items[:MAX_ITEMS]),
    }
    content = json.dumps(body, ensure_ascii=False).encode("utf-8", errors="replace")
    return Response(content, problem.status, headers, PROBLEM_JSON)


#: What was expected, by the validator's kind of error.
_EXPECTED = {
    "missing": "必填",
    "int_parsing": "应为整数",
    "float_parsing": "应为数值",
    "finite_number": "应为有限数值",
    "bool_parsing": "应为 true 或 false",
    "greater_than_equal": "应不小于{ge}",
    "less_than_equal": "应不大于{le}",
    "string_too_long": "不超过{max_length}个字符",
    "string_too_short": "不少于{min_length}个字符",
    "enum": "应为 {expected} 之一",
}


def _of_validation(error: RequestValidationError) -> Problem:
    first = error.errors()[0]
    name = str(first["loc"][-1])
    context = first.get("ctx", {})
    given = first.get("input")
    kind = str(first["type"])
    if kind == "value_error" and isinstance(context.get("error"), BilingualValueError):
        words: Text = context["error"].words
    else:
        zh = _EXPECTED.get(kind, "无效").format_map({key: str(value) for key, value in context.items()})
        words = Text(zh, str(first["msg"]))
    return bad_parameter(name, words, given if isinstance(given, str) else "")


class BilingualValueError(ValueError):
    """A parameter that is not what it must be."""

    def __init__(self, words: Text) -> None:
        super().__init__(words.en)
        self.words = words


def install(app: FastAPI) -> None:
    """Let every error of an app go out as a problem document."""

    def of_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return problem_response(request, error)

    def of_ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, GeoServiceError)
        problem = problem_of(error)
        if problem.status >= 500:
            _LOG.error("request %s failed", request.state.request_id, exc_info=error)
        return problem_response(request, problem)

    def of_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return problem_response(request, _of_validation(error))

    def of_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return problem_response(request, _of_http(request, error))

    app.add_exception_handler(Problem, of_problem)
    app.add_exception_handler(GeoServiceError, of_ours)
    app.add_exception_handler(RequestValidationError, of_validation)
    app.add_exception_handler(HTTPException, of_http)


def _of_http(request: Request, error: HTTPException) -> Problem:
    words = {
        404: ("not-found", Text("没有该地址", "there is nothing at this address")),
        405: ("method-not-allowed", Text("该地址不支持此方法", "this address does not take that method")),
    }
    code, detail = words.get(
        error.status_code, ("bad-request", Text("请求无法理解", "the request cannot be understood"))
    )
    step = Text("可用的地址见 /docs", "/docs lists the addresses there are")
    headers = {"Allow": _allowed(request)} if error.status_code == 405 else error.headers
    return Problem(error.status_code, code, detail, step=step, headers=headers)


def _allowed(request: Request) -> str:
    """Name the methods of all routes at an address; the framework names those of the first one."""
    # Whatever is mounted has seen only its part of the path.
    scope = {**request.scope, "root_path": request.scope.get("app_root_path", request.scope.get("root_path", ""))}
    found: set[str] = set()
    for route in request.app.routes:
        if route.matches(scope)[0] is not Match.NONE:
            # What is mounted are files.
            found |= route.methods if isinstance(route, Route) and route.methods else {"GET"}
    # See `geo_service.api.guard.Guard`.
    return ", ".join(sorted(found | {"HEAD"} if "GET" in found else found))
