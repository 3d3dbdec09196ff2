"""Links that keep their answer, claims by the form, and who may enter them: behind the real server, in a browser."""

from __future__ import annotations

import json

import httpx
import pytest
import shapely

from geo_service.api.access import Policy
from geo_service.api.app import create_app
from geo_service.projection import lon_lat, project
from geo_service.service import Service
from geo_service.store.workspace import Workspace
from tests.api.serving import running
from tests.ingest.writing import write_turned, zipped_folder
from tests.maps.browsing import audit, results
from tests.maps.demo import AS_OF, CASE
from tests.maps.zone import HOSTILE

pytestmark = pytest.mark.chromium


def test_a_file_without_a_crs_is_checked_only_in_one_that_the_planner_chose(open_page, served, tmp_path):
    parcel = served.service.parcels[CASE["A"]]
    crs = served.service.record(parcel.id)["parcel"]["crs"]
    file = tmp_path / "界址.csv"
    file.write_text(f'id,wkt\nX-1,"{project(parcel.geometry, parcel.crs, crs).wkt}"\n', encoding="utf-8")
    with open_page("/check") as page:
        page.locator("#file").set_input_files(file)
        page.locator(".refusal").wait_for()
        assert "坐标系" in page.locator(".refusal").inner_text()
        assert page.locator("#panel").is_hidden()
        assert page.locator(".crs input:checked").count() == 0
        assert page.locator(".crs button").is_disabled()
        page.locator(f'.crs input[value="{crs}"]').check()
        page.locator(".crs button").click()
        assert results(page)[0].startswith("X-1")
        assert "306.55 亩" in page.locator(".results").inner_text()
        assert "您选定" in page.locator(".steps").inner_text()


def test_what_gdal_warns_of_in_a_dropped_file_is_a_remark_on_the_page(open_page, served, tmp_path):
    parcel = served.service.parcels[CASE["A"]]
    crs = served.service.record(parcel.id)["parcel"]["crs"]
    place = project(parcel.geometry, parcel.crs, crs).centroid
    parts = shapely.MultiPolygon([shapely.box(x, place.y, x + 20, place.y + 20) for x in (place.x, place.x + 30)])
    (tmp_path / "a").mkdir()
    write_turned(tmp_path / "a" / "a.shp", [parts], crs=crs, columns={"DKBH": ["X-1"]})
    with open_page("/check") as page:
        page.locator("#file").set_input_files(zipped_folder(tmp_path / "a.zip", tmp_path / "a"))
        assert results(page)[0].startswith("X-1")
        (remark,) = page.locator(".problems li").all_inner_texts()
        assert "提醒" in remark and "winding order" in remark


def test_what_an_uploaded_file_calls_its_parcels_is_text_also_where_they_are_rejected(open_page, served, tmp_path):
    parcel = served.service.parcels[CASE["A"]]
    place = json.loads(shapely.to_geojson(lon_lat(parcel.geometry, parcel.crs)))
    # There are no slashes in an id.
    ids = [words.replace("/", "") for words in HOSTILE]
    rows = [
        {"type": "Feature", "geometry": geometry, "properties": {"id": f"{kind} {id_}", "name": words}}
        for kind, geometry in (("taken", place), ("left", None))
        for id_, words in zip(ids, HOSTILE, strict=True)
    ]
    file = tmp_path / "<img src=x onerror=alert(1)>.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": rows}), encoding="utf-8")
    with open_page("/check") as page:
        title = page.title()
        page.locator("#file").set_input_files(file)
        taken, left = [f"taken {id_}" for id_ in ids], [f"left {id_}" for id_ in ids]
        assert results(page) == [f"{id_} {words}" for id_, words in zip(taken, HOSTILE, strict=True)] + left
        listed = page.locator(".problems li").all_inner_texts()
        assert all(id_ in words for id_, words in zip(left, listed, strict=True))
        assert page.locator(".leaflet-vertices-pane .marker-label b").all_inner_texts() == taken
        for number, words in enumerate(HOSTILE):
            page.locator(f'.results button[data-n="{number}"]').click()
            assert page.locator("#panel h2").inner_text().endswith(words)
        assert page.locator("img").count() == 0
        assert page.title() == title
        assert page.locator(".leaflet-container").count() == 1


