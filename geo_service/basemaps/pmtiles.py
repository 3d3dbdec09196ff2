"""Pictures in one PMTiles file (version 3): directories by a Hilbert curve, read where they are needed."""

from __future__ import annotations

import bisect
import gzip
from functools import lru_cache
from pathlib import Path

_MAGIC, _HEADER = b"PMTiles\x03", 127
_PLAIN, _GZIP = 1, 2
_DEPTH = 4


class PMTiles:
    """A file of pictures.

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
        """Return a picture.

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
