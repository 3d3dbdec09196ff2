"""One run over many parcels: begun or gone on with, worked off by whoever does the work, and read in order."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from geo_service.batch import folder as folders
from geo_service.batch.basis import Basis, published
from geo_service.batch.changes import Changes
from geo_service.batch.folder import Folder
from geo_service.batch.plan import Plan, Rows
from geo_service.batch.unit import Concluded, Damaged, Held, Job, Place
from geo_service.errors import WorkspaceError
from geo_service.model.parcel import AsOf, Parcel
from geo_service.store.digest import canonical, digest
from geo_service.store.workspace import Workspace

NAME_LENGTH = 16
#: Heads of units kept in memory.
HEADS = 32


class Crew(Protocol):
    """Whoever does the work."""

    def results(self, jobs: Iterable[tuple[int, Job]]) -> Generator[tuple[int, bytes]]:
        """Do jobs, asking for the next when there is room for it; yield the units in any order."""


class Earlier:
    """What earlier runs have concluded that still holds but for the editions it names, by parcel of a plan."""

    def __init__(self, workspace: Workspace, basis: Basis, plan: Plan, found: Sequence[Folder]) -> None:
        self._folders = found
        # Neighbours in the plan were neighbours in the earlier run.
        self._places = lru_cache(HEADS)(lambda folder, unit: found[folder].places(unit))
        count = len(plan)
        self._folder: NDArray[np.int32] = np.full(count, -1, dtype=np.int32)
        self._unit: NDArray[np.int32] = np.zeros(count, dtype=np.int32)
        self._order: NDArray[np.int32] = np.zeros(count, dtype=np.int32)
        sorter = np.argsort(plan.keys, kind="stable")
        for number, folder in enumerate(found):
            old = folder.basis
            if old is None or (self._folder >= 0).all():
                continue
            changes = Changes(workspace, old, basis)
            if not changes.everywhere:
                for unit in folder.units():
                    self._take(number, folder, unit, changes, plan, sorter)

    def has(self, rows: Rows) -> int:
        """Count those among some parcels that need not be examined."""
        return int((self._folder[rows] >= 0).sum())

    def held(self, row: int) -> Held | None:
        """Read what was concluded on a parcel, ``None`` where it is to be examined."""
        if self._folder[row] < 0:
            return None
        number, unit = int(self._folder[row]), int(self._unit[row])
        try:
            return self._folders[number].held(unit, self._places(number, unit)[self._order[row]])
        except Damaged:
            return None

    def _take(
        self, number: int, folder: Folder, unit: int, changes: Changes, plan: Plan, sorter: NDArray[np.int64]
    ) -> None:
        try:
            places = folder.places(unit)
        except Damaged:
            return
        keys = np.array([place.key for place in places], dtype=plan.keys.dtype)
        at = np.searchsorted(plan.keys, keys, sorter=sorter)
        known = at < len(plan)
        rows = sorter[np.minimum(at, len(plan) - 1)]
        known &= plan.keys[rows] == keys
        crs = np.array([place.crs for place in places])
        bounds = np.array([place.bounds for place in places])
        for one in sorted(set(crs[known])):
            within = known & (crs == one)
            known[within] &= ~changes.affects(str(one), bounds[within])
        for place, row in zip(np.flatnonzero(known), rows[known], strict=True):
            if self._folder[row] < 0:
                self._folder[row], self._unit[row], self._order[row] = number, unit, place


class Run:
    """One run; made by `opened`.

    Attributes
    ----------
    as_of : AsOf
        On which date each parcel is asked about.
    basis : Basis
        On what the conclusions rest.
    whole : bool
        Whether it is over all parcels that there are.
    total : int
        Parcels.
    done : int
        Those that were done when a run was stopped that this one goes on with.
    kept : int
        Those among the others whose conclusions an earlier run has, and no new edition affects.
    """

    def __init__(
        self, workspace: Workspace, as_of: AsOf, plan: Plan, basis: Basis, folder: Folder, *, whole: bool
    ) -> None:
        self._directory = workspace.directory.resolve()
        self.as_of = as_of
        self._plan = plan
        self.basis = basis
        self.whole = whole
        self._folder = folder
        self._earlier: Earlier | None = None
        self.total = len(plan)
        self._left = set(range(len(plan.units))) - self._finished()
        self.done = self.total - sum(len(plan.units[number]) for number in self._left)
        self.kept = 0

    def take_over(self, earlier: Earlier) -> None:
        """Take over what earlier runs have concluded, where nothing is done yet."""
        self._earlier = earlier
        self.kept = sum(earlier.has(self._plan.units[number]) for number in self._left)

    @property
    def wanted(self) -> int:
        """Count the results that will be read."""
        return len(self._plan.wanted)

    @property
    def units(self) -> int:
        """Count the units that are left."""
        return len(self._left)

    def work(self, crew: Crew) -> Generator[int]:
        """Have the rest done; yields how many parcels each unit held that was finished.

        What is finished stays when this stops before its end.
        """
        jobs = ((number, self._job(number)) for number in sorted(self._left))
        with closing(crew.results(jobs)) as results:
            for number, content in results:
                self._folder.put(number, content)
                yield len(self._plan.units[number])

    def results(self) -> Iterator[Concluded]:
        """Read what was concluded, in the order asked for.

        Raises
        ------
        WorkspaceError
            When a result was damaged since it was written.
        """
        count = len(self._plan)
        unit: NDArray[np.int32] = np.zeros(count, dtype=np.int32)
        at: NDArray[np.int64] = np.zeros(count, dtype=np.int64)
        size: NDArray[np.int32] = np.zeros(count, dtype=np.int32)
        sha256: NDArray[np.bytes_] = np.zeros(count, dtype="S64")
        for number, rows in enumerate(self._plan.units):
            places = self._folder.places(number)
            unit[rows] = number
            at[rows] = [place.at for place in places]
            size[rows] = [place.size for place in places]
            sha256[rows] = [place.sha256 for place in places]
        for row in self._plan.wanted:
            place = Place("", "", "", (0.0, 0.0, 0.0, 0.0), int(at[row]), int(size[row]), sha256[row].decode())
            try:
                yield Concluded.unpacked(self._folder.held(int(unit[row]), place).packed)
            except Damaged as error:
                raise WorkspaceError(
                    f"中间结果 {self._folder.path.name} 已损坏，请再运行一次 / "
                    f"the results kept in {self._folder.path.name} were damaged; run the command once more"
                ) from error

    def _job(self, number: int) -> Job:
        return Job(
            self._directory, self.basis, self.as_of, tuple(self._item(int(row)) for row in self._plan.units[number])
        )

    def _item(self, row: int) -> tuple[str, Parcel] | Held:
        held = None if self._earlier is None else self._earlier.held(row)
        return (self._plan.keys[row].decode(), self._plan.parcel(row)) if held is None else held

    def _finished(self) -> set[int]:
        """Return the units that are there and whole; what is damaged is done again."""
        whole = set()
        for number in self._folder.units():
            try:
                keys = []
                for place in self._folder.places(number):
                    self._folder.held(number, place)
                    keys.append(place.key)
                if (
                    number < len(self._plan.units)
                    and keys == self._plan.keys[self._plan.units[number]].astype(str).tolist()
                ):
                    whole.add(number)
            except Damaged:
                self._folder.drop(number)
        return whole


@contextmanager
def opened(
    workspace: Workspace, as_of: AsOf, chosen: Sequence[str] | None = None, *, unit_size: int | None = None
) -> Iterator[Run]:
    """Begin a run, or go on with the one that was stopped.

    What it did stays when it is left by an error, and when it is left in peace: a run over all parcels replaces all
    earlier ones then, one over some parcels leaves nothing.

    Parameters
    ----------
    chosen, unit_size
        See `Plan`.

    Raises
    ------
    NotFound
        When there is no parcel of a chosen id.
    WorkspaceError
        When another process works on the same run.
    """
    directory = workspace.directory
    (directory / folders.RUNS).mkdir(exist_ok=True)
    plan, basis = _planned(workspace, as_of, chosen, unit_size)
    with closing(plan):
        name = digest([canonical(basis.as_json()), plan.sha256.encode(), b"" if chosen is None else b"chosen"])
        with folders.opened(directory, name[:NAME_LENGTH]) as folder, folders.others(directory, folder) as found:
            folder.begin(basis)
            run = Run(workspace, as_of, plan, basis, folder, whole=chosen is None)
            if run.units and found:
                run.take_over(Earlier(workspace, basis, plan, found))
            yield run
            for other in (folder,) if chosen is not None else found:
                folders.remove(other)


def _planned(
    workspace: Workspace, as_of: AsOf, chosen: Sequence[str] | None, unit_size: int | None
) -> tuple[Plan, Basis]:
    """Read parcels and editions of one state of the register."""
    register = workspace.register
    while True:
        revision = register.revision()
        basis = published(workspace)
        plan = Plan(workspace, as_of, workspace.directory / folders.RUNS, chosen, unit_size)
        if register.revision() == revision:
            return plan, basis
        plan.close()
