"""Readiness: what a claim and the network say of a service together, and whether the ground is level.

Law only: it reads claims and measured distances, never geometry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

from geo_service.model.enums import Design, Network, NoDataReason, Outcome, Severity
from geo_service.model.evidence import Levels, Nearest
from geo_service.model.finding import Condition, LevelFinding, Readiness, ServiceFinding
from geo_service.model.labels import CLAIM_KINDS, DESIGNS
from geo_service.model.layer import Value
from geo_service.model.register import Claim, ClaimKind, Reach
from geo_service.model.rulebook import (
    LevelRule,
    LevelVersion,
    Rulebook,
    ServiceRule,
    ServiceVersion,
    Standard,
)
from geo_service.model.speech import Said, concern, condition
from geo_service.model.text import Text
from geo_service.model.units import distance_text, grouped, share_text
from geo_service.model.validity import DAY, add_months, is_clear

SERVICE, LEVEL = "service", "level"
CLAIM_WITNESS, NETWORK_WITNESS = "claim", "network"
_NONE_NEAR = Text("搜索范围内无", "none within the search distance")
_NOT_RECORDED = Text("未登记", "not recorded")


@dataclass(frozen=True, slots=True)
class NetworkRead:
    """What the network layer says: the nearest serving feature, its spare capacity, or why nothing is known."""

    state: Network
    nearest: Nearest | None = None
    capacity: float | None = None
    reason: NoDataReason | None = None


@dataclass(frozen=True, slots=True)
class LevelRead:
    """What the terrain says, or why nothing is known."""

    design: Design
    levels: Levels | None
    ground_date: date | None
    reason: NoDataReason | None = None


def can_serve(version: ServiceVersion, values: Mapping[str, Value], as_of: date) -> bool:
    """Tell whether a network feature can serve on a date: in force, in the right state, large enough.

    An unknown status, state or size cannot serve.
    """
    begins, ends = values.get("valid_from"), values.get("valid_to")
    if not is_clear(values.get("status")):
        return False
    if (isinstance(begins, date) and begins > as_of) or (isinstance(ends, date) and ends < as_of):
        return False
    if values.get("state") not in version.states:
        return False
    for name, least in version.minimum.items():
        value = values.get(name)
        if not isinstance(value, int | float) or not value >= least:
            return False
    return True


def ends_on(claim: Claim, max_age_months: int | None) -> date | None:
    """Return the last day of a claim: its own, else its date and the rule's age."""
    if claim.valid_to is not None:
        return claim.valid_to
    return None if max_age_months is None else add_months(claim.dated_on, max_age_months)


def turning_days(claim: Claim, max_age_months: int | None) -> tuple[date, ...]:
    """Days on which a claim begins or ceases to be worth something."""
    last = ends_on(claim, max_age_months)
    return (claim.dated_on,) if last is None else (claim.dated_on, last + DAY)


@dataclass(frozen=True, slots=True)
class Claimed:
    """The claims of a service as they stand on a date: all, those dated by then, and those of them that hold."""

    own: tuple[Claim, ...]
    known: tuple[Claim, ...]
    valid: tuple[Claim, ...]


_NOTHING = Claimed((), (), ())


def claimed(claims: Sequence[Claim], code: str, max_age_months: int | None, as_of: date) -> Claimed:
    """Gather what is claimed of a service."""
    if not claims:
        return _NOTHING
    own = tuple(sorted((claim for claim in claims if claim.service == code), key=_claim_key))
    known = tuple(claim for claim in own if claim.dated_on <= as_of)
    return Claimed(own, known, tuple(claim for claim in known if _holds(claim, max_age_months, as_of)))


def _holds(claim: Claim, max_age_months: int | None, as_of: date) -> bool:
    last = ends_on(claim, max_age_months)
    return last is None or as_of <= last


def _best(claims: Sequence[Claim]) -> Claim | None:
    """Prefer a permanent claim, then the newest, then by document."""
    return min(
        claims,
        key=lambda claim: (claim.kind is ClaimKind.TEMPORARY, -claim.dated_on.toordinal(), claim.document),
        default=None,
    )


