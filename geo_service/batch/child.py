"""A process that works units off until the other side goes away."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

from geo_service.batch.examiner import Examiner
from geo_service.batch.unit import Job
from geo_service.errors import GeoServiceError
from geo_service.nursery import serve

Answer = bytes | GeoServiceError | str


class Answers:
    """One answer to each job: the unit's bytes, what is wrong, or the trace of an error that nobody foresaw."""

    def __init__(self) -> None:
        self._examiner = Examiner()

    def __call__(self, job: Job) -> Iterator[Answer]:
        """Work off one unit."""
        try:
            yield self._examiner.unit(job)
        except GeoServiceError as error:
            yield error
        except Exception:  # noqa: BLE001 - told by the process that asked
            yield traceback.format_exc()


def main() -> None:
    """Work off units."""
    serve(Answers())
