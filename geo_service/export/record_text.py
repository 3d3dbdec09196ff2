"""The canonical text of a record, written from the verdict itself, in a third of the time of laying values out first.

Names stand in the order of RFC 8785; what stands under them is told in `geo_service.export.record`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache
from json.encoder import encode_basestring as quoted
from typing import TypeVar

from geo_service.export.canonical import number
from geo_service.kept import Kept
from geo_service.model.finding import (
    AssessmentFinding,
    ConstraintFinding,
    CoverageShares,
    IndicatorFinding,
    LayerRead,
    LevelFinding,
    PartArea,
    Readiness,
    Reason,
    Report,
    ServiceFinding,
    Verdict,
    Waiver,
)
from geo_service.model.register import Claim
from geo_service.model.rulebook import Basis, Use
from geo_service.model.text import Text
from geo_service.model.units import mu

T = TypeVar("T")

_FLAGS = {True: "true", False: "false", None: "null"}

#: So many bases are kept: several times what a rulebook has.
BASES = 2_000
# What the versions of rules rest on, by identity (they stay for as long as they are here), and how it is written.
_BASES: Kept[int, tuple[tuple[Basis, ...], str]] = Kept(BASES)


def record_text(verdict: Verdict) -> tuple[str, str]:
    """Return the canonical text of a record in two parts; its digest belongs between them.

    Raises
    ------
    ValueError
        For a number that JSON cannot hold.
    """
    before = (
        f'{{"as_of":{_day(verdict.as_of)},"assessments":{_each(_assessment, verdict.assessments)},'
        f'"constraints":{_each(_constraint, verdict.constraints)},'
        f'"indicators":{_each(_indicator, verdict.indicators)},"parcel":{_parcel(verdict)},"provenance":{{'
    )
    after = (
        f'"engine":{quoted(verdict.engine)},"layers":{_each(_layer, verdict.layers)},'
        f'"rulebook":{{"edition":{quoted(verdict.rulebook_edition)},"sha256":{quoted(verdict.rulebook_sha256)}}}}},'
        f'"readiness":{_readiness(verdict.readiness)},"verdict":{_verdict(verdict)}}}'
    )
    return before, after


def _parcel(verdict: Verdict) -> str:
    parcel, zone = verdict.parcel, verdict.zone
    return (
        f'{{"area_m2":{number(verdict.area_m2)},"area_mu":{number(mu(verdict.area_m2))},'
        f'"crs":{quoted(verdict.crs)},"ellipsoidal_area_m2":{number(verdict.ellipsoidal_area_m2)},'
        f'"id":{quoted(parcel.id)},"land_use":{_word(parcel.land_use)},"name":{_word(parcel.name)},'
        f'"project_type":{_word(parcel.project_type)},"registered_area_m2":{_number(parcel.registered_area_m2)},'
        f'"zone":{"null" if zone is None else quoted(zone.id)},'
        f'"zone_version":{"null" if zone is None else quoted(zone.version)}}}'
    )


def _verdict(verdict: Verdict) -> str:
    return (
        f'{{"boundary_sensitive":{_FLAGS[verdict.boundary_sensitive]},'
        f'"reasons":{_each(_reason, verdict.decision.reasons)},"status":{quoted(verdict.decision.status)},'
        f'"valid_until":{_day(verdict.valid_until)}}}'
    )


def _reason(reason: Reason) -> str:
    return (
        f'{{"clause":{_sentence(reason.clause)},"code":{quoted(reason.code)},"effect":{quoted(reason.effect)},'
        f'"message":{_sentence(reason.message)},"needed":{_sentence(reason.needed)},"outcome":{quoted(reason.outcome)},'
        f'"owner":{quoted(reason.owner)},"severity":{quoted(reason.severity)},"stage":{quoted(reason.stage)}}}'
    )


def _assessment(finding: AssessmentFinding) -> str:
    concern = finding.concern
    return (
        f'{{"basis":{_basis(finding.basis)},"code":{quoted(concern.code)},"coverage":{_coverage(finding.coverage)},'
        f'"excluded_project_types":{_each(quoted, finding.excluded_project_types)},'
        f'"group":{quoted(finding.group)},"message":{_sentence(concern.message)},"outcome":{quoted(concern.outcome)},'
        f'"reason":{_word(concern.reason)},"reports":{_each(_report, finding.reports)},'
        f'"required":{_FLAGS[finding.required]},"severity":{quoted(concern.severity)},"title":{_sentence(finding.title)},'
        f'"use":{_use(finding.use)},"waiver":{_waiver(finding.waiver)},"zone_wide":{_FLAGS[finding.zone_wide]}}}'
    )


def _report(report: Report) -> str:
    return (
        f'{{"approved_by":{_word(report.approved_by)},"approved_on":{_day(report.approved_on)},'
        f'"covers_sale":{_FLAGS[report.covers_sale]},'
        f'"days_left":{"null" if report.days_left is None else report.days_left},'
        f'"derived":{_FLAGS[report.derived]},"edition":{quoted(report.edition)},"in_force":{_FLAGS[report.in_force]},'
        f'"report_no":{_word(report.report_no)},"share":{number(report.share)},'
        f'"valid_from":{_day(report.valid_from)},"valid_to":{_day(report.valid_to)}}}'
    )


def _use(use: Use) -> str:
    return f'{{"effect":{quoted(use.effect)},"en":{quoted(use.en)},"zh":{quoted(use.zh)}}}'


def _waiver(waiver: Waiver | None) -> str:
    if waiver is None:
        return "null"
    return (
        f'{{"document":{quoted(waiver.document)},"edition":{quoted(waiver.edition)},'
        f'"valid_to":{_day(waiver.valid_to)}}}'
    )


def _constraint(finding: ConstraintFinding) -> str:
    concern = finding.concern
    return (
        f'{{"assessment":{_word(finding.assessment)},"basis":{_basis(finding.basis)},"code":{quoted(concern.code)},'
        f'"coverage":{_coverage(finding.coverage)},"distance_m":{_number(finding.distance_m)},'
        f'"kind":{quoted(finding.kind)},"limit_m":{_number(finding.limit_m)},"message":{_sentence(concern.message)},'
        f'"outcome":{quoted(concern.outcome)},"parts":{_each(_part, finding.parts)},'
        f'"reason":{_word(concern.reason)},"severity":{quoted(concern.severity)},"title":{_sentence(finding.title)}}}'
    )


def _coverage(shares: CoverageShares | None) -> str:
    if shares is None:
        return "null"
    return (
        f'{{"covered_m2":{number(shares.covered_m2)},"noise_m2":{number(shares.noise_m2)},'
        f'"share":{number(shares.share)},"uncovered_m2":{number(shares.uncovered_m2)},'
        f'"unsurveyed_m2":{number(shares.unsurveyed_m2)}}}'
    )


def _part(part: PartArea) -> str:
    return (
        f'{{"area_m2":{number(part.area_m2)},"class":{quoted(part.cls)},'
        f'"features":{_each(quoted, part.features)},"noise_m2":{number(part.noise_m2)},'
        f'"severity":{quoted(part.severity)},"share":{number(part.share)},"title":{_sentence(part.title)}}}'
    )


def _readiness(readiness: Readiness) -> str:
    return (
        f'{{"level":{_level(readiness.level)},"met":{_FLAGS[readiness.met]},'
        f'"services":{_each(_service, readiness.services)},"standard":{quoted(readiness.standard)},'
        f'"title":{_sentence(readiness.title)}}}'
    )


def _service(finding: ServiceFinding) -> str:
    concern = finding.concern
    return (
        f'{{"basis":{_each(quoted, finding.rests_on)},"claims":{_each(_claim, finding.claims)},'
        f'"code":{quoted(concern.code)},"distance_m":{_number(finding.distance_m)},"kind":{_word(finding.kind)},'
        f'"limit_m":{number(finding.limit_m)},"message":{_sentence(concern.message)},'
        f'"nearest":{_word(finding.nearest)},"network":{quoted(finding.network)},'
        f'"network_reason":{_word(finding.network_reason)},"outcome":{quoted(concern.outcome)},'
        f'"reason":{_word(concern.reason)},"required":{_FLAGS[finding.required]},"severity":{quoted(concern.severity)},'
        f'"title":{_sentence(finding.title)}}}'
    )


def _claim(claim: Claim) -> str:
    return (
        f'{{"capacity":{_number(claim.capacity)},"dated_on":{_day(claim.dated_on)},"document":{quoted(claim.document)},'
        f'"due_on":{_day(claim.due_on)},"funded":{_FLAGS[claim.funded]},'
        f'"issuer":{quoted(claim.issuer)},"kind":{quoted(claim.kind)},"reach":{quoted(claim.reach)},'
        f'"service":{quoted(claim.service)},"valid_to":{_day(claim.valid_to)}}}'
    )


def _level(finding: LevelFinding) -> str:
    concern = finding.concern
    return (
        f'{{"claims":{_each(_claim, finding.claims)},"code":{quoted(concern.code)},'
        f'"cut_m3":{_number(finding.cut_m3)},"design":{quoted(finding.design)},"fill_m3":{_number(finding.fill_m3)},'
        f'"message":{_sentence(concern.message)},"nodata_share":{_number(finding.nodata_share)},'
        f'"outcome":{quoted(concern.outcome)},"reason":{_word(concern.reason)},"severity":{quoted(concern.severity)},'
        f'"share_within_tolerance":{_number(finding.share_within_tolerance)},'
        f'"slope_p95_percent":{_number(finding.slope_p95_percent)},"title":{_sentence(finding.title)}}}'
    )


def _indicator(finding: IndicatorFinding) -> str:
    concern = finding.concern
    return (
        f'{{"basis":{_basis(finding.basis)},"code":{quoted(concern.code)},"comparator":{quoted(finding.comparator)},'
        f'"document":{_word(finding.document)},"message":{_sentence(concern.message)},"outcome":{quoted(concern.outcome)},'
        f'"required":{_FLAGS[finding.required]},"severity":{quoted(concern.severity)},'
        f'"standard":{_number(finding.standard)},"title":{_sentence(finding.title)},"unit":{quoted(finding.unit)},'
        f'"value":{_number(finding.value)}}}'
    )


def _layer(layer: LayerRead) -> str:
    return (
        f'{{"edition":{quoted(layer.edition)},"edition_date":{_day(layer.edition_date)},"id":{quoted(layer.id)},'
        f'"sha256":{quoted(layer.sha256)}}}'
    )


def _basis(basis: tuple[Basis, ...]) -> str:
    found = _BASES.get(id(basis))
    if found is None:
        found = basis, _each(_document, basis)
        _BASES.put(id(basis), found, 1)
    return found[1]


def _document(entry: Basis) -> str:
    return f'{{"article":{_word(entry.article)},"document":{quoted(entry.document)}}}'


def _each(write: Callable[[T], str], values: Sequence[T]) -> str:
    return f"[{','.join(map(write, values))}]" if values else "[]"


def _sentence(text: Text | None) -> str:
    return "null" if text is None else f'{{"en":{quoted(text.en)},"zh":{quoted(text.zh)}}}'


def _word(word: str | None) -> str:
    return "null" if word is None else quoted(word)


def _number(value: float | None) -> str:
    return "null" if value is None else number(value)


# Reports, papers and editions share a few days.
@lru_cache(maxsize=1024)
def _day(day: date | None) -> str:
    return "null" if day is None else f'"{day}"'
