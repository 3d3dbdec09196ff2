"""OGC API – Features as a GIS client walks it."""

from __future__ import annotations

import html
import json
import re
from urllib.parse import quote

import jsonschema
import pytest
import shapely

from geo_service.projection import lon_lat
from tests import world
from tests.api.serving import ODD, SECRET, Served


def pages(served: Served, path: str) -> list[dict]:
    """Follow next links to the end."""
    found = []
    while path:
        page = served.get(path).json()
        found.append(page)
        links = {entry["rel"]: entry["href"] for entry in page["links"]}
        assert all(href.startswith(served.base) for href in links.values()), "a client resolves no relative links"
        path = links.get("next", "")
    return found


def ids(page: dict) -> list[str]:
    return [entry["id"] for entry in page["features"]]


def test_the_landing_page_leads_to_everything(served):
    answer = served.get("/")
    links = {entry["rel"]: entry for entry in answer.json()["links"]}
    assert {"self", "service-desc", "service-doc", "conformance", "data"} <= set(links)
    for entry in links.values():
        found = served.get(entry["href"], headers={"Accept": entry["type"]})
        assert found.status_code == 200
        assert found.headers["content-type"].startswith(entry["type"])


def test_every_collection_has_what_its_description_promises(served):
    found = served.get("/collections").json()["collections"]
    names = [entry["id"] for entry in found]
    assert names[:3] == ["zones", "parcels", "verdicts"]
    assert "water_mains" in names
    for entry in found:
        own = served.get(f"/collections/{entry['id']}").json()
        assert own == entry
        for to in entry["links"]:
            answer = served.get(to["href"])
            assert answer.status_code == 200, to
            assert answer.headers["content-type"].startswith(to["type"])
        west, south, east, north = entry.get("extent", {}).get("spatial", {}).get("bbox", [[0, 0, 0, 0]])[0]
        assert west <= east and south <= north


@pytest.mark.parametrize("collection", ["parcels", "verdicts"])
@pytest.mark.parametrize("limit", [1, 7, 30, 1000])
def test_pages_together_hold_every_parcel_once(served, service, collection, limit):
    found = pages(served, f"/collections/{collection}/items?limit={limit}")
    together = [name for page in found for name in ids(page)]
    assert together == sorted(service.parcels)
    assert {page["numberMatched"] for page in found} == {len(service.parcels)}
    assert [page["numberReturned"] for page in found] == [len(page["features"]) for page in found]


def test_a_next_link_keeps_every_parameter(served):
    path = "/collections/verdicts/items?limit=2&as_of=2026-11-20&bbox=113,36,114,37&zone=Z"
    found = pages(served, path)
    assert len(found) > 5
    assert all(len(page["features"]) <= 2 for page in found)
    assert {entry["properties"]["as_of"] for page in found for entry in page["features"]} == {"2026-11-20"}


def test_a_limit_above_the_greatest_is_clamped_and_zero_refused(served):
    assert served.get("/collections/parcels/items?limit=1000000").json()["numberReturned"] == 30
    assert served.get("/collections/parcels/items?limit=0").status_code == 400


def test_a_box_chooses_what_it_meets(served):
    west, south, east, north = lon_lat(world.box(*world.PARCEL), world.CRS).bounds
    inside = f"{west + 1e-5},{south + 1e-5},{east - 1e-5},{north - 1e-5}"
    assert ids(served.get(f"/collections/parcels/items?bbox={inside}").json()) == ["P"]
    assert ids(
        served.get(f"/collections/parcels/items?bbox={west + 1e-5},{south + 1e-5},0,{east},{north},9").json()
    ) == ["P"]
    behind = served.get(f"/collections/parcels/items?bbox={east + 0.05},{south},{west - 0.05},{north}").json()
    assert behind["numberMatched"] == 0, "round the back of the globe there is nothing"


@pytest.mark.parametrize(("box", "found"), [("-1e308,-1e308,1e308,1e308", True), ("1e308,1e308,-1e308,1e308", False)])
def test_a_box_of_any_size_is_answered(served, box, found):
    for answer in (
        served.get("/collections/parcels/items", params={"bbox": box}),
        served.get("/collections/parcels/items", params={"filter": f"S_INTERSECTS(geometry, BBOX({box}))"}),
    ):
        assert (answer.status_code, bool(answer.json()["features"])) == (200, found)


