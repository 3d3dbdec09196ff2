"""Where files are brought: taken, put in line, and each handed to a process of its own."""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import shutil
import signal
import subprocess
import threading
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

from geo_service.errors import Fault, GeoServiceError, WorkspaceError
from geo_service.importing.order import EXTENT, FILE, FULL, LOG, Order, Task
from geo_service.nursery import command, environment, send
from geo_service.store.jobs import JobRow, State
from geo_service.store.lock import exclusive
from geo_service.store.workspace import Workspace

#: ``jobs/<owner>.lock`` is held while a program lives; the files of its jobs lie in ``jobs/<owner>/<job>/``.
FOLDER, LOCK = "jobs", ".lock"
#: Unfinished jobs, in all and of one caller.
MOST, MOST_OWN = 32, 8
#: An import of the largest file that is taken ends long before.
LIMIT_S = 7200.0
#: How soon it is noticed, at the latest, that somebody called a job off.
LOOK_S = 0.25
#: Free room that a file needs: itself, what it is unpacked to, and what it is stored as.
ROOM = 3
LEFT_BYTES = 50_000_000
_CHUNK = 1 << 20
_LOG_BYTES = 4000
_LOG = logging.getLogger("geo_service.importing")


class StorageFull(GeoServiceError):
    """There is no room for a file that was brought."""


class Closing(GeoServiceError):
    """The program is ending and takes nothing more."""


class Desk:
    """The imports of a workspace that this program has taken; one is at work at a time, the others wait in line.

    Parameters
    ----------
    workspace : Workspace
        Opened.
    most, most_own : int
        How many jobs may be unfinished, in all and of one caller.
    """

    def __init__(self, workspace: Workspace, *, most: int = MOST, most_own: int = MOST_OWN) -> None:
        self._workspace = workspace
        self._jobs = workspace.register.jobs
        self._most, self._most_own = most, most_own
        self._shared = workspace.directory / FOLDER
        self._owner = uuid.uuid4().hex
        self._folder = self._shared / self._owner
        self._held = ExitStack()
        self._line: deque[tuple[str, Order]] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._at_work = self._shut = self._closing = False

    def recover(self) -> None:
        """Settle what programs that are gone left behind: their jobs, their files."""
        self._jobs.interrupt(self._gone, _now())
        for lock in self._shared.glob(f"*{LOCK}"):
            if self._gone(lock.stem):
                shutil.rmtree(self._shared / lock.stem, ignore_errors=True)
                lock.unlink(missing_ok=True)

    def take(self, order: Order, file: BinaryIO, extent: BinaryIO | None, *, key: str | None, caller: str) -> JobRow:
        """Take a file; what came before under the same key, or is at work already, is answered with its job.

        Parameters
        ----------
        key : str or None
            What the caller calls the request.
        caller : str
            Who brings it.

        Raises
        ------
        KeyTaken, TooMany
            See `geo_service.store.jobs.Jobs.add`.
        StorageFull
            When there is no room for the file.
        """
        self._open()
        job = uuid.uuid4().hex
        folder = self._folder / job
        try:
            folder.mkdir()
            sums = [_kept(file, folder / FILE)]
            if extent is not None:
                sums.append(_kept(extent, folder / EXTENT))
            row = self._jobs.add(
                job,
                order.layer,
                order.name,
                order.fingerprint(*sums),
                key=None if key is None else hashlib.sha256(f"{caller}\n{key}".encode()).hexdigest(),
                caller=caller,
                owner=self._owner,
                at=_now(),
                most=self._most,
                most_own=self._most_own,
            )
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            if error.errno in FULL:
                raise StorageFull from error
            raise
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if row.id != job:
            shutil.rmtree(folder, ignore_errors=True)
            return row
        with self._changed:
            self._line.append((job, order))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="imports", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return row

    def job(self, id_: str) -> JobRow:
        """Return a job as it stands.

        Raises
        ------
        NotFound
            When there is none of that id.
        """
        row = self._jobs.get(id_)
        if not row.state.final and row.owner != self._owner and self._gone(row.owner):
            self._jobs.interrupt(self._gone, _now())
            row = self._jobs.get(id_)
        return row

    def cancel(self, id_: str) -> bool:
        """Call a job off; false when it is too late: it has ended, or its edition is published.

        Raises
        ------
        NotFound
            When there is none of that id.
        """
        row = self.job(id_)
        if row.state.final or row.edition is not None:
            return False
        self._jobs.finish(id_, State.CANCELLED, _now())
        with self._changed:
            self._changed.notify_all()
        return self._jobs.get(id_).state is State.CANCELLED

    def close(self, wait_s: float = 0.0) -> None:
        """End: take nothing more, finish what was taken, and give up what is left after so many seconds.

        What is at work then is killed; it and what waits are said to be interrupted.
        """
        with self._changed:
            self._shut = True
            self._changed.wait_for(lambda: not (self._line or self._at_work), wait_s)
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        for row in self._jobs.unfinished():
            if row.owner == self._owner:
                self._settle(row.id, State.INTERRUPTED)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._lock(self._owner).unlink(missing_ok=True)
        self._held.close()

    def _open(self) -> None:
        """Say, for as long as this program lives, that its jobs are taken care of."""
        with self._changed:
            if self._shut:
                raise Closing
            if not self._folder.exists():
                self._shared.mkdir(exist_ok=True)
                self._held.enter_context(exclusive(self._lock(self._owner), 0))
                self._folder.mkdir()

    def _lock(self, owner: str) -> Path:
        return self._shared / (owner + LOCK)

    def _gone(self, owner: str) -> bool:
        if owner == self._owner:
            return False
        if not self._lock(owner).exists():
            return True
        try:
            with exclusive(self._lock(owner), 0):
                return True
        except WorkspaceError:
            return False

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._line and not self._closing:
                    self._changed.wait()
                if self._closing:
                    return
                job, order = self._line.popleft()
                self._at_work = True
            try:
                if self._jobs.begin(job, _now()):
                    self._import(job, order)
                else:
                    shutil.rmtree(self._folder / job, ignore_errors=True)
            except Exception:  # noqa: BLE001 - the others in line still have their turn
                _LOG.exception("import %s failed", job)
                self._settle(job, State.FAILED)
            finally:
                with self._changed:
                    self._at_work = False
                    self._changed.notify_all()

    def _import(self, job: str, order: Order) -> None:
        folder = self._folder / job
        with _started(folder, Task(self._workspace.directory.resolve(), job, folder.resolve(), order)) as process:
            waited = 0.0
            closing = False
            while process.poll() is None:
                with self._changed:
                    self._changed.wait_for(lambda: process.poll() is not None, LOOK_S)
                    closing = self._closing
                waited += LOOK_S
                if closing or waited > LIMIT_S or self._jobs.get(job).state is not State.RUNNING:
                    break
        said = (folder / LOG).read_bytes()[-_LOG_BYTES:].decode(errors="replace")
        if self._settle(job, State.INTERRUPTED if closing else State.FAILED) and not closing:
            _LOG.error("the process of import %s ended with %s\n%s", job, process.returncode, said)

    def _settle(self, job: str, state: State) -> bool:
        """Say what became of a job, and leave nothing of it behind; false when somebody has said it already."""
        settled = self._jobs.finish(job, state, _now(), faults=[_broke_off()] if state is State.FAILED else ())
        self._workspace.clean(self._workspace.directory)
        shutil.rmtree(self._folder / job, ignore_errors=True)
        return settled


