"""Every page of a workspace in which every name is markup or script, in a real browser: names are text everywhere."""

from __future__ import annotations

import html
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pytest

from geo_service.api.app import create_app
from geo_service.service import Service
from tests.api.serving import AS_OF, OPEN, Served, running
from tests.imports.bringing import parcels
from tests.maps.browsing import LARGE, results, shapes, wait, watched
from tests.maps.conftest import SLOW_MS
from tests.maps.hostile import MARK, hostile, hostile_ids, hostile_workspace
from tests.sheets.imagery import SETTINGS, register_imagery

pytestmark = pytest.mark.chromium

IDS = hostile_ids("id")
FIRST, *OTHERS = (quote(id_, safe="") for id_ in IDS)
#: Where to go after signing in; an address has no blanks.
BLANKLESS = IDS[1].replace(" ", "")
ITEMS = {"title", "publisher", "name"}
SHEET = {"id", "name", "title"}
WORKBENCH = {"id", "name", "title", "short", "credit", "licence"}
PANEL = {"document", "article", "report_no", "approved_by"}
#: Each page, an address of it for each way in which it is drawn, and what is named on it.
PAGES: dict[str, dict[str, set[str]]] = {
    "/": {"/": {"title", "publisher"}},
    "/docs": {"/docs": {"title"}},
    "/sign-in": {f"/sign-in?after=/{quote(BLANKLESS)}": {"id"}},
    "/collections/{collection_id}": {"/collections/parcels?f=html": {"title", "publisher", "licence"}},
    "/collections/{collection_id}/items": {
        "/collections/parcels/items?f=html": {*ITEMS, "id", "purpose", "location", "unit_no"},
        "/collections/verdicts/items?f=html": {"title", "id", "name"},
        "/collections/zones/items?f=html": ITEMS,
        "/collections/assessment_scopes/items?f=html": {*ITEMS, "report_no", "approved_by"},
    },
    "/collections/{collection_id}/items/{feature_id}": {f"/collections/parcels/items/{FIRST}?f=html": {*ITEMS, "id"}},
    "/map": {"/map": {*WORKBENCH, *PANEL, "base"}, "/map?draw=canvas": {*WORKBENCH, *PANEL} - {"short"}},
    "/parcels/{parcel_id}/map": {f"/parcels/{FIRST}/map": {*WORKBENCH, *PANEL}},
    "/check": {"/check": {*WORKBENCH, *PANEL, "uploaded"}},
    "/compare": {f"/compare?parcels={','.join([FIRST, *OTHERS[:3]])}": SHEET},
    "/parcels/{parcel_id}/sheet": {f"/parcels/{FIRST}/sheet?basemap=imagery": {*SHEET, "report_no", "short", "base"}},
    "/parcels/{parcel_id}/map-sheet": {f"/parcels/{FIRST}/map-sheet?basemap=imagery": {*SHEET, "base"}},
    "/map-sheet": {"/map-sheet?basemap=imagery": {*SHEET, "base"}},
}
#: Drawn every time; the others where CI runs.
ALWAYS = {"/map", "/collections/parcels/items?f=html"}
ADDRESSES = [
    pytest.param(address, named, marks=() if address in ALWAYS else pytest.mark.slow, id=path)
    for path, pages in PAGES.items()
    for address, named in pages.items()
]
#: All that can be read on a page, also what is not opened yet, and what stands in place of words.
TOLD = """() => {
  const found = [], walk = document.createTreeWalker(document, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    if (!['SCRIPT', 'STYLE'].includes(walk.currentNode.parentNode.nodeName)) found.push(walk.currentNode.data);
  }
  for (const node of document.querySelectorAll('*')) {
    for (const name of ['title', 'aria-label', 'placeholder', 'value']) found.push(node.getAttribute(name) || '');
    found.push(node.value && node.value.toString() || '');
  }
  return found.filter((words) => words.includes('§') || words.includes('¶'));
}"""


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    service = Service(hostile_workspace(tmp_path_factory.mktemp("hostile"), IDS), lambda: AS_OF)
    register_imagery(service)
    base = hostile("base").replace('"', '\\"')
    (service.workspace.directory / "basemaps.toml").write_text(
        re.sub("影像|Imagery|某测绘院|Some survey|GS(2026)0001号", lambda _: base, SETTINGS), encoding="utf-8"
    )
    with running(create_app(service, policy=OPEN), service) as served:
        yield served


