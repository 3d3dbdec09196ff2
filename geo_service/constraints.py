"""Constraints: which class of a layer a feature belongs to, and what touching it means for the sale.

Law only: it reads attributes and measured areas, never geometry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from functools import partial
from math import fsum

from geo_service.model.enums import Kind, NoDataReason, Outcome, Severity
from geo_service.model.evidence import AS_GIVEN, Band, Coverage, Nearest
from geo_service.model.finding import ConstraintFinding, CoverageShares, PartArea, Piece
from geo_service.model.layer import Value, day_of
from geo_service.model.rulebook import ConstraintRule, ConstraintVersion, Match, Part, Rulebook, Words
from geo_service.model.speech import Said, area_values, concern, remark
from geo_service.model.text import Text
from geo_service.model.units import area_text, distance_text, share_text
from geo_service.model.validity import DAY, VOID, in_force, is_clear

WITHHELD, UNCLEAR, OTHER, INSIDE, OUTSIDE = "withheld", "unclear", "unclassified", "inside", "outside"
PENDING, SAME, DIFFERENT, AMBIGUOUS = "pending_adjustment", "same", "different", "ambiguous"
_RANK = {Severity.INFO: 0, Severity.CONDITIONAL: 1, Severity.BLOCKING: 2}
_OTHER_TITLE = Text("未分类", "unclassified")
_NO_CLASSES = Text("", "")
_OUTSIDE_TITLE = Text("范围外", "outside")


def fits(value: Value, wanted: Match) -> bool:
    """Tell whether an attribute is what a part asks for.

    Examples
    --------
    >>> fits("0103", "01*"), fits(None, "*"), fits(None, ""), fits(50.0, {"max": 50}), fits("high", ("high", "mid"))
    (True, False, True, True, True)
    """
    if isinstance(wanted, dict):
        return (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and wanted.get("min", value) <= value <= wanted.get("max", value)
        )
    if isinstance(wanted, tuple):
        return any(fits(value, one) for one in wanted)
    if wanted == "":
        return value in (None, "")
    if value in (None, ""):
        return False
    if isinstance(wanted, str):
        return fnmatchcase(str(value), wanted)
    return value == wanted


def beyond_noise(band: Band) -> bool:
    """Tell whether ground counts, or could count once a surveyor has looked."""
    return band.counted_m2 + band.review_m2 > 0


def part_of(version: ConstraintVersion, values: Mapping[str, Value]) -> Part | None:
    """Return the first part that fits a feature, ``None`` when none does."""
    return next(
        (part for part in version.parts if all(fits(values.get(name), wanted) for name, wanted in part.when.items())),
        None,
    )


def stands(values: Mapping[str, Value], as_of: date) -> bool:
    """Tell whether a feature is in force on a date."""
    if values.get("status") in VOID:
        return False
    begins, ends = day_of(values, "valid_from") or day_of(values, "approved_on"), day_of(values, "valid_to")
    return in_force(begins, ends, as_of)


def turning_days(values: Mapping[str, Value]) -> tuple[date, ...]:
    """Days on which a feature begins or ceases to be in force."""
    begins, ends = day_of(values, "valid_from") or day_of(values, "approved_on"), day_of(values, "valid_to")
    return tuple(day for day in (begins, None if ends is None else ends + DAY) if day is not None)


def avoid_class(version: ConstraintVersion, values: Mapping[str, Value], as_of: date) -> str | None:
    """Return the class of a feature of an avoid-layer; ``None`` leaves it out.

    A feature that fits no part is ``unclassified`` and counts with the rule's own severity: not knowing what
    something is, is no reason to overlook it.
    """
    if not stands(values, as_of):
        return None
    if values.get("status") == WITHHELD:
        return WITHHELD
    if not version.parts:
        return INSIDE
    part = part_of(version, values)
    if part is None:
        return OTHER
    return None if part.ignore else part.cls


def contain_class(version: ConstraintVersion, values: Mapping[str, Value], as_of: date) -> str | None:
    """Tell whether a feature of a contain-layer counts as inside, is only applied for, or (``None``) does not count.

    What is withheld or has a status that nobody can read is a class of its own: it holds nothing, and is not known to
    hold nothing.
    """
    part = part_of(version, values)
    if not stands(values, as_of) or (part is None and version.parts) or (part is not None and part.ignore):
        return None
    if values.get("status") == WITHHELD:
        return WITHHELD
    if not is_clear(values.get("status")):
        return UNCLEAR
    return PENDING if part is not None and part.cls == PENDING else INSIDE


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured for one constraint.

    ``beyond`` is coverage by the applied-for zone versions of what the approved ones leave out; ``converted_m2`` is
    the ground that the rule would read had another layer not settled it; ``failure`` replaces everything where
    nothing can be measured.
    """

    coverage: Coverage | None = None
    beyond: Coverage | None = None
    nearest: Nearest | None = None
    surveyed: bool = True
    converted_m2: float = 0.0
    failure: NoDataReason | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of every constraint of one parcel."""

    parcel_m2: float
    land_use: Text
    land_use_known: bool
    repairs: tuple[Text, ...]
    scale: int = AS_GIVEN


def judge(
    rule: ConstraintRule,
    version: ConstraintVersion,
    rulebook: Rulebook,
    measured: Measured,
    question: Question,
) -> ConstraintFinding:
    """Conclude one constraint."""
    kind = f"constraint_{rule.kind}" if rule.layer is not None else "constraint_parcel"
    coverage, scale = measured.coverage, question.scale
    if rule.layer is None:
        outcome, reason = (Outcome.REVIEW if question.repairs else Outcome.CLEAR), None
        values: dict[str, Said] = {
            "found": Text("；".join(text.zh for text in question.repairs), "; ".join(t.en for t in question.repairs))
        }
        return _finding(rule, version, rulebook, kind, outcome, version.severity, reason, values)
    if measured.failure is not None:
        return _finding(rule, version, rulebook, kind, Outcome.NO_DATA, version.severity, measured.failure, {})
    if version.distance_m is not None:
        return _distance(rule, version, rulebook, kind, measured)
    if coverage is None:
        return _finding(rule, version, rulebook, kind, Outcome.NO_DATA, version.severity, NoDataReason.FAILED, {})
    if rule.kind is Kind.AVOID:
        return _avoid(rule, version, rulebook, kind, measured, coverage, question)
    if rule.kind is Kind.CONTAIN:
        return _contain(rule, version, rulebook, kind, measured, coverage, scale)
    return _match(rule, version, rulebook, kind, coverage, question)


def _avoid(
    rule: ConstraintRule,
    version: ConstraintVersion,
    rulebook: Rulebook,
    kind: str,
    measured: Measured,
    coverage: Coverage,
    question: Question,
) -> ConstraintFinding:
    scale, total = question.scale, question.parcel_m2
    parts = _parts(version, coverage, total, scale)
    present = [area for area in coverage.classes if area.cls != WITHHELD]
    touched = [area for area in present if area.bands[scale].counted_m2 > 0]
    doubtful = [area for area in present if area.bands[scale].review_m2 > 0]
    # Strips of several classes, each too thin to count, can lie side by side and be land together.
    if not touched and coverage.covered[scale].counted_m2 > 0:
        touched = present
    elif not touched and not doubtful and coverage.covered[scale].review_m2 > 0:
        doubtful = present
    hidden = coverage.of(WITHHELD)
    unknown = coverage.unsurveyed[scale]
    noise_m2 = fsum(area.bands[scale].noise_m2 for area in coverage.classes)
    doubt_m2 = sum(area.bands[scale].review_m2 for area in doubtful) or sum(area.area_m2 for area in doubtful)
    width = max((area.bands[scale].noise_width_m for area in coverage.classes), default=0.0)
    touched_m2 = coverage.covered_m2
    # Ground that the rule does not read (it is settled by another layer) is not touched either.
    free_m2 = coverage.uncovered_m2 + (total - coverage.area_m2)
    shares = CoverageShares(touched_m2 / total, touched_m2, free_m2, coverage.unsurveyed_m2, noise_m2)
    values = area_values(total, touched_m2, free_m2, coverage.unsurveyed_m2, noise_m2, width)
    if doubt_m2:
        values |= {"found": partial(area_text, doubt_m2)}
    values |= {"classes": partial(_classes, parts)}

    reason: NoDataReason | None = None
    severity = version.severity
    own: tuple[Mapping[str, Words], ...] = ()
    worst = max(
        touched,
        key=lambda area: (_RANK[_severity(version, area.cls)], not _is_review(version, area.cls)),
        default=None,
    )
    doubt = max((_severity(version, area.cls) for area in doubtful), key=_RANK.__getitem__, default=None)
    known_rank = -1 if worst is None else _RANK[_severity(version, worst.cls)]
    doubt_rank = -1 if doubt is None else _RANK[doubt]
    withheld = hidden is not None and beyond_noise(hidden.bands[scale])
    undecided = withheld or beyond_noise(unknown)
    # What is touched decides, unless ground that nobody has looked at could hold something worse: else touching a
    # lesser class would make a parcel better than touching nothing.
    open_to_worse = undecided and max(known_rank, doubt_rank) < _worst_rank(version)
    if worst is not None and known_rank >= doubt_rank and not open_to_worse:
        severity = _severity(version, worst.cls)
        own = _words(version, worst.cls)
        outcome = Outcome.REVIEW if _is_review(version, worst.cls) else Outcome.AFFECTED
    elif doubt is not None and not open_to_worse:
        outcome, severity = Outcome.REVIEW, doubt
    elif withheld:
        outcome, reason = Outcome.NO_DATA, NoDataReason.WITHHELD
    elif undecided:
        outcome = Outcome.NO_DATA
        known = coverage.area_m2 - coverage.unsurveyed_m2
        reason = NoDataReason.PARTLY_SURVEYED if known > noise_m2 else NoDataReason.OUTSIDE_SURVEYED_EXTENT
    else:
        outcome = Outcome.CLEAR
    noted = remark(rulebook, kind, "noise", version, values) if noise_m2 > 0 else None
    key = None
    if measured.converted_m2 > 0 and outcome is Outcome.CLEAR:
        key = "converted"
        values |= {"classes": partial(area_text, measured.converted_m2)}
    pieces = tuple(
        Piece("affected", rule.code, area.cls, area.area_m2, _severity(version, area.cls), area.geometry)
        for area in coverage.classes
        if beyond_noise(area.bands[scale])
    )
    return _finding(
        rule, version, rulebook, kind, outcome, severity, reason, values, own=own, key=key, shares=shares,
        parts=parts, pieces=pieces, noted=noted,
    )  # fmt: skip


def _contain(
    rule: ConstraintRule,
    version: ConstraintVersion,
    rulebook: Rulebook,
    kind: str,
    measured: Measured,
    coverage: Coverage,
    scale: int,
) -> ConstraintFinding:
    outside, unknown = coverage.uncovered[scale], coverage.unsurveyed[scale]
    noise_m2 = outside.noise_m2 + unknown.noise_m2
    total = coverage.area_m2
    shares = CoverageShares(
        coverage.covered_m2 / total, coverage.covered_m2, coverage.uncovered_m2, coverage.unsurveyed_m2, noise_m2
    )
    values = area_values(
        total, coverage.covered_m2, coverage.uncovered_m2, coverage.unsurveyed_m2, noise_m2, outside.noise_width_m
    )
    reason: NoDataReason | None = None
    own: tuple[Mapping[str, Words], ...] = ()
    parts: list[PartArea] = []
    pieces: list[Piece] = []
    key = None
    silent = _silent(coverage, scale)
    if outside.counted_m2 > 0 and silent is not None:
        outcome, reason = Outcome.NO_DATA, silent
    elif outside.counted_m2 > 0:
        outcome = Outcome.AFFECTED
        rest_m2 = coverage.uncovered_m2
        beyond = measured.beyond
        pending = None if beyond is None else beyond.of(PENDING)
        if pending is not None and pending.bands[scale].counted_m2 > 0:
            key = PENDING
            title = next(
                (part.title for part in version.parts if part.cls == PENDING), Text("调区申请范围", "applied for")
            )
            ids = tuple(feature.id for feature in pending.features)
            parts.append(
                PartArea(PENDING, title, min(pending.area_m2 / total, 1.0), pending.area_m2, 0.0, ids, version.severity)
            )
            pieces.append(Piece("affected", rule.code, PENDING, pending.area_m2, version.severity, pending.geometry))
            rest_m2 -= pending.area_m2
        if rest_m2 > noise_m2 + 1e-6:
            parts.append(
                PartArea(OUTSIDE, _OUTSIDE_TITLE, min(rest_m2 / total, 1.0), rest_m2, noise_m2, (), version.severity)
            )
            bare = coverage if pending is None or beyond is None else beyond
            pieces.append(Piece("affected", rule.code, OUTSIDE, rest_m2, version.severity, bare.uncovered_geometry))
        values |= {"classes": partial(_classes, parts)}
    elif outside.review_m2 > 0:
        outcome = Outcome.REVIEW
        values |= {"found": partial(area_text, outside.review_m2)}
    elif beyond_noise(unknown):
        outcome = Outcome.NO_DATA
        some = coverage.covered[scale].counted_m2 > 0
        reason = NoDataReason.PARTLY_SURVEYED if some else NoDataReason.OUTSIDE_SURVEYED_EXTENT
    else:
        outcome = Outcome.CLEAR
    noted = remark(rulebook, kind, "noise", version, values) if noise_m2 > 0 else None
    return _finding(
        rule, version, rulebook, kind, outcome, version.severity, reason, values, own=own, key=key, shares=shares,
        parts=tuple(parts), pieces=tuple(pieces), noted=noted,
    )  # fmt: skip


def _silent(coverage: Coverage, scale: int) -> NoDataReason | None:
    """Return why ground that nothing favourable covers is not known to be bare, ``None`` when it is known."""
    for cls, reason in ((WITHHELD, NoDataReason.WITHHELD), (UNCLEAR, NoDataReason.ATTRIBUTE_MISSING)):
        area = coverage.of(cls)
        if area is not None and beyond_noise(area.bands[scale]):
            return reason
    return None


def _match(
    rule: ConstraintRule,
    version: ConstraintVersion,
    rulebook: Rulebook,
    kind: str,
    coverage: Coverage,
    question: Question,
) -> ConstraintFinding:
    scale, total = question.scale, question.parcel_m2
    unknown = coverage.unsurveyed[scale]
    wrong = coverage.of(DIFFERENT)
    doubtful = coverage.of(AMBIGUOUS)
    noise_m2 = (wrong.bands[scale].noise_m2 if wrong else 0.0) + unknown.noise_m2
    shares = CoverageShares(
        coverage.covered_m2 / total, coverage.covered_m2, coverage.uncovered_m2, coverage.unsurveyed_m2, noise_m2
    )
    width = wrong.bands[scale].noise_width_m if wrong else 0.0
    values = area_values(total, coverage.covered_m2, coverage.uncovered_m2, coverage.unsurveyed_m2, noise_m2, width)
    values |= {"land_use": question.land_use}
    # From a use that nobody knows nothing differs.
    untold = () if question.land_use_known else (DIFFERENT, AMBIGUOUS)
    parts = _parts(version, coverage, total, scale, leave_out=(SAME, UNCLEAR, *untold))
    values |= {"classes": partial(_classes, parts)}
    reason: NoDataReason | None = None
    if not question.land_use_known:
        outcome, reason = Outcome.NO_DATA, NoDataReason.ATTRIBUTE_MISSING
    elif wrong is not None and wrong.bands[scale].counted_m2 > 0:
        outcome = Outcome.AFFECTED
    elif doubtful is not None and doubtful.bands[scale].counted_m2 > 0:
        outcome = Outcome.REVIEW
        values |= {"found": partial(area_text, doubtful.area_m2)}
    elif unknown.counted_m2 > 0 or coverage.uncovered[scale].counted_m2 > 0:
        outcome = Outcome.NO_DATA
        some = any(area.cls in (SAME, DIFFERENT, AMBIGUOUS) for area in coverage.classes)
        outside = NoDataReason.PARTLY_SURVEYED if some else NoDataReason.OUTSIDE_SURVEYED_EXTENT
        reason = _silent(coverage, scale) or outside
    else:
        outcome = Outcome.CLEAR
    noted = remark(rulebook, kind, "noise", version, values) if noise_m2 > 0 else None
    pieces = tuple(
        Piece("affected", rule.code, area.cls, area.area_m2, version.severity, area.geometry)
        for area in coverage.classes
        if area.cls in (DIFFERENT, AMBIGUOUS) and area.cls not in untold and area.bands[scale].counted_m2 > 0
    )
    return _finding(
        rule, version, rulebook, kind, outcome, version.severity, reason, values, shares=shares, parts=parts,
        pieces=pieces, noted=noted,
    )  # fmt: skip


def _distance(
    rule: ConstraintRule, version: ConstraintVersion, rulebook: Rulebook, kind: str, measured: Measured
) -> ConstraintFinding:
    limit = version.distance_m or 0.0
    near = measured.nearest
    values: dict[str, Said] = {"limit": partial(distance_text, limit)}
    reason: NoDataReason | None = None
    if near is not None and near.distance_m <= limit:
        outcome = Outcome.AFFECTED
        values |= {"distance": partial(distance_text, near.distance_m)}
    elif not measured.surveyed:
        outcome, reason = Outcome.NO_DATA, NoDataReason.OUTSIDE_SURVEYED_EXTENT
    else:
        outcome = Outcome.CLEAR
    return _finding(
        rule, version, rulebook, kind, outcome, version.severity, reason, values,
        distance_m=None if near is None else near.distance_m, limit_m=limit,
    )  # fmt: skip


def _finding(
    rule: ConstraintRule,
    version: ConstraintVersion,
    rulebook: Rulebook,
    kind: str,
    outcome: Outcome,
    severity: Severity,
    reason: NoDataReason | None,
    values: Mapping[str, Said],
    *,
    own: tuple[Mapping[str, Words], ...] = (),
    key: str | None = None,
    shares: CoverageShares | None = None,
    parts: tuple[PartArea, ...] = (),
    pieces: tuple[Piece, ...] = (),
    distance_m: float | None = None,
    limit_m: float | None = None,
    noted: Text | None = None,
) -> ConstraintFinding:
    return ConstraintFinding(
        concern=concern(
            rulebook, kind, rule.code, rule.title, version, outcome, severity, values,
            own=own, key=key, reason=reason, remark=noted,
        ),
        title=rule.title,
        kind=rule.kind,
        assessment=rule.assessment,
        coverage=shares,
        distance_m=distance_m,
        limit_m=limit_m,
        parts=parts,
        basis=version.basis,
        pieces=pieces,
    )  # fmt: skip


def _parts(
    version: ConstraintVersion, coverage: Coverage, total_m2: float, scale: int, leave_out: Sequence[str] = ()
) -> tuple[PartArea, ...]:
    if not coverage.classes:
        return ()
    order = [part.cls for part in version.parts]
    found = [
        PartArea(
            area.cls,
            _title(version, area.cls),
            min(area.area_m2 / total_m2, 1.0),
            area.area_m2,
            area.bands[scale].noise_m2,
            tuple(feature.id for feature in area.features),
            _severity(version, area.cls),
        )
        for area in coverage.classes
        if area.cls not in (WITHHELD, *leave_out)
    ]
    return tuple(sorted(found, key=lambda part: (order.index(part.cls) if part.cls in order else len(order), part.cls)))


def _classes(parts: Sequence[PartArea]) -> Text:
    if not parts:
        return _NO_CLASSES
    return Text(
        "、".join(f"{part.title.zh} {area_text(part.area_m2)}（{share_text(part.share)}）" for part in parts),
        ", ".join(f"{part.title.en} {area_text(part.area_m2)} ({share_text(part.share)})" for part in parts),
    )


def _part(version: ConstraintVersion, cls: str) -> Part | None:
    return next((part for part in version.parts if part.cls == cls), None)


def _severity(version: ConstraintVersion, cls: str) -> Severity:
    part = _part(version, cls)
    return version.severity if part is None or part.severity is None else part.severity


def _worst_rank(version: ConstraintVersion) -> int:
    """Rank of the worst that a layer can hold: of all its classes and of what fits none."""
    severities = [version.severity, *(part.severity for part in version.parts if part.severity is not None)]
    return max(_RANK[severity] for severity in severities)


def _is_review(version: ConstraintVersion, cls: str) -> bool:
    part = _part(version, cls)
    return part is not None and part.review


def _words(version: ConstraintVersion, cls: str) -> tuple[Mapping[str, Words], ...]:
    part = _part(version, cls)
    return () if part is None else (part.words,)


def _title(version: ConstraintVersion, cls: str) -> Text:
    part = _part(version, cls)
    if part is not None:
        return part.title
    return {
        DIFFERENT: Text("用途不一致", "different use"),
        AMBIGUOUS: Text("用途含义不明", "ambiguous use"),
        INSIDE: Text("占压", "overlap"),
    }.get(cls, _OTHER_TITLE)
