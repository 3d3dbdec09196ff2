"""The page of very many parcels in a real browser: drawn from tiles by either engine, with the same panel and list."""

from __future__ import annotations

import re
from contextlib import contextmanager

import pytest

from geo_service import service as services
from geo_service.api.app import create_app
from geo_service.service import Service
from geo_service.store.definitions import bundled
from tests.api.serving import AS_OF, ODD, OPEN, build, running
from tests.conftest import QUIET
from tests.maps.browsing import wait, watched

pytestmark = pytest.mark.chromium

ENGINES = ("canvas", "gl")
BASEMAP = """
[[basemaps]]
id = "hills"
title = {zh = "地形", en = "Hills"}
kind = "xyz"
datum = "WGS84"
attribution = {zh = "某测绘院", en = "Some survey"}
approval_no = "GS(2026)0002号"
url = "http://127.0.0.1:1/{z}/{x}/{y}"
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    workspace = build(tmp_path_factory.mktemp("pages") / "ws", bundled()[0])
    (workspace.directory / "basemaps.toml").write_text(BASEMAP, encoding="utf-8")
    service = Service(workspace, lambda: AS_OF)
    assert service.statuses(service.snapshot(), service.as_of(None))
    with running(create_app(service, policy=OPEN), service) as found:
        assert found.get("/map/list").status_code == 200
        assert found.get("/collections/verdicts/tiles/WebMercatorQuad/0/0/0").status_code == 200
        yield found


@pytest.fixture(scope="module")
def browsers(launch):
    """Two browsers: one that can draw with WebGL, one that cannot."""
    able = tuple(argument for argument in QUIET if argument != "--disable-gpu")
    return launch((*able, "--enable-unsafe-swiftshader")), launch((*QUIET, "--disable-3d-apis"))


@contextmanager
def opened(browser, served, address: str):
    """Open a page and wait until it is painted."""
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    with watched(page, served.base, tolerated="GPU stall"):
        page.goto(served.base + address, wait_until="load")
        wait(page, "performance.getEntriesByName('painted').length > 0")
        wait(page, "document.querySelectorAll('#parcels li[data-i]').length > 0")
        yield page
    page.close()


def counters(page) -> list[int]:
    return [int(re.sub(r"\D", "", text)) for text in page.locator("#counters button b").all_inner_texts()]


@pytest.mark.parametrize("engine", ENGINES)
def test_list_counters_and_panel_say_what_the_records_say(browsers, served, engine):
    statuses = [served.service.record(id_)["verdict"]["status"] for id_ in served.service.parcels]
    with opened(browsers[0], served, f"/map?draw={engine}") as page:
        wanted = [statuses.count(status) for status in ("ready", "conditional", "not_ready", "undetermined")]
        assert counters(page) == [*wanted, 0]
        page.locator("#search").fill("ｓ － ０ ３")
        wait(page, "document.querySelectorAll('#parcels li[data-i]').length === 1")
        page.keyboard.press("Enter")
        page.locator("#panel .verdict").wait_for()
        assert "S-03" in page.locator("#panel h2").inner_text()
        assert page.locator(f"#panel .verdict.{served.service.record('S-03')['verdict']['status']}").count() == 1
        assert "#p=S-03" in page.url
        page.keyboard.press("Escape")
        page.locator("#panel").wait_for(state="hidden")


@pytest.mark.parametrize("engine", ENGINES)
def test_each_line_says_the_first_problem(browsers, served, engine):
    expected = {row["id"]: row["problem"][0] for row in served.get("/map/list?limit=500").json()["rows"]}
    with opened(browsers[0], served, f"/map?draw={engine}") as page:
        lines = page.locator("#parcels li[data-i]")
        said = {line.get_attribute("data-i"): line.locator(".why .zh").all_inner_texts() for line in lines.all()}
        assert {id_: words[0] for id_, words in said.items() if words} == {
            id_: words for id_, words in expected.items() if id_ in said and words != "—"
        }
        with page.expect_download() as started:
            page.locator("#save").click()
        assert started.value.suggested_filename == "parcels.xlsx"


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_in_view_is_printed(browsers, served, engine):
    with opened(browsers[0], served, f"/map?draw={engine}") as page:
        page.locator(".printer summary").click()
        page.locator(".printer button").click()
        page.wait_for_url("**/map-sheet?*")
        assert page.locator(".mapsheet .plan").count() == 1
        assert "30 宗" in page.locator(".mapsheet .what").inner_text()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_press_on_the_map_opens_the_parcel_there(browsers, served, engine):
    with opened(browsers[0], served, f"/map?draw={engine}") as page:
        page.locator("#search").fill("P")
        row = page.locator("#parcels li[data-i='P'] button")
        row.click()
        page.locator("#panel .verdict").wait_for()
        page.locator("#panel .tools button").last.click()
        page.locator("#panel").wait_for(state="hidden")
        page.wait_for_timeout(500)
        box = page.locator("#map_main").bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.locator("#panel .verdict").wait_for()
        assert page.locator("#panel h2").inner_text().startswith("P ")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_counter_filters_list_and_map(browsers, served, engine):
    with opened(browsers[0], served, f"/map?draw={engine}") as page:
        place = next(place for place, count in enumerate(counters(page)) if 0 < count < len(served.service.parcels))
        page.locator("#counters button").nth(place).click()
        wait(page, f"document.querySelectorAll('#parcels li[data-i]').length === {counters(page)[place]}")
        assert page.locator("#counters button").nth(place).get_attribute("aria-pressed") == "true"
        words = set(page.locator("#parcels .how .zh").all_inner_texts())
        assert len(words) == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_hostile_names_are_shown_as_text(browsers, served, engine):
    with opened(browsers[0], served, f"/map?draw={engine}") as page:
        title = page.title()
        page.locator("#search").fill("乙")
        wait(page, "document.querySelectorAll('#parcels li[data-i]').length === 1")
        page.keyboard.press("Enter")
        page.locator("#panel .verdict").wait_for()
        assert ODD in page.locator("#panel h2").inner_text()
        assert "<script>alert(1)</script>" in page.locator("#panel h2").inner_text()
        assert page.title() == title


@pytest.mark.parametrize("engine", ENGINES)
def test_where_a_finding_lies_is_shown(browsers, served, engine):
    with opened(browsers[0], served, f"/map?draw={engine}#p=N") as page:
        page.locator("#panel .verdict").wait_for()
        page.locator("#panel .row .link").first.click()
        page.wait_for_timeout(300)
        assert page.locator("#panel .row.chosen").count() >= 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_layer_and_a_basemap_are_switched_on_with_their_credit(browsers, served, engine):
    with opened(browsers[0], served, f"/map?draw={engine}") as page:
        page.locator("#drawer-button").click()
        title = served.service.catalogue.layers["water_mains"].title.zh
        page.locator("#layers label", has_text=title).locator("input").check()
        assert "water_mains" in page.url
        choose_basemap(page)
        page.wait_for_timeout(500)


def choose_basemap(page):
    page.locator("#layers label", has_text="地形").locator("input").check()
    credit = page.locator("#basemap-credit").inner_text()
    assert "某测绘院" in credit and "审图号：GS(2026)0002号" in credit
    assert "地形（WGS84）" in page.locator(".map .status").inner_text()
    page.locator("#layers input[type=radio]").first.check()
    assert page.locator("#basemap-credit").is_hidden()
    assert "无底图" in page.locator(".map .status").inner_text()


def test_the_workbench_of_few_parcels_has_the_basemap_too(browsers, served):
    page = browsers[0].new_page(viewport={"width": 1366, "height": 768})
    page.goto(served.base + "/map", wait_until="load")
    page.locator("#drawer-button").click()
    choose_basemap(page)
    page.close()


def test_both_languages(browsers, served):
    with opened(browsers[0], served, "/map?draw=canvas#words=en") as page:
        assert page.locator("html").get_attribute("lang") == "en"
        assert page.locator("#counters button").first.inner_text().startswith("Ready")
        page.locator(".words button").first.click()
        assert page.locator("#counters button").first.inner_text().startswith("具备条件")


def test_without_webgl_the_page_is_drawn_on_canvases(browsers, served):
    with opened(browsers[1], served, "/map?draw=gl") as page:
        assert "draw=canvas" in page.url
        assert page.locator("#map_main canvas.leaflet-tile").count() > 0


def test_parcels_are_painted_in_the_colours_of_the_legend(browsers, served):
    with opened(browsers[0], served, "/map?draw=canvas") as page:
        painted = page.evaluate(
            """() => {
              const seen = new Set();
              for (const tile of document.querySelectorAll('#map_main canvas.leaflet-tile')) {
                const { data } = tile.getContext('2d').getImageData(0, 0, tile.width, tile.height);
                for (let at = 0; at < data.length; at += 4) {
                  if (data[at + 3] === 255) seen.add((data[at] << 16) | (data[at + 1] << 8) | data[at + 2]);
                }
              }
              return [...seen];
            }"""
        )
        statuses = {served.service.record(id_)["verdict"]["status"] for id_ in served.service.parcels}
        grounds = {"ready": 0x7DB9DE, "conditional": 0xF5CD68, "not_ready": 0xC76535, "undetermined": 0xECECEA}
        assert {status for status, colour in grounds.items() if colour in painted} == statuses


def test_the_number_of_parcels_chooses_the_page(served, monkeypatch):
    assert "page/workbench.js" in served.service.zone_map(None, single_file=False)
    monkeypatch.setattr(services, "FEW_PARCELS", 5)
    page = served.service.zone_map(None, single_file=False)
    assert "page/tiled.js" in page and "page/canvas.js" in page
    assert "planner.list" in served.service.zone_map(None, single_file=True), "a file has no server to ask for tiles"
    monkeypatch.setattr("geo_service.maps.tiled.CANVAS_MOST", 5)
    assert "page/gl.js" in served.service.zone_map(None, single_file=False)
    monkeypatch.setattr(services, "FEW_PARCELS", 5_000)
    monkeypatch.setattr(services, "FEW_FEATURES", 3)
    assert "page/gl.js" in served.service.zone_map(None, single_file=False), "features of layers count as well"
