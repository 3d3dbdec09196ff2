"""Figures for whoever watches over the service, in the text of Prometheus; of several processes they are added up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from threading import Lock

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from geo_service.store.register import Register
from geo_service.tally import BOUNDARY_CHECKED, CHECK_SECONDS, TALLY, WORKER_DIED, WORKER_KILLED

MEDIA = CONTENT_TYPE_LATEST
#: The folder in which the processes of one service keep their figures; set before this module is read.
SHARED = "PROMETHEUS_MULTIPROC_DIR"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_OWN = CollectorRegistry()
_REQUESTS = Counter("geo_service_requests", "Requests answered", ["method", "route", "status"], registry=_OWN)
_REQUEST_SECONDS = Histogram(
    "geo_service_request_seconds", "Seconds from request to the end of its answer", ["route"], buckets=SECONDS,
    registry=_OWN,
)  # fmt: skip
_TALLIED = {
    WORKER_KILLED: Counter(
        "geo_service_worker_kills", "Worker processes killed because they overran", ["module"], registry=_OWN
    ),
    WORKER_DIED: Counter(
        "geo_service_worker_deaths", "Worker processes that ended in the middle of a job", ["module"], registry=_OWN
    ),
    BOUNDARY_CHECKED: Counter(
        "geo_service_boundaries_checked",
        "Boundaries from outside, by verdict; 'undetermined' and 'rejected' are those without an answer",
        ["result"],
        registry=_OWN,
    ),
    CHECK_SECONDS: Counter(
        "geo_service_check_seconds", "Seconds that checking boundaries took", ["kind"], registry=_OWN
    ),
}
# To look a figure up by its labels takes longer than to count: there is one for each template and status.
_requests, _request_seconds = cache(_REQUESTS.labels), cache(_REQUEST_SECONDS.labels)
_lock = Lock()
_told: dict[tuple[str, str], float] = {}


def note(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request."""
    _requests(method, route, str(status)).inc()
    _request_seconds(route).observe(seconds)
    _take_over()


def _take_over() -> None:
    """Count what has happened in this process since it was looked at last."""
    with _lock:
        for (what, which), amount in TALLY.counts().items():
            new = amount - _told.get((what, which), 0.0)
            if new > 0.0:
                _TALLIED[what].labels(which).inc(new)
                _told[what, which] = amount


class _Imports:
    """The imports in the register, by how they stand; the same for every process."""

    def __init__(self, register: Register) -> None:
        self._register = register

    def collect(self) -> Iterator[Metric]:
        """Ask the register."""
        family = GaugeMetricFamily("geo_service_imports", "Imports over HTTP, by state", labels=["state"])
        for state, count in self._register.jobs.counts().items():
            family.add_metric([state], count)
        yield family


def text(register: Register) -> bytes:
    """Write the figures of all processes of the service."""
    _take_over()
    several = SHARED in os.environ
    registry = CollectorRegistry()
    if several:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    registry.register(_Imports(register))
    return generate_latest(registry) if several else generate_latest(_OWN) + generate_latest(registry)
