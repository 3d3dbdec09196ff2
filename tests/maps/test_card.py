"""What the panel says of a parcel, before any browser draws it."""

import json
import re
from functools import partial
from pathlib import Path

import pytest

import geo_service.maps
from geo_service.maps import labels
from geo_service.maps.card import card as card_of
from geo_service.maps.signs import Sign, readiness_sign, sign_of
from geo_service.model import enums
from geo_service.model.labels import EFFECTS, REASONS
from geo_service.model.text import Text
from tests.maps.zone import NAMES, because, finding

card = partial(card_of, names=NAMES)

ORDER = [
    "todo", "conditions", "missing", "preconditions", "assessments", "readiness", "indicators", "constraints", "papers",
    "determinations", "provenance",
]  # fmt: skip


def part(made, key):
    return next(section for section in made["sections"] if section["key"] == key)


def row(made, key, code):
    return next(item for item in part(made, key)["items"] if item.get("code") == code)


def test_the_panel_keeps_the_order_a_planner_is_used_to_and_empty_sections_stay(spoilt):
    made = card(spoilt("CZGX-2024-002"))
    assert [section["key"] for section in made["sections"]] == ORDER
    assert part(made, "todo")["count"] == 0


def test_every_outcome_has_words_in_both_languages():
    tables = (
        (labels.ASSESSMENT, enums.ASSESSMENT_OUTCOMES),
        (labels.SERVICE, enums.SERVICE_OUTCOMES),
        (labels.LEVEL, enums.LEVEL_OUTCOMES),
        (labels.INDICATOR, enums.INDICATOR_OUTCOMES),
        (EFFECTS, enums.Effect),
        (REASONS, enums.NoDataReason),
        (labels.SEVERITY, enums.Severity),
        (labels.STAGE, enums.Stage),
        (labels.STATUS, enums.Status),
        (labels.STATUS_FULL, enums.Status),
    )
    for table, values in tables:
        assert set(table) == {value.value for value in values}
        assert all(text.zh and text.en for text in table.values())
    for kind in enums.Kind:
        assert set(labels.CONSTRAINT[kind.value]) | set(labels.CONSTRAINT_ANY) == {
            o.value for o in enums.CONSTRAINT_OUTCOMES
        }


def test_covered_never_stands_without_its_effect(parcels):
    for parcel in parcels:
        made = card(parcel.record)
        for item in part(made, "assessments")["items"]:
            if item["words"][0].startswith("已覆盖"):
                effect = item["words"][0].split(" · ")[1]
                assert effect in {text.zh for text in EFFECTS.values()}


def test_a_missing_corner_is_not_rounded_into_a_whole(spoilt):
    item = row(card(spoilt("CZGX-2024-011")), "assessments", "WRA")
    assert item["sign"] == "fails"
    assert item["right"][0][0] == "99.81 %"
    assert "缺 100.00㎡" in item["words"][0]


def test_waived_is_grey_with_its_document_and_never_a_tick(spoilt):
    item = row(card(spoilt("CZGX-2024-005")), "assessments", "SEI")
    assert (item["sign"], item["words"][0]) == ("waived", "免做 · 晋震函〔2023〕118号")
    assert item["right"][1][0] == "长期"


def test_waived_stays_grey_when_it_brings_a_condition(spoilt):
    made = spoilt("CZGX-2024-005")
    because(made, "SEI", "waived", "condition", "免做，易燃项目除外", "waived but for flammables", stage="in_contract")
    assert row(card(made), "assessments", "SEI")["sign"] == "waived"
    assert row(card(made), "conditions", "SEI")["tag"][0] == "写入合同"


def test_a_zone_wide_result_applies_rather_than_covers(spoilt):
    made = spoilt("CZGX-2024-002")
    finding(made, "EIA")["zone_wide"] = True
    assert (
        row(card(made), "assessments", "EIA")["words"][0]
        == "适用 · 单项仍须办理，可简化 · 长EIA审〔2023〕100号 · 全区性"
    )


def test_a_public_record_without_papers_does_not_claim_that_there_are_none(spoilt):
    made = spoilt("CZGX-2024-002")
    finding(made, "WATER")["claims"] = []
    assert row(card(made), "readiness", "WATER")["lines"][0][0] == "证明 —"


def test_no_data_has_its_own_sign_whatever_its_severity_and_is_never_folded(spoilt):
    made = card(spoilt("CZGX-2024-004"))
    for code in ("HER", "CLI"):
        assert row(made, "assessments", code)["sign"] == "nodata"
    assert [item["code"] for item in part(made, "missing")["items"]] == ["HER", "ECO", "CLI"]
    constraints = part(made, "constraints")
    assert "ECO" in [item.get("code") for item in constraints["items"]]
    assert "ECO" not in [item.get("code") for item in constraints["folded"]["items"]]