@pytest.mark.parametrize("bbox", ["-180,-90,180,90", "0,0,1,1", "170,-10,-170,10"])
def test_what_covers_a_zone_without_a_place_of_its_own_is_in_every_box(served, bbox):
    path = "/collections/assessment_scopes/items?limit=1000"
    without = [entry["id"] for entry in served.get(path).json()["features"] if entry["geometry"] is None]
    assert without
    found = served.get(f"{path}&bbox={bbox}").json()["features"]
    assert [entry["id"] for entry in found if entry["geometry"] is None] == without


def test_a_box_that_ends_at_a_vertex_that_was_given_finds_its_parcel(served):
    for entry in served.get("/collections/parcels/items?limit=1000").json()["features"]:
        shape = shapely.geometry.shape(entry["geometry"])
        west, south, east, north = shape.bounds
        for box in (
            f"{east},{south},{east + 0.1},{north}",
            f"{west - 0.1},{south},{west},{north}",
            f"{west},{north},{east},{north + 0.1}",
            f"{west},{south - 0.1},{east},{south}",
            *(f"{x},{y},{x},{y}" for x, y in shape.exterior.coords),
        ):
            assert entry["id"] in ids(served.get(f"/collections/parcels/items?limit=1000&bbox={box}").json()), box
            assert entry["id"] in ids(served.get(f"/parcels?limit=1000&bbox={box}").json()), box


def test_features_carry_rfc_7946_geometry_and_no_private_field(served):
    body = served.get("/collections/parcels/items?limit=1000").json()
    for entry in body["features"]:
        shape = shapely.from_geojson(json.dumps(entry["geometry"]))
        assert shape.is_valid
        assert shape.exterior.is_ccw
        assert 113 < shape.centroid.x < 114 and 36 < shape.centroid.y < 37, "longitude first"
        assert "holder" not in entry["properties"]
    assert "不得外传" not in served.get("/collections/parcels/items?limit=1000").text
    assert "holder" not in served.get("/collections/parcels/queryables").text
    assert served.get("/collections/parcels/items?holder=x").status_code == 400


def test_a_withheld_layer_is_nowhere(served, service):
    edition = service.layers.editions["ore"].name
    for path in ("/collections/ore", "/collections/ore/items", "/collections/ore/queryables", f"/editions/{edition}"):
        assert served.get(path).status_code == 404
    for path in ("/collections", "/api", "/layers", "/map", "/parcels/P/map", "/"):
        assert SECRET not in served.get(path).text
    entry = next(entry for entry in served.get("/layers").json()["layers"] if entry["id"] == "ore")
    assert entry["withheld"] and entry["imported"] and entry["edition"] is None


@pytest.mark.parametrize("name", ["P", ODD])
def test_an_item_comes_back_under_its_own_id(served, name):
    answer = served.get(f"/collections/parcels/items/{quote(name, safe='')}")
    body = answer.json()
    assert body["id"] == name
    own = next(entry["href"] for entry in body["links"] if entry["rel"] == "self")
    assert served.get(own).json() == body
    assert served.get("/collections/parcels/items/nobody").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/collections/verdicts",
        "/collections/verdicts/items?zone=Z&limit=2&as_of=2026-11-20&filter=area_mu%20%3E%200",
        f"/collections/parcels/items/{quote(ODD, safe='')}?crs=http://www.opengis.net/def/crs/EPSG/0/4490",
    ],
)
def test_data_and_page_lead_to_each_other(served, path):
    given = served.get(path)
    (to,) = [entry for entry in given.json()["links"] if entry["rel"] == "alternate"]
    assert to["type"] == "text/html"
    page = served.get(to["href"])
    assert page.headers["content-type"].startswith("text/html")
    (media, back) = re.search(r'<link rel="alternate" type="([^"]+)" href="([^"]+)">', page.text).groups()
    again = served.get(html.unescape(back))
    assert again.headers["content-type"].startswith(media)
    assert again.headers["content-type"] == given.headers["content-type"]
    assert [again.json().get(part) for part in ("features", "geometry")] == [
        given.json().get(part) for part in ("features", "geometry")
    ], "with every parameter"


