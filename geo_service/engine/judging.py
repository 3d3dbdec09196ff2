"""Everything the law says of one parcel on one date, at one scale of the tolerances."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from math import fsum, isfinite
from typing import TypeVar

from shapely.geometry.base import BaseGeometry

from geo_service import assessments, constraints, indicators, overlay, readiness, verdict
from geo_service.engine import alike, zones
from geo_service.engine.attributes import Attributes
from geo_service.engine.site import Site
from geo_service.errors import MeasureFailed
from geo_service.model.catalogue import Catalogue
from geo_service.model.enums import Design, Kind, Network, NoDataReason
from geo_service.model.evidence import AS_GIVEN, Coverage
from geo_service.model.finding import (
    AssessmentFinding,
    Concern,
    ConstraintFinding,
    Decision,
    IndicatorFinding,
    LevelFinding,
    Readiness,
    ServiceFinding,
    ZoneRead,
)
from geo_service.model.layer import Features, LayerSet
from geo_service.model.rulebook import (
    AssessmentRule,
    AssessmentVersion,
    ConstraintRule,
    ConstraintVersion,
    IndicatorRule,
    IndicatorVersion,
    Rulebook,
    Version,
)
from geo_service.model.text import Text
from geo_service.model.validity import is_clear


@dataclass(frozen=True, eq=False, slots=True)
class Findings:
    """What was concluded, in catalogue order."""

    zone: ZoneRead | None
    assessments: tuple[AssessmentFinding, ...]
    constraints: tuple[ConstraintFinding, ...]
    readiness: Readiness
    indicators: tuple[IndicatorFinding, ...]
    decision: Decision


Known = tuple[object, ...]
F = TypeVar("F", AssessmentFinding, ConstraintFinding)


class Judge:
    """The law over one site.

    ``turning`` collects the days on which something that was read changes its standing. What does not depend on the
    date itself, but on what stands on it, is concluded once.
    """

    def __init__(
        self, site: Site, layers: LayerSet, catalogue: Catalogue, rulebook: Rulebook, zone: str | None
    ) -> None:
        self._site = site
        self._layers = layers
        self._catalogue = catalogue
        self._rulebook = rulebook
        self._zone = zone or site.parcel.zone
        self._failed: set[str] = set()
        self._zones: dict[int, ZoneRead] = {}
        self._silences: dict[tuple[str, date], NoDataReason | None] = {}
        self._questions: dict[int, constraints.Question] = {}
        self._near: dict[str, dict[str, tuple[int, ...]]] = {}
        self._scopes: dict[Known, list[assessments.Scope]] = {}
        self._constrained: dict[Known, ConstraintFinding] = {}
        self._served: dict[Known, ServiceFinding] = {}
        self._levelled: dict[Known, LevelFinding] = {}
        self._controlled: dict[Known, IndicatorFinding] = {}
        self.turning: set[date] = set()
        self.read: set[str] = set()

    def judge(self, as_of: date, scale: int = AS_GIVEN) -> Findings:
        """Conclude everything."""
        zone = self._zone_read(as_of)
        judged = tuple(self._assessments(as_of, zone, scale))
        touched = tuple(self._constraints(as_of, zone, scale))
        ready = self._readiness(as_of, zone)
        controlled = tuple(self._indicators(as_of, zone))
        decision = verdict.decide(concerns(touched, judged, ready, controlled), self._rulebook)
        return Findings(zone, judged, touched, ready, controlled, decision)

    def is_sharp(self) -> bool:
        """Tell whether the conclusions cannot depend on the scale of the tolerances."""
        return self._site.is_sharp()

    def _zone_read(self, as_of: date) -> ZoneRead | None:
        layer = self._rulebook.zones_layer
        features = self._site.ground.features(layer)
        if features is None:
            return None
        self.read.add(layer)
        self.turning.update(self._site.ground.attributes(layer).every_turning_day)
        try:
            row = zones.find(features, self._site.uncut, self._zone, as_of)
        except MeasureFailed:
            self._failed.add(layer)
            return None
        if row is None:
            return None
        if row not in self._zones:
            self._zones[row] = zones.read(features, row, self._rulebook)
        return self._zones[row]

    def _silence(self, layer: str, as_of: date) -> NoDataReason | None:
        if layer in self._failed:
            return NoDataReason.FAILED
        key = (layer, as_of)
        if key not in self._silences:
            self.read.add(layer)
            stale = self._site.ground.stale_day(layer)
            if stale is not None:
                self.turning.add(stale)
            self._silences[key] = self._site.ground.silence(layer, as_of)
        return self._silences[key]

    # assessments

    def _assessments(self, as_of: date, zone: ZoneRead | None, scale: int) -> Iterator[AssessmentFinding]:
        for code in (*self._rulebook.order.core, *self._rulebook.order.local):
            rule = self._rulebook.assessments[code]
            version = rule.on(as_of)
            if version is not None:
                yield self._assessment(rule, version, as_of, zone, scale)

    def _assessment(
        self, rule: AssessmentRule, version: AssessmentVersion, as_of: date, zone: ZoneRead | None, scale: int
    ) -> AssessmentFinding:
        layer = rule.layer
        features = self._site.ground.features(layer)
        silent = self._silence(layer, as_of)
        if silent is None and self._site.ground.needs_zones(layer):
            silent = self._silence(self._rulebook.zones_layer, as_of)
        if features is None or silent is not None:
            failed = assessments.Measured(None, None, None, failure=silent or NoDataReason.LAYER_MISSING)
            question = self._assessment_question(layer, as_of, zone, scale)
            return assessments.judge(rule, version, self._rulebook, (), failed, question)
        near = self._reports_near(layer, features).get(rule.code, ())
        window_days = self._window_days(zone)
        for scope in self._read_scopes(rule, version):
            self.turning.update(scope.turning_days(window_days))
        asked = (rule.code, as_of, scale, zone and (zone.id, zone.version), self._site.parcel.project_type)
        found = self._alike(
            layer,
            near,
            version,
            as_of,
            asked,
            lambda judge: judge._measured_assessment(rule, version, as_of, zone, scale),
        )
        return found or self._measured_assessment(rule, version, as_of, zone, scale)

    def _assessment_question(self, layer: str, as_of: date, zone: ZoneRead | None, scale: int) -> assessments.Question:
        edition = self._layers.editions.get(layer)
        name = edition.name if edition else ""
        return assessments.Question(as_of, zone, self._site.parcel.project_type, name, scale)

    def _window_days(self, zone: ZoneRead | None) -> int:
        return zone.supply_window_days if zone else self._rulebook.defaults.supply_window_days

    def _reports_near(self, layer: str, features: Features) -> dict[str, tuple[int, ...]]:
        """Return the rows of reports near the parcel by the code of their assessment."""
        found = self._near.get(layer)
        if found is None:
            codes, rows = features.attributes.get("code", ()), self._site.rows(layer)
            by_code: dict[str, list[int]] = {}
            for row in rows if codes else ():
                by_code.setdefault(str(codes[row]), []).append(row)
            found = self._near[layer] = {code: tuple(of) for code, of in by_code.items()}
        return found

    def _measured_assessment(
        self, rule: AssessmentRule, version: AssessmentVersion, as_of: date, zone: ZoneRead | None, scale: int
    ) -> AssessmentFinding:
        layer = rule.layer
        question = self._assessment_question(layer, as_of, zone, scale)
        scopes = self._read_scopes(rule, version)
        try:
            measured = self._measured_scopes(layer, scopes, as_of, self._window_days(zone))
        except MeasureFailed:
            measured = assessments.Measured(None, None, None, failure=NoDataReason.FAILED)
        return assessments.judge(rule, version, self._rulebook, scopes, measured, question)

    def _read_scopes(self, rule: AssessmentRule, version: AssessmentVersion) -> list[assessments.Scope]:
        key = (rule.code, version.since)
        if key not in self._scopes:
            features = self._site.ground.features(rule.layer)
            if features is None:
                return []
            known = self._site.ground.attributes(rule.layer)
            rows = self._reports_near(rule.layer, features).get(rule.code, ())
            found = [known.scope(row, features.ids[row], version) for row in rows]
            self._scopes[key] = [scope for scope in found if scope is not None]
        return self._scopes[key]

    def _measured_scopes(
        self, layer: str, scopes: list[assessments.Scope], as_of: date, window_days: int
    ) -> assessments.Measured:
        rows = [scope.row for scope in scopes]
        standings = [scope.standing(as_of) for scope in scopes]
        classes: list[str | None] = [*standings]
        in_force, waiver = assessments.Standing.IN_FORCE, assessments.Standing.WAIVER
        bare = assessments.Standing.UNDOCUMENTED_WAIVER
        by_reports = self._site.coverage(layer, rows, classes, (in_force,), as_of)
        by_waivers: Coverage | None = None
        if waiver in classes:
            by_waivers = self._site.coverage(layer, rows, classes, (waiver,), as_of)
        by_waivers_said: Coverage | None = None
        if bare in classes:
            by_waivers_said = self._site.coverage(layer, rows, classes, (waiver, bare), as_of)
        by_lasting: Coverage | None = None
        lasting = [scope.covers_sale(as_of, window_days) for scope in scopes]
        if any(cls == in_force and not lasts for cls, lasts in zip(classes, lasting, strict=True)):
            longer = [
                "lasting" if cls == in_force and lasts else None for cls, lasts in zip(classes, lasting, strict=True)
            ]
            by_lasting = self._site.coverage(layer, rows, longer, ("lasting",), as_of)
        return assessments.Measured(by_reports, by_lasting, by_waivers, by_waivers_said)

    # constraints

    def _constraints(self, as_of: date, zone: ZoneRead | None, scale: int) -> Iterator[ConstraintFinding]:
        for code in self._rulebook.order.constraints:
            rule = self._rulebook.constraints[code]
            version = rule.on(as_of)
            if version is not None:
                yield self._constraint(rule, version, as_of, zone, scale)

    def _constraint(
        self, rule: ConstraintRule, version: ConstraintVersion, as_of: date, zone: ZoneRead | None, scale: int
    ) -> ConstraintFinding:
        def conclude(judge: Judge) -> ConstraintFinding:
            return judge._concluded_constraint(rule, version, as_of, zone, scale)

        layer = rule.layer
        # Distances, the parcel's own use, and what another layer settles differ from parcel to parcel.
        if (
            layer is None
            or rule.kind is Kind.MATCH
            or rule.outside_only_of
            or version.distance_m is not None
            or self._silence(layer, as_of) is not None
            or self._site.ground.features(layer) is None
        ):
            return conclude(self)
        near = self._site.rows(layer)
        self.turning.update(self._site.ground.attributes(layer).turning_days(near))
        # A parcel that names its zone must lie in that one.
        own = (self._zone, zone and (zone.id, zone.version)) if layer == self._rulebook.zones_layer else ()
        return self._alike(layer, near, version, as_of, (rule.code, as_of, scale, *own), conclude) or conclude(self)

    def _concluded_constraint(
        self, rule: ConstraintRule, version: ConstraintVersion, as_of: date, zone: ZoneRead | None, scale: int
    ) -> ConstraintFinding:
        try:
            measured = self._measured_constraint(rule, version, as_of, zone)
        except MeasureFailed:
            measured = constraints.Measured(failure=NoDataReason.FAILED)
        key = (rule.code, version.since, scale, measured)
        if key not in self._constrained:
            question = self._question(scale)
            self._constrained[key] = constraints.judge(rule, version, self._rulebook, measured, question)
        return self._constrained[key]

    def _alike(
        self,
        layer: str,
        near: tuple[int, ...],
        version: Version,
        as_of: date,
        asked: tuple[object, ...],
        conclude: Callable[[Judge], F],
    ) -> F | None:
        """Return what is concluded wherever the same features have all of the ground or nothing; see `engine.alike`.

        ``None`` where some have a part of it, or what is said depends on how much ground there is.
        """
        held = self._site.held(layer, near, as_of)
        if held is None:
            return None

        def of(site: Site) -> F:
            return conclude(Judge(site, self._layers, self._catalogue, self._rulebook, self._zone))

        return alike.finding(self._site, layer, held, version, self._rulebook, asked, of)

    def _question(self, scale: int) -> constraints.Question:
        if scale not in self._questions:
            self._questions[scale] = self._asked(scale)
        return self._questions[scale]

    def _asked(self, scale: int) -> constraints.Question:
        parcel = self._site.parcel
        meaning = self._land_use_meaning()
        system = self._catalogue.system(parcel.land_use_system) if parcel.land_use_system else None
        entry = system.codes.get(parcel.land_use) if system and parcel.land_use else None
        title = Text(f"{entry.zh} {parcel.land_use}", f"{entry.en} {parcel.land_use}") if entry else None
        return constraints.Question(
            parcel_m2=float(self._site.geometry.area),
            land_use=title or Text(parcel.land_use or "—", parcel.land_use or "—"),
            land_use_known=bool(meaning),
            repairs=tuple(Text(repair.zh, repair.en) for repair in parcel.repairs if repair.geometry_changed),
            scale=scale,
        )

    def _land_use_meaning(self) -> tuple[str, ...]:
        parcel = self._site.parcel
        return self._catalogue.meaning(parcel.land_use, parcel.land_use_system) if parcel.land_use else ()

    def _measured_constraint(
        self, rule: ConstraintRule, version: ConstraintVersion, as_of: date, zone: ZoneRead | None
    ) -> constraints.Measured:
        if rule.layer is None:
            return constraints.Measured()
        outer = self._rulebook.constraints[rule.outside_only_of] if rule.outside_only_of else None
        for layer in (rule.layer, outer.layer if outer else None):
            if layer is not None:
                silent = self._silence(layer, as_of)
                if silent is not None:
                    return constraints.Measured(failure=silent)
        features = self._site.ground.features(rule.layer)
        if features is None:
            return constraints.Measured(failure=NoDataReason.LAYER_MISSING)
        if version.distance_m is not None:
            return self._distance(rule.layer, version, as_of)
        rows = self._site.rows(rule.layer)
        if rule.layer == self._rulebook.zones_layer and zone is not None and self._zone in (zone.id, zone.version):
            # A parcel that names its zone must lie in that one; lying in another is no containment.
            rows = tuple(row for row in rows if zones.zone_id(features, row) == zone.id)
        known = self._site.ground.attributes(rule.layer)
        self.turning.update(known.turning_days(rows))
        # The ground of a survey that is no longer in force is not known by it.
        surveys = self._site.surveys(rule.layer, as_of)
        if known.surveys:
            rows = tuple(row for row in rows if row in surveys or row not in known.surveys)
        if rule.kind is Kind.MATCH:
            coverage = self._site.coverage(
                rule.layer,
                rows,
                [self._match_class(known, row, as_of) for row in rows],
                (constraints.SAME,),
                as_of,
            )
            return constraints.Measured(coverage)
        if rule.kind is Kind.CONTAIN:
            return self._contained(rule.layer, version, rows, as_of)
        classes = known.classes(version, as_of, rows, constraints.avoid_class)
        covering = {cls for cls in classes if cls is not None and cls != constraints.WITHHELD}
        if outer is None or outer.layer is None:
            return constraints.Measured(
                self._site.coverage(rule.layer, rows, classes, covering, as_of, hard=version.hard)
            )
        return self._outside_only(rule.layer, outer, version, rows, classes, covering, as_of)

    def _outside_only(
        self,
        layer: str,
        outer: ConstraintRule,
        version: ConstraintVersion,
        rows: tuple[int, ...],
        classes: list[str | None],
        covering: set[str],
        as_of: date,
    ) -> constraints.Measured:
        """Measure only the ground that another constraint's layer leaves out, and say what that layer has settled."""
        settled = outer.layer or layer
        inside = self._inside(settled, outer.on(as_of) or outer.versions[0], self._site.rows(settled), as_of)
        if self._site.ground.features(settled) is not None:
            self.turning.update(self._site.ground.attributes(settled).turning_days(self._site.rows(settled)))
        rest: BaseGeometry | None = None
        if any(constraints.beyond_noise(bands[AS_GIVEN]) for bands in (inside.uncovered, inside.unsurveyed)):
            rest = self._site.without(inside.of(constraints.INSIDE))
        whole = self._site.coverage(layer, rows, classes, covering, as_of, hard=version.hard)
        converted_m2 = 0.0
        if inside.covered_m2 > 0:
            converted_m2 = fsum(area.area_m2 for area in whole.classes if area.cls != constraints.WITHHELD)
        if rest is None or rest.is_empty:
            return constraints.Measured(overlay.NO_COVERAGE, converted_m2=converted_m2)
        return constraints.Measured(
            self._site.coverage(layer, rows, classes, covering, as_of, hard=version.hard, of=rest),
            converted_m2=converted_m2,
        )

    def _contain_classes(
        self, layer: str, version: ConstraintVersion, rows: tuple[int, ...], as_of: date
    ) -> list[str | None]:
        if self._site.ground.features(layer) is None:
            return [None] * len(rows)
        return self._site.ground.attributes(layer).classes(version, as_of, rows, constraints.contain_class)

    def _inside(self, layer: str, version: ConstraintVersion, rows: tuple[int, ...], as_of: date) -> Coverage:
        """Measure what lies inside a contain-layer; what is only applied for does not count."""
        classes = self._contain_classes(layer, version, rows, as_of)
        return self._site.coverage(layer, rows, classes, (constraints.INSIDE,), as_of, hard=version.hard)

    def _contained(
        self, layer: str, version: ConstraintVersion, rows: tuple[int, ...], as_of: date
    ) -> constraints.Measured:
        """Measure containment; ground inside an applied-for boundary only is told apart from ground outside both."""
        coverage = self._inside(layer, version, rows, as_of)
        classes = self._contain_classes(layer, version, rows, as_of)
        beyond: Coverage | None = None
        if constraints.PENDING in classes and not coverage.uncovered_geometry.is_empty:
            beyond = self._site.coverage(
                layer, rows, classes, (constraints.PENDING,), as_of, of=coverage.uncovered_geometry
            )
        return constraints.Measured(coverage, beyond)

    def _distance(self, layer: str, version: ConstraintVersion, as_of: date) -> constraints.Measured:
        limit = version.distance_m or 0.0
        near = self._site.rows(layer, limit)
        known = self._site.ground.attributes(layer)
        self.turning.update(known.turning_days(near))
        classes = known.classes(version, as_of, near, constraints.avoid_class)
        rows = [row for row, cls in zip(near, classes, strict=True) if cls is not None]
        return constraints.Measured(
            nearest=self._site.nearest(layer, rows, limit), surveyed=self._site.is_surveyed(layer, as_of, limit)
        )

    def _match_class(self, known: Attributes, row: int, as_of: date) -> str | None:
        """Compare a planned use with the parcel's: the same, different, or not to be told."""
        values = known.row(row)
        if row in known.surveys or not constraints.stands(values, as_of):
            return None
        if values.get("status") == constraints.WITHHELD:
            return constraints.WITHHELD
        code, system = values.get("code"), values.get("code_system")
        ours = self._land_use_meaning()
        theirs = self._catalogue.meaning(str(code), str(system) if system else None) if code else ()
        agrees = [one for one in theirs for own in ours if one.startswith(own) or own.startswith(one)]
        if theirs and not agrees:
            return constraints.DIFFERENT
        if not is_clear(values.get("status")):
            return constraints.UNCLEAR
        # A plan that is narrower than the parcel's use allows only a part of it.
        if len(theirs) == 1 and len(ours) == 1 and ours[0].startswith(theirs[0]):
            return constraints.SAME
        return constraints.AMBIGUOUS

    # readiness

    def _readiness(self, as_of: date, zone: ZoneRead | None) -> Readiness:
        name = zone.readiness_standard if zone is not None else self._rulebook.defaults.readiness_standard
        standard = self._rulebook.standards[name]
        parcel = self._site.parcel
        demands = dict(parcel.demands)
        services: list[ServiceFinding] = []
        for code in self._rulebook.order.services:
            rule = self._rulebook.services[code]
            version = rule.on(as_of)
            if version is None:
                continue
            claimed = self._claimed(code, version.claim_max_age_months, as_of)
            network = self._network(code, as_of, demands.get(code))
            key = (code, version.since, name, claimed, network)
            if key not in self._served:
                self._served[key] = readiness.judge_service(
                    rule, version, self._rulebook, standard, claimed, network, demands.get(code), parcel.handover_on
                )
            services.append(self._served[key])
        return readiness.gather(name, standard, tuple(services), self._level(as_of))

    def _claimed(self, code: str, max_age_months: int | None, as_of: date) -> readiness.Claimed:
        claimed = readiness.claimed(self._site.parcel.claims, code, max_age_months, as_of)
        for claim in claimed.own:
            self.turning.update(readiness.turning_days(claim, max_age_months))
        return claimed

    def _network(self, code: str, as_of: date, demand: float | None) -> readiness.NetworkRead:
        """Ask the network: the nearest feature within the limit that has what is asked for, else the nearest."""
        rule = self._rulebook.services[code]
        version = rule.on(as_of)
        if rule.layer is None or version is None:
            return readiness.NetworkRead(Network.NO_DATA)
        silent = self._silence(rule.layer, as_of)
        features = self._site.ground.features(rule.layer)
        if silent is not None or features is None:
            return readiness.NetworkRead(Network.NO_DATA, reason=silent or NoDataReason.LAYER_MISSING)
        try:
            near, known = self._site.rows(rule.layer, version.search_m), self._site.ground.attributes(rule.layer)
            self.turning.update(known.turning_days(near))
            rows = known.that(
                (version.states, tuple(version.minimum.items()), as_of),
                near,
                lambda values: readiness.can_serve(version, values, as_of),
            )
            found = None
            if demand is not None and version.capacity_field:
                spare = {row: features.value(row, version.capacity_field) for row in rows}
                enough = [row for row, value in spare.items() if isinstance(value, int | float) and value >= demand]
                found = self._site.nearest(rule.layer, enough, version.limit_m)
            found = found or self._site.nearest(rule.layer, rows, version.search_m)
            if found is None:
                if self._site.is_surveyed(rule.layer, as_of):
                    return readiness.NetworkRead(Network.NONE)
                return readiness.NetworkRead(Network.NO_DATA, reason=NoDataReason.OUTSIDE_SURVEYED_EXTENT)
        except MeasureFailed:
            return readiness.NetworkRead(Network.NO_DATA, reason=NoDataReason.FAILED)
        capacity = features.value(found.row, version.capacity_field) if version.capacity_field else None
        state = Network.SERVES if found.distance_m <= version.limit_m else Network.NEAR
        spare_known = float(capacity) if isinstance(capacity, int | float) and isfinite(capacity) else None
        return readiness.NetworkRead(state, found, spare_known)

    def _level(self, as_of: date) -> LevelFinding:
        rule = self._rulebook.level
        version = rule.on(as_of)
        if version is None:
            version = rule.versions[0]
        claimed = self._claimed(rule.code, version.claim_max_age_months, as_of)
        try:
            terrain = self._terrain(as_of)
        except MeasureFailed:
            terrain = readiness.LevelRead(Design.NONE, None, self._ground_date(), NoDataReason.FAILED)
        key = (version.since, claimed, terrain)
        if key not in self._levelled:
            self._levelled[key] = readiness.judge_level(rule, version, self._rulebook, claimed, terrain)
        return self._levelled[key]

    def _ground_date(self) -> date | None:
        ground = self._site.ground.grid(self._rulebook.level.ground_layer)
        return None if ground is None else ground.origin.edition_date

    def _terrain(self, as_of: date) -> readiness.LevelRead:
        """Measure the ground against platforms where there are any, else against the design raster."""
        rule = self._rulebook.level
        version = rule.on(as_of) or rule.versions[0]
        silent = self._silence(rule.ground_layer, as_of)
        ground, ground_date = self._site.ground.grid(rule.ground_layer), self._ground_date()
        if silent is not None or ground is None:
            return readiness.LevelRead(Design.NONE, None, ground_date, silent or NoDataReason.LAYER_MISSING)
        if rule.platforms_layer is not None:
            silent = self._silence(rule.platforms_layer, as_of)
            features = self._site.ground.features(rule.platforms_layer)
            if silent is not None or features is None:
                return readiness.LevelRead(Design.NONE, None, ground_date, silent or NoDataReason.LAYER_MISSING)
            platforms: list[tuple[BaseGeometry, float]] = []
            for row in self._site.rows(rule.platforms_layer):
                if not self._site.touches(rule.platforms_layer, row):
                    continue
                values = self._site.ground.attributes(rule.platforms_layer).row(row)
                self.turning.update(constraints.turning_days(values))
                level = values.get("design_elevation_m")
                if constraints.stands(values, as_of) and isinstance(level, int | float):
                    platforms.append((features.geometries[row], float(level)))
            if platforms:
                found = self._site.levels(ground, None, platforms, version.tolerance_m, version.platform_edge_m)
                return readiness.LevelRead(Design.PLATFORMS, found, ground_date)
        if rule.design_layer is None:
            return readiness.LevelRead(Design.NONE, None, ground_date)
        silent = self._silence(rule.design_layer, as_of)
        design = self._site.ground.grid(rule.design_layer)
        if silent is not None or design is None:
            return readiness.LevelRead(Design.NONE, None, ground_date, silent or NoDataReason.LAYER_MISSING)
        found = self._site.levels(ground, design, (), version.tolerance_m, 0.0)
        if found.judged_m2 == 0.0:
            return readiness.LevelRead(Design.NONE, None, ground_date)
        return readiness.LevelRead(Design.RASTER, found, ground_date)

    # indicators

    def _indicators(self, as_of: date, zone: ZoneRead | None) -> Iterator[IndicatorFinding]:
        for code in self._rulebook.order.indicators:
            rule = self._rulebook.indicators[code]
            version = rule.on(as_of)
            if version is not None:
                key = (code, version.since, zone)
                if key not in self._controlled:
                    self._controlled[key] = self._indicator(rule, version, zone)
                yield self._controlled[key]

    def _indicator(self, rule: IndicatorRule, version: IndicatorVersion, zone: ZoneRead | None) -> IndicatorFinding:
        given = self._site.parcel.indicators
        if given:
            return indicators.judge(rule, version, self._rulebook, zone, given)
        # Of a parcel for which nothing is set, the zone alone decides what is said.
        kept, key = self._site.ground.indicated, (id(version), id(zone))
        known = kept.get(key)
        if known is None or known[0] is not version or known[1] is not zone or known[2] is not self._rulebook:
            known = version, zone, self._rulebook, indicators.judge(rule, version, self._rulebook, zone, ())
            kept.put(key, known, 1)
        return known[3]


def concerns(
    touched: tuple[ConstraintFinding, ...],
    judged: tuple[AssessmentFinding, ...],
    ready: Readiness,
    controlled: tuple[IndicatorFinding, ...],
) -> Iterator[Concern]:
    """All concerns: what the land itself forbids first, then assessments, services, levelling, indicators."""
    for constraint in touched:
        yield constraint.concern
    for assessment in judged:
        yield assessment.concern
    for service in ready.services:
        yield service.concern
    yield ready.level.concern
    for indicator in controlled:
        yield indicator.concern
