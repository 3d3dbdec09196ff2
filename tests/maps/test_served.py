"""The demo behind its real server and in a real browser: what a planner opens, seeks, presses and takes away."""

from __future__ import annotations

import itertools
import json
from urllib.parse import parse_qs, urlsplit

import pytest
from openpyxl import load_workbook

from geo_service.export.package import verify
from geo_service.service import Service
from tests.maps.browsing import LARGE, SMALL
from tests.maps.demo import CASE

pytestmark = pytest.mark.chromium

CONDITIONAL, CROSSING, UNKNOWN = CASE["A"], CASE["B"], CASE["unsurveyed"]


def parcels_drawn(page) -> int:
    return page.locator(".leaflet-overlay-pane path.leaflet-interactive").count()


def fills(page) -> set[str]:
    return set(
        page.evaluate(
            "[...document.querySelectorAll('.leaflet-overlay-pane path')].map((path) => path.getAttribute('fill'))"
        )
    )


def box_of(page, selector: str) -> dict[str, float]:
    return page.locator(selector).bounding_box()


@pytest.mark.slow
@pytest.mark.parametrize(("words", "size"), [("zh", SMALL), ("en", SMALL), ("zh", LARGE)])
def test_the_zone_is_drawn_large_and_nothing_runs_into_anything(open_page, served, words, size):
    with open_page(f"/map#words={words}", size) as page:
        assert parcels_drawn(page) == len(served.service.parcels)
        page.locator('#tabs button[data-tab="all"]').click()
        assert fills(page) >= {"url(#h-condition)", "#7DB9DE", "url(#h-fails)", "url(#h-nodata)"}
        high = page.evaluate(
            "(() => { const boxes = [...document.querySelectorAll('.leaflet-overlay-pane path')]"
            ".map((path) => path.getBoundingClientRect());"
            "return Math.max(...boxes.map((box) => box.bottom)) - Math.min(...boxes.map((box) => box.top)); })()"
        )
        assert high > 0.8 * box_of(page, "#map_main")["height"]
        bar = [
            box_of(page, f".bar > {part}") for part in (".brand", "#as-of", ".search", ".demo", ".to-check", ".words")
        ]
        for left, right in itertools.pairwise(bar):
            assert left["x"] + left["width"] <= right["x"]
        assert bar[-1]["x"] + bar[-1]["width"] <= size[0]
        last = page.locator("#counters button").last.bounding_box()
        assert last["x"] + last["width"] <= size[0]
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        # Ten parcels and more are read without scrolling.
        row = page.locator("#parcels li").first.bounding_box()
        assert box_of(page, "#list .scroll")["height"] > 10 * row["height"]


def test_the_batch_of_the_day_opens_first_sorted_by_notice_date(open_page, served):
    with open_page("/map") as page:
        assert page.locator("#parcels li[data-i]").count() == 8
        dates = page.locator("#parcels .when").all_inner_texts()
        assert dates == sorted(dates)
        page.locator("#lacking").select_option("WATER")
        page.locator('#tabs button[data-tab="all"]').click()
        numbers = {line.split()[0] for line in page.locator("#parcels li[data-i] .who").all_inner_texts()}
        lacking = served.get("/parcels?missing=WATER&limit=1000").json()["features"]
        assert numbers == {feature["id"] for feature in lacking}


def test_the_first_parcel_is_found_by_full_width_digits_with_a_blank_inside(open_page):
    with open_page("/map") as page:
        page.locator("#search").fill("ＣＺＧＸ－２０２４ －００１")
        page.locator("#hits button").first.wait_for()
        assert page.locator("#hits button").count() == 1
        page.keyboard.press("Enter")
        assert page.locator("#panel h2").inner_text().startswith(CONDITIONAL)
        page.locator("#panel .verdict").wait_for()
        assert "306.5500亩" in page.locator("#panel .area").inner_text()
        assert "有效至 2027-01-15" in page.locator("#panel .verdict").inner_text()
        assert page.locator('#panel section[data-section="conditions"] .clause').count() == 2
        head = page.locator("#panel .head").inner_text()
        assert "二类工业用地 100102 · 用地用海分类" in head
        assert "示例高新区" in head


