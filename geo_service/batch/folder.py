"""The folder of a run in the workspace: on which basis it stands, and one file for every unit that is done.

::

    runs/<first 16 hex of the run's hash>/
        basis.json     rules, editions, software
        00017.unit     results of one unit (`unit`)
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from geo_service.batch.basis import Basis
from geo_service.batch.unit import Damaged, Held, Place, held, places
from geo_service.errors import WorkspaceError
from geo_service.store.lock import exclusive

RUNS, BASIS, LOCK, UNIT = "runs", "basis.json", ".lock", ".unit"
PARTIAL = ".partial"


class Folder:
    """One run's folder; held by one process at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def basis(self) -> Basis | None:
        """On what its results rest, ``None`` where that cannot be read."""
        try:
            return Basis.from_json(json.loads((self.path / BASIS).read_bytes()))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def begin(self, basis: Basis) -> None:
        """Write on what its results rest."""
        self._put(BASIS, json.dumps(basis.as_json(), ensure_ascii=False, indent=1).encode())

    def units(self) -> list[int]:
        """Numbers of the units that are there."""
        return sorted(int(file.stem) for file in self.path.glob(f"*{UNIT}") if file.stem.isdigit())

    def put(self, number: int, content: bytes) -> None:
        """Keep the result of a unit."""
        self._put(f"{number:05}{UNIT}", content)

    def drop(self, number: int) -> None:
        """Give up the result of a unit."""
        self._unit(number).unlink(missing_ok=True)

    def places(self, number: int) -> list[Place]:
        """Read which parcels a unit holds.

        Raises
        ------
        Damaged
            When it is not whole.
        """
        try:
            with self._unit(number).open("rb") as file:
                return places(file)
        except OSError as error:
            raise Damaged from error

    def held(self, number: int, place: Place) -> Held:
        """Read what a unit holds of a parcel.

        Raises
        ------
        Damaged
            When it is not what was written.
        """
        try:
            with self._unit(number).open("rb") as file:
                return held(file, place)
        except OSError as error:
            raise Damaged from error

    def _unit(self, number: int) -> Path:
        return self.path / f"{number:05}{UNIT}"

    def _put(self, name: str, content: bytes) -> None:
        temporary = self.path / (name + PARTIAL)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path / name)


@contextmanager
def opened(workspace_dir: Path, name: str) -> Iterator[Folder]:
    """Make or open the folder of a run, and hold it.

    Raises
    ------
    WorkspaceError
        When another process works in it.
    """
    path = workspace_dir / RUNS / name
    path.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            stack.enter_context(exclusive(path / LOCK, 0))
        except WorkspaceError as error:
            raise WorkspaceError(
                "另一个进程正在进行或使用这项核查，请等它完成 / "
                "another process is doing or using this assessment; wait until it is done"
            ) from error
        yield Folder(path)


@contextmanager
def others(workspace_dir: Path, own: Folder) -> Iterator[list[Folder]]:
    """Hold the folders of all other runs that no process works in, the newest first."""
    found = []
    with ExitStack() as stack:
        for path in (workspace_dir / RUNS).iterdir():
            if path.is_dir() and path != own.path:
                with suppress(WorkspaceError, FileNotFoundError):
                    stack.enter_context(exclusive(path / LOCK, 0))
                    found.append(Folder(path))
        yield sorted(found, key=lambda folder: folder.path.stat().st_mtime_ns, reverse=True)


def remove(folder: Folder) -> None:
    """Remove a run's folder with all that is in it."""
    shutil.rmtree(folder.path, ignore_errors=True)