def judge_service(
    rule: ServiceRule,
    version: ServiceVersion,
    rulebook: Rulebook,
    standard: Standard,
    claims: Claimed,
    network: NetworkRead,
    demand: float | None,
    handover_on: date | None,
) -> ServiceFinding:
    """Conclude one service from its two witnesses (the table of the contract).

    A claim alone is enough where the network layer cannot speak about this ground, but not where the layer was never
    imported: then nobody has looked.
    """
    required = rule.code in standard.required
    severity = Severity.BLOCKING if required else Severity.INFO
    valid = claims.valid
    temporary_does = rule.code in standard.temporary or not required
    reaching = _best(
        [
            claim
            for claim in valid
            if claim.reach is Reach.TO_BOUNDARY and (temporary_does or claim.kind is ClaimKind.PERMANENT)
        ]
    )
    planned = min(
        (claim for claim in valid if claim.reach is Reach.PLANNED),
        key=lambda claim: (claim.due_on or date.max, claim.document),
        default=None,
    )
    expired = len(claims.known) > len(valid)

    capacity = reaching.capacity if reaching is not None and reaching.capacity is not None else network.capacity
    values = _service_values(version, network, reaching or planned, planned, demand, capacity, handover_on, rule.title)
    reason: NoDataReason | None = None
    rests_on: tuple[str, ...] = ()
    if reaching is not None:
        if network.state in (Network.NEAR, Network.NONE):
            outcome, rests_on = Outcome.REVIEW, (CLAIM_WITNESS, NETWORK_WITNESS)
        elif network.state is Network.NO_DATA and network.reason is NoDataReason.LAYER_MISSING:
            outcome, reason = Outcome.UNKNOWN, NoDataReason.LAYER_MISSING
        else:
            serves = network.state is Network.SERVES
            outcome = Outcome.MET
            rests_on = (CLAIM_WITNESS, NETWORK_WITNESS) if serves else (CLAIM_WITNESS,)
            if demand is not None and capacity is None:
                outcome, reason = Outcome.UNKNOWN, NoDataReason.ATTRIBUTE_MISSING
            elif demand is not None and capacity is not None and capacity < demand:
                outcome = Outcome.PARTIAL
    elif planned is not None:
        outcome, rests_on = Outcome.PLANNED, (CLAIM_WITNESS,)
    elif expired:
        if network.state is Network.NONE:
            outcome = Outcome.NOT_MET
        else:
            outcome, reason = Outcome.UNKNOWN, NoDataReason.STALE
    elif network.state is Network.SERVES:
        outcome, reason = Outcome.UNKNOWN, NoDataReason.NO_CLAIM
    elif network.state in (Network.NEAR, Network.NONE):
        outcome, rests_on = Outcome.NOT_MET, (NETWORK_WITNESS,)
    else:
        outcome, reason = Outcome.UNKNOWN, network.reason or NoDataReason.NO_CLAIM

    assured = (
        outcome is Outcome.PLANNED
        and planned is not None
        and bool(planned.document)
        and planned.funded is True
        and planned.due_on is not None
        and handover_on is not None
        and planned.due_on <= handover_on
    )
    conditions: tuple[Condition, ...] = ()
    temporary = reaching is not None and reaching.kind is ClaimKind.TEMPORARY
    if outcome in (Outcome.MET, Outcome.PARTIAL) and temporary and required:
        key = "temporary" if planned is not None and planned.due_on is not None else "temporary_open"
        conditions = (condition(rulebook, SERVICE, key, rule.title, version, values),)
    remarked = None
    if outcome is Outcome.MET:
        words = Text("（临时）", " (temporary)") if temporary else Text("", "")
        if rests_on == (CLAIM_WITNESS,):
            words += Text("（仅证明）", " (document only)")
        remarked = words if words.zh else None
    return ServiceFinding(
        concern=concern(
            rulebook, SERVICE, rule.code, rule.title, version, outcome, severity, values,
            reason=reason, assured=assured, conditions=conditions, remark=remarked,
        ),
        title=rule.title,
        required=required,
        kind=None if reaching is None else reaching.kind.value,
        basis=version.basis,
        rests_on=rests_on,
        network=network.state,
        network_reason=network.reason,
        distance_m=None if network.nearest is None else network.nearest.distance_m,
        limit_m=version.limit_m,
        nearest=None if network.nearest is None else network.nearest.id,
        claims=claims.own,
    )  # fmt: skip


def _claim_key(claim: Claim) -> tuple[str, str, str, str]:
    return claim.kind.value, claim.reach.value, claim.dated_on.isoformat(), claim.document


def _service_values(
    version: ServiceVersion,
    network: NetworkRead,
    claim: Claim | None,
    planned: Claim | None,
    demand: float | None,
    capacity: float | None,
    handover_on: date | None,
    title: Text,
) -> dict[str, Said]:
    near = network.nearest
    values: dict[str, Said] = {
        "title": title,
        "limit": partial(distance_text, version.limit_m),
        "search": partial(distance_text, version.search_m),
        "distance": partial(distance_text, near.distance_m)
        if near
        else Text("搜索范围内无", "none within the search distance"),
        "unit": version.capacity_unit or "—",
        "demand": partial(grouped, demand, 0) if demand is not None else "—",
        "capacity": partial(grouped, capacity, 0) if capacity is not None else _NOT_RECORDED,
        "handover_on": handover_on.isoformat() if handover_on else _NOT_RECORDED,
    }
    if claim is not None:
        kind = CLAIM_KINDS[claim.kind]
        values["claim"] = Text(
            f"{claim.issuer} {claim.dated_on.isoformat()} {claim.document}（{kind.zh}）",
            f"{claim.issuer} {claim.dated_on.isoformat()} {claim.document} ({kind.en})",
        )
        values["document"] = claim.document
    if planned is not None and planned.due_on is not None:
        values["due_on"] = values["permanent_on"] = planned.due_on.isoformat()
    return values


