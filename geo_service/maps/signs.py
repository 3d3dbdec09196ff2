"""Which sign a finding gets: the light says what it does to the verdict, the words beside it what was found."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from geo_service.maps import labels
from geo_service.maps.scene import Record
from geo_service.model.enums import Effect, NoDataReason
from geo_service.model.labels import EFFECTS, REASONS
from geo_service.model.text import Text


class Sign(StrEnum):
    """A light in a list and a hatch on the map; ordered from what must be seen first."""

    FAILS = "fails"
    NO_DATA = "nodata"
    CONDITION = "condition"
    NOTE = "note"
    WAIVED = "waived"
    NOT_REQUIRED = "notrequired"
    PASS = "pass"


STATUS_SIGN = {
    "ready": Sign.PASS,
    "conditional": Sign.CONDITION,
    "not_ready": Sign.FAILS,
    "undetermined": Sign.NO_DATA,
}
_UNKNOWN = {"no_data", "unknown", "review", "no_standard"}
_PASS = {"covered", "clear", "met", "set"}
_EFFECTS = (("not_ready", Sign.FAILS), ("undetermined", Sign.NO_DATA), ("condition", Sign.CONDITION))


def sign_of(record: Record, finding: Mapping[str, Any]) -> Sign:
    """Return the sign of one finding of a record.

    What is unknown is never shown as anything else, whatever its severity; then the worst effect that the verdict's
    reasons give it; a finding without a reason passed or is a note.

    Examples
    --------
    >>> record = {"verdict": {"reasons": [{"code": "EIA", "effect": "condition"}]}}
    >>> sign_of(record, {"code": "EIA", "outcome": "covered"}).value
    'condition'
    >>> sign_of(record, {"code": "SEI", "outcome": "waived"}).value
    'waived'
    >>> sign_of(record, {"code": "SWC", "outcome": "no_data"}).value
    'nodata'
    """
    outcome = finding["outcome"]
    if outcome in _UNKNOWN:
        return Sign.NO_DATA
    # Waived stays grey even when it brings a condition; the condition has a line of its own.
    if outcome == "waived":
        return Sign.WAIVED
    effects = {reason["effect"] for reason in record["verdict"]["reasons"] if reason["code"] == finding["code"]}
    for effect, sign in _EFFECTS:
        if effect in effects:
            return sign
    if outcome == "not_required":
        return Sign.NOT_REQUIRED
    return Sign.PASS if outcome in _PASS else Sign.NOTE


def assessment_words(finding: Mapping[str, Any]) -> Text:
    """Outcome of an assessment in words; what is covered never stands without its effect."""
    table = labels.ASSESSMENT_ZONE_WIDE if finding.get("zone_wide") else labels.ASSESSMENT
    words = table[finding["outcome"]]
    use = finding.get("use")
    if finding["outcome"] == "covered" and use:
        return words + Text(" · ", " · ") + EFFECTS[Effect(use["effect"])]
    return words


def constraint_words(finding: Mapping[str, Any]) -> Text:
    """Outcome of a constraint in words, by its kind."""
    outcome = finding["outcome"]
    return labels.CONSTRAINT[finding["kind"]].get(outcome) or labels.CONSTRAINT_ANY[outcome]


def service_words(finding: Mapping[str, Any]) -> Text:
    """Outcome of a service in words, with 临时 where it is for the time of building only."""
    words = labels.SERVICE[finding["outcome"]]
    if finding.get("kind") == "temporary" and finding["outcome"] == "met":
        kind = labels.KIND["temporary"]
        return words + Text(f"（{kind.zh}）", f" ({kind.en})")
    return words


def reason_words(reason: str | None) -> Text | None:
    """Why something is not known, in words."""
    return REASONS[NoDataReason(reason)] if reason else None


def title_of(finding: Mapping[str, Any], names: Mapping[str, Text]) -> Text:
    """Name of a finding: the record's own title, else the label's, else its code."""
    title = finding.get("title")
    if title and title.get("zh"):
        return Text(title["zh"], title["en"])
    return names.get(finding["code"], Text(finding["code"], finding["code"]))


def level_of(record: Record) -> Mapping[str, Any]:
    """Levelling as a finding like the services, with its code."""
    return {"code": "LEVEL", **record["readiness"]["level"]}


def readiness_sign(record: Record) -> Sign:
    """Worst sign among the services that the zone's standard asks for, and levelling."""
    readiness = record["readiness"]
    asked = [service for service in readiness["services"] if service["required"]]
    signs = {sign_of(record, finding) for finding in [*asked, level_of(record)]}
    return next(sign for sign in Sign if sign in signs)
