"""What processes of the system do, and what they take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


def computed_s(pid: int) -> float:
    """Processor seconds of a process so far, by the clock that Linux gives each (clock_getcpuclockid)."""
    return time.clock_gettime(~pid << 3 | 2)


def kilobytes(pid: int, file: str, name: str) -> int:
    """Return a figure of a file in /proc (Linux, proc(5))."""
    lines = Path(f"/proc/{pid}/{file}").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


@contextmanager
def peak_growth(pid: int) -> Iterator[Callable[[], int]]:
    """Lend how many bytes of memory a process has taken since, at the most at once, beyond what it had before."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
    before = kilobytes(pid, "status", "VmRSS")
    yield lambda: 1024 * (kilobytes(pid, "status", "VmHWM") - before)
