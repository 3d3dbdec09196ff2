"""The check sheet on paper: two pages of A4 that say what the record says, also on a black-and-white printer."""

from __future__ import annotations

import re
from datetime import date
from urllib.parse import parse_qsl, quote, urlsplit

import numpy as np
import pytest
import zxingcpp

from geo_service.api.app import create_app
from geo_service.maps.sheet import check_frame
from geo_service.service import Service
from geo_service.store.definitions import bundled
from tests.api.serving import ODD, OPEN, build, running
from tests.maps.browsing import wait
from tests.rulebook.test_words import FORBIDDEN
from tests.sheets.conftest import MANIFEST
from tests.sheets.printing import Press, pixels, skip_without_poppler

pytestmark = [pytest.mark.chromium, pytest.mark.poppler]
CASE = MANIFEST["cases"]

#: What a planner must find on the sheet of a case, in one piece once blanks are left out.
FACTS = {
    "A": ("附条件具备", "204366.64㎡（306.5500亩）", "2027-01-15", "余45天", "写入公告和合同的条件（2）", "临时"),
    "B": ("暂不具备供应条件", "62.0%", "38000.00㎡", "部分覆盖", "缺38000.00㎡"),
    "C": ("按容差忽略的细碎重叠0.40㎡",),
    "D": ("暂不具备供应条件", "永久基本农田", "12.00㎡"),
    "C2": ("资料不足", "待勘测核定"),
    "N": ("农转用征收未批", "80000.00㎡"),
    "excluded": ("本类项目不适用区域成果",),
    "S": ("证明与数据不一致", "412.6m"),
    "unsurveyed": ("资料不足，暂不能判定", "超出资料覆盖范围"),
}
#: A condition, a gap, a contradiction and ground nobody surveyed are printed every time; all cases where CI runs.
ALWAYS = ("A", "B", "S", "unsurveyed")
PRINTED = [case if case in ALWAYS else pytest.param(case, marks=pytest.mark.slow) for case in FACTS]


@pytest.fixture(autouse=True, scope="module")
def poppler():
    skip_without_poppler()


def address(parcel_id: str, query: str = "") -> str:
    return f"/parcels/{quote(parcel_id, safe='')}/sheet{query}"


@pytest.mark.parametrize("case", PRINTED)
def test_the_sheet_is_two_pages_of_a4_with_the_facts_of_the_case(press: Press, demo: Service, case: str):
    printed = press.print(address(CASE[case]))
    record = demo.record(CASE[case])

    assert (printed.pages, printed.size_mm) == (2, (210, 297))
    text = printed.text()
    for fact in (CASE[case], *FACTS[case]):
        assert fact.replace(" ", "") in text, fact
    digest = record["provenance"]["digest"]
    for page in (1, 2):
        foot = printed.text(page)
        for words in (
            *(f"第{page}页共2页", "不代替主管部门审批意见", "演示数据", f"核查基准日{record['as_of']}"),
            *("数据截至2026-11-18", f"规则版次{record['provenance']['rulebook']['edition']}", digest[:12]),
            f"核查编号{record['as_of'].replace('-', '')}-{digest[:8].upper()}",
        ):
            assert words in foot, (page, words)
    assert "中央子午线114°" in text
    assert digest in printed.text(2)
    for layer in record["provenance"]["layers"]:
        assert layer["sha256"][:8] in printed.text(2)
    assert [word for word in FORBIDDEN if word in text] == []


