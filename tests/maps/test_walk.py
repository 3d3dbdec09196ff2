"""The planner at the check page, the comparison and the date, behind the real server and in a real browser."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import shapely

from tests.maps.browsing import audit, results
from tests.maps.demo import CASE, DEMO, MANIFEST

pytestmark = pytest.mark.chromium


def test_a_surveyors_file_is_checked_and_nothing_is_stored(open_page, served):
    before = audit(served)
    with open_page("/check") as page:
        page.locator("#file").set_input_files(DEMO / MANIFEST["files"]["boundary"])
        assert [name.split()[0] for name in results(page)] == ["CZGX-2024-001", "CZGX-2024-002"]
        assert "306.55 亩" in page.locator(".results").inner_text()
        steps = page.locator(".steps").inner_text()
        assert "GBK 编码" in steps and "文件头写明" in steps
        page.locator(".results button").nth(1).click()
        assert page.locator("#panel h2").inner_text().startswith("CZGX-2024-002")
    assert audit(served) == before


def test_a_zipped_shapefile_in_gbk_is_dropped_on_the_page(open_page, tmp_path):
    geopandas = pytest.importorskip("geopandas")
    parcels = geopandas.read_file(DEMO / "parcels.geojson")
    one = parcels[parcels["id"] == CASE["A"]][["id", "name", "geometry"]].rename(columns={"id": "DKBH", "name": "DKMC"})
    folder = tmp_path / "地块"
    folder.mkdir()
    one.to_file(folder / "boundary.shp", encoding="GBK")
    archive = Path(shutil.make_archive(str(tmp_path / "界址"), "zip", folder))
    content = list(archive.read_bytes())
    with open_page("/check") as page:
        page.evaluate(
            """(content) => {
              const files = new DataTransfer();
              files.items.add(new File([new Uint8Array(content)], '界址.zip', { type: 'application/zip' }));
              const drop = new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true });
              document.body.dispatchEvent(drop);
            }""",
            content,
        )
        assert results(page)[0].startswith(f"{CASE['A']} 示例地块一")
        assert "GBK 编码" in page.locator(".steps").inner_text()


def test_an_area_drawn_across_the_adjustment_line_is_partly_covered(open_page, served):
    # The parcel of case B lies across the line; it is drawn over by hand, a little larger.
    west, south, east, north = shapely.from_geojson(
        json.dumps(served.get(f"/collections/parcels/items/{CASE['B']}").json()["geometry"])
    ).bounds
    with open_page("/check#draw") as page:
        page.evaluate(f"map_main.fitBounds([[{south}, {west}], [{north}, {east}]], {{ animate: false }})")
        for lat, lng in ((south, west), (south, east), (north, east), (north, west)):
            x, y = page.evaluate(
                f"(() => {{ const p = map_main.latLngToContainerPoint([{lat}, {lng}]); "
                "const b = map_main.getContainer().getBoundingClientRect(); return [p.x + b.x, p.y + b.y]; })()"
            )
            page.mouse.click(x, y)
            page.wait_for_timeout(100)
        assert "4 点" in page.locator("#drawing").inner_text()
        page.keyboard.press("Backspace")
        assert "3 点" in page.locator("#drawing").inner_text()
        page.mouse.click(x, y)
        page.keyboard.press("Enter")
        results(page)
        row = page.locator('#panel section[data-section="assessments"] details[data-code="SWC"]')
        assert "部分覆盖" in row.inner_text()
        assert page.locator('.leaflet-evidence-pane path[fill="url(#h-evidence)"]').count() > 0


def test_two_parcels_are_compared_with_what_differs_first(open_page):
    with open_page(f"/compare?parcels={CASE['A']},{CASE['B']}") as page:
        heads = page.locator(".heads .verdict").all_inner_texts()
        assert heads[0].startswith(CASE["A"]) and "附条件具备" in heads[0]
        assert heads[1].startswith(CASE["B"]) and "不具备条件" in heads[1]
        zone = page.locator(".rows tr", has_text="开发区范围").first
        assert zone.locator("i").inner_text() == "≠"
        assert "38\u2009000.00㎡" in zone.inner_text()
        for number in (0, 1):
            shape = page.locator(f"#map_main_{number} path[stroke='#1B242B'][stroke-width='3.2']").bounding_box()
            frame = page.locator(f"#map_main_{number}").bounding_box()
            assert frame["x"] < shape["x"] and shape["x"] + shape["width"] < frame["x"] + frame["width"]
            assert frame["y"] < shape["y"] and shape["y"] + shape["height"] < frame["y"] + frame["height"]
        folded = page.locator(".rows tr").count()
        page.locator("#unfolded").check()
        assert page.locator(".rows tr").count() > folded


def test_one_more_parcel_is_added_to_a_comparison(open_page):
    with open_page(f"/compare?parcels={CASE['A']}") as page:
        page.locator("#another").fill("ＣＺＧＸ－２０２４－００３")
        page.get_by_text("再比较一宗", exact=True).click()
        page.wait_for_url("**/compare?parcels=*003")
        assert page.locator(".heads .verdict").count() == 2


def test_one_date_for_all_changes_the_conclusions_and_stays_in_the_link(open_page, served):
    # The soil and water study of this parcel has run out on its notice date, and holds the day before.
    number = CASE["H1"]
    assert served.get(f"/parcels/{number}/assessment").json()["verdict"]["status"] == "not_ready"
    with open_page(f"/parcels/{number}/map") as page:
        page.locator("#panel .verdict.not_ready").wait_for()
        page.locator("#as-of summary").click()
        page.locator("#day").fill("2026-11-30")
        page.get_by_text("按此日核查").click()
        page.wait_for_url("**as_of=2026-11-30*")
        page.locator("#panel .verdict").wait_for()
        assert page.locator("#panel .verdict.not_ready").count() == 0
        assert "余 0 天" in page.locator('details[data-code="SWC"]').inner_text()
        assert page.locator("#as-of.chosen").count() == 1
