"""What was made once, kept while there is room for it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """Values by key, of bounded size in all; what was asked for longest ago goes first. Safe between threads.

    Parameters
    ----------
    most : int
        What all values may take together. The newest one stays, whatever it takes.

    Examples
    --------
    >>> kept = Kept[str, bytes](5)
    >>> for key, value in (("a", b"12"), ("b", b"345"), ("c", b"6")):
    ...     _ = kept.get("a")
    ...     kept.put(key, value, len(value))
    >>> kept.get("a"), kept.get("b"), kept.get("c")
    (b'12', None, b'6')
    >>> kept.drop(lambda key: key == "a")
    >>> kept.get("a"), kept.size
    (None, 1)
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self.size = 0

    def get(self, key: K) -> V | None:
        """Return a value, if it is still there."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def put(self, key: K, value: V, size: int) -> None:
        """Keep a value of a size."""
        with self._lock:
            self.size += size - self._values.pop(key, (None, 0))[1]
            self._values[key] = (value, size)
            while self.size > self._most and len(self._values) > 1:
                _, (_, gone) = self._values.popitem(last=False)
                self.size -= gone

    def drop(self, that: Callable[[K], bool]) -> None:
        """Let go of the values whose keys something is true of."""
        with self._lock:
            for key in [key for key in self._values if that(key)]:
                self.size -= self._values.pop(key)[1]
