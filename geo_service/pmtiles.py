"""Tiles in one PMTiles file (version 3): directories by a Hilbert curve, read where needed and written at once."""

from __future__ import annotations

import bisect
import gzip
import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

_MAGIC, _HEADER = b"PMTiles\x03", 127
_PLAIN, _GZIP = 1, 2
_VECTOR = 1
_DEPTH = 4
#: Header and root directory are read together, in so many bytes.
_FIRST_READ = 16_384
_LEAF_ENTRIES = 4_096

Place = tuple[int, int, int]
Box = tuple[float, float, float, float]


class PMTiles:
    """A file of tiles, read.

    Raises
    ------
    ValueError
        When the file is none of this kind, or compressed in a way that is not read here.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        head = self._read(0, _HEADER)
        if len(head) < _HEADER or not head.startswith(_MAGIC):
            raise ValueError("no PMTiles file of version 3")
        at = [int.from_bytes(head[start : start + 8], "little") for start in range(8, 72, 8)]
        self._root, self._leaves, self._tiles = (at[0], at[1]), at[4], at[6]
        self._packed, self._packed_tiles = head[97], head[98]
        if self._packed not in (_PLAIN, _GZIP) or self._packed_tiles not in (0, _PLAIN, _GZIP):
            raise ValueError("a compression that is not read here")
        self._directory = lru_cache(maxsize=64)(self._listed)
        self._directory(*self._root)

    def tile(self, zoom: int, row: int, column: int) -> bytes | None:
        """Return a tile, ``None`` where there is none.

        Raises
        ------
        OSError
            When the file was damaged since it was opened.
        """
        wanted = tile_id(zoom, row, column)
        start, size = self._root
        try:
            for _ in range(_DEPTH):
                ids, runs, sizes, places = self._directory(start, size)
                at = bisect.bisect_right(ids, wanted) - 1
                if at < 0:
                    return None
                if runs[at] == 0:
                    start, size = self._leaves + places[at], sizes[at]
                    continue
                if wanted >= ids[at] + runs[at]:
                    return None
                content = self._read(self._tiles + places[at], sizes[at])
                return gzip.decompress(content) if self._packed_tiles == _GZIP else content
        except (ValueError, IndexError, EOFError) as error:
            raise OSError("the file is damaged") from error
        raise OSError("directories lie too deep")

    def _read(self, start: int, size: int) -> bytes:
        with self._path.open("rb") as file:
            file.seek(start)
            return file.read(size)

    def _listed(self, start: int, size: int) -> tuple[list[int], list[int], list[int], list[int]]:
        content = self._read(start, size)
        content = gzip.decompress(content) if self._packed == _GZIP else content
        at = 0

        def number() -> int:
            nonlocal at
            found = shift = 0
            while True:
                byte = content[at]
                at += 1
                found |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    return found

        count = number()
        ids, last = [], 0
        for _ in range(count):
            last += number()
            ids.append(last)
        runs = [number() for _ in range(count)]
        sizes = [number() for _ in range(count)]
        places: list[int] = []
        for entry in range(count):
            place = number()
            # Zero says that it follows the one before.
            places.append(places[-1] + sizes[entry - 1] if place == 0 else place - 1)
        return ids, runs, sizes, places


def tile_id(zoom: int, row: int, column: int) -> int:
    """Return the number of a tile: all of lower zooms come first, then along a Hilbert curve.

    Examples
    --------
    >>> [tile_id(1, row, column) for column, row in ((0, 0), (0, 1), (1, 1), (1, 0))], tile_id(2, 0, 0)
    ([1, 2, 3, 4], 5)
    """
    found, x, y = ((1 << 2 * zoom) - 1) // 3, column, row
    side = 1 << zoom >> 1
    while side > 0:
        across, down = int(bool(x & side)), int(bool(y & side))
        found += side * side * ((3 * across) ^ down)
        if not down:
            if across:
                x, y = side - 1 - x, side - 1 - y
            x, y = y, x
        side >>= 1
    return found


@dataclass(frozen=True, slots=True)
class _Entry:
    """So many tiles in a row, from the one with this number on, that all are the same bytes."""

    number: int
    run: int
    size: int
    place: int


def archive(tiles: Iterable[tuple[Place, bytes]], metadata: Mapping[str, Any], box: Box) -> bytes:
    """Write vector tiles into one file; the same tiles give the same bytes, in whatever order they come.

    Parameters
    ----------
    tiles : iterable of ((zoom, row, column), bytes)
        Compressed by gzip, each place once.
    metadata : mapping
        What the file says of itself; ``vector_layers`` belongs to it.
    box : tuple
        West, south, east and north in degrees.

    Raises
    ------
    ValueError
        When there is no tile.
    """
    numbered = sorted((tile_id(*place), place[0], content) for place, content in tiles)
    if not numbered:
        raise ValueError("no tiles")
    data = bytearray()
    known: dict[bytes, int] = {}
    entries: list[_Entry] = []
    for number, _, content in numbered:
        place = known.get(content)
        if place is None:
            place = known[content] = len(data)
            data += content
        last = entries[-1] if entries else None
        if last is not None and last.place == place and last.number + last.run == number:
            entries[-1] = _Entry(last.number, last.run + 1, last.size, place)
        else:
            entries.append(_Entry(number, 1, len(content), place))
    root, leaves = _directories(entries)
    about = gzip.compress(json.dumps(metadata, ensure_ascii=False, sort_keys=True).encode(), mtime=0)
    zooms = [zoom for _, zoom, _ in numbered]
    west, south, east, north = (round(degree * 1e7) for degree in box)
    at = [_HEADER]
    for part in (root, about, leaves):
        at.append(at[-1] + len(part))
    places = (at[0], len(root), at[1], len(about), at[2], len(leaves), at[3], len(data))
    header = struct.pack(
        "<8s11Q6B4iB2i",
        *(_MAGIC, *places, len(numbered), len(entries), len(known)),
        *(True, _GZIP, _GZIP, _VECTOR, min(zooms), max(zooms)),
        *(west, south, east, north, min(zooms), (west + east) // 2, (south + north) // 2),
    )
    return b"".join((header, root, about, leaves, bytes(data)))


def _directories(entries: Sequence[_Entry]) -> tuple[bytes, bytes]:
    """Return the root directory, and the leaves where it alone would be too long."""
    root = _directory(entries)
    if len(root) <= _FIRST_READ - _HEADER:
        return root, b""
    each = _LEAF_ENTRIES
    while True:
        leaves, signs = bytearray(), []
        for start in range(0, len(entries), each):
            leaf = _directory(entries[start : start + each])
            signs.append(_Entry(entries[start].number, 0, len(leaf), len(leaves)))
            leaves += leaf
        root = _directory(signs)
        if len(root) <= _FIRST_READ - _HEADER:
            return root, bytes(leaves)
        each *= 2


def _directory(entries: Sequence[_Entry]) -> bytes:
    numbers = [entry.number for entry in entries]
    found = bytearray(varint(len(entries)))
    for before, number in zip((0, *numbers), numbers, strict=False):
        found += varint(number - before)
    for entry in entries:
        found += varint(entry.run)
    for entry in entries:
        found += varint(entry.size)
    end = None
    for entry in entries:
        # Zero says that it follows the one before.
        found += varint(0 if entry.place == end else entry.place + 1)
        end = entry.place + entry.size
    return gzip.compress(bytes(found), mtime=0)


def varint(number: int) -> bytes:
    """Write a number in groups of seven bits, the lowest first.

    Examples
    --------
    >>> varint(300).hex()
    'ac02'
    """
    if 0 <= number < 0x80:
        return bytes((number,))
    number &= (1 << 64) - 1
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
