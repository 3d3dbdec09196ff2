"""Absolute links, because the clients that read them resolve no relative ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request

Link = dict[str, str]
GEOJSON = "application/geo+json"
JSON = "application/json"
HTML = "text/html"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SCHEMA = "application/schema+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"


def url(request: Request, path: str, query: Mapping[str, Any] | None = None) -> str:
    """Return the address of a path of ours as the caller sees this server."""
    base = str(request.base_url).rstrip("/")
    tail = f"?{urlencode(query)}" if query else ""
    return base + path + tail


def link(href: str, rel: str, media: str, title: str) -> Link:
    """Return one link."""
    return {"href": href, "rel": rel, "type": media, "title": title}


def segment(name: str) -> str:
    """Write a name as one segment of a path.

    Examples
    --------
    >>> segment("地块 1/2")
    '%E5%9C%B0%E5%9D%97%201%2F2'
    """
    return quote(name, safe="")
