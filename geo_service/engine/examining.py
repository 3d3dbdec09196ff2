"""Examine parcels: one verdict each, streamed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from geo_service import __version__, overlay
from geo_service.engine import zones
from geo_service.engine.ground import Ground, ground_of
from geo_service.engine.judging import Findings, Judge
from geo_service.engine.site import Site
from geo_service.errors import Fault, InputError, MeasureFailed, TooComplex, too_complex
from geo_service.model.catalogue import Catalogue
from geo_service.model.enums import Status
from geo_service.model.evidence import DOUBLED, HALVED
from geo_service.model.finding import LayerRead, Verdict
from geo_service.model.layer import LayerSet
from geo_service.model.parcel import AsOf, Parcel
from geo_service.model.rulebook import Rule, Rulebook
from geo_service.projection import ellipsoidal_area_m2, lon_lat, project, working_crs

#: Validity looks years ahead, and the calendar of dates has an end.
LAST_DAY = date.max - timedelta(days=36_500)
ENGINE = f"geo-service {__version__}"


def examine(
    parcels: Iterable[Parcel],
    layers: LayerSet,
    catalogue: Catalogue,
    rulebook: Rulebook,
    as_of: AsOf,
    *,
    zone: str | None = None,
    max_crossings: int | None = None,
) -> Iterator[Verdict]:
    """Examine parcels against layers and rules.

    Parameters
    ----------
    parcels : iterable of Parcel
        Each with its CRS; measured in the working CRS of its zone.
    layers : LayerSet
        The published editions, or those named for replay.
    as_of : AsOf
        The date asked about; moves law and validity, not knowledge.
    zone : str, optional
        Zone by which all are judged, whatever they declare.
    max_crossings : int, optional
        How often a parcel's boundary may cross the features that it meets; for boundaries from outside.

    Yields
    ------
    Verdict
        One a parcel, in the order given.

    Raises
    ------
    InputError
        When no rule was in force on the date, it is too late, or a zone asks for what the rulebook does not know.
    TooComplex
        When a boundary crosses features more often than allowed.
    """
    for parcel in parcels:
        yield _examine(parcel, layers, catalogue, rulebook, as_of.of(parcel), zone, max_crossings)


def prepare(
    parcels: Iterable[Parcel], layers: LayerSet, rulebook: Rulebook, as_of: AsOf, *, zone: str | None = None
) -> None:
    """Bring the layers to where parcels will be measured, which takes longer the first time than measuring them.

    Only the boxes around the parcels are looked at, so that no boundary can make this slow.
    """
    for parcel in parcels:
        box = shapely.box(*parcel.geometry.bounds)
        ground = _guessed(box, parcel.crs, layers, rulebook)
        features = ground.features(rulebook.zones_layer)
        # Where all zones are measured alike, nobody need know which one this is.
        if features is not None and not zones.every_working_crs(features, rulebook.jurisdiction) <= {ground.crs}:
            ground, _ = _placed(replace(parcel, geometry=box), layers, rulebook, as_of.of(parcel), zone)
        ground.ready(rulebook.parcels_layer)


def is_prepared(parcel: Parcel, layers: LayerSet, rulebook: Rulebook) -> bool:
    """Tell whether the layers have been brought to where a parcel will be measured, whichever zone has it."""
    ground = _guessed(parcel.geometry, parcel.crs, layers, rulebook)
    if not ground.is_ready:
        return False
    # The zones must be there before any is asked for its own CRS.
    features = ground.features(rulebook.zones_layer)
    others = frozenset() if features is None else zones.every_working_crs(features, rulebook.jurisdiction)
    return all(ground_of(layers, crs, rulebook.zones_layer).is_ready for crs in others)


def _examine(
    parcel: Parcel,
    layers: LayerSet,
    catalogue: Catalogue,
    rulebook: Rulebook,
    as_of: date,
    zone: str | None,
    max_crossings: int | None,
) -> Verdict:
    require_rules(rulebook, as_of)
    ground, uncut = _placed(parcel, layers, rulebook, as_of, zone)
    site = Site(parcel, uncut, ground, rulebook)
    if max_crossings is not None:
        names = [name for name in layers.editions if name != rulebook.parcels_layer]
        if site.is_crowded(names, max_crossings):
            raise TooComplex(too_complex(None, f"> {max_crossings} crossings"))
    judge = Judge(site, layers, catalogue, rulebook, zone)
    findings = judge.judge(as_of)
    read = _read(judge, ground, parcel, rulebook)
    status = findings.decision.status
    sensitive = not judge.is_sharp() and any(
        judge.judge(as_of, scale).decision.status is not status for scale in (HALVED, DOUBLED)
    )
    return Verdict(
        parcel=parcel,
        zone=findings.zone,
        geometry=site.geometry,
        crs=ground.crs,
        area_m2=uncut.area_m2,
        ellipsoidal_area_m2=ellipsoidal_area_m2(site.geometry, ground.crs),
        as_of=as_of,
        decision=findings.decision,
        boundary_sensitive=sensitive,
        valid_until=_valid_until(judge, rulebook, findings, as_of),
        assessments=findings.assessments,
        constraints=findings.constraints,
        readiness=findings.readiness,
        indicators=findings.indicators,
        layers=read,
        engine=ENGINE,
        rulebook_edition=rulebook.edition,
        rulebook_sha256=rulebook.sha256,
    )


def require_rules(rulebook: Rulebook, as_of: date) -> None:
    """Refuse a date on which nothing can be concluded.

    Raises
    ------
    InputError
        When no rule was in force on the date, or it is too late.
    """
    if as_of > LAST_DAY:
        raise InputError(
            Fault(
                "date_too_late",
                f"核查基准日不能晚于 {LAST_DAY.isoformat()}",
                f"the date asked about cannot be later than {LAST_DAY.isoformat()}",
                next_zh="请核对年份",
                next_en="look at the year",
                value=as_of.isoformat(),
            )
        )
    if all(rule.on(as_of) is None for rule in rulebook.assessments.values()):
        raise InputError(
            Fault(
                "no_rules_on_date",
                "该日期无有效规则版本",
                "no rule was in force on that date",
                next_zh="请选择规则生效后的核查基准日",
                next_en="choose a date after the rules came into force",
                value=as_of.isoformat(),
            )
        )


def _guessed(geometry: BaseGeometry, crs: str, layers: LayerSet, rulebook: Rulebook) -> Ground:
    """Return the ground in the working CRS of the longitude of a geometry."""
    centre = lon_lat(geometry.centroid, crs)
    return ground_of(layers, working_crs(rulebook.jurisdiction, centre.x), rulebook.zones_layer)


def _placed(
    parcel: Parcel, layers: LayerSet, rulebook: Rulebook, as_of: date, zone: str | None
) -> tuple[Ground, overlay.Uncut]:
    """Bring a parcel to its working CRS: the zone's own, else that of the zone's longitude, else that of its own."""
    ground = _guessed(parcel.geometry, parcel.crs, layers, rulebook)
    guess = ground.crs
    uncut = overlay.Uncut(project(parcel.geometry, parcel.crs, guess))
    features = ground.features(rulebook.zones_layer)
    if features is None:
        return ground, uncut
    try:
        row = zones.find(features, uncut, zone or parcel.zone, as_of)
    except MeasureFailed:
        return ground, uncut
    crs = guess if row is None else zones.working_crs_of(features, row, rulebook.jurisdiction)
    if crs == guess:
        return ground, uncut
    return ground_of(layers, crs, rulebook.zones_layer), overlay.Uncut(project(parcel.geometry, parcel.crs, crs))


def _valid_until(judge: Judge, rulebook: Rulebook, findings: Findings, as_of: date) -> date | None:
    """Return the last day up to which the status stays, by judging again on every day on which something turns."""
    status = findings.decision.status
    if status in (Status.NOT_READY, Status.UNDETERMINED):
        return None
    rules: tuple[Rule[Any], ...] = (
        *rulebook.assessments.values(),
        *rulebook.constraints.values(),
        *rulebook.services.values(),
        *rulebook.indicators.values(),
        rulebook.level,
    )
    seen: set[date] = {as_of}
    judge.turning.update(version.since for rule in rules for version in rule.versions)
    # Looking at a later day can bring further days to light (a rule's next version), hence the loop over what is left.
    while days := sorted(day for day in judge.turning if day > as_of and day not in seen):
        day = days[0]
        seen.add(day)
        if judge.judge(day).decision.status is not status:
            return day - timedelta(days=1)
    return None


def _read(judge: Judge, ground: Ground, parcel: Parcel, rulebook: Rulebook) -> tuple[LayerRead, ...]:
    names = set(judge.read)
    if parcel.edition is not None:
        names.add(rulebook.parcels_layer)
    return tuple(found for name in sorted(names) if (found := ground.read(name)) is not None)
