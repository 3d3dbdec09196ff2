"""Answers as bytes: JSON in the order written, attachments with safe names, what has not changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from starlette.responses import Response

from geo_service.api.links import HTML, JSON
from geo_service.export.geojson import compact

#: An answer in one of several forms, each of which may come packed.
VARIED = {"Vary": "Accept, Accept-Encoding"}


def json_answer(value: Any, media: str = JSON, headers: Mapping[str, str] | None = None) -> Response:
    """Write JSON without blanks; a number that is not finite raises."""
    return Response(compact(value), media_type=media, headers=dict(headers or {}))


def holds(request: Request, tag: str) -> bool:
    """Tell whether the caller has the bytes of a tag already."""
    shown = request.headers.get("if-none-match")
    if shown is None:
        return False
    held = [part.strip().removeprefix("W/") for part in shown.split(",")]
    return f'"{tag}"' in held or "*" in held


def unchanged(tag: str, headers: Mapping[str, str] | None = None) -> Response:
    """Say that the caller has the bytes of a tag already."""
    return Response(status_code=304, headers={**(headers or {}), "ETag": f'"{tag}"'})


def tagged(
    request: Request, content: bytes, tag: str, media: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with an entity tag, or say that the caller has these bytes already."""
    if holds(request, tag):
        return unchanged(tag, headers)
    return Response(content, media_type=media, headers={**(headers or {}), "ETag": f'"{tag}"'})


def attachment(content: bytes, name: str, media: str) -> Response:
    """Send a file to be saved; the name is ASCII already."""
    return Response(content, media_type=media, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def prefers_html(accept: str) -> bool:
    """Tell whether HTML is asked for before JSON.

    Examples
    --------
    >>> prefers_html("text/html,application/xhtml+xml,*/*;q=0.8"), prefers_html("application/json"), prefers_html("*/*")
    (True, False, False)
    """
    weights = {HTML: 0.0, JSON: 0.0}
    for entry in accept.lower().split(","):
        media, *parameters = (part.strip() for part in entry.split(";"))
        given = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        try:
            weight = float(given)
        except ValueError:
            weight = 0.0
        if media in weights:
            weights[media] = max(weights[media], weight)
        elif media in {"application/*", "*/*"}:
            weights[JSON] = max(weights[JSON], weight)
    return weights[HTML] > weights[JSON] or (weights[HTML] == weights[JSON] > 0 and accept.lower().find(HTML) == 0)
