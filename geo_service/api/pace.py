"""How fast one caller may ask for what takes work, so that one leaves room for the others."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Any

from fastapi import Depends, Request

from geo_service.api.access import ANONYMOUS, LOCAL, NOBODY, caller_of, is_loopback
from geo_service.api.errors import Problem
from geo_service.model.text import Text

PER_SECOND = 20.0
BURST = 200
#: Callers that are remembered; one that has not asked for long may begin anew.
REMEMBERED = 10_000
#: Callers without a key of their own are told apart by their address.
WITHOUT_KEY = frozenset(caller.id for caller in (ANONYMOUS, LOCAL, NOBODY))


class Pace:
    """So many requests a second from each caller, and some more at once now and then.

    Parameters
    ----------
    per_second : float
        What a caller may go on with.
    burst : int
        What one who has not asked for a while may ask at once.
    clock : callable
        Seconds that only grow.

    Examples
    --------
    >>> pace = Pace(per_second=2.0, burst=2, clock=lambda: 0.0)
    >>> pace.wait_s("a"), pace.wait_s("a"), pace.wait_s("a"), pace.wait_s("b")
    (0.0, 0.0, 0.5, 0.0)
    """

    def __init__(
        self, per_second: float = PER_SECOND, burst: int = BURST, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._step_s = 1.0 / per_second
        self._ahead_s = self._step_s * burst
        self._clock = clock
        self._lock = Lock()
        # When each caller's requests would all have had their time (the generic cell rate algorithm).
        self._due: OrderedDict[str, float] = OrderedDict()

    def wait_s(self, caller: str) -> float:
        """Take a request: 0, or the seconds after which it may come again; then it does not count."""
        with self._lock:
            now = self._clock()
            due = max(self._due.pop(caller, now), now) + self._step_s
            wait = due - self._ahead_s - now
            # What rounding leaves is no reason to wait.
            refused = wait > 1e-9
            self._due[caller] = due - self._step_s if refused else due
            if len(self._due) > REMEMBERED:
                self._due.popitem(last=False)
            return wait if refused else 0.0


async def _paced(request: Request) -> None:
    caller, host = caller_of(request).id, request.client.host if request.client else ""
    if caller in WITHOUT_KEY:
        # Whoever sits at this machine, or a proxy here that does not say for whom it asks, is no single caller.
        if is_loopback(host) and not request.app.state.pace_local:
            return
        caller = host
    wait = request.app.state.pace.wait_s(caller)
    if wait > 0.0:
        seconds = math.ceil(wait)
        raise Problem(
            429,
            "too-many-requests",
            Text(f"请求过于频繁，请{seconds}秒后再试", f"too many requests; try again in {seconds} seconds"),
            step=Text("请放慢速度，或将多个界址合并为一次请求", "go slower, or send several boundaries at once"),
            headers={"Retry-After": str(seconds)},
        )


#: Declares that a route takes work, so that one caller may ask it only so fast.
PACED: Any = Depends(_paced)
