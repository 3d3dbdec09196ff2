"""Answers packed for those who unpack them."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import Receive, Scope, Send

FROM_BYTES = 1000
#: The library's own level, 9, takes three times as long for two hundredths less.
LEVEL = 5


class Packing(GZipMiddleware):
    """The framework's packing; who does not ask for it does not wait for it either."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        packed = scope["type"] == "http" and "gzip" in Headers(scope=scope).get("accept-encoding", "")
        await (super().__call__ if packed else self.app)(scope, receive, send)