@pytest.mark.slow
def test_the_parcels_with_most_to_say_keep_to_two_pages_too(press: Press, demo: Service):
    def said(parcel_id: str) -> int:
        reasons = demo.record(parcel_id)["verdict"]["reasons"]
        return sum(len(str(reason["message"])) + len(str(reason["clause"])) for reason in reasons)

    longest = sorted(demo.parcels, key=said, reverse=True)[:8]
    full = {}
    for parcel_id in dict.fromkeys([*longest, *(CASE[case] for case in ("V", "B", "outside", "M", "withheld"))]):
        with press.open(address(parcel_id)) as page:
            full[parcel_id] = page.locator(".page").count()
            assert page.evaluate(
                "[...document.querySelectorAll('.body')].every((body) => body.scrollHeight <= body.clientHeight + 1)"
            ), parcel_id
            assert (
                page.evaluate(
                    "[...document.querySelectorAll('.page *')].filter((node) => node.childNodes.length === 1 && "
                    "node.firstChild.nodeType === 3 && parseFloat(getComputedStyle(node).fontSize) < 11.99 && "
                    "!(node instanceof SVGElement)).length"
                )
                == 0
            )
    assert {parcel_id: pages for parcel_id, pages in full.items() if pages != 2} == {}


def test_more_than_two_pages_can_hold_goes_to_a_third_and_nothing_is_cut_off(press: Press):
    with press.open(address(CASE["B"])) as page:
        page.evaluate(
            """() => {
              const body = document.querySelectorAll('.page')[1].querySelector('.body');
              const entry = body.querySelector('.entry');
              for (let number = 0; number < 60; number++) body.prepend(entry.cloneNode(true));
            }"""
        )
        before = page.locator(".entry").count()
        page.evaluate("window.layOut()")
        assert page.locator(".page").count() >= 4
        assert page.locator(".entry").count() == before
        folios = page.locator(".folio").all_inner_texts()
        assert folios == [f"第 {number} 页共 {len(folios)} 页" for number in range(1, len(folios) + 1)]
        assert page.evaluate(
            "[...document.querySelectorAll('.body')].every((body) => body.scrollHeight <= body.clientHeight + 1)"
        )
        assert not page.evaluate(
            "[...document.querySelectorAll('.body')].some((body) => body.lastElementChild.matches('.section'))"
        )


def test_the_code_leads_to_the_same_answer(press: Press, demo: Service, served):
    printed = press.print(address(CASE["A"]))
    codes = zxingcpp.read_barcodes(printed.picture(1, 150))
    assert len(codes) == 1
    link = urlsplit(codes[0].text)
    said = dict(parse_qsl(link.query))
    assert f"{link.scheme}://{link.netloc}" == served.base
    assert served.get(f"{link.path}?{link.query}").status_code == 200
    record = served.get(f"{link.path.removesuffix('/map')}/assessment?as_of={said['as_of']}").json()
    assert record["provenance"]["digest"] == said["digest"]
    assert said["digest"] in printed.text(2)


def test_the_button_keeps_the_record_that_the_code_leads_to(press: Press, demo: Service):
    parcel_id = CASE["F"]
    digest = demo.record(parcel_id)["provenance"]["digest"]
    assert demo.kept(parcel_id, digest) is None
    with press.open(address(parcel_id)) as page:
        page.emulate_media(media="screen")
        page.evaluate("() => { window.print = () => { window.printed = true; }; }")
        page.locator(".tools button").click()
        wait(page, "window.printed === true")
    assert demo.kept(parcel_id, digest)["provenance"]["digest"] == digest


def test_the_code_survives_a_black_and_white_printer_and_a_fax(press: Press):
    grey = press.print(address(CASE["B"])).picture(1, 100, grey=True)
    assert len(zxingcpp.read_barcodes(np.where(grey > 127, 255, 0).astype(np.uint8))) == 1


