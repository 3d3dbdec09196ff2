"""A module of worker processes that hear nothing: as in a long call into a library, nothing else has a turn."""

from __future__ import annotations

import time
from collections.abc import Iterator

from geo_service.nursery import serve


def answers(pieces: tuple[float | None, ...]) -> Iterator[float]:
    """Compute for so many seconds before each answer; ``None`` is without end."""
    for seconds in pieces:
        if seconds is None:
            # Within one call nobody else gets the interpreter.
            sum(range(1 << 60))
        else:
            end = time.process_time() + seconds
            while time.process_time() < end:
                continue
        yield time.process_time()


def main() -> None:
    """Answer jobs."""
    serve(answers)
