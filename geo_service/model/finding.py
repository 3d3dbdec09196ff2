"""What was concluded, with rule and basis; and the verdict that gathers it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from shapely.geometry.base import BaseGeometry

from geo_service.model.enums import (
    Design,
    Kind,
    Network,
    NoDataReason,
    Outcome,
    Severity,
    Stage,
    Status,
)
from geo_service.model.parcel import Parcel
from geo_service.model.register import Claim
from geo_service.model.rulebook import Basis, Use
from geo_service.model.text import Text


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that comes with a finding whatever its outcome, e.g. a report that ends in the supply window."""

    stage: Stage
    owner: str
    message: Text
    clause: Text


@dataclass(frozen=True, slots=True)
class Concern:
    """What the verdict reads of a finding.

    ``stage``, ``clause`` and ``needed`` hold for this outcome; ``assured`` says that something planned is documented,
    funded and due in time; ``conditions`` come on top.
    """

    code: str
    outcome: Outcome
    severity: Severity
    reason: NoDataReason | None
    message: Text
    owner: str
    stage: Stage | None
    clause: Text | None
    needed: Text | None
    assured: bool = False
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class CoverageShares:
    """Coverage as the record shows it."""

    share: float
    covered_m2: float
    uncovered_m2: float
    unsurveyed_m2: float
    noise_m2: float


@dataclass(frozen=True, slots=True)
class Report:
    """One report that touches the parcel."""

    report_no: str | None
    approved_by: str | None
    approved_on: date | None
    valid_from: date | None
    valid_to: date | None
    derived: bool
    days_left: int | None
    in_force: bool
    covers_sale: bool
    share: float
    edition: str


@dataclass(frozen=True, slots=True)
class Waiver:
    """An approved waiver that applies."""

    document: str
    valid_to: date | None
    edition: str


@dataclass(frozen=True, eq=False, slots=True)
class Piece:
    """Ground that an outcome rests on, in the working CRS; ``role`` is ``uncovered`` or ``affected``."""

    role: str
    code: str
    cls: str | None
    area_m2: float
    severity: Severity
    geometry: BaseGeometry


@dataclass(frozen=True, eq=False, slots=True)
class AssessmentFinding:
    """One assessment and one parcel."""

    concern: Concern
    title: Text
    group: str
    zone_wide: bool
    required: bool
    use: Use
    excluded_project_types: tuple[str, ...]
    coverage: CoverageShares | None
    reports: tuple[Report, ...]
    waiver: Waiver | None
    basis: tuple[Basis, ...]
    pieces: tuple[Piece, ...] = ()

    def by(self, coverage: CoverageShares, reports: tuple[Report, ...]) -> AssessmentFinding:
        """Return the same conclusion about other ground."""
        return AssessmentFinding(
            self.concern,
            self.title,
            self.group,
            self.zone_wide,
            self.required,
            self.use,
            self.excluded_project_types,
            coverage,
            reports,
            self.waiver,
            self.basis,
            self.pieces,
        )


@dataclass(frozen=True, slots=True)
class PartArea:
    """A class of a constraint's layer on the parcel."""

    cls: str
    title: Text
    share: float
    area_m2: float
    noise_m2: float
    features: tuple[str, ...]
    severity: Severity


@dataclass(frozen=True, eq=False, slots=True)
class ConstraintFinding:
    """One constraint and one parcel."""

    concern: Concern
    title: Text
    kind: Kind
    assessment: str | None
    coverage: CoverageShares | None
    distance_m: float | None
    limit_m: float | None
    parts: tuple[PartArea, ...]
    basis: tuple[Basis, ...]
    pieces: tuple[Piece, ...] = ()

    def by(self, coverage: CoverageShares) -> ConstraintFinding:
        """Return the same conclusion about other ground."""
        return ConstraintFinding(
            self.concern,
            self.title,
            self.kind,
            self.assessment,
            coverage,
            self.distance_m,
            self.limit_m,
            self.parts,
            self.basis,
            self.pieces,
        )


@dataclass(frozen=True, slots=True)
class ServiceFinding:
    """One service and one parcel."""

    concern: Concern
    title: Text
    required: bool
    kind: str | None
    basis: tuple[Basis, ...]
    rests_on: tuple[str, ...]
    network: Network
    network_reason: NoDataReason | None
    distance_m: float | None
    limit_m: float
    nearest: str | None
    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class LevelFinding:
    """Levelling of one parcel."""

    concern: Concern
    title: Text
    design: Design
    share_within_tolerance: float | None
    slope_p95_percent: float | None
    cut_m3: float | None
    fill_m3: float | None
    nodata_share: float | None
    claims: tuple[Claim, ...]
    basis: tuple[Basis, ...]


@dataclass(frozen=True, slots=True)
class IndicatorFinding:
    """One control indicator of one parcel."""

    concern: Concern
    title: Text
    comparator: str
    value: float | None
    unit: str
    standard: float | None
    required: bool
    document: str | None
    basis: tuple[Basis, ...]


@dataclass(frozen=True, slots=True)
class Readiness:
    """Services and levelling against the zone's standard."""

    standard: str
    title: Text
    met: bool | None
    services: tuple[ServiceFinding, ...]
    level: LevelFinding


@dataclass(frozen=True, slots=True)
class Reason:
    """One finding that is not a pass or note, as the verdict shows it; ``effect`` is the cell of the decision table."""

    code: str
    outcome: Outcome
    severity: Severity
    effect: str
    stage: Stage
    owner: str
    message: Text
    clause: Text | None
    needed: Text | None


@dataclass(frozen=True, slots=True)
class Decision:
    """The status with its reasons."""

    status: Status
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class LayerRead:
    """An edition that was read."""

    id: str
    edition: str
    edition_date: date | None
    sha256: str


@dataclass(frozen=True, slots=True)
class ZoneRead:
    """The zone a parcel is judged by: its version and what it asks for."""

    id: str
    version: str
    name: str | None
    required_codes: tuple[str, ...]
    core_codes: tuple[str, ...]
    readiness_standard: str
    supply_window_days: int
    indicators: tuple[tuple[str, float | None, str], ...] | None


@dataclass(frozen=True, eq=False, slots=True)
class Verdict:
    """Everything that is said of one parcel on one date."""

    parcel: Parcel
    zone: ZoneRead | None
    geometry: BaseGeometry
    crs: str
    area_m2: float
    ellipsoidal_area_m2: float
    as_of: date
    decision: Decision
    boundary_sensitive: bool
    valid_until: date | None
    assessments: tuple[AssessmentFinding, ...]
    constraints: tuple[ConstraintFinding, ...]
    readiness: Readiness
    indicators: tuple[IndicatorFinding, ...]
    layers: tuple[LayerRead, ...]
    engine: str
    rulebook_edition: str
    rulebook_sha256: str
