"""Which parcels there are, in which units they are worked off, and in which order their results are written.

Parcels are read once, from the edition in batches, and laid aside in a file; a tenth of a kilobyte each stays in
memory.
"""

from __future__ import annotations

import hashlib
import pickle
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from geo_service.batch import hilbert
from geo_service.model.parcel import AsOf, Parcel
from geo_service.store import parcels as stored
from geo_service.store.digest import digest
from geo_service.store.workspace import Workspace

#: A unit is small enough that little is lost when a run stops, and there are few enough of them to be kept in order.
UNITS, LEAST, MOST = 256, 8, 1_024

Rows = NDArray[np.int64]


class Plan:
    """The parcels of a run; rows count them as they stand in the edition.

    Parameters
    ----------
    folder : Path
        Where parcels may be laid aside.
    chosen : sequence of str, optional
        Ids, in the order in which results are written; else all, in the order of ids.
    unit_size : int, optional
        Parcels in a unit; else as many as suit their number.

    Raises
    ------
    NotFound
        When there is no parcel of a chosen id.
    """

    def __init__(
        self,
        workspace: Workspace,
        as_of: AsOf,
        folder: Path,
        chosen: Sequence[str] | None = None,
        unit_size: int | None = None,
    ) -> None:
        self._spool: IO[bytes] = TemporaryFile(dir=folder)
        try:
            self._read(workspace, as_of, chosen, unit_size)
        except BaseException:
            self.close()
            raise

    def _read(self, workspace: Workspace, as_of: AsOf, chosen: Sequence[str] | None, unit_size: int | None) -> None:
        ids: list[pa.Array] = []
        keys: list[NDArray[np.bytes_]] = []
        centres: list[NDArray[np.float64]] = []
        sizes: list[NDArray[np.int64]] = []
        edition = workspace.register.published().get(workspace.rulebook.parcels_layer)
        wanted = None if chosen is None else frozenset(chosen)
        for batch in () if edition is None else stored.batches(workspace, edition):
            found = [parcel for parcel in batch if wanted is None or parcel.id in wanted]
            ids.append(pa.array([parcel.id for parcel in found], pa.large_string()))
            keys.append(np.array([_key(parcel, as_of) for parcel in found], dtype="S32"))
            centres.append(np.array([_centre(parcel) for parcel in found]).reshape(-1, 2))
            sizes.append(np.array([self._lay_aside(parcel) for parcel in found], dtype=np.int64))
        self.ids: pa.LargeStringArray = pa.concat_arrays(ids) if ids else pa.array([], pa.large_string())
        self.keys = np.concatenate(keys) if keys else np.empty(0, dtype="S32")
        self._at = np.concatenate([[0], np.cumsum(np.concatenate(sizes) if sizes else [])]).astype(np.int64)
        self.wanted = self._output(chosen)
        count = len(self.ids)
        size = unit_size or min(max(count // UNITS, LEAST), MOST)
        along = hilbert.order(np.concatenate(centres)) if centres else np.empty(0, dtype=np.int64)
        self.units: tuple[Rows, ...] = tuple(along[start : start + size] for start in range(0, count, size))

    def __len__(self) -> int:
        """Count the parcels."""
        return len(self.ids)

    @property
    def sha256(self) -> str:
        """Hash of all parcels in their units."""
        sha = hashlib.sha256()
        for rows in self.units:
            sha.update(len(rows).to_bytes(8, "big"))
            sha.update(self.keys[rows].tobytes())
        return sha.hexdigest()

    def parcel(self, row: int) -> Parcel:
        """Read one parcel."""
        start, stop = self._at[row : row + 2]
        self._spool.seek(start)
        # Written by this process a while ago.
        parcel: Parcel = pickle.loads(zlib.decompress(self._spool.read(stop - start)))  # noqa: S301
        return parcel

    def close(self) -> None:
        """Give up what was laid aside."""
        self._spool.close()

    def _lay_aside(self, parcel: Parcel) -> int:
        return self._spool.write(zlib.compress(pickle.dumps(parcel, protocol=5), 1))

    def _output(self, chosen: Sequence[str] | None) -> Rows:
        if chosen is None:
            # A start would wait for it.
            import pyarrow.compute as pc

            # By code points, as in Python: UTF-8 keeps their order.
            return np.asarray(pc.sort_indices(self.ids), dtype=np.int64)
        row_of = {id_: row for row, id_ in enumerate(self.ids.to_pylist())}
        for id_ in chosen:
            if id_ not in row_of:
                raise stored.unknown(id_)
        return np.array([row_of[id_] for id_ in chosen], dtype=np.int64)


def _key(parcel: Parcel, as_of: AsOf) -> str:
    """Hash of all that is known of a parcel, and of the date it is asked about; half a SHA-256."""
    known = replace(parcel, geometry=None, edition=None)
    return digest([parcel.geometry.wkb, repr(known).encode(), as_of.of(parcel).isoformat().encode()])[:32]


def _centre(parcel: Parcel) -> tuple[float, float]:
    west, south, east, north = parcel.geometry.bounds
    return (west + east) / 2, (south + north) / 2
