"""What every request passes: a number, limits on what it may send and how slowly, headers, and a net for failures."""

from __future__ import annotations

import asyncio
import logging
import random
import time
import uuid

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from geo_service.api.errors import Problem, internal, problem_response
from geo_service.model.text import Text

JSON_BYTES = 2_000_000
UPLOAD_BYTES = 200_000_000
#: Where a body may be a collection of very many boundaries.
CHECK_PATHS = frozenset({"/check", "/check/panels"})
CHECK_BYTES = 10_000_000
#: What the boundaries and headers of a multipart body may add to the file itself.
ENVELOPE_BYTES = 64_000
BODY_SECONDS = 300.0
GRACE_SECONDS = 10.0
SLOWEST_BYTES_PER_SECOND = 1000.0
MULTIPART = "multipart/form-data"
#: Written as they are sent: every answer passes here.
OWN_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    # Others who share a cache may not see what this caller may.
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"Accept-Encoding"),
)
#: What one who has an answer already has with it.
HELD = frozenset({b"x-content-type-options", b"referrer-policy", b"content-security-policy"})
_LOG = logging.getLogger("geo_service.api")


class Guard:
    """ASGI middleware around the whole app.

    Parameters
    ----------
    json_bytes, upload_bytes, check_bytes : int
        The largest body of a request, of one that uploads a file, and of one that brings boundaries as JSON; counted,
        whatever the request declares.
    grace_s, body_s : float
        After ``grace_s`` a body must arrive with at least 1 kB/s; after ``body_s`` it must be there.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        json_bytes: int = JSON_BYTES,
        upload_bytes: int = UPLOAD_BYTES,
        check_bytes: int = CHECK_BYTES,
        grace_s: float = GRACE_SECONDS,
        body_s: float = BODY_SECONDS,
    ) -> None:
        self._app = app
        self._json_bytes = json_bytes
        self._upload_bytes = upload_bytes
        self._check_bytes = check_bytes
        self._grace_s = grace_s
        self._body_s = body_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Whoever may GET may HEAD; no route needs to say so.
        head = scope["method"] == "HEAD"
        if head:
            scope = {**scope, "method": "GET"}
        # A name, not a secret; and with threads at work a thread that asks the system for chance waits for its turn.
        number = str(uuid.UUID(int=random.getrandbits(128), version=4))
        state = scope.setdefault("state", {})
        state["request_id"] = number

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                state["status"] = message["status"]
                message = {**message, "headers": _with_own(message, number)}
            elif head:
                message = {**message, "body": b""}
            await send(message)

        headers = Headers(scope=scope)
        limit = self._limit(scope["path"], headers)
        try:
            if _declared(headers) > limit:
                raise _too_large(limit)
            await self._app(scope, self._counted(receive, limit), sending)
        except ClientDisconnect:
            return
        except Exception as error:
            problem = error if isinstance(error, Problem) else internal()
            if problem is not error:
                _LOG.exception("request %s failed", number)
            if "status" in state:
                # Its head has gone out.
                raise
            await problem_response(Request(scope), problem)(scope, receive, sending)

    def _limit(self, path: str, headers: Headers) -> int:
        if headers.get("content-type", "").lower().startswith(MULTIPART):
            return self._upload_bytes + ENVELOPE_BYTES
        return self._check_bytes if path in CHECK_PATHS else self._json_bytes

    def _counted(self, receive: Receive, limit: int) -> Receive:
        waited = 0.0
        seen = 0
        complete = False

        async def receiving() -> Message:
            nonlocal seen, complete, waited
            if complete:
                return await receive()
            allowed = min(self._body_s, max(self._grace_s, seen / SLOWEST_BYTES_PER_SECOND))
            # Only the time in which somebody listens is the client's.
            began = time.monotonic()
            try:
                async with asyncio.timeout(allowed - waited):
                    message = await receive()
            except TimeoutError:
                raise _too_slow() from None
            waited += time.monotonic() - began
            seen += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if seen > limit:
                raise _too_large(limit)
            return message

        return receiving


def _declared(headers: Headers) -> int:
    length = headers.get("content-length", "")
    return int(length) if length.isdecimal() else 0


def _with_own(message: Message, number: str) -> list[tuple[bytes, bytes]]:
    """Add what every answer says, where it does not say something else."""
    found = [*message.get("headers", ())]
    there = {name for name, _ in found}
    if message["status"] == 304:
        there |= HELD
    found.append((b"x-request-id", number.encode()))
    found += [one for one in OWN_HEADERS if one[0] not in there]
    return found


def _too_large(limit: int) -> Problem:
    return Problem(
        413,
        "too-large",
        Text(f"内容超过 {limit:,} 字节", f"the body is larger than {limit:,} bytes"),
        step=Text(
            "请分批核查，或将文件以 multipart 字段 file 上传",
            "check in several requests, or upload the file as multipart field 'file'",
        ),
        headers={"Connection": "close"},
    )


def _too_slow() -> Problem:
    return Problem(
        408,
        "too-slow",
        Text("上传过慢，已中断", "the body came too slowly and was given up"),
        step=Text("请检查网络后重试", "look at the network and try again"),
        headers={"Connection": "close"},
    )
