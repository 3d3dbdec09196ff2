"""What is published at one moment, with what was concluded from it."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from threading import Lock

from shapely.geometry.base import BaseGeometry

from geo_service.engine import examine
from geo_service.export import record
from geo_service.export.geojson import parcel_properties
from geo_service.export.record import Record
from geo_service.kept import Kept
from geo_service.model.finding import Verdict
from geo_service.model.layer import LayerSet, Value
from geo_service.model.parcel import AsOf, Parcel
from geo_service.projection import lon_lat, project
from geo_service.store import parcels as stored
from geo_service.store.workspace import Workspace

#: A verdict with its record takes a quarter of a megabyte as it is, and a tenth of that packed.
PACKED_BYTES = 256_000_000
UNPACKED = 128
#: Records that are asked for again and again are not unpacked each time.
UNPACKED_BYTES = 16_000_000
#: What an entry takes beside its packed parts.
ENTRY_BYTES = 500
#: Summaries are kept for many more parcels, because a search looks at all of them.
SUMMARIES = 30_000

Key = tuple[str, date, str | None]
# Held while a verdict is computed: callers who ask for the same parcels at once then share the work, and of prepared
# geometries, which several snapshots may have in common, GEOS allows no two threads the first use.
_EXAMINING = Lock()


@dataclass(frozen=True, slots=True)
class Summary:
    """What a search asks of a parcel.

    Attributes
    ----------
    crs : str
        Working CRS in which it was measured.
    """

    crs: str
    _names: tuple[str, ...]
    _values: tuple[Value, ...]
    _codes: tuple[str, ...]
    _outcomes: tuple[str, ...]

    @property
    def properties(self) -> dict[str, Value]:
        """Flat properties, as in GeoJSON."""
        return dict(zip(self._names, self._values, strict=True))

    @property
    def outcomes(self) -> Mapping[str, str]:
        """Outcome of every finding, by code."""
        return dict(zip(self._codes, self._outcomes, strict=True))


@dataclass(frozen=True, slots=True)
class Written:
    """A verdict and its record, packed; and the record's canonical bytes, packed.

    Attributes
    ----------
    digest : str
        Of the record.
    """

    digest: str
    conclusion: bytes
    body: bytes


class Snapshot:
    """What is published at one moment, with what has been concluded from it so far.

    An answer that reads one snapshot never mixes two editions of a layer, and nothing that was concluded from old
    editions outlives them.
    """

    def __init__(self, workspace: Workspace, revision: int) -> None:
        #: Later ones have higher numbers.
        self.moment: int = revision
        self.revision: Hashable = revision
        self.layers: LayerSet = workspace.layer_set()
        self.parcels: stored.Parcels = stored.parcels(workspace, self.layers)
        self._workspace = workspace
        self._entries: Kept[Key, Written] = Kept(PACKED_BYTES)
        self._bodies: Kept[str, bytes] = Kept(UNPACKED_BYTES)
        self._summaries: Kept[Key, Summary] = Kept(SUMMARIES)
        self._unpacked: Kept[Key, tuple[Verdict, Record]] = Kept(UNPACKED)
        # Names of the same properties stand in every summary; one tuple of them is enough.
        self._shared: dict[tuple[str, ...], tuple[str, ...]] = {}

    def verdict(self, parcel_id: str, asked: AsOf, project_type: str | None = None) -> Verdict:
        """Examine one parcel; what was concluded is kept.

        Raises
        ------
        NotFound
            When no parcel has that id.
        """
        return self.conclusion(parcel_id, asked, project_type)[0]

    def record(self, parcel_id: str, asked: AsOf, project_type: str | None = None) -> Record:
        """Return the assessment record of one parcel.

        Raises
        ------
        NotFound
            When no parcel has that id.
        """
        return self.conclusion(parcel_id, asked, project_type)[1]

    def conclusion(self, parcel_id: str, asked: AsOf, project_type: str | None = None) -> tuple[Verdict, Record]:
        """Return the verdict of one parcel with its record.

        Raises
        ------
        NotFound
            When no parcel has that id.
        """
        key = self._key(parcel_id, asked, project_type)
        entry = self._written(key)
        found = self._unpacked.get(key)
        if found is None:
            # Written by this process a while ago.
            found = pickle.loads(zlib.decompress(entry.conclusion))  # noqa: S301
            self._unpacked.put(key, found, 1)
        return found

    def written(self, parcel_id: str, asked: AsOf, project_type: str | None = None) -> Written:
        """Return what was concluded of one parcel, as it is kept.

        Raises
        ------
        NotFound
            When no parcel has that id.
        """
        return self._written(self._key(parcel_id, asked, project_type))

    def known(self, parcel_id: str, asked: AsOf, project_type: str | None = None) -> Written | None:
        """Return what was concluded of one parcel, if it was, and wait for nothing.

        Raises
        ------
        NotFound
            When no parcel has that id.
        """
        return self._entries.get(self._key(parcel_id, asked, project_type))

    def body(self, entry: Written) -> bytes:
        """Return the canonical bytes of a record."""
        found = self._bodies.get(entry.digest)
        if found is None:
            found = zlib.decompress(entry.body)
            self._bodies.put(entry.digest, found, len(found))
        return found

    def summary(self, parcel_id: str, asked: AsOf) -> Summary:
        """Return what a search asks of a parcel.

        Raises
        ------
        NotFound
            When no parcel has that id.
        """
        key = self._key(parcel_id, asked, None)
        found = self._summaries.get(key)
        if found is None:
            found = self._summary(self.record(parcel_id, asked))
            self._summaries.put(key, found, 1)
        return found

    def place(self, parcel_id: str, asked: AsOf) -> BaseGeometry:
        """Return a parcel as it was measured, in lon/lat.

        Raises
        ------
        NotFound
            When no parcel has that id.
        """
        crs, parcel = self.summary(parcel_id, asked).crs, self._parcel(parcel_id)
        return lon_lat(project(parcel.geometry, parcel.crs, crs), crs)

    def verdicts(self, ids: Iterable[str] | None, asked: AsOf) -> Iterator[Verdict]:
        """Examine several parcels, or all, in the order of ids."""
        for parcel_id in self.parcels if ids is None else ids:
            yield self.verdict(parcel_id, asked)

    def examine(
        self, parcels: Iterable[Parcel], asked: AsOf, project_type: str | None, zone: str | None
    ) -> Iterator[Verdict]:
        """Examine any parcels; nothing is kept."""
        workspace = self._workspace
        typed = (parcel if project_type is None else replace(parcel, project_type=project_type) for parcel in parcels)
        return examine(typed, self.layers, workspace.catalogue, workspace.rulebook, asked, zone=zone)

    def _parcel(self, parcel_id: str) -> Parcel:
        self._require(parcel_id)
        return self.parcels[parcel_id]

    def _require(self, parcel_id: str) -> None:
        # Of another zone's parcel it is said that there is none: for whoever may not see it, there is not.
        if parcel_id not in self.parcels:
            raise stored.unknown(parcel_id)

    def _key(self, parcel_id: str, asked: AsOf, project_type: str | None) -> Key:
        self._require(parcel_id)
        return parcel_id, asked.on(self.parcels.notice(parcel_id)), project_type

    def _written(self, key: Key) -> Written:
        known = self._entries.get(key)
        if known is None:
            with _EXAMINING:
                known = self._entries.get(key)
                if known is None:
                    parcel_id, as_of, project_type = key
                    asked = AsOf(as_of, as_of)
                    verdict = next(self.examine([self.parcels[parcel_id]], asked, project_type, None))
                    known = self._packed(key, verdict, *record.written(verdict))
        return known

    def _packed(self, key: Key, verdict: Verdict, found: Record, content: bytes) -> Written:
        entry = Written(
            found["provenance"]["digest"],
            zlib.compress(pickle.dumps((verdict, found), protocol=5), 1),
            zlib.compress(content, 1),
        )
        self._entries.put(key, entry, len(entry.conclusion) + len(entry.body) + ENTRY_BYTES)
        self._unpacked.put(key, (verdict, found), 1)
        self._summaries.put(key, self._summary(found), 1)
        return entry

    def _summary(self, found: Record) -> Summary:
        properties = parcel_properties(found)
        readiness = found["readiness"]
        findings = (
            *found["assessments"],
            *found["constraints"],
            *readiness["services"],
            readiness["level"],
            *found["indicators"],
        )
        names, codes = tuple(properties), tuple(finding["code"] for finding in findings)
        return Summary(
            found["parcel"]["crs"],
            self._shared.setdefault(names, names),
            tuple(properties.values()),
            self._shared.setdefault(codes, codes),
            tuple(finding["outcome"] for finding in findings),
        )


class Part(Snapshot):
    """What there is of a snapshot for those who may see some zones only.

    What is concluded of a parcel is the same whoever asks, and shared with the whole.

    Parameters
    ----------
    own : frozenset of str
        The zones.
    layers : LayerSet
        What they may see of every layer.
    parcels : iterable of str
        Their parcels.
    """

    def __init__(self, whole: Snapshot, own: frozenset[str], layers: LayerSet, parcels: Iterable[str]) -> None:
        # Whatever is kept by revision is kept for these zones alone.
        self.moment, self.revision = whole.moment, (whole.revision, own)
        self.layers = layers
        self.parcels = whole.parcels.some(frozenset(parcels))
        self._whole = whole

    def conclusion(self, parcel_id: str, asked: AsOf, project_type: str | None = None) -> tuple[Verdict, Record]:
        """Return the verdict of one parcel with its record; see `Snapshot.conclusion`."""
        self._require(parcel_id)
        return self._whole.conclusion(parcel_id, asked, project_type)

    def written(self, parcel_id: str, asked: AsOf, project_type: str | None = None) -> Written:
        """Return what was concluded of one parcel; see `Snapshot.written`."""
        self._require(parcel_id)
        return self._whole.written(parcel_id, asked, project_type)

    def known(self, parcel_id: str, asked: AsOf, project_type: str | None = None) -> Written | None:
        """Return what was concluded of one parcel, if it was; see `Snapshot.known`."""
        self._require(parcel_id)
        return self._whole.known(parcel_id, asked, project_type)

    def body(self, entry: Written) -> bytes:
        """Return the canonical bytes of a record; see `Snapshot.body`."""
        return self._whole.body(entry)

    def summary(self, parcel_id: str, asked: AsOf) -> Summary:
        """Return what a search asks of a parcel; see `Snapshot.summary`."""
        self._require(parcel_id)
        return self._whole.summary(parcel_id, asked)

    def place(self, parcel_id: str, asked: AsOf) -> BaseGeometry:
        """Return a parcel as it was measured, in lon/lat; see `Snapshot.place`."""
        self._require(parcel_id)
        return self._whole.place(parcel_id, asked)

    def examine(
        self, parcels: Iterable[Parcel], asked: AsOf, project_type: str | None, zone: str | None
    ) -> Iterator[Verdict]:
        """Examine any parcels; see `Snapshot.examine`."""
        return self._whole.examine(parcels, asked, project_type, zone)
