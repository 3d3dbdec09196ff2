"""Answers as bytes: JSON in the order written, attachments with safe names, what has not changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fastapi import Request
from starlette.responses import Response

from geo_service.api.links import GEOJSON, HTML, JSON
from geo_service.export.geojson import compact

#: An answer in one of several forms, each of which may come packed.
VARIED = {"Vary": "Accept, Accept-Encoding"}
_OTHER_JSON = re.compile(r"application/[^/]+\+json")
_WEIGHT = re.compile(r"0(\.[0-9]*)?|1(\.0*)?")


def json_answer(value: Any, media: str = JSON, headers: Mapping[str, str] | None = None) -> Response:
    """Write JSON without blanks; a number that is not finite raises."""
    return Response(compact(value), media_type=media, headers=dict(headers or {}))


def holds(request: Request, tag: str) -> bool:
    """Tell whether the caller has the bytes of a tag already; there must be an answer, as ``*`` is any of them."""
    held = _held(request)
    return f'"{tag}"' in held or "*" in held


def names(request: Request, tag: str) -> bool:
    """Tell whether the caller names a tag, which it can only have from an answer."""
    return f'"{tag}"' in _held(request)


def _held(request: Request) -> list[str]:
    shown = request.headers.get("if-none-match")
    return [] if shown is None else [part.strip().removeprefix("W/") for part in shown.split(",")]


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


def weights(header: str) -> dict[str, float]:
    """Read what a header of what is accepted names, and how much each is wanted; what is not weighed rightly is not.

    Examples
    --------
    >>> weights("text/html, application/json;q=0.5, */*;q=much")
    {'text/html': 1.0, 'application/json': 0.5, '*/*': 0.0}
    """
    found: dict[str, float] = {}
    for entry in header.lower().split(","):
        name, _, parameters = entry.partition(";")
        weight = _weight(parameters) if parameters else 1.0
        found[name.strip()] = max(found.get(name.strip(), 0.0), weight)
    return found


def _weight(parameters: str) -> float:
    parts = (part.strip() for part in parameters.split(";"))
    given = next((part[2:] for part in parts if part.startswith("q=")), "1")
    return float(given) if _WEIGHT.fullmatch(given) else 0.0


def takes_gzip(accept_encoding: str) -> bool:
    """Tell whether an answer may be packed.

    Examples
    --------
    >>> takes_gzip("gzip, deflate, br"), takes_gzip("gzip;q=0, *"), takes_gzip("br, *;q=0.1"), takes_gzip("")
    (True, False, True, False)
    """
    if not accept_encoding:
        return False
    found = weights(accept_encoding)
    return found.get("gzip", found.get("*", 0.0)) > 0


def wanted(found: Mapping[str, float], media: str) -> float:
    """Return how much a media type is wanted, by the narrowest of the ranges that it lies in.

    Examples
    --------
    >>> wanted(weights("application/json;q=0.2, application/*;q=0.5, */*"), "application/json")
    0.2
    """
    ranges = (media, f"{media.partition('/')[0]}/*", "*/*")
    return next((found[one] for one in ranges if one in found), 0.0)


def prefers_html(accept: str) -> bool:
    """Tell whether HTML is asked for before any kind of JSON; by name, as whoever takes anything is a program.

    Examples
    --------
    >>> prefers_html("text/html,application/xhtml+xml,*/*;q=0.8"), prefers_html("application/json"), prefers_html("*/*")
    (True, False, False)
    >>> prefers_html("application/geo+json, text/html;q=0.1")
    False
    """
    found = weights(accept)
    json = max(wanted(found, JSON), *(weight for media, weight in found.items() if _OTHER_JSON.fullmatch(media)), 0.0)
    html = found.get(HTML, found.get("text/*", 0.0))
    return html > json or (html == json > 0 and accept.lower().startswith(HTML))


def prefers_features(accept: str) -> bool:
    """Tell whether GeoJSON is asked for before JSON; of two that are wanted alike, it must be the one that is named.

    Examples
    --------
    >>> prefers_features("application/geo+json, */*"), prefers_features("application/geo+json, application/json")
    (True, False)
    >>> prefers_features("application/geo+json;q=0, */*"), prefers_features("*/*")
    (False, False)
    """
    found = weights(accept)
    features, json = wanted(found, GEOJSON), wanted(found, JSON)
    return features > json or (features == json > 0 and GEOJSON in found and JSON not in found)
