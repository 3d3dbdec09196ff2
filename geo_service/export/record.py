"""The assessment record: one verdict as JSON, its canonical bytes (RFC 8785) and its digest.

Everything in force in the rulebook appears once, in catalogue order. No clock, request, user or path enters it, so
the same inputs give the same bytes within one lock of dependencies.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from typing import Any

from geo_service.export.canonical import canonical, utf8
from geo_service.export.record_text import record_text
from geo_service.model.finding import (
    AssessmentFinding,
    Concern,
    ConstraintFinding,
    CoverageShares,
    IndicatorFinding,
    LevelFinding,
    Reason,
    ServiceFinding,
    Verdict,
)
from geo_service.model.register import Claim
from geo_service.model.rulebook import Basis
from geo_service.model.text import Text
from geo_service.model.units import mu

Record = dict[str, Any]


def record(verdict: Verdict) -> Record:
    """Return the record of a verdict, digest included."""
    return written(verdict)[0]


def written(verdict: Verdict) -> tuple[Record, bytes]:
    """Return the record of a verdict, digest included, and its canonical bytes; see `record_bytes`."""
    body = _body(verdict)
    body["provenance"]["digest"], there = _signed(verdict)
    return body, there


def content(verdict: Verdict) -> bytes:
    """Return the canonical bytes of the record of a verdict, digest included; see `written`."""
    return _signed(verdict)[1]


def _signed(verdict: Verdict) -> tuple[str, bytes]:
    before, after = map(utf8, record_text(verdict))
    digest = hashlib.sha256(before + after).hexdigest()
    return digest, b'%b"digest":"%b",%b' % (before, digest.encode(), after)


def record_bytes(body: Record) -> bytes:
    """Return the canonical bytes of a record: UTF-8, no final newline."""
    return canonical(body)


def digest_of(body: Record) -> str:
    """Compute the digest of a record from everything but the digest itself."""
    return hashlib.sha256(canonical(_without_digest(body))).hexdigest()


def _without_digest(body: Record) -> Record:
    provenance = {key: value for key, value in body["provenance"].items() if key != "digest"}
    return {**body, "provenance": provenance}


def _body(verdict: Verdict) -> Record:
    parcel, zone = verdict.parcel, verdict.zone
    return {
        "parcel": {
            "id": parcel.id,
            "name": parcel.name,
            "zone": None if zone is None else zone.id,
            "zone_version": None if zone is None else zone.version,
            "land_use": parcel.land_use,
            "project_type": parcel.project_type,
            "area_m2": verdict.area_m2,
            "area_mu": mu(verdict.area_m2),
            "ellipsoidal_area_m2": verdict.ellipsoidal_area_m2,
            "registered_area_m2": parcel.registered_area_m2,
            "crs": verdict.crs,
        },
        "as_of": verdict.as_of.isoformat(),
        "verdict": {
            "status": verdict.decision.status.value,
            "boundary_sensitive": verdict.boundary_sensitive,
            "valid_until": _day(verdict.valid_until),
            "reasons": [_reason(reason) for reason in verdict.decision.reasons],
        },
        "assessments": [_assessment(finding) for finding in verdict.assessments],
        "constraints": [_constraint(finding) for finding in verdict.constraints],
        "readiness": {
            "standard": verdict.readiness.standard,
            "title": _text(verdict.readiness.title),
            "met": verdict.readiness.met,
            "services": [_service(finding) for finding in verdict.readiness.services],
            "level": _level(verdict.readiness.level),
        },
        "indicators": [_indicator(finding) for finding in verdict.indicators],
        "provenance": {
            "engine": verdict.engine,
            "rulebook": {"edition": verdict.rulebook_edition, "sha256": verdict.rulebook_sha256},
            "layers": [
                {
                    "id": layer.id,
                    "edition": layer.edition,
                    "edition_date": _day(layer.edition_date),
                    "sha256": layer.sha256,
                }
                for layer in verdict.layers
            ],
        },
    }


def _text(text: Text) -> Record:
    return {"zh": text.zh, "en": text.en}


def _maybe(text: Text | None) -> Record | None:
    return None if text is None else _text(text)


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _basis(basis: Sequence[Basis]) -> list[Record]:
    return [{"document": entry.document, "article": entry.article} for entry in basis]


def _coverage(shares: CoverageShares | None) -> Record | None:
    if shares is None:
        return None
    return {
        "share": shares.share,
        "covered_m2": shares.covered_m2,
        "uncovered_m2": shares.uncovered_m2,
        "unsurveyed_m2": shares.unsurveyed_m2,
        "noise_m2": shares.noise_m2,
    }


def _reason(reason: Reason) -> Record:
    return {
        "code": reason.code,
        "outcome": reason.outcome.value,
        "severity": reason.severity.value,
        "effect": reason.effect,
        "stage": reason.stage.value,
        "owner": reason.owner,
        "message": _text(reason.message),
        "clause": _maybe(reason.clause),
        "needed": _maybe(reason.needed),
    }


def _said(concern: Concern, title: Text) -> Record:
    """What every finding says."""
    return {
        "code": concern.code,
        "title": _text(title),
        "outcome": concern.outcome.value,
        "severity": concern.severity.value,
        "reason": None if concern.reason is None else concern.reason.value,
        "message": _text(concern.message),
    }


def _assessment(finding: AssessmentFinding) -> Record:
    return {
        **_said(finding.concern, finding.title),
        "group": finding.group,
        "zone_wide": finding.zone_wide,
        "required": finding.required,
        "use": {"effect": finding.use.effect.value, "zh": finding.use.zh, "en": finding.use.en},
        "excluded_project_types": list(finding.excluded_project_types),
        "coverage": _coverage(finding.coverage),
        "reports": [
            {
                "report_no": report.report_no,
                "approved_by": report.approved_by,
                "approved_on": _day(report.approved_on),
                "valid_from": _day(report.valid_from),
                "valid_to": _day(report.valid_to),
                "derived": report.derived,
                "days_left": report.days_left,
                "in_force": report.in_force,
                "covers_sale": report.covers_sale,
                "share": report.share,
                "edition": report.edition,
            }
            for report in finding.reports
        ],
        "waiver": None
        if finding.waiver is None
        else {
            "document": finding.waiver.document,
            "valid_to": _day(finding.waiver.valid_to),
            "edition": finding.waiver.edition,
        },
        "basis": _basis(finding.basis),
    }


def _constraint(finding: ConstraintFinding) -> Record:
    return {
        **_said(finding.concern, finding.title),
        "kind": finding.kind.value,
        "assessment": finding.assessment,
        "coverage": _coverage(finding.coverage),
        "distance_m": finding.distance_m,
        "limit_m": finding.limit_m,
        "parts": [
            {
                "class": part.cls,
                "title": _text(part.title),
                "share": part.share,
                "area_m2": part.area_m2,
                "noise_m2": part.noise_m2,
                "features": list(part.features),
                "severity": part.severity.value,
            }
            for part in finding.parts
        ],
        "basis": _basis(finding.basis),
    }


def _claim(claim: Claim) -> Record:
    return {
        "service": claim.service,
        "kind": claim.kind.value,
        "reach": claim.reach.value,
        "document": claim.document,
        "issuer": claim.issuer,
        "dated_on": claim.dated_on.isoformat(),
        "valid_to": _day(claim.valid_to),
        "funded": claim.funded,
        "due_on": _day(claim.due_on),
        "capacity": claim.capacity,
    }


def _service(finding: ServiceFinding) -> Record:
    return {
        **_said(finding.concern, finding.title),
        "required": finding.required,
        "kind": finding.kind,
        "basis": list(finding.rests_on),
        "network": finding.network.value,
        "network_reason": None if finding.network_reason is None else finding.network_reason.value,
        "distance_m": finding.distance_m,
        "limit_m": finding.limit_m,
        "nearest": finding.nearest,
        "claims": [_claim(claim) for claim in finding.claims],
    }


def _level(finding: LevelFinding) -> Record:
    return {
        **_said(finding.concern, finding.title),
        "design": finding.design.value,
        "share_within_tolerance": finding.share_within_tolerance,
        "slope_p95_percent": finding.slope_p95_percent,
        "cut_m3": finding.cut_m3,
        "fill_m3": finding.fill_m3,
        "nodata_share": finding.nodata_share,
        "claims": [_claim(claim) for claim in finding.claims],
    }


def _indicator(finding: IndicatorFinding) -> Record:
    said = _said(finding.concern, finding.title)
    del said["reason"]  # an indicator is set or missing; there is nothing else to give a reason for
    return {
        **said,
        "comparator": finding.comparator,
        "value": finding.value,
        "unit": finding.unit,
        "standard": finding.standard,
        "required": finding.required,
        "document": finding.document,
        "basis": _basis(finding.basis),
    }
