"""The reading process: one answer to each job; it may be killed."""

from __future__ import annotations

from collections.abc import Iterator

from geo_service.errors import Fault, GeoServiceError, InputError, TooComplex, came_up, too_complex
from geo_service.ingest.intake import run
from geo_service.ingest.job import Given, GridResult, Job, Sent, VectorResult
from geo_service.nursery import serve
from geo_service.worker import limit

#: Address space of the reading process. A refused allocation is an answer; a machine without memory is none.
MEMORY_BYTES = 4 << 30

Answer = VectorResult | GridResult | GeoServiceError


def answer(job: Job) -> tuple[Answer, str]:
    """Do one job; also return where an error came up that nobody foresaw, for the log."""
    try:
        return run(job), ""
    except InputError as error:
        return error, ""
    except (MemoryError, RecursionError) as error:
        return TooComplex(too_complex(None)), came_up(error)
    except Exception as error:  # noqa: BLE001 - whatever a hostile file provokes must come back as an answer
        fault = Fault(
            "file_unreadable",
            "文件无法读取",
            "the file cannot be read",
            "请核对文件是否完整，重新导出后再试",
            "check that the file is complete, export it again and retry",
            where=job.name,
            value=type(error).__name__,
        )
        return InputError(fault), came_up(error)


class Reader:
    """Answers jobs, each with what it is given itself or what the one before it was given."""

    def __init__(self) -> None:
        self._given: Given = {}

    def answers(self, message: Sent) -> Iterator[tuple[Answer, str]]:
        """Do one job."""
        given, rest = message
        self._given = given or self._given
        yield answer(Job(**self._given, **rest))


def main() -> None:
    """Answer jobs."""
    limit(MEMORY_BYTES)
    serve(Reader().answers)
