"""API keys: made here, shown once, kept as a keyed hash.

A key reads ``lb_<id>_<secret>``. The register holds the HMAC-SHA256 of the whole under a secret of the workspace, which
lies in a file of its own: who reads the register alone can neither use nor try out a key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Row, select

from geo_service.errors import Fault, InputError, NotFound, WorkspaceError
from geo_service.model.access import Key, Role
from geo_service.store.audit import KEY_MADE, KEY_REVOKED, noted
from geo_service.store.database import Database
from geo_service.store.tables import ENDED, KEYS

#: The workspace's secret.
SECRET = "keys.secret"
SECRET_BYTES = 32
LONGEST_DAYS = 366
USUAL_DAYS = 180
_WRITTEN = re.compile(r"lb_([a-z2-7]{8})_[A-Za-z0-9_-]{43}")


class Keys:
    """The keys of a register.

    Parameters
    ----------
    secret : Path
        The file with the workspace's secret; made with the first key.
    """

    def __init__(self, database: Database, secret: Path) -> None:
        self._database = database
        self._secret = secret

    def add(self, role: Role, zones: Iterable[str] | None, name: str, days: int, now: datetime) -> tuple[str, Key]:
        """Make a key; what is returned first is nowhere else.

        Parameters
        ----------
        zones : iterable of str or None
            Zones that it is for; ``None``: all.
        days : int
            How long it holds, at most 366.

        Raises
        ------
        InputError
            When it would hold for longer, or not at all.
        """
        if not 1 <= days <= LONGEST_DAYS:
            raise InputError(
                Fault(
                    "key_too_long",
                    f"有效期应为 1 至 {LONGEST_DAYS} 天",
                    f"a key holds for 1 to {LONGEST_DAYS} days",
                    "到期前另发新密钥",
                    "make a new key before it ends",
                    value=str(days),
                )
            )
        id_ = base64.b32encode(secrets.token_bytes(5)).decode().lower()
        written = f"lb_{id_}_{secrets.token_urlsafe(32)}"
        listed = None if zones is None else frozenset(zones)
        with self._database.writing() as connection:
            digest = _digest(self._made(), written)
            key = Key(id_, digest, role, listed, name, now, now + timedelta(days=days))
            connection.execute(
                KEYS.insert().values(
                    id=key.id,
                    digest=key.digest,
                    role=key.role,
                    zones=None if listed is None else json.dumps(sorted(listed), ensure_ascii=False),
                    name=key.name,
                    created_at=key.created_at.isoformat(),
                    expires_at=key.expires_at.isoformat(),
                )
            )
            noted(connection, KEY_MADE, f"{key.id} {key.role}", "", now)
        return written, key

    def revoke(self, id_: str, now: datetime) -> Key:
        """Take a key back; one that was taken back before stays so.

        Raises
        ------
        NotFound
            When there is no key with that id.
        """
        with self._database.writing() as connection:
            held = connection.execute(
                KEYS.update().where(KEYS.c.id == id_, KEYS.c.revoked_at.is_(None)).values(revoked_at=now.isoformat())
            )
            if held.rowcount:
                noted(connection, KEY_REVOKED, id_, "", now)
            row = connection.execute(select(KEYS).where(KEYS.c.id == id_)).first()
        if row is None:
            raise NotFound(f"没有密钥 {id_[:64]} / there is no key {id_[:64]}")
        return _key(row)

    def all(self) -> tuple[Key, ...]:
        """Every key ever made, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(KEYS).order_by(KEYS.c.created_at, KEYS.c.id)).all()
        return tuple(_key(row) for row in rows)

    def key(self, id_: str) -> Key | None:
        """One key by id, ``None`` when there is none."""
        with self._database.reading() as connection:
            row = connection.execute(select(KEYS).where(KEYS.c.id == id_)).first()
        return None if row is None else _key(row)

    def shown(self, written: str, now: datetime) -> Key | None:
        """Return the key that somebody shows, ``None`` when it opens nothing."""
        match = _WRITTEN.fullmatch(written)
        secret = self._kept()
        if match is None or secret is None:
            return None
        key = self.key(match[1])
        # As much is worked out for an id that is not there.
        right = hmac.compare_digest(_digest(secret, written), "0" * 64 if key is None else key.digest)
        return key if key is not None and right and key.holds(now) else None

    def sealed(self, what: str) -> str:
        """Return the seal of a text, by which this workspace knows it again.

        Raises
        ------
        WorkspaceError
            Before the first key was made.
        """
        secret = self._kept()
        if secret is None:
            raise WorkspaceError("工作区还没有密钥 / the workspace has no key yet")
        return _digest(secret, f"seal {what}")

    def is_sealed(self, what: str, seal: str) -> bool:
        """Tell whether a text has the seal of this workspace."""
        secret = self._kept()
        return secret is not None and hmac.compare_digest(
            _digest(secret, f"seal {what}").encode(), seal.encode("utf-8", "surrogatepass")
        )

    def end_session(self, number: str, until: int, now: datetime) -> None:
        """Note that a session is over, until it would be by itself."""
        with self._database.writing() as connection:
            connection.execute(ENDED.delete().where(ENDED.c.until < now.timestamp()))
            if connection.execute(select(ENDED).where(ENDED.c.number == number)).first() is None:
                connection.execute(ENDED.insert().values(number=number, until=until))

    def session_ended(self, number: str) -> bool:
        """Tell whether a session was ended."""
        with self._database.reading() as connection:
            return connection.execute(select(ENDED).where(ENDED.c.number == number)).first() is not None

    def _kept(self) -> bytes | None:
        try:
            found = self._secret.read_bytes()
        except FileNotFoundError:
            return None
        return found if len(found) == SECRET_BYTES else None

    def _made(self) -> bytes:
        """Return the workspace's secret, made now unless there is one; writers come one at a time."""
        found = self._kept()
        if found is None:
            found = secrets.token_bytes(SECRET_BYTES)
            temporary = self._secret.with_name(self._secret.name + ".partial")
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(found)
                os.fsync(descriptor)
            os.replace(temporary, self._secret)
        return found


def _digest(secret: bytes, text: str) -> str:
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()


def _key(row: Row[Any]) -> Key:
    return Key(
        row.id,
        row.digest,
        Role(row.role),
        None if row.zones is None else frozenset(json.loads(row.zones)),
        row.name,
        datetime.fromisoformat(row.created_at),
        datetime.fromisoformat(row.expires_at),
        None if row.revoked_at is None else datetime.fromisoformat(row.revoked_at),
    )
