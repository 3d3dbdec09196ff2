"""The measuring processes of this program, and boundaries handed to them one row at a time."""

from __future__ import annotations

import atexit
import json
import logging
import pickle
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from geo_service.checking.faults import failed, of_row, too_late
from geo_service.checking.job import OURS, SINGLE_BYTES, THEIRS, Ground, Job, Unread, rehearsal
from geo_service.errors import Fault, GeoServiceError, too_complex
from geo_service.ingest.fields import BadValue, id_of
from geo_service.model.parcel import AsOf, Parcel
from geo_service.tally import BOUNDARY_CHECKED, CHECK_SECONDS, TALLY
from geo_service.worker import ERRORS, Reply, Worker, Workers, opened

#: A workspace is read once by each process, and again when something is published.
#: All limits count what a process computes; see `Worker.ask`.
OPEN_LIMIT_S = 300.0
ROW_LIMIT_S = 10.0
CHECK_LIMIT_S = 10.0
CHECK_LIMIT_S_PER_ROW = 1.0
CHECK_LIMIT_MAX_S = 600.0
#: Rows that one process is given at a time.
TOGETHER = 100
#: Messages about one boundary: its answer, and what is told before and after opening and preparing the ground.
MESSAGES = 5

KNOWN = ERRORS | {("geo_service.errors", "GeoServiceError")}

_log = logging.getLogger("geo_service.checking")

Row = tuple[int, Parcel]
_VERDICT = re.compile(rb'"status":"([a-z_]+)","valid_until":[^{}]*\}\}\Z')


