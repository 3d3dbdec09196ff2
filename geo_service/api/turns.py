"""Who may have boundaries measured at once. More at once only take the processors from each other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

#: Whoever takes longer makes room for one more, so that a boundary of many seconds holds up no ordinary one.
LONG_S = 0.25


class Turns:
    """Places for those who are answered; the rest wait for one.

    Parameters
    ----------
    at_once : int
        Places.
    most : int
        Those who may be answered at once, together with those who have made room.

    Attributes
    ----------
    places : asyncio.Semaphore
        To be acquired before `taken`.
    """

    def __init__(self, at_once: int, most: int) -> None:
        self.places = asyncio.Semaphore(min(at_once, most))
        self._spare = max(0, most - at_once)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold a place that was acquired, and give it back."""
        made_room = False

        def make_room() -> None:
            nonlocal made_room
            if self._spare:
                self._spare -= 1
                made_room = True
                self.places.release()

        timer = asyncio.get_running_loop().call_later(LONG_S, make_room)
        try:
            yield
        finally:
            timer.cancel()
            if made_room:
                self._spare += 1
            else:
                self.places.release()
