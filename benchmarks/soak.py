"""An hour of ordinary work: what the service holds at its end that it did not hold before.

    python -m benchmarks.soak --minutes 60 --out benchmarks/results/soak.txt

Half of the time readers ask for records as fast as they are answered (32 connections, by ``wrk``). The other half is an
office's: checks of boundaries, some of them broken, lists, tiles, pages, and an import a minute, so that everything
that is kept for a state of the workspace has to be let go of with it. Once a minute, when nothing is asked, the memory
(each page once), the open files and the register's log are looked at.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import psutil

from benchmarks import running, service, workload
from benchmarks.bombs import held_bytes

WORKERS, CONNECTIONS, PARCELS = 2, 32, 64
MEMORY_BAR_MB_A_HOUR, LOG_BAR_MB = 5.0, 64.0
#: Before that the service is still getting warm.
WARM_SHARE = 1 / 3
READING_S, OFFICE_S, QUIET_S = 27.0, 27.0, 6.0
LON, LAT = 113.05, 36.23
LAYER = "heritage"


@dataclass(frozen=True)
class Look:
    """What the service holds at one moment."""

    minute: float
    memory_mb: float
    files: int
    processes: int
    log_mb: float


def look(server: psutil.Process, workspace: Path, began: float) -> Look:
    """Count memory, open files and processes of the service, and the register's log."""
    every = [server, *server.children(recursive=True)]
    log = workspace / "register.sqlite-wal"
    return Look(
        (time.perf_counter() - began) / 60,
        held_bytes(server) / 1e6,
        sum(one.num_fds() for one in every),
        len(every),
        log.stat().st_size / 1e6 if log.exists() else 0.0,
    )


def square(lon: float, lat: float, side: float) -> dict[str, object]:
    """Return a square's boundary in degrees."""
    ring = [[lon, lat], [lon + side, lat], [lon + side, lat + side], [lon, lat + side], [lon, lat]]
    return {"type": "Polygon", "coordinates": [ring]}


