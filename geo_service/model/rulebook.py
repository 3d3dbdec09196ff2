"""The rules as data: which assessments, constraints, services and indicators there are, since when, on what basis.

Read from ``assessments/``: ``rulebook.toml`` and one TOML a rule, file name = code. Nothing here knows geometry.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Generic, Literal, Self, TypeVar

from pydantic import Field, model_validator

from geo_service.model.catalogue import Frozen
from geo_service.model.enums import Cell, Effect, Kind, Outcome, Severity, Stage
from geo_service.model.text import Text

Match = str | float | bool | tuple[str | float, ...] | dict[Literal["min", "max"], float]


class Basis(Frozen):
    """A law, standard or document by name and number."""

    document: str
    article: str | None = None


class Words(Frozen):
    """What is said of one outcome (or of one extra circumstance).

    ``clause`` is pasted into the notice or contract; ``needed`` is what must be obtained before the notice.
    Templates are filled with measured values, e.g. ``{uncovered}``.
    """

    message: Text | None = None
    clause: Text | None = None
    needed: Text | None = None
    stage: Stage | None = None

    def over(self, base: Words | None) -> Words:
        """Return these words with the gaps filled from ``base``."""
        if base is None:
            return self
        return Words(
            message=self.message or base.message,
            clause=self.clause or base.clause,
            needed=self.needed or base.needed,
            stage=self.stage or base.stage,
        )


class Version(Frozen):
    """What every dated version of a rule has."""

    since: date
    basis: tuple[Basis, ...]
    confidence: Literal["H", "M", "L", "PROPOSAL"]
    owner: str = ""
    words: dict[str, Words] = Field(default_factory=dict)


class Use(Frozen):
    """What a covering assessment is good for."""

    effect: Effect
    zh: str
    en: str


class ProjectTypes(Frozen):
    """Project types that may not use a regional result: a project whose type contains one of ``match``."""

    match: tuple[str, ...]
    title: Text


class AssessmentVersion(Version):
    """One dated version of an assessment's rule."""

    use: Use
    validity_years: Annotated[int, Field(gt=0)] | None = None
    waiver: bool = True
    excluded_project_types: tuple[ProjectTypes, ...] = ()
    exempt_project_types: tuple[str, ...] = ()


V = TypeVar("V", bound=Version)


class Rule(Frozen, Generic[V]):
    """A rule with its dated versions, newest last."""

    code: str
    title: Text
    versions: tuple[V, ...]

    @model_validator(mode="after")
    def _dated(self) -> Self:
        dates = [version.since for version in self.versions]
        if not dates or dates != sorted(set(dates)):
            raise ValueError("versions must be there and stand in order of 'since', each date once")
        return self

    def on(self, as_of: date) -> V | None:
        """Return the version in force on a date, ``None`` before the first."""
        for version in reversed(self.versions):
            if version.since <= as_of:
                return version
        return None


class AssessmentRule(Rule[AssessmentVersion]):
    """One regional assessment.

    ``zone_wide`` results are shown as 适用 rather than 覆盖; ``short`` names it in lists.
    """

    layer: str
    short: Text | None = None
    group: Literal["core", "local"] = "core"
    zone_wide: bool = False


class Part(Frozen):
    """A class of features of a constraint's layer: the first part whose ``when`` fits a feature takes it.

    ``when`` maps a field to what it must be: a text with ``*`` wildcards, ``"*"`` for anything given, ``""`` for
    nothing given, a number, a Boolean, a list of these, or ``{min, max}``. ``ignore`` leaves the feature out.
    """

    cls: Annotated[str, Field(alias="class")]
    title: Text
    when: dict[str, Match]
    severity: Severity | None = None
    ignore: bool = False
    review: bool = False
    words: dict[str, Words] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _severity_unless_ignored(self) -> Self:
        if not self.ignore and self.severity is None:
            raise ValueError(f"part {self.cls!r} needs a severity, or ignore = true")
        return self


class ConstraintVersion(Version):
    """One dated version of a constraint's rule.

    ``hard`` decides which noise rule holds; ``distance_m`` makes it a distance rule.
    """

    severity: Severity
    hard: bool = False
    parts: tuple[Part, ...] = ()
    distance_m: Annotated[float, Field(gt=0)] | None = None


class ConstraintRule(Rule[ConstraintVersion]):
    """One thing that forbids or conditions the sale. ``layer`` is empty for a rule about the parcel itself.

    ``outside_only_of`` names a contain-constraint: only ground outside that one's layer is read.
    """

    kind: Kind
    layer: str | None = None
    assessment: str | None = None
    outside_only_of: str | None = None


class ServiceVersion(Version):
    """One dated version of a service's rule.

    ``states`` are the states of a feature that can serve; ``capacity_field`` the attribute with the spare capacity;
    ``minimum`` maps attributes to the least value with which a feature serves.
    """

    limit_m: Annotated[float, Field(gt=0)] = 5.0
    search_m: Annotated[float, Field(gt=0)] = 5000.0
    states: tuple[str, ...] = ("in_service",)
    capacity_field: str | None = None
    capacity_unit: str = ""
    minimum: dict[str, float] = Field(default_factory=dict)
    claim_max_age_months: Annotated[int, Field(gt=0)] = 12


