"""Serving a workspace: one process or several on one port, until somebody says stop."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from multiprocessing import get_context
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import typer
import uvicorn
from fastapi import FastAPI
from uvicorn._subprocess import subprocess_started
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from geo_service import basemaps
from geo_service.cli import say
from geo_service.errors import Fault, InputError
from geo_service.model.rulebook import Rulebook
from geo_service.service import Service
from geo_service.settings import Settings
from geo_service.store.workspace import Workspace

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
#: Where the processes of one service add up their figures; read when the library of figures is.
FIGURES = "PROMETHEUS_MULTIPROC_DIR"
#: A process that does not end by itself is ended so long after requests and imports had their time.
END_S = 10.0
#: How soon a process notices that the one which replaces those that die is gone.
LOOK_S = 1.0


def civil_today(rulebook: Rulebook) -> date:
    """Return today's date where the rules hold."""
    return datetime.now(ZoneInfo(rulebook.jurisdiction.timezone)).date()


def opened(directory: Path) -> Service:
    """Return the service over a workspace."""
    workspace = Workspace.open(directory)
    return Service(workspace, lambda: civil_today(workspace.rulebook))


@dataclass(frozen=True)
class Maker:
    """Makes the application in the process that answers; what it makes cannot be handed over, this can.

    Attributes
    ----------
    service : Service, optional
        Opened already, where this process is to answer itself.
    """

    directory: Path
    settings: Settings
    draw_first: bool = False
    service: Service | None = None

    def __call__(self) -> FastAPI:
        """Make it."""
        # The library of figures asks the environment when it is read, which the process that answers has.
        from geo_service.api.access import Policy
        from geo_service.api.app import create_app
        from geo_service.api.journal import write_lines

        settings = self.settings
        if settings.log:
            write_lines()
        return create_app(
            self.service or opened(self.directory),
            policy=Policy(
                anonymous=settings.anonymous,
                local=settings.local_planner,
                # Each process counts by itself; together they let no more pass.
                guesses=max(1, settings.wrong_keys_per_minute // settings.workers),
                session_s=settings.session_hours * 3600.0,
            ),
            draw_first=self.draw_first,
            json_bytes=settings.json_bytes,
            upload_bytes=settings.upload_bytes,
            disk_free_bytes=settings.disk_free_bytes,
            finish_s=settings.stop_seconds,
            processes=settings.workers,
        )


def run(maker: Maker) -> None:
    """Serve until a signal comes; then what was accepted is finished, within a limit.

    Raises
    ------
    InputError
        When nobody could ask anything, or the port is taken.
    typer.Exit
        3, when the service did not start.
    """
    settings = maker.settings
    _check_open(maker)
    check_port(settings.host, settings.port)
    if settings.workers == 1:
        _run_one(maker)
    else:
        _run_several(maker)


def _config(maker: Maker, app: FastAPI | None = None) -> uvicorn.Config:
    from geo_service.api.connection import Connection

    settings = maker.settings
    return uvicorn.Config(
        app or maker,
        factory=app is None,
        host=settings.host,
        port=settings.port,
        http=Connection,
        workers=settings.workers,
        log_level="warning",
        server_header=False,
        # Lines of JSON take the library's own messages as well.
        log_config=None if settings.log else uvicorn.config.LOGGING_CONFIG,
        timeout_graceful_shutdown=settings.stop_seconds,
    )


def _run_one(maker: Maker) -> None:
    server = _Server(_config(maker))
    # The server hands a signal on when it has ended: to stop when one is asked to is no failure.
    signal.signal(signal.SIGTERM, lambda *_: None)
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        raise typer.Exit(3)


class _Server(uvicorn.Server):
    """Says where it is once it answers."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            _say_where(self.config)


def _run_several(maker: Maker) -> None:
    settings = maker.settings
    figures = tempfile.mkdtemp(prefix="geo-service-figures-")
    os.environ[FIGURES] = figures
    # The port is ours before seconds are spent on reading.
    doors = [_door(settings) for _ in range(settings.workers)]
    try:
        config = _config(maker, _read_once(maker))
        crew = _Crew(config, doors)
        crew.run()
    finally:
        for door in doors:
            door.close()
        shutil.rmtree(figures, ignore_errors=True)
    if crew.failed:
        raise typer.Exit(3)


def _door(settings: Settings) -> socket.socket:
    """Return a socket of one process on the port of all.

    With one socket for all, the process that is quickest to wake takes nearly every connection; with one each, the
    system deals them out. An answer goes out in two writes, head and body: unless told not to, the system keeps the
    second back until the client has confirmed the first, which it does 40 ms later.
    """
    door = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    door.bind((settings.host, settings.port))
    return door


def _read_once(maker: Maker) -> FastAPI:
    """Make the application before there are several processes of it: what one has read, all have."""
    # Nothing of what is read is given up: to look through it again and again takes a tenth of the time.
    gc.disable()
    from geo_service.api.app import read_first

    app = maker()
    read_first(app)
    # What is there now stays; that nobody counts on it any more keeps it in memory once.
    gc.freeze()
    gc.enable()
    return app


class _Divided(Process):
    """Divides from this process, with all that it has read."""

    def __init__(self, config: uvicorn.Config, doors: list[socket.socket], number: int) -> None:
        own = [doors[number]]
        super().__init__(config, own)
        self.others = [door for door in doors if door not in own]
        divided = get_context("fork").Process(target=subprocess_started, args=(config, self.target, own, None))
        self.process = cast(SpawnProcess, divided)

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve, as long as the process that this one came from is there."""
        # A door is shut when nobody holds it any more.
        for door in self.others:
            door.close()
        threading.Thread(target=_end_alone, args=(os.getppid(),), daemon=True).start()
        super().target(sockets)


def _end_alone(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_S)
    os.kill(os.getpid(), signal.SIGTERM)


class _Crew(Multiprocess):
    """Several processes on one port, a socket each; one that dies is replaced, and none outlives a stop by much."""

    ready = failed = False

    def init_processes(self) -> None:
        """Start them, one at each door."""
        for number in range(self.processes_num):
            self.processes.append(process := _Divided(self.config, self.sockets, number))
            process.start()

    def keep_subprocess_alive(self) -> None:
        """Replace the processes that died; until all answer, one has a reason that would end the next one too."""
        if self.should_exit.is_set():
            # A terminal tells all of them at once: those that are gone already were told to go.
            return
        dead = [one for one in self.processes if not one.process.is_alive()]
        if not self.ready:
            if dead:
                self.failed = True
                self.should_exit.set()
            elif all(process.is_ready(timeout=1) for process in self.processes):
                self.ready = True
                _say_where(self.config)
            return
        for one in dead:
            one.join()
            number = self.processes.index(one)
            self.processes[number] = another = _Divided(self.config, self.sockets, number)
            another.start()

    def terminate_all(self) -> None:
        """Take no more connections, and tell the processes to end."""
        for listening in self.sockets:
            listening.close()
        super().terminate_all()

    def join_all(self) -> None:
        """Wait for the processes, not for ever."""
        # First requests have their time, then imports.
        end = time.monotonic() + 2.0 * float(self.config.timeout_graceful_shutdown or 0) + END_S
        for process in self.processes:
            process.process.join(max(0.0, end - time.monotonic()))
            if process.process.is_alive():
                process.process.kill()
                process.process.join()


def _say_where(config: uvicorn.Config) -> None:
    address = f"http://{config.host}:{config.port}"
    say.note(f"地图 / map: {address}/map")
    say.note(f"接口 / API: {address}/  · 停止 / stop: Ctrl-C")


def _check_open(maker: Maker) -> None:
    """Refuse to serve what cannot be served or nobody could ask, and say so when everybody can."""
    settings = maker.settings
    if settings.anonymous and settings.host not in LOOPBACK:
        host = settings.host
        say.note(f"警告 warning: {host} 上的任何人都可匿名查阅 / anyone who reaches {host} may read everything")
    workspace = Workspace.open(maker.directory)
    # What is wrong with these would end every process as it begins.
    basemaps.registered(maker.directory, workspace.rulebook.jurisdiction)
    if not (settings.anonymous or settings.local_planner or workspace.keys.all()):
        raise InputError(
            Fault(
                "no_keys",
                "工作区没有密钥，谁也无法访问",
                "the workspace has no key, so nobody could ask anything",
                next_zh="用 geo-service keys add 新建密钥，或加 --allow-anonymous 允许匿名查阅",
                next_en="make one with geo-service keys add, or let everybody read with --allow-anonymous",
            )
        )


def check_port(host: str, port: int) -> None:
    """Refuse a port that somebody else has.

    Raises
    ------
    InputError
        When it is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise InputError(
                Fault(
                    "port_taken",
                    f"端口 {port} 已被占用",
                    f"port {port} is taken",
                    next_zh=f"换一个端口，例如 make demo PORT={port + 1}",
                    next_en=f"choose another, e.g. make demo PORT={port + 1}",
                )
            ) from error
