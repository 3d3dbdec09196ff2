"""A zone of 100,000 parcels: how soon the service is ready, what a whole export takes, and an import while others read.

Shares are of the rate at which the same readers were answered before, in the same run.
"""

from __future__ import annotations

import http.client
import json
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import geopandas
import httpx
import numpy as np
import psutil

from benchmarks import map_pages, running, workload
from benchmarks.bombs import Reading, held_bytes
from benchmarks.service import geo_service

READY_S, FIRST_BYTE_MS, MB_A_SECOND, GROWTH_MB = 5.0, 100.0, 60.0, 64.0
SHARE_EXPORT, SHARE_IMPORT = 0.6, 0.55
EXPORT = "/collections/parcels/export.geojson"
IDLE_S = 8.0
CHUNK_BYTES = 1 << 16
#: Before an import, and after it.
STATES = 2


@dataclass(frozen=True)
class Told:
    """One line: what was measured, and the bar it is held to."""

    what: str
    figure: str
    bar: str
    met: bool


def run(folder: Path, count: int, rounds: int, say: Callable[[str], None]) -> list[Told]:
    """Measure over a workspace of so many generated parcels."""
    place = map_pages.workspace(folder, count)
    words = geo_service("serve", "--workspace", place, "--workers", 2, "--local-planner")
    started = []
    for number in range(rounds):
        began = time.perf_counter()
        with running.serving(words, "/readyz"):
            started.append(time.perf_counter() - began)
        say(f"round {number + 1}: ready after {started[-1]:.1f} s")
    found = [
        Told(
            f"start to /readyz, 2 workers, {count:,} parcels",
            f"{median(started):.1f} s [{min(started):.1f}–{max(started):.1f}]",
            f"≤ {READY_S:g} s",
            median(started) <= READY_S,
        )
    ]
    # A copy: what is imported here is of no use to others.
    copy = folder / "zone-copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(place, copy)
    words = geo_service("serve", "--workspace", copy, "--workers", 2, "--local-planner")
    with running.serving(words, "/readyz") as address:
        server = psutil.Process().children()[-1]
        found += _exported(address, server, count, rounds, say)
        found += _imported(address, count, folder, say)
    shutil.rmtree(copy)
    return found


def _exported(address: str, server: psutil.Process, count: int, rounds: int, say: Callable[[str], None]) -> list[Told]:
    parsed = len(json.loads(_saved(address)[2])["features"])
    before, firsts, rates = held_bytes(server), [], []
    for number in range(rounds):
        first, seconds, content = _saved(address)
        firsts.append(1e3 * first)
        rates.append(len(content) / 1e6 / seconds)
        say(f"round {number + 1}: first byte {firsts[-1]:.0f} ms, {rates[-1]:.0f} MB/s")
    grown_mb = (held_bytes(server) - before) / 1e6
    with Reading(address, _path(address)) as reading:
        reading.rate(2.0)
        idle = reading.rate(IDLE_S)

        def saving(seconds: float) -> None:
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                _saved(address)

        share = reading.rate(IDLE_S, saving) / idle
    return [
        Told(f"export of {parsed:,} parcels: features parsed", f"{parsed:,}", f"{count:,}", parsed == count),
        Told("… first byte", f"{median(firsts):.0f} ms", f"≤ {FIRST_BYTE_MS:g} ms", median(firsts) <= FIRST_BYTE_MS),
        Told("… rate", f"{median(rates):.0f} MB/s", f"≥ {MB_A_SECOND:g} MB/s", median(rates) >= MB_A_SECOND),
        Told("… memory of the service", f"{grown_mb:+.0f} MB", f"≤ {GROWTH_MB:g} MB", grown_mb <= GROWTH_MB),
        Told(
            "… readers meanwhile, of idle",
            f"{share:.2f}",
            f"≥ {SHARE_EXPORT:g}",
            share >= SHARE_EXPORT and not reading.wrong,
        ),
    ]


def _saved(address: str) -> tuple[float, float, bytes]:
    """Save the file as it is; return the seconds to its first byte and to its last, and its bytes."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=300)
    began = time.perf_counter()
    connection.request("GET", EXPORT)
    answer = connection.getresponse()
    pieces = [answer.read(1)]
    first = time.perf_counter() - began
    while piece := answer.read(CHUNK_BYTES):
        pieces.append(piece)
    seconds = time.perf_counter() - began
    connection.close()
    return first, seconds, b"".join(pieces)


def _imported(address: str, count: int, folder: Path, say: Callable[[str], None]) -> list[Told]:
    upload = folder / f"upload-{count}.gpkg"
    if not upload.exists():
        ids, shapes = map_pages.parcels(count)
        # The same parcels under other names: another edition.
        frame = geopandas.GeoDataFrame({"id": np.array(ids), "name": np.array(ids)}, geometry=shapes, crs=workload.CRS)
        frame.to_file(upload, layer="parcels")
    took: dict[str, float] = {}
    with Reading(address, _path(address)) as reading:
        reading.rate(2.0)
        idle = reading.rate(IDLE_S)
        reading.seen.clear()

        def bringing(_: float) -> None:
            began = time.perf_counter()
            with httpx.Client(base_url=address, timeout=600, trust_env=False) as client:
                with upload.open("rb") as file:
                    answer = client.post("/layers/parcels/editions", files={"file": (upload.name, file)})
                job = answer.raise_for_status().json()["id"]
                while (state := client.get(f"/jobs/{job}").json()["state"]) in ("queued", "running"):
                    time.sleep(0.2)
            if state != "done":
                raise running.Failed(f"the import is {state}")
            took["s"] = time.perf_counter() - began

        share = reading.rate(0.0, bringing) / idle
    say(f"import of {count:,} parcels: {took['s']:.1f} s, answers {dict(reading.seen)}")
    whole = not reading.wrong and len(reading.seen) <= STATES
    wrong = f"{sum(reading.wrong.values())} answers other than 200, {len(reading.seen)} different records"
    return [
        Told(
            f"import of {count:,} parcels over HTTP: readers meanwhile, of idle",
            f"{share:.2f}",
            f"≥ {SHARE_IMPORT:g}",
            share >= SHARE_IMPORT,
        ),
        Told("… what readers saw", wrong, "0, the old or the new", whole),
        Told("… upload to done", f"{took['s']:.1f} s", "–", True),
    ]


def _path(address: str) -> str:
    with httpx.Client(base_url=address, timeout=300, trust_env=False) as client:
        found = client.get("/collections/parcels/items", params={"limit": 1}).raise_for_status().json()
        path = f"/parcels/{found['features'][0]['id']}/assessment"
        # Every worker answers once before anything is counted.
        threads = [threading.Thread(target=lambda: httpx.get(address + path, timeout=300)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return path


def markdown(found: list[Told], words: str) -> str:
    """Write the table."""
    lines = [words, "", "| measured | figure | bar |", "|---|---:|---:|"]
    lines += [f"| {one.what} | {one.figure}{'' if one.met else ' **missed**'} | {one.bar} |" for one in found]
    return "\n".join(lines) + "\n"
