"""Imports that were asked for: who asked, how far they are, what became of them.

A job is ``queued``, ``running``, and then one of

- ``done``: its edition is published, or with ``dry_run`` would have been;
- ``refused``: something is wrong with the file; nothing was stored;
- ``cancelled``: somebody called it off; nothing was stored;
- ``interrupted``: the program that had taken it ended; nothing was stored;
- ``failed``: something of ours failed; nothing was stored.

Every change states what it comes from, so that of two that come at once one is too late and does nothing. Publishing
an edition and saying so of its job is one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Connection, Row, and_, func, or_, select

from geo_service.errors import CalledOff, Fault, NotFound
from geo_service.model.report import ImportReport
from geo_service.store.audit import REFUSED, noted
from geo_service.store.database import Database
from geo_service.store.tables import JOBS

_REPORT = TypeAdapter(ImportReport)
_FAULTS = TypeAdapter(tuple[Fault, ...])


class State(StrEnum):
    """How it stands with a job."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """Tell whether nothing more will happen."""
        return self not in (State.QUEUED, State.RUNNING)


class Stage(StrEnum):
    """What a running job is at; an edition is published before it is prepared."""

    WAITING = "waiting"
    READING = "reading"
    STORING = "storing"
    PREPARING = "preparing"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as it stands.

    Attributes
    ----------
    fingerprint : str
        Hash of everything that was asked for: layer, options, bytes.
    owner : str
        The program that has taken it.
    done, total : int
        How much of the present stage is done, and of how much; 0 of 0 where that is not known.
    edition : str or None
        What was published.
    read : int or None
        Rows of the file, also where it was refused for some of them.
    """

    id: str
    layer: str
    source: str
    fingerprint: str
    caller: str
    owner: str
    state: State
    stage: Stage
    done: int
    total: int
    submitted_at: str
    began_at: str | None
    ended_at: str | None
    edition: str | None
    read: int | None
    report: ImportReport | None
    faults: tuple[Fault, ...]


class KeyTaken(Exception):
    """A key came before with something else."""


class TooMany(Exception):
    """As many jobs wait as may; ``own`` when they are the caller's own."""

    def __init__(self, *, own: bool) -> None:
        super().__init__()
        self.own = own


