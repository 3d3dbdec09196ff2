"""What is reported without a bar: one parcel through the HTTP API, and a run on a Dask cluster of this machine."""

from __future__ import annotations

import hashlib
import shutil
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median, quantiles

import httpx

from benchmarks import running

REQUESTS = 200


def geo_service(*words: object) -> list[str]:
    """Return a command of the service, run with the Python that runs this."""
    return [sys.executable, "-c", "from geo_service.cli import main; main()", *map(str, words)]


def demo_workspace(folder: Path) -> Path:
    """Return the demo's workspace, made when it is missing."""
    workspace = folder / "demo"
    if not workspace.exists():
        running.run(geo_service("demo", "--prepare-only", "--directory", workspace))
    return workspace


def served(workspace: Path, workers: int = 1) -> AbstractContextManager[str]:
    """Serve a workspace to everybody on this machine; lends its address once it is ready."""
    words = geo_service("serve", "--workspace", workspace, "--workers", workers, "--allow-anonymous")
    return running.serving(words, "/readyz")


def seconds_of_checks(address: str) -> list[float]:
    """Post the boundary of one parcel again and again and return how long each answer took."""
    found = []
    with httpx.Client(base_url=address, timeout=60) as client:
        feature = client.get("/collections/parcels/items", params={"limit": 1}).raise_for_status().json()["features"][0]
        for _ in range(REQUESTS):
            began = time.perf_counter()
            client.post("/check", json=feature["geometry"]).raise_for_status()
            found.append(time.perf_counter() - began)
    return found


def check_ms(folder: Path) -> tuple[float, float]:
    """Return p50 and p99 of a whole check, record included, in ms."""
    with served(demo_workspace(folder)) as address:
        seconds_of_checks(address)
        seconds = seconds_of_checks(address)
    return 1e3 * median(seconds), 1e3 * quantiles(seconds, n=100)[98]


def runs(folder: Path, scratch: Path, rounds: int) -> tuple[list[float], list[float], bool]:
    """Return the seconds of a run over all parcels in one process and on Dask, in turn, and whether bytes agree."""
    here: list[float] = []
    cluster: list[float] = []
    digests = set()
    for _ in range(rounds):
        for seconds, options in ((here, ["--jobs", 1]), (cluster, ["--jobs", 2, "--engine", "dask"])):
            # A copy each time: a run that finds its verdicts there does not conclude them again.
            workspace, out = scratch / "ws", scratch / "records.jsonl"
            shutil.copytree(demo_workspace(folder), workspace)
            seconds.append(running.run(geo_service("assess", "--workspace", workspace, "--out", out, *options)))
            digests.add(hashlib.sha256(out.read_bytes()).hexdigest())
            shutil.rmtree(workspace)
    return here, cluster, len(digests) == 1
