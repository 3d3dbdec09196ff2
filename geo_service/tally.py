"""What has happened since this process began, counted where it happens and read by whoever watches over it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from threading import Lock

#: A worker process that was killed because it overran; one that ended by itself in the middle of a job. By module.
WORKER_KILLED, WORKER_DIED = "worker_killed", "worker_died"
#: Boundaries from outside, by verdict or ``rejected``; and the seconds that checking them took.
BOUNDARY_CHECKED, CHECK_SECONDS = "boundary_checked", "check_seconds"

Key = tuple[str, str]


class Tally:
    """Amounts by what happened, and to which; they only grow. Safe between threads.

    Examples
    --------
    >>> tally = Tally()
    >>> tally.add("worker_killed", "reader"), tally.add("worker_killed", "reader")
    (None, None)
    >>> tally.counts()
    {('worker_killed', 'reader'): 2.0}
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: defaultdict[Key, float] = defaultdict(float)

    def add(self, what: str, which: str = "", amount: float = 1.0) -> None:
        """Count something."""
        with self._lock:
            self._counts[what, which] += amount

    def counts(self) -> Mapping[Key, float]:
        """Everything counted so far."""
        with self._lock:
            return dict(self._counts)


#: Of this process.
TALLY = Tally()