class Reading:
    """What was read on a page so far."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.kinds: set[str] = set()
        self.title = page.title()

    def read(self) -> None:
        """Read all there is: each name stands there as it was given, and nothing was made of any."""
        whole = tuple(text.rpartition("§")[2] for text in (hostile(""), *IDS, BLANKLESS))
        for words in self.page.evaluate(TOLD):
            marks = list(MARK.finditer(words))
            assert marks, words
            for mark in marks:
                assert words[mark.end() :].startswith(whole), words
                self.kinds.add(mark[1])
        assert self.page.locator("img:not(.leaflet-tile), [onerror]").count() == 0
        assert self.page.title() == self.title


@contextmanager
def reading(browser: Any, address: str, base: str) -> Iterator[Reading]:
    context = browser.new_context(viewport={"width": LARGE[0], "height": LARGE[1]})
    page = context.new_page()
    page.set_default_timeout(SLOW_MS)
    with watched(page, base, tolerated="GPU stall"):
        page.goto(address, wait_until="load")
        found = Reading(page)
        found.read()
        yield found
        found.read()
    context.close()


def workbench(found: Reading) -> None:
    """Look at every parcel on the map, in the list, in the panel, and at every layer."""
    page = found.page
    page.locator('#tabs button[data-tab="all"]').click()
    drawn = page.evaluate("planner.data.parcels.map((parcel) => parcel.id)")
    assert set(drawn) == set(IDS)
    for number, id_ in enumerate(drawn):
        shapes(page).nth(number).hover()
        page.locator(".leaflet-tooltip.tip b", has_text=f"{id_} §name§").wait_for()
    panel(found)
    page.keyboard.press("Escape")
    page.locator("#drawer-button").click()
    for name in ("开发区范围", "现状地类"):
        page.get_by_label(name).first.check()
    wait(page, "document.querySelectorAll('.leaflet-areas-pane path, .leaflet-ground-pane path').length > 1")
    page.mouse.click(LARGE[0] / 2, LARGE[1] - 200)
    page.locator(".leaflet-popup-content", has_text="§name§").wait_for()
    found.read()
    page.get_by_label("§base§").check()
    page.locator(".leaflet-basemap-pane img").first.wait_for()


def panel(found: Reading) -> None:
    """Open what is found on the first parcel of the list, down to the last line."""
    found.page.locator("#parcels li[data-i] > button").first.click()
    found.page.locator("#panel .verdict").wait_for()
    found.read()


def from_tiles(found: Reading) -> None:
    wait(found.page, "document.querySelectorAll('#parcels li[data-i]').length > 0")
    panel(found)


def uploading(found: Reading) -> None:
    """Check a file in which a parcel is called so as well."""
    content = parcels(1, name=hostile("uploaded"))
    found.page.locator("#file").set_input_files(
        {"name": "<img src=x onerror=alert(1)>.geojson", "mimeType": "application/geo+json", "buffer": content}
    )
    assert results(found.page)
    found.page.locator('.results button[data-n="0"]').click()
    found.page.locator("#panel .verdict").wait_for()


def unfolding(found: Reading) -> None:
    """Unfold what is said of the items of a collection."""
    page = found.page
    block = page.locator(".opblock-summary-path", has_text="/collections/parcels/items").first
    block.wait_for()
    block.click()
    page.locator(".opblock.is-open .parameters").first.wait_for()


DOING: dict[str, Callable[[Reading], None]] = {
    "/map": workbench,
    "/map?draw=canvas": from_tiles,
    "/check": uploading,
    "/docs": unfolding,
}


def test_these_are_all_the_pages_there_are(attacked):
    described = attacked.get("/api").json()["paths"]
    drawn = {
        path
        for path, operations in described.items()
        if "text/html" in operations.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        # Of every collection there is the same page.
        and (not path.startswith("/collections/") or "{collection_id}" in path)
    }
    assert drawn == set(PAGES)


@pytest.mark.parametrize(("address", "named"), ADDRESSES)
def test_every_name_is_text_on_every_page(attacked, browser, address, named):
    answer = attacked.get(address, headers={"Accept": "text/html"})
    assert answer.status_code == 200, answer.text[:300]
    with reading(browser, attacked.base + address, attacked.base) as found:
        assert found.title == html.unescape(re.search(r"<title>(.*?)</title>", answer.text, re.DOTALL)[1])
        DOING.get(address, lambda _: None)(found)
        found.read()
    assert named <= found.kinds, named - found.kinds


@pytest.mark.slow
def test_every_name_is_text_on_the_page_in_a_package(attacked, browser, tmp_path):
    answer = attacked.get(f"/parcels/{FIRST}/tender-package?force=true&profile=internal")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        archive.extract("map.html", tmp_path)
    with reading(browser, (tmp_path / "map.html").as_uri(), attacked.base) as found:
        pass
    assert {"id", "name", "title", *PANEL} <= found.kinds
