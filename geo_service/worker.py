"""Warm worker processes: kept, handed one job at a time, killed when a job overruns, replaced when they die.

A call into a geometry or file library cannot be interrupted; its process can be killed. Messages on the pipes are a
length, then bytes. What a worker answers may hold known kinds of values only, because a worker that was broken by what
it read must not be able to hand back code.
"""

from __future__ import annotations

import io
import os
import pickle
import struct
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple, cast

from geo_service.errors import GeoServiceError
from geo_service.tally import TALLY, WORKER_DIED, WORKER_KILLED

START_LIMIT_S = 60.0
#: Processes at work for one purpose.
SLOTS = max(2, os.cpu_count() or 2)
FILE_BYTES = 4 << 30
#: A job may wait for a processor for so many times as long as it may compute, less one.
WALL = 3.0
#: How often it is looked at, at the most, what a process has used.
LOOK_S = 0.02
#: How soon a process notices that nobody is left to answer.
ORPHAN_S = 1.0

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

_READY = b"ready"
_LENGTH = struct.Struct(">Q")
_PASSED = (
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "PATH",
    "PROJ_DATA",
    "PROJ_LIB",
    "SYSTEMROOT",
    "TEMP",
    "TMP",
    "TMPDIR",
    "VIRTUAL_ENV",
)


def send(sink: BinaryIO, payload: bytes) -> None:
    """Write one message."""
    sink.write(_LENGTH.pack(len(payload)))
    sink.write(payload)
    sink.flush()


def receive(source: BinaryIO) -> bytes | None:
    """Read one message; ``None`` when the other side is gone."""
    head = source.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    payload = source.read(length)
    return payload if len(payload) == length else None


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

    class Answers(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            if (module, name) not in known:
                raise pickle.UnpicklingError(f"{module}.{name} has no place in an answer")
            return super().find_class(module, name)

    return Answers(io.BytesIO(payload)).load()


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Hand on only what Python needs: no password of ours is in reach of a file that breaks its reader."""
    own = {name: os.environ[name] for name in _PASSED if name in os.environ}
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    # One thread a process: the pool is the parallelism, and each arena of a maths library takes address space.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return own | dict(extra) | threads | {"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"}


def command(module: str) -> list[str]:
    """Return how a module of ours is run in a process of its own."""
    return [sys.executable, "-P", "-m", module]


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


class Worker:
    """One worker process.

    Parameters
    ----------
    module : str
        What it runs; that module calls `serve`.
    extra : mapping of str to str
        Its environment beside what Python needs.
    """

    def __init__(self, module: str, extra: Mapping[str, str]) -> None:
        self._module = module.removeprefix("geo_service.")
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command(module),
            env=environment(extra),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._sink = cast(BinaryIO, self._process.stdin)
        self._source = cast(BinaryIO, self._process.stdout)
        self._spent = False
        if self.ask(None, START_LIMIT_S).answer != _READY:
            self.close()
            raise GeoServiceError("工作进程无法启动 / a worker process does not start")

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def fit(self) -> bool:
        """Tell whether the process is there and may take another job."""
        return not self._spent and self._process.poll() is None

    def retire(self) -> None:
        """Take no further job after this one."""
        self._spent = True

    def ask(self, payload: bytes | None, limit_s: float) -> Reply:
        """Send a job, or nothing, and wait for the next answer.

        The process is killed when it has computed for ``limit_s`` seconds, or when `WALL` times as many have passed:
        on a crowded machine whoever waits for a processor has done nothing wrong.
        """
        # Killing it also ends our waiting on the pipe.
        answered, overran = threading.Event(), threading.Event()
        began, before = time.monotonic(), self._computed_s()

        def used_s() -> float:
            now = self._computed_s()
            passed = time.monotonic() - began
            return passed if now is None or before is None else max(now - before, passed / WALL)

        def watch() -> None:
            while (left := limit_s - used_s()) > 0:
                # It cannot compute for longer than the time that passes; when stopped or waiting, for less.
                if answered.wait(min(max(left, LOOK_S), threading.TIMEOUT_MAX)):
                    return
            if not answered.is_set():
                overran.set()
                self._process.kill()
                TALLY.add(WORKER_KILLED, self._module)

        watching = threading.Thread(target=watch, daemon=True)
        watching.start()
        answer = None
        try:
            if payload is not None:
                send(self._sink, payload)
            answer = receive(self._source)
        except OSError:
            # A dead process takes nothing; that is told by the missing answer.
            pass
        finally:
            spent = used_s()
            answered.set()
        if answer is None and not overran.is_set():
            TALLY.add(WORKER_DIED, self._module)
        self._spent = self._spent or answer is None
        return Reply(answer, overran.is_set(), spent)

    def _computed_s(self) -> float | None:
        """Processor seconds of the process so far; ``None`` where the system does not tell."""
        try:
            with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._sink, self._source):
            try:
                pipe.close()
            except OSError:
                # What a dead process did not take cannot be flushed to it.
                continue


class Workers:
    """The idle workers of this process that run one module.

    Parameters
    ----------
    module, extra
        See `Worker`.
    """

    def __init__(self, module: str, extra: Mapping[str, str]) -> None:
        self._module = module
        self._extra = extra
        self._reset()

    def _reset(self) -> None:
        self._idle: list[Worker] = []
        self._lent = 0
        self._lock = threading.Lock()
        self._slots: dict[Hashable, threading.BoundedSemaphore] = {}
        self._owner = os.getpid()

    def _slot(self, purpose: Hashable) -> threading.BoundedSemaphore:
        if self._owner != os.getpid():
            # After a fork the pipes belong to the parent: two askers on one pipe would get each other's answers.
            self._reset()
        with self._lock:
            return self._slots.setdefault(purpose, threading.BoundedSemaphore(SLOTS))

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
        return Worker(self._module, self._extra)

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
        """End all idle workers."""
        with self._lock:
            idle, self._idle = self._idle, []
        if self._owner == os.getpid():
            for worker in idle:
                worker.close()


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


def serve(answers: Callable[[Any], Iterable[object]]) -> None:
    """Answer jobs from standard input on standard output until the other side goes away.

    The pipes are kept to ourselves: whatever a library prints must not get between the answers.

    Parameters
    ----------
    answers : callable
        Gives the answers to a job, sent one by one.
    """
    _end_alone()
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    quiet = os.open(os.devnull, os.O_RDWR)
    os.dup2(quiet, 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    warnings.simplefilter("ignore")
    send(sink, _READY)
    while (payload := receive(source)) is not None:
        job = pickle.loads(payload)  # noqa: S301 - comes from the parent, which is ourselves
        for answer in answers(job):
            send(sink, pickle.dumps(answer, protocol=5))


def _end_alone() -> None:
    """End when whoever started this process is gone, also in the middle of a job of many minutes."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(ORPHAN_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
