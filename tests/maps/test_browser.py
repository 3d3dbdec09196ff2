"""The pages in a real browser: drawn, searched, clicked, recoloured; nothing asked of any other host."""

import dataclasses

import pytest

from geo_service.maps.view import zone_page
from tests.maps.browsing import choose, fills, listed, opened, shapes
from tests.maps.zone import HOSTILE

pytestmark = pytest.mark.chromium
TITLE = "长治高新区（演示）"


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


def test_the_map_is_drawn_and_hatched_by_verdict(page, parcels):
    assert shapes(page).count() == len(parcels)
    page.locator('#tabs button[data-tab="all"]').click()
    assert fills(page)[:4] == ["url(#h-condition)", "#7DB9DE", "url(#h-fails)", "url(#h-nodata)"]
    assert page.locator("#counters b").all_inner_texts() == ["3", "2", "5", "2", "0", "1", "1"]
    assert page.locator(".leaflet-control-scale-line").all_inner_texts() == ["200 m"]
    assert page.locator(".leaflet-control-attribution").count() == 0


def test_the_list_opens_with_this_batch_by_notice_date_and_the_problem_of_each(page):
    assert listed(page) == ["CZGX-2024-001", "CZGX-2024-002"]
    first = page.locator("#parcels li").first.inner_text()
    assert "环境影响 2027-01-15 到期" in first and "2026-12-01" in first and "附条件具备" in first
    page.locator('#tabs button[data-tab="all"]').click()
    assert listed(page)[:3] == ["CZGX-2024-001", "CZGX-2024-002", "CZGX-2024-003"]
    assert listed(page)[-1] == "CZGX-2024-004", "a parcel without a notice date comes last"
    verdicts = page.locator("#parcels .how .zh").all_inner_texts()[3:-1]
    weight = ["不具备条件", "资料不足", "附条件具备", "具备条件"]
    assert [weight.index(one) for one in verdicts] == sorted(weight.index(one) for one in verdicts)
    page.locator('#tabs button[data-tab="reserve"]').click()
    assert listed(page) == ["CZGX-2024-004"]


def test_search_finds_by_full_width_digits_with_a_blank_inside(page):
    page.locator("#search").fill("ＣＺＧＸ－２０２４ －００１")
    page.locator("#hits button").first.wait_for()
    assert page.locator("#hits button").count() == 1
    assert "306.55" in page.locator("#hits button").inner_text()
    page.keyboard.press("Enter")
    assert page.locator("#panel h2").inner_text() == "CZGX-2024-001 示例地块一"


def test_search_finds_a_unit_number_however_it_is_grouped(page):
    page.locator("#search").fill("140401 100001 GB00002")
    page.locator("#hits button").first.wait_for()
    page.keyboard.press("Enter")
    assert page.locator("#panel h2").inner_text().startswith("CZGX-2024-002")


def test_search_finds_part_of_a_name_and_narrows_list_and_map(page):
    page.locator("#search").fill("漳 泽街")
    page.locator("#hits button").first.wait_for()
    assert page.locator("#hits b").all_inner_texts() == ["CZGX-2024-005", "CZGX-2024-006"]
    page.keyboard.press("Enter")
    assert sorted(listed(page)) == ["CZGX-2024-005", "CZGX-2024-006"]
    assert page.locator('.leaflet-overlay-pane path[fill-opacity="1"]').count() == 2
    page.locator("#chips button").click()
    assert len(listed(page)) == 12
    page.locator("#search").fill("不存在")
    page.get_by_text("没有符合“不存在”的地块").wait_for()


def test_filters_by_verdict_area_and_missing_item_work_together(page):
    page.locator("#counters button", has_text="不具备条件").click()
    assert len(listed(page)) == 5
    assert page.locator('.leaflet-overlay-pane path[fill-opacity="1"]').count() == 5
    page.locator("#lacking").select_option("SWC")
    assert listed(page) == ["CZGX-2024-003"]
    page.locator("#least").fill("100000")
    assert listed(page) == []
    page.get_by_text("清除筛选").click()
    assert len(listed(page)) == 12
    assert page.locator("#least").input_value() == ""
    page.locator("#counters button", has_text="已公告且结论变化").click()
    assert listed(page) == ["CZGX-2024-003"]
    assert "1 宗" in page.locator("#sum").inner_text()


def test_a_click_on_a_parcel_opens_its_findings_and_its_evidence(page):
    shapes(page).nth(2).click()
    page.locator("#panel .verdict").wait_for()
    assert page.locator("#panel h2").inner_text().startswith("CZGX-2024-003")
    assert page.locator("#panel .verdict strong .zh").inner_text() == "暂不具备供应条件"
    page.locator('#panel section[data-section="assessments"] details[data-code="SWC"] summary').click()
    evidence = page.locator(".leaflet-evidence-pane path")
    page.wait_for_function("document.querySelectorAll('.leaflet-evidence-pane path').length === 2")
    assert evidence.last.get_attribute("fill") == "url(#h-evidence)"
    assert "42" in page.locator(".callout").inner_text()
    bars = page.locator('details[data-code="SWC"] .bars dd b .zh').all_inner_texts()
    assert bars[1] == "42\u2009636.00㎡"
    page.keyboard.press("Escape")
    assert page.locator("#panel").is_hidden()


