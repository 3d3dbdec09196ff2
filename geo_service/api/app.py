"""The web application."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module
from threading import Event, current_thread, main_thread
from types import FrameType

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.concurrency import run_in_threadpool

from geo_service import __version__
from geo_service.api import errors
from geo_service.api.access import Access, Policy, declared_needs, require_declared
from geo_service.api.collections import Shelf
from geo_service.api.guard import JSON_BYTES, UPLOAD_BYTES, Guard
from geo_service.api.journal import Journal
from geo_service.api.pace import Pace
from geo_service.api.packing import FROM_BYTES, LEVEL, Packing
from geo_service.api.pages import Pages
from geo_service.api.routes import (
    audit,
    basemaps,
    check,
    claims,
    exports,
    features,
    imports,
    known,
    landing,
    listing,
    maps,
    operations,
    packages,
    parcels,
    sheets,
    sign_in,
    tiles,
)
from geo_service.api.static import Static
from geo_service.api.tiles import Tiles
from geo_service.api.turns import Turns
from geo_service.basemaps import opened, registered
from geo_service.importing import Desk
from geo_service.maps.view import STATIC
from geo_service.model.catalogue import GeometryKind
from geo_service.service import Service
from geo_service.worker import SLOTS

#: What programs ask for most stands first: it is looked for from the top.
ROUTERS = (
    parcels.router,
    check.router,
    landing.router,
    features.router,
    exports.router,
    tiles.router,
    basemaps.router,
    packages.router,
    maps.router,
    listing.router,
    claims.router,
    sheets.router,
    imports.router,
    known.router,
    sign_in.router,
    audit.router,
    operations.router,
)
FINISH_S = 30.0
CLOSED = Policy()
#: Nothing of a request leaves this machine, whatever the environment asks of the framework.
SILENT: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
_MEASURED_IN_LOOPS = {GeometryKind.LINE, GeometryKind.RASTER}
_LOG = logging.getLogger("geo_service.api")


def _hear(stopping: Event) -> None:
    """Note the signal to stop before the server does, so that those who wait for long can be let go."""
    if current_thread() is not main_thread():
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)
        if callable(before):

            def heard(signum: int, frame: FrameType | None, before: Callable[..., object] = before) -> None:
                stopping.set()
                before(signum, frame)

            signal.signal(number, heard)


def read_first(app: FastAPI) -> None:
    """Read what everybody asks for, while the processes that read and measure get ready for theirs."""
    _tried(app.state.service.begin)
    _tried(app.state.service.snapshot)


def _prepare(app: FastAPI) -> None:
    """Load what measures rasters and lines, where there are any, and make what tiles and the list are taken from."""
    _tried(partial(_load_compiler, app.state.service))
    _tried(app.state.tiles.warm_up)


def _load_compiler(service: Service) -> None:
    if _MEASURED_IN_LOOPS & {edition.spec.geometry for edition in service.layers.editions.values()}:
        # See `geo_service.compiled`.
        import_module("numba")


def _tried(make: Callable[[], object]) -> None:
    try:
        make()
    except Exception:  # noqa: BLE001 - what fails here fails again, and is told, where it is asked for
        _LOG.exception("what is read ahead could not be read")


@asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    _hear(app.state.stopping)
    # Its name in the register is that of one process.
    app.state.imports = Desk(app.state.service.workspace)
    app.state.checks, app.state.waiting = Turns(app.state.checks_at_once, check.CHECKS), 0
    app.state.long_checks = asyncio.Semaphore(check.LONG_CHECKS)
    await run_in_threadpool(read_first, app)
    await run_in_threadpool(app.state.service.warm_up)
    if app.state.draw_first:
        await run_in_threadpool(
            partial(maps.draw_zone_map, app.state.service, app.state.pages, claims=app.state.access.policy.local)
        )
    await run_in_threadpool(app.state.imports.recover)
    # Whoever asks for a tile or the list before it is there waits for it; nobody else does.
    preparing = asyncio.create_task(run_in_threadpool(_prepare, app))
    try:
        yield
    finally:
        await preparing
        await run_in_threadpool(app.state.imports.close, app.state.finish_s)


def create_app(
    service: Service,
    *,
    policy: Policy = CLOSED,
    ready: Callable[[], bool] = lambda: True,
    draw_first: bool = False,
    json_bytes: int = JSON_BYTES,
    upload_bytes: int = UPLOAD_BYTES,
    pace: Pace | None = None,
    disk_free_bytes: int = 0,
    finish_s: float = FINISH_S,
    processes: int = 1,
) -> FastAPI:
    """Return the application over a service.

    Parameters
    ----------
    service : Service
        What is asked. Routes write to its register only claims, and records that somebody wants to link to.
    policy : Policy
        What is open without a key; by default nothing.
    ready : callable
        Whether the data are there; until then ``/healthz`` answers 503.
    draw_first : bool
        Whether all parcels are assessed and their map is drawn before anybody is answered.
    json_bytes, upload_bytes : int
        The largest body of JSON and the largest uploaded file, in bytes.
    pace : Pace, optional
        How fast one caller may ask for checks and imports. Where none is given, there is one that does not hold for
        those at this machine who show no key.
    disk_free_bytes : int
        With less room on the workspace's disk ``/readyz`` says so.
    finish_s : float
        So long a service that is told to stop goes on with imports that it has taken.
    processes : int
        How many processes answer on this machine: its processors are shared out among them for checks.
    """
    # Its own documentation pages ask other hosts for their scripts; ours do not.
    app = FastAPI(
        title="geo-service",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        telemetry=SILENT,
        lifespan=_life,
    )
    app.state.service = service
    app.state.access = Access(service.workspace.keys, policy)
    app.state.needs = declared_needs(ROUTERS)
    app.state.shelf = Shelf(service)
    app.state.tiles = Tiles(service)
    directory, jurisdiction = service.workspace.directory, service.rulebook.jurisdiction
    app.state.basemaps = {one.id: (one, opened(one, directory)) for one in registered(directory, jurisdiction)}
    app.state.pages = Pages()
    app.state.answered = check.Answered(check.ANSWERED_BYTES)
    app.state.listeners = 0
    app.state.pace, app.state.pace_local = pace or Pace(), pace is not None
    app.state.checks_at_once = max(1, SLOTS // processes)
    app.state.ready = ready
    app.state.draw_first = draw_first
    app.state.stopping, app.state.disk_free_bytes, app.state.finish_s = Event(), disk_free_bytes, finish_s
    errors.install(app)
    app.add_middleware(Packing, minimum_size=FROM_BYTES, compresslevel=LEVEL)
    app.add_middleware(Guard, json_bytes=json_bytes, upload_bytes=upload_bytes)
    app.add_middleware(Journal)
    require_declared(ROUTERS)
    for router in ROUTERS:
        # Taken as they are: to include a router makes all of its routes a second time, and finds each in two goes.
        app.router.routes.extend(router.routes)
    app.mount("/static", Static(directory=STATIC), name="static")
    return app