def test_queryables_are_parameters_and_say_what_they_are(served):
    properties = served.get("/collections/verdicts/queryables").json()["properties"]
    assert properties["verdict"]["type"] == "string"
    assert properties["SWC_share"]["type"] == "number"
    assert properties["geometry"]["x-ogc-role"] == "primary-geometry"
    item = served.get("/collections/verdicts/items/P").json()
    assert set(item["properties"]) == set(properties) - {"geometry"}
    for name, value in item["properties"].items():
        if value is None:
            continue
        text = str(value).lower() if isinstance(value, bool) else str(value)
        found = served.get("/collections/verdicts/items", params={name: text, "limit": 1000})
        assert "P" in ids(found.json()), name


@pytest.mark.parametrize("collection", ["zones", "parcels", "verdicts"])
def test_the_format_of_the_geometry_is_true_of_every_item(served, collection):
    said = served.get(f"/collections/{collection}/queryables").json()["properties"]["geometry"]["format"]
    items = served.get(f"/collections/{collection}/items?limit=1000").json()["features"]
    kinds = {one["geometry"]["type"].lower() for one in items}
    assert kinds and kinds <= set(said.removeprefix("geometry-").split("-or-"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("area_mu", text) for text in ("large", "nan", "inf", "-Infinity", "1_0", " 1", "+1", "01", "1.", ".5", "")),
        *(("valid_until", text) for text in ("2027-W02-5", "20270115", "2027-02-30", "2027-01-15T00:00:00Z", "")),
        ("readiness_met", "True"),
    ],
)  # fmt: skip
def test_a_queryable_of_the_wrong_type_is_refused(served, name, text):
    answer = served.get("/collections/verdicts/items", params={name: text})
    assert answer.status_code == 400
    assert name in answer.json()["detail"]


def test_a_number_may_be_written_in_every_way_of_json(served):
    area = served.get("/collections/verdicts/items/P").json()["properties"]["area_mu"]
    for text in (f"{area}", f"{area}0", f"{area:.17e}", f"{area:.17E}".replace("E+", "E")):
        assert "P" in ids(served.get("/collections/verdicts/items", params={"area_mu": text}).json()), text


def test_datetime_leaves_out_what_does_not_hold_then(served):
    path = "/collections/assessment_scopes/items"
    everything = served.get(path).json()["numberMatched"]
    assert everything == 10
    assert served.get(f"{path}?datetime=2026-12-01").json()["numberMatched"] == everything
    assert served.get(f"{path}?datetime=2030-06-01T00:00:00Z").json()["numberMatched"] == 0
    assert served.get(f"{path}?datetime=2030-05-31/..").json()["numberMatched"] == everything
    assert served.get(f"{path}?datetime=2031-01-01/2032-01-01").json()["numberMatched"] == 0
    for bad in ("yesterday", "..", "2027-01-01/2026-01-01", "2026-13-01", "20261201"):
        assert served.get(f"{path}?datetime={bad}").status_code == 400, bad


@pytest.mark.parametrize(
    ("given", "is_shown"),
    [
        # The scopes hold to 2030-05-31 by the calendar of the place, eight hours ahead of Greenwich.
        ("2030-05-31T15:59:59Z", True),
        ("2030-05-31T23:59:59+08:00", True),
        ("2030-05-31T16:00:00Z", False),
        ("2030-06-01T00:00:00+08:00", False),
        ("2030-05-31T16:00:00z/..", False),
        ("2030-05-31T23:59:59", True),
        ("2030-05-31T25:00:00Z", None),
        ("2030-05-31T10:60:00Z", None),
        ("2030-05-31T10:00:00+99:00", None),
        ("9999-12-31T23:00:00Z", None),
    ],
)
def test_an_instant_counts_as_its_day_where_the_parcels_lie(served, given, is_shown):
    answer = served.get("/collections/assessment_scopes/items", params={"datetime": given})
    assert answer.status_code == (400 if is_shown is None else 200)
    if is_shown is not None:
        assert (answer.json()["numberMatched"] > 0) is is_shown


