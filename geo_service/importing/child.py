"""The importing process: does one task and ends; it may be killed at any moment, and ends with whoever started it."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from geo_service import ingest
from geo_service.errors import CalledOff, Fault, InputError, NotFound, RejectedRows, came_up
from geo_service.importing.order import EXTENT, FILE, FULL, Task
from geo_service.importing.steps import prepare, refuse_shifted, zone_shapes
from geo_service.nursery import YIELDING, receive, stand_back
from geo_service.store.jobs import Jobs, Stage, State
from geo_service.store.workspace import Workspace

#: How often it is written down how far a stage is.
EVERY_S = 1.0
AUTOGROUP = Path("/proc/self/autogroup")


def run(task: Task) -> None:
    """Do a task and write down what became of it."""
    workspace = Workspace.open(task.workspace)
    jobs = workspace.register.jobs
    try:
        _bring(task, workspace)
    except CalledOff:
        return
    except InputError as error:
        read = error.read if isinstance(error, RejectedRows) else None
        jobs.finish(task.job, State.REFUSED, _now(), faults=error.faults, read=read)
    except OSError as error:
        if error.errno not in FULL:
            raise
        jobs.finish(task.job, State.FAILED, _now(), faults=[storage_full()])


def _bring(task: Task, workspace: Workspace) -> None:
    order, jobs = task.order, workspace.register.jobs
    spec = workspace.catalogue.layers.get(order.layer)
    if spec is None:
        raise NotFound(f"没有图层 {order.layer} / no layer {order.layer}")
    extent = task.folder / EXTENT
    data, report = ingest.read_layer(
        spec,
        workspace.catalogue,
        workspace.rulebook.jurisdiction,
        task.folder / FILE,
        name=order.name,
        crs=order.crs,
        encoding=order.encoding,
        edition_date=order.edition_date,
        id_field=order.id_field,
        extent=extent if extent.exists() else None,
        quarantine=order.quarantine,
        zone_boxes=zone_shapes(workspace),
        anywhere=order.anywhere,
        layer_name=order.layer_name,
    )
    if not order.anywhere:
        refuse_shifted(workspace, data)
    if order.dry_run:
        jobs.finish(task.job, State.DONE, _now(), report=report, read=report.read)
        return
    if not jobs.progress(task.job, Stage.STORING):
        raise CalledOff
    edition = workspace.publish(data, report, at=_now(), job=task.job)
    prepare(workspace, edition.name, _Told(jobs, task.job).say)
    jobs.finish(task.job, State.DONE, _now())


class _Told:
    """Writes down how much is prepared, now and then."""

    def __init__(self, jobs: Jobs, job: str) -> None:
        self._jobs, self._job = jobs, job
        self._said = time.monotonic()

    def say(self, done: int, total: int) -> None:
        """Take how much is done."""
        if time.monotonic() - self._said >= EVERY_S:
            self._said = time.monotonic()
            self._jobs.progress(self._job, Stage.PREPARING, done, total)


def storage_full() -> Fault:
    """Say that there is no room left."""
    return Fault(
        "storage_full",
        "磁盘空间不足，未入库任何数据",
        "there is no room left on the disk; nothing was stored",
        "请管理员清理磁盘后重试",
        "ask the administrator to make room, then try again",
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _end_with(starter: BinaryIO) -> None:
    """End with whoever holds the other side of a pipe, with all that was started here."""

    def watch() -> None:
        # Past Python's buffer, whose lock would be held when this process ends.
        os.read(starter.fileno(), 1)
        if hasattr(os, "killpg"):
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _stand_back() -> None:
    """Take a lower place with the processors, alone and as what Linux shares them out to: a session (``autogroup``)."""
    stand_back()
    with suppress(OSError):
        AUTOGROUP.write_text(str(YIELDING), encoding="ascii")


def main() -> None:
    """Take a task from standard input and do it."""
    logging.basicConfig(level=logging.WARNING)
    _stand_back()
    starter = sys.stdin.buffer
    payload = receive(starter)
    if payload is None:
        return
    _end_with(starter)
    try:
        run(pickle.loads(payload))  # noqa: S301 - comes from the program that started us
    except Exception as error:  # noqa: BLE001 - the log of the service takes what is said here
        sys.exit(came_up(error))


if __name__ == "__main__":
    main()
