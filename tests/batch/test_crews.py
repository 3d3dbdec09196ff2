"""Whoever does the work, and whoever dies over it: the same bytes."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import signal
import socket
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from geo_service import batch
from geo_service.batch import examiner
from geo_service.batch.basis import published
from geo_service.batch.unit import Job
from geo_service.errors import InputError, WorkspaceError
from geo_service.export.record import record_bytes
from geo_service.service import Service
from geo_service.store.workspace import Workspace
from tests.batch.conftest import ASKED, done
from tests.world import AS_OF

DEMO = Path(__file__).parents[2] / "layers" / "demo" / "demo.toml"


@pytest.fixture(scope="module")
def some(demo: Path) -> list[str]:
    """A few of the demo's parcels, of its cases and of the others."""
    cases = tomllib.loads(DEMO.read_text(encoding="utf-8"))["cases"]
    every = Service(Workspace.open(demo), lambda: AS_OF).parcels
    return sorted({*list(cases.values())[:4], *list(every)[::100]})


@pytest.fixture
def own(own_demo: Path) -> Workspace:
    return Workspace.open(own_demo)


def sha256(found: tuple[batch.Concluded, ...]) -> str:
    return hashlib.sha256(b"".join(one.packed() for one in found)).hexdigest()


@pytest.fixture(scope="module")
def expected(seeded: Path, some: list[str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """What one process gives, which is what the service answers."""
    workspace = Workspace.open(shutil.copytree(seeded, tmp_path_factory.mktemp("expected") / "demo"))
    found = done(workspace, chosen=some).found
    service = Service(workspace, lambda: AS_OF)
    assert [one.record for one in found] == [record_bytes(service.record(id_)) for id_ in some]
    return sha256(found)


def descendants(process: str = "self") -> set[int]:
    """Process ids of our children and theirs."""
    found = {
        int(pid)
        for task in Path(f"/proc/{process}/task").iterdir()
        for pid in (task / "children").read_text(encoding="ascii").split()
    }
    return found.union(*(descendants(str(pid)) for pid in found))


@pytest.mark.slow
def test_processes_give_the_same(own: Workspace, some: list[str], expected: str) -> None:
    assert sha256(done(own, batch.Processes(2), chosen=some, unit_size=2).found) == expected


def killing(run: batch.Run, crew: batch.Crew, victims: Callable[[], set[int]]) -> None:
    """Have the work done; after the first unit a worker is killed."""
    for number, _ in enumerate(run.work(crew)):
        if number == 0:
            os.kill(min(victims()), signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds its children in /proc, which only Linux has")
@pytest.mark.parametrize("which", ["the one that the others come from", "one that works"])
def test_a_process_that_is_killed_changes_nothing(which: str, own: Workspace, some: list[str], expected: str) -> None:
    before = descendants()

    def victims() -> set[int]:
        first, *others = sorted(descendants() - before)
        return {first} if which.startswith("the one") else set(others)

    with batch.opened(own, ASKED, some, unit_size=1) as run:
        killing(run, batch.Processes(2), victims)
        assert sha256(tuple(run.results())) == expected
    assert descendants() <= before


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A real cluster on this machine."""
    with local_cluster(2) as found:
        yield found


def local_cluster(workers: int) -> Any:
    """A cluster that talks to this machine only."""
    # Every process that collects tests would wait for it.
    import distributed

    return distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address=None,
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
        silence_logs=logging.CRITICAL,
    )


@pytest.mark.slow
def test_a_cluster_of_its_own_gives_the_same(own: Workspace, some: list[str], expected: str) -> None:
    with ExitStack() as stack:
        with suppress(OSError):
            # Dask's port for people; where it is taken, the run neither fails nor warns.
            stack.enter_context(socket.create_server(("127.0.0.1", 8787)))
        assert sha256(done(own, batch.Cluster(2), chosen=some, unit_size=3).found) == expected


@pytest.mark.slow
def test_a_worker_that_is_killed_changes_nothing(own: Workspace, some: list[str], expected: str, cluster: Any) -> None:
    began = {nanny.pid for nanny in cluster.workers.values()}
    assert len(began) == 2
    with batch.opened(own, ASKED, some, unit_size=1) as run:
        killing(run, batch.Cluster(2, cluster.scheduler_address), lambda: began)
        assert sha256(tuple(run.results())) == expected
    assert len(began & {nanny.pid for nanny in cluster.workers.values()}) == 1


@pytest.mark.slow
def test_work_stopped_here_goes_on_there(own: Workspace, some: list[str], expected: str, cluster: Any) -> None:
    with pytest.raises(KeyboardInterrupt), batch.opened(own, ASKED, some, unit_size=3) as run:
        for _ in run.work(batch.Here(own)):
            raise KeyboardInterrupt
    found = done(own, batch.Cluster(2, cluster.scheduler_address), chosen=some, unit_size=3)
    assert found.done >= 3
    assert sha256(found.found) == expected


def test_no_scheduler_is_one_clear_error(own: Workspace, some: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geo_service.batch.cluster.ANSWER_LIMIT_S", 1.0)
    with pytest.raises(InputError, match="no scheduler answers"):
        done(own, batch.Cluster(2, "tcp://127.0.0.1:9"), chosen=some)


@pytest.mark.slow
def test_no_workers_are_one_clear_error(own: Workspace, some: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geo_service.batch.cluster.WORKERS_LIMIT_S", 1.0)
    with local_cluster(0) as empty, pytest.raises(InputError, match="run dask worker"):
        done(own, batch.Cluster(2, empty.scheduler_address), chosen=some)


@pytest.mark.parametrize("what", ["software", "rulebook", "catalogue", "edition", "parcels edition"])
def test_a_worker_with_another_version_refuses(own: Workspace, some: list[str], what: str) -> None:
    basis = published(own)
    other = "0" * 64
    names = {"edition": "zones", "parcels edition": "parcels"}
    basis = {
        "software": replace(basis, software=(("geo-service", "0.0.0"), *basis.software[1:])),
        "rulebook": replace(basis, rulebook_sha256=other),
        "catalogue": replace(basis, catalogue_sha256=other),
    }.get(what) or replace(
        basis,
        editions=tuple(replace(one, sha256=other) if one.layer == names[what] else one for one in basis.editions),
    )
    parcel = Service(own, lambda: AS_OF).parcels[some[0]]
    with pytest.raises(WorkspaceError, match="the job asks for"):
        examiner.unit(Job(own.directory, basis, ASKED, (("key", parcel),)))


@pytest.mark.parametrize("crew", ["here", "processes", pytest.param("cluster", marks=pytest.mark.slow)])
def test_what_a_job_raises_is_raised_here(
    own: Workspace, some: list[str], crew: str, request: pytest.FixtureRequest
) -> None:
    crews = {
        "here": lambda: batch.Here(own),
        "processes": lambda: batch.Processes(1),
        "cluster": lambda: batch.Cluster(1, request.getfixturevalue("cluster").scheduler_address),
    }
    with pytest.raises(InputError, match="no rule was in force"):
        done(own, crews[crew](), as_of=replace(ASKED, chosen=date(1990, 1, 1)), chosen=some)
