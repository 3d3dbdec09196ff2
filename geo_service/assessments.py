"""Regional assessments: which reports are in force, and what their coverage of a parcel means.

Law only: it reads attributes and measured areas, never geometry.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from geo_service.model.enums import Effect, NoDataReason, Outcome, Severity
from geo_service.model.evidence import AS_GIVEN, Coverage
from geo_service.model.finding import (
    AssessmentFinding,
    Condition,
    CoverageShares,
    Piece,
    Report,
    Waiver,
    ZoneRead,
)
from geo_service.model.labels import EFFECTS
from geo_service.model.layer import Value, day_of
from geo_service.model.rulebook import AssessmentRule, AssessmentVersion, Rulebook, Use
from geo_service.model.speech import Said, area_values, concern, condition, remark
from geo_service.model.text import Text
from geo_service.model.validity import DAY, VOID, in_force, is_clear, last_day

KIND = "assessment"
_WITHHELD = "withheld"
_WAIVED = "waived"
_UNCLEAR = "unclear"
_SEPARATORS = re.compile(r"[;；、|\n]+")


class Standing(StrEnum):
    """What a report is worth on a date."""

    IN_FORCE = "in_force"
    WAIVER = "waiver"
    UNDOCUMENTED_WAIVER = "undocumented_waiver"
    UNAPPROVED = "unapproved"
    RUN_OUT = "run_out"
    WITHHELD = "withheld"
    UNCLEAR = "unclear"


_APPLYING = (Standing.IN_FORCE, Standing.WAIVER)


@dataclass(frozen=True, slots=True)
class Scope:
    """One feature of the scope layer, read by the law.

    ``derived`` says that ``valid_to`` was counted from the approval by the rule's years.
    """

    row: int
    id: str
    report_no: str | None
    approved_by: str | None
    approved_on: date | None
    valid_from: date | None
    valid_to: date | None
    derived: bool
    progress: str
    effect: Effect | None
    excluded: tuple[str, ...]
    waiver: bool
    waiver_doc_no: str | None

    def standing(self, as_of: date) -> Standing:
        """Tell what the report is worth on a date."""
        if self.progress == _WITHHELD:
            return Standing.WITHHELD
        if self.progress == _UNCLEAR:
            return Standing.UNCLEAR
        if self.progress != "approved":
            return Standing.UNAPPROVED
        if self.valid_to is not None and self.valid_to < as_of:
            return Standing.RUN_OUT
        if not in_force(self.valid_from or self.approved_on, self.valid_to, as_of):
            return Standing.UNAPPROVED
        if self.waiver:
            return Standing.WAIVER if self.waiver_doc_no else Standing.UNDOCUMENTED_WAIVER
        return Standing.IN_FORCE

    def covers_sale(self, as_of: date, window_days: int) -> bool:
        """Tell whether it does not end within the supply window."""
        return self.valid_to is None or self.valid_to >= as_of + timedelta(days=window_days)

    def turning_days(self, window_days: int) -> tuple[date, ...]:
        """Days on which what it is worth changes."""
        days = [self.valid_from or self.approved_on]
        if self.valid_to is not None:
            days += [self.valid_to + DAY, self.valid_to - timedelta(days=window_days) + DAY]
        return tuple(day for day in days if day is not None)


def listed(value: Value) -> tuple[str, ...]:
    """Split a text that lists several things.

    Examples
    --------
    >>> listed("涂料（易燃）；农药、火工"), listed(None)
    (('涂料（易燃）', '农药', '火工'), ())
    """
    return tuple(part.strip() for part in _SEPARATORS.split(str(value)) if part.strip()) if value else ()


def read_scope(row: int, fid: str, values: Mapping[str, Value], version: AssessmentVersion) -> Scope | None:
    """Read one feature of the scope layer; ``None`` when it never counts.

    That is what is superseded, withdrawn, cancelled or revoked, and a waiver of what the rule never waives. What has
    a status that nobody can read is ``unclear``.
    """
    status, progress = _text(values, "status"), _text(values, "progress")
    if status in VOID or progress in VOID:
        return None
    approved_on, valid_to = day_of(values, "approved_on"), day_of(values, "valid_to")
    effect, document = _text(values, "effect"), _text(values, "waiver_doc_no")
    says_waived = _WAIVED in (status, effect, progress)
    if says_waived and not version.waiver:
        return None
    waiver = version.waiver and (says_waived or document is not None)
    if _WITHHELD in (status, progress):
        progress = _WITHHELD
    elif not is_clear(status) and status != _WAIVED:
        progress = _UNCLEAR
    elif progress in (None, _WAIVED):
        progress = "approved" if approved_on or waiver else "drafting"
    derived = valid_to is None and approved_on is not None and version.validity_years is not None
    if derived and approved_on is not None and version.validity_years is not None:
        valid_to = last_day(approved_on, version.validity_years)
    return Scope(
        row=row,
        id=fid,
        report_no=_text(values, "report_no") or _text(values, "doc_no"),
        approved_by=_text(values, "approved_by"),
        approved_on=approved_on,
        valid_from=day_of(values, "valid_from"),
        valid_to=valid_to,
        derived=derived,
        progress=progress or "drafting",
        effect=Effect(effect) if effect in list(Effect) else None,
        excluded=listed(values.get("excluded_project_types")),
        waiver=waiver,
        waiver_doc_no=document,
    )


def _text(values: Mapping[str, Value], name: str) -> str | None:
    value = values.get(name)
    return str(value) if value not in (None, "") else None


@dataclass(frozen=True, eq=False, slots=True)
class Measured:
    """Coverage of the parcel by the reports in force, by those that outlast the supply window, and by waivers.

    ``by_waivers_said`` counts the waivers without document too; ``failure`` replaces all four where nothing can be
    measured.
    """

    by_reports: Coverage | None
    by_lasting: Coverage | None
    by_waivers: Coverage | None
    by_waivers_said: Coverage | None = None
    failure: NoDataReason | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of every assessment of one parcel."""

    as_of: date
    zone: ZoneRead | None
    project_type: str | None
    edition: str
    scale: int = AS_GIVEN


