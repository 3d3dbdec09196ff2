"""A workspace with a handful of parcels, and a real server on this machine to serve it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.types import ASGIApp

from geo_service import batch
from geo_service.api.access import Policy
from geo_service.model.layer import Features
from geo_service.model.report import ImportReport
from geo_service.service import Service
from geo_service.store.workspace import Workspace
from tests import world

AS_OF = date(2026, 12, 1)
#: Whoever asks a test's server sits at its machine.
OPEN = Policy(anonymous=True, local=True)
#: An id is text; nothing but slashes and control characters is forbidden in it.
ODD = "地块 乙%2F?#&;+'\"<b>"
SECRET = "矿体-不得外传"


def report_of(features: Features) -> ImportReport:
    rows = len(features)
    return ImportReport(
        features.origin.source_name, "test", features.spec.id, features.crs, "declared", "UTF-8", "declared", rows, rows
    )


@dataclass(frozen=True)
class Served:
    """A running server and the service behind it."""

    base: str
    service: Service
    client: httpx.Client
    asked: list[str]

    def get(self, path: str, **options: object) -> httpx.Response:
        return self.client.get(path, **options)


@contextmanager
def running(app: ASGIApp, service: Service, **options: Any) -> Iterator[Served]:
    """Serve on a free port of this machine; options are those of uvicorn."""
    asked: list[str] = []

    async def noted(scope, receive, send):
        if scope["type"] == "http":
            asked.append(f"{scope['path']}?{scope['query_string'].decode()}")
        await app(scope, receive, send)

    config = uvicorn.Config(noted, host="127.0.0.1", port=0, log_level="warning", ws="none", **options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + 600  # a fresh checkout compiles its kernels first
    while not server.started:
        assert thread.is_alive() and time.monotonic() < end, "the server did not start"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=base, timeout=600, trust_env=False) as client:
            yield Served(base, service, client, asked)
    finally:
        server.should_exit = True
        thread.join(30)


def parcel_rows() -> list[dict[str, object]]:
    common = {"zone": "Z", "land_use": "100102", "land_use_system": "landsea_2023", "project_type": "通用设备制造"}
    late = {**common, "handover_on": date(2027, 4, 1)}
    rows = [
        {"id": "P", "name": "示例地块", "geometry": world.box(*world.PARCEL), **late, "holder": "某某公司（不得外传）"},
        {"id": ODD, "name": "<script>alert(1)</script>", "geometry": world.box(400, 100, 500, 200), **common},
        {"id": "N", "name": "区外地块", "geometry": world.box(3500, 100, 3700, 300), **common},
        {"id": "U", "geometry": world.box(100, 400, 300, 600), **common, "planned_notice_on": date(2026, 11, 25)},
    ]
    for number in range(26):
        x = -1900 + 60 * number
        rows.append({"id": f"S-{number:02}", "geometry": world.box(x, -1900, x + 50, -1850), **common})
    return rows


def build(folder: Path, catalogue_dir: Path) -> Workspace:
    """Store a small world in a new workspace."""
    workspace = Workspace.create(folder, layers_dir=catalogue_dir, as_of=AS_OF)
    ready = world.ready_world()
    editions = ready.with_rows(
        "ore", {"id": SECRET, "geometry": world.box(-900, -900, -800, -800), "mineral": SECRET}
    ).editions
    parcels = world.features("parcels", parcel_rows())
    for edition in (*editions.values(), parcels):
        data = edition.data
        if isinstance(data, Features):
            data = replace(data, spec=workspace.catalogue.layers[data.spec.id])
            report = report_of(data)
        else:
            report = ImportReport("test.tif", "test", data.spec.id, data.crs, "declared", "", "", 1, 1)
        workspace.publish(data, report)
    owned = ready.parcel
    workspace.register.put(claims=owned.claims, indicators=owned.indicators)
    workspace.register.put(claims=[replace(claim, parcel_id="S-00") for claim in owned.claims])
    return workspace


def run(workspace: Workspace, chosen: date | None = None, ids: list[str] | None = None) -> None:
    """Conclude on parcels as the command does, and keep it."""
    service = Service(workspace, lambda: AS_OF)
    with service.run(ids, chosen) as found:
        for _ in found.work(batch.Here(workspace)):
            pass
        assert list(service.conclusions(found))