class Jobs:
    """The jobs of a register."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        id_: str,
        layer: str,
        source: str,
        fingerprint: str,
        *,
        key: str | None,
        caller: str,
        owner: str,
        at: datetime,
        most: int,
        most_own: int,
    ) -> JobRow:
        """Take a job, or find the one that was asked for before: by the same key, or by the same bytes while at work.

        Parameters
        ----------
        key : str or None
            What the caller called the request, and the caller.
        most, most_own : int
            How many may be unfinished, in all and of one caller.

        Returns
        -------
        JobRow
            With another id than ``id_`` when it was asked for before.

        Raises
        ------
        KeyTaken
            When the key came with something else.
        TooMany
            When too many are unfinished.
        """
        with self._database.writing() as connection:
            if key is not None:
                known = connection.execute(select(JOBS).where(JOBS.c.key == key)).first()
                if known is not None:
                    if known.fingerprint != fingerprint:
                        raise KeyTaken
                    return _job(known)
            same = and_(JOBS.c.fingerprint == fingerprint, JOBS.c.caller == caller, _unfinished())
            known = connection.execute(select(JOBS).where(same)).first()
            if known is not None and key is None:
                return _job(known)
            waiting = select(func.count()).select_from(JOBS).where(_unfinished())
            if connection.execute(waiting).scalar_one() >= most:
                raise TooMany(own=False)
            if connection.execute(waiting.where(JOBS.c.caller == caller)).scalar_one() >= most_own:
                raise TooMany(own=True)
            connection.execute(
                JOBS.insert().values(
                    id=id_,
                    layer=layer,
                    source=source,
                    fingerprint=fingerprint,
                    key=key,
                    caller=caller,
                    owner=owner,
                    state=State.QUEUED,
                    stage=Stage.WAITING,
                    done=0,
                    total=0,
                    submitted_at=at.isoformat(),
                )
            )
            return _job(connection.execute(select(JOBS).where(JOBS.c.id == id_)).one())

    def get(self, id_: str) -> JobRow:
        """Return a job.

        Raises
        ------
        NotFound
            When there is none of that id.
        """
        with self._database.reading() as connection:
            row = connection.execute(select(JOBS).where(JOBS.c.id == id_)).first()
        if row is None:
            raise NotFound(f"没有任务 {id_[:64]} / there is no job {id_[:64]}")
        return _job(row)

    def begin(self, id_: str, at: datetime) -> bool:
        """Say that a waiting job is at work; false when it waits no longer."""
        values = {"state": State.RUNNING, "stage": Stage.READING, "began_at": at.isoformat()}
        return self._change(id_, JOBS.c.state == State.QUEUED, values)

    def progress(self, id_: str, stage: Stage, done: int = 0, total: int = 0) -> bool:
        """Say how far a job is; false when it is no longer at work."""
        return self._change(id_, JOBS.c.state == State.RUNNING, {"stage": stage, "done": done, "total": total})

    def finish(
        self,
        id_: str,
        state: State,
        at: datetime,
        *,
        faults: Sequence[Fault] = (),
        read: int | None = None,
        report: ImportReport | None = None,
    ) -> bool:
        """Say what became of a job; false when that is settled already.

        A job whose edition is published is done, whatever ended it.
        """
        with self._database.writing() as connection:
            row = connection.execute(select(JOBS).where(JOBS.c.id == id_, _unfinished())).first()
            if row is None:
                return False
            values: dict[str, Any] = {"stage": Stage.ENDED, "ended_at": at.isoformat(), "done": 0, "total": 0}
            if row.edition is not None:
                values |= {"state": State.DONE}
            else:
                values |= {"state": state, "faults": _FAULTS.dump_json(tuple(faults)).decode()}
                if report is not None:
                    values |= {"report": _REPORT.dump_json(report).decode()}
                if read is not None:
                    values |= {"read": read}
            connection.execute(JOBS.update().where(JOBS.c.id == id_).values(values))
            if values["state"] is not State.DONE:
                noted(
                    connection,
                    REFUSED,
                    f"{row.layer} {row.source} ({values['state']})",
                    row.fingerprint,
                    at,
                    row.caller,
                )
            return True

    def interrupt(self, gone: Callable[[str], bool], at: datetime) -> None:
        """Settle the unfinished jobs of programs that are gone.

        Parameters
        ----------
        gone : callable
            Tells whether an owner is gone.
        """
        with self._database.reading() as connection:
            rows = connection.execute(select(JOBS.c.id, JOBS.c.owner).where(_unfinished())).all()
        ended = {owner: gone(owner) for owner in {row.owner for row in rows}}
        for row in rows:
            if ended[row.owner]:
                self.finish(row.id, State.INTERRUPTED, at)

    def counts(self) -> Mapping[str, int]:
        """How many jobs there are, by state."""
        query = select(JOBS.c.state, func.count()).group_by(JOBS.c.state)
        with self._database.reading() as connection:
            found = {str(state): int(count) for state, count in connection.execute(query)}
        return {state.value: found.get(state.value, 0) for state in State}

    def unfinished(self) -> tuple[JobRow, ...]:
        """Jobs that wait or are at work, in the order in which they were asked for."""
        query = select(JOBS).where(_unfinished()).order_by(JOBS.c.submitted_at, JOBS.c.id)
        with self._database.reading() as connection:
            return tuple(_job(row) for row in connection.execute(query))

    def _change(self, id_: str, condition: ColumnElement[bool], values: dict[str, Any]) -> bool:
        with self._database.writing() as connection:
            changed = connection.execute(JOBS.update().where(JOBS.c.id == id_, condition).values(values))
            return changed.rowcount == 1


def published_by(connection: Connection, id_: str, edition: str, report: str, read: int) -> str:
    """Say of a job at work, in the transaction in which its edition is published, that it is.

    Returns
    -------
    str
        Who asked for it.

    Raises
    ------
    CalledOff
        When it is no longer at work.
    """
    at_work = and_(JOBS.c.id == id_, JOBS.c.state == State.RUNNING, JOBS.c.edition.is_(None))
    values = {"edition": edition, "report": report, "read": read, "stage": Stage.PREPARING, "done": 0, "total": 0}
    if connection.execute(JOBS.update().where(at_work).values(values)).rowcount != 1:
        raise CalledOff(f"任务 {id_} 已终止 / job {id_} is no longer at work")
    return str(connection.execute(select(JOBS.c.caller).where(JOBS.c.id == id_)).scalar_one())


def _unfinished() -> ColumnElement[bool]:
    return or_(JOBS.c.state == State.QUEUED, JOBS.c.state == State.RUNNING)


def _job(row: Row[Any]) -> JobRow:
    values = row._asdict()
    del values["key"]
    return JobRow(
        **values
        | {
            "state": State(row.state),
            "stage": Stage(row.stage),
            "report": None if row.report is None else _REPORT.validate_json(row.report),
            "faults": () if row.faults is None else _FAULTS.validate_json(row.faults),
        }
    )