def matching(project_type: str, lists: Sequence[tuple[tuple[str, ...], Text]]) -> Text | None:
    """Return the title of the first list one of whose words the project type contains.

    Examples
    --------
    >>> matching("涂料（易燃）", [(("易燃", "易爆"), Text("易燃易爆", "flammable"))])
    Text(zh='易燃易爆', en='flammable')
    """
    for words, title in lists:
        if any(word in project_type for word in words):
            return title
    return None


def judge(
    rule: AssessmentRule,
    version: AssessmentVersion,
    rulebook: Rulebook,
    scopes: Sequence[Scope],
    measured: Measured,
    question: Question,
) -> AssessmentFinding:
    """Conclude one assessment, first hit wins (the order of the contract).

    Parameters
    ----------
    scopes : sequence of Scope
        Reports of this code near the parcel; which of them touch it, the measurement says.
    """
    as_of, zone = question.as_of, question.zone
    window_days = zone.supply_window_days if zone is not None else rulebook.defaults.supply_window_days
    required = zone is None or rule.code in zone.required_codes
    group = rule.group if zone is None or not zone.core_codes else ("core" if rule.code in zone.core_codes else "local")
    severity = Severity.BLOCKING if required else Severity.CONDITIONAL
    coverage, scale = measured.by_reports, question.scale

    touching = _touching(coverage)
    on_parcel = [(scope, scope.standing(as_of)) for scope in scopes if scope.row in touching]
    reports = _reports(on_parcel, coverage, question, window_days)
    waivers = [scope for scope, standing in on_parcel if standing is Standing.WAIVER]
    in_force = [scope for scope, standing in on_parcel if standing is Standing.IN_FORCE]
    applying = in_force + waivers
    own_lists = [((word,), Text(word, word)) for scope in applying for word in scope.excluded]
    rule_lists = [(types.match, types.title) for types in version.excluded_project_types] if applying else []
    excluded_titles = _unique([title for _, title in own_lists + rule_lists])
    effect = next((scope.effect for scope in in_force if scope.effect is not None), version.use.effect)
    use = (
        version.use
        if effect is version.use.effect
        else Use(effect=effect, zh=EFFECTS[effect].zh, en=EFFECTS[effect].en)
    )

    values: dict[str, Said] = {
        "types": lambda: Text(
            "、".join(title.zh for title in excluded_titles), ", ".join(title.en for title in excluded_titles)
        ),
        "project_type": question.project_type or "—",
        "report_no": lambda: next((report.report_no for report in reports if report.report_no), None) or "—",
        "approved_by": lambda: next((report.approved_by for report in reports if report.approved_by), None) or "—",
        "window_end": (as_of + timedelta(days=window_days)).isoformat,
        "document": lambda: next((scope.waiver_doc_no or "" for scope in waivers), "—"),
    }
    ending = [report for report in reports if report.in_force and report.valid_to is not None]
    if ending:
        first = min(ending, key=lambda report: report.valid_to or date.max)
        values |= {"valid_to": str(first.valid_to), "days_left": str(first.days_left)}
    run_out = [report for report in reports if not report.in_force and report.valid_to and report.valid_to < as_of]
    if run_out and not ending:
        last = max(run_out, key=lambda report: report.valid_to or date.min)
        values |= {"valid_to": str(last.valid_to), "report_no": last.report_no or "—"}

    outcome, reason = _outcome(
        measured, question, required, version, waivers, in_force, on_parcel, own_lists + rule_lists
    )
    shown = measured.by_waivers if outcome is Outcome.WAIVED else _standing_alone(measured, waivers, in_force)
    shares, noted = None, None
    if shown is not None:
        band, loose = shown.uncovered[scale], shown.unsurveyed[scale]
        noise = band.noise_m2 + loose.noise_m2
        width = max(band.noise_width_m, loose.noise_width_m) if noise else 0.0
        shares = CoverageShares(
            shown.covered_m2 / shown.area_m2, shown.covered_m2, shown.uncovered_m2, shown.unsurveyed_m2, noise
        )
        measured_values = area_values(
            shown.area_m2, shown.covered_m2, shown.uncovered_m2, shown.unsurveyed_m2, noise, width
        )
        values |= measured_values
        if noise:
            noted = remark(rulebook, KIND, "noise", version, values)

    conditions: list[Condition] = []
    if outcome in (Outcome.COVERED, Outcome.WAIVED):
        if outcome is Outcome.COVERED and not _outlasts(measured, scale):
            conditions.append(condition(rulebook, KIND, "ends_in_window", rule.title, version, values))
        if outcome is Outcome.WAIVED and not any(scope.covers_sale(as_of, window_days) for scope in waivers):
            ends = max((scope.valid_to for scope in waivers if scope.valid_to), default=None)
            values["valid_to"] = str(ends)
            conditions.append(condition(rulebook, KIND, "ends_in_window", rule.title, version, values))
        if question.project_type is None and excluded_titles:
            conditions.append(condition(rulebook, KIND, "excluded_types", rule.title, version, values))

    pieces: tuple[Piece, ...] = ()
    if shown is not None and outcome in (
        Outcome.PARTLY_COVERED,
        Outcome.NOT_COVERED,
        Outcome.PENDING,
        Outcome.EXPIRED,
    ):
        pieces = (Piece("uncovered", rule.code, None, shown.uncovered_m2, severity, shown.uncovered_geometry),)
    return AssessmentFinding(
        concern=concern(
            rulebook,
            KIND,
            rule.code,
            rule.title,
            version,
            outcome,
            severity,
            values | {"use": Text(use.zh, use.en)},
            reason=reason,
            conditions=tuple(conditions),
            remark=noted,
        ),
        title=rule.title,
        group=group,
        zone_wide=rule.zone_wide,
        required=required,
        use=use,
        excluded_project_types=tuple(title.zh for title in excluded_titles),
        coverage=shares,
        reports=reports,
        waiver=Waiver(waivers[0].waiver_doc_no or "", waivers[0].valid_to, question.edition)
        if waivers and outcome in (Outcome.WAIVED, Outcome.EXCLUDED)
        else None,
        basis=version.basis,
        pieces=pieces,
    )


