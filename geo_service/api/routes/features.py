"""OGC API – Features: collections, their items and what can be asked of them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import date, tzinfo
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from geo_service.api.access import Guarded, needs
from geo_service.api.answers import VARIED, json_answer, prefers_html
from geo_service.api.collections import (
    Collection,
    Items,
    Page,
    Queryable,
    Shelf,
    Test,
    during,
    equals,
    feature,
    select,
)
from geo_service.api.cql import Filter, Unreadable
from geo_service.api.errors import bad_parameter
from geo_service.api.links import GEOJSON, HTML, JSON, SCHEMA, Link, link, segment, url
from geo_service.api.openapi import answers
from geo_service.api.pages import page
from geo_service.api.parameters import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    AsOfDay,
    BboxText,
    CollectionId,
    Limit,
    OnlyKnown,
    Services,
    box,
    civil,
    clock_of,
    declared,
    refuse_unknown,
)
from geo_service.api.reference import LONGITUDE_FIRST, Reference, offered, stored
from geo_service.api.templating import template
from geo_service.errors import NotFound
from geo_service.model.access import Role
from geo_service.model.catalogue import FieldType
from geo_service.model.layer import Features, Value
from geo_service.model.parcel import AsOf
from geo_service.model.text import Text
from geo_service.service import Service
from geo_service.snapshot import Snapshot

router = APIRouter(
    tags=["OGC API – Features"], route_class=Guarded, dependencies=[needs(Role.VIEWER)], default_response_class=Response
)
QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
TILESETS = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector"
JSON_SCHEMA = "https://json-schema.org/draft/2020-12/schema"
_GEOMETRY = {
    "polygon": "geometry-polygon-or-multipolygon",
    "line": "geometry-linestring-or-multilinestring",
    "any": "geometry-any",
}
_TYPES: dict[FieldType, dict[str, str]] = {
    FieldType.TEXT: {"type": "string"},
    FieldType.NUMBER: {"type": "number"},
    FieldType.INTEGER: {"type": "integer"},
    FieldType.BOOLEAN: {"type": "boolean"},
    FieldType.DATE: {"type": "string", "format": "date"},
}

FeatureId = Annotated[str, Path(description="要素编号，按百分号编码 / the item's id, percent-encoded")]
When = Annotated[
    str | None,
    Query(
        alias="datetime",
        description="日期或区间（RFC 3339，端点可为 ..），按有效期筛选 / a date or an interval; only what holds then",
        examples=["2026-12-01", "2026-01-01/.."],
    ),
]
After = Annotated[
    str | None,
    Query(max_length=300, description="从此编号之后起（next 链接自带）/ go on after this id; the next link has it"),
]
FilterText = Annotated[
    str | None,
    Query(
        alias="filter",
        description="CQL2 筛选条件，属性见 queryables，图形为经纬度 / a condition in CQL2 on queryables, in lon/lat",
        examples=["verdict = 'ready' AND area_mu > 100"],
    ),
]


class FilterLanguage(StrEnum):
    """How a filter is written."""

    TEXT = "cql2-text"
    JSON = "cql2-json"


class Form(StrEnum):
    """What is answered, whatever the Accept header asks for."""

    JSON = "json"
    HTML = "html"


FilterLang = Annotated[
    FilterLanguage, Query(alias="filter-lang", description="筛选条件的写法 / how the filter is written")
]
FilterCrs = Annotated[
    str | None,
    Query(alias="filter-crs", description="筛选条件中图形的坐标系，仅 CRS84 / of the filter's geometries; CRS84 only"),
]
OutCrs = Annotated[
    str | None,
    Query(alias="crs", description="返回坐标的坐标系，URI 见数据集 / CRS of the answer, a URI of the collection's"),
]
BboxCrs = Annotated[
    str | None, Query(alias="bbox-crs", description="bbox 的坐标系，URI 见数据集 / CRS of bbox, likewise")
]
F = Annotated[
    Form | None, Query(description="json 或 html，默认按 Accept / json or html; else what the Accept header prefers")
]


def shelf(request: Request) -> Shelf:
    """Return the collections of the app."""
    found: Shelf = request.app.state.shelf
    return found


def describe(request: Request, service: Service, snapshot: Snapshot, collection: Collection) -> dict[str, Any]:
    """Describe a collection with its links."""
    jurisdiction = service.rulebook.jurisdiction
    own = f"/collections/{segment(collection.id)}"
    body: dict[str, Any] = {
        "id": collection.id,
        "title": f"{collection.title.zh} / {collection.title.en}",
        "description": f"{collection.description.zh} / {collection.description.en}",
        "itemType": "feature",
        "crs": list(offered(jurisdiction)),
        "storageCrs": stored(jurisdiction, _kept_in(snapshot, collection)).uri,
    }
    if collection.edition is not None:
        body["edition"] = collection.edition
    if collection.licence:
        body["license"] = collection.licence
    bounds = shelf(request).bounds(snapshot, collection)
    if bounds is not None:
        body["extent"] = {"spatial": {"bbox": [list(bounds)], "crs": LONGITUDE_FIRST.uri}}
    body["links"] = [
        link(url(request, own), "self", JSON, collection.id),
        link(url(request, f"{own}/items"), "items", GEOJSON, "要素 / items"),
        link(url(request, f"{own}/queryables"), QUERYABLES, SCHEMA, "可查询的属性 / queryables"),
        link(url(request, f"{own}/tiles"), TILESETS, JSON, "矢量瓦片 / vector tiles"),
        link(url(request, f"{own}/export.geojson"), "enclosure", GEOJSON, "整个数据集 / the whole collection"),
        _alternate(request, own),
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
            "crs": list(offered(service.rulebook.jurisdiction)),
            "collections": [
                describe(request, service, snapshot, entry) for entry in shelf(request).collections(snapshot)
            ],
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
    responses=answers({JSON: "Object", HTML: "Page"}, 404),
)
def collection(request: Request, service: Services, collection_id: CollectionId, f: F = None) -> Response:
    """一个数据集的范围、版次和链接 / extent, edition and links of one collection."""
    snapshot = service.snapshot()
    found = shelf(request).collection(snapshot, collection_id)
    body = describe(request, service, snapshot, found)
    if not _as_page(request, f):
        return _varied(json_answer(body))
    facts = [
        (Text("许可", "licence"), body.get("license", "—")),
        (Text("数据版次", "edition"), body.get("edition", "—")),
    ]
    facts += [(entry.title, entry.name) for entry in found.queryables]
    data = _same(request, f"/collections/{segment(found.id)}", Form.JSON)
    return _drawn(found, _ways(found), (JSON, data), facts=facts)


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
    responses=answers({GEOJSON: "FeatureCollection", HTML: "Page"}, 404, 422),
)
def items(
    request: Request,
    service: Services,
    collection_id: CollectionId,
    bbox: BboxText = None,
    when: When = None,
    limit: Limit = DEFAULT_LIMIT,
    after: After = None,
    as_of: AsOfDay = None,
    text: FilterText = None,
    language: FilterLang = FilterLanguage.TEXT,
    filter_crs: FilterCrs = None,
    crs: OutCrs = None,
    bbox_crs: BboxCrs = None,
    f: F = None,
) -> Response:
    """要素，按编号排序分页；另可按 queryables 所列属性取值筛选（as_of 仅用于 verdicts）.

    Items by id, in pages; the properties listed by queryables are parameters too (``as_of`` for verdicts only).
    """
    snapshot, asked = service.snapshot(), service.as_of(as_of)
    places = shelf(request)
    found = places.collection(snapshot, collection_id)
    tests = _tests(request, found, when, clock_of(service))
    reference = _reference(service, "crs", crs)
    of_box = _reference(service, "bbox-crs", bbox_crs)
    window = None if bbox is None else box(bbox, of_box)
    if _reference(service, "filter-crs", filter_crs) != LONGITUDE_FIRST:
        raise bad_parameter("filter-crs", Text("仅支持 CRS84", "only CRS84 is answered here"), filter_crs or "")
    limit = min(limit, MAX_LIMIT)
    chosen = places.items(snapshot, found, asked)
    chosen_page = select(chosen, window, tests, _filter(found, text, language, clock_of(service)), limit, after)
    path = f"/collections/{segment(found.id)}/items"
    links = paging(request, path, limit, chosen_page)
    if _as_page(request, f):
        ways = [*_ways(found), *((one["href"], "下一页", "next page") for one in links if one["rel"] == "next")]
        data = (GEOJSON, _same(request, path, Form.JSON))
        return _drawn(found, ways, data, table=_table(found, chosen, chosen_page.rows), matched=chosen_page.matched)
    return _varied(
        json_answer(
            {
                "type": "FeatureCollection",
                "features": [feature(chosen, row, reference) for row in chosen_page.rows],
                "links": [
                    *links,
                    link(url(request, f"/collections/{segment(found.id)}"), "collection", JSON, found.id),
                    _alternate(request, path),
                ],
                "numberMatched": chosen_page.matched,
                "numberReturned": len(chosen_page.rows),
            },
            GEOJSON,
            {"Content-Crs": f"<{reference.uri}>"},
        )
    )


def paging(request: Request, path: str, limit: int, found: Page) -> list[Link]:
    """Return self, and next where there is more; every parameter is kept."""
    links = [link(str(request.url), "self", GEOJSON, "本页 / this page")]
    if found.last is not None:
        given = {**request.query_params, "limit": limit, "after": found.last}
        links.append(link(url(request, path, given), "next", GEOJSON, "下一页 / next page"))
    return links


def _alternate(request: Request, path: str) -> Link:
    return link(url(request, _same(request, path, Form.HTML)), "alternate", HTML, "网页 / as a page")


def _same(request: Request, path: str, form: Form) -> str:
    """Return the path of the same in another form; every parameter is kept."""
    return f"{path}?{urlencode({**request.query_params, 'f': form.value})}"


def _filter(collection: Collection, text: str | None, language: FilterLanguage, clock: tzinfo) -> Filter | None:
    if text is None:
        return None
    types = {entry.name: entry.type for entry in collection.queryables}
    try:
        return Filter(text, types, clock, is_json=language is FilterLanguage.JSON)
    except Unreadable as error:
        raise bad_parameter("filter", error.message, text) from None


def _reference(service: Service, name: str, uri: str | None) -> Reference:
    if uri is None:
        return LONGITUDE_FIRST
    known = offered(service.rulebook.jurisdiction)
    if uri not in known:
        raise bad_parameter(
            name, Text("应为数据集 crs 所列的 URI", "must be one of the URIs listed by the collection"), uri
        )
    return known[uri]


def _kept_in(snapshot: Snapshot, collection: Collection) -> str:
    """Return the CRS in which a collection's features are kept."""
    data = snapshot.layers.editions[collection.layer].data
    assert isinstance(data, Features)
    return data.crs


