"""What stands first against a parcel, in one short sentence with its number or its date."""

from __future__ import annotations

from geo_service.maps import labels
from geo_service.maps.findings import constraint_line
from geo_service.maps.rows import DASH, Finding, both, joined, said, square_metres
from geo_service.maps.scene import Record, RuleNames
from geo_service.maps.signs import (
    assessment_words,
    constraint_words,
    level_of,
    reason_words,
    service_words,
    title_of,
)
from geo_service.model.text import Text
from geo_service.model.units import distance_text

_WORST_FIRST = ("not_ready", "undetermined", "condition")


def services(record: Record) -> list[Finding]:
    """Return the services and levelling."""
    return [*record["readiness"]["services"], level_of(record)]


def findings(record: Record) -> list[Finding]:
    """Return every finding of a record, in catalogue order."""
    return [*record["assessments"], *record["constraints"], *services(record), *record["indicators"]]


def first_problem(record: Record, names: RuleNames) -> Text:
    """Say the worst reason in one short sentence, a dash when there is none.

    Parameters
    ----------
    names : RuleNames
        Short names of assessments.
    """
    by_code = {finding["code"]: finding for finding in findings(record)}
    reasons = record["verdict"]["reasons"]
    for effect in _WORST_FIRST:
        for reason in reasons:
            if reason["effect"] == effect:
                finding = by_code.get(reason["code"])
                return said(reason["message"]) or both(reason["code"]) if finding is None else _said(finding, names)
    return DASH


def owner_of(reason: Finding) -> Text | None:
    """Say who can mend what a reason names."""
    # Rule files write an owner as "zh / en".
    zh, _, en = reason["owner"].partition(" / ")
    return Text(zh, en or zh) if zh else None


def needed_of(reason: Finding) -> Text | None:
    """Say which document a reason asks for."""
    needed = reason["needed"]
    return both(needed) if isinstance(needed, str) else said(needed)


def outcome_words(finding: Finding) -> Text:
    """Outcome of any finding in words."""
    outcome = finding["outcome"]
    if "comparator" in finding:
        return labels.INDICATOR[outcome]
    if "network" in finding:
        return service_words(finding)
    if "design" in finding:
        return labels.LEVEL[outcome]
    return constraint_words(finding) if "kind" in finding else assessment_words(finding)


def _said(finding: Finding, names: RuleNames) -> Text:
    title = names.short.get(finding["code"]) or title_of(finding, labels.SERVICE_NAME)
    if "comparator" in finding:
        return joined([title, labels.INDICATOR[finding["outcome"]]], " ")
    if "network" in finding:
        distance = finding["distance_m"]
        far = None
        if distance is not None and finding["outcome"] in ("not_met", "review"):
            far = Text(
                f"（距宗地红线{distance_text(distance)}）", f" ({distance_text(distance)} from the parcel boundary)"
            )
        words = joined([service_words(finding), reason_words(finding["reason"])])
        return joined([title, words + far if far else words], " ")
    if "design" in finding:
        return joined([title, labels.LEVEL[finding["outcome"]], reason_words(finding["reason"])], " ")
    if "kind" in finding:
        return joined([title, constraint_line(finding), reason_words(finding["reason"])], " ")
    return joined([title, _assessment(finding)], " ")


def _assessment(finding: Finding) -> Text:
    outcome, coverage = finding["outcome"], finding["coverage"]
    ends = sorted(report["valid_to"] for report in finding["reports"] if report["valid_to"])
    if outcome == "covered" and ends:
        return Text(f"{ends[0]} 到期", f"ends {ends[0]}")
    if outcome == "expired" and ends:
        return Text(f"{ends[-1]} 已到期", f"ended {ends[-1]}")
    words = assessment_words(finding)
    if outcome == "partly_covered" and coverage:
        return words + Text("，缺", ", missing ") + square_metres(coverage["uncovered_m2"] + coverage["unsurveyed_m2"])
    return joined([words, reason_words(finding["reason"])])
