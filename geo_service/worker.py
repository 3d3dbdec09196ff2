"""Warm worker processes: kept, handed one job at a time, killed when a job overruns, replaced when they die.

A call into a geometry or file library cannot be interrupted; its process can be killed. What a worker answers may hold
known kinds of values only, because a worker that was broken by what it read must not be able to hand back code.
"""

from __future__ import annotations

import io
import logging
import os
import pickle
import select
import socket
import threading
import time
from collections.abc import Callable, Collection, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from geo_service import nursery
from geo_service.errors import GeoServiceError
from geo_service.nursery import HEAD, SECONDS, Nursery, hung_up, message
from geo_service.tally import TALLY, WORKER_DIED, WORKER_KILLED

START_LIMIT_S = 60.0
_LOG = logging.getLogger("geo_service.worker")
#: Processes at work for one purpose.
SLOTS = max(2, os.cpu_count() or 2)
FILE_BYTES = 4 << 30
#: A job may wait for a processor for so many times as long as it may compute, less one.
WALL = 3.0
#: A process ends by itself when it has computed for so much longer than whoever asked would have let it.
ALONE_S = 60.0
#: How often it is looked at what a process has used: at the most, and at least.
LOOK_S, LONGEST_S = 0.02, 3600.0
#: So much of a message is taken at once.
PART_BYTES = 1 << 20

Name = tuple[str, str]
#: Exceptions that any worker may answer.
ERRORS: frozenset[Name] = frozenset(
    ("geo_service.errors", name)
    for name in (
        "CatalogueError",
        "Fault",
        "InputError",
        "NotFound",
        "RejectedRows",
        "RulebookError",
        "TooComplex",
        "WorkspaceError",
    )
)


def opened(payload: bytes, known: Collection[Name]) -> Any:
    """Read an answer.

    Parameters
    ----------
    known : collection of (module, name)
        What the answer may bring in beside plain values.

    Raises
    ------
    pickle.UnpicklingError
        When it holds anything else.
    """
    return _Answers(payload, known).load()


class _Answers(pickle.Unpickler):
    def __init__(self, payload: bytes, known: Collection[Name]) -> None:
        super().__init__(io.BytesIO(payload))
        self._known = known

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._known:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in an answer")
        return super().find_class(module, name)


class Reply(NamedTuple):
    """What came of a job.

    Attributes
    ----------
    answer : bytes or None
        ``None`` when the process died or was killed.
    overran : bool
        Whether it was killed for the time it took.
    used_s : float
        Of the time that it was allowed.
    """

    answer: bytes | None
    overran: bool
    used_s: float


class _Allowed:
    """What a process may use for one job; see `Worker.ask`."""

    def __init__(self, limit_s: float, computed_s: Callable[[], float | None]) -> None:
        self._limit_s = limit_s
        self._computed_s = computed_s
        self._before, self._began = computed_s(), time.monotonic()

    def used_s(self) -> float:
        """Tell what it has used so far."""
        now, passed = self._computed_s(), time.monotonic() - self._began
        return passed if now is None or self._before is None else max(now - self._before, passed / WALL)

    def left_s(self) -> float:
        """Tell what it may still use."""
        return self._limit_s - self.used_s()

    def sure_s(self) -> float:
        """Tell for how long nothing needs to be looked at: it cannot compute for longer than the time that passes."""
        return self._limit_s - (time.monotonic() - self._began)


class Worker:
    """One worker process.

    Parameters
    ----------
    nursery : Nursery
        Where it comes from.

    Attributes
    ----------
    told : Any
        What whoever asks it has told it before, and need not tell it again.

    Raises
    ------
    GeoServiceError
        When there is none to be had.
    """

    def __init__(self, nursery: Nursery) -> None:
        self._module = nursery.module.removeprefix("geo_service.")
        try:
            self._child = nursery.child(START_LIMIT_S)
        except OSError as error:
            raise GeoServiceError("工作进程无法启动 / a worker process does not start") from error
        self._spent = False
        self.told: Any = None

    @property
    def pid(self) -> int:
        """Process id."""
        return self._child.pid

    def fit(self) -> bool:
        """Tell whether the process is there and may take another job."""
        return not self._spent and not hung_up(self._child.line)

    def retire(self) -> None:
        """Take no further job after this one."""
        self._spent = True

    def ask(self, payload: bytes | None, limit_s: float, longest_s: float = 0.0) -> Reply:
        """Send a job, or nothing, and wait for the next answer.

        The process is killed when it has computed for ``limit_s`` seconds, or when `WALL` times as many have passed:
        on a crowded machine whoever waits for a processor has done nothing wrong.

        Parameters
        ----------
        longest_s : float
            The longest of the limits with which further answers to the job will be asked for, where it is longer.
        """
        allowed = _Allowed(limit_s, self._computed_s)
        answer, overran = None, False
        try:
            if payload is not None:
                self._tell(SECONDS.pack(max(limit_s, longest_s) + ALONE_S) + payload, allowed)
            answer = self._hear(allowed)
        except TimeoutError:
            overran = True
            self._child.kill()
            TALLY.add(WORKER_KILLED, self._module)
        except OSError:
            # A dead process takes nothing; that is told by the missing answer.
            pass
        spent = allowed.used_s()
        if answer is None and not overran:
            TALLY.add(WORKER_DIED, self._module)
        self._spent = self._spent or answer is None
        return Reply(answer, overran, spent)

    def _tell(self, payload: bytes, allowed: _Allowed) -> None:
        """Send a message; the process may never take it."""
        left = memoryview(message(payload))
        while left:
            self._wait(select.POLLOUT, allowed)
            left = left[self._child.line.send(left, socket.MSG_DONTWAIT) :]

    def _hear(self, allowed: _Allowed) -> bytes | None:
        """Receive a message, any part of which may never come; ``None`` when the process is gone."""

        def exactly(length: int) -> bytes | None:
            parts = []
            while length:
                self._wait(select.POLLIN, allowed)
                # However much is announced, only what comes takes memory.
                parts.append(self._child.line.recv(min(length, PART_BYTES)))
                if not parts[-1]:
                    return None
                length -= len(parts[-1])
            return b"".join(parts)

        head = exactly(HEAD.size)
        return None if head is None else exactly(HEAD.unpack(head)[0])

    def _wait(self, event: int, allowed: _Allowed) -> None:
        """Wait until something can be sent or received.

        Raises
        ------
        TimeoutError
            When the process has used what it may.
        """
        asked = select.poll()
        asked.register(self._child.line, event)
        sure_s = allowed.sure_s()
        while True:
            if sure_s <= 0.0 and (sure_s := allowed.left_s()) <= 0.0:
                raise TimeoutError
            if asked.poll(1e3 * min(max(sure_s, LOOK_S), LONGEST_S)):
                return
            sure_s = 0.0

    def _computed_s(self) -> float | None:
        """Processor seconds of the process so far; ``None`` where the system does not tell."""
        try:
            # The clock that Linux gives every process (clock_getcpuclockid).
            return time.clock_gettime(~self.pid << 3 | 2)
        except OSError:
            return None

    def close(self) -> None:
        """End the process."""
        self._spent = True
        self._child.close()