def test_the_map_is_coloured_by_one_assessment_and_tells_outcomes_apart(open_page):
    shown = {"SWC": ("部分覆盖", "已过有效期"), "HER": ("未覆盖",), "FLD": ("编制/评审中（未批复）",), "SEI": ("免做",)}
    with open_page("/map") as page:
        page.locator('#tabs button[data-tab="all"]').click()
        before = fills(page)
        page.locator("#drawer-button").click()
        seen: dict[str, str] = {}
        for code, outcomes in shown.items():
            page.locator(f'#by input[value="{code}"]').check()
            found = {
                row.locator(".zh").inner_text(): row.locator("rect").get_attribute("fill")
                for row in page.locator("#legend li").all()
            }
            seen |= {outcome: found[outcome] for outcome in (*outcomes, "无资料")}
            if code == "SWC":
                seen["已覆盖"] = found["已覆盖 · 承诺/登记备案"]
        assert len(seen) == 7
        assert len(set(seen.values())) == 7, seen
        assert fills(page) != before
        assert page.locator("#counters b").count() == 7


def test_a_zone_applied_for_is_drawn_unlike_the_approved_one(open_page):
    with open_page("/map") as page:
        lines = page.locator(".leaflet-lines-pane path").all()
        assert sorted({line.get_attribute("stroke-dasharray") for line in lines}) == ["14 4 2.5 4", "4 4"]


def test_layers_of_others_are_credited_while_they_are_on(open_page):
    with open_page("/map") as page:
        assert page.locator(".credits").is_hidden()
        page.locator("#drawer-button").click()
        page.get_by_label("河流").first.check()
        page.locator(".credits").wait_for()
        assert "Natural Earth" in page.locator(".credits").inner_text()
        page.get_by_label("河流").first.uncheck()
        page.locator(".credits").wait_for(state="hidden")


@pytest.mark.parametrize("case", ["A", "B", "G", "unsurveyed"])
def test_the_page_of_a_parcel_opens_with_its_verdict(open_page, served, case):
    number = CASE[case]
    status = served.service.record(number)["verdict"]["status"]
    with open_page(f"/parcels/{number}/map") as page:
        page.locator("#panel .verdict").wait_for()
        assert page.locator("#panel h2").inner_text().startswith(number)
        assert page.locator(f"#panel .verdict.{status}").count() == 1
        assert parcels_drawn(page) > 1
        assert "演示数据" in page.locator(".bar .demo").inner_text()


def test_the_uncovered_piece_beyond_the_boundary_is_shown_when_its_row_is_chosen(open_page):
    with open_page(f"/parcels/{CROSSING}/map") as page:
        page.locator("#panel .verdict").wait_for()
        assert page.locator(".leaflet-evidence-pane path").count() == 0
        page.locator('section[data-section="assessments"] details[data-code="SWC"] summary').click()
        page.locator(".callout").wait_for()
        assert "38\u2009000.00㎡" in page.locator(".callout").inner_text()
        piece = page.locator('.leaflet-evidence-pane path[fill="url(#h-evidence)"]').bounding_box()
        whole = page.locator(".leaflet-chosen-pane path").last.bounding_box()
        assert piece["width"] / whole["width"] == pytest.approx(0.38, abs=0.03)
        assert piece["x"] + piece["width"] == pytest.approx(whole["x"] + whole["width"], abs=6)
        page.locator('section[data-section="constraints"] .row[data-code="ZONE"]').click()
        assert "开发区范围" in page.locator(".callout").last.inner_text()


def test_twelve_square_metres_are_ringed_where_they_lie(open_page):
    with open_page(f"/parcels/{CASE['D']}/map#row=FARM") as page:
        page.locator(".callout").wait_for()
        assert "12.00㎡" in page.locator(".callout").inner_text()
        rings = page.locator('.leaflet-evidence-pane path[fill="none"]').evaluate_all(
            "paths => paths.map((path) => path.getBoundingClientRect().width)"
        )
        assert max(rings) > 18


def test_what_is_downloaded_for_a_conditional_parcel_verifies(open_page, tmp_path):
    with open_page(f"/parcels/{CONDITIONAL}/map") as page:
        for words, suffix in (("成果包", ".zip"), ("GeoJSON", ".geojson")):
            with page.expect_download() as started:
                page.locator("#panel .foot a[download]", has_text=words).first.click()
            path = tmp_path / f"taken{suffix}"
            started.value.save_as(path)
        assert verify((tmp_path / "taken.zip").read_bytes()).intact
        collection = json.loads((tmp_path / "taken.geojson").read_text(encoding="utf-8"))
        assert collection["features"][0]["properties"]["parcel_id"] == CONDITIONAL


