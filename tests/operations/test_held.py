"""What the running service holds: no more after it was asked for too much at once, or after answers were not taken."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
import shapely

from geo_service.store.workspace import Workspace
from tests import world
from tests.api.serving import report_of
from tests.processes import AT_ONCE_S, held_bytes, open_files, threads, wait_for

GEOJSON = {"Content-Type": "application/geo+json"}
LAYER = "heritage"
EXPORT = f"/collections/{LAYER}/export.geojson"
TAKEN = 1_000_000


@pytest.fixture(scope="module")
def filled(workspace, tmp_path_factory) -> Path:
    """A workspace in which one layer is many megabytes, more than lies ready on the way to who takes them."""
    folder = tmp_path_factory.mktemp("held") / "ws"
    shutil.copytree(workspace.directory, folder)
    own = Workspace.open(folder)
    corners = -1900 + 40.0 * np.stack(np.divmod(np.arange(10_000), 100), axis=1)
    rounds = shapely.buffer(shapely.points(corners + world.ORIGIN), 10, quad_segs=16)
    rows = [{"id": f"H-{number}", "geometry": shape, "class": "control"} for number, shape in enumerate(rounds)]
    data = replace(world.features(LAYER, rows).data, spec=own.catalogue.layers[LAYER])
    own.publish(data, report_of(data))
    return folder


async def checks(base: str, key: dict[str, str], count: int) -> list[httpx.Response]:
    """Have as many boundaries checked at once, each another one."""
    limits = httpx.Limits(max_connections=count)
    headers = key | GEOJSON
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=600, trust_env=False, limits=limits) as client:
        return await asyncio.gather(*(client.post("/check", content=world.another(number)) for number in range(count)))


@pytest.mark.slow
def test_five_hundred_checks_at_once_take_no_more_memory_than_half_of_what_was_held(start, keys):
    command = start()
    pid = command.process.pid
    wait_for(lambda: any(f"{command.base}/map" in line for line in command.lines))
    warm = asyncio.run(checks(command.base, keys["planner"], 30))
    assert {answer.status_code for answer in warm} == {200}
    before = held_bytes(pid)
    peak = before
    with ThreadPoolExecutor(1) as pool:
        flood = pool.submit(asyncio.run, checks(command.base, keys["viewer"], 500))
        while not flood.done():
            peak = max(peak, held_bytes(pid))
        codes = Counter(answer.status_code for answer in flood.result())
    assert set(codes) == {200, 429, 503} and codes.total() == 500
    assert max(peak, held_bytes(pid)) < 1.5 * before


@pytest.mark.slow
def test_files_and_threads_of_downloads_that_were_broken_off_are_let_go_of(start, keys, filled):
    command = start(directory=filled)
    pid = command.process.pid
    wait_for(lambda: any(f"{command.base}/map" in line for line in command.lines))

    def broken_off(count: int) -> None:
        for _ in range(count):
            with (
                httpx.Client(base_url=command.base, timeout=600, trust_env=False) as client,
                client.stream("GET", EXPORT, headers=keys["viewer"] | {"Accept-Encoding": "identity"}) as answer,
            ):
                assert answer.status_code == 200 and int(answer.headers["Content-Length"]) > 10 * TAKEN
                assert len(next(answer.iter_raw(TAKEN))) == TAKEN

    # What it keeps for such work is there.
    broken_off(5)
    files, at_work = open_files(pid), threads(pid)
    broken_off(50)
    # One of each more for some of them would be a thread that waits for work; one for each would be fifty.
    wait_for(lambda: open_files(pid) < files + 10 and threads(pid) < at_work + 10, AT_ONCE_S)
