"""The reading processes of this program: one job each at a time, with a limit on how long it may take."""

from __future__ import annotations

import atexit
import json
import logging
import pickle
import subprocess
from functools import cache

from geo_service.errors import Fault, GeoServiceError, InputError, TooComplex, too_complex
from geo_service.ingest.job import GridResult, Job, VectorResult, sent
from geo_service.nursery import command, environment
from geo_service.worker import ERRORS, START_LIMIT_S, Workers, opened

#: A process that has read a large file keeps its memory; it is not kept.
RETIRE_BYTES = 20_000_000

#: What an answer of a reading process may hold.
KNOWN = ERRORS | {
    ("geo_service.ingest.job", "GridResult"),
    ("geo_service.ingest.job", "VectorResult"),
    ("geo_service.model.parcel", "Repair"),
    ("geo_service.model.report", "ImportReport"),
    ("datetime", "date"),
}

_log = logging.getLogger("geo_service.ingest")


@cache
def gdal_skip() -> tuple[tuple[str, str], ...]:
    """Return the drivers each library's GDAL must not load, asked once of a process that is thrown away."""
    found = subprocess.run(  # noqa: S603 - our own interpreter and module
        command("geo_service.ingest.drivers"),
        env=environment(),
        capture_output=True,
        check=True,
        text=True,
        timeout=START_LIMIT_S,
    )
    return tuple(sorted(json.loads(found.stdout).items()))


class Readers(Workers):
    """The idle reading processes of this process: some for checks, and as many again for imports."""

    def __init__(self) -> None:
        super().__init__("geo_service.ingest.child")

    def run(self, job: Job, limit_s: float, *, keep: bool = True) -> VectorResult | GridResult:
        """Have a job done; waits while all processes for its purpose are at work.

        Parameters
        ----------
        limit_s : float
            Seconds that the process may compute; see `geo_service.worker.Worker.ask`.
        keep : bool
            Whether the process may take another job afterwards.

        Raises
        ------
        InputError
            What is wrong with the file; ``TooComplex`` when it took too long or too much memory.
        """
        with self.borrowed(job.purpose) as reader:
            message, reader.told = sent(job, reader.told)
            reply, overran, _ = reader.ask(pickle.dumps(message, protocol=5), limit_s)
            result, trace = opened(reply, KNOWN) if reply is not None else (_died(job, limit_s, overran=overran), "")
            if not keep:
                reader.retire()
        if trace:
            _log.error("reading a file for a %s failed: %s", job.purpose.value, trace)
        if isinstance(result, GeoServiceError):
            raise result
        assert isinstance(result, VectorResult | GridResult)
        return result


def _died(job: Job, limit_s: float, *, overran: bool) -> InputError:
    if overran:
        return TooComplex(too_complex(None, f"> {limit_s:g} s"))
    _log.error("the process that reads a file for a %s died", job.purpose.value)
    return InputError(
        Fault(
            "file_unreadable",
            "读取进程异常终止，文件可能已损坏",
            "the reading process died; the file may be damaged",
            "请核对文件，重新导出后再试",
            "check the file, export it again and retry",
            where=job.name,
        )
    )


READERS = Readers()
atexit.register(READERS.close)
