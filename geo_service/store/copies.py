"""Editions once more in another form, kept beside them: written once, written again when missing or damaged.

::

    editions/parcels@3fb5c1….parquet                    what was imported
    prepared/parcels@3fb5c1….0a1b2c….1.geojson          the same to be handed out; 0a1b2c… is its own SHA-256

They hold nothing that the edition does not say, so they may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from geo_service.store.lock import exclusive
from geo_service.store.prepared import FOLDER

#: Not the lock of the cells: who asks for a copy does not wait for those.
LOCK = ".copies"
MAKING_TURN_S = 60.0
UNFINISHED = ".unfinished"


@dataclass(frozen=True, slots=True)
class Copy:
    """A file and the digest of its bytes."""

    path: Path
    sha256: str


def copy(workspace_dir: Path, name: str, pieces: Callable[[], Iterable[bytes]], ending: str) -> Copy:
    """Return a copy of an edition, written now where it is missing or damaged.

    Parameters
    ----------
    name : str
        Of the edition.
    pieces : callable
        Gives the bytes.
    ending : str
        Names the form they are written in, and its version.

    Raises
    ------
    OSError
        When it cannot be written.
    WorkspaceError
        When another one is being written for long.
    """
    folder = workspace_dir / FOLDER
    if (found := _found(folder, name, ending)) is not None:
        return found
    folder.mkdir(exist_ok=True)
    with exclusive(folder / LOCK, MAKING_TURN_S):
        # Whoever waited for its turn may find what the other one made.
        return _found(folder, name, ending) or _made(folder, name, pieces, ending)


def _found(folder: Path, name: str, ending: str) -> Copy | None:
    for path in sorted(folder.glob(f"{name}.*.{ending}")):
        status = path.stat()
        sha256 = _sha256(path, status.st_mtime_ns, status.st_size)
        if path.name == _name(name, sha256, ending):
            return Copy(path, sha256)
    return None


@lru_cache(maxsize=256)
def _sha256(path: Path, _mtime_ns: int, _size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _name(name: str, sha256: str, ending: str) -> str:
    return f"{name}.{sha256[:12]}.{ending}"


def _made(folder: Path, name: str, pieces: Callable[[], Iterable[bytes]], ending: str) -> Copy:
    for leftover in folder.glob(f"*{UNFINISHED}"):
        leftover.unlink()
    temporary, digest = folder / (name + UNFINISHED), hashlib.sha256()
    try:
        with temporary.open("wb") as file:
            for piece in pieces():
                digest.update(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        path = folder / _name(name, digest.hexdigest(), ending)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return Copy(path, digest.hexdigest())
