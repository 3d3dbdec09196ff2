"""Answers packed for those who unpack them."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware, GZipResponder
from starlette.types import Message, Receive, Scope, Send

from geo_service.api.answers import takes_gzip

FROM_BYTES = 1000
#: The library's own level, 9, takes three times as long for two hundredths less.
LEVEL = 5


class Packing(GZipMiddleware):
    """The framework's packing; who does not ask for it does not wait for it either."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or not takes_gzip(Headers(scope=scope).get("accept-encoding", "")):
            await self.app(scope, receive, send)
            return
        packed = _Packed(
            self.app,
            self.minimum_size,
            self.compresslevel,
            thread_minimum_size=self.thread_minimum_size,
            exclude_content_types=self.exclude_content_types,
        )
        await packed(scope, receive, send)


class _Packed(GZipResponder):
    """One answer, packed unless parts of it may be asked for: they would be parts of other bytes."""

    _in_parts = False

    async def send_with_compression(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            self._in_parts = headers.get("accept-ranges") == "bytes"
            tag = headers.get("etag", "")
            # The same tag names the bytes as they are for others; also what was not changed is named as it was.
            if tag.startswith('"') and not self._in_parts and "content-encoding" not in headers:
                headers["etag"] = f"W/{tag}"
        await super().send_with_compression(message)

    async def apply_compression(self, body: bytes, *, more_body: bool) -> bytes:
        return body if self._in_parts else await super().apply_compression(body, more_body=more_body)
