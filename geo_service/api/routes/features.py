"""OGC API – Features: collections, their items and what can be asked of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from geo_service.api.access import Guarded, needs
from geo_service.api.answers import json_answer
from geo_service.api.collections import Collection, Queryable, Shelf, Test, during, equals, feature, select
from geo_service.api.errors import bad_parameter
from geo_service.api.links import GEOJSON, HTML, JSON, SCHEMA, Link, link, segment, url
from geo_service.api.openapi import answers
from geo_service.api.parameters import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    AsOfDay,
    Bbox,
    CollectionId,
    Limit,
    Offset,
    OnlyKnown,
    Services,
    day,
    declared,
    refuse_unknown,
)
from geo_service.errors import NotFound
from geo_service.model.access import Role
from geo_service.model.catalogue import FieldType
from geo_service.model.parcel import AsOf
from geo_service.model.text import Text
from geo_service.snapshot import Snapshot

router = APIRouter(
    tags=["OGC API – Features"], route_class=Guarded, dependencies=[needs(Role.VIEWER)], default_response_class=Response
)
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
TILESETS = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector"
JSON_SCHEMA = "https://json-schema.org/draft/2020-12/schema"
_GEOMETRY = {"polygon": "geometry-multipolygon", "line": "geometry-multilinestring", "any": "geometry-any"}
_TYPES: dict[FieldType, dict[str, str]] = {
    FieldType.TEXT: {"type": "string"},
    FieldType.NUMBER: {"type": "number"},
    FieldType.INTEGER: {"type": "integer"},
    FieldType.BOOLEAN: {"type": "boolean"},
    FieldType.DATE: {"type": "string", "format": "date"},
}
_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:[Zz]|[+-]\d{2}:\d{2})?)?")

FeatureId = Annotated[str, Path(description="要素编号，按百分号编码 / the item's id, percent-encoded")]
When = Annotated[
    str | None,
    Query(
        alias="datetime",
        description="日期或区间（RFC 3339，端点可为 ..），按有效期筛选 / a date or an interval; only what holds then",
        examples=["2026-12-01", "2026-01-01/.."],
    ),
]


def shelf(request: Request) -> Shelf:
    """Return the collections of the app."""
    found: Shelf = request.app.state.shelf
    return found


def describe(request: Request, snapshot: Snapshot, collection: Collection) -> dict[str, Any]:
    """Describe a collection with its links."""
    own = f"/collections/{segment(collection.id)}"
    body: dict[str, Any] = {
        "id": collection.id,
        "title": f"{collection.title.zh} / {collection.title.en}",
        "description": f"{collection.description.zh} / {collection.description.en}",
        "itemType": "feature",
        "crs": [CRS84],
    }
    if collection.edition is not None:
        body["edition"] = collection.edition
    if collection.licence:
        body["license"] = collection.licence
    bounds = shelf(request).bounds(snapshot, collection)
    if bounds is not None:
        body["extent"] = {"spatial": {"bbox": [list(bounds)], "crs": CRS84}}
    body["links"] = [
        link(url(request, own), "self", JSON, collection.id),
        link(url(request, f"{own}/items"), "items", GEOJSON, "要素 / items"),
        link(url(request, f"{own}/queryables"), QUERYABLES, SCHEMA, "可查询的属性 / queryables"),
        link(url(request, f"{own}/tiles"), TILESETS, JSON, "矢量瓦片 / vector tiles"),
    ]
    return body


@router.get(
    "/collections", dependencies=[OnlyKnown], summary="数据集 / collections", responses=answers({JSON: "Object"})
)
def collections(request: Request, service: Services) -> Response:
    """所有可查询的数据集 / every collection there is."""
    snapshot = service.snapshot()
    return json_answer(
        {
            "collections": [describe(request, snapshot, entry) for entry in shelf(request).collections(snapshot)],
            "links": [
                link(url(request, "/collections"), "self", JSON, "本文档 / this document"),
                link(url(request, "/"), "root", JSON, "首页 / landing page"),
                link(url(request, "/"), "alternate", HTML, "首页 / landing page"),
            ],
        }
    )


@router.get(
    "/collections/{collection_id}",
    dependencies=[OnlyKnown],
    summary="一个数据集 / one collection",
    responses=answers({JSON: "Object"}, 404),
)
def collection(request: Request, service: Services, collection_id: CollectionId) -> Response:
    """一个数据集的范围、版次和链接 / extent, edition and links of one collection."""
    snapshot = service.snapshot()
    return json_answer(describe(request, snapshot, shelf(request).collection(snapshot, collection_id)))


@router.get(
    "/collections/{collection_id}/queryables",
    dependencies=[OnlyKnown],
    summary="可查询的属性 / queryables",
    responses=answers({SCHEMA: "Object"}, 404),
)
def queryables(request: Request, service: Services, collection_id: CollectionId) -> Response:
    """可作为查询参数的属性（JSON Schema）/ the properties that may be used as query parameters, as JSON Schema."""
    found = shelf(request).collection(service.snapshot(), collection_id)
    properties: dict[str, Any] = {
        "geometry": {
            "title": "图形 / geometry",
            "format": _GEOMETRY[found.geometry],
            "x-ogc-role": "primary-geometry",
        },
        **{entry.name: schema_of(entry) for entry in found.queryables},
    }
    return json_answer(
        {
            "$schema": JSON_SCHEMA,
            "$id": url(request, f"/collections/{segment(found.id)}/queryables"),
            "type": "object",
            "title": f"{found.title.zh} / {found.title.en}",
            "properties": properties,
            "additionalProperties": False,
        },
        SCHEMA,
    )


def schema_of(entry: Queryable) -> dict[str, Any]:
    """Describe a property."""
    codes = {"enum": list(entry.codes)} if entry.codes else {}
    return {"title": f"{entry.title.zh} / {entry.title.en}", **_TYPES[entry.type], **codes}


@router.get(
    "/collections/{collection_id}/items",
    summary="要素 / items",
    responses=answers({GEOJSON: "FeatureCollection"}, 404, 422),
)
def items(
    request: Request,
    service: Services,
    collection_id: CollectionId,
    bbox: Bbox = None,
    when: When = None,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
    as_of: AsOfDay = None,
) -> Response:
    """要素，按编号排序分页；另可按 queryables 所列属性取值筛选（as_of 仅用于 verdicts）.

    Items by id, in pages; the properties listed by queryables are parameters too (``as_of`` for verdicts only).
    """
    snapshot, asked = service.snapshot(), service.as_of(as_of)
    places = shelf(request)
    found = places.collection(snapshot, collection_id)
    tests = _tests(request, found, when)
    limit = min(limit, MAX_LIMIT)
    chosen = places.items(snapshot, found, asked)
    page = select(chosen, bbox, tests, limit, offset)
    path = f"/collections/{segment(found.id)}/items"
    return json_answer(
        {
            "type": "FeatureCollection",
            "features": [feature(chosen, row) for row in page.rows],
            "links": [
                *paging(request, path, limit, offset, page.matched),
                link(url(request, f"/collections/{segment(found.id)}"), "collection", JSON, found.id),
            ],
            "numberMatched": page.matched,
            "numberReturned": len(page.rows),
        },
        GEOJSON,
    )


def paging(request: Request, path: str, limit: int, offset: int, matched: int) -> list[Link]:
    """Return self, and next and prev where there are any; every parameter is kept."""
    given = dict(request.query_params)
    links = [link(str(request.url), "self", GEOJSON, "本页 / this page")]
    steps = [("next", offset + limit)] if offset + limit < matched else []
    steps += [("prev", max(offset - limit, 0))] if offset > 0 else []
    for rel, start in steps:
        links.append(link(url(request, path, {**given, "limit": limit, "offset": start}), rel, GEOJSON, rel))
    return links


def _tests(request: Request, collection: Collection, when: str | None) -> list[Test]:
    """Read the properties among the query parameters."""
    by_name: Mapping[str, Queryable] = {entry.name: entry for entry in collection.queryables}
    own = [name for name in declared(request) if name != "as_of" or collection.takes_as_of]
    refuse_unknown(request, {*own, *by_name})
    tests = [] if when is None else [during(*interval(when))]
    for name, text in request.query_params.items():
        if name not in by_name or name in own:
            continue
        try:
            tests.append(equals(by_name[name], text))
        except ValueError as error:
            raise bad_parameter(name, Text(f"应为 {error} 类型", f"must be of type {error}"), text) from None
    return tests


def interval(text: str) -> tuple[date | None, date | None]:
    """Read a date or an interval of dates; a time of day counts as its day.

    Raises
    ------
    Problem
        400, when it is neither.

    Examples
    --------
    >>> interval("2026-12-01/..")
    (datetime.date(2026, 12, 1), None)
    """
    ends = text.split("/")
    try:
        found = [_end(part) for part in (ends if len(ends) == 2 else [text, text])]
        if len(ends) == 2 and found[0] is not None and found[1] is not None and found[0] > found[1]:
            raise ValueError
        if len(ends) != 2 and found[0] is None:
            raise ValueError
    except ValueError:
        raise bad_parameter(
            "datetime", Text("应为日期或 起/止 区间", "must be a date or an interval start/end"), text
        ) from None
    return found[0], found[1]


def _end(text: str) -> date | None:
    if text in {"", ".."}:
        return None
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise ValueError
    found = day(match[1])
    assert isinstance(found, date)
    return found


@router.get(
    "/collections/{collection_id}/items/{feature_id:path}",
    summary="一个要素 / one item",
    responses=answers({GEOJSON: "Feature"}, 404, 422),
)
def item(
    request: Request, service: Services, collection_id: CollectionId, feature_id: FeatureId, as_of: AsOfDay = None
) -> Response:
    """一个要素（as_of 仅用于 verdicts）/ one item (``as_of`` for verdicts only)."""
    snapshot = service.snapshot()
    places = shelf(request)
    found = places.collection(snapshot, collection_id)
    refuse_unknown(request, ["as_of"] if found.takes_as_of else [])
    asked: AsOf = service.as_of(as_of)
    chosen = places.items(snapshot, found, asked)
    try:
        row = chosen.ids.index(feature_id)
    except ValueError:
        raise NotFound(f"{found.id} 中没有 {feature_id[:64]} / there is no {feature_id[:64]} in {found.id}") from None
    own = f"/collections/{segment(found.id)}"
    return json_answer(
        {
            **feature(chosen, row),
            "links": [
                link(url(request, f"{own}/items/{segment(feature_id)}"), "self", GEOJSON, feature_id),
                link(url(request, own), "collection", JSON, found.id),
            ],
        },
        GEOJSON,
    )
