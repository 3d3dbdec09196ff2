"""One line of JSON for every request: what was asked by its template, how it ended, how long it took, by which key.

Never an address in full, a name, a body or a key: those are the business of whoever asks.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from datetime import UTC, datetime
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from geo_service.api import metrics
from geo_service.errors import frames

STATIC = "/static"
#: Where nothing of ours is.
NOWHERE = "-"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_LOG = logging.getLogger("geo_service.requests")
_written = json.JSONEncoder(ensure_ascii=False).encode
#: What JSON may leave as it is and somebody who reads lines takes for the end of one, or cannot write down.
_BREAKS = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Journal:
    """ASGI middleware around everything: notes each request when it has ended, and how, as `Guard` has seen it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        begun = time.perf_counter()
        try:
            await self._app(scope, receive, send)
        finally:
            seconds = time.perf_counter() - begun
            # 0: whoever asked had gone before there was an answer.
            status = state.get("status", 0)
            method = scope["method"] if scope["method"] in METHODS else "other"
            route = state.get("route") or (STATIC if scope["path"].startswith(f"{STATIC}/") else NOWHERE)
            metrics.note(method, route, status, seconds)
            caller = state.get("caller")
            if _LOG.isEnabledFor(logging.INFO):
                # Made here: to find out which line of the program speaks would take longer than all else that is said.
                line = logging.LogRecord(_LOG.name, logging.INFO, __file__, 0, "request", None, None)
                line.said = {
                    "request_id": state.get("request_id"),
                    "method": method,
                    "route": route,
                    "status": status,
                    "seconds": round(seconds, 6),
                    "key": None if caller is None else caller.id,
                }
                _LOG.handle(line)


class JsonLines(logging.Formatter):
    """Writes a record as one line; of an exception where it came up, not what it says: that may be somebody's data."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one line."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line |= getattr(record, "said", {})
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = type(record.exc_info[1]).__name__
            line["trace"] = frames(record.exc_info[1])
        return _BREAKS.sub(lambda found: f"\\u{ord(found[0]):04x}", _written(line))


def write_lines() -> None:
    """Send every log of this process to standard error as lines of JSON."""
    # Lines do not tell them, and to find them out takes as long as to write a line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    _LOG.setLevel(logging.INFO)
