"""The pages for those who use a keyboard or a screen reader, who see few colours, or who print in black and white."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from tests.maps.browsing import choose, listed, opened
from tests.maps.colour import DEFICIENCIES, difference, seen

pytestmark = pytest.mark.chromium
AXE = Path(__file__).parent / "axe-core"
#: Least CIEDE2000 between two verdicts, and between any two signs; each has its hatch and its word besides.
VERDICTS_APART, SIGNS_APART, GREYS_APART = 20.0, 15.0, 8.0
SIGNS = ("pass", "condition", "fails", "nodata", "waived")


def test_the_checker_is_the_one_written_down():
    listed = json.loads((AXE / "vendor.json").read_text())["files"]
    assert {name: hashlib.sha256((AXE / name).read_bytes()).hexdigest() for name in listed} == listed


def faults(page) -> list[str]:
    page.evaluate((AXE / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [
        f"{fault['id']}: {node['target']} {node['failureSummary']}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


@pytest.mark.parametrize("words", ["zh", "en"])
def test_axe_finds_nothing_serious_on_the_workbench(browser, server, words):
    for page in opened(browser, f"{server}/map#words={words}", server):
        assert faults(page) == []
        choose(page, 1)
        page.locator('#panel details[data-code="EIA"] summary').click()
        page.locator("#drawer-button").click()
        page.get_by_label("Water mains" if words == "en" else "供水管网").first.check()
        page.locator("#search").fill("2024")
        page.locator("#hits button").first.wait_for()
        assert faults(page) == []


@pytest.mark.parametrize("path", ["/parcels/CZGX-2024-003/map", "/compare", "/check"])
def test_axe_finds_nothing_serious_on_the_other_pages(browser, server, path):
    for page in opened(browser, server + path, server):
        if "parcels" in path:
            page.locator("#panel .verdict").wait_for()
        assert faults(page) == []


def test_a_parcel_is_found_and_read_without_a_mouse(browser, server):
    for page in opened(browser, f"{server}/map", server):
        page.keyboard.press("/")
        page.keyboard.type("003")
        page.locator("#hits button").first.wait_for()
        page.keyboard.press("Enter")
        page.locator("#panel .verdict.not_ready").wait_for()
        assert page.evaluate("document.activeElement.id") == "panel"
        announced = page.locator("#announce").inner_text()
        assert "CZGX-2024-003" in announced and "暂不具备供应条件" in announced and "公告前必办 1" in announced
        page.keyboard.press("n")
        assert page.evaluate("document.activeElement.closest('.row').dataset.code") == "SWC"
        page.keyboard.press("5")
        assert page.evaluate("document.activeElement.dataset.section") == "assessments"
        page.keyboard.press("Escape")
        assert page.locator("#panel").is_hidden()
        page.locator("#parcels button").first.focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.locator("#panel .verdict").wait_for()
        second = listed(page)[1] if len(listed(page)) > 1 else listed(page)[0]
        assert page.locator("#panel h2").inner_text().startswith(second)
        page.keyboard.press("?")
        page.locator("#keys").wait_for()
        page.keyboard.press("Escape")
        assert page.locator("#keys").count() == 0
        assert page.locator("#panel").is_visible(), "only the topmost is closed"


def test_every_control_is_reached_by_tab_in_reading_order(browser, server):
    for page in opened(browser, f"{server}/map#p=CZGX-2024-001", server):
        page.locator("#panel .verdict").wait_for()
        page.evaluate("document.activeElement.blur()")
        for _ in range(160):
            page.keyboard.press("Tab")
            ended = page.evaluate(
                "(() => { const node = document.activeElement; node.dataset.reached = 'yes';"
                "return node === document.body; })()"
            )
            if ended:
                break
        left = page.evaluate(
            "[...document.querySelectorAll('a[href], button, input, select, summary')].filter((node) => "
            "node.checkVisibility() && !node.disabled && node.tabIndex >= 0 && !node.dataset.reached "
            "&& !(node.type === 'radio' && document.querySelector(`[name=\"${node.name}\"][data-reached]`)))"
            ".map((node) => node.outerHTML.slice(0, 120))"
        )
        assert left == []


def test_regions_are_walked_with_one_key(browser, server):
    for page in opened(browser, f"{server}/map#p=CZGX-2024-001", server):
        page.locator("#panel .verdict").wait_for()
        where = []
        for _ in range(5):
            page.keyboard.press("F6")
            where.append(
                page.evaluate(
                    "['.bar', '#counters', '#list', '#map_main', '#panel']"
                    ".find((one) => document.querySelector(one).contains(document.activeElement))"
                )
            )
        assert where == [".bar", "#counters", "#list", "#map_main", "#panel"]


def test_nothing_scrolls_sideways_at_two_hundred_percent(browser, server):
    context = browser.new_context(viewport={"width": 683, "height": 384})
    page = context.new_page()
    page.goto(f"{server}/map#p=CZGX-2024-001")
    page.locator("#panel .verdict").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 683
    assert page.locator("#parcels li").first.is_visible()
    context.close()


def grounds(page) -> dict[str, tuple[str, str]]:
    """Ground colour and hatch of each sign, as the page has them."""
    return {
        sign: tuple(
            page.evaluate(
                """(sign) => {
                  const { fill } = planner.paintOf({ sign });
                  if (fill.startsWith('#')) return [fill, ''];
                  const hatch = document.querySelector(fill.slice(4, -1));
                  const marks = hatch.innerHTML + hatch.getAttribute('patternTransform');
                  return [hatch.querySelector('rect').getAttribute('fill'), marks];
                }""",
                sign,
            )
        )
        for sign in SIGNS
    }


def test_verdicts_are_told_apart_with_few_colours_and_in_grey(browser, server):
    for page in opened(browser, f"{server}/map", server):
        found = grounds(page)
    assert len({hatch for _, hatch in found.values()}) == len(SIGNS), "each has a hatch of its own"
    for one, other in itertools.combinations(SIGNS, 2):
        least = SIGNS_APART if "waived" in (one, other) else VERDICTS_APART
        for deficiency in (None, *DEFICIENCIES):
            apart = difference(seen(found[one][0], deficiency), seen(found[other][0], deficiency))
            assert apart >= least, (one, other, deficiency, apart)
        greys = abs(seen(found[one][0])[0] - seen(found[other][0])[0])
        assert greys >= GREYS_APART, (one, other, greys)


def test_the_difference_of_colours_is_the_published_one():
    pair = np.array((50, 2.6772, -79.7751)), np.array((50, 0, -82.7485))
    assert difference(*pair) == pytest.approx(2.0425, abs=5e-5)
