"""The lines of audit, written in the transaction of what they tell."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from geo_service.store.tables import AUDIT

#: A file that was brought and not stored.
REFUSED = "import.refused"
KEY_MADE, KEY_REVOKED = "key.add", "key.revoke"
#: Actions after which everything reads as before.
CHANGING_NOTHING = (REFUSED, KEY_MADE, KEY_REVOKED)


def noted(
    connection: Connection, action: str, about: str, input_sha256: str, at: datetime | None, actor: str | None = None
) -> None:
    """Write a line; ``actor`` is the id of the key with which it was done, ``None`` on the command line."""
    moment = None if at is None else at.isoformat()
    connection.execute(
        AUDIT.insert().values(action=action, object=about, input_sha256=input_sha256, at=moment, actor=actor)
    )