def _as_page(request: Request, form: Form | None) -> bool:
    return form is Form.HTML if form is not None else prefers_html(request.headers.get("accept", ""))


def _varied(answer: Response) -> Response:
    answer.headers.update(VARIED)
    return answer


def _ways(collection: Collection) -> list[tuple[str, str, str]]:
    own = f"/collections/{segment(collection.id)}"
    return [
        (f"{own}?f=html", "说明", "description"),
        (f"{own}/items?f=html", "要素", "items"),
        (f"{own}/items?f=json", "GeoJSON", "as data"),
        (f"{own}/export.geojson", "下载全部（GeoJSON）", "all of it (GeoJSON)"),
        (f"{own}/queryables", "可查询的属性", "queryables"),
        ("/map", "地图", "map"),
    ]


def _table(collection: Collection, items: Items, rows: Sequence[int]) -> list[tuple[str, str, list[str]]]:
    own = f"/collections/{segment(collection.id)}/items"
    names = [entry.name for entry in collection.queryables]
    found = []
    for row in rows:
        values = items.properties(row)
        found.append(
            (f"{own}/{segment(items.ids[row])}?f=html", items.ids[row], [_shown(values.get(n)) for n in names])
        )
    return found


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return "是 / yes" if value else "否 / no"
    return "—" if value is None else str(value)