def test_the_definition_names_every_queryable_as_a_parameter(served):
    answer = served.get("/api")
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    doc = answer.json()
    assert doc["openapi"].startswith("3.0.")
    for name in ("zones", "parcels", "verdicts", "water_mains"):
        parameters = {entry["name"] for entry in doc["paths"][f"/collections/{name}/items"]["get"]["parameters"]}
        queryables = set(served.get(f"/collections/{name}/queryables").json()["properties"]) - {"geometry"}
        assert (
            queryables | {"bbox", "limit", "after", "datetime", "filter", "filter-lang", "crs", "bbox-crs"}
            <= parameters
        )
        assert ("as_of" in parameters) == (name == "verdicts")


def test_the_definition_is_whole(served):
    doc = served.get("/api").json()
    text = json.dumps(doc)
    for path, operations in doc["paths"].items():
        for operation in operations.values():
            assert operation["summary"] and " / " in operation["summary"], path
            for parameter in operation.get("parameters", ()):
                assert parameter["description"], (path, parameter["name"])
            assert {"400", "500"} <= set(operation["responses"])
            for status, response in operation["responses"].items():
                if status == "204":
                    assert "content" not in response
                    continue
                media = set(response["content"])
                if (path, status) in {("/sign-in", "401"), ("/sign-in", "429"), ("/sign-out", "503")}:
                    assert media == {"text/html"}
                    continue
                # Browsers are told on a page of what they look at.
                wrong = {"application/problem+json", *(["text/html"] if operation is operations.get("get") else [])}
                assert (media == wrong) == (status >= "400"), (path, status)
    wanted = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert wanted <= set(doc["components"]["schemas"])
    assert '"null"' not in text and "$defs" not in text, "words of OpenAPI 3.1"
    assert "AssessmentRecord" in json.dumps(doc["paths"]["/parcels/{parcel_id}/assessment"])
    assert {"/check", "/tender-packages", "/map", "/healthz"} <= set(doc["paths"])


def of_30(node):
    """Say in the words of JSON Schema what a schema means by the rules of OpenAPI 3.0.3."""
    if isinstance(node, list):
        return [of_30(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return {"$ref": node["$ref"]}
    out = {key: of_30(value) for key, value in node.items()}
    if out.pop("nullable", False) is True and "type" in out:
        out["type"] = [out["type"], "null"]
    if out.get("exclusiveMinimum") is True:
        out["exclusiveMinimum"] = out.pop("minimum")
    return out


def test_every_record_is_what_the_definition_says(served, service):
    components = of_30(served.get("/api").json()["components"]["schemas"])
    schema = {"$ref": "#/components/schemas/AssessmentRecord", "components": {"schemas": components}}
    checker = jsonschema.Draft202012Validator(schema)
    reasons = []
    for name in service.parcels:
        record = served.get(f"/parcels/{quote(name, safe='')}/assessment").json()
        checker.validate(record)
        reasons += record["verdict"]["reasons"]
    assert None in [one["clause"] for one in reasons]
    for needed, is_right in ((None, True), ({"zh": "甲", "en": "a"}, True), ({}, False), ("", False)):
        first, *others = reasons
        record["verdict"]["reasons"] = [{**first, "needed": needed}, *others]
        assert checker.is_valid(record) is is_right, needed


def test_a_layer_without_an_edition_is_not_an_empty_one(served):
    answer = served.get("/collections/past_landslides/items")
    assert answer.status_code == 404
    assert "不等于没有要素" in answer.json()["detail"]


def test_a_code_that_is_none_of_a_propertys_is_refused(served):
    answer = served.get("/collections/parcels/items?land_use_system=nosuch")
    assert answer.status_code == 400
    assert "landsea_2023" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/geo+json, text/html;q=0.1", "application/geo+json"),
        ("text/html;q=0.5, application/vnd.oai.openapi+json;version=3.0", "application/geo+json"),
        ("application/*+json, text/html;q=0.9", "application/geo+json"),
        ("text/html;q=0, */*;q=0.1", "application/geo+json"),
        ("text/html, application/geo+json;q=0.9", "text/html"),
        ("application/json;q=0.1, text/html;q=0.5", "text/html"),
        ("text/*", "text/html"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", "text/html"),
    ],
)
def test_a_page_is_for_those_who_want_it_more_than_any_kind_of_json(served, accept, kind):
    answer = served.get("/collections/parcels/items", headers={"Accept": accept})
    assert answer.headers["content-type"].partition(";")[0] == kind
