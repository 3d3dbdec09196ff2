"""The register: published editions, claims, facts and indicators of parcels, verdict history, audit.

An import adds rows and replaces those with an equal key, in one transaction:

- a claim's key is (parcel, service, kind, reach, document): another document is another claim, beside the first;
- facts have one row a parcel: a new row replaces the whole of the old one;
- an indicator's key is (parcel, code): the newest document sets the value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, Table, and_, func, select

from geo_service.errors import NotFound
from geo_service.model.parcel import AsOf
from geo_service.model.register import Claim, ClaimKind, IndicatorValue, ParcelFacts, Reach
from geo_service.model.report import ImportReport
from geo_service.store.audit import CHANGING_NOTHING, noted
from geo_service.store.database import Database
from geo_service.store.jobs import Jobs, published_by
from geo_service.store.tables import AUDIT, CLAIMS, EDITIONS, FACTS, INDICATORS, VERDICTS

T = TypeVar("T", Claim, IndicatorValue)
K = TypeVar("K")

_REPORT = TypeAdapter(ImportReport)
#: Lines of audit that are read again.
_PUT, _RUN = "register.put", "verdicts.run"


# Asked with nearly every request, and put together once.
_NEWEST = select(AUDIT.c.seq).where(AUDIT.c.action.not_in(CHANGING_NOTHING)).order_by(AUDIT.c.seq.desc()).limit(1)
_PUBLISHED = select(EDITIONS.c.layer, EDITIONS.c.name).where(EDITIONS.c.published).order_by(EDITIONS.c.layer)


@dataclass(frozen=True, slots=True)
class EditionRow:
    """One imported edition: ``seq`` counts imports, ``published`` says that it is the one of its layer that is read."""

    layer: str
    name: str
    sha256: str
    edition_date: date | None
    seq: int
    published: bool
    report: ImportReport


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """One verdict as it was answered: ``record`` holds the bytes of the assessment record."""

    seq: int
    parcel_id: str
    as_of: date
    digest: str
    status: str
    record: bytes


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One change: what was done to what, from which input, with which key; ``at`` is the moment the caller gave."""

    seq: int
    at: datetime | None
    action: str
    object: str
    input_sha256: str
    actor: str | None


@dataclass(frozen=True, slots=True)
class Changes:
    """How many rows an import added and how many it replaced."""

    added: int
    replaced: int