def _drawn(
    collection: Collection,
    links: Sequence[tuple[str, str, str]],
    data: tuple[str, str],
    *,
    table: list[tuple[str, str, list[str]]] | None = None,
    matched: int = 0,
    facts: Sequence[tuple[Text, str]] = (),
) -> Response:
    nonce = secrets.token_urlsafe(16)
    html = template("items.html").render(
        title=collection.title,
        description=collection.description,
        links=links,
        data=data,
        columns=[entry.title for entry in collection.queryables],
        rows=table,
        matched=matched,
        facts=facts,
        nonce=nonce,
    )
    return _varied(page(html, nonce))


def _tests(request: Request, collection: Collection, when: str | None, clock: tzinfo) -> list[Test]:
    """Read the properties among the query parameters."""
    by_name: Mapping[str, Queryable] = {entry.name: entry for entry in collection.queryables}
    own = [name for name in declared(request) if name != "as_of" or collection.takes_as_of]
    refuse_unknown(request, {*own, *by_name})
    tests = [] if when is None else [during(*interval(when, clock))]
    for name, text in request.query_params.items():
        if name not in by_name or name in own:
            continue
        try:
            tests.append(equals(by_name[name], text))
        except ValueError as error:
            raise bad_parameter(name, Text(f"应为 {error}", f"must be {error}"), text) from None
    return tests


