"""The way in for a browser: a key once, then a cookie that no script reads and no other site sends."""

from __future__ import annotations

import logging
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from geo_service.api.access import COOKIE, PUBLIC, Access, Guarded, require_own_page
from geo_service.api.errors import TITLES, Problem
from geo_service.api.links import HTML
from geo_service.api.openapi import answers
from geo_service.api.parameters import OnlyKnown
from geo_service.api.signing import AT, HOME, own_path, sign_in_page
from geo_service.errors import GeoServiceError
from geo_service.model.text import Text

router = APIRouter(
    tags=["登录 / sign in"], route_class=Guarded, dependencies=[PUBLIC, OnlyKnown], default_response_class=Response
)
_LOG = logging.getLogger("geo_service.api")


def _again(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe what is said on the page where a key is shown."""
    return {
        status: {
            "description": f"{TITLES[status].zh} / {TITLES[status].en}",
            "content": {HTML: {"schema": {"$ref": "#/components/schemas/Page"}}},
        }
        for status in statuses
    }


After = Annotated[str, Query(max_length=2000, description="登录后前往的本站地址 / where to go then, on this server")]


@router.get(AT, summary="登录页 / sign-in page", responses=answers({HTML: "Page"}))
def sign_in(request: Request, after: After = HOME) -> Response:
    """供浏览器登录的页面；程序请在请求头出示密钥 / for browsers; programs show their key in a header."""
    return sign_in_page(request, after=after, signed_in=COOKIE in request.cookies)


@router.post(
    AT,
    summary="登录 / sign in",
    status_code=303,
    responses={**answers({}, 403, status=303), **_again(401, 429)},
)
async def enter(
    request: Request,
    key: Annotated[str, Form(max_length=200, description="密钥 / the key")],
    after: Annotated[str, Form(max_length=2000, description="登录后前往的本站地址 / where to go then")] = HOME,
) -> Response:
    """出示密钥，换取仅本站可用的会话 / show a key and get a session that only this site's pages use."""
    require_own_page(request)
    access: Access = request.app.state.access
    try:
        holder = await access.holder(request, key.strip())
    except Problem as refused:
        return sign_in_page(request, refused, after=after)
    answer = RedirectResponse(own_path(after), 303)
    answer.set_cookie(
        COOKIE,
        access.session(holder),
        max_age=int(access.policy.session_s),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


@router.post(
    "/sign-out",
    summary="退出 / sign out",
    status_code=303,
    responses={**answers({}, 403, status=303), **_again(503)},
)
def leave(request: Request) -> Response:
    """结束会话，其副本随即失效 / end the session, and with it every copy of it."""
    require_own_page(request)
    access: Access = request.app.state.access
    answer: Response = RedirectResponse(AT, 303)
    try:
        access.end(request.cookies.get(COOKIE, ""))
    except (GeoServiceError, OSError):
        # Whoever leaves a machine that others use is signed out there, whatever the disk is like.
        _LOG.exception("a session could not be ended")
        answer = sign_in_page(request, _not_noted(), after=HOME)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return answer


def _not_noted() -> Problem:
    return Problem(
        503,
        "session-not-ended",
        Text(
            "本浏览器已退出，但服务器未能记下：会话若有副本，到期前仍有效；如有顾虑，请管理员吊销密钥",
            "this browser is signed out, but the server could not note it: a copy of the session would be good until "
            "it ends; if that worries you, have the administrator take the key back",
        ),
    )