@contextmanager
def _started(folder: Path, task: Task) -> Iterator[subprocess.Popen[bytes]]:
    """Start an importing process; at the end it is gone, with all that it started."""
    with (folder / LOG).open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command("geo_service.importing.child"),
            env=environment(TMPDIR=str(folder.resolve())),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )
        sink = cast(BinaryIO, process.stdin)
        try:
            try:
                send(sink, pickle.dumps(task, protocol=5))
            except OSError:
                # A dead process takes nothing; that is told by its end.
                pass
            yield process
        finally:
            if process.poll() is None:
                _end(process)
            process.wait()
            try:
                sink.close()
            except OSError:
                pass


def _end(process: subprocess.Popen[bytes]) -> None:
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def _kept(source: BinaryIO, target: Path) -> str:
    """Copy a file and return its SHA-256."""
    digest = hashlib.sha256()
    source.seek(0, os.SEEK_END)
    if shutil.disk_usage(target.parent).free < ROOM * source.tell() + LEFT_BYTES:
        raise StorageFull
    source.seek(0)
    with target.open("xb") as out:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            out.write(chunk)
    return digest.hexdigest()


def _broke_off() -> Fault:
    return Fault(
        "import_failed",
        "导入异常终止，未入库任何数据",
        "the import broke off; nothing was stored",
        "请重试；若再次出现，请将任务编号告知管理员",
        "try again; if it happens again, give the job's number to the administrator",
    )


def _now() -> datetime:
    return datetime.now(UTC)