class Register:
    """What is known beside layers, behind plain functions that any SQL database can serve."""

    def __init__(self, database: Database) -> None:
        self._database = database
        #: Imports that were asked for, and what became of them.
        self.jobs = Jobs(database)
        # What every request asks for, with the version of the database that it was read from, or an older one.
        self._known: dict[str, tuple[Hashable, Any]] = {}

    def _unless_known(self, what: str, read: Callable[[Connection], K]) -> K:
        """Read something anew only where anything was written since."""
        version, known = self._database.version(), self._known.get(what)
        if known is not None and version is not None and known[0] == version:
            return cast(K, known[1])
        with self._database.reading() as connection:
            found = read(connection)
        self._known[what] = version, found
        return found

    # Claims, facts, indicators

    def put(
        self,
        claims: Iterable[Claim] = (),
        facts: Iterable[ParcelFacts] = (),
        indicators: Iterable[IndicatorValue] = (),
        *,
        source: str = "",
        input_sha256: str = "",
        at: datetime | None = None,
        actor: str | None = None,
    ) -> Changes:
        """Add rows and replace those with an equal key, all in one transaction.

        Parameters
        ----------
        source : str
            What the rows came from (a file's name, a form), for the audit.
        input_sha256 : str
            SHA-256 of the file, for the audit.
        at : datetime, optional
            When, for the audit; this module asks no clock.
        actor : str, optional
            Id of the key with which it is done, for the audit.
        """
        added = replaced = 0
        with self._database.writing() as connection:
            for table, rows in (
                (CLAIMS, [asdict(claim) for claim in claims]),
                (FACTS, [asdict(fact) | {"demands": json.dumps(fact.demands)} for fact in facts]),
                (INDICATORS, [asdict(indicator) for indicator in indicators]),
            ):
                for row in rows:
                    key = and_(*(column == row[column.name] for column in table.primary_key))
                    gone = connection.execute(table.delete().where(key)).rowcount
                    connection.execute(table.insert().values(row))
                    added += 1 - gone
                    replaced += gone
            noted(connection, _PUT, source, input_sha256, at, actor)
        return Changes(added, replaced)

    def claims_of(self, parcel_id: str) -> tuple[Claim, ...]:
        """Claims of one parcel in the order of their key; none for a parcel the register does not know."""
        return self._of(CLAIMS, _claim, [parcel_id]).get(parcel_id, ())

    def indicators_of(self, parcel_id: str) -> tuple[IndicatorValue, ...]:
        """Indicators of one parcel by code."""
        return self._of(INDICATORS, _indicator, [parcel_id]).get(parcel_id, ())

    def facts_of(self, parcel_id: str) -> ParcelFacts | None:
        """Facts of one parcel, ``None`` when the register knows none."""
        with self._database.reading() as connection:
            row = connection.execute(select(FACTS).where(FACTS.c.parcel_id == parcel_id)).first()
        return None if row is None else _facts(row)

    def all_claims(self, among: Collection[str] | None = None) -> Mapping[str, tuple[Claim, ...]]:
        """Claims of every parcel that has any, or of those among some, by parcel."""
        return self._of(CLAIMS, _claim, among)

    def all_indicators(self, among: Collection[str] | None = None) -> Mapping[str, tuple[IndicatorValue, ...]]:
        """Indicators of every parcel that has any, or of those among some, by parcel."""
        return self._of(INDICATORS, _indicator, among)

    def all_facts(self, among: Collection[str] | None = None) -> Mapping[str, ParcelFacts]:
        """Facts of every parcel that has any, or of those among some, by parcel."""
        query = select(FACTS).order_by(FACTS.c.parcel_id)
        if among is not None:
            query = query.where(FACTS.c.parcel_id.in_(among))
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return {row.parcel_id: _facts(row) for row in rows}

    def _of(
        self, table: Table, read: Callable[[Row[Any]], T], among: Collection[str] | None
    ) -> dict[str, tuple[T, ...]]:
        query = select(table).order_by(*table.primary_key)
        if among is not None:
            query = query.where(table.c.parcel_id.in_(among))
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        found: dict[str, list[T]] = {}
        for row in rows:
            found.setdefault(row.parcel_id, []).append(read(row))
        return {key: tuple(values) for key, values in found.items()}

    # Editions

    def publish(
        self,
        layer: str,
        name: str,
        sha256: str,
        edition_date: date | None,
        report: ImportReport,
        *,
        input_sha256: str = "",
        at: datetime | None = None,
        job: str | None = None,
    ) -> EditionRow:
        """Make an edition the one of its layer that is read; the others stay for replay.

        Publishing the edition that is already read changes nothing.

        Parameters
        ----------
        job : str, optional
            The job whose outcome this is: it says so in the same transaction.

        Raises
        ------
        CalledOff
            When the job is no longer at work; then nothing is published.
        """
        with self._database.writing() as connection:
            actor = None
            if job is not None:
                actor = published_by(connection, job, name, _REPORT.dump_json(report).decode(), report.read)
            row = connection.execute(select(EDITIONS).where(EDITIONS.c.name == name)).first()
            if row is not None and row.published:
                return _edition(row)
            of_layer = EDITIONS.update().where(EDITIONS.c.layer == layer)
            connection.execute(of_layer.values(published=False))
            if row is None:
                connection.execute(
                    EDITIONS.insert().values(
                        layer=layer,
                        name=name,
                        sha256=sha256,
                        edition_date=edition_date,
                        published=True,
                        report=_REPORT.dump_json(report).decode(),
                    )
                )
            else:
                connection.execute(of_layer.where(EDITIONS.c.name == name).values(published=True))
            noted(connection, "edition.publish", name, input_sha256, at, actor)
            return _edition(connection.execute(select(EDITIONS).where(EDITIONS.c.name == name)).one())

    def withdraw(self, layer: str, *, at: datetime | None = None) -> EditionRow:
        """Stop reading a layer; its editions stay for replay.

        Raises
        ------
        NotFound
            When no edition of the layer is published.
        """
        with self._database.writing() as connection:
            published = and_(EDITIONS.c.layer == layer, EDITIONS.c.published)
            row = connection.execute(select(EDITIONS).where(published)).first()
            if row is None:
                raise NotFound(f"图层 {layer} 没有已发布的版次 / layer {layer} has no published edition")
            connection.execute(EDITIONS.update().where(published).values(published=False))
            noted(connection, "edition.withdraw", row.name, "", at)
            return _edition(connection.execute(select(EDITIONS).where(EDITIONS.c.name == row.name)).one())

    def editions(self) -> tuple[EditionRow, ...]:
        """Every edition ever imported, in the order of import."""
        with self._database.reading() as connection:
            rows = connection.execute(select(EDITIONS).order_by(EDITIONS.c.seq)).all()
        return tuple(_edition(row) for row in rows)

    def edition(self, name: str) -> EditionRow:
        """One edition by name.

        Raises
        ------
        NotFound
            When no edition has that name.
        """
        with self._database.reading() as connection:
            row = connection.execute(select(EDITIONS).where(EDITIONS.c.name == name)).first()
        if row is None:
            raise NotFound(f"没有数据版次 {name} / there is no edition {name}")
        return _edition(row)

    def published(self) -> Mapping[str, str]:
        """Name of the edition that is read, by layer."""
        return self._unless_known(
            "published", lambda connection: {row.layer: row.name for row in connection.execute(_PUBLISHED)}
        )

    # History

    def append_verdict(self, parcel_id: str, as_of: date, digest: str, status: str, record: bytes) -> VerdictRow:
        """Keep a verdict for good; one that repeats the newest of the same parcel and date is not kept twice."""
        return self.append_verdicts([(parcel_id, as_of, digest, status, record)])[0]

    def append_verdicts(self, verdicts: Iterable[tuple[str, date, str, str, bytes]]) -> tuple[VerdictRow, ...]:
        """Keep many verdicts (parcel, as_of, digest, status, record) in one transaction; see ``append_verdict``."""
        with self._database.writing() as connection:
            return tuple(_verdict(_appended(connection, *verdict)) for verdict in verdicts)

    def verdicts_of(self, parcel_id: str) -> tuple[VerdictRow, ...]:
        """Verdicts of one parcel, oldest first."""
        query = select(VERDICTS).where(VERDICTS.c.parcel_id == parcel_id).order_by(VERDICTS.c.seq)
        with self._database.reading() as connection:
            return tuple(_verdict(row) for row in connection.execute(query))

    def note_run(self, as_of: AsOf, basis_sha256: str) -> None:
        """Say that all parcels have been concluded on as of a date, on a basis with this hash."""
        with self._database.writing() as connection:
            about = json.dumps([None if day is None else day.isoformat() for day in (as_of.chosen, as_of.fallback)])
            noted(connection, _RUN, about, basis_sha256, None)

    def last_run(self, basis_sha256: str) -> AsOf | None:
        """Return of which date all parcels were concluded on last; ``None`` where anything has changed since.

        Parameters
        ----------
        basis_sha256 : str
            Hash of what a conclusion rests on now.
        """
        newest = select(AUDIT).where(AUDIT.c.action.in_((_RUN, _PUT))).order_by(AUDIT.c.seq.desc()).limit(1)
        with self._database.reading() as connection:
            row = connection.execute(newest).first()
        if row is None or row.action != _RUN or row.input_sha256 != basis_sha256:
            return None
        chosen, fallback = json.loads(row.object)
        return AsOf(None if chosen is None else date.fromisoformat(chosen), date.fromisoformat(fallback))

    def statuses(self) -> Mapping[tuple[str, date], str]:
        """Status of the newest verdict of every parcel and date."""
        newest = select(func.max(VERDICTS.c.seq)).group_by(VERDICTS.c.parcel_id, VERDICTS.c.as_of)
        query = select(VERDICTS.c.parcel_id, VERDICTS.c.as_of, VERDICTS.c.status).where(VERDICTS.c.seq.in_(newest))
        with self._database.reading() as connection:
            return {(row.parcel_id, row.as_of): row.status for row in connection.execute(query)}

    def newest(self, days: Mapping[str, date]) -> Mapping[str, bytes]:
        """Record of the newest verdict of some parcels, each as of a day; those that have none are left out."""
        asked = VERDICTS.c.parcel_id.in_(days), VERDICTS.c.as_of.in_(set(days.values()))
        newest = select(func.max(VERDICTS.c.seq)).where(*asked).group_by(VERDICTS.c.parcel_id, VERDICTS.c.as_of)
        query = select(VERDICTS.c.parcel_id, VERDICTS.c.as_of, VERDICTS.c.record).where(VERDICTS.c.seq.in_(newest))
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return {row.parcel_id: row.record.encode() for row in rows if row.as_of == days[row.parcel_id]}

    def note(self, action: str, about: str, input_sha256: str = "", *, at: datetime | None = None) -> None:
        """Write a line of audit for something that changes no table (a refused import, a forced package)."""
        with self._database.writing() as connection:
            noted(connection, action, about, input_sha256, at)

    def writable(self) -> bool:
        """Tell whether the register can be written to."""
        return self._database.writable()

    def revision(self) -> int:
        """A number that grows with every change of the register, so that what was read can be kept until then."""
        return self._unless_known("revision", lambda connection: int(connection.execute(_NEWEST).scalar() or 0))

    def audit(self) -> tuple[AuditRow, ...]:
        """Every line of audit, oldest first."""
        with self._database.reading() as connection:
            return tuple(_audit(row) for row in connection.execute(select(AUDIT).order_by(AUDIT.c.seq)))

    def audit_before(self, seq: int | None, limit: int) -> tuple[AuditRow, ...]:
        """Lines of audit, newest first: so many of those before one, or of all."""
        query = select(AUDIT).order_by(AUDIT.c.seq.desc()).limit(limit)
        if seq is not None:
            query = query.where(AUDIT.c.seq < seq)
        with self._database.reading() as connection:
            return tuple(_audit(row) for row in connection.execute(query))