def interval(text: str, clock: tzinfo) -> tuple[date | None, date | None]:
    """Read a date or an interval of dates; a time of day counts as its day by a clock.

    Raises
    ------
    Problem
        400, when it is neither.

    Examples
    --------
    >>> from datetime import UTC
    >>> interval("2026-12-01/..", UTC)
    (datetime.date(2026, 12, 1), None)
    """
    ends = text.split("/")
    try:
        found = [_end(part, clock) for part in (ends if len(ends) == 2 else [text, text])]
        if len(ends) == 2 and found[0] is not None and found[1] is not None and found[0] > found[1]:
            raise ValueError
        if len(ends) != 2 and found[0] is None:
            raise ValueError
    except ValueError:
        raise bad_parameter(
            "datetime", Text("应为日期或 起/止 区间", "must be a date or an interval start/end"), text
        ) from None
    return found[0], found[1]


def _end(text: str, clock: tzinfo) -> date | None:
    return None if text in {"", ".."} else civil(text, clock)


@router.get(
    "/collections/{collection_id}/items/{feature_id:path}",
    summary="一个要素 / one item",
    responses=answers({GEOJSON: "Feature", HTML: "Page"}, 404, 422),
)
def item(
    request: Request,
    service: Services,
    collection_id: CollectionId,
    feature_id: FeatureId,
    as_of: AsOfDay = None,
    crs: OutCrs = None,
    f: F = None,
) -> Response:
    """一个要素（as_of 仅用于 verdicts）/ one item (``as_of`` for verdicts only)."""
    snapshot = service.snapshot()
    places = shelf(request)
    found = places.collection(snapshot, collection_id)
    refuse_unknown(request, ["crs", "f", *(["as_of"] if found.takes_as_of else [])])
    reference = _reference(service, "crs", crs)
    asked: AsOf = service.as_of(as_of)
    chosen = places.items(snapshot, found, asked)
    try:
        row = chosen.ids.index(feature_id)
    except ValueError:
        raise NotFound(f"{found.id} 中没有 {feature_id[:64]} / there is no {feature_id[:64]} in {found.id}") from None
    own = f"/collections/{segment(found.id)}"
    path = f"{own}/items/{segment(feature_id)}"
    if _as_page(request, f):
        titles = {entry.name: entry.title for entry in found.queryables}
        facts = [(Text("编号", "id"), feature_id)]
        facts += [(titles[name], _shown(value)) for name, value in chosen.properties(row).items() if name in titles]
        return _drawn(found, _ways(found), (GEOJSON, _same(request, path, Form.JSON)), facts=facts)
    return _varied(
        json_answer(
            {
                **feature(chosen, row, reference),
                "links": [
                    link(url(request, path), "self", GEOJSON, feature_id),
                    link(url(request, own), "collection", JSON, found.id),
                    _alternate(request, path),
                ],
            },
            GEOJSON,
            {"Content-Crs": f"<{reference.uri}>"},
        )
    )
