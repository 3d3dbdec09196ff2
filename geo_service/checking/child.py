"""The measuring process: first whether the ground is open, then one answer for each boundary; it may be killed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import shapely
from shapely.geometry.base import BaseGeometry

from geo_service.checking.faults import of_row
from geo_service.checking.job import OURS, THEIRS, Ground, Job, Unread, rehearsal
from geo_service.engine import examine, foreign_ground, is_prepared, prepare, require_zone
from geo_service.errors import Fault, GeoServiceError, InputError, TooComplex, WorkspaceError, came_up, too_complex
from geo_service.export import geojson
from geo_service.export.profile import Profile
from geo_service.export.record import content, written
from geo_service.ingest.boundaries import body_job, boundaries_of
from geo_service.ingest.child import answer as read
from geo_service.ingest.job import VectorResult
from geo_service.model.catalogue import Catalogue
from geo_service.model.finding import Verdict
from geo_service.model.layer import LayerSet
from geo_service.model.parcel import Parcel
from geo_service.model.rulebook import Rulebook
from geo_service.nursery import serve
from geo_service.projection import LON_LAT, lon_lat
from geo_service.store import parcels as stored
from geo_service.store.definitions import bundled, load_catalogue, load_rulebook
from geo_service.store.workspace import Workspace
from geo_service.worker import address_space, limit

#: Address space beyond what the layers take. A refused allocation is an answer; a machine without memory is none.
HEADROOM_BYTES = 2 << 30
#: Beyond this a boundary and the features it meets take seconds to lay over each other.
MAX_CROSSINGS = 20_000

#: The record and the internal GeoJSON of a boundary (empty where it is not wanted), what is wrong with it or with the
#: job, whose work follows, or nothing where nothing was asked.
Answer = tuple[bytes, bytes] | Fault | GeoServiceError | str | None


class _Open:
    """The ground that was asked for last, kept open."""

    def __init__(self, directory: Path | None) -> None:
        self.directory = directory
        self.layers = LayerSet()
        self._workspace = None if directory is None else Workspace.open(directory)
        self._published: Mapping[str, str] | None = None
        self._rehearsed: LayerSet | None = None
        self.catalogue: Catalogue
        self.rulebook: Rulebook
        if self._workspace is None:
            self.catalogue, self.rulebook = load_catalogue(bundled()[0]), load_rulebook(bundled()[1])
        else:
            self.catalogue, self.rulebook = self._workspace.catalogue, self._workspace.rulebook

    def is_current(self) -> bool:
        """Tell whether nothing was published since."""
        return self._workspace is None or self._workspace.register.published() == self._published

    def read(self, sent: Unread) -> tuple[Parcel | Fault | GeoServiceError, str]:
        """Read one boundary, or tell what is wrong with it or with the body, and where what nobody foresaw came up."""
        spec = self.catalogue.layers[self.rulebook.parcels_layer]
        job = body_job(sent.body, self.catalogue, self.rulebook.jurisdiction, spec, crs=sent.crs)
        found, trace = read(job)
        if isinstance(found, GeoServiceError):
            return found, trace
        assert isinstance(found, VectorResult)
        boundaries = boundaries_of(found)
        if boundaries.rejected:
            return boundaries.rejected[0], trace
        [(_, parcel)] = boundaries.parcels
        return parcel if sent.project_type is None else replace(parcel, project_type=sent.project_type), trace

    def refresh(self) -> None:
        """Read what was published since."""
        if self._workspace is None:
            return
        # Asked before anything is read: a change in between makes this old, and the next job reads again.
        published = self._workspace.register.published()
        if published != self._published:
            self.layers, self._published = self._workspace.layer_set(), published

    def rehearse(self, job: Job) -> None:
        """Read and measure the first stored parcel, if there is one, for nobody; once while the layers are the same."""
        parcels = self.layers.features(self.rulebook.parcels_layer)
        if self._workspace is None or parcels is None or not len(parcels) or self._rehearsed is self.layers:
            return
        parcel = stored.parcel(self._workspace, min(parcels.ids), self.layers)
        brought = replace(parcel, geometry=lon_lat(parcel.geometry, parcel.crs), crs=LON_LAT)
        prepare((brought,), self.layers, self.rulebook, job.as_of)
        self.read(Unread(shapely.to_geojson(brought.geometry).encode()))
        _record_of(self.examine((brought,), job), drawn=True)
        self._rehearsed = self.layers

    def examine(self, parcels: Iterable[Parcel], job: Job) -> Iterator[Verdict]:
        """Examine boundaries; ends with the first that cannot be."""
        return examine(
            parcels,
            self.layers,
            self.catalogue,
            self.rulebook,
            job.as_of,
            zone=job.zone,
            max_crossings=MAX_CROSSINGS,
        )


class _OnOwnGround(Iterator[Parcel]):
    """Passes boundaries on; one on the ground of a foreign zone raises instead, and the next may be asked for."""

    def __init__(self, parcels: Iterator[Parcel], layers: LayerSet, own: frozenset[str], rulebook: Rulebook) -> None:
        self._parcels = parcels
        self._layers = layers
        self._own = own
        self._rulebook = rulebook
        self._foreign: dict[str, BaseGeometry] = {}

    def __next__(self) -> Parcel:
        parcel = next(self._parcels)
        if parcel.crs not in self._foreign:
            self._foreign[parcel.crs] = foreign_ground(self._layers, self._own, self._rulebook, parcel.crs)
        if shapely.intersects(self._foreign[parcel.crs], parcel.geometry):
            raise InputError(
                Fault(
                    "other_zone",
                    "界址涉及其他开发区，密钥不含该开发区",
                    "the boundary lies on the ground of a zone that the key is not for",
                    "请由相应开发区的密钥核查",
                    "have it checked with a key for that zone",
                )
            )
        return parcel


def _allowed(parcels: Iterable[Parcel], ground: _Open, job: Job) -> Iterator[Parcel]:
    if job.own is None:
        return iter(parcels)
    return _OnOwnGround(iter(parcels), ground.layers, job.own, ground.rulebook)


def _bound() -> None:
    """Take no more from now on than `HEADROOM_BYTES`."""
    taken = address_space()
    limit(None if taken is None else taken + HEADROOM_BYTES)


class Examiner:
    """Answers jobs, one ground at a time."""

    def __init__(self) -> None:
        self._open: _Open | None = None

    def expect(self, directory: Path) -> None:
        """Open a workspace that will probably be asked for; what is wrong with it is told when it is."""
        with suppress(Exception):
            self._open = _Open(directory.resolve())
            for _ in self.answers(rehearsal(Ground(self._open.directory, self._open.rulebook.sha256))):
                continue

    def answers(self, job: Job) -> Iterator[tuple[Answer, str]]:
        """Yield whether the ground is open, then the record of each boundary and its shapes, or what is wrong with it.

        Beside each stands where an error came up that nobody foresaw, for the log.
        """
        if job.unread is not None:
            yield from self._one(job, job.unread)
            return
        # What is ours may take what it takes; what is theirs, so much more.
        limit(None)
        try:
            ground = self._opened(job.ground)
            if job.zone is not None:
                require_zone(job.zone, ground.layers, ground.rulebook)
            if job.rehearse:
                ground.rehearse(job)
            prepare(job.parcels, ground.layers, ground.rulebook, job.as_of, zone=job.zone)
        except GeoServiceError as error:
            yield error, ""
            return
        _bound()
        yield None, ""
        left = _allowed(job.parcels, ground, job)
        verdicts = ground.examine(left, job)
        for _ in job.parcels:
            found = _record_of(verdicts, drawn=job.drawn)
            if not isinstance(found[0], tuple):
                # What raised is at its end; another goes on with the boundaries that are left.
                verdicts = ground.examine(left, job)
            yield found

    def _one(self, job: Job, sent: Unread) -> Iterator[tuple[Answer, str]]:
        """Read a boundary and measure it; work of ours that may take long is told before and after."""
        try:
            ground = self._current(job.ground)
            if ground is None:
                yield OURS, ""
                limit(None)
                ground = self._opened(job.ground)
                yield THEIRS, ""
            if job.zone is not None:
                require_zone(job.zone, ground.layers, ground.rulebook)
            _bound()
            parcel, trace = ground.read(sent)
            if not isinstance(parcel, Parcel):
                yield parcel, trace
                return
            if not is_prepared(parcel, ground.layers, ground.rulebook):
                yield OURS, ""
                limit(None)
                prepare((parcel,), ground.layers, ground.rulebook, job.as_of, zone=job.zone)
                _bound()
                yield THEIRS, ""
        except GeoServiceError as error:
            yield error, ""
            return
        found, trace = _record_of(ground.examine(_allowed((parcel,), ground, job), job), drawn=job.drawn)
        yield of_row(found, 1, parcel.id) if isinstance(found, GeoServiceError) else found, trace

    def _current(self, asked: Ground) -> _Open | None:
        """Return the ground, if it is open and nothing has changed since."""
        there = self._open
        if there is None or (there.directory, there.rulebook.sha256) != (asked.directory, asked.rulebook_sha256):
            return None
        return there if there.is_current() else None

    def _opened(self, asked: Ground) -> _Open:
        if self._open is None or self._open.directory != asked.directory:
            self._open = None
            self._open = _Open(asked.directory)
        if self._open.rulebook.sha256 != asked.rulebook_sha256:
            self._open = None
            raise WorkspaceError(
                "核查规则在服务启动后已变化，请重启服务 / the rules changed since the service started; restart it"
            )
        self._open.refresh()
        return self._open


def _record_of(verdicts: Iterator[Verdict], *, drawn: bool) -> tuple[Answer, str]:
    try:
        verdict = next(verdicts)
        if not drawn:
            return (content(verdict), b""), ""
        body, record = written(verdict)
        return (record, geojson.collection(verdict, body, Profile.INTERNAL, forced=False)), ""
    except InputError as error:
        return error, ""
    except (MemoryError, RecursionError) as error:
        return TooComplex(too_complex(None)), came_up(error)
    except Exception as error:  # noqa: BLE001 - whatever a hostile boundary provokes is an answer to that row alone
        return GeoServiceError(type(error).__name__), came_up(error)


def main() -> None:
    """Answer jobs; the command line may name the workspace that they will be about."""
    examiner = Examiner()
    for directory in sys.argv[2:]:
        examiner.expect(Path(directory))
    serve(examiner.answers)