def _audit(row: Row[Any]) -> AuditRow:
    return AuditRow(**row._asdict() | {"at": None if row.at is None else datetime.fromisoformat(row.at)})


def _appended(connection: Connection, parcel_id: str, as_of: date, digest: str, status: str, record: bytes) -> Row[Any]:
    of = and_(VERDICTS.c.parcel_id == parcel_id, VERDICTS.c.as_of == as_of)
    newest = select(VERDICTS).where(of).order_by(VERDICTS.c.seq.desc()).limit(1)
    row = connection.execute(newest).first()
    if row is not None and row.digest == digest:
        return row
    values = {"parcel_id": parcel_id, "as_of": as_of, "digest": digest, "status": status, "record": record.decode()}
    connection.execute(VERDICTS.insert().values(values))
    return connection.execute(newest).one()


def _claim(row: Row[Any]) -> Claim:
    values = row._asdict()
    return Claim(**values | {"kind": ClaimKind(row.kind), "reach": Reach(row.reach)})


def _indicator(row: Row[Any]) -> IndicatorValue:
    return IndicatorValue(**row._asdict())


def _facts(row: Row[Any]) -> ParcelFacts:
    demands = tuple((str(service), float(value)) for service, value in json.loads(row.demands))
    return ParcelFacts(**row._asdict() | {"demands": demands})


def _edition(row: Row[Any]) -> EditionRow:
    return EditionRow(**row._asdict() | {"report": _REPORT.validate_json(row.report)})


def _verdict(row: Row[Any]) -> VerdictRow:
    return VerdictRow(**row._asdict() | {"record": row.record.encode()})
