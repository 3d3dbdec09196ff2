"""What is said to a planner: both languages, no word that belongs to the government, no red line that is not named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pytest

from geo_service.model.catalogue import Catalogue
from geo_service.model.enums import Cell, Severity
from geo_service.model.rulebook import Rulebook, Words
from geo_service.model.text import Text
from geo_service.store.definitions import OUTCOMES

FORBIDDEN = (
    *"可出让 可以挂牌 批准 合法 合格 审批通过 建议出让 标书 投标".split(),
    *"100%已评估 自动审批 无文物 无矿 无灾害 WGS84 地块面积".split(),
)
NAMED_RED_LINES = ("宗地红线", "生态保护红线")


def said(words: Mapping[str, Words]) -> Iterator[Text]:
    for entry in words.values():
        yield from (text for text in (entry.message, entry.clause, entry.needed) if text is not None)


def texts(rulebook: Rulebook) -> Iterator[Text]:
    for words in rulebook.words.values():
        yield from said(words)
    for standard in rulebook.standards.values():
        yield standard.title
    groups = (rulebook.assessments, rulebook.constraints, rulebook.services, rulebook.indicators)
    for rule in (*(rule for group in groups for rule in group.values()), rulebook.level):
        yield rule.title
        for version in rule.versions:
            yield from said(version.words)
            for part in getattr(version, "parts", ()):
                yield part.title
                yield from said(part.words)
            for types in getattr(version, "excluded_project_types", ()):
                yield types.title
            if hasattr(version, "use"):
                yield Text(version.use.zh, version.use.en)


def test_no_forbidden_word_is_printed(rulebook: Rulebook, catalogue: Catalogue) -> None:
    shown = [text.zh for text in texts(rulebook)]
    for layer in catalogue.layers.values():
        shown.append(layer.title.zh)
        for field in layer.fields:
            shown += [field.title.zh, *(code.zh for code in field.codes.values())]
    for sentence in shown:
        for word in FORBIDDEN:
            assert word not in sentence, sentence
        rest = sentence
        for named in NAMED_RED_LINES:
            rest = rest.replace(named, "")
        assert "红线" not in rest, sentence


def test_both_languages_say_the_same_numbers(rulebook: Rulebook) -> None:
    for text in texts(rulebook):
        assert text.zh.strip() and text.en.strip(), text
        assert not re.search(r"[\u4e00-\u9fff]", text.en), text
        asked = [set(re.findall(r"{(\w+)}", sentence)) for sentence in (text.zh, text.en)]
        assert asked[0] == asked[1], text


@pytest.mark.parametrize("kind", OUTCOMES)
def test_every_condition_of_a_kind_can_be_pasted(rulebook: Rulebook, kind: str) -> None:
    outcomes, severities = OUTCOMES[kind]
    for outcome in outcomes:
        cells = {rulebook.decision[outcome][severity] for severity in severities}
        words = rulebook.say(kind, outcome.value)
        assert words.message is not None
        if cells & {Cell.CONDITION, Cell.CONDITION_IF_ASSURED}:
            assert words.clause is not None and words.stage is not None, outcome
        if cells & {Cell.NOT_READY, Cell.UNDETERMINED, Cell.CONDITION_IF_ASSURED}:
            assert words.needed is not None, outcome


def test_covered_is_never_said_without_its_use(rulebook: Rulebook) -> None:
    for rule in rulebook.assessments.values():
        for version in rule.versions:
            message = rulebook.say("assessment", "covered", version.words).message
            assert message is not None and "{use}" in message.zh and "{use}" in message.en


def test_a_waiver_is_never_said_without_its_document(rulebook: Rulebook) -> None:
    for rule in rulebook.assessments.values():
        for version in rule.versions:
            message = rulebook.say("assessment", "waived", version.words).message
            assert message is not None and "{document}" in message.zh


def test_missing_conversion_is_the_planners_first_line(rulebook: Rulebook) -> None:
    rule = rulebook.constraints["LANDAPPROVAL"].versions[-1]
    message = rulebook.say("constraint_contain", "affected", rule.words).message
    assert message is not None
    assert message.fill({"uncovered": "80 000.00㎡"}).zh == "农转用征收未批 80 000.00㎡"


def test_every_rule_names_who_can_mend_it_in_both_languages(rulebook: Rulebook) -> None:
    groups = (rulebook.assessments, rulebook.constraints, rulebook.services, rulebook.indicators)
    for group in groups:
        for rule in group.values():
            assert all(" / " in version.owner for version in rule.versions), rule.code


def test_basis_is_a_name_and_never_an_address(rulebook: Rulebook) -> None:
    groups = (rulebook.assessments, rulebook.constraints, rulebook.services, rulebook.indicators)
    for group in groups:
        for rule in group.values():
            for version in rule.versions:
                assert version.basis, rule.code
                assert not any(re.search(r"https?:|www\.|\.(com|cn)\b", basis.document) for basis in version.basis)


def test_what_only_weighs_as_a_note_needs_no_clause(rulebook: Rulebook) -> None:
    version = rulebook.constraints["HAZARD"].versions[-1]
    low = next(part for part in version.parts if part.cls == "low")
    assert low.severity is Severity.INFO
    assert low.words["affected"].clause is None