def test_colour_by_recolours_and_the_counters_stay_with_verdicts(page):
    page.locator('#tabs button[data-tab="all"]').click()
    before = fills(page)
    page.locator("#drawer-button").click()
    page.locator('#by input[value="SEI"]').check()
    after = fills(page)
    assert before != after
    assert after[4] == "url(#h-grey)"
    assert "免做" in page.locator("#legend").inner_text()
    assert page.locator("#counters b").all_inner_texts()[:4] == ["3", "2", "5", "2"]
    page.locator('#by input[value="readiness"]').check()
    assert fills(page)[5] == "url(#h-fails)"
    page.locator("#drawer-close").click()
    assert "通平" in page.locator("#parcels .why").first.inner_text(), "the list says what the colour says"


def test_hostile_names_are_text_and_the_title_is_untouched(page):
    assert page.title() == TITLE
    page.locator('#tabs button[data-tab="all"]').click()
    names = page.locator("#parcels .who").all_inner_texts()
    assert {name for name in HOSTILE if any(found.endswith(name) for found in names)} == set(HOSTILE)
    for index in (6, 7, 8, 9):
        choose(page, index + 1)
        assert page.locator("#panel h2").inner_text().endswith(HOSTILE[index - 6])
        shapes(page).nth(index).hover()
        told = page.locator(".leaflet-tooltip.tip b", has_text=f"CZGX-2024-{index + 1:03}")
        told.wait_for()
        assert told.text_content() == f"CZGX-2024-{index + 1:03} {HOSTILE[index - 6]}"
    page.locator("#search").fill("onerror")
    page.locator("#hits button").first.wait_for()
    page.keyboard.press("Escape")
    page.locator("#drawer-button").click()
    assert HOSTILE[0] in page.locator("#layers").inner_text()
    assert page.locator("img").count() == 0
    assert page.title() == TITLE


@pytest.mark.parametrize("path", ["/compare", "/check", "/parcels/CZGX-2024-003/map"])
def test_hostile_names_are_text_on_every_page(browser, server, path):
    for page in opened(browser, server + path, server):
        assert page.title().endswith(TITLE)
        assert page.locator(".leaflet-container").count() > 0
        assert page.locator("img").count() == 0
        if path == "/compare":
            heads = page.locator(".heads h2 a").all_inner_texts()
            assert [name for name in HOSTILE if any(head.endswith(name) for head in heads)] == list(HOSTILE)


def test_a_layer_can_be_switched_on_faded_and_clicked_and_stands_in_the_legend_while_it_is(page):
    page.locator("#drawer-button").click()
    assert "地质灾害" not in page.locator("#visible").inner_text()
    page.get_by_label("地质灾害危险性分区").first.check()
    drawn = page.locator(".leaflet-areas-pane path")
    page.wait_for_function("document.querySelectorAll('.leaflet-areas-pane path').length === 1")
    assert drawn.get_attribute("stroke") == "#8A5A2B"
    assert page.locator("#visible li").all_inner_texts() == ["开发区范围", "地质灾害危险性分区"], "largest first"
    slider = page.locator("#layers .opacity").last
    slider.fill("50")
    assert drawn.get_attribute("stroke-opacity") == "0.5"
    box = drawn.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    popup = page.locator(".leaflet-popup-content")
    popup.wait_for()
    assert "中等" in popup.inner_text()
    assert "GH-2" in popup.inner_text()
    page.get_by_label("地质灾害危险性分区").first.uncheck()
    page.wait_for_function("!document.querySelector('#visible').innerText.includes('地质灾害')")


def test_where_nothing_is_known_can_be_shown(page):
    page.locator("#drawer-button").click()
    page.locator("#extents").check()
    page.wait_for_function(
        "document.querySelectorAll('.leaflet-areas-pane path[fill=\"url(#h-extent)\"]').length === 2"
    )
    assert "超出资料覆盖范围" in page.locator("#visible").inner_text()
    page.locator("#extents").uncheck()
    assert page.locator(".leaflet-areas-pane path").count() == 0


def test_outcomes_of_one_weight_differ_in_texture(page):
    page.locator("#drawer-button").click()
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


