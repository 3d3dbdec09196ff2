"""A unit of work: its job, and its result as bytes that can be read parcel by parcel.

::

    GEOUNIT1 | length of the head | head (JSON: one line a parcel) | SHA-256 of the head | what was concluded …

Where a parcel's part begins, how long it is and what its hash is, stand in the head.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from geo_service.batch.basis import Basis
from geo_service.model.parcel import AsOf, Parcel

MAGIC = b"GEOUNIT1"
_LENGTH = struct.Struct(">I")
_LENGTHS = struct.Struct(">4I")
Bounds = tuple[float, float, float, float]


class Damaged(Exception):
    """A result that is not what was written; it is worked out again."""


@dataclass(frozen=True, slots=True)
class Place:
    """One parcel in a unit's head.

    Attributes
    ----------
    key : str
        Hash of all that is known of the parcel and of the date it is asked about.
    crs : str
        Working CRS in which it was measured.
    bounds : four floats
        West, south, east, north there.
    at, size : int
        Where its part stands in the file.
    sha256 : str
        Of that part.
    """

    id: str
    key: str
    crs: str
    bounds: Bounds
    at: int = 0
    size: int = 0
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """What an earlier run has concluded on a parcel, packed; only the editions that it names are new."""

    place: Place
    packed: bytes


@dataclass(frozen=True)
class Job:
    """Parcels, each with its key, to be examined on a basis, or to be told on which basis they now stand."""

    directory: Path
    basis: Basis
    as_of: AsOf
    parcels: tuple[tuple[str, Parcel] | Held, ...]


@dataclass(frozen=True, slots=True)
class Concluded:
    """What is written of one parcel.

    Attributes
    ----------
    record : bytes
        Canonical bytes of the assessment record.
    feature : bytes
        GeoJSON feature in lon/lat.
    wkb : bytes
        Its boundary in lon/lat, not rounded.
    """

    id: str
    status: str
    as_of: str
    zone: str | None
    zone_version: str | None
    digest: str
    record: bytes
    feature: bytes
    wkb: bytes

    def packed(self) -> bytes:
        """Return it as bytes that tell when they are damaged."""
        said = [self.id, self.status, self.as_of, self.zone, self.zone_version, self.digest]
        parts = (json.dumps(said, ensure_ascii=False).encode(), self.record, self.feature, self.wkb)
        return zlib.compress(_LENGTHS.pack(*map(len, parts)) + b"".join(parts), 1)

    @classmethod
    def unpacked(cls, packed: bytes) -> Concluded:
        """Read what `packed` wrote."""
        plain = zlib.decompress(packed)
        parts, at = [], _LENGTHS.size
        for length in _LENGTHS.unpack_from(plain):
            parts.append(plain[at : at + length])
            at += length
        return cls(*json.loads(parts[0]), *parts[1:])


def pack(results: Sequence[Held]) -> bytes:
    """Return the result of a unit; the same results give the same bytes."""
    head = json.dumps(
        [
            [held.place.id, held.place.key, held.place.crs, held.place.bounds, len(held.packed), _hash(held.packed)]
            for held in results
        ],
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()
    parts = [MAGIC, _LENGTH.pack(len(head)), head, hashlib.sha256(head).digest(), *(held.packed for held in results)]
    return b"".join(parts)


def places(file: BinaryIO) -> list[Place]:
    """Read the head of a unit.

    Raises
    ------
    Damaged
        When it is not whole.
    """
    start = file.read(len(MAGIC) + _LENGTH.size)
    if len(start) < len(MAGIC) + _LENGTH.size or not start.startswith(MAGIC):
        raise Damaged
    (length,) = _LENGTH.unpack_from(start, len(MAGIC))
    head, sha256 = file.read(length), file.read(hashlib.sha256().digest_size)
    if hashlib.sha256(head).digest() != sha256:
        raise Damaged
    at = file.tell()
    found: list[Place] = []
    lines: list[list[Any]] = json.loads(head)
    for id_, key, crs, bounds, size, part in lines:
        west, south, east, north = bounds
        found.append(Place(id_, key, crs, (west, south, east, north), at, size, part))
        at += size
    return found


def held(file: BinaryIO, place: Place) -> Held:
    """Read the part of one parcel.

    Raises
    ------
    Damaged
        When it is not what the head says.
    """
    file.seek(place.at)
    packed = file.read(place.size)
    if _hash(packed) != place.sha256:
        raise Damaged
    return Held(replace(place, at=0, size=0, sha256=""), packed)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