@pytest.mark.parametrize(("number", "why"), [(CROSSING, "38\u2009000.00㎡位于范围外"), (UNKNOWN, "超出资料覆盖范围")])
def test_a_refused_package_cannot_be_pressed_and_says_why(open_page, number, why):
    with open_page(f"/map#p={number}") as page:
        buttons = page.locator("#panel .foot button:disabled")
        page.locator("#panel .verdict").wait_for()
        assert buttons.count() == 3
        assert all(
            "force=true" in link.get_attribute("href") for link in page.locator("#panel .foot a[download]").all()
        )
        assert "不能生成成果包" in buttons.first.get_attribute("title")
        refused = page.locator("#refused")
        if refused.get_attribute("open") is None:
            refused.locator("summary").click()
        assert why in refused.inner_text()


def test_the_documentation_opens(open_page):
    with open_page("/docs") as page:
        page.locator(".opblock").first.wait_for()
        assert page.locator(".opblock").count() > 20


def test_one_file_holds_the_whole_map_and_opens_from_disk(open_page, served, tmp_path):
    path = tmp_path / "地图 map.html"
    path.write_text(served.service.zone_map(None, single_file=True), encoding="utf-8")
    assert path.stat().st_size < 5_000_000
    with open_page(path.as_uri()) as page:
        assert parcels_drawn(page) == len(served.service.parcels)
        page.locator("#search").fill(CROSSING)
        page.keyboard.press("Enter")
        page.locator("#panel .verdict.not_ready").wait_for()
        assert page.locator("#panel .foot").count() == 0


def test_the_list_as_it_is_filtered_is_taken_along(open_page, tmp_path):
    with open_page("/map") as page:
        page.locator('#tabs button[data-tab="all"]').click()
        page.locator("#lacking").select_option("WATER")
        shown = [line.split()[0] for line in page.locator("#parcels li[data-i] .who").all_inner_texts()]
        with page.expect_download() as started:
            page.locator("#save").click()
        assert started.value.suggested_filename == "地块清单.xlsx"
        started.value.save_as(tmp_path / "list.xlsx")
    sheet = load_workbook(tmp_path / "list.xlsx").worksheets[0]
    assert [row[0] for row in sheet.iter_rows(min_row=2, values_only=True)] == shown


def test_what_is_in_view_is_printed_on_the_paper_chosen(open_page):
    with open_page("/map") as page:
        page.locator("#drawer-button").click()
        page.get_by_label("道路").first.check()
        page.locator(".over .printer summary").click()
        page.locator('.over .printer select[name="paper"]').select_option("A4")
        page.locator('.over .printer select[name="orientation"]').select_option("portrait")
        page.locator(".over .printer button").click()
        page.wait_for_url("**/map-sheet?*")
        query = parse_qs(urlsplit(page.url).query)
        assert query["paper"] == ["A4"] and query["orientation"] == ["portrait"] and query["layers"] == ["roads"]
        assert page.locator(".mapsheet.portrait").count() == 1
        assert "道路" in page.locator(".legend").inner_text()


def test_the_map_of_a_parcel_is_printed_from_its_panel(open_page):
    with open_page(f"/parcels/{CROSSING}/map") as page:
        page.locator("#panel .verdict").wait_for()
        page.locator("#panel .printer summary").click()
        page.locator('#panel .printer select[name="paper"]').select_option("A3")
        page.locator("#panel .printer button").click()
        page.wait_for_url("**/map-sheet?*")
        assert CROSSING in page.locator(".mapsheet.landscape .what").inner_text()


def test_a_sheet_that_cannot_be_made_is_refused_where_it_was_asked_for(open_page, monkeypatch):
    monkeypatch.setattr("geo_service.maps.sheet.MOST_PARCELS", 3)
    with open_page("/map") as page:
        page.locator(".over .printer summary").click()
        page.locator(".over .printer button").click()
        said = page.locator(".over .printer [role=status]")
        said.get_by_text("缩小范围").wait_for()
        assert page.url.split("?")[0].endswith("/map") or "#" in page.url


def test_a_page_asked_for_again_is_not_drawn_again(served, monkeypatch):
    first = served.get("/map").raise_for_status()
    monkeypatch.setattr(Service, "zone_map", lambda *_, **__: pytest.fail("drawn again"))
    again = served.get("/map").raise_for_status()
    assert len(again.content) == len(first.content)
    assert again.content != first.content, "each has a nonce of its own"