def test_partly_covered_and_blocking_is_not_ready_and_the_package_is_refused_with_the_reason(spoilt):
    made = card(spoilt("CZGX-2024-003"))
    assert made["verdict"]["words"][0] == "暂不具备供应条件"
    assert "缺 1 项" in made["refused"]["words"][0]
    assert made["refused"]["reasons"] == [
        ["水土保持区域评估部分覆盖 62.0 %", "Soil and water assessment covers 62.0 %"]
    ]
    assert card(spoilt("CZGX-2024-001"))["refused"] is None


def test_days_count_to_the_date_asked_about(spoilt):
    soon = row(card(spoilt("CZGX-2024-001")), "assessments", "EIA")
    assert (soon["right"][1][0], soon["soon"][0], soon["sign"]) == ("2027-01-15", "余 45 天", "condition")
    gone = row(card(spoilt("CZGX-2024-006")), "assessments", "FLD")
    assert (gone["soon"][0], gone["sign"]) == ("过期 62 天", "fails")


def test_the_verdict_says_which_report_ends_first(spoilt):
    valid = card(spoilt("CZGX-2024-001"))["verdict"]["valid"]
    assert valid[0] == "本结论依据现有数据有效至 2027-01-15（环境影响最先到期），余 45 天"


def test_area_is_written_as_the_papers_write_it(spoilt):
    assert card(spoilt("CZGX-2024-001"))["head"]["area"][0].replace("\u2009", " ") == "204 366.64㎡（306.5500亩）"


def test_a_service_shows_both_witnesses_even_when_one_is_silent(spoilt):
    item = row(card(spoilt("CZGX-2024-006")), "readiness", "WATER")
    assert item["lines"][0][0] == "证明 无"
    assert item["lines"][1][0] == "管网 DN400 距宗地红线 412.6m（限5.0m）"


def test_slivers_left_out_are_listed_as_notes(spoilt):
    items = part(card(spoilt("CZGX-2024-005")), "constraints")["items"]
    assert [(item["sign"], item["words"][0]) for item in items] == [("note", "按容差忽略的细碎重叠 0.40㎡")]


def test_a_finding_without_reason_that_is_no_pass_is_a_note(spoilt):
    made = spoilt("CZGX-2024-002")
    finding(made, "CLI").update(outcome="expired", severity="info")
    assert sign_of(made, finding(made, "CLI")) is Sign.NOTE


def test_the_worst_reason_gives_the_light(spoilt):
    made = spoilt("CZGX-2024-002")
    because(made, "ORE", "affected", "condition", "压覆", "ore", stage="in_contract")
    because(made, "ORE", "affected", "not_ready", "压覆", "ore")
    finding(made, "ORE")["outcome"] = "affected"
    assert sign_of(made, finding(made, "ORE")) is Sign.FAILS


def test_readiness_takes_the_worst_of_what_the_standard_asks_for(spoilt):
    assert readiness_sign(spoilt("CZGX-2024-001")) is Sign.CONDITION
    assert readiness_sign(spoilt("CZGX-2024-006")) is Sign.FAILS
    assert readiness_sign(spoilt("CZGX-2024-010")) is Sign.NO_DATA
    assert readiness_sign(spoilt("CZGX-2024-002")) is Sign.PASS


def test_an_owner_written_in_both_languages_is_split(spoilt):
    lines = row(card(spoilt("CZGX-2024-003")), "todo", "SWC")["lines"]
    assert lines[0] == ["责任单位：市自然资源局", "Responsible: natural resources bureau"]


@pytest.mark.parametrize(
    "word",
    (
        "可出让 可以挂牌 合法 合格 审批通过 建议出让 标书 投标 100%已评估 自动审批 无文物 无矿 无灾害 WGS84 地块面积"
    ).split(),
)
def test_words_that_only_the_authorities_may_say_are_nowhere(word, parcels):
    package = Path(geo_service.maps.__file__).parent
    ours = [*package.glob("*.py"), *package.glob("templates/*"), *package.glob("static/page/*.js")]
    text = "".join(path.read_text(encoding="utf-8") for path in ours)
    assert word not in re.sub(r"[不]合格", "", text)
    assert word not in json.dumps([card(parcel.record) for parcel in parcels], ensure_ascii=False)


def test_no_code_stands_without_its_name(spoilt):
    record = spoilt("CZGX-2024-002")
    use = Text("二类工业用地 100102 · 用地用海分类", "class II industry 100102 · land and sea use")
    titles = {layer["id"]: Text("某图层", "Some layer") for layer in record["provenance"]["layers"]}
    made = card(record, land_use=use, zone_name="示例高新区", layer_titles=titles)
    lines = [line[0] for line in made["head"]["lines"]]
    assert "用途 二类工业用地 100102 · 用地用海分类" in lines
    assert any("示例高新区 CZGX" in line for line in lines)
    assert {item["name"][0] for item in part(made, "provenance")["items"]} <= {"某图层"}