def _outcome(
    measured: Measured,
    question: Question,
    required: bool,
    version: AssessmentVersion,
    waivers: Sequence[Scope],
    in_force: Sequence[Scope],
    on_parcel: Sequence[tuple[Scope, Standing]],
    lists: Sequence[tuple[tuple[str, ...], Text]],
) -> tuple[Outcome, NoDataReason | None]:
    coverage, scale = measured.by_reports, question.scale
    if measured.failure is not None or coverage is None:
        return Outcome.NO_DATA, measured.failure or NoDataReason.FAILED
    withheld = coverage.of(Standing.WITHHELD)
    if withheld is not None and withheld.bands[scale].counted_m2 > 0:
        return Outcome.NO_DATA, NoDataReason.WITHHELD
    exempt = question.project_type is not None and any(
        word in question.project_type for word in version.exempt_project_types
    )
    if (not required and not on_parcel) or exempt:
        return Outcome.NOT_REQUIRED, None
    if question.project_type is not None and matching(question.project_type, lists) is not None:
        return Outcome.EXCLUDED, None
    if waivers and measured.by_waivers is not None and _whole(measured.by_waivers, scale):
        return Outcome.WAIVED, None
    if _whole(coverage, scale):
        return Outcome.COVERED, None
    if measured.by_waivers_said is not None and _whole(measured.by_waivers_said, scale):
        return Outcome.NO_DATA, NoDataReason.NO_DOCUMENT
    left = _standing_alone(measured, waivers, in_force) or coverage
    if left.uncovered[scale].counted_m2 > 0:
        if in_force or waivers:
            return Outcome.PARTLY_COVERED, None
        standings = {standing for _, standing in on_parcel}
        if Standing.UNAPPROVED in standings:
            return Outcome.PENDING, None
        if Standing.UNCLEAR in standings:
            return Outcome.NO_DATA, NoDataReason.ATTRIBUTE_MISSING
        if Standing.RUN_OUT in standings:
            return Outcome.EXPIRED, None
        return Outcome.NOT_COVERED, None
    if left.covered[scale].counted_m2 > 0:
        return Outcome.NO_DATA, NoDataReason.PARTLY_SURVEYED
    return Outcome.NO_DATA, NoDataReason.OUTSIDE_SURVEYED_EXTENT


