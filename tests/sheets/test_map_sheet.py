"""The map sheet on paper: the size asked for, at a round scale, with everything that makes a map a document."""

from __future__ import annotations

import re

import pytest
import zxingcpp

from geo_service.maps.sheet import MOST_LAYERS
from geo_service.service import Service
from tests.sheets.conftest import MANIFEST
from tests.sheets.printing import Press, skip_without_poppler

pytestmark = [pytest.mark.chromium, pytest.mark.poppler]
CASE = MANIFEST["cases"]
SIZES = {
    ("A4", "portrait"): (210, 297),
    ("A4", "landscape"): (297, 210),
    ("A3", "portrait"): (297, 420),
    ("A3", "landscape"): (420, 297),
}
#: The smallest and the largest are printed every time, all of them where CI runs.
ALWAYS = (("A4", "portrait"), ("A3", "landscape"))
PRINTED = [size if size in ALWAYS else pytest.param(*size, marks=pytest.mark.slow) for size in SIZES]


@pytest.fixture(autouse=True, scope="module")
def poppler():
    skip_without_poppler()


@pytest.mark.parametrize(("paper", "orientation"), PRINTED)
def test_one_page_of_the_paper_asked_for_with_all_a_map_needs(press: Press, paper: str, orientation: str):
    printed = press.print(f"/parcels/{CASE['A']}/map-sheet?paper={paper}&orientation={orientation}")
    assert (printed.pages, printed.size_mm) == (1, SIZES[paper, orientation])
    text = printed.text()
    for words in (
        *("地块供地前核查图", CASE["A"], "附条件具备", "图例", "本地块", "开发区范围", "公里网", "中央子午线114°"),
        *("核查基准日2026-12-01", "数据截至2026-11-18", "演示数据", "审图号", f"（{paper}）", "不代替主管部门审批意见"),
        *("第1页共1页", "核查编号20261201-"),
    ):
        assert words in text, words
    assert re.search(r"1:[\d.]+", text)
    assert re.search(r"道路\d{4}-\d{2}-\d{2}", text), "the legend dates the editions"
    assert len(zxingcpp.read_barcodes(printed.picture(1, 150))) == 1


@pytest.mark.parametrize("orientation", ["portrait", "landscape"])
def test_nothing_of_the_legend_is_cut_off(press: Press, demo: Service, orientation: str):
    drawn = [name for name, one in demo.layers.editions.items() if one.spec.group in ("infrastructure", "constraint")]
    many = ",".join(sorted(drawn)[:MOST_LAYERS])
    for query in ("", f"&layers={many}"):
        with press.open(f"/parcels/{CASE['A']}/map-sheet?orientation={orientation}{query}") as page:
            assert page.evaluate(
                """() => {
                  const inside = (node, box) => node.bottom <= box.bottom + 1 && node.right <= box.right + 1;
                  const box = document.querySelector('.legend').getBoundingClientRect();
                  const body = document.querySelector('.body').getBoundingClientRect();
                  return inside(box, body)
                    && [...document.querySelectorAll('.legend li, .legend svg, .legend p')]
                      .every((node) => inside(node.getBoundingClientRect(), box));
                }"""
            ), query


@pytest.mark.slow
def test_all_parcels_fit_on_one_sheet_and_the_scale_may_be_chosen(press: Press, demo: Service):
    with press.open("/map-sheet") as page:
        assert f"地块 {len(demo.parcels)} 宗" in page.locator(".head").inner_text()
        assert page.locator(".plan > g > path[fill='#7DB9DE']").count() > 20
    with press.open("/map-sheet?scale=25000&paper=A4") as page:
        assert "1 : 25 000" in page.locator("footer").inner_text().replace("\u00a0", " ")


def test_a_window_is_shown_at_the_largest_scale_that_holds_it(press: Press):
    with press.open("/map-sheet?bbox=113.03,36.22,113.05,36.23") as page:
        found = page.locator(".plan text.name").all_inner_texts()
        scale = int(re.sub(r"\D", "", page.locator("footer b").first.inner_text().split(":")[1]))
    assert scale in (5000, 7500)
    assert found


def test_only_the_layers_asked_for_are_drawn(press: Press):
    with press.open(f"/parcels/{CASE['F']}/map-sheet?layers=ore") as page:
        legend = page.locator(".legend").inner_text()
    assert "矿产资源压覆范围" in legend
    assert "道路" not in legend


def test_lines_can_be_told_apart_without_colours(press: Press):
    """Every line layer on the sheet has a dash, a width or a core that no other has."""
    with press.open(f"/parcels/{CASE['A']}/map-sheet") as page:
        looks = page.evaluate(
            """() => {
              const said = (path) => ['d', 'stroke-dasharray', 'stroke-width'].map((name) => path.getAttribute(name));
              return [...document.querySelectorAll('.legend svg.swatch')]
                .map((sample) => [...sample.querySelectorAll('path')])
                .filter((paths) => paths.every((path) => path.getAttribute('fill') === 'none'))
                .map((paths) => paths.flatMap(said).join(' '));
            }"""
        )
    assert len(looks) > 5
    assert len(set(looks)) == len(looks)


def test_evidence_is_numbered_on_the_map_and_in_the_legend(press: Press):
    with press.open(f"/parcels/{CASE['B']}/map-sheet") as page:
        assert page.locator(".plan text.mark").all_text_contents() == ["1"]
        assert "1 " in page.locator(".legend").inner_text()
        assert "38 000.00㎡" in page.locator(".legend").inner_text().replace("\u00a0", " ")


def test_who_asks_wrongly_is_told(served, demo: Service):
    base = f"/parcels/{CASE['A']}/map-sheet"
    assert served.get("/parcels/nobody/map-sheet").status_code == 404
    unknown = served.get(f"{base}?layers=roads,nothing")
    assert (unknown.status_code, unknown.json()["value"]) == (400, "nothing")
    every = ",".join(sorted(demo.layers.editions))
    for query in (f"layers={every}", "scale=5", "paper=A5", "orientation=up", "lang=fr"):
        assert served.get(f"{base}?{query}").status_code == 400, query


def test_the_same_question_gives_the_same_sheet(served):
    def body(path: str) -> str:
        return re.sub(r'nonce="[^"]*"', "", served.get(path).text)

    path = f"/parcels/{CASE['A']}/map-sheet"
    first = body(path)
    assert body(path) == first
    assert CASE["A"] in first


@pytest.mark.parametrize("bbox", ["-170,-80,170,80", "0,0,1,1", "113,36,113,89", "114,36,113,37"])
def test_a_window_where_the_zones_crs_has_no_places_is_refused(served, bbox: str):
    answer = served.get(f"/map-sheet?bbox={bbox}")
    assert answer.status_code == 400
    assert "bbox" in answer.json()["detail"]
