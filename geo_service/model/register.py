"""What the register holds beside layers: claims, facts and indicators of a parcel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class ClaimKind(StrEnum):
    """Whether a claimed service is for good or for the time of building."""

    PERMANENT = "permanent"
    TEMPORARY = "temporary"


class Reach(StrEnum):
    """How far a claimed service reaches."""

    TO_BOUNDARY = "to_boundary"
    PLANNED = "planned"


@dataclass(frozen=True, slots=True)
class Claim:
    """A paper that says a service reaches the parcel, or will.

    Attributes
    ----------
    service : str
        ``WATER`` … or ``LEVEL`` for a levelling survey.
    funded : bool or None
        For planned services: whether the money is there.
    due_on : date or None
        For planned services: when they will be there.
    capacity : float or None
        In the unit of the service's rule.
    """

    parcel_id: str
    service: str
    kind: ClaimKind
    reach: Reach
    document: str
    issuer: str
    dated_on: date
    valid_to: date | None = None
    funded: bool | None = None
    due_on: date | None = None
    capacity: float | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class ParcelFacts:
    """What the bureau knows of a parcel beside its boundary. ``demands`` maps a service to the capacity asked for."""

    parcel_id: str
    project_type: str | None = None
    stage: str | None = None
    planned_notice_on: date | None = None
    handover_on: date | None = None
    registered_area_m2: float | None = None
    demands: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class IndicatorValue:
    """A control indicator set for a parcel, in the unit of the document."""

    parcel_id: str
    code: str
    value: float | None
    unit: str
    document: str = ""
