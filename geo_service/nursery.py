"""Where worker processes come from: one process that has imported what they need, and divides.

A new process that imports what geometry takes needs seconds of a core, one that is divided from another hundredths of
one; and what both have read is in memory once. Each is handed one end of a line (a pair of sockets), on which it tells
its id and then answers jobs. Messages on a line are a length, then bytes.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import math
import os
import pickle
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO, NoReturn

#: What stands before a message: its length. A job begins with the seconds that each answer to it may take.
HEAD, SECONDS = struct.Struct(">Q"), struct.Struct(">d")
#: What a nursery is told: to do a job itself, which follows; to divide, and whose line comes along.
_FIRST, _CHILD = b"!", b"+"
#: From Linux's sched.h.
_NEW_USERS, _NEW_NETWORK = 0x10000000, 0x40000000
#: Whoever can be answered at once goes before what takes work, which takes so much lower a place with the processors.
YIELDING = 5
#: So many more objects than before are there when it is looked for those that nobody counts on: a job makes tens of
#: thousands, nearly all of which go without being looked for.
SELDOM = 50_000
#: The longest word that tells a process id.
_WORD = 32
#: Fixed before GDAL or PROJ starts, so that no default of a version decides, and no way to the network is looked for.
ENVIRONMENT = {
    "GDAL_DRIVER_PATH": "disable",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "GDAL_VRT_ENABLE_RAWRASTERBAND": "NO",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "{none}",
    "CPL_VSIL_CURL_HEADER_FILE_KVP_ENABLED": "NO",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_CACHEMAX": "128",
    "PROJ_NETWORK": "OFF",
}
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


def message(payload: bytes) -> bytes:
    """Return a message as it is sent: all at once, or the other side would wake up for its length alone."""
    return HEAD.pack(len(payload)) + payload


def send(sink: BinaryIO, payload: bytes) -> None:
    """Write one message."""
    sink.write(message(payload))
    sink.flush()


def receive(source: BinaryIO) -> bytes | None:
    """Read one message; ``None`` when the other side is gone."""
    head = source.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    (length,) = HEAD.unpack(head)
    payload = source.read(length)
    return payload if len(payload) == length else None


def environment(**more: str) -> dict[str, str]:
    """Hand on only what Python needs: no password of ours is in reach of a file that breaks its reader."""
    own = {name: os.environ[name] for name in _PASSED if name in os.environ}
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    # One thread a process: the pool is the parallelism, and each arena of a maths library takes address space.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return own | ENVIRONMENT | more | threads | {"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"}


def command(module: str) -> list[str]:
    """Return how a module of ours is run in a process of its own."""
    return [sys.executable, "-P", "-m", module]


def hung_up(line: socket.socket) -> bool:
    """Tell whether the other side of a line is gone."""
    asked = select.poll()
    asked.register(line, 0)
    return bool(asked.poll(0))


class Child:
    """A process of a nursery, at the other end of a line.

    Attributes
    ----------
    pid : int
        Its id.
    line : socket
        To it.

    Raises
    ------
    OSError
        When there is none, or it does not tell its id in time.
    """

    def __init__(self, line: socket.socket, limit_s: float) -> None:
        self.line = line
        line.settimeout(limit_s)
        word, handles, _, _ = socket.recv_fds(line, _WORD, 1)
        if not word:
            raise ConnectionResetError("no process at the other end")
        line.settimeout(None)
        self.pid = int(word)
        # The id may belong to another by the time it is used; the handle cannot.
        self._handle = handles[0] if handles else None
        self._closed = False

    def kill(self) -> None:
        """End it."""
        if self._closed:
            return
        try:
            if self._handle is None:
                os.kill(self.pid, signal.SIGKILL)
            else:
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
        except ProcessLookupError:
            # It ended by itself.
            return

    def close(self) -> None:
        """End it and let go of it."""
        if self._closed:
            return
        self.kill()
        self._closed = True
        self.line.close()
        if self._handle is not None:
            os.close(self._handle)


class Nursery:
    """The process that divides; may be asked by several processes that were forked from the one that started it.

    Parameters
    ----------
    module : str
        What it runs: a module with a function ``main`` that calls `serve`.
    words : str
        More words of its command line.
    """

    def __init__(self, module: str, *words: str) -> None:
        self.module = module
        self.first = b""
        self._owner = os.getpid()
        self._door, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [*command(__name__), module, *words],
                env=environment(),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def rehearse(self, first: bytes) -> None:
        """Have it do a job of ours, pickled, before it divides again, so that none of its children has to.

        Raises
        ------
        OSError
            When it is gone.
        """
        if first != self.first:
            self._door.sendall(_FIRST + HEAD.pack(len(first)) + first)
            self.first = first

    def fit(self) -> bool:
        """Tell whether it is there."""
        return not hung_up(self._door)

    def child(self, limit_s: float) -> Child:
        """Return a new process of it.

        Raises
        ------
        OSError
            When it is gone, or has none in time.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                socket.send_fds(self._door, [_CHILD], [theirs.fileno()])
            return Child(ours, limit_s)
        except BaseException:
            ours.close()
            raise

    def close(self) -> None:
        """Let go of it: it ends when nobody is left who could ask it. Its children go on while somebody asks them."""
        self._door.close()
        if self._owner == os.getpid():
            self._process.kill()
            self._process.wait()


