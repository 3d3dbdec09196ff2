"""Pictures of basemaps by zoom, row and column, whatever they are kept in."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from geo_service.basemaps import cog, remote
from geo_service.basemaps.registry import REMOTE, Basemap, Kind, key_of
from geo_service.errors import Fault, InputError
from geo_service.pmtiles import PMTiles

_KINDS = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))


@dataclass(frozen=True, slots=True)
class Picture:
    """The bytes of a picture and their media type."""

    content: bytes
    media: str


class Source(Protocol):
    """Gives pictures, and may be asked by several threads at once."""

    def tile(self, zoom: int, row: int, column: int) -> bytes | None:
        """Return a picture, ``None`` where there is none.

        Raises
        ------
        OSError
            When the place it comes from does not answer, or the file was damaged.
        """


def picture(content: bytes) -> Picture | None:
    """Tell what a picture is by its first bytes; ``None`` for anything else, which no page is given.

    Examples
    --------
    >>> picture(b"<html>") is None, picture(b"GIF89a").media
    (True, 'image/gif')
    """
    for start, media in _KINDS:
        if content.startswith(start):
            return Picture(content, media)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return Picture(content, "image/webp")
    return None


def opened(basemap: Basemap, directory: Path) -> Source:
    """Open the source of a basemap.

    Parameters
    ----------
    directory : Path
        The workspace, in which files lie whose path is not absolute.

    Raises
    ------
    InputError
        When its file is not there or is none of its kind.
    """
    if basemap.kind in REMOTE:
        assert basemap.url is not None
        return remote.Remote(basemap.url, key_of(basemap))
    path = directory / (basemap.file or "")
    try:
        return _OPEN[basemap.kind](path)
    except (OSError, ValueError, sqlite3.Error) as error:
        raise InputError(
            Fault(
                "basemap_file",
                f"底图 {basemap.id} 的文件无法读取",
                f"the file of basemap {basemap.id} cannot be read",
                where=path.name,
            )
        ) from error


class MBTiles:
    """Pictures in an SQLite file, rows counted from the south."""

    def __init__(self, path: Path) -> None:
        # Read only, and not made anew where it is missing.
        self._address = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        self.tile(0, 0, 0)

    def tile(self, zoom: int, row: int, column: int) -> bytes | None:
        """Return a picture."""
        try:
            with closing(sqlite3.connect(self._address, uri=True)) as connection:
                found = connection.execute(
                    "SELECT tile_data FROM tiles WHERE zoom_level = ? AND tile_column = ? AND tile_row = ?",
                    (zoom, column, (1 << zoom) - 1 - row),
                ).fetchone()
        except sqlite3.Error as error:
            raise OSError(str(error)) from error
        return None if found is None else bytes(found[0])


_OPEN: dict[Kind, Callable[[Path], Source]] = {
    Kind.MBTILES: MBTiles,
    Kind.PMTILES: PMTiles,
    Kind.COG: cog.Imagery,
}
