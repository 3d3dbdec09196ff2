"""The way in: landing page, what it conforms to, what it offers, and its documentation, which needs no other host."""

from __future__ import annotations

import secrets
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from geo_service.api.access import Guarded, needs
from geo_service.api.answers import VARIED, json_answer, prefers_html
from geo_service.api.links import GEOJSON, HTML, JSON, OPENAPI, link, segment, url
from geo_service.api.openapi import answers, document
from geo_service.api.pages import page
from geo_service.api.parameters import OnlyKnown, Services
from geo_service.api.routes.features import shelf
from geo_service.api.templating import template
from geo_service.model.access import Role

router = APIRouter(
    tags=["入口 / entry"],
    route_class=Guarded,
    dependencies=[needs(Role.VIEWER), OnlyKnown],
    default_response_class=Response,
)
TITLE = "供地前核查 / Pre-listing checks of industrial land"
DESCRIPTION = (
    "地块的区域评估、管控要素、通平条件与控制性指标；缺资料不等于通过，本服务不代替主管部门审批意见。 / "
    "Regional assessments, constraints, readiness and control indicators of parcels. Missing data are never a pass; "
    "nothing here replaces a decision of the authorities."
)
#: Only what holds for every route of the class.
CONFORMANCE = (
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables-query-parameters",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/filter",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/features-filter",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-text",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-json",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-cql2",
    "http://www.opengis.net/spec/cql2/1.0/conf/advanced-comparison-operators",
    "http://www.opengis.net/spec/cql2/1.0/conf/case-insensitive-comparison",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-spatial-functions",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-spatial-functions-plus",
    "http://www.opengis.net/spec/cql2/1.0/conf/spatial-functions",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/tileset",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/tilesets-list",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/mvt",
)


@router.get("/", summary="首页 / landing page", responses=answers({JSON: "Object", HTML: "Page"}))
def landing(request: Request, service: Services) -> Response:
    """首页：程序得到 JSON，浏览器得到网页 / JSON for programs, a page for browsers."""
    if prefers_html(request.headers.get("accept", "")):
        nonce = secrets.token_urlsafe(16)
        found = shelf(request).collections(service.snapshot())
        html = template("landing.html").render(nonce=nonce, collections=[(entry, segment(entry.id)) for entry in found])
        answer = page(html, nonce)
    else:
        answer = json_answer({"title": TITLE, "description": DESCRIPTION, "links": _links(request)})
    answer.headers.update(VARIED)
    return answer


def _links(request: Request) -> list[dict[str, str]]:
    def at(path: str, rel: str, media: str, title: str) -> dict[str, str]:
        return link(url(request, path), rel, media, title)

    return [
        at("/", "self", JSON, "本文档 / this document"),
        at("/", "alternate", HTML, "网页 / as a page"),
        at("/api", "service-desc", OPENAPI, "接口定义 / API definition"),
        at("/docs", "service-doc", HTML, "接口文档 / API documentation"),
        at("/conformance", "conformance", JSON, "符合的标准 / conformance"),
        at("/collections", "data", JSON, "数据集 / collections"),
        at("/parcels", "search", GEOJSON, "查询地块 / search parcels"),
        at("/map", "related", HTML, "地图 / map"),
        at("/layers", "related", JSON, "图层 / layers"),
        at("/rulebook", "related", JSON, "核查规则 / rulebook"),
    ]


@router.get("/conformance", summary="符合的标准 / conformance", responses=answers({JSON: "Object"}))
def conformance() -> Response:
    """所符合的标准类 / the conformance classes that hold here."""
    return json_answer({"conformsTo": list(CONFORMANCE)})


@router.get("/api", summary="接口定义 / API definition", responses=answers({OPENAPI: "Object"}))
def api(request: Request, service: Services) -> Response:
    """OpenAPI 3.0 文档 / this API in OpenAPI 3.0."""
    found: dict[str, Any] = document(request.app, url(request, ""), shelf(request).collections(service.snapshot()))
    return json_answer(found, OPENAPI)


@router.get("/docs", summary="接口文档 / API documentation", responses=answers({HTML: "Page"}))
def docs() -> Response:
    """可交互的接口文档，不访问外部主机 / documentation to try out; it asks no other host."""
    nonce = secrets.token_urlsafe(16)
    return page(template("docs.html").render(nonce=nonce), nonce)
