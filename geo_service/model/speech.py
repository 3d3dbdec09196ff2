"""From an outcome to what is said of it: message, owner, stage, clause, what is needed."""

from __future__ import annotations

from collections.abc import Mapping

from geo_service.model.enums import NoDataReason, Outcome, Severity, Stage
from geo_service.model.finding import Concern, Condition
from geo_service.model.labels import REASONS
from geo_service.model.rulebook import Rulebook, Version, Words
from geo_service.model.text import Text
from geo_service.model.units import area_text, share_text

DASH = Text("—", "—")
# No feature's id among them: texts go to bidders as they are, whatever the secrecy of the layer that was read.
PLACEHOLDERS = frozenset(
    (
        "title code share covered uncovered unsurveyed touched touched_share noise noise_width classes reason "
        "report_no approved_by valid_to window_end days_left types project_type document distance limit search claim "
        "permanent_on due_on handover_on capacity demand unit value standard comparator cut fill level_share tolerance "
        "slope design land_use found use"
    ).split()
)


class _Chinese:
    """Values for a template; what was not measured is written as a dash."""

    def __init__(self, values: Mapping[str, str | Text]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> str:
        value = self._values.get(name, DASH)
        return value if isinstance(value, str) else value.zh


class _English(_Chinese):
    def __getitem__(self, name: str) -> str:
        value = self._values.get(name, DASH)
        return value if isinstance(value, str) else value.en


def _fill(text: Text | None, values: Mapping[str, str | Text]) -> Text | None:
    if text is None:
        return None
    if "{" not in text.zh and "{" not in text.en and "}" not in text.zh and "}" not in text.en:
        return text
    return Text(text.zh.format_map(_Chinese(values)), text.en.format_map(_English(values)))


def area_values(
    area_m2: float, covered_m2: float, uncovered_m2: float, unsurveyed_m2: float, noise_m2: float, width_m: float
) -> dict[str, str | Text]:
    """Write the measured areas for the templates."""
    share, covered = share_text(covered_m2 / area_m2 if area_m2 else 0.0, area_m2 - covered_m2), area_text(covered_m2)
    return {
        "share": share,
        "covered": covered,
        "uncovered": area_text(uncovered_m2),
        "unsurveyed": area_text(unsurveyed_m2),
        "touched": covered,
        "touched_share": share,
        "noise": area_text(noise_m2),
        "noise_width": f"{width_m:.2f}m",
    }


def concern(
    rulebook: Rulebook,
    kind: str,
    code: str,
    title: Text,
    version: Version,
    outcome: Outcome,
    severity: Severity,
    values: Mapping[str, str | Text],
    *,
    own: tuple[Mapping[str, Words], ...] = (),
    key: str | None = None,
    reason: NoDataReason | None = None,
    assured: bool = False,
    conditions: tuple[Condition, ...] = (),
    remark: Text | None = None,
) -> Concern:
    """Say an outcome in the rule's words.

    Parameters
    ----------
    own : tuple of mappings
        Words before the rule's own, e.g. those of the class that is touched.
    key : str, optional
        Words under another key than the outcome, where it has any; else the reason's own words, where there are any.
    remark : Text, optional
        Added to the message, e.g. noise that was left out.
    """
    filled: dict[str, str | Text] = {"title": title, "code": code, **values}
    if reason is not None:
        filled["reason"] = REASONS[reason]
    words = rulebook.say(kind, outcome.value, *own, version.words)
    special = key if key is not None or reason is None else reason.value
    if special is not None:
        words = rulebook.say(kind, special, *own, version.words).over(words)
    message = _fill(words.message, filled) or Text(f"{title.zh}：{outcome.value}", f"{title.en}: {outcome.value}")
    return Concern(
        code=code,
        outcome=outcome,
        severity=severity,
        reason=reason,
        message=message if remark is None else message + remark,
        owner=version.owner,
        stage=words.stage,
        clause=_fill(words.clause, filled),
        needed=_fill(words.needed, filled),
        assured=assured,
        conditions=conditions,
    )


def condition(
    rulebook: Rulebook, kind: str, key: str, title: Text, version: Version, values: Mapping[str, str | Text]
) -> Condition:
    """Say a condition that comes with an outcome, e.g. ``ends_in_window``."""
    filled: dict[str, str | Text] = {"title": title, **values}
    words = rulebook.say(kind, key, version.words)
    clause = _fill(words.clause, filled) or DASH
    return Condition(
        stage=words.stage or Stage.IN_NOTICE,
        owner=version.owner,
        message=_fill(words.message, filled) or clause,
        clause=clause,
    )


def remark(rulebook: Rulebook, kind: str, key: str, version: Version, values: Mapping[str, str | Text]) -> Text | None:
    """Say a remark that is added to a message, ``None`` where the rulebook has no words for it."""
    message = _fill(rulebook.say(kind, key, version.words).message, values)
    return None if message is None else Text("；" + message.zh, "; " + message.en)
