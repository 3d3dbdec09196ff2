"""The work done by a Dask cluster: one on this machine, or one that a scheduler's address leads to."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable
from contextlib import ExitStack
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from geo_service.batch import examiner
from geo_service.batch.unit import Job
from geo_service.errors import Fault, GeoServiceError, InputError

LOOPBACK = "127.0.0.1"
#: A scheduler that is there answers at once; its workers may still be starting.
ANSWER_LIMIT_S, WORKERS_LIMIT_S = 15.0, 60.0
#: Jobs on their way for each thread of the cluster: enough that none waits, few enough that they need no memory.
AHEAD = 3


class Cluster:
    """The work done by Dask workers.

    Nothing is shuffled: a job goes to a worker, which reads the layers from the workspace once, and a unit comes back.
    A worker that dies is replaced, and its job done again elsewhere.

    Parameters
    ----------
    count : int
        Worker processes of a cluster on this machine.
    scheduler : str, optional
        Address of a scheduler, ``tcp://host:port``; its workers must see the workspace under the same path.

    Raises
    ------
    InputError
        When Dask is not installed.
    """

    def __init__(self, count: int, scheduler: str | None = None) -> None:
        if find_spec("distributed") is None:
            raise InputError(
                Fault(
                    "cluster_missing",
                    "未安装 Dask",
                    "Dask is not installed",
                    next_zh="运行 pip install geo-service[cluster]",
                    next_en="pip install geo-service[cluster]",
                )
            )
        self._count = count
        self._scheduler = scheduler

    def results(self, jobs: Iterable[tuple[int, Job]]) -> Generator[tuple[int, bytes]]:
        """Do jobs.

        Raises
        ------
        InputError
            When no scheduler answers at the address, or it has no workers.
        WorkspaceError
            When a worker has other software, rules or editions.
        GeoServiceError
            What else a job raised; or when several workers died over one job.
        """
        distributed = import_module("distributed")
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        with ExitStack() as stack:
            address: Any = self._scheduler
            if address is None:
                address = stack.enter_context(
                    distributed.LocalCluster(
                        n_workers=self._count,
                        threads_per_worker=1,
                        processes=True,
                        host=LOOPBACK,
                        dashboard_address=None,
                        # Dask answers over HTTP even so, else on a port that another run may have.
                        scheduler_kwargs={"dashboard_address": f"{LOOPBACK}:0"},
                        silence_logs=logging.CRITICAL,
                    )
                )
            try:
                client = stack.enter_context(distributed.Client(address, timeout=ANSWER_LIMIT_S, set_as_default=False))
            except (OSError, ValueError) as error:
                raise _unreachable(self._scheduler or LOOPBACK) from error
            try:
                client.wait_for_workers(1, timeout=WORKERS_LIMIT_S)
            except OSError as error:
                raise _idle(self._scheduler or LOOPBACK) from error
            numbers: dict[str, tuple[int, Any]] = {}
            going = distributed.as_completed(loop=client.loop, with_results=True)
            left = iter(jobs)
            try:
                while True:
                    # Workers come and go while the work is done.
                    room = AHEAD * max(1, sum(client.nthreads().values()))
                    while len(numbers) < room and (job := next(left, None)) is not None:
                        future = client.submit(examiner.unit, job[1], pure=False)
                        numbers[future.key] = (job[0], future)
                        going.add(future)
                    if not numbers:
                        return
                    future, content = next(going)
                    number, _ = numbers.pop(future.key)
                    yield number, content
            except distributed.KilledWorker as error:
                raise GeoServiceError(
                    "集群计算进程多次中断（内存不足？） / workers of the cluster died time and again (no memory?)"
                ) from error
            finally:
                client.cancel([future for _, future in numbers.values()])


def _unreachable(address: str) -> InputError:
    return InputError(
        Fault(
            "cluster_unreachable",
            "集群调度器无应答",
            "no scheduler answers",
            next_zh="核对 --scheduler 地址（形如 tcp://主机:8786），并确认 dask scheduler 已启动",
            next_en="look at --scheduler (like tcp://host:8786), and see that dask scheduler is running",
            value=address,
        )
    )


def _idle(address: str) -> InputError:
    return InputError(
        Fault(
            "cluster_idle",
            "集群没有计算进程",
            "the cluster has no workers",
            next_zh=f"在各机运行 dask worker {address}",
            next_en=f"run dask worker {address} on the machines",
            value=address,
        )
    )
