"""Answers as bytes: JSON in the order written, attachments with safe names, what has not changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from starlette.responses import Response

from geo_service.api.links import JSON
from geo_service.export.geojson import compact


def json_answer(value: Any, media: str = JSON, headers: Mapping[str, str] | None = None) -> Response:
    """Write JSON without blanks; a number that is not finite raises."""
    return Response(compact(value), media_type=media, headers=dict(headers or {}))


def tagged(
    request: Request, content: bytes, tag: str, media: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with an entity tag, or say that the caller has these bytes already."""
    quoted = f'"{tag}"'
    held = [part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")]
    out = {**(headers or {}), "ETag": quoted}
    if quoted in held or "*" in held:
        return Response(status_code=304, headers=out)
    return Response(content, media_type=media, headers=out)


def attachment(content: bytes, name: str, media: str) -> Response:
    """Send a file to be saved; the name is ASCII already."""
    return Response(content, media_type=media, headers={"Content-Disposition": f'attachment; filename="{name}"'})
