"""The files of the pages, each under a policy of its own."""

from __future__ import annotations

import os
from pathlib import PurePath

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

#: A worker is bound by the policy it was sent with, and fetches the tiles itself.
WORKER_POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'"


class Static(StaticFiles):
    """Static files; a worker may ask this server, and nobody else. They are sent whole, and so may be packed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if "range" in Headers(scope=scope):
            scope = {**scope, "headers": [one for one in scope["headers"] if one[0] != b"range"]}
        await super().__call__(scope, receive, send)

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Answer with a file."""
        answer = super().file_response(full_path, stat_result, scope, status_code)
        answer.headers["Accept-Ranges"] = "none"
        if PurePath(full_path).name.endswith("worker.mjs"):
            answer.headers["Content-Security-Policy"] = WORKER_POLICY
        return answer