def judge_level(
    rule: LevelRule,
    version: LevelVersion,
    rulebook: Rulebook,
    claims: Claimed,
    terrain: LevelRead,
) -> LevelFinding:
    """Conclude levelling from the survey and the terrain."""
    known = [claim for claim in claims.known if claim.reach is Reach.TO_BOUNDARY]
    valid = _best([claim for claim in claims.valid if claim.reach is Reach.TO_BOUNDARY])
    measured = terrain.levels
    reason: NoDataReason | None = None
    key: str | None = None
    nodata = measured is not None and (
        measured.nodata_share > version.nodata_share_max
        or (terrain.design is Design.RASTER and measured.slope_p95_percent is None)
    )
    if measured is None or nodata:
        silent = terrain.reason or (NoDataReason.PARTLY_SURVEYED if nodata else NoDataReason.OUTSIDE_SURVEYED_EXTENT)
        newer = terrain.ground_date is None or (valid is not None and valid.dated_on >= terrain.ground_date)
        if silent is NoDataReason.LAYER_MISSING or nodata:
            outcome, reason = Outcome.UNKNOWN, silent
        elif valid is not None and newer:
            outcome, key = Outcome.MET, "claim_only"
        elif known and valid is None:
            outcome, reason = Outcome.UNKNOWN, NoDataReason.STALE
        elif valid is not None:
            outcome, reason = Outcome.UNKNOWN, silent
        else:
            outcome, reason = (
                Outcome.UNKNOWN,
                (NoDataReason.NO_CLAIM if terrain.design is Design.NONE and terrain.reason is None else silent),
            )
    else:
        level = measured.share_within >= version.met_share and (
            measured.slope_p95_percent is None or measured.slope_p95_percent <= version.slope_p95_max_percent
        )
        if level:
            if valid is not None:
                outcome = Outcome.MET
            else:
                outcome = Outcome.UNKNOWN
                reason = NoDataReason.STALE if known else NoDataReason.NO_CLAIM
        elif measured.share_within >= version.partial_share:
            outcome = Outcome.PARTIAL
        else:
            outcome = Outcome.REVIEW if valid is not None else Outcome.NOT_MET
    values: dict[str, Said] = {
        "design": DESIGNS[terrain.design],
        "tolerance": f"{version.tolerance_m:.2f}m",
        "claim": f"{valid.issuer} {valid.dated_on.isoformat()} {valid.document}" if valid else "—",
        "document": valid.document if valid else "—",
    }
    if measured is not None:
        values |= {
            "level_share": partial(share_text, measured.share_within),
            "cut": f"{grouped(measured.cut_m3, 0)}m³",
            "fill": f"{grouped(measured.fill_m3, 0)}m³",
            "slope": "—" if measured.slope_p95_percent is None else f"{measured.slope_p95_percent:.1f} %",
            "unsurveyed": partial(share_text, measured.nodata_share),
        }
    return LevelFinding(
        concern=concern(
            rulebook, LEVEL, rule.code, rule.title, version, outcome, Severity.BLOCKING, values, reason=reason, key=key
        ),
        title=rule.title,
        design=terrain.design,
        share_within_tolerance=None if measured is None else measured.share_within,
        slope_p95_percent=None if measured is None else measured.slope_p95_percent,
        cut_m3=None if measured is None else measured.cut_m3,
        fill_m3=None if measured is None else measured.fill_m3,
        nodata_share=None if measured is None else measured.nodata_share,
        claims=claims.own,
        basis=version.basis,
    )


def gather(
    standard_id: str, standard: Standard, services: tuple[ServiceFinding, ...], level: LevelFinding
) -> Readiness:
    """Tell whether everything the standard asks for is there: yes, no, or not known."""
    outcomes = [found.concern.outcome for found in services if found.required] + [level.concern.outcome]
    met: bool | None
    if any(outcome in (Outcome.NOT_MET, Outcome.PARTIAL, Outcome.PLANNED) for outcome in outcomes):
        met = False
    else:
        met = True if all(outcome is Outcome.MET for outcome in outcomes) else None
    return Readiness(standard_id, standard.title, met, services, level)
