"""A parcel as it is asked about."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date

from shapely.geometry.base import BaseGeometry

from geo_service.model.register import Claim, IndicatorValue, ParcelFacts


@dataclass(frozen=True, slots=True)
class Repair:
    """What was mended in a geometry or a file at intake."""

    rule: str
    zh: str
    en: str
    row: int | None = None
    id: str | None = None
    area_change_m2: float = 0.0
    geometry_changed: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Parcel:
    """A parcel with everything that is known of it.

    Attributes
    ----------
    geometry : Polygon or MultiPolygon
        Valid; in ``crs``, x east, y north.
    repairs : tuple of Repair
        Repairs that changed its outline make the constraint ``GEOM`` a matter for the surveyor.
    edition : str or None
        Edition of the parcel layer it was read from; ``None`` for a boundary that is only checked.
    """

    id: str
    geometry: BaseGeometry
    crs: str
    name: str | None = None
    zone: str | None = None
    land_use: str | None = None
    land_use_system: str | None = None
    project_type: str | None = None
    registered_area_m2: float | None = None
    planned_notice_on: date | None = None
    handover_on: date | None = None
    stage: str | None = None
    batch: str | None = None
    unit_no: str | None = None
    location: str | None = None
    demands: tuple[tuple[str, float], ...] = ()
    claims: tuple[Claim, ...] = ()
    indicators: tuple[IndicatorValue, ...] = ()
    repairs: tuple[Repair, ...] = field(default=())
    edition: str | None = None

    def informed(
        self, facts: ParcelFacts | None, claims: tuple[Claim, ...], indicators: tuple[IndicatorValue, ...]
    ) -> Parcel:
        """Return the parcel with what the register knows; the register's facts win over the layer's."""
        if facts is None and not claims and not indicators:
            return self
        parcel = replace(self, claims=claims, indicators=indicators)
        if facts is None:
            return parcel
        return replace(
            parcel,
            project_type=facts.project_type or self.project_type,
            stage=facts.stage or self.stage,
            planned_notice_on=facts.planned_notice_on or self.planned_notice_on,
            handover_on=facts.handover_on or self.handover_on,
            registered_area_m2=facts.registered_area_m2 or self.registered_area_m2,
            demands=facts.demands or self.demands,
        )


@dataclass(frozen=True, slots=True)
class AsOf:
    """The date a parcel is asked about: a chosen one, else its planned notice date, else the workspace's.

    Examples
    --------
    >>> AsOf(None, date(2026, 12, 1)).fallback
    datetime.date(2026, 12, 1)
    """

    chosen: date | None
    fallback: date

    def of(self, parcel: Parcel) -> date:
        """Return the date for one parcel."""
        return self.on(parcel.planned_notice_on)

    def on(self, notice: date | None) -> date:
        """Return the date for a parcel whose notice is planned for a day."""
        return self.chosen or notice or self.fallback
