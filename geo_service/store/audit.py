"""The lines of audit, written in the transaction of what they tell."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from geo_service.store.tables import AUDIT

#: A file that was brought and not stored.
REFUSED = "import.refused"


def noted(connection: Connection, action: str, about: str, input_sha256: str, at: datetime | None) -> None:
    """Write a line."""
    moment = None if at is None else at.isoformat()
    connection.execute(AUDIT.insert().values(action=action, object=about, input_sha256=input_sha256, at=moment))
