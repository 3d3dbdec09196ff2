"""Warm reading processes: kept, handed one job at a time, killed when a job overruns, replaced when they die."""

from __future__ import annotations

import atexit
import json
import logging
import os
import pickle
import subprocess
import sys
import threading
from functools import cache
from typing import BinaryIO, cast

from geo_service.errors import Fault, GeoServiceError, InputError, TooComplex
from geo_service.ingest.drivers import ENVIRONMENT
from geo_service.ingest.gate import too_complex
from geo_service.ingest.job import GridResult, Job, Purpose, VectorResult
from geo_service.ingest.wire import READY, opened, receive, send

START_LIMIT_S = 60.0
#: Processes at work for checks, and as many again for imports, so that a long import keeps no check waiting.
SLOTS = max(2, os.cpu_count() or 2)
#: A process that has read a large file keeps its memory; it is not kept.
RETIRE_BYTES = 20_000_000

_log = logging.getLogger("geo_service.ingest")
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


def _environment() -> dict[str, str]:
    """Hand on only what Python needs: no password of ours is in reach of a file that breaks its reader."""
    own = {name: os.environ[name] for name in _PASSED if name in os.environ}
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    # One thread a process: the pool is the parallelism, and each arena of a maths library takes address space.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return own | ENVIRONMENT | threads | {"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"}


def _command(module: str) -> list[str]:
    return [sys.executable, "-P", "-m", module]


@cache
def gdal_skip() -> tuple[tuple[str, str], ...]:
    """Return the drivers each library's GDAL must not load, asked once of a process that is thrown away."""
    found = subprocess.run(  # noqa: S603 - our own interpreter and module
        _command("geo_service.ingest.drivers"),
        env=_environment(),
        capture_output=True,
        check=True,
        text=True,
        timeout=START_LIMIT_S,
    )
    return tuple(sorted(json.loads(found.stdout).items()))


class Reader:
    """One reading process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            _command("geo_service.ingest.child"),
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._sink = cast(BinaryIO, self._process.stdin)
        self._source = cast(BinaryIO, self._process.stdout)
        payload, _ = self._within(START_LIMIT_S, None)
        if payload != READY:
            self.close()
            raise GeoServiceError("读取进程无法启动 / the reading process does not start")

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def alive(self) -> bool:
        """Tell whether the process is still there."""
        return self._process.poll() is None

    def ask(self, payload: bytes, limit_s: float) -> tuple[bytes | None, bool]:
        """Send a job and wait for its answer.

        Returns
        -------
        answer, overran
            No answer when the process died or was killed.
        """
        return self._within(limit_s, payload)

    def _within(self, limit_s: float, payload: bytes | None) -> tuple[bytes | None, bool]:
        # A call into a geometry library cannot be interrupted, only its process can be killed; that also ends our
        # waiting on the pipe.
        overran = threading.Event()

        def kill() -> None:
            overran.set()
            self._process.kill()

        timer = threading.Timer(limit_s, kill)
        timer.daemon = True
        timer.start()
        try:
            if payload is not None:
                send(self._sink, payload)
            return receive(self._source), overran.is_set()
        except OSError:
            return None, overran.is_set()
        finally:
            timer.cancel()

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


class Readers:
    """The idle reading processes of this process."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._idle: list[Reader] = []
        self._lock = threading.Lock()
        self._slots = {purpose: threading.BoundedSemaphore(SLOTS) for purpose in Purpose}
        self._owner = os.getpid()

    def _slot(self, purpose: Purpose) -> threading.BoundedSemaphore:
        if self._owner != os.getpid():
            # After a fork the pipes belong to the parent: two askers on one pipe would get each other's answers.
            self._reset()
        return self._slots[purpose]

    def _take(self) -> Reader:
        with self._lock:
            while self._idle:
                reader = self._idle.pop()
                if reader.alive():
                    return reader
                reader.close()
        return Reader()

    def _give_back(self, reader: Reader) -> None:
        with self._lock:
            if len(self._idle) < SLOTS:
                self._idle.append(reader)
                return
        reader.close()

    def warm_up(self) -> None:
        """Start a process ahead of the first job."""
        with self._slot(Purpose.CHECK):
            self._give_back(self._take())

    def idle(self) -> tuple[int, ...]:
        """Process ids of those that wait for work."""
        with self._lock:
            return tuple(reader.pid for reader in self._idle)

    def close(self) -> None:
        """End all idle processes."""
        with self._lock:
            idle, self._idle = self._idle, []
        if self._owner == os.getpid():
            for reader in idle:
                reader.close()

    def run(self, job: Job, limit_s: float, *, keep: bool = True) -> VectorResult | GridResult:
        """Have a job done; waits while all processes for its purpose are at work.

        Parameters
        ----------
        limit_s : float
            Wall-clock limit in seconds; the process is killed after it.
        keep : bool
            Whether the process may take another job afterwards.

        Raises
        ------
        InputError
            What is wrong with the file; ``TooComplex`` when it took too long or too much memory.
        """
        with self._slot(job.purpose):
            result, trace = self._done(job, limit_s, keep=keep)
        if trace:
            _log.error("reading %s failed\n%s", job.name, trace)
        if isinstance(result, GeoServiceError):
            raise result
        return result

    def _done(self, job: Job, limit_s: float, *, keep: bool) -> tuple[VectorResult | GridResult | GeoServiceError, str]:
        payload = pickle.dumps(job, protocol=5)
        reader = self._take()
        try:
            reply, overran = reader.ask(payload, limit_s)
            result, trace = opened(reply) if reply is not None else (_died(job, limit_s, overran=overran), "")
        except BaseException:
            reader.close()
            raise
        if reply is not None and keep:
            self._give_back(reader)
        else:
            reader.close()
        assert isinstance(result, VectorResult | GridResult | GeoServiceError)
        return result, str(trace)


def _died(job: Job, limit_s: float, *, overran: bool) -> InputError:
    if overran:
        return TooComplex(too_complex(None, f"> {limit_s:g} s"))
    _log.error("the reading process died on %s", job.name)
    return InputError(
        Fault(
            "file_unreadable",
            "读取进程异常终止，文件可能已损坏",
            "the reading process died; the file may be damaged",
            "请核对文件，重新导出后再试",
            "check the file, export it again and retry",
            where=job.name,
        )
    )


READERS = Readers()
atexit.register(READERS.close)
