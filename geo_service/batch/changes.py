"""What new editions can change: the parcels near features that came, went or differ. In doubt a parcel is affected.

A record names the editions that it read, so that every record changes with an edition; but where no feature near the
parcel does, nothing needs to be measured again. That holds for vector layers only, and not where the layer as a whole
may speak differently: when it is new, withdrawn, of another date or CRS, or placed by the zones.
"""

from __future__ import annotations

import hashlib

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.batch.basis import Basis, EditionName, reach_m
from geo_service.engine.ground import Ground
from geo_service.errors import GeoServiceError
from geo_service.model.layer import Edition, Features, LayerSet
from geo_service.store.workspace import Workspace

#: Beside the rules' own distances: a buffer or a projection may be off by rounding.
MARGIN_M = 1.0

Boxes = NDArray[np.float64]


class Changes:
    """What changed from one basis to another, asked by working CRS.

    Attributes
    ----------
    everywhere : bool
        Every parcel is affected.
    """

    def __init__(self, workspace: Workspace, old: Basis, new: Basis) -> None:
        self._zones_layer = workspace.rulebook.zones_layer
        self._zones: Edition | None = None
        self._changed: list[tuple[Edition, Edition, float]] = []
        self._boxes: dict[str, tuple[Boxes, ...] | None] = {}
        reach = reach_m(workspace.rulebook)
        self.everywhere = (old.software, old.rulebook_sha256, old.catalogue_sha256) != (
            new.software,
            new.rulebook_sha256,
            new.catalogue_sha256,
        )
        for layer in sorted(reach):
            before, after = old.edition(layer), new.edition(layer)
            if self.everywhere or before == after:
                continue
            if before is None or after is None or layer in (self._zones_layer, workspace.rulebook.parcels_layer):
                self.everywhere = True
                continue
            editions = _comparable(workspace, before, after)
            if editions is None:
                self.everywhere = True
                continue
            self._changed.append((*editions, reach[layer] + MARGIN_M))
        zones = new.edition(self._zones_layer)
        if self._changed and not self.everywhere and zones is not None:
            self._zones = workspace.edition(zones.name)

    def affects(self, crs: str, bounds: Boxes) -> NDArray[np.bool_]:
        """Tell which of some parcels are affected.

        Parameters
        ----------
        crs : str
            Their working CRS.
        bounds : ndarray, shape (n, 4)
            Theirs in it.
        """
        if not self.everywhere and crs not in self._boxes:
            self._boxes[crs] = self._in(crs)
        changed = None if self.everywhere else self._boxes[crs]
        if changed is None:
            return np.ones(len(bounds), dtype=bool)
        affected = np.zeros(len(bounds), dtype=bool)
        tree = shapely.STRtree(shapely.box(*bounds.T))
        for boxes in changed:
            affected[tree.query(shapely.box(*boxes.T))[1]] = True
        return affected

    def _in(self, crs: str) -> tuple[Boxes, ...] | None:
        """Return the boxes of what changed in a CRS, widened, by layer; ``None`` where a layer has no place in it."""
        found = []
        for before, after, reach in self._changed:
            old, new = self._placed(before, crs), self._placed(after, crs)
            if old is None or new is None:
                return None
            found.append(_boxes(old, new) + np.array([-reach, -reach, reach, reach]))
        return tuple(found)

    def _placed(self, edition: Edition, crs: str) -> Features | None:
        editions = {edition.spec.id: edition}
        if self._zones is not None:
            editions[self._zones_layer] = self._zones
        return Ground(LayerSet(editions), crs, self._zones_layer).features(edition.spec.id)


def _comparable(workspace: Workspace, before: EditionName, after: EditionName) -> tuple[Edition, Edition] | None:
    """Read two editions that may be compared feature by feature."""
    if before.edition_date != after.edition_date:
        return None
    try:
        old, new = workspace.edition(before.name), workspace.edition(after.name)
    except GeoServiceError:
        # The old one is gone; a new one that cannot be read is told when it is measured.
        return None
    if not (isinstance(old.data, Features) and isinstance(new.data, Features)) or old.data.crs != new.data.crs:
        return None
    # Features of one id are told apart by their rows, which others may have moved.
    unique = all(len(set(features.ids)) == len(features) for features in (old.data, new.data))
    return (old, new) if unique else None


def _boxes(old: Features, new: Features) -> Boxes:
    """Return the boxes of the features that one edition has and the other has not, and of extents that differ."""
    ours, theirs = _features(old), _features(new)
    moved = [old.geometries[row] for name, row in ours.items() if name not in theirs]
    moved += [new.geometries[row] for name, row in theirs.items() if name not in ours]
    extents = [features.extent for features in (old, new)]
    if len({None if extent is None else extent.wkb for extent in extents}) > 1:
        moved += [extent for extent in extents if extent is not None]
    present = np.array([one for one in moved if one is not None and not one.is_empty], dtype=object)
    return np.asarray(shapely.bounds(present)).reshape(-1, 4)


def _features(features: Features) -> dict[bytes, int]:
    """Return the row of every feature by the hash of what it says and where it is."""
    names = sorted(features.attributes)
    columns = [features.attributes[name] for name in names]
    found = {}
    for row, (id_, wkb) in enumerate(zip(features.ids, shapely.to_wkb(features.geometries), strict=True)):
        said = repr((id_, [column[row] for column in columns])).encode()
        found[hashlib.sha256(len(said).to_bytes(8, "big") + said + (wkb or b"")).digest()] = row
    return found
