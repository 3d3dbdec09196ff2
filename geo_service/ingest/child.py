"""The reading process: jobs come on its standard input, answers go to its standard output; it may be killed."""

from __future__ import annotations

import os
import pickle
import sys
import traceback
import warnings
from typing import BinaryIO

from geo_service.errors import Fault, GeoServiceError, InputError, TooComplex
from geo_service.ingest.gate import too_complex
from geo_service.ingest.intake import run
from geo_service.ingest.job import GridResult, Job, VectorResult
from geo_service.ingest.wire import READY, receive, send

#: Address space of the reading process. A refused allocation is an answer; a machine without memory is none.
MEMORY_BYTES = 4 << 30
FILE_BYTES = 4 << 30

Answer = VectorResult | GridResult | GeoServiceError


def limit() -> None:
    """Bound memory and file size, where the system can."""
    try:
        import resource
    except ImportError:
        return
    for what, amount in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        resource.setrlimit(what, (amount if hard == resource.RLIM_INFINITY else min(amount, hard), hard))


def answer(job: Job) -> tuple[Answer, str]:
    """Do one job; also return the trace of an error that nobody foresaw, for the log."""
    try:
        return run(job), ""
    except InputError as error:
        return error, ""
    except (MemoryError, RecursionError):
        return TooComplex(too_complex(None)), traceback.format_exc()
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
        return InputError(fault), traceback.format_exc()


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer jobs until the other side goes away."""
    send(sink, READY)
    while (payload := receive(source)) is not None:
        job = pickle.loads(payload)  # noqa: S301 - comes from the parent, which is ourselves
        send(sink, pickle.dumps(answer(job), protocol=5))


def main() -> None:
    """Keep the pipes to ourselves: whatever a library prints must not get between the answers."""
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    quiet = os.open(os.devnull, os.O_RDWR)
    os.dup2(quiet, 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    warnings.simplefilter("ignore")
    limit()
    serve(source, sink)


if __name__ == "__main__":
    main()