def test_a_link_shows_the_same_answer_later_and_says_that_newer_data_exist(open_page, served, tmp_path):
    number = CASE["no_claim"]
    with open_page(f"/parcels/{number}/map") as page:
        page.locator("#panel .verdict.undetermined").wait_for()
        page.get_by_text("复制链接").click()
        page.get_by_text("已复制").wait_for()
        address = page.evaluate("navigator.clipboard.readText()")
    assert "digest=" in address
    with open_page(address) as page:
        page.locator("#panel .verdict.undetermined").wait_for()
        assert page.locator(".newer").count() == 0, "as long as nothing has changed there is nothing to say"

    # A claim is entered by the form: only that row and the verdict change.
    before = served.get(f"/parcels/{number}/assessment").json()
    with open_page(f"/map#p={number}") as page:
        page.locator("#panel .verdict.undetermined").wait_for()
        counted = page.locator("#counters b").all_inner_texts()[:4]
        page.locator('section[data-section="missing"] .row[data-code="WATER"] button', has_text="登记证明材料").click()
        assert page.locator("#claim-service").input_value() == "WATER"
        for name, value in (
            ("document", "水证〔2026〕51号（示例）${alert(1)}"),
            ("issuer", "示例供水公司<img src=x onerror=alert(1)>"),
            ("dated_on", "2026-10-08"),
            ("capacity", "5000"),
            ("entered_by", "王某"),
            ("reviewed_by", "王某"),
        ):
            page.locator(f"#claim-{name}").fill(value)
        page.get_by_text("登记并重新核查").click()
        page.locator(".refusal").wait_for()
        assert "不得为同一人" in page.locator(".refusal").inner_text()
        page.locator("#claim-reviewed_by").fill("李某")
        page.get_by_text("登记并重新核查").click()
        page.locator("#panel .verdict.ready").wait_for()
        assert "变为" in page.locator(".newer").inner_text()
        water = page.locator('section[data-section="readiness"] .row[data-code="WATER"]').inner_text()
        assert "已通" in water and "${alert(1)}" in water and "<img src=x" in water
        after_counts = page.locator("#counters b").all_inner_texts()[:4]
        assert [int(b) - int(a) for a, b in zip(counted, after_counts, strict=True)] == [1, 0, 0, -1]
    after = served.get(f"/parcels/{number}/assessment").json()
    for key in ("assessments", "constraints", "indicators"):
        assert after[key] == before[key]
    services = [
        entry["code"]
        for entry, old in zip(after["readiness"]["services"], before["readiness"]["services"], strict=True)
        if entry != old
    ]
    assert services == ["WATER"]
    last = served.service.workspace.register.audit()[-1]
    assert "王某" in last.object and "李某" in last.object and last.at is not None

    with open_page(address) as page:
        page.locator("#panel .verdict.undetermined").wait_for()
        notice = page.locator(".newer").inner_text()
        assert "本链接仍显示原结论" in notice
        assert "变为“具备供应条件”" in notice
        page.get_by_text("逐项比较").click()
        page.locator(".rows tr.differs").first.wait_for()
        differing = page.locator(".rows tr.differs").all_inner_texts()
        of_verdict = [words for words in differing if words.lstrip("≠").strip().startswith("结论")]
        assert 0 < len(of_verdict) < len(differing)
        assert [words for words in differing if words not in of_verdict and "通水" not in words] == []
        page.go_back()
        page.get_by_text("重新核查").first.click()
        page.locator("#panel .verdict.ready").wait_for()


CLAIM = {
    "service": "WATER",
    "kind": "permanent",
    "reach": "to_boundary",
    "document": "水证（示例）",
    "issuer": "示例供水公司",
    "dated_on": "2026-10-08",
    "entered_by": "王某",
    "reviewed_by": "李某",
}


@pytest.mark.parametrize(
    ("headers", "statuses"),
    [
        ({"Host": "planner.example", "Content-Type": "application/json"}, {403}),
        ({"Content-Type": "text/plain"}, {400, 415}),
        ({}, {400, 415}),
    ],
)
def test_a_page_of_another_host_enters_no_claim(served, headers, statuses):
    before = audit(served)
    address = f"{served.base}/parcels/{CASE['A']}/claims"
    answer = httpx.post(address, content=json.dumps(CLAIM).encode(), headers=headers, trust_env=False)
    assert answer.status_code in statuses
    assert audit(served) == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"service": "CASTLE"},
        {"dated_on": "8.10.2026"},
        {"valid_to": "2026-10-07"},
        {"reach": "planned"},
        {"reviewed_by": " 王 某 "},
        {"entered_by": ""},
        {"capacity": -1},
        {"verdict": "ready"},
    ],
)
def test_a_claim_that_is_no_claim_is_refused_with_a_next_step(served, wrong):
    before = audit(served)
    answer = served.client.post(f"/parcels/{CASE['A']}/claims", json=CLAIM | wrong)
    assert answer.status_code in (400, 422)
    assert answer.json()["next"]["zh"]
    assert audit(served) == before


def test_a_server_for_others_takes_no_claims(served):
    service = Service(Workspace.open(served.service.workspace.directory), lambda: AS_OF)
    with running(create_app(service, policy=Policy(anonymous=True)), service) as other:
        assert other.client.post(f"/parcels/{CASE['A']}/claims", json=CLAIM).status_code == 403
        assert '"claims":false' in other.get(f"/parcels/{CASE['A']}/map").text
