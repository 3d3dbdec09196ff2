"""What processes of the system do, and what they take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
    # A process that has just ended has no memory any more.
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)


def family(pid: int) -> set[int]:
    """Return a process and all that were started by it and by those."""
    found = {pid}
    for task in Path(f"/proc/{pid}/task").iterdir():
        # One may end while it is looked at.
        with suppress(OSError):
            for child in (task / "children").read_text(encoding="ascii").split():
                found |= family(int(child))
    return found


def summed(pid: int, figure: Callable[[int], int]) -> int:
    """Add up a figure of a process and of all that were started by it and by those."""
    total = 0
    for one in family(pid):
        with suppress(OSError):
            total += figure(one)
    return total


def held_bytes(pid: int) -> int:
    """Memory of a process and all that were started by it; what several hold counts once."""
    return 1024 * summed(pid, lambda one: kilobytes(one, "smaps_rollup", "Pss"))


def open_files(pid: int) -> int:
    """Open files of a process and all that were started by it."""
    return summed(pid, lambda one: len(list(Path(f"/proc/{one}/fd").iterdir())))


def threads(pid: int) -> int:
    """Threads of a process and all that were started by it."""
    return summed(pid, lambda one: kilobytes(one, "status", "Threads"))


@contextmanager
def peak_growth(pid: int) -> Iterator[Callable[[], int]]:
    """Lend how many bytes of memory a process has taken since, at the most at once, beyond what it had before."""
    # From now on the peak counts anew.
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
    before = kilobytes(pid, "status", "VmRSS")
    yield lambda: 1024 * (kilobytes(pid, "status", "VmHWM") - before)
