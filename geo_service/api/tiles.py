"""Tiles as they are asked for: layers laid out once an edition, and tiles that were cut lately."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

import numpy as np
import shapely

from geo_service.api.collections import Collection
from geo_service.engine.ground import Ground
from geo_service.errors import NotFound
from geo_service.kept import Kept
from geo_service.maps.listing import Line, Listing
from geo_service.model.layer import Features
from geo_service.model.parcel import AsOf
from geo_service.pmtiles import archive
from geo_service.projection import LON_LAT, crs_of
from geo_service.service import FEW_PARCELS, Service
from geo_service.snapshot import Snapshot
from geo_service.tiles import COUNTS, NUMBER, Column, Layer, Square, covering, cut, laid, marked
from geo_service.tiles.square import in_degrees

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

#: What is kept of one state of the workspace by date, and of the state before.
STATES = 4
LAID_BYTES, CUT_BYTES = 1_000_000_000, 128_000_000
#: Raised when other bytes are made of the same data.
FORMAT = 1
STATUS = "verdict"
#: What a tile says of a parcel beside its id and its verdict; the rest is asked for with the parcel.
PARCEL_FIELDS = ("name", "zone")
MATRICES = Path(__file__).parent / "tile_matrices.json"


@dataclass(frozen=True, eq=False)
class Tiled:
    """A layer ready to be cut, and the tag that changes when anything in its tiles may."""

    layer: Layer
    tag: str


class Tiles:
    """What has been laid out and cut so far; bounded, and the same for all who ask at once."""

    def __init__(self, service: Service) -> None:
        self._service = service
        # Held while something large is made: callers who ask for it at once then share the work.
        self._lock = RLock()
        # By layer, edition, and whatever else what is laid out depends on.
        self._laid: Kept[tuple[str, str, Hashable], Layer] = Kept(LAID_BYTES)
        self._statuses: Kept[Hashable, dict[str, str]] = Kept(STATES)
        self._verdicts: Kept[Hashable, Tiled] = Kept(STATES)
        self._listings: Kept[Hashable, Listing] = Kept(STATES)
        self._cut: Kept[Hashable, bytes] = Kept(CUT_BYTES)

    def warm_up(self) -> None:
        """Make what the page of very many parcels needs before anybody asks for it; of few it is made when it is."""
        snapshot, asked = self._service.snapshot(), self._service.as_of(None)
        if len(snapshot.parcels) > FEW_PARCELS:
            self._with_verdicts(snapshot, asked)
            self.listing(snapshot, asked)

    def tiled(self, snapshot: Snapshot, collection: Collection, asked: AsOf) -> Tiled:
        """Return the layer of a collection.

        Raises
        ------
        NotFound
            When the layer is not imported.
        """
        if collection.takes_as_of:
            return self._with_verdicts(snapshot, asked)
        return self._of_layer(snapshot, collection.id)

    def listing(self, snapshot: Snapshot, asked: AsOf) -> Listing:
        """Return the list of all parcels; empty where none are imported."""
        return self._once(
            self._listings, (snapshot.revision, asked), lambda: Listing(self._lines(snapshot, asked)), lambda _: 1
        )

    def _once(self, kept: Kept[K, T], key: K, make: Callable[[], T], size: Callable[[T], int]) -> T:
        found = kept.get(key)
        if found is None:
            with self._lock:
                found = kept.get(key)
                if found is None:
                    found = make()
                    kept.put(key, found, size(found))
        return found

    def _known(self, snapshot: Snapshot, asked: AsOf) -> dict[str, str]:
        return self._once(
            self._statuses, (snapshot.revision, asked), lambda: self._service.statuses(snapshot, asked), lambda _: 1
        )

    def _lines(self, snapshot: Snapshot, asked: AsOf) -> list[Line]:
        parcels = snapshot.layers.features(self._service.rulebook.parcels_layer)
        if parcels is None:
            return []
        places = self._of_layer(snapshot, parcels.spec.id, PARCEL_FIELDS).layer
        boxes = in_degrees(places.bounds)
        areas = shapely.area(parcels.geometries) if crs_of(parcels.crs).is_projected else None
        statuses, notices = self._known(snapshot, asked), dict(snapshot.parcels.notices())
        return [
            Line(
                id_,
                name,
                zone,
                unit_no,
                location,
                None if areas is None else float(areas[row]),
                notice.isoformat() if (notice := notices[id_]) else "",
                statuses.get(id_),
                boxes[row],
            )
            for row, (id_, name, zone, unit_no, location) in enumerate(
                zip(
                    parcels.ids,
                    _texts(parcels, "name"),
                    _texts(parcels, "zone"),
                    _texts(parcels, "unit_no"),
                    _texts(parcels, "location"),
                    strict=True,
                )
            )
        ]

    def tile(self, tiled: Tiled, square: Square) -> bytes:
        """Return one tile, compressed; empty when nothing lies there."""
        key = (tiled.tag, square)
        found = self._cut.get(key)
        if found is None:
            plain = cut(tiled.layer, square, by=STATUS)
            # The same bytes whenever they are written: no time enters.
            found = gzip.compress(plain, 4, mtime=0) if plain else b""
            self._cut.put(key, found, len(found) + 200)
        return found

    def archive(self, snapshot: Snapshot, collection: Collection, asked: AsOf, most_zoom: int) -> bytes:
        """Write all tiles of a collection, up to a zoom, into one file (PMTiles).

        Raises
        ------
        NotFound
            When the layer is not imported, or nothing of it has a place.
        """
        tiled = self.tiled(snapshot, collection, asked)
        layer = tiled.layer
        tiles = (
            ((square.zoom, square.row, square.column), content)
            for square in covering(layer, most_zoom)
            if (content := self.tile(tiled, square))
        )
        boxes = layer.bounds[~np.isnan(layer.bounds[:, 0])]
        if not len(boxes):
            raise NotFound(f"图层 {collection.id} 没有要素 / layer {collection.id} has no features")
        [box] = in_degrees(np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])[None])
        about = {
            "name": f"{collection.title.zh} / {collection.title.en}",
            "attribution": collection.licence,
            "type": "overlay",
            "vector_layers": [
                {"id": layer.name, "fields": {column.name: column.kind for column in layer.columns}},
                {"id": layer.name + COUNTS, "fields": {NUMBER: "Number"}},
            ],
        }
        return archive(tiles, about, box)

    def _of_layer(self, snapshot: Snapshot, name: str, fields: tuple[str, ...] | None = None) -> Tiled:
        edition = snapshot.layers.editions.get(name)
        if edition is None or not isinstance(edition.data, Features):
            raise NotFound(f"图层 {name} 未导入 / layer {name} is not imported")
        data, zones = edition.data, self._service.rulebook.zones_layer
        named = [edition.tag]
        if edition.spec.geometry_from and zones in snapshot.layers.editions:
            named.append(snapshot.layers.editions[zones].tag)
        shown = tuple(field.name for field in data.spec.shown_fields) if fields is None else fields
        tag = (*named, shown)

        def lay() -> Layer:
            # Of other editions nobody asks any more.
            self._laid.drop(lambda old: old[0] == name and old[1] != edition.name)
            placed = Ground(snapshot.layers, LON_LAT, zones).features(name) if len(named) > 1 else None
            return laid(placed or data, shown)

        layer = self._once(self._laid, (name, edition.name, tag), lay, lambda layer: layer.nbytes)
        return Tiled(layer, _tag(tag))

    def _with_verdicts(self, snapshot: Snapshot, asked: AsOf) -> Tiled:
        def mark() -> Tiled:
            name = self._service.rulebook.parcels_layer
            places, parcels = self._of_layer(snapshot, name, PARCEL_FIELDS), snapshot.layers.features(name)
            assert parcels is not None
            column = Column.of(STATUS, map(self._known(snapshot, asked).get, parcels.ids))
            said = hashlib.sha256(column.codes.tobytes() + b"".join(column.values)).hexdigest()
            return Tiled(marked(places.layer, column), _tag((places.tag, said)))

        return self._once(self._verdicts, (snapshot.revision, asked), mark, lambda _: 1)


def _texts(features: Features, name: str) -> Iterable[str]:
    column = features.attributes.get(name)
    return repeat("", len(features)) if column is None else map(str, (value or "" for value in column))


def _tag(key: tuple[Any, ...]) -> str:
    return hashlib.sha256(json.dumps([FORMAT, *key], ensure_ascii=False).encode()).hexdigest()[:32]


@cache
def matrices() -> dict[str, dict[str, Any]]:
    """Return the tile matrix sets by id, as they are defined."""
    found: dict[str, dict[str, Any]] = json.loads(MATRICES.read_text(encoding="utf-8"))
    return found
