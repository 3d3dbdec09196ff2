"""What any process does with a unit: examine its parcels on the basis that the job names, or refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from threading import Lock

import numpy as np
import shapely

from geo_service.batch.basis import Basis, reach_m, software
from geo_service.batch.unit import Concluded, Held, Job, Place, pack
from geo_service.engine import examine
from geo_service.errors import WorkspaceError
from geo_service.export import geojson
from geo_service.export.record import digest_of, record_bytes, written
from geo_service.model.finding import Verdict
from geo_service.model.layer import Edition, Features, LayerSet, Origin
from geo_service.model.rulebook import Rulebook
from geo_service.projection import lon_lat
from geo_service.store.workspace import Workspace


class Examiner:
    """Answers jobs; the layers of the last basis stay open, and are read when a parcel is to be measured.

    Parameters
    ----------
    workspace : Workspace, optional
        One that is open already.
    """

    def __init__(self, workspace: Workspace | None = None) -> None:
        self._directory = None if workspace is None else workspace.directory.resolve()
        self._workspace = workspace
        self._basis: Basis | None = None
        self._layers: LayerSet | None = None

    def unit(self, job: Job) -> bytes:
        """Return the result of a unit.

        Raises
        ------
        WorkspaceError
            When software, rules or editions here are not those of the job.
        InputError
            When no rule was in force on a date, or a zone asks for what the rulebook does not know.
        """
        workspace = self._opened(job)
        rulebook = workspace.rulebook
        asked = [one for one in job.parcels if not isinstance(one, Held)]
        verdicts: Iterator[Verdict] = iter(())
        if asked:
            if self._layers is None:
                self._layers = _layers(workspace, job.basis)
            verdicts = examine((parcel for _, parcel in asked), self._layers, workspace.catalogue, rulebook, job.as_of)
        return pack(
            [
                restated(one, job.basis, rulebook) if isinstance(one, Held) else concluded(one[0], next(verdicts))
                for one in job.parcels
            ]
        )

    def _opened(self, job: Job) -> Workspace:
        if self._workspace is None or self._directory != job.directory:
            self._workspace, self._directory = Workspace.open(job.directory), job.directory
            self._basis = None
        if self._basis != job.basis:
            self._layers = None
            _refuse_other(job.basis, self._workspace)
            self._basis = job.basis
        return self._workspace


_HERE = Examiner()
_TURN = Lock()


def unit(job: Job) -> bytes:
    """Return the result of a unit, in a process that keeps its layers from one call to the next."""
    with _TURN:
        return _HERE.unit(job)


def concluded(key: str, verdict: Verdict) -> Held:
    """Pack what was concluded on a parcel."""
    body, content = written(verdict)
    parcel = body["parcel"]
    west, south, east, north = verdict.geometry.bounds
    return Held(
        Place(parcel["id"], key, verdict.crs, (west, south, east, north)),
        Concluded(
            parcel["id"],
            body["verdict"]["status"],
            body["as_of"],
            parcel["zone"],
            parcel["zone_version"],
            body["provenance"]["digest"],
            content,
            geojson.compact(geojson.feature(verdict, body)),
            shapely.to_wkb(lon_lat(verdict.geometry, verdict.crs), byte_order=1, flavor="iso"),
        ).packed(),
    )


def restated(held: Held, basis: Basis, rulebook: Rulebook) -> Held:
    """Name the editions of a basis in what was concluded on others; nothing is measured."""
    old = Concluded.unpacked(held.packed)
    # As floats all numbers are written again as they were.
    body = json.loads(old.record, parse_int=float)
    changed = False
    for entry in body["provenance"]["layers"]:
        edition = basis.edition(entry["id"])
        if edition is not None and edition.sha256 != entry["sha256"]:
            day = edition.edition_date
            entry |= {
                "edition": edition.name,
                "edition_date": None if day is None else day.isoformat(),
                "sha256": edition.sha256,
            }
            changed = True
    if not changed:
        return held
    for entry in body["assessments"]:
        edition = basis.edition(rulebook.assessments[entry["code"]].layer)
        for named in (*entry["reports"], entry["waiver"]):
            if named is not None and edition is not None:
                named["edition"] = edition.name
    digest = digest_of(body)
    body["provenance"]["digest"] = digest
    feature = json.loads(old.feature)
    feature["properties"]["digest"] = digest
    new = replace(old, digest=digest, record=record_bytes(body), feature=geojson.compact(feature))
    return replace(held, packed=new.packed())


def _refuse_other(basis: Basis, workspace: Workspace) -> None:
    """Refuse to answer by other software or rules than were asked for: the answers would not fit together."""
    here = dict(software())
    for name, number in basis.software:
        if here.get(name) != number:
            raise _other(name, number, here.get(name) or "—")
    if len(here) != len(basis.software):
        raise _other("software", str(len(basis.software)), str(len(here)))
    for name, asked, found in (
        ("rulebook", basis.rulebook_sha256, workspace.rulebook.sha256),
        ("catalogue", basis.catalogue_sha256, workspace.catalogue.sha256),
    ):
        if asked != found:
            raise _other(name, asked[:12], found[:12])


def _other(what: str, asked: str, found: str) -> WorkspaceError:
    return WorkspaceError(
        f"计算进程的 {what} 为 {found}，任务要求 {asked}：请在各机安装同一锁定版本并使用同一工作区 / "
        f"{what} is {found} where the work is done, the job asks for {asked}: "
        "install the same lock on every machine and use the same workspace"
    )


def _layers(workspace: Workspace, basis: Basis) -> LayerSet:
    """Read the editions of a basis; of the parcels only the name, unless a rule reads their neighbours."""
    own = workspace.rulebook.parcels_layer
    whole = own in reach_m(workspace.rulebook)
    found: dict[str, Edition] = {}
    for named in basis.editions:
        if named.layer == own and not whole:
            found[own] = _unread(workspace, named.name, named.sha256)
            continue
        edition = workspace.edition(named.name)
        if edition.sha256 != named.sha256:
            raise _other(named.layer, named.sha256[:12], edition.sha256[:12])
        found[named.layer] = edition
    return LayerSet(found)


def _unread(workspace: Workspace, name: str, sha256: str) -> Edition:
    row = workspace.register.edition(name)
    if row.sha256 != sha256:
        raise _other(row.layer, sha256[:12], row.sha256[:12])
    spec = workspace.catalogue.layers[row.layer]
    origin = Origin(row.report.source_name, "", row.edition_date)
    nothing = Features(spec, row.report.crs, (), np.empty(0, dtype=object), {}, origin)
    return Edition(name, sha256, nothing)
