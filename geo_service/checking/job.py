"""What is handed to the process that measures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from geo_service.engine.examining import LAST_DAY
from geo_service.model.parcel import AsOf, Parcel


@dataclass(frozen=True)
class Ground:
    """What boundaries are held against.

    Attributes
    ----------
    directory : Path or None
        The workspace's folder; ``None`` for the bundled catalogue and rulebook, and no layers.
    rulebook_sha256 : str
        The rules that the asker has read; an answer by other rules is none.
    """

    directory: Path | None
    rulebook_sha256: str


#: What the measuring process tells before work of ours, which takes what it takes, and after it.
OURS, THEIRS = "ours", "theirs"


#: One boundary of so much is read where it is measured.
SINGLE_BYTES = 200_000


@dataclass(frozen=True)
class Unread:
    """One boundary as it was sent: a body of GeoJSON that is no collection.

    Attributes
    ----------
    crs : str or None
        Counts before what the body declares.
    project_type : str or None
        Instead of what the body says.
    """

    body: bytes
    crs: str | None = None
    project_type: str | None = None


@dataclass(frozen=True)
class Job:
    """Boundaries to be measured, one answer each; see `geo_service.engine.examine`.

    Attributes
    ----------
    own : frozenset of str or None
        Zones whose ground may be looked at; ``None``: all.
    drawn : bool
        Whether the internal GeoJSON of each boundary is wanted beside its record.
    rehearse : bool
        Whether a stored parcel is measured too, and thrown away, so that all that a measurement needs is loaded.
    unread : Unread or None
        Instead of parcels.
    """

    ground: Ground
    parcels: tuple[Parcel, ...]
    as_of: AsOf
    zone: str | None
    own: frozenset[str] | None = None
    drawn: bool = True
    rehearse: bool = False
    unread: Unread | None = None


def rehearsal(ground: Ground) -> Job:
    """Return the job after which all is loaded that the first boundary will need."""
    return Job(ground, (), AsOf(None, LAST_DAY), None, rehearse=True)