class Workers:
    """The idle workers of this process that run one module.

    Parameters
    ----------
    module : str
        See `Nursery`.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._first: bytes | None = None
        self._nursery: Nursery | None = None
        self._reset()

    def _reset(self) -> None:
        self._idle: list[Worker] = []
        self._lent = 0
        self._lock = threading.Lock()
        self._slots: dict[Hashable, threading.BoundedSemaphore] = {}
        self._owner = os.getpid()

    def _slot(self, purpose: Hashable) -> threading.BoundedSemaphore:
        if self._owner != os.getpid():
            # After a fork the lines belong to the parent: two askers on one line would get each other's answers.
            self._reset()
        with self._lock:
            return self._slots.setdefault(purpose, threading.BoundedSemaphore(SLOTS))

    def prepare(self, first: bytes | None = None) -> Nursery:
        """Start what the workers come from, unless it is there, and have it do a job first; see `Nursery.rehearse`."""
        with self._lock:
            self._first = first or self._first
            if self._nursery is not None and not self._nursery.fit():
                self._nursery.close()
                self._nursery = None
            if self._nursery is None:
                self._nursery = nursery.of(self._module)
            if self._first is not None:
                try:
                    self._nursery.rehearse(self._first)
                except OSError:
                    # It is gone again, which whoever wants a process of it is told.
                    _LOG.warning("the process that %s comes from is gone", self._module)
            return self._nursery

    def another(self) -> Worker:
        """Return a new worker, which the caller ends.

        Raises
        ------
        GeoServiceError
            When there is none to be had.
        """
        try:
            return Worker(self.prepare())
        except GeoServiceError:
            # What they come from may have died in between.
            return Worker(self.prepare())

    @contextmanager
    def borrowed(self, purpose: Hashable = None) -> Iterator[Worker]:
        """Lend a worker; waits while all for its purpose are at work.

        It is ended where the caller raises, because nobody knows then what it still has to say.

        Parameters
        ----------
        purpose : hashable
            There are `SLOTS` workers for each, so that those of one purpose keep none of another waiting.
        """
        with self._slot(purpose):
            worker = self._take()
            with self._lock:
                self._lent += 1
            try:
                yield worker
            except BaseException:
                worker.close()
                raise
            finally:
                with self._lock:
                    self._lent -= 1
            self._give_back(worker)

    def _take(self) -> Worker:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.fit():
                    return worker
                worker.close()
        return self.another()

    def _give_back(self, worker: Worker) -> None:
        if worker.fit():
            with self._lock:
                if len(self._idle) < SLOTS:
                    self._idle.append(worker)
                    return
        worker.close()

    def standing(self) -> bool:
        """Tell whether there is one: at work, or waiting for it."""
        with self._lock:
            return self._lent > 0 or any(worker.fit() for worker in self._idle)

    def idle(self) -> tuple[int, ...]:
        """Process ids of those that wait for work."""
        with self._lock:
            return tuple(worker.pid for worker in self._idle)

    def close(self) -> None:
        """End all idle workers, and what they come from."""
        with self._lock:
            idle, self._idle = self._idle, []
            nursery, self._nursery = self._nursery, None
        if self._owner == os.getpid():
            for worker in idle:
                worker.close()
        if nursery is not None:
            nursery.close()


def limit(memory_bytes: int | None) -> None:
    """Bound this process's address space (``None``: no longer) and file size, where the system can."""
    try:
        import resource
    except ImportError:
        return
    for what, amount in (
        (resource.RLIMIT_AS, resource.RLIM_INFINITY if memory_bytes is None else memory_bytes),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        known = [bound for bound in (amount, hard) if bound != resource.RLIM_INFINITY]
        resource.setrlimit(what, (min(known, default=resource.RLIM_INFINITY), hard))


def address_space() -> int | None:
    """Bytes of address space that this process takes; ``None`` where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None
