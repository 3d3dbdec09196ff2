"""The service as its entries use it: a workspace, examined, written as records, packages and maps.

The command line and the API both stand on this, so that they give the same bytes.
"""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from geo_service import basemaps, batch, checking, importing, ingest
from geo_service.engine import own_part, require_zone
from geo_service.engine.examining import LAST_DAY
from geo_service.engine.ground import Ground
from geo_service.errors import Fault, GeoServiceError, InputError, NotFound, WorkspaceError
from geo_service.export import geojson, package
from geo_service.export.profile import Profile, public_record
from geo_service.export.record import Record
from geo_service.export.whole import whole
from geo_service.kept import Kept
from geo_service.maps import labels, sheet
from geo_service.maps.listing import Line
from geo_service.maps.outstanding import outstanding
from geo_service.maps.problem import first_problem
from geo_service.maps.scene import RuleNames
from geo_service.maps.tiled import INLINE_MOST, Engine, TiledLayer, engine_for, tiled_page
from geo_service.maps.view import (
    Filed,
    MapLayer,
    MapParcel,
    MapPiece,
    MapView,
    Neighbour,
    check_page,
    compare_page,
    listed,
    panel,
    parcel_page,
    uploaded,
    zone_page,
)
from geo_service.model.catalogue import Catalogue, Secrecy
from geo_service.model.finding import Verdict
from geo_service.model.layer import Edition, Features, LayerSet
from geo_service.model.parcel import AsOf, Parcel
from geo_service.model.register import Claim
from geo_service.model.rulebook import Rulebook
from geo_service.model.text import Text
from geo_service.projection import LON_LAT, central_meridian, crs_of, lon_lat, project, working_crs
from geo_service.snapshot import Part, Snapshot
from geo_service.store.copies import Copy
from geo_service.store.register import EditionRow, VerdictRow
from geo_service.store.workspace import Workspace
from geo_service.workbook import workbook

_LOG = logging.getLogger("geo_service.service")
#: Verdicts kept in one transaction: others who write wait for no longer than it takes.
TOGETHER = 256
#: Pages hold so many parcels themselves; what is said of more of them comes from the last run.
FEW_PARCELS = INLINE_MOST
#: For so many sets of zones what they may see is kept.
PARTS = 64
#: So many features of layers they hold as well; of more only those near the parcels, about two kilometres.
FEW_FEATURES = INLINE_MOST
NEAR_DEGREES = 0.02
#: The stage of a parcel whose notice is out.
ANNOUNCED = "已公告"