class ServiceRule(Rule[ServiceVersion]):
    """One service. ``layer`` is ``None`` where no network layer exists (then only a claim can speak)."""

    layer: str | None = None


class LevelVersion(Version):
    """One dated version of the levelling rule."""

    tolerance_m: Annotated[float, Field(gt=0)]
    met_share: Annotated[float, Field(gt=0, le=1)]
    partial_share: Annotated[float, Field(gt=0, le=1)]
    slope_p95_max_percent: Annotated[float, Field(gt=0)]
    nodata_share_max: Annotated[float, Field(ge=0, lt=1)]
    platform_edge_m: Annotated[float, Field(ge=0)]
    claim_max_age_months: Annotated[int, Field(gt=0)] | None = None


class LevelRule(Rule[LevelVersion]):
    """Levelling: the ground raster against platforms, a design raster, or nothing."""

    ground_layer: str
    platforms_layer: str | None = None
    design_layer: str | None = None


class IndicatorVersion(Version):
    """One dated version of a control indicator. ``units`` maps a unit to (numerator, denominator) into ``unit``."""

    comparator: Literal[">=", "<="]
    unit: str
    units: dict[str, tuple[int, int]]
    standard: float | None = None
    required: bool = True


class IndicatorRule(Rule[IndicatorVersion]):
    """One control indicator."""


class Standard(Frozen):
    """A readiness standard: which services it asks for and for which of them a temporary one will do."""

    title: Text
    required: tuple[str, ...]
    temporary: tuple[str, ...] = ()


class ZoneSeries(Frozen):
    """Projected CRSs numbered by zone: zone ``first`` is ``EPSG:<epsg>``, and so on to zone ``last``."""

    first: int
    last: int
    epsg: int


class BoundaryTxt(Frozen):
    """How the coordinate exchange TXT names its CRS in this jurisdiction."""

    datums: tuple[str, ...]
    refused_datums: tuple[str, ...] = ()
    series: dict[str, ZoneSeries]
    default_band: str
    write_datum: str
    write_projection: str
    write_unit: str


class Jurisdiction(Frozen):
    """Where the rules hold and which CRSs are admitted.

    ``working_crs`` and ``projected_crs`` list codes or ranges (``"EPSG:4534-4554"``); ``geographic_crs`` are taken as
    equal to one another. ``offset_datums`` are refused by name.
    """

    name: Text
    box_degrees: tuple[float, float, float, float]
    geographic_crs: tuple[str, ...]
    projected_crs: tuple[str, ...]
    working_crs: tuple[str, ...]
    offset_datums: tuple[str, ...] = ()
    area_of_use_margin_degrees: float = 1.0
    zone_distance_max_m: float = 50000.0
    timezone: str
    boundary_txt: BoundaryTxt | None = None


class Order(Frozen):
    """Which rules there are, in the order of the record."""

    core: tuple[str, ...]
    local: tuple[str, ...]
    constraints: tuple[str, ...]
    services: tuple[str, ...]
    level: str
    indicators: tuple[str, ...]


class Precondition(Frozen):
    """One line of the list that a planner reads first; without ``code`` it is checked on paper only."""

    code: str | None = None
    title: Text


class Defaults(Frozen):
    """What holds where a zone says nothing."""

    readiness_standard: str
    supply_window_days: Annotated[int, Field(ge=0)]


class Tolerances(Frozen):
    """Numbers that geometry uses to tell noise from land; ``sensitivity`` is the factor for ``boundary_sensitive``."""

    soft_noise_m: Annotated[float, Field(ge=0)]
    hard_noise_m2: Annotated[float, Field(ge=0)]
    sensitivity: Annotated[float, Field(gt=1)]


class Rulebook(Frozen):
    """Everything that is law, in force or once in force."""

    edition: str
    sha256: str = ""
    jurisdiction: Jurisdiction
    order: Order
    defaults: Defaults
    tolerances: Tolerances
    decision: dict[Outcome, dict[Severity, Cell]]
    standards: dict[str, Standard]
    preconditions: tuple[Precondition, ...] = ()
    words: dict[str, dict[str, Words]]
    zones_layer: str
    parcels_layer: str
    assessments: dict[str, AssessmentRule]
    constraints: dict[str, ConstraintRule]
    services: dict[str, ServiceRule]
    level: LevelRule
    indicators: dict[str, IndicatorRule]

    def say(self, kind: str, key: str, *own: Mapping[str, Words]) -> Words:
        """Return the words for an outcome: the rule's own first, then the rulebook's for the kind."""
        words = self.words.get(kind, {}).get(key)
        for mapping in reversed(own):
            if key in mapping:
                words = mapping[key].over(words)
        return words or Words()