def test_the_map_is_to_scale(press: Press, demo: Service):
    verdict = demo.verdict(CASE["A"])
    west, south, east, north = verdict.geometry.bounds
    scale = check_frame(verdict.geometry.bounds).scale
    with press.open(address(CASE["A"])) as page:
        size = page.evaluate(
            """() => {
              const mm = 25.4 / 96;
              const outline = [...document.querySelectorAll('.plan path[stroke-width="0.85"]')][0].getBBox();
              const plan = document.querySelector('.plan');
              const unit = plan.getBoundingClientRect().width / plan.viewBox.baseVal.width * mm;
              return [outline.width * unit, outline.height * unit];
            }"""
        )
        bar = page.locator(".plan .length").evaluate(
            "(node) => node.getBBox().width * document.querySelector('.plan').getBoundingClientRect().width "
            "/ document.querySelector('.plan').viewBox.baseVal.width * 25.4 / 96"
        )
        label = page.locator(".plan text.plain").last.text_content()
        caption = page.locator(".caption b").first.inner_text()
    assert size == pytest.approx([(east - west) * 1000 / scale, (north - south) * 1000 / scale], abs=0.02)
    assert re.sub(r"\D", "", caption.split(":")[1]) == str(scale)
    assert bar == pytest.approx(float(re.sub(r"\D", "", label)) * 1000 / scale, abs=0.02)


def test_verdicts_can_be_told_apart_without_colours(press: Press):
    """In grey, any two samples differ in their ground or in the lines on it."""
    found = {}
    with press.open(address(CASE["A"]), device_scale_factor=4) as page:
        for sample in page.locator(".legend li:has(svg.swatch)").all():
            words = sample.inner_text()
            if words in ("具备条件", "附条件具备", "不具备条件", "资料不足"):
                found[words] = pixels(sample.locator("svg").screenshot(), grey=True)
    assert len(found) == 4
    found = {words: grey[20:-20, 20:-20] for words, grey in found.items()}
    looks = {words: np.percentile(grey, (10, 50, 90)) for words, grey in found.items()}
    names = list(looks)
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            apart = np.abs(np.subtract(looks[one], looks[other]))
            assert apart.max() > 25, (one, other, looks)
    # The plain one is plain, and the others are hatched so that it shows on paper.
    assert found["具备条件"].std() < 1
    assert all(grey.std() > 20 for words, grey in found.items() if words != "具备条件")


def test_a_chosen_date_stands_in_the_head_and_at_the_foot_of_every_page(press: Press, demo: Service):
    printed = press.print(address(CASE["A"], "?as_of=2026-11-25"))
    for page in (1, 2):
        assert "核查基准日2026-11-25指定日期" in printed.text(page)
        assert "核查基准日2026-11-25（指定）" in printed.text(page)
    usual = press.print(address(CASE["A"], f"?as_of={demo.record(CASE['A'])['as_of']}"))
    assert "指定" not in usual.text()


def test_the_english_sheet_says_it_in_english(press: Press):
    printed = press.print(address(CASE["A"], "?lang=en"))
    text = printed.text()
    for words in (
        *("Check sheet of a parcel before it is listed", "Conditional", "Regional assessments"),
        *("page 1 of", "does not replace any decision", "central meridian 114°", "204 366.64 m²"),
    ):
        assert words.replace(" ", "") in text, words
    assert [words for words in ("核查基准日", "图例", "供地前提", "管控要素") if words in text] == []


def test_names_are_text_whatever_is_in_them(tmp_path, browser):
    workspace = build(tmp_path / "odd", bundled()[0])
    service = Service(workspace, lambda: date(2026, 12, 1))
    with running(create_app(service, policy=OPEN), service) as server:
        odd = Press(browser, server.base, tmp_path)
        with odd.open(server.base + address(ODD)) as page:
            assert "<script>alert(1)</script>" in page.locator(".head .what").first.inner_text()
            assert page.title().startswith(ODD)
            assert ODD in page.locator(".plan").text_content()
            assert page.locator(".page script, .page img").count() == 0


def test_who_asks_wrongly_is_told(served):
    assert served.get(address("nobody")).status_code == 404
    assert served.get(address(CASE["A"], "?lang=fr")).status_code == 400
    assert served.get(address(CASE["A"], "?paper=A3")).json()["code"] == "unknown-parameter"
