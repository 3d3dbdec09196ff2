"""Waiting for what processes of the system do."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

#: Far less than what would take minutes, far more than what is done at once takes on a crowded machine.
AT_ONCE_S = 30.0


def wait_for(condition: Callable[[], bool], limit_s: float = 600.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def gone(pid: int) -> bool:
    """Tell whether a process is gone, after a while: one that was killed ends when the system comes to it."""
    end = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
        time.sleep(0.01)
    return not Path(f"/proc/{pid}").exists()
