"""The rules: their order, what each outcome means for the sale, and what a wrong rule is told."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyproj
import pytest

from geo_service.errors import RulebookError
from geo_service.model.catalogue import Catalogue
from geo_service.model.enums import Cell, Outcome, Severity
from geo_service.model.rulebook import Rulebook
from geo_service.store.definitions import bundled, check_against, load_rulebook

Spoil = Callable[[str, str, str], Path]
NOTICE = date(2026, 12, 1)
PASSES = "covered waived not_required clear met set"
FAILS = "partly_covered not_covered pending expired affected not_met below_standard missing"
OPEN = "no_data unknown review no_standard"


def test_the_rules_stand_in_the_order_of_the_contract(rulebook: Rulebook) -> None:
    assert rulebook.edition == "2026.11"
    assert list(rulebook.assessments) == "EIA FLD GEO MIN SWC SEI HER ENE WRA CLI".split()
    assert (
        list(rulebook.constraints)
        == (
            "GEOM ZONE LANDAPPROVAL FARM ECO URBAN PLAN RIVER DETENTION FLOOD HAZARD GOAF ORE MINERIGHT HERITAGE "
            "RIGHTS SUPPLIED SOIL LANDUSE"
        ).split()
    )
    assert list(rulebook.services) == "WATER POWER ROAD SEWER RAIN TELECOM GAS HEAT CATV POST INTERNET".split()
    assert rulebook.level.code == "LEVEL"
    assert len(rulebook.indicators) == 6


def test_the_decision_table_is_that_of_the_contract(rulebook: Rulebook) -> None:
    def row(outcome: str) -> tuple[Cell, ...]:
        return tuple(rulebook.decision[Outcome(outcome)][severity] for severity in Severity)

    for outcome in PASSES.split():
        assert row(outcome) == (Cell.PASS, Cell.PASS, Cell.PASS)
    for outcome in FAILS.split():
        assert row(outcome) == (Cell.NOT_READY, Cell.CONDITION, Cell.NOTE)
    for outcome in OPEN.split():
        assert row(outcome) == (Cell.UNDETERMINED, Cell.CONDITION, Cell.NOTE)
    for outcome in ("partial", "excluded"):
        assert row(outcome) == (Cell.CONDITION, Cell.CONDITION, Cell.NOTE)
    assert row("planned") == (Cell.CONDITION_IF_ASSURED, Cell.CONDITION, Cell.NOTE)
    assert set(rulebook.decision) == set(Outcome)


def test_standards_ask_for_what_their_names_say(rulebook: Rulebook) -> None:
    asked = {name: set(standard.required) for name, standard in rulebook.standards.items()}
    assert asked["santong_yiping"] == {"WATER", "POWER", "ROAD"}
    assert asked["wutong_yiping"] == asked["santong_yiping"] | {"TELECOM", "SEWER"}
    assert asked["qitong_yiping"] == asked["wutong_yiping"] | {"GAS", "HEAT"}
    assert asked["jiutong_yiping"] == asked["qitong_yiping"] | {"RAIN", "CATV"}
    numbers = {"santong": 3, "qitong": 7, "jiutong": 9}
    for name, services in asked.items():
        wanted = numbers.get(name.split("_")[0])
        assert wanted is None or len(services) == wanted, name
    temporary = {name for name, standard in rulebook.standards.items() if standard.temporary}
    assert temporary == {"santong_yiping"}


def test_everything_is_in_force_on_a_notice_date(rulebook: Rulebook) -> None:
    for rules in (rulebook.assessments, rulebook.constraints, rulebook.services, rulebook.indicators):
        for code, rule in rules.items():
            assert rule.on(NOTICE) is not None, code
    assert rulebook.level.on(NOTICE) is not None


def test_archaeology_before_the_grant_is_law_since_march_2025(rulebook: Rulebook) -> None:
    def potential(day: date) -> Severity | None:
        version = rulebook.constraints["HERITAGE"].on(day)
        assert version is not None
        return next(part.severity for part in version.parts if part.cls == "potential")

    assert potential(date(2025, 2, 28)) is Severity.CONDITIONAL
    assert potential(date(2025, 3, 1)) is Severity.BLOCKING


def test_hard_rules_are_those_of_the_contract(rulebook: Rulebook) -> None:
    hard = {code for code, rule in rulebook.constraints.items() if any(version.hard for version in rule.versions)}
    assert hard == {"FARM", "ECO", "RIVER", "HERITAGE", "RIGHTS"}


@pytest.mark.parametrize(
    ("code", "attributes", "severity"),
    [
        ("HAZARD", {"class": "moderate"}, Severity.CONDITIONAL),
        ("HAZARD", {"class": "low"}, Severity.INFO),
        ("ORE", {"approval_doc_no": "*"}, Severity.CONDITIONAL),
        ("ORE", {"strategic": True}, Severity.BLOCKING),
        ("MINERIGHT", {"kind": ("oil_gas", "coal_bed_methane")}, Severity.CONDITIONAL),
        ("MINERIGHT", {"kind": ("coal", "solid")}, Severity.BLOCKING),
        ("HERITAGE", {"class": "finds_pending"}, Severity.BLOCKING),
        ("HERITAGE", {"class": "control"}, Severity.CONDITIONAL),
        ("HERITAGE", {"class": "released"}, None),
    ],
)
def test_classes_weigh_as_the_field_says(
    rulebook: Rulebook, code: str, attributes: dict[str, object], severity: Severity | None
) -> None:
    version = rulebook.constraints[code].on(NOTICE)
    assert version is not None
    part = next(part for part in version.parts if part.when == attributes)
    assert (None if part.ignore else part.severity) is severity


def test_a_feature_of_unknown_class_is_never_left_out(rulebook: Rulebook) -> None:
    for code, rule in rulebook.constraints.items():
        for version in rule.versions:
            if version.parts and code != "ZONE":
                assert version.parts[-1].when == {} and not version.parts[-1].ignore, code


@pytest.mark.parametrize(("value", "unit"), [(300, "万元/亩"), (4500, "万元/公顷"), (4500, "元/㎡")])
def test_the_same_intensity_in_every_unit(rulebook: Rulebook, value: int, unit: str) -> None:
    version = rulebook.indicators["fixed_investment_intensity"].on(NOTICE)
    assert version is not None and version.standard == 300
    numerator, denominator = version.units[unit]
    assert value * numerator == 300 * denominator


def test_admitted_crss_are_those_of_the_registry(rulebook: Rulebook) -> None:
    text = rulebook.jurisdiction.boundary_txt
    assert text is not None
    for band, width in (("3", "3-degree"), ("6", None)):
        series = text.series[band]
        for zone in range(series.first, series.last + 1):
            crs = pyproj.CRS.from_epsg(series.epsg + zone - series.first)
            assert crs.name.startswith("CGCS2000") and crs.name.endswith(f"zone {zone}"), crs.name
            assert (width in crs.name) if width else ("3-degree" not in crs.name)
    (working,) = rulebook.jurisdiction.working_crs
    first, last = (int(number) for number in re.findall(r"\d+", working))
    assert pyproj.CRS.from_epsg(first).name.endswith("CM 75E")
    assert pyproj.CRS.from_epsg(last).name.endswith("CM 135E")


def test_the_rules_fit_the_layers(rulebook: Rulebook, catalogue: Catalogue) -> None:
    check_against(rulebook, catalogue)


def test_reading_twice_gives_the_same_value_and_hash(rulebook: Rulebook) -> None:
    again = load_rulebook(bundled()[1])
    assert again == rulebook
    assert len(again.sha256) == 64


@pytest.mark.parametrize(
    ("name", "old", "new", "fault"),
    [
        ("rulebook.toml", "edition =", "editoin =", "rulebook.toml: editoin: 未知的键"),
        (
            "rulebook.toml",
            'no_data = {blocking = "undetermined", conditional = "condition"',
            'no_data = {blocking = "undetermined", conditional = "pass"',
            "rulebook.toml: decision.no_data.conditional: 没有资料不得当作通过",
        ),
        ("rulebook.toml", "[decision]\n", "[assessments]\n\n[decision]\n", "rulebook.toml: assessments: 未知的键"),
        (
            "rulebook.toml",
            'partial = {blocking = "condition", conditional = "condition", info = "note"}',
            'partial = {blocking = "condition", conditional = "condition"}',
            "rulebook.toml: decision.partial.info: 判定表缺此格",
        ),
        (
            "rulebook.toml",
            'waived = {blocking = "pass", conditional = "pass", info = "pass"}\n',
            "",
            "rulebook.toml: decision.waived.blocking: 判定表缺此格",
        ),
        ("rulebook.toml", '"SEI", "HER"]', '"SEI"]', "core/HER.toml: 未列入rulebook.toml的order.core"),
        ("rulebook.toml", '"WRA", "CLI"]', '"WRA", "CLI", "TRA"]', "rulebook.toml: order.local: “TRA”没有文件"),
        ("rulebook.toml", '"HER"]', '["HER"]]', "rulebook.toml: order: 须列出"),
        ("rulebook.toml", 'level = "LEVEL"', 'level = "FLAT"', "rulebook.toml: order.level: “FLAT”没有文件"),
        (
            "rulebook.toml",
            '"ROAD", "TELECOM", "SEWER"]',
            '"ROAD", "PHONE"]',
            "rulebook.toml: standards.wutong_yiping.required: 没有“PHONE”",
        ),
        (
            "rulebook.toml",
            'readiness_standard = "santong_yiping"',
            'readiness_standard = "x"',
            "rulebook.toml: defaults.readiness_standard: 没有该通平标准",
        ),
        (
            "rulebook.toml",
            "按容差忽略 {noise}",
            "按容差忽略 {nois}",
            "rulebook.toml: words.assessment.noise.message: 未知的占位符",
        ),
        ("rulebook.toml", "[words.level.met]", "[words.levelling.met]", "rulebook.toml: words.levelling: 未知的种类"),
        ("rulebook.toml", "[words.level.met]", "[words.level.meet]", "rulebook.toml: words.level.meet: 未知的键"),
        ("core/GEO.toml", 'code = "GEO"', 'code = "GEOLOGY"', "core/GEO.toml: code: 文件名须与代码一致"),
        ("core/GEO.toml", 'group = "core"', 'group = "local"', "core/GEO.toml: group: 与目录不一致"),
        ("core/GEO.toml", "validity_years = 5", "validity = 5", "core/GEO.toml: versions.0.validity: 未知的键"),
        ("core/GEO.toml", "since = 2024-01-01\n", "", "core/GEO.toml: versions.0.since: 缺少必填的键"),
        ("core/GEO.toml", 'owner = "', 'owner = "" #', "core/GEO.toml: versions.0.owner: 缺责任部门"),
        (
            "constraints/HAZARD.toml",
            "[versions.parts.words.affected]",
            "[versions.parts.words.touched]",
            "constraints/HAZARD.toml: versions.0.parts.high.words.touched: 未知的键",
        ),
        (
            "constraints/HAZARD.toml",
            'assessment = "GEO"',
            'assessment = "GEOL"',
            "constraints/HAZARD.toml: assessment: 没有“GEOL”",
        ),
        (
            "constraints/LANDUSE.toml",
            '"LANDAPPROVAL"',
            '"FARM"',
            "constraints/LANDUSE.toml: outside_only_of: “FARM”不是范围类要素",
        ),
        (
            "indicators/tax_per_mu.toml",
            '"万元/亩·年" = [1, 1]',
            '"万元/亩·年" = [1, 2]',
            "indicators/tax_per_mu.toml: versions.0.units: 须含本单位且换算为1",
        ),
    ],
)
def test_a_wrong_rule_is_one_line_with_file_and_key(
    spoil_rules: Spoil, name: str, old: str, new: str, fault: str
) -> None:
    with pytest.raises(RulebookError) as caught:
        load_rulebook(spoil_rules(name, old, new))
    lines = str(caught.value).splitlines()
    assert any(line.startswith(fault) for line in lines), lines
    assert all(" / " in line or "未列入" in line for line in lines)


@pytest.mark.parametrize(
    ("section", "key", "fault"),
    [
        ("words.assessment.partly_covered", "clause", "core/EIA.toml: versions.0.words.partly_covered.clause"),
        ("words.assessment.partly_covered", "stage", "core/EIA.toml: versions.0.words.partly_covered.stage"),
        ("words.assessment.expired", "needed", "core/EIA.toml: versions.0.words.expired.needed"),
        ("words.assessment.ends_in_window", "clause", "core/EIA.toml: versions.0.words.ends_in_window.clause"),
        ("words.service.planned", "needed", "readiness/WATER.toml: versions.0.words.planned.needed"),
        ("words.service.temporary", "clause", "readiness/WATER.toml: versions.0.words.temporary.clause"),
        ("words.level.partial", "clause", "readiness/LEVEL.toml: versions.0.words.partial.clause"),
        ("words.indicator.set", "message", "indicators/fixed_investment_intensity.toml: versions.0.words.set.message"),
        ("words.constraint_parcel.review", "needed", "constraints/GEOM.toml: versions.0.words.review.needed"),
    ],
)
def test_what_can_be_concluded_must_be_sayable(rules_copy: Path, section: str, key: str, fault: str) -> None:
    path = rules_copy / "rulebook.toml"
    head, tail = path.read_text(encoding="utf-8").split(f"[{section}]\n", 1)
    tail = re.sub(rf"^{key} = .*\n", "", tail, count=1, flags=re.MULTILINE)
    path.write_text(f"{head}[{section}]\n{tail}", encoding="utf-8")
    with pytest.raises(RulebookError) as caught:
        load_rulebook(rules_copy)
    assert any(line.startswith(fault) for line in str(caught.value).splitlines())


def test_a_file_outside_the_rule_directories_is_not_overlooked(rules_copy: Path) -> None:
    (rules_copy / "extra.toml").write_text("", encoding="utf-8")
    with pytest.raises(RulebookError, match=r"extra\.toml: 不在规定目录"):
        load_rulebook(rules_copy)


def test_no_rulebook_there(tmp_path: Path) -> None:
    with pytest.raises(RulebookError, match=r"rulebook\.toml: 没有该文件"):
        load_rulebook(tmp_path)


@pytest.mark.parametrize(
    ("name", "old", "new", "fault"),
    [
        (
            "constraints/GOAF.toml",
            'layer = "goaf"',
            'layer = "gaof"',
            "constraints/GOAF.toml: layer: 图层目录中没有“gaof”",
        ),
        (
            "constraints/HAZARD.toml",
            'when = {class = "high"}',
            'when = {klass = "high"}',
            "constraints/HAZARD.toml: versions.0.parts.high.when: 图层geohazard没有字段“klass”",
        ),
        (
            "constraints/HAZARD.toml",
            'when = {class = "high"}',
            'when = {class = "hihg"}',
            "constraints/HAZARD.toml: versions.0.parts.high.when: 字段class没有代码“hihg”",
        ),
        (
            "readiness/POWER.toml",
            '"spare_kva"',
            '"spare_kw"',
            "readiness/POWER.toml: versions.0.capacity_field: 图层power没有字段“spare_kw”",
        ),
        (
            "readiness/POWER.toml",
            'states = ["in_service"]',
            'states = ["live"]',
            "readiness/POWER.toml: versions.0.states: 字段state没有代码“live”",
        ),
        (
            "readiness/LEVEL.toml",
            '"ground_elevation"',
            '"platforms"',
            "readiness/LEVEL.toml: ground_layer: 须为栅格图层",
        ),
        (
            "rulebook.toml",
            'zones_layer = "zones"',
            'zones_layer = "zone"',
            "rulebook.toml: zones_layer: 图层目录中没有“zone”",
        ),
    ],
)
def test_a_rule_that_asks_for_what_no_layer_has(
    catalogue: Catalogue, spoil_rules: Spoil, name: str, old: str, new: str, fault: str
) -> None:
    book = load_rulebook(spoil_rules(name, old, new))
    with pytest.raises(RulebookError) as caught:
        check_against(book, catalogue)
    assert str(caught.value).splitlines()[0].startswith(fault)