class Service:
    """A workspace with everything that can be asked of it; may be asked from several threads at once.

    Parameters
    ----------
    workspace : Workspace
        Opened.
    today : callable
        Today's civil date; asked only when neither the caller, the parcel nor the workspace names a date.
    """

    def __init__(self, workspace: Workspace, today: Callable[[], date]) -> None:
        self.workspace = workspace
        self._today = today
        self._latest = _Latest(workspace)
        self._own: frozenset[str] | None = None

    def within(self, own: frozenset[str] | None) -> Service:
        """Return the service as it is for those who may see some zones only; ``None``: who may see all.

        What belongs to other zones is in no snapshot of it, so that no answer can show or count it.
        """
        if own is None:
            return self
        found = copy.copy(self)
        found._own = own
        return found

    @property
    def catalogue(self) -> Catalogue:
        """The layers."""
        return self.workspace.catalogue

    @property
    def rulebook(self) -> Rulebook:
        """The rules."""
        return self.workspace.rulebook

    def snapshot(self) -> Snapshot:
        """Return what is published now; the same one until the register changes."""
        return self._latest.snapshot(self._own)

    def ready_snapshot(self) -> Snapshot | None:
        """Return what is published now where it has been read already; waits for nothing."""
        return self._latest.ready(self._own)

    @property
    def layers(self) -> LayerSet:
        """The published editions."""
        return self.snapshot().layers

    @property
    def parcels(self) -> Mapping[str, Parcel]:
        """All parcels by id, in the order of ids."""
        return self.snapshot().parcels

    def data_date(self, chosen: date | None) -> date:
        """Return the date of data that are brought: chosen, else today.

        Raises
        ------
        InputError
            When it lies ahead: data that nobody has surveyed yet would never grow stale.
        """
        today = self._today()
        latest = max(today, self.workspace.as_of or today)
        if chosen is not None and chosen > latest:
            raise InputError(
                Fault(
                    "data_date_ahead",
                    f"数据日期不应晚于{latest}",
                    f"the date of the data must not lie after {latest}",
                    "请填写资料实际完成的日期",
                    "give the day on which the data were surveyed",
                    where="edition_date",
                    value=chosen.isoformat(),
                )
            )
        return chosen or today

    def as_of(self, chosen: date | None) -> AsOf:
        """Return the rule for dates: chosen, else planned notice date, else the workspace's, else today."""
        return AsOf(chosen, self.workspace.as_of or self._today())

    def verdict(self, parcel_id: str, chosen: date | None = None, project_type: str | None = None) -> Verdict:
        """Examine one parcel; what was concluded is kept until something changes.

        Raises
        ------
        NotFound
            When no parcel has that id.
        """
        return self.snapshot().verdict(parcel_id, self.as_of(chosen), project_type)

    def record(self, parcel_id: str, chosen: date | None = None, project_type: str | None = None) -> Record:
        """Return the assessment record of one parcel.

        Raises
        ------
        NotFound
            When no parcel has that id.
        """
        return self.snapshot().record(parcel_id, self.as_of(chosen), project_type)

    def verdicts(self, ids: Iterable[str] | None = None, chosen: date | None = None) -> Iterator[Verdict]:
        """Examine several parcels, or all, in the order of ids."""
        return self.snapshot().verdicts(ids, self.as_of(chosen))

    def run(self, ids: Sequence[str] | None, chosen: date | None) -> AbstractContextManager[batch.Run]:
        """Begin a run over several parcels, or all, or go on with the one that was stopped; see `batch.opened`."""
        return batch.opened(self.workspace, self.as_of(chosen), ids)

    def conclusions(self, run: batch.Run, zone: str | None = None) -> Iterator[batch.Concluded]:
        """Read what a finished run concluded, of all parcels or of those judged by one zone, and keep it for good."""
        found = (one for one in run.results() if zone is None or zone in (one.zone, one.zone_version))
        while some := tuple(islice(found, TOGETHER)):
            self.workspace.register.append_verdicts(
                (one.id, date.fromisoformat(one.as_of), one.digest, one.status, one.record) for one in some
            )
            yield from some
        if run.whole and zone is None:
            self.workspace.register.note_run(run.as_of, run.basis.sha256)

    def statuses(self, snapshot: Snapshot, asked: AsOf) -> dict[str, str]:
        """Return the verdict of every parcel of which it is known, by id.

        Few parcels are examined now; of more it is known what the last run over all of them concluded, unless
        anything has changed since.
        """
        if len(snapshot.parcels) <= FEW_PARCELS:
            return {id_: str(snapshot.summary(id_, asked).properties["verdict"]) for id_ in snapshot.parcels}
        ran = self.workspace.register.last_run(batch.published(self.workspace).sha256)
        if ran is None:
            return {}
        known = self.workspace.register.statuses()
        return {
            id_: known[id_, day]
            for id_, notice in snapshot.parcels.notices()
            if ran.on(notice) == (day := asked.on(notice)) and (id_, day) in known
        }

    def records(self, snapshot: Snapshot, asked: AsOf, ids: Sequence[str]) -> dict[str, Record]:
        """Return the records of some parcels whose verdict is known, by id; see `statuses`."""
        if len(snapshot.parcels) <= FEW_PARCELS:
            return {id_: snapshot.record(id_, asked) for id_ in ids}
        days = {id_: asked.of(snapshot.parcels[id_]) for id_ in ids}
        return {id_: json.loads(content) for id_, content in self.workspace.register.newest(days).items()}

    def problems(self, snapshot: Snapshot, asked: AsOf, ids: Sequence[str]) -> dict[str, Text]:
        """Say what stands first against some parcels whose verdict is known, by id."""
        names = _rule_names(self.rulebook)
        return {id_: first_problem(found, names) for id_, found in self.records(snapshot, asked, ids).items()}

    def outstanding(self, lines: Sequence[Line], chosen: date | None, language: sheet.Language) -> bytes:
        """Write a list of parcels, and what each of them lacks, as a workbook (XLSX)."""
        snapshot, asked = self.snapshot(), self.as_of(chosen)
        zones = snapshot.layers.features(self.rulebook.zones_layer)
        called = {} if zones is None else {id_: zones.value(row, "name") for row, id_ in enumerate(zones.ids)}
        sheets = outstanding(
            lines,
            self.records(snapshot, asked, [line.id for line in lines if line.status is not None]),
            _rule_names(self.rulebook),
            {id_: str(name) for id_, name in called.items() if name},
            english=language is sheet.Language.EN,
        )
        return workbook(sheets)

    def require_zone(self, zone: str) -> None:
        """Refuse a zone id that no boundary in the workspace has.

        Raises
        ------
        InputError
            When neither a zone nor a version of one is called so.
        """
        layer = self.rulebook.zones_layer
        name = self.workspace.register.published().get(layer)
        zones = LayerSet() if name is None else LayerSet({layer: self.workspace.edition(name)})
        require_zone(zone, zones, self.rulebook)

    def check(
        self,
        boundaries: ingest.Boundaries,
        chosen: date | None,
        project_type: str | None = None,
        zone: str | None = None,
    ) -> checking.Measured:
        """Examine boundaries from outside in a process that can be killed; nothing is stored.

        Returns
        -------
        Measured
            Records, and all rows that were rejected, when they were read or when they were measured.

        Raises
        ------
        InputError
            When ``zone`` is no zone of the workspace.
        """
        self._require_own(zone)
        found = checking.measure(
            self.workspace.directory,
            self.rulebook.sha256,
            boundaries.parcels,
            self.as_of(chosen),
            project_type=project_type,
            zone=zone,
            own=self._own,
        )
        return found.with_unread(boundaries.rejected)

    def checks(
        self,
        boundaries: ingest.Boundaries,
        chosen: date | None,
        project_type: str | None = None,
        zone: str | None = None,
        *,
        drawn: bool = True,
    ) -> Iterator[checking.Found | Fault]:
        """Examine boundaries from outside one after the other, see `check`; rows that could not be read are left out.

        Parameters
        ----------
        drawn : bool
            Whether their internal GeoJSON is wanted beside their records.

        Raises
        ------
        InputError
            When ``zone`` is no zone of the workspace.
        """
        self._require_own(zone)
        return checking.found(
            self.workspace.directory,
            self.rulebook.sha256,
            boundaries.parcels,
            self.as_of(chosen),
            project_type=project_type,
            zone=zone,
            own=self._own,
            drawn=drawn,
        )

    def check_one(
        self,
        body: checking.Unread,
        chosen: date | None,
        zone: str | None = None,
        *,
        drawn: bool = True,
    ) -> checking.Found | Fault:
        """Read and examine one boundary from outside, see `checks`: a body of GeoJSON that is no collection.

        Raises
        ------
        InputError
            When the body is no GeoJSON, or ``zone`` is no zone of the workspace.
        """
        self._require_own(zone)
        return checking.one(
            self.workspace.directory,
            self.rulebook.sha256,
            body,
            self.as_of(chosen),
            zone=zone,
            own=self._own,
            drawn=drawn,
        )

    def _require_own(self, zone: str | None) -> None:
        """Refuse a zone that is not there for whoever asks; the process that measures knows all of them."""
        if zone is not None and self._own is not None:
            require_zone(zone, self.layers, self.rulebook)

    def begin(self) -> None:
        """Start what the processes that read and measure come from, and wait for nothing."""
        rules = self.rulebook
        ingest.begin(
            self.catalogue,
            rules.jurisdiction,
            self.catalogue.layers[rules.parcels_layer],
            importing.zone_shapes(self.workspace),
        )
        checking.begin(self.workspace.directory, rules.sha256)

    def warm_up(self) -> None:
        """Check one parcel, so that the first who asks does not wait for what starts."""
        try:
            checking.warm_up(self.workspace.directory, self.rulebook.sha256)
            for parcel in islice(self.parcels.values(), 1):
                body = shapely.to_geojson(parcel.geometry).encode()
                self.check(self.read_geojson(body, parcel.crs), LAST_DAY)
        except GeoServiceError:
            # Whoever asks is told, in words that are meant for them.
            _LOG.exception("the service could not be warmed up")

    def prepare(self, name: str, progress: Callable[[int, int], None] | None = None) -> None:
        """Prepare an edition in the working CRS of every zone, so that no examination has to.

        What cannot be prepared now is prepared, or measured without, when it is needed.
        """
        importing.prepare(self.workspace, name, progress)

    @property
    def whole(self) -> bool:
        """Whether everything there is may be seen, see `within`."""
        return self._own is None

    def whole_layer(self, edition: Edition) -> Copy | Iterator[bytes]:
        """Return all features of an edition as GeoJSON: the file, or its bytes where there is none.

        There is no file of what is left of an edition for those who may see some zones only, nor on a full disk.
        """
        assert isinstance(edition.data, Features)
        if not edition.part:
            try:
                return importing.written(self.workspace, edition)
            except (OSError, WorkspaceError) as error:
                _LOG.warning("%s is not written to be handed out: %s", edition.name, error)
        return whole(edition.data)

    def edition(self, name: str) -> EditionRow:
        """Return an imported edition with its import report, published or not.

        Raises
        ------
        NotFound
            When no edition has that name, or only some zones may be seen: its report tells of all.
        """
        if not self.whole:
            raise NotFound(f"没有数据版次 {name[:80]} / there is no edition {name[:80]}")
        return self.workspace.register.edition(name)

    def zone_shapes(self) -> list[tuple[str, BaseGeometry]]:
        """Return the zones' boundaries with their CRS, for the distance check of what is brought."""
        return importing.shapes_of(self._latest.snapshot(None).layers.features(self.rulebook.zones_layer))

    def read_boundaries(
        self, data: Path | bytes, name: str, crs: str | None, encoding: str | None = None, *, most: int | None = None
    ) -> ingest.Boundaries:
        """Read parcels from a file of any accepted format, or from its bytes; see `ingest.read_boundaries`."""
        return self._compared(
            ingest.read_boundaries(
                data,
                name,
                self.catalogue,
                self.rulebook.jurisdiction,
                parcels_spec=self.catalogue.layers[self.rulebook.parcels_layer],
                crs=crs,
                encoding=encoding,
                zone_boxes=self.zone_shapes(),
                most=most,
            )
        )

    def read_geojson(self, body: bytes, crs: str | None, *, most: int | None = None) -> ingest.Boundaries:
        """Read parcels from a body that must be GeoJSON, whatever it looks like."""
        return self._compared(
            ingest.read_geojson_bytes(
                body,
                self.catalogue,
                self.rulebook.jurisdiction,
                parcels_spec=self.catalogue.layers[self.rulebook.parcels_layer],
                crs=crs,
                zone_boxes=self.zone_shapes(),
                most=most,
            )
        )

    def _compared(self, found: ingest.Boundaries) -> ingest.Boundaries:
        """Remark on boundaries that as a whole lie beside the parcels of the same ids; an import would refuse them."""
        known = self.parcels
        pairs = [
            ((parcel.geometry, parcel.crs), (there.geometry, there.crs))
            for _, parcel in found.parcels
            if (there := known.get(parcel.id)) is not None
        ]
        shift_m = importing.shifted_m(pairs, self.rulebook.jurisdiction) if pairs else 0.0
        if shift_m <= importing.SHIFT_MAX_M:
            return found
        words = importing.shift_words(shift_m)
        warnings = (*found.report.warnings, f"{words.zh} / {words.en}")
        return replace(found, report=replace(found.report, warnings=warnings))

    # packages

    def secret_layers(self) -> frozenset[str]:
        """Layers that are not public."""
        return frozenset(name for name, spec in self.catalogue.layers.items() if spec.secrecy is not Secrecy.PUBLIC)

    def _layer_of(self) -> dict[str, str | None]:
        rules = self.rulebook
        return {
            **{code: rule.layer for code, rule in rules.constraints.items()},
            **{code: rule.layer for code, rule in rules.services.items()},
        }

    def shown_record(self, body: Record, profile: Profile) -> Record:
        """Return the record as a profile lets it out."""
        if profile is Profile.INTERNAL:
            return body
        level_words = labels.LEVEL[body["readiness"]["level"]["outcome"]]
        return public_record(body, self.secret_layers(), self._layer_of(), level_words)

    def package(self, ids: Sequence[str], chosen: date | None, profile: Profile, *, forced: bool) -> tuple[str, bytes]:
        """Build the tender package of one or more parcels: its file name and bytes.

        Raises
        ------
        PackageRefused
            When a parcel is not ready or undetermined, unless forced.
        """
        snapshot, asked = self.snapshot(), self.as_of(chosen)
        verdicts = list(snapshot.verdicts(ids, asked))
        package.refuse_unready(verdicts, forced)
        items = []
        for verdict in verdicts:
            body = self.shown_record(snapshot.record(verdict.parcel.id, asked), profile)
            view = self._package_view(snapshot, verdict, body, profile)
            page = parcel_page(view, single_file=True)
            items.append(package.Item(verdict, body, page))
        content = package.build(items, profile, self.rulebook.jurisdiction.boundary_txt)
        return package.package_name(items), content

    def package_geojson(self, parcel_id: str, chosen: date | None, profile: Profile, *, forced: bool) -> bytes:
        """Return ``parcel.geojson`` of the package alone."""
        snapshot, asked = self.snapshot(), self.as_of(chosen)
        verdict = snapshot.verdict(parcel_id, asked)
        package.refuse_unready([verdict], forced)
        body = self.shown_record(snapshot.record(parcel_id, asked), profile)
        return geojson.collection(verdict, body, profile, package.is_forced(verdict))

    # maps

    def zone_map(
        self, chosen: date | None, *, single_file: bool, nonce: str | None = None, claims: bool = False
    ) -> str:
        """Draw the page of all parcels; ``claims`` lets the reader enter some.

        A served page of very many parcels, or of very many features around them, is drawn from tiles, see `tiled_map`.
        """
        if not single_file and len(self.parcels) > FEW_PARCELS:
            return self.tiled_map(chosen, nonce=nonce)
        view = self.zone_view(chosen, links=not single_file, claims=claims)
        if not single_file and sum(len(layer.features) for layer in view.layers) > FEW_FEATURES:
            return self.tiled_map(chosen, nonce=nonce)
        return zone_page(view, single_file=single_file, nonce=nonce)

    def tiled_map(self, chosen: date | None, engine: Engine | None = None, *, nonce: str | None = None) -> str:
        """Draw the page of very many parcels; ``engine`` is chosen by their number unless it is named."""
        snapshot = self.snapshot()
        name = self.rulebook.parcels_layer
        outline, count, crs = self._outline(snapshot), len(snapshot.parcels), ""
        if outline is not None:
            crs = working_crs(self.rulebook.jurisdiction, outline.centroid.x)
        layers = tuple(
            TiledLayer(
                edition.spec,
                edition.name,
                len(edition.data),
                " · ".join(filter(None, (edition.data.origin.attribution, edition.data.origin.licence))),
            )
            for id_, edition in snapshot.layers.editions.items()
            if isinstance(edition.data, Features) and id_ != name and not edition.spec.is_withheld
        )
        view = replace(self._view(snapshot, (), (), chosen, links=True), crs_text=_crs_text(crs))
        box = None if outline is None else outline.bounds
        return tiled_page(view, layers, box, count, engine or engine_for(count), parcels_layer=name, nonce=nonce)

    def parcel_map(
        self,
        parcel_id: str,
        chosen: date | None,
        *,
        single_file: bool,
        nonce: str | None = None,
        claims: bool = False,
        linked: str | None = None,
    ) -> str:
        """Draw the page of one parcel with its surroundings; ``linked`` is the digest of the record to be shown."""
        view = self.parcel_view(parcel_id, chosen, links=not single_file, claims=claims)
        kept = None if linked is None else self.kept(parcel_id, linked)
        return parcel_page(view, single_file=single_file, nonce=nonce, linked=linked, kept=kept)

    def parcel_panel(self, parcel_id: str, chosen: date | None) -> dict[str, Any]:
        """Lay out what the map page says of one parcel."""
        [parcel] = self.lone_view([parcel_id], chosen).parcels
        return panel(parcel, _rule_names(self.rulebook), self._layer_titles())

    def check_map(self, chosen: date | None, *, nonce: str | None = None) -> str:
        """Draw the page that checks boundaries from outside, with the parcels there are as its background."""
        snapshot = self.snapshot()
        if len(snapshot.parcels) <= FEW_PARCELS:
            view = self.zone_view(chosen, links=True)
        else:
            view = self._view(snapshot, (), self._zone_layers(snapshot, None), chosen, links=True)
        drawn = [parcel.geometry for parcel in view.parcels]
        drawn += [geometry for layer in view.layers for _, geometry, _ in layer.features]
        jurisdiction = self.rulebook.jurisdiction
        codes = [*(working_crs(jurisdiction, one.centroid.x) for one in drawn[:1]), *jurisdiction.geographic_crs]
        return check_page(view, crs=[(code, _crs_text(code)) for code in codes], nonce=nonce)

    def compare_map(
        self, ids: Sequence[str], chosen: date | None, *, linked: str | None = None, nonce: str | None = None
    ) -> str:
        """Draw the page of some parcels side by side; with ``linked``, one as it was kept and as it is.

        Raises
        ------
        NotFound
            When no parcel has one of the ids, or no record with that digest was kept.
        """
        shown = self.lone_view(ids, chosen).parcels
        if linked is not None:
            kept = self.kept(ids[0], linked)
            if kept is None:
                raise NotFound("没有留存这份核查记录 / that record was not kept")
            shown = (replace(shown[0], record=kept), shown[0])
        return compare_page(self._around(shown, chosen), shown, nonce=nonce)

    def _around(self, shown: Sequence[MapParcel], chosen: date | None) -> MapView:
        """Gather some parcels, the outlines of the ones near them, and the zones they lie in."""
        snapshot = self.snapshot()
        parcels = {one.id: one for one in shown}
        window = shapely.union_all([shapely.box(*shapely.buffer(one.geometry, 0.008).bounds) for one in shown])
        crs = shown[0].record["parcel"]["crs"]
        near = [snapshot.parcels[other] for other in self._near(snapshot, window) if other not in parcels]
        view = self._view(snapshot, tuple(parcels.values()), self._zone_layers(snapshot, window), chosen, links=True)
        return replace(view, around=tuple(_neighbour(other, crs) for other in near))

    def _near(self, snapshot: Snapshot, window: BaseGeometry) -> list[str]:
        """Find the parcels that meet a window in degrees, in the order of ids."""
        parcels = snapshot.layers.features(self.rulebook.parcels_layer)
        if parcels is None:
            return []
        west, south, east, north = window.bounds
        fine = shapely.segmentize(window, max(east - west, north - south) / 16)
        rows = parcels.tree.query(project(fine, LON_LAT, parcels.crs), predicate="intersects")
        return sorted(parcels.ids[row] for row in rows.tolist())

    def _outline(self, snapshot: Snapshot) -> BaseGeometry | None:
        """Return a box around all parcels, in degrees; ``None`` where there are none."""
        parcels = snapshot.layers.features(self.rulebook.parcels_layer)
        if parcels is None or not len(parcels):
            return None
        west, south, east, north = shapely.total_bounds(parcels.geometries)
        around = shapely.segmentize(shapely.box(west, south, east, north), max(east - west, north - south) / 8)
        return lon_lat(around, parcels.crs).envelope

    def _zone_layers(self, snapshot: Snapshot, window: BaseGeometry | None) -> tuple[MapLayer, ...]:
        return self._map_layers(snapshot, window, only=self.rulebook.zones_layer)

    def uploaded(self, boundaries: ingest.Boundaries, found: checking.Measured) -> dict[str, Any]:
        """Lay out what was concluded of boundaries from outside, and how they were read, as the check page shows it."""
        given, report = dict(boundaries.parcels), boundaries.report
        crs, how = _crs_text(report.crs), labels.CRS_HOW.get(report.crs_how, Text(report.crs_how, report.crs_how))
        shown = [
            uploaded(
                row,
                content,
                drawn,
                land_use=self.catalogue.named(code, given[row].land_use_system)
                if (code := given[row].land_use)
                else None,
                names=_rule_names(self.rulebook),
                layer_titles=self._layer_titles(),
            )
            for (row, content), drawn in zip(found.records, found.drawn, strict=True)
        ]
        return {"found": shown, "crs": [crs.zh, crs.en], "crs_how": [how.zh, how.en]}

    def keep(self, parcel_id: str, chosen: date | None) -> VerdictRow:
        """Keep the present record of a parcel for good, so that a link can show it later."""
        snapshot, asked = self.snapshot(), self.as_of(chosen)
        written = snapshot.written(parcel_id, asked)
        content, digest = snapshot.body(written), written.digest
        found = snapshot.record(parcel_id, asked)
        day, status = date.fromisoformat(found["as_of"]), found["verdict"]["status"]
        return self.workspace.register.append_verdict(parcel_id, day, digest, status, content)

    def kept(self, parcel_id: str, digest: str) -> Record | None:
        """Return a record that was kept, ``None`` when none with that digest was."""
        rows = self.workspace.register.verdicts_of(parcel_id) if parcel_id in self.parcels else ()
        row = next((row for row in rows if row.digest == digest), None)
        return None if row is None else json.loads(row.record)

    def enter(
        self, claim: Claim, source: str, at: datetime, chosen: date | None, *, actor: str | None = None
    ) -> dict[str, Any]:
        """Enter a claim, and lay out what the list says of its parcel now.

        Parameters
        ----------
        source : str
            Who entered it and who looked it over, for the audit.
        actor : str, optional
            Id of the key with which it was entered, for the audit.

        Raises
        ------
        NotFound
            When no parcel has that id.
        """
        self.verdict(claim.parcel_id, chosen)
        self.workspace.register.put([claim], source=source, at=at, actor=actor)
        [parcel] = self.lone_view([claim.parcel_id], chosen).parcels
        return listed(parcel, _rule_names(self.rulebook))

    def zone_view(self, chosen: date | None, *, links: bool, claims: bool = False) -> MapView:
        """Gather what the page of all parcels shows."""
        snapshot, asked = self.snapshot(), self.as_of(chosen)
        parcels = tuple(self._map_parcel(*snapshot.conclusion(parcel_id, asked)) for parcel_id in snapshot.parcels)
        layers = self._map_layers(snapshot, None)
        if sum(len(layer.features) for layer in layers) > FEW_FEATURES and (outline := self._outline(snapshot)):
            layers = self._map_layers(snapshot, outline.buffer(NEAR_DEGREES).envelope)
        return self._view(snapshot, parcels, layers, chosen, links=links, claims=claims)

    def parcel_view(self, parcel_id: str, chosen: date | None, *, links: bool, claims: bool = False) -> MapView:
        """Gather what the page of one parcel shows: the parcel, and what lies within 1.5 km."""
        snapshot, asked = self.snapshot(), self.as_of(chosen)
        verdict, body = snapshot.conclusion(parcel_id, asked)
        window = lon_lat(shapely.box(*shapely.buffer(verdict.geometry, 1500.0).bounds), verdict.crs)
        near = (snapshot.parcels[other] for other in self._near(snapshot, window) if other != parcel_id)
        view = self._view(
            snapshot,
            (self._map_parcel(verdict, body),),
            self._map_layers(snapshot, window),
            chosen,
            links=links,
            claims=claims,
        )
        return replace(view, around=tuple(_neighbour(other, verdict.crs) for other in near))

    def lone_view(self, ids: Sequence[str], chosen: date | None) -> MapView:
        """Gather some parcels without layers around them."""
        snapshot, asked = self.snapshot(), self.as_of(chosen)
        parcels = tuple(self._map_parcel(*snapshot.conclusion(parcel_id, asked)) for parcel_id in ids)
        return self._view(snapshot, parcels, (), chosen, links=True)

    # sheets

    def check_sheet(
        self,
        parcel_id: str,
        chosen: date | None,
        permalink: str,
        *,
        language: sheet.Language = sheet.Language.ZH,
        basemap: Mapping[str, Any] | None = None,
        nonce: str | None = None,
    ) -> str:
        """Write the check sheet of a parcel for paper; ``permalink`` is printed as a QR code.

        Parameters
        ----------
        basemap : mapping, optional
            The one to lay under its map, as the API describes it.

        Raises
        ------
        NotFound
            When no parcel has that id.
        """
        verdict, body = self.snapshot().conclusion(parcel_id, self.as_of(chosen))
        frame = sheet.check_frame(verdict.geometry.bounds)
        view = self._sheet_view(frame, verdict.crs, chosen, parcel_id, permalink, language, basemap)
        layer_of = self._layer_of()
        asked = {layer_of[found["code"]] for found in body["readiness"]["services"] if found["required"]}
        return sheet.check_sheet(view, layers=frozenset(filter(None, asked)), nonce=nonce)

    def map_sheet(
        self,
        parcel_id: str | None,
        chosen: date | None,
        permalink: str,
        *,
        paper: sheet.Paper = sheet.Paper.A4,
        orientation: sheet.Orientation = sheet.Orientation.LANDSCAPE,
        scale: int | None = None,
        window: sheet.Box | None = None,
        layers: frozenset[str] | None = None,
        language: sheet.Language = sheet.Language.ZH,
        basemap: Mapping[str, Any] | None = None,
        nonce: str | None = None,
    ) -> str:
        """Write a map for paper: of one parcel, of a window (west, south, east, north in degrees), or of all parcels.

        Raises
        ------
        NotFound
            When no parcel has that id.
        InputError
            When more parcels lie in the window than can be told apart on paper.
        """
        snapshot = self.snapshot()
        fill = 1.0
        if parcel_id is not None:
            verdict = snapshot.verdict(parcel_id, self.as_of(chosen))
            crs, box, fill = verdict.crs, verdict.geometry.bounds, 0.7
        elif window is not None:
            crs = working_crs(self.rulebook.jurisdiction, (window[0] + window[2]) / 2)
            box = project(shapely.box(*window), LON_LAT, crs).bounds
        else:
            whole = self._outline(snapshot)
            if whole is None:
                raise InputError(
                    Fault(
                        "no_parcels", "还没有导入地块", "there are no parcels", "请先导入地块", "import parcels first"
                    )
                )
            crs = working_crs(self.rulebook.jurisdiction, whole.centroid.x)
            box, fill = project(whole, LON_LAT, crs).bounds, 0.94
        frame = sheet.map_frame(box, paper, orientation, fill=fill, scale=scale)
        view = self._sheet_view(frame, crs, chosen, parcel_id, permalink, language, basemap)
        return sheet.map_sheet(view, paper, orientation, layers=layers, nonce=nonce)

    def _sheet_view(
        self,
        frame: sheet.Frame,
        crs: str,
        chosen: date | None,
        focus: str | None,
        permalink: str,
        language: sheet.Language,
        basemap: Mapping[str, Any] | None,
    ) -> sheet.SheetView:
        """Gather what a frame shows, in metres."""
        snapshot, asked = self.snapshot(), self.as_of(chosen)
        ground = shapely.box(*frame.ground)
        window = lon_lat(ground, crs)
        near = self._near(snapshot, window)
        if len(near) > sheet.MOST_PARCELS:
            raise InputError(
                Fault(
                    "too_many_parcels",
                    f"图幅内有 {len(near)} 宗地块，多于 {sheet.MOST_PARCELS} 宗",
                    f"{len(near)} parcels on one sheet, more than {sheet.MOST_PARCELS}",
                    "请缩小范围后再打印",
                    "print a smaller window",
                )
            )
        parcels = tuple(self._map_parcel(*snapshot.conclusion(one, asked), crs) for one in near)
        view = self._view(snapshot, parcels, self._map_layers(snapshot, ground, crs), chosen, links=False)
        # The date that a parcel is asked about anyway was not chosen by anybody.
        usual = self.as_of(None).of(snapshot.parcels[focus]) if focus and focus in snapshot.parcels else None
        return sheet.SheetView(
            replace(view, crs_text=_crs_text(crs)),
            next((parcel for parcel in parcels if parcel.id == focus), None),
            frame,
            permalink,
            language,
            None if chosen == usual else chosen,
            {
                name: edition.edition_date.isoformat()
                for name, edition in snapshot.layers.editions.items()
                if edition.edition_date is not None
            },
            crs,
            basemap,
        )

    def _package_view(self, snapshot: Snapshot, verdict: Verdict, body: Record, profile: Profile) -> MapView:
        """Show the parcel alone in the public profile; with its pieces in the internal one."""
        full = self._map_parcel(verdict, body)
        shown = full if profile is Profile.INTERNAL else replace(full, pieces=())
        return self._view(snapshot, (shown,), (), verdict.as_of, links=False)

    def _map_parcel(self, verdict: Verdict, body: Record, crs: str = LON_LAT) -> MapParcel:
        pieces = tuple(
            MapPiece(
                piece.role,
                piece.code,
                piece.cls,
                piece.area_m2,
                piece.severity.value,
                project(piece.geometry, verdict.crs, crs),
            )
            for piece in geojson.pieces(verdict)
        )
        code = body["parcel"]["land_use"]
        return MapParcel(
            body,
            project(verdict.geometry, verdict.crs, crs),
            pieces,
            land_use=self.catalogue.named(code, verdict.parcel.land_use_system) if code else None,
            zone_name=verdict.zone.name if verdict.zone else None,
            filed=self._filed(verdict.parcel, body["verdict"]["status"]),
        )

    def _layer_titles(self) -> dict[str, Text]:
        return {name: spec.title for name, spec in self.catalogue.layers.items()}

    def _filed(self, parcel: Parcel, status: str) -> Filed:
        kept = self.workspace.register.verdicts_of(parcel.id) if parcel.stage == ANNOUNCED else ()
        return Filed(
            parcel.planned_notice_on.isoformat() if parcel.planned_notice_on else "",
            parcel.stage or "",
            parcel.batch or "",
            parcel.unit_no or "",
            parcel.location or "",
            bool(kept) and kept[-1].status != status,
        )

    def _map_layers(
        self, snapshot: Snapshot, window: BaseGeometry | None, crs: str = LON_LAT, *, only: str | None = None
    ) -> tuple[MapLayer, ...]:
        """Gather what the layers have in a window, or everywhere; of one layer alone where it is named."""
        ground = Ground(snapshot.layers, crs, self.rulebook.zones_layer)
        return tuple(
            _map_layer(edition.name, placed, window, self.catalogue)
            for name, edition in snapshot.layers.editions.items()
            if name != self.rulebook.parcels_layer
            and only in (None, name)
            and not edition.spec.is_withheld
            and (placed := ground.features(name)) is not None
        )

    def _view(
        self,
        snapshot: Snapshot,
        parcels: tuple[MapParcel, ...],
        layers: tuple[MapLayer, ...],
        chosen: date | None,
        *,
        links: bool,
        claims: bool = False,
    ) -> MapView:
        editions = snapshot.layers.editions.values()
        dates = [edition.edition_date for edition in editions if edition.edition_date is not None]
        crs = parcels[0].record["parcel"]["crs"] if parcels else ""
        return MapView(
            title=Text("供地前核查工作台", "Pre-listing check"),
            as_of=chosen.isoformat() if chosen else None,
            fallback=self.as_of(None).fallback.isoformat(),
            data_until=max(dates).isoformat() if dates else "—",
            parcels=parcels,
            layers=layers,
            crs_text=_crs_text(crs),
            synthetic=any(edition.data.origin.synthetic for edition in editions),
            links=links,
            claims=links and claims,
            today=self._today().isoformat() if links else "",
            layer_titles=self._layer_titles(),
            names=_rule_names(self.rulebook),
            basemaps=self._basemaps() if links else (),
        )

    def _basemaps(self) -> tuple[dict[str, Any], ...]:
        found = basemaps.registered(self.workspace.directory, self.rulebook.jurisdiction)
        return tuple(basemap.described() for basemap in found)