def edition(minute: int) -> bytes:
    """Return a file of the layer that changes with every minute."""
    features = [
        {"type": "Feature", "properties": {"id": "s", "class": "surveyed"}, "geometry": square(LON, LAT, 0.1)},
        {
            "type": "Feature",
            "properties": {"id": "p", "class": "protection", "name": f"合成 / synthetic {minute}"},
            "geometry": square(LON + 1e-5 * minute, LAT, 0.001),
        },
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


class Office:
    """What people and programs ask of the service besides records."""

    def __init__(self, address: str) -> None:
        self._client = httpx.Client(base_url=address, timeout=120, trust_env=False)
        listed = self._client.get("/collections/parcels/items", params={"limit": PARCELS}).raise_for_status().json()
        self.ids = [feature["id"] for feature in listed["features"]]
        self._boundaries = [feature["geometry"] for feature in listed["features"]]
        #: Answers by what was asked and how it was answered.
        self.outcomes: Counter[str] = Counter()

    def work(self, minute: int, seconds: float) -> None:
        """Ask one thing after the other for so long."""
        end = time.perf_counter() + seconds
        self._bring(minute)
        turn = 0
        while time.perf_counter() < end:
            boundary, number = self._boundaries[(minute * 7 + turn) % len(self.ids)], self.ids[turn % len(self.ids)]
            # Each with a number of its own, so that no answer is known.
            self._post("a boundary", "/check", boundary | {"n": f"{minute}-{turn}"})
            self._get("a page of the list", f"/collections/parcels/items?limit={50 + turn % 3}")
            self._get("a tile", f"/collections/parcels/tiles/WebMercatorQuad/14/{6418 + turn % 4}/13337")
            self._get("the map", "/map")
            self._get("a parcel", f"/parcels/{number}/assessment")
            if turn % 5 == 0:
                bow_tie = [[LON, LAT], [LON + 1, LAT + 1], [LON + 1, LAT], [LON, LAT + 1], [LON, LAT]]
                self._post("a broken boundary", "/check", {"type": "Polygon", "coordinates": [bow_tie * 2]})
                self._post("no boundary", "/check", {"type": "Polygon", "coordinates": "nowhere"})
                self._get("a check sheet", f"/parcels/{number}/sheet")
                self._get("a parcel that is not there", "/parcels/nobody/assessment")
            turn += 1

    def _bring(self, minute: int) -> None:
        files = {"file": (f"{LAYER}.geojson", edition(minute))}
        job = self._client.post(f"/layers/{LAYER}/editions", files=files).raise_for_status().json()["id"]
        while (state := self._client.get(f"/jobs/{job}").json()["state"]) in ("queued", "running"):
            time.sleep(0.1)
        self.outcomes[f"an import: {state}"] += 1

    def _get(self, what: str, path: str) -> None:
        self.outcomes[f"{what}: {self._client.get(path).status_code}"] += 1

    def _post(self, what: str, path: str, body: object) -> None:
        self.outcomes[f"{what}: {self._client.post(path, json=body).status_code}"] += 1


def read_on(address: str, ids: list[str], scratch: Path, seconds: float) -> tuple[int, int]:
    """Let readers ask for records as fast as they are answered; return the answers, and those other than 200."""
    script = scratch / "records.lua"
    paths = ", ".join(json.dumps(f"/parcels/{one}/assessment") for one in ids)
    script.write_text(
        f"local paths, turn = {{{paths}}}, 0\n"
        "request = function() turn = turn % #paths + 1 return wrk.format('GET', paths[turn]) end\n"
    )
    command = ["wrk", f"-t{WORKERS}", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", "-s", str(script), address]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    answered = next(int(line.split()[0]) for line in said.splitlines() if "requests in" in line)
    wrong = [int(line.split(":")[1]) for line in said.splitlines() if "Non-2xx" in line]
    return answered, sum(wrong)


def slope(looks: list[Look]) -> float:
    """Return by how many MB an hour the memory grows, by least squares."""
    minutes = np.array([one.minute for one in looks])
    return float(np.polyfit(minutes / 60, np.array([one.memory_mb for one in looks]), 1)[0])


def main() -> int:
    """Run; 0 when every bar is met."""
    command = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    command.add_argument("--minutes", type=int, default=60)
    command.add_argument("--folder", type=Path, default=workload.FOLDER, help="of the data, written when missing")
    command.add_argument("--out", type=Path)
    asked = command.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    looks: list[Look] = []
    answered = wrong = 0
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        # A copy: what is imported here is of no use to others.
        workspace = Path(scratch) / "workspace"
        shutil.copytree(service.demo_workspace(asked.folder), workspace)
        words = service.geo_service("serve", "--workspace", workspace, "--workers", WORKERS, "--local-planner")
        with running.serving(words, "/readyz") as address:
            server = psutil.Process().children()[-1]
            office = Office(address)
            began = time.perf_counter()
            for minute in range(asked.minutes):
                found = read_on(address, office.ids, Path(scratch), READING_S)
                answered, wrong = answered + found[0], wrong + found[1]
                office.work(minute, OFFICE_S)
                time.sleep(QUIET_S)
                looks.append(look(server, workspace, began))
                sys.stderr.write(f"{looks[-1]}\n")
    warm = looks[int(len(looks) * WARM_SHARE) :]
    grown, log = slope(warm), max(one.log_mb for one in looks)
    failed = {what: count for what, count in office.outcomes.items() if what[-3:] >= "500" and what[-3:].isdigit()}
    met = grown < MEMORY_BAR_MB_A_HOUR and log <= LOG_BAR_MB and not wrong and not failed
    lines = [
        f"{asked.minutes} minutes, {datetime.now(UTC):%Y-%m-%d}: half readers, half an office with an import a minute; "
        f"{WORKERS} processes that answer, the demo's workspace.",
        f"Records read: {answered:,} ({answered / asked.minutes / 60:,.0f}/s in all), {wrong} answers other than 200.",
        f"Memory of the service after the first third: {warm[0].memory_mb:.0f} MB, at the end "
        f"{warm[-1].memory_mb:.0f} MB; {grown:+.1f} MB an hour by least squares (bar {MEMORY_BAR_MB_A_HOUR:g}).",
        f"Open files: {min(one.files for one in warm)} to {max(one.files for one in warm)}, of "
        f"{min(one.processes for one in warm)} to {max(one.processes for one in warm)} processes.",
        f"The register's log: at most {log:.1f} MB (bar {LOG_BAR_MB:g}).",
        *(f"  {count} × {what}" for what, count in sorted(office.outcomes.items())),
    ]
    return running.told(lines, asked.out, met=met)


if __name__ == "__main__":
    sys.exit(main())