@dataclass(frozen=True)
class Measured:
    """What became of boundaries from outside.

    Attributes
    ----------
    records : tuple of (row, canonical bytes of the record)
        In the order in which they were given.
    drawn : tuple of bytes
        The internal GeoJSON of each record: its outline, and the ground its outcomes rest on.
    rejected : tuple of Fault
        One for each row that could not be measured.
    """

    records: tuple[tuple[int, bytes], ...]
    drawn: tuple[bytes, ...]
    rejected: tuple[Fault, ...]

    def with_unread(self, faults: Sequence[Fault]) -> Measured:
        """Return the same with the rows that could not be read either, in the order of rows."""
        return replace(self, rejected=tuple(sorted((*faults, *self.rejected), key=lambda fault: fault.row or 0)))


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of one boundary: the canonical bytes of its record, and its internal GeoJSON if it is wanted."""

    row: int
    record: bytes
    drawn: bytes


@dataclass
class _Budget:
    """What is left of the time for a request; see `Worker.ask` for what counts as time."""

    left_s: float


class Examiners(Workers):
    """The idle measuring processes of this process."""

    def __init__(self) -> None:
        super().__init__("geo_service.checking.child")

    def open(self, ground: Ground) -> None:
        """Start opening the ground, for all processes at once; nobody waits for it."""
        self.prepare(pickle.dumps(rehearsal(ground), protocol=5))

    def warm_up(self, ground: Ground) -> None:
        """Start a process that has the ground open, ahead of the first check.

        Raises
        ------
        GeoServiceError
            When the ground cannot be opened.
        """
        self.open(ground)
        with self.borrowed() as examiner:
            error = _begun(examiner, Job(ground, (), AsOf(None, date.min), None))
        if error is not None:
            raise error

    def measure(
        self,
        ground: Ground,
        rows: Sequence[Row],
        as_of: AsOf,
        zone: str | None,
        own: frozenset[str] | None = None,
    ) -> Measured:
        """Measure boundaries; a row that hangs or breaks its process is rejected, and the others go on in a new one.

        Raises
        ------
        GeoServiceError
            When the ground cannot be opened, or ``zone`` is no zone.
        """
        found = tuple(self.found(ground, rows, as_of, zone, own))
        measured = [one for one in found if isinstance(one, Found)]
        return Measured(
            tuple((one.row, one.record) for one in measured),
            tuple(one.drawn for one in measured),
            tuple(one for one in found if isinstance(one, Fault)),
        )

    def found(
        self,
        ground: Ground,
        rows: Sequence[Row],
        as_of: AsOf,
        zone: str | None,
        own: frozenset[str] | None = None,
        *,
        drawn: bool = True,
    ) -> Iterator[Found | Fault]:
        """Measure boundaries one after the other, see `measure`; what was found of each, in the order of rows.

        So many at a time are with one process, so that others have their turn between them.
        """
        budget = _Budget(min(CHECK_LIMIT_S + CHECK_LIMIT_S_PER_ROW * len(rows), CHECK_LIMIT_MAX_S))
        for begin in range(0, len(rows), TOGETHER):
            left = list(rows[begin : begin + TOGETHER])
            deaths = 0
            while left:
                with self.borrowed() as examiner:
                    error = _begun(examiner, Job(ground, tuple(parcel for _, parcel in left), as_of, zone, own, drawn))
                    if error is None:
                        for one in self._ask(examiner, left, budget):
                            TALLY.add(BOUNDARY_CHECKED, _result(one))
                            yield one
                    alive = examiner.fit()
                if error is not None:
                    # One that died before it looked at any row did so for no fault of theirs: once more with another.
                    deaths += 1
                    if alive or deaths > 1:
                        raise error

    def one(self, job: Job) -> Found | Fault:
        """Have one boundary read and measured by one process, see `Unread`.

        Raises
        ------
        GeoServiceError
            When the ground cannot be opened, ``zone`` is no zone, or the body as a whole cannot be read.
        """
        for _ in range(2):
            with self.borrowed() as examiner:
                found = _read_and_measured(examiner, job)
            # One that died at work of ours did so for no fault of theirs: once more with another.
            if found is not None:
                break
        if found is None:
            raise _not_opened()
        if isinstance(found, GeoServiceError):
            raise found
        TALLY.add(BOUNDARY_CHECKED, _result(found))
        return found

    def _ask(self, examiner: Worker, left: list[Row], budget: _Budget) -> Iterator[Found | Fault]:
        """Take the answers of one process, until there are no more rows or it is gone."""
        while left:
            if budget.left_s <= 0:
                examiner.retire()
                yield from (replace(too_late(), row=row, id=parcel.id) for row, parcel in left)
                left.clear()
                return
            reply = examiner.ask(None, min(ROW_LIMIT_S, budget.left_s))
            budget.left_s -= reply.used_s
            TALLY.add(CHECK_SECONDS, "measuring", reply.used_s)
            row, parcel = left.pop(0)
            found = _heard(reply, row, parcel.id)
            yield of_row(found, row, parcel.id) if isinstance(found, GeoServiceError) else found
            if reply.answer is None:
                return


def _heard(reply: Reply, row: int, id_: str | None) -> Any:
    """Return what a process says of a row; where it says nothing any more, that."""
    if reply.answer is None:
        if not reply.overran:
            _log.error("the measuring process died on row %d", row)
        return replace(too_complex(None, f"> {ROW_LIMIT_S:g} s") if reply.overran else failed(), row=row, id=id_)
    found, trace = opened(reply.answer, KNOWN)
    if trace:
        _log.error("measuring row %d failed: %s", row, trace)
    return Found(row, *found) if isinstance(found, tuple) else found


def _begun(examiner: Worker, job: Job) -> GeoServiceError | None:
    """Hand over a job; return why it cannot begin, if it cannot."""
    reply = examiner.ask(pickle.dumps(job, protocol=5), OPEN_LIMIT_S).answer
    if reply is None:
        return _not_opened()
    found, _ = opened(reply, KNOWN)
    assert found is None or isinstance(found, GeoServiceError)
    return found


def _read_and_measured(examiner: Worker, job: Job) -> Found | Fault | GeoServiceError | None:
    """Hand over a boundary that nobody has read yet; ``None`` when the process died at work of ours."""
    payload: bytes | None = pickle.dumps(job, protocol=5)
    stage = THEIRS
    for _ in range(MESSAGES):
        reply = examiner.ask(payload, OPEN_LIMIT_S if stage == OURS else ROW_LIMIT_S, OPEN_LIMIT_S)
        if stage == OURS and reply.answer is None:
            return None
        if stage == THEIRS:
            TALLY.add(CHECK_SECONDS, "measuring", reply.used_s)
        id_ = None if reply.answer is not None or job.unread is None else _id_in(job.unread.body)
        found: Found | Fault | GeoServiceError | str = _heard(reply, 1, id_)
        if not isinstance(found, str):
            return found
        payload, stage = None, found
    # One that goes on announcing is broken.
    examiner.retire()
    return replace(failed(), row=1)


def _id_in(body: bytes) -> str | None:
    """Return the id that a Feature brought, where whoever read it cannot tell any more."""
    if len(body) > SINGLE_BYTES:
        return None
    try:
        root = json.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(root, dict):
        return None
    properties = root.get("properties")
    named = properties if isinstance(properties, dict) else {}
    for given in (*(value for name, value in named.items() if name.casefold() == "id"), root.get("id")):
        try:
            found = id_of(given) if isinstance(given, str | int | float) else None
        except BadValue:
            continue
        if found is not None:
            return found
    return None


def _not_opened() -> GeoServiceError:
    return GeoServiceError("测量进程无法打开工作区 / the measuring process cannot open the workspace")


def _result(one: Found | Fault) -> str:
    """Return the verdict, which stands at the end of a record, or that there is none."""
    match = None if isinstance(one, Fault) else _VERDICT.search(one.record[-200:])
    return "rejected" if match is None else match[1].decode()


EXAMINERS = Examiners()
atexit.register(EXAMINERS.close)


def measure(
    directory: Path | None,
    rulebook_sha256: str,
    rows: Sequence[Row],
    as_of: AsOf,
    *,
    project_type: str | None = None,
    zone: str | None = None,
    own: frozenset[str] | None = None,
) -> Measured:
    """Measure boundaries from outside.

    Parameters
    ----------
    directory : Path or None
        The workspace's folder; ``None`` to measure by the bundled rules, without any layer.
    rulebook_sha256 : str
        The rules that the caller goes by.
    rows : sequence of (row, Parcel)
    project_type : str, optional
        Instead of what the parcels say.
    zone : str, optional
        Zone by which all are judged, whatever they declare.
    own : frozenset of str, optional
        Zones whose ground the asker may look at: a boundary on the ground of another is rejected.

    Raises
    ------
    InputError
        When ``zone`` is no zone.
    WorkspaceError
        When the workspace cannot be opened.
    """
    return EXAMINERS.measure(_ground(directory, rulebook_sha256), _typed(rows, project_type), as_of, zone, own)


def found(
    directory: Path | None,
    rulebook_sha256: str,
    rows: Sequence[Row],
    as_of: AsOf,
    *,
    project_type: str | None = None,
    zone: str | None = None,
    own: frozenset[str] | None = None,
    drawn: bool = True,
) -> Iterator[Found | Fault]:
    """Measure boundaries from outside one after the other, with a record or a fault for each; see `measure`.

    Parameters
    ----------
    drawn : bool
        Whether their internal GeoJSON is wanted beside their records.
    """
    ground = _ground(directory, rulebook_sha256)
    return EXAMINERS.found(ground, _typed(rows, project_type), as_of, zone, own, drawn=drawn)


def one(
    directory: Path | None,
    rulebook_sha256: str,
    body: Unread,
    as_of: AsOf,
    *,
    zone: str | None = None,
    own: frozenset[str] | None = None,
    drawn: bool = True,
) -> Found | Fault:
    """Read and measure one boundary from outside, both in the process that measures; see `found`.

    Raises
    ------
    InputError
        When the body is no GeoJSON, or ``zone`` is no zone.
    WorkspaceError
        When the workspace cannot be opened.
    """
    return EXAMINERS.one(Job(_ground(directory, rulebook_sha256), (), as_of, zone, own, drawn, unread=body))


def _typed(rows: Sequence[Row], project_type: str | None) -> Sequence[Row]:
    if project_type is None:
        return rows
    return [(row, replace(parcel, project_type=project_type)) for row, parcel in rows]


def standing(directory: Path | None, rulebook_sha256: str) -> bool:
    """Tell whether there is a measuring process, started now unless there is one; see `measure`.

    Raises
    ------
    GeoServiceError
        When none can be started, or the ground cannot be opened.
    """
    if not EXAMINERS.standing():
        warm_up(directory, rulebook_sha256)
    return True


def begin(directory: Path | None, rulebook_sha256: str) -> None:
    """Start what measuring processes come from; see `measure`."""
    EXAMINERS.open(_ground(directory, rulebook_sha256))


def warm_up(directory: Path | None, rulebook_sha256: str) -> None:
    """Start a measuring process ahead of the first check; see `measure`."""
    EXAMINERS.warm_up(_ground(directory, rulebook_sha256))


def _ground(directory: Path | None, rulebook_sha256: str) -> Ground:
    return Ground(None if directory is None else directory.resolve(), rulebook_sha256)
