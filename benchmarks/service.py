"""What is reported without a bar: one parcel through the HTTP API, and a run on a Dask cluster of this machine."""

from __future__ import annotations

import hashlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

import httpx

from benchmarks import running

REQUESTS = 200


def _command(*words: object) -> list[str]:
    return [sys.executable, "-c", "from geo_service.cli import main; main()", *map(str, words)]


def demo_workspace(folder: Path) -> Path:
    """Return the demo's workspace, made when it is missing."""
    workspace = folder / "demo"
    if not workspace.exists():
        running.run(_command("demo", "--prepare-only", "--directory", workspace))
    return workspace


@contextmanager
def served(workspace: Path) -> Iterator[str]:
    """Serve a workspace on a free port of the loopback; lends its address once it is ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen(
        _command("serve", "--workspace", workspace, "--port", port, "--allow-anonymous"),
        cwd=running.CHECKOUT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        address = f"http://127.0.0.1:{port}"
        try:
            for _ in range(600):
                try:
                    if httpx.get(f"{address}/readyz", timeout=5).is_success:
                        break
                except httpx.TransportError:
                    time.sleep(0.1)
            yield address
        finally:
            process.terminate()


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
            seconds.append(running.run(_command("assess", "--workspace", workspace, "--out", out, *options)))
            digests.add(hashlib.sha256(out.read_bytes()).hexdigest())
            shutil.rmtree(workspace)
    return here, cluster, len(digests) == 1