def test_all_words_change_language_at_once(page):
    choose(page, 1)
    page.locator('button[data-words="en"]').click()
    assert page.evaluate("document.documentElement.lang") == "en"
    assert "Regional assessments" in page.locator("#panel").inner_text()
    assert page.locator("#search").get_attribute("placeholder").startswith("Parcel no.")
    assert page.title().startswith("Changzhi")
    chinese = page.evaluate(
        """[...document.querySelectorAll('body *')].filter((node) => node.checkVisibility() && [...node.childNodes]
        .some((child) => child.nodeType === 3 && /[\u4e00-\u9fff]/.test(child.data))).map((node) => node.innerText)"""
    )
    known = {"示例地块一", "智店路北", "智店路南A", "智店路南B"}
    names = {name for name in page.evaluate("planner.data.parcels.map((parcel) => parcel.name)") if name}
    left = [words for words in chinese if words not in names | known and not any(name in words for name in names)]
    # Documents and product types are names: nobody translates them.
    assert [
        words for words in left if not any(mark in words for mark in ("号", "中文", "通用设备", "工业用地", "演示"))
    ] == []
    page.locator('button[data-words="zh"]').click()
    assert page.locator("#tabs").inner_text().startswith("本批拟供")


def test_the_same_state_comes_back_from_the_address(browser, server):
    for page in opened(browser, f"{server}/map", server):
        page.locator("#counters button", has_text="不具备条件").click()
        page.locator("#drawer-button").click()
        page.locator('#by input[value="FLD"]').check()
        page.get_by_label("供水管网").first.check()
        page.locator("#layers .opacity").last.fill("40")
        page.locator("#drawer-close").click()
        choose(page, 6)
        page.locator('details[data-code="FLD"] summary').click()
        page.locator('button[data-words="en"]').click()
        address = page.url
        view = page.evaluate("[map_main.getCenter().lat, map_main.getCenter().lng, map_main.getZoom()]")
    for page in opened(browser, address, server):
        page.locator("#panel .verdict").wait_for()
        assert page.locator("#panel h2").inner_text().startswith("CZGX-2024-006")
        assert page.locator('#by input[value="FLD"]').is_checked()
        assert len(listed(page)) == 5
        assert page.evaluate(
            "[map_main.getCenter().lat, map_main.getCenter().lng, map_main.getZoom()]"
        ) == pytest.approx(view, abs=0.01)
        assert page.locator(".leaflet-lines-pane path[stroke='#3F6F86']").first.get_attribute("stroke-opacity") == "0.4"
        assert "Not ready" in page.locator("#panel .verdict").inner_text()


def test_downloads_are_offered_where_allowed_and_greyed_with_reasons_where_not(browser, server):
    for page in opened(browser, f"{server}/map#p=CZGX-2024-001", server):
        page.locator("#panel .verdict").wait_for()
        links = [link.get_attribute("href") for link in page.locator("#panel .foot a[download]").all()]
        assert links == [
            "/parcels/CZGX-2024-001/tender-package?profile=public&as_of=2026-12-01",
            "/parcels/CZGX-2024-001/tender-package.geojson?profile=public&as_of=2026-12-01",
            "/parcels/CZGX-2024-001/tender-package?profile=internal&as_of=2026-12-01",
        ]
        choose(page, 3)
        page.locator("#refused").wait_for()
        downloads = page.locator("#panel .foot a[download]")
        assert ["force=true" in link.get_attribute("href") for link in downloads.all()] == [True]
        assert page.locator("#panel .foot button:disabled").count() == 3
        assert "水土保持区域评估部分覆盖" in page.locator("#refused").inner_text()


def test_the_page_of_one_parcel_opens_with_its_findings(browser, server, parcels):
    for page in opened(browser, f"{server}/parcels/CZGX-2024-003/map", server):
        page.locator("#panel .verdict").wait_for()
        assert page.title().startswith("CZGX-2024-003 · ")
        assert page.locator("#panel h2").inner_text() == "CZGX-2024-003 科创大道南"
        assert shapes(page).count() == len(parcels)
        assert fills(page).count("url(#h-fails)") == 1


def test_a_result_that_does_not_come_is_said_in_the_panel_and_can_be_asked_for_again(browser, server):
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    page = context.new_page()
    page.goto(f"{server}/map")
    page.route("**/panel*", lambda route: route.abort())
    page.locator('#parcels li[data-i="0"] > button').click()
    refusal = page.locator("#panel .refusal")
    refusal.wait_for()
    assert "服务无回应" in refusal.inner_text()
    assert page.locator("#panel .verdict").count() == 0
    page.unroute("**/panel*")
    refusal.locator("button").click()
    page.locator("#panel .verdict").wait_for()
    context.close()


def test_an_empty_workspace_says_what_to_do_next(browser, server, view, tmp_path):
    path = tmp_path / "empty.html"
    path.write_text(zone_page(dataclasses.replace(view, parcels=(), layers=()), single_file=True), encoding="utf-8")
    for page in opened(browser, path.as_uri(), server):
        assert "还没有导入地块" in page.locator(".empty").inner_text()
