"""The pages in a real browser: drawn, searched, clicked, recoloured; nothing asked of any other host."""

import dataclasses
import http.server
import shutil
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from geo_service.maps.view import STATIC, parcel_page, zone_page
from tests.maps.zone import HOSTILE

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
pytestmark = pytest.mark.chromium
NONCE = "bm9uY2U"
POLICY = (
    f"default-src 'none'; script-src 'self' 'nonce-{NONCE}'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; "
    "base-uri 'none'; object-src 'none'; frame-ancestors 'self'"
)
TITLE = "长治高新区（演示） · Changzhi high-tech zone (demo)"

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(view):
    """Serve the pages with the policy a real server sends."""
    pages = {
        "/map": zone_page(view, single_file=False, nonce=NONCE),
        "/parcels/CZGX-2024-003/map": parcel_page(view, "CZGX-2024-003", single_file=False, nonce=NONCE),
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            path = unquote(urlsplit(self.path).path)
            if path in pages:
                body, kind = pages[path].encode(), "text/html; charset=utf-8"
            elif path.startswith("/static/") and (STATIC / path[8:]).is_file():
                kinds = {".js": "text/javascript", ".css": "text/css", ".png": "image/png"}
                body, kind = (STATIC / path[8:]).read_bytes(), kinds[Path(path).suffix]
            else:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Security-Policy", POLICY)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()


@pytest.fixture(scope="module")
def file(view, tmp_path_factory):
    path = tmp_path_factory.mktemp("pages") / "map.html"
    path.write_text(zone_page(dataclasses.replace(view, links=False), single_file=True), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(params=["file", "served"])
def page(request, browser, server, file):
    """Open the zone's page; afterwards nothing may have gone wrong and nobody else may have been asked."""
    address = file if request.param == "file" else f"{server}/map"
    yield from opened(browser, address, server)


def opened(browser, address, server):
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    found = context.new_page()
    problems, requests = [], []
    found.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    found.on("pageerror", lambda error: problems.append(str(error)))
    found.on("dialog", lambda dialog: (problems.append(f"dialog {dialog.message}"), dialog.dismiss()))
    found.on("request", lambda request: requests.append(request.url))
    found.goto(address)
    yield found
    assert problems == []
    assert [url for url in requests if not url.startswith((server, "file://", "data:"))] == []
    context.close()


def shapes(page):
    return page.locator(".leaflet-overlay-pane path.leaflet-interactive")


def fills(page):
    return page.evaluate(
        "[...document.querySelectorAll('.leaflet-overlay-pane path')].map((path) => path.getAttribute('fill'))"
    )


def test_the_map_is_drawn_and_hatched_by_verdict(page, parcels):
    assert shapes(page).count() == len(parcels)
    assert fills(page)[:4] == ["url(#h-condition)", "#7DB9DE", "url(#h-fails)", "url(#h-nodata)"]
    assert page.locator("#counters b").all_inner_texts() == ["5", "2", "2", "3"]
    assert page.locator(".leaflet-control-scale-line").all_inner_texts() == ["300 m"]
    assert page.locator(".leaflet-control-attribution").count() == 0


def test_search_finds_by_full_width_digits_with_a_blank_inside(page):
    page.locator("#search").fill("ＣＺＧＸ－２０２４ －００１")
    page.locator("#hits button").first.wait_for()
    assert page.locator("#hits button").count() == 1
    assert "306.55" in page.locator("#hits button").inner_text()
    page.keyboard.press("Enter")
    assert page.locator("#panel h2").inner_text() == "CZGX-2024-001 示例地块一"


def test_search_finds_part_of_a_name_and_says_when_there_is_none(page):
    page.locator("#search").fill("漳 泽街")
    page.locator("#hits button").first.wait_for()
    assert page.locator("#hits b").all_inner_texts() == ["CZGX-2024-005", "CZGX-2024-006"]
    page.locator("#search").fill("不存在")
    page.get_by_text("没有符合“不存在”的地块").wait_for()


def test_a_click_on_a_parcel_opens_its_findings_and_its_evidence(page):
    shapes(page).nth(2).click()
    assert page.locator("#panel h2").inner_text().startswith("CZGX-2024-003")
    assert page.locator("#panel .verdict strong .zh").inner_text() == "暂不具备供应条件"
    page.locator('#panel section[data-section="assessments"] details[data-code="SWC"] summary').click()
    evidence = page.locator(".leaflet-evidence-pane path")
    page.wait_for_function("document.querySelectorAll('.leaflet-evidence-pane path').length === 2")
    assert evidence.last.get_attribute("fill") == "url(#h-evidence)"
    assert "42" in page.locator(".callout").inner_text()
    page.keyboard.press("Escape")
    assert page.locator("#panel").is_hidden()


def test_colour_by_recolours_and_the_counters_stay_with_verdicts(page):
    before = fills(page)
    page.locator('#by input[value="SEI"]').check()
    after = fills(page)
    assert before != after
    assert after[4] == "url(#h-grey)"
    assert "免做" in page.locator("#legend").inner_text()
    assert page.locator("#counters b").all_inner_texts() == ["5", "2", "2", "3"]
    page.locator('#by input[value="readiness"]').check()
    assert fills(page)[5] == "url(#h-fails)"


def test_a_counter_filters_map_and_table_together(page):
    page.locator("#counters button").first.click()
    assert page.locator("#table tbody tr").count() == 5
    assert page.locator('.leaflet-overlay-pane path[fill-opacity="1"]').count() == 5


def test_hostile_names_are_text_and_the_title_is_untouched(page):
    assert page.title() == TITLE
    names = page.locator("#table tbody th .name").all_inner_texts()
    assert [name for name in names if name in HOSTILE] == list(HOSTILE)
    for index in (6, 7, 8, 9):
        page.locator("#table tbody tr").nth(index).click()
        assert page.locator("#panel h2").inner_text().endswith(HOSTILE[index - 6])
        shapes(page).nth(index).hover()
        page.locator(".leaflet-tooltip.tip").wait_for()
    assert HOSTILE[0] in page.locator("#layers").inner_text()
    assert page.locator("img").count() == 0
    assert page.title() == TITLE


def test_a_layer_can_be_switched_on_and_clicked(page):
    page.get_by_label("地质灾害危险性分区").first.check()
    drawn = page.locator(".leaflet-areas-pane path")
    page.wait_for_function("document.querySelectorAll('.leaflet-areas-pane path').length === 1")
    assert drawn.get_attribute("stroke") == "#8A5A2B"
    box = drawn.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    popup = page.locator(".leaflet-popup-content")
    popup.wait_for()
    assert "中等" in popup.inner_text()
    assert "GH-2" in popup.inner_text()


def test_the_table_puts_problems_first_when_its_heads_are_pressed(page):
    page.locator('#table thead button[data-sort="verdict"]').click()
    cells = page.locator("#table tbody tr td:nth-child(2) .cell")
    assert cells.first.inner_text().startswith("不具备条件")
    assert cells.last.inner_text().startswith("具备条件")
    assert page.locator('#table thead th[aria-sort="ascending"]').inner_text().startswith("结论")


def test_outcomes_of_one_weight_differ_in_texture(page):
    page.locator('#by input[value="SWC"]').check()
    legend = page.evaluate(
        "[...document.querySelectorAll('#legend li')].map((row) => "
        "[row.querySelector('.zh').textContent.split(' · ')[0], row.querySelector('rect').getAttribute('fill')])"
    )
    assert len({fill for _, fill in legend}) == len({words for words, _ in legend})
    assert dict(legend)["部分覆盖"] == "url(#h-fails-partly_covered)"


def test_a_click_inside_a_zone_is_about_the_parcel_not_the_zone(page):
    shapes(page).nth(1).click()
    page.locator("#panel h2").wait_for()
    assert page.locator(".leaflet-popup").count() == 0


def test_the_table_says_covered_only_with_its_effect(page):
    cells = page.locator("#table tbody tr").first.locator("td .cell").all_inner_texts()
    for cell in cells:
        if cell.startswith("已覆盖"):
            assert cell.split("\n")[1].removesuffix("（附条件）") in (
                "单项不再开展",
                "单项仍须办理，可简化",
                "承诺/登记备案",
                "仅提供设计参数",
            )


def test_words_can_be_chinese_english_or_both(page):
    page.locator('button[data-words="en"]').click()
    assert page.locator("#table thead th").nth(1).inner_text() == "Verdict"
    page.locator('button[data-words="zh"]').click()
    assert page.locator("#table thead th").nth(1).inner_text() == "结论"


def test_the_same_state_comes_back_from_the_address(browser, server):
    for page in opened(browser, f"{server}/map#p=CZGX-2024-006&by=FLD", server):
        assert page.locator("#panel h2").inner_text().startswith("CZGX-2024-006")
        assert page.locator('#by input[value="FLD"]').is_checked()


def test_downloads_are_offered_where_allowed_and_greyed_with_reasons_where_not(browser, server):
    for page in opened(browser, f"{server}/map#p=CZGX-2024-001", server):
        links = [link.get_attribute("href") for link in page.locator("#panel .foot a[download]").all()]
        assert links == [
            "/parcels/CZGX-2024-001/tender-package.geojson?profile=public&as_of=2026-12-01",
            "/parcels/CZGX-2024-001/tender-package?profile=public&as_of=2026-12-01",
            "/parcels/CZGX-2024-001/tender-package?profile=internal&as_of=2026-12-01",
        ]
        page.locator("#table tbody tr").nth(2).click()
        assert page.locator("#panel .foot a[download]").count() == 0
        assert page.locator("#panel .foot button:disabled").count() == 3
        assert "水土保持区域评估部分覆盖" in page.locator("#refused").inner_text()


def test_the_page_of_one_parcel_opens_with_its_findings(browser, server, parcels):
    for page in opened(browser, f"{server}/parcels/CZGX-2024-003/map", server):
        assert page.title().startswith("CZGX-2024-003 · ")
        assert page.locator("#panel h2").inner_text() == "CZGX-2024-003 科创大道南"
        assert shapes(page).count() == len(parcels)
        assert fills(page).count("url(#h-fails)") == 1


def test_an_empty_workspace_says_what_to_do_next(browser, server, view, tmp_path):
    path = tmp_path / "empty.html"
    path.write_text(zone_page(dataclasses.replace(view, parcels=(), layers=()), single_file=True), encoding="utf-8")
    for page in opened(browser, path.as_uri(), server):
        assert "还没有导入地块" in page.locator(".empty").inner_text()
