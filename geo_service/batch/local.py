"""The work done on this machine: in this process, or in as many others as there are cores."""

from __future__ import annotations

import os
import pickle
from collections.abc import Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from queue import SimpleQueue
from threading import TIMEOUT_MAX, Event

from geo_service.batch.examiner import Examiner
from geo_service.batch.unit import Job
from geo_service.errors import GeoServiceError
from geo_service.store.workspace import Workspace
from geo_service.worker import ERRORS, Worker, Workers, opened

MODULE = "geo_service.batch.child"
KNOWN = ERRORS | {("geo_service.errors", "GeoServiceError"), ("geo_service.errors", "CrsMismatch")}
#: So often a unit is begun: a process that dies, for want of memory for example, says nothing about its parcels.
TRIES = 3


def cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Here:
    """The work done in this process.

    Parameters
    ----------
    workspace : Workspace
        Of the jobs.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def results(self, jobs: Iterable[tuple[int, Job]]) -> Generator[tuple[int, bytes]]:
        """Do one job after the other."""
        examiner = Examiner(self._workspace)
        for number, job in jobs:
            yield number, examiner.unit(job)


class Processes:
    """The work done in processes of this machine, which end with it.

    Parameters
    ----------
    count : int
        How many.
    """

    def __init__(self, count: int) -> None:
        self._count = count

    def results(self, jobs: Iterable[tuple[int, Job]]) -> Generator[tuple[int, bytes]]:
        """Do jobs, one in each process and one more waiting for it.

        Raises
        ------
        GeoServiceError
            What a job raised; or when its processes died time and again.
        """
        idle: SimpleQueue[Worker | None] = SimpleQueue()
        for _ in range(self._count):
            idle.put(None)
        alive: set[Worker] = set()
        ended = Event()

        def ask(job: Job) -> bytes:
            worker = idle.get()
            try:
                for _ in range(TRIES):
                    if ended.is_set():
                        break
                    if worker is None or not worker.fit():
                        worker = workers.another()
                        alive.add(worker)
                        if ended.is_set():
                            break
                    answer = worker.ask(pickle.dumps(job, protocol=5), TIMEOUT_MAX).answer
                    if answer is not None:
                        return _unit(opened(answer, KNOWN))
                    alive.discard(worker)
                    worker.close()
                raise GeoServiceError("计算进程多次中断（内存不足？） / processes died time and again (no memory?)")
            finally:
                idle.put(worker)

        workers, pool = Workers(MODULE), ThreadPoolExecutor(self._count)
        numbers: dict[Future[bytes], int] = {}
        try:
            for number, job in jobs:
                numbers[pool.submit(ask, job)] = number
                while len(numbers) >= 2 * self._count:
                    yield from _finished(numbers)
            while numbers:
                yield from _finished(numbers)
        finally:
            ended.set()
            for worker in tuple(alive):
                worker.close()
            pool.shutdown(wait=True, cancel_futures=True)
            for worker in tuple(alive):
                worker.close()
            workers.close()


def _finished(numbers: dict[Future[bytes], int]) -> Generator[tuple[int, bytes]]:
    done, _ = wait(numbers, return_when=FIRST_COMPLETED)
    # In the order in which they were asked for, so that a run that is stopped leaves few gaps.
    for future in sorted(done, key=numbers.__getitem__):
        yield numbers.pop(future), future.result()


def _unit(answer: object) -> bytes:
    if isinstance(answer, bytes):
        return answer
    if isinstance(answer, GeoServiceError):
        raise answer
    raise RuntimeError(str(answer))