def _standing_alone(measured: Measured, waivers: Sequence[Scope], in_force: Sequence[Scope]) -> Coverage | None:
    """Return what covers the ground: the waivers where no report is in force beside them, else the reports."""
    return measured.by_waivers if waivers and not in_force else measured.by_reports


def _whole(coverage: Coverage, scale: int) -> bool:
    return coverage.uncovered[scale].counted_m2 <= 0 and coverage.unsurveyed[scale].counted_m2 <= 0


def _outlasts(measured: Measured, scale: int) -> bool:
    return measured.by_lasting is None or _whole(measured.by_lasting, scale)


def _touching(coverage: Coverage | None) -> frozenset[int]:
    if coverage is None or not coverage.classes:
        return frozenset()
    return frozenset(feature.row for entry in coverage.classes for feature in entry.features if feature.counts)


def _reports(
    on_parcel: Sequence[tuple[Scope, Standing]],
    coverage: Coverage | None,
    question: Question,
    window_days: int,
) -> tuple[Report, ...]:
    """List the reports that touch beyond noise: in force first, then by end and number."""
    if coverage is None or not on_parcel:
        return ()
    shares = {
        feature.row: feature.area_m2 / coverage.area_m2 for entry in coverage.classes for feature in entry.features
    }
    found = []
    for scope, standing in on_parcel:
        applies = standing in _APPLYING
        found.append(
            Report(
                report_no=scope.report_no,
                approved_by=scope.approved_by,
                approved_on=scope.approved_on,
                valid_from=scope.valid_from,
                valid_to=scope.valid_to,
                derived=scope.derived,
                days_left=None if scope.valid_to is None else (scope.valid_to - question.as_of).days,
                in_force=applies,
                covers_sale=applies and scope.covers_sale(question.as_of, window_days),
                share=min(shares[scope.row], 1.0),
                edition=question.edition,
            )
        )
    return tuple(
        sorted(found, key=lambda report: (not report.in_force, report.valid_to or date.max, report.report_no or ""))
    )


def _unique(titles: Sequence[Text]) -> tuple[Text, ...]:
    return tuple(dict.fromkeys(titles))