class _Latest:
    """The newest snapshot, and the parts of it that somebody has asked for."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = Lock()
        self._snapshot: Snapshot | None = None
        self._parts: Kept[frozenset[str], Part] = Kept(PARTS)
        # Editions never change, and most outlive many snapshots.
        self._editions: Kept[tuple[str, str | None, frozenset[str]], Edition] = Kept(PARTS * 64)

    def snapshot(self, own: frozenset[str] | None) -> Snapshot:
        with self._lock:
            # Asked before anything is read: a change in between makes this snapshot old, and the next call reads again.
            revision = self._workspace.register.revision()
            if self._snapshot is None or self._snapshot.revision != revision:
                self._snapshot = Snapshot(self._workspace, revision)
                self._parts = Kept(PARTS)
                names = {edition.name for edition in self._snapshot.layers.editions.values()}
                self._editions.drop(lambda key: key[0] not in names)
            if own is None:
                return self._snapshot
            part = self._parts.get(own)
            if part is None:
                part = self._part(self._snapshot, own)
                self._parts.put(own, part, 1)
            return part

    def ready(self, own: frozenset[str] | None) -> Snapshot | None:
        revision = self._workspace.register.revision()
        if own is None:
            whole = self._snapshot
            return whole if whole is not None and whole.revision == revision else None
        part = self._parts.get(own)
        return part if part is not None and part.revision == (revision, own) else None

    def _part(self, whole: Snapshot, own: frozenset[str]) -> Part:
        rules, editions = self._workspace.rulebook, whole.layers.editions
        zones = editions[rules.zones_layer].name if rules.zones_layer in editions else None
        found = {}
        for layer, edition in editions.items():
            key = (edition.name, zones, own)
            seen = self._editions.get(key)
            if seen is None:
                seen = own_part(whole.layers, layer, own, rules)
                self._editions.put(key, seen, 1)
            found[layer] = seen
        layers = LayerSet(found)
        parcels = layers.features(rules.parcels_layer)
        return Part(whole, own, layers, () if parcels is None else parcels.ids)


def _rule_names(rulebook: Rulebook) -> RuleNames:
    return RuleNames(
        {code: rule.short for code, rule in rulebook.assessments.items() if rule.short is not None},
        tuple((line.code, line.title) for line in rulebook.preconditions),
    )


def _neighbour(parcel: Parcel, crs: str) -> Neighbour:
    area_m2 = float(project(parcel.geometry, parcel.crs, crs).area)
    return Neighbour(parcel.id, parcel.name or "", area_m2, lon_lat(parcel.geometry, parcel.crs))


def _map_layer(edition: str, data: Features, window: BaseGeometry | None, catalogue: Catalogue) -> MapLayer:
    """Show the features of a layer; those that name a zone version stand on its boundary."""
    # A field beside which another says the code system holds a land-use code.
    systems = {spec.name: f"{spec.name}_system" for spec in data.spec.fields if data.spec.field(f"{spec.name}_system")}
    shown = []
    rows = range(len(data)) if window is None else sorted(data.tree.query(window, predicate="intersects").tolist())
    for row in rows:
        geometry = data.geometries[row]
        if geometry is None:
            continue
        values: dict[str, str | Text] = {
            spec.name: str(value)
            for spec in data.spec.fields
            if not spec.private and (value := data.value(row, spec.name)) is not None
        }
        for name, system in systems.items():
            if name in values:
                declared = values.pop(system, None)
                values[name] = catalogue.named(str(values[name]), str(declared) if declared else None)
        shown.append((data.ids[row], geometry, values))
    origin = data.origin
    return MapLayer(data.spec, edition, shown, data.extent, origin.synthetic, origin.attribution, origin.licence)


def _crs_text(code: str) -> Text:
    if not code:
        return Text("", "")
    crs = crs_of(code)
    degrees = central_meridian(code)
    meridian = Text("", "") if degrees is None else Text(f" 中央子午线{degrees:g}°", f", central meridian {degrees:g}°")
    return Text(f"{crs.name}（{code}）", f"{crs.name} ({code})") + meridian
