"""A lock between processes and threads: one file, held by one writer at a time."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from geo_service.errors import WorkspaceError

if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def exclusive(path: Path, timeout_s: float) -> Iterator[None]:
    """Hold the lock of a file; it is given back at the end, also when the process dies.

    Parameters
    ----------
    timeout_s : float
        How long to wait for another writer, in seconds; 0 asks once.

    Raises
    ------
    WorkspaceError
        When the other writer did not finish in time.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                _take(descriptor)
                break
            except OSError as busy:
                if time.monotonic() >= deadline:
                    raise WorkspaceError(
                        "工作区正被另一项写入占用，请稍后重试 / "
                        "another write to the workspace is going on; try again in a moment"
                    ) from busy
                time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)
