"""The tender package over HTTP."""

from __future__ import annotations

import html
import json
import zipfile
from io import BytesIO
from urllib.parse import quote

from geo_service.export.package import verify
from geo_service.export.profile import Profile
from tests.api.serving import ODD


def names(content: bytes) -> list[str]:
    with zipfile.ZipFile(BytesIO(content)) as archive:
        return archive.namelist()


def test_a_ready_parcel_has_a_package_that_is_made_twice_the_same(served, service):
    answer = served.get("/parcels/P/tender-package")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == 'attachment; filename="P_2026-12-01.zip"'
    assert verify(answer.content).intact
    assert answer.content == served.get("/parcels/P/tender-package").content
    assert answer.content == service.package(["P"], None, Profile.PUBLIC, forced=False)[1]
    assert "不得外传" not in answer.content.decode("utf-8", errors="replace")


def test_the_internal_profile_holds_the_record_of_the_api(served):
    internal = served.get("/parcels/P/tender-package?profile=internal").content
    with zipfile.ZipFile(BytesIO(internal)) as archive:
        assert archive.read("assessment.json") == served.get("/parcels/P/assessment").content


def test_the_geojson_alone_is_that_of_the_package(served):
    answer = served.get("/parcels/P/tender-package.geojson")
    assert answer.headers["content-type"] == "application/geo+json"
    assert answer.headers["content-disposition"] == 'attachment; filename="P.geojson"'
    with zipfile.ZipFile(BytesIO(served.get("/parcels/P/tender-package").content)) as archive:
        assert archive.read("parcel.geojson") == answer.content


def test_a_parcel_that_is_not_ready_is_refused_with_what_is_missing(served):
    for path in ("/parcels/N/tender-package", "/parcels/N/tender-package.geojson", "/tender-packages?ids=P,N"):
        answer = served.get(path)
        assert answer.status_code == 409
        body = answer.json()
        assert body["code"] == "package-refused"
        refused = body["items"][0]
        assert (refused["id"], refused["verdict"]) == ("N", "not_ready")
        assert any("开发区范围" in reason for reason in refused["reasons"])
        # Whoever follows the link in a browser reads it.
        page = served.get(path, headers={"Accept": "text/html,*/*;q=0.8"})
        assert (page.status_code, page.headers["content-type"]) == (409, "text/html; charset=utf-8")
        assert all(html.escape(reason) in page.text for reason in refused["reasons"])


def test_by_force_it_says_so(served):
    content = served.get("/parcels/N/tender-package?force=true").content
    assert verify(content).manifest["forced_parcels"] == ["N"]
    body = json.loads(served.get("/parcels/N/tender-package.geojson?force=true").content)
    assert "forced" in body["features"][0]["properties"]


def test_several_parcels_have_a_folder_each(served):
    content = served.get("/tender-packages", params={"ids": "P,N,P", "force": "true"}).content
    assert verify(content).intact
    assert {name.partition("/")[0] for name in names(content)} == {"P", "N", "manifest.json"}


def test_a_file_name_is_plain_ascii_whatever_the_id(served):
    answer = served.get(f"/parcels/{quote(ODD, safe='')}/tender-package?force=true")
    given = answer.headers["content-disposition"]
    assert given.startswith('attachment; filename="parcel-') and given.isascii()
    assert given.count('"') == 2


def test_the_list_of_ids_is_bounded(served):
    assert served.get("/tender-packages").status_code == 400
    assert served.get("/tender-packages?ids=,").status_code == 400
    many = ",".join(f"x{number}" for number in range(201))
    assert served.get("/tender-packages", params={"ids": many}).status_code == 400
    assert served.get("/tender-packages?ids=P,nobody").status_code == 404
