"""Who may do what: roles, keys and callers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What a key is for. Everybody reads; each of the others does one thing more, and not what the next does.

    Examples
    --------
    >>> Role.PLANNER.may(Role.VIEWER), Role.ADMIN.may(Role.PLANNER), Role.VIEWER.may(Role.AUDITOR)
    (True, False, False)
    """

    #: Reads, checks boundaries.
    VIEWER = "viewer"
    #: Imports, enters claims, keeps records, takes internal packages.
    PLANNER = "planner"
    #: Watches over the service; decides nothing about parcels.
    ADMIN = "admin"
    #: Reads who did what.
    AUDITOR = "auditor"

    def may(self, needed: Role) -> bool:
        """Tell whether this role does what another is needed for."""
        return needed in (Role.VIEWER, self)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever asks.

    Attributes
    ----------
    id : str
        Id of the key, or a plain word where none was needed; goes into logs and the audit.
    zones : frozenset of str or None
        Zones whose objects there are for this caller; ``None``: all.
    """

    id: str
    role: Role
    zones: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """An API key without its secret.

    Attributes
    ----------
    digest : str
        HMAC-SHA256 of the whole key under the workspace's secret, as hex.
    name : str
        Whom or what it was given to.
    expires_at, revoked_at : datetime
        With time zone; ``revoked_at`` is ``None`` while it holds.
    """

    id: str
    digest: str
    role: Role
    zones: frozenset[str] | None
    name: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Tell whether it opens anything at a moment."""
        return self.revoked_at is None and now < self.expires_at

    @property
    def caller(self) -> Caller:
        """Whoever shows this key."""
        return Caller(self.id, self.role, self.zones)
