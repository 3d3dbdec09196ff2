"""Whole collections as one file, as somebody saves them."""

from __future__ import annotations

import json

from tests.api.serving import SECRET
from tests.api.test_features import pages


def test_the_file_holds_the_same_features_as_the_pages(served):
    for collection in served.get("/collections").json()["collections"]:
        name = collection["id"]
        answer = served.get(f"/collections/{name}/export.geojson")
        assert answer.headers["content-type"] == "application/geo+json"
        assert f'"{name}.geojson"' in answer.headers["content-disposition"]
        together = [found for page in pages(served, f"/collections/{name}/items?limit=7") for found in page["features"]]
        assert answer.json() == {"type": "FeatureCollection", "features": together}


def test_who_has_the_file_is_told_so_and_who_has_half_gets_the_rest(served):
    path = "/collections/parcels/export.geojson"
    whole = served.get(path)
    tag = whole.headers["etag"]
    assert served.get(path, headers={"If-None-Match": tag}).status_code == 304
    plain = {"Accept-Encoding": "identity"}
    half = len(whole.content) // 2
    rest = served.get(path, headers={**plain, "Range": f"bytes={half}-", "If-Range": tag})
    assert rest.status_code == 206
    assert rest.content == whole.content[half:]
    other = served.get(path, headers={**plain, "Range": f"bytes={half}-", "If-Range": '"of an older edition"'})
    assert other.status_code == 200
    assert other.content == whole.content


def test_verdicts_are_of_the_date_asked_for(served):
    found = served.get("/collections/verdicts/export.geojson?as_of=2026-11-20").json()["features"]
    assert {feature["properties"]["as_of"] for feature in found} == {"2026-11-20"}
    assert served.get("/collections/parcels/export.geojson?as_of=2026-11-20").status_code == 400


def test_what_is_withheld_is_in_no_file(served):
    assert served.get("/collections/ore/export.geojson").status_code == 404
    for collection in served.get("/collections").json()["collections"]:
        text = served.get(f"/collections/{collection['id']}/export.geojson").text
        assert SECRET not in json.dumps(json.loads(text), ensure_ascii=False)