_ahead: dict[str, Nursery] = {}


def start_ahead(module: str, *words: str) -> None:
    """Start a nursery while this process still imports what it needs itself; see `Nursery`."""
    if module not in _ahead:
        _ahead[module] = Nursery(module, *words)


def of(module: str) -> Nursery:
    """Return a nursery, the one that was started ahead if there is one."""
    return _ahead.pop(module, None) or Nursery(module)


@atexit.register
def _close_unused() -> None:
    while _ahead:
        _ahead.popitem()[1].close()


def serve(answers: Callable[[Any], Iterable[object]]) -> None:
    """Be a nursery on standard input, each of whose processes answers jobs until the other side goes away.

    Parameters
    ----------
    answers : callable
        Gives the answers to a job, sent one by one.
    """
    door = socket.socket(fileno=os.dup(0))
    # Whatever a library prints or reads must not get onto a line.
    quiet = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(quiet, standard)
    sys.stdout = sys.stderr
    warnings.simplefilter("ignore")
    # A terminal tells all of a program to stop; what was begun is finished, and ends with whoever asked for it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Nobody asks what became of a process; it is gone when it is.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        # Nothing is read ahead: lines come along with what follows.
        asked, lines, _, _ = socket.recv_fds(door, 1, 1)
        if asked == _FIRST:
            (length,) = HEAD.unpack(door.recv(HEAD.size, socket.MSG_WAITALL))
            first = pickle.loads(door.recv(length, socket.MSG_WAITALL))  # noqa: S301 - from whoever started this
            for _ in answers(first):
                continue
            # What is there now stays; that nobody counts on it any more keeps it in memory once.
            gc.freeze()
            gc.enable()
            continue
        if asked != _CHILD:
            return
        if os.fork() == 0:
            door.close()
            gc.enable()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _attend(socket.socket(fileno=lines[0]), answers)
        for line in lines:
            os.close(line)


def stand_back() -> None:
    """Take a lower place with the processors, see `YIELDING`, where the system has one."""
    if hasattr(os, "nice"):
        os.nice(YIELDING)


def leave_network() -> bool:
    """Leave the machine's network for an empty one, where the system allows it.

    A process that was broken by what it read then reaches nobody; lines that are open stay open.
    """
    try:
        unshare = ctypes.CDLL(None, use_errno=True).unshare
    except (AttributeError, OSError):
        return False
    # Whoever may not do it for himself may as the only user of a space of users of his own.
    return bool(unshare(_NEW_NETWORK) == 0 or unshare(_NEW_USERS | _NEW_NETWORK) == 0)


def _attend(line: socket.socket, answers: Callable[[Any], Iterable[object]]) -> NoReturn:
    """Answer jobs on a line; end with it."""
    stand_back()
    gc.set_threshold(SELDOM)
    threading.Thread(target=_end_alone, args=(line,), daemon=True).start()
    handles = [os.pidfd_open(os.getpid())] if hasattr(os, "pidfd_open") else []
    socket.send_fds(line, [str(os.getpid()).encode()], handles)
    with line.makefile("rb") as source, line.makefile("wb") as sink:
        while (payload := receive(source)) is not None:
            (seconds,) = SECONDS.unpack_from(payload)
            _compute(seconds)
            job = pickle.loads(memoryview(payload)[SECONDS.size :])  # noqa: S301 - from the parent, which is ourselves
            for answer in answers(job):
                send(sink, pickle.dumps(answer, protocol=5))
                _compute(seconds)
    os._exit(0)


def _compute(seconds: float) -> None:
    """Compute for no longer than so, where the system can see to it.

    Whoever asked ends this process long before. While a library keeps the interpreter to itself, the thread of
    `_end_alone` has no turn; where whoever asked is gone as well, only the system is left.
    """
    try:
        import resource
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    most = math.ceil(time.process_time() + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _end_alone(line: socket.socket) -> None:
    """End when whoever asked is gone, also in the middle of a job of many minutes."""
    asked = select.poll()
    asked.register(line, 0)
    asked.poll()
    os._exit(1)


if __name__ == "__main__":
    # Before anything is imported: a library may start threads, and a process of several may not leave.
    leave_network()
    # Nothing of what is read first is given up: to look through it again and again takes a tenth of the time.
    gc.disable()
    importlib.import_module(sys.argv[1]).main()
