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
from geo_service.export.geojson import parcel_properties
from geo_service.export.record import Record, written
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
class _Entry:
    """A verdict and its record, packed; and the record's canonical bytes, packed."""

    conclusion: bytes
    body: bytes
    digest: str


class Snapshot:
    """What is published at one moment, with what has been concluded from it so far.

    An answer that reads one snapshot never mixes two editions of a layer, and nothing that was concluded from old
    editions outlives them.
    """

    def __init__(self, workspace: Workspace, revision: int) -> None:
        self.revision: Hashable = revision
        self.layers: LayerSet = workspace.layer_set()
        self.parcels: stored.Parcels = stored.parcels(workspace, self.layers)
        self._workspace = workspace
        # Held while a verdict is computed: callers who ask for the same parcels at once then share the work.
        self._lock = Lock()
        self._entries: Kept[Key, _Entry] = Kept(PACKED_BYTES)
        self._summaries: Kept[Key, Summary] = Kept(SUMMARIES)
        self._unpacked: Kept[Key, tuple[Verdict, Record]] = Kept(UNPACKED)
        self._bodies: Kept[Key, bytes] = Kept(UNPACKED_BYTES)
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
        key, entry = self._entry(parcel_id, asked, project_type)
        found = self._unpacked.get(key)
        if found is None:
            # Written by this process a while ago.
            found = pickle.loads(zlib.decompress(entry.conclusion))  # noqa: S301
            self._unpacked.put(key, found, 1)
        return found

    def digest(self, parcel_id: str, asked: AsOf, project_type: str | None = None) -> str:
        """Return the digest of a record.

        Raises
        ------
        NotFound
            When no parcel has that id.
        """
        return self._entry(parcel_id, asked, project_type)[1].digest

    def body(self, parcel_id: str, asked: AsOf, project_type: str | None = None) -> bytes:
        """Return the canonical bytes of a record.

        Raises
        ------
        NotFound
            When no parcel has that id.
        """
        key, entry = self._entry(parcel_id, asked, project_type)
        found = self._bodies.get(key)
        if found is None:
            found = zlib.decompress(entry.body)
            self._bodies.put(key, found, len(found))
        return found

    def summary(self, parcel_id: str, asked: AsOf) -> Summary:
        """Return what a search asks of a parcel.

        Raises
        ------
        NotFound
            When no parcel has that id.
        """
        key = (parcel_id, asked.of(self._parcel(parcel_id)), None)
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
        return self.parcels.get(parcel_id) or stored.parcel(self._workspace, parcel_id, self.layers)

    def _entry(self, parcel_id: str, asked: AsOf, project_type: str | None) -> tuple[Key, _Entry]:
        parcel = self._parcel(parcel_id)
        key = (parcel_id, asked.of(parcel), project_type)
        known = self._entries.get(key)
        if known is None:
            with self._lock:
                known = self._entries.get(key)
                if known is None:
                    verdict = next(self.examine([parcel], asked, project_type, None))
                    known = self._packed(key, verdict, *written(verdict))
        return key, known

    def _packed(self, key: Key, verdict: Verdict, found: Record, content: bytes) -> _Entry:
        entry = _Entry(
            zlib.compress(pickle.dumps((verdict, found), protocol=5), 1),
            zlib.compress(content, 1),
            found["provenance"]["digest"],
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
        self.revision = (whole.revision, own)
        self.layers = layers
        self.parcels = whole.parcels.some(frozenset(parcels))
        self._whole = whole

    def conclusion(self, parcel_id: str, asked: AsOf, project_type: str | None = None) -> tuple[Verdict, Record]:
        """Return the verdict of one parcel with its record; see `Snapshot.conclusion`."""
        return self._whole.conclusion(self._parcel(parcel_id).id, asked, project_type)

    def digest(self, parcel_id: str, asked: AsOf, project_type: str | None = None) -> str:
        """Return the digest of a record; see `Snapshot.digest`."""
        return self._whole.digest(self._parcel(parcel_id).id, asked, project_type)

    def body(self, parcel_id: str, asked: AsOf, project_type: str | None = None) -> bytes:
        """Return the canonical bytes of a record; see `Snapshot.body`."""
        return self._whole.body(self._parcel(parcel_id).id, asked, project_type)

    def summary(self, parcel_id: str, asked: AsOf) -> Summary:
        """Return what a search asks of a parcel; see `Snapshot.summary`."""
        return self._whole.summary(self._parcel(parcel_id).id, asked)

    def place(self, parcel_id: str, asked: AsOf) -> BaseGeometry:
        """Return a parcel as it was measured, in lon/lat; see `Snapshot.place`."""
        return self._whole.place(self._parcel(parcel_id).id, asked)

    def examine(
        self, parcels: Iterable[Parcel], asked: AsOf, project_type: str | None, zone: str | None
    ) -> Iterator[Verdict]:
        """Examine any parcels; see `Snapshot.examine`."""
        return self._whole.examine(parcels, asked, project_type, zone)

    def _parcel(self, parcel_id: str) -> Parcel:
        found = self.parcels.get(parcel_id)
        if found is None:
            # Said in the words for a parcel that there is not, because for these zones there is none.
            raise stored.unknown(parcel_id)
        return found
