"""The service under load: requests a second against the least that the same framework answers, in turn.

Both run with two processes on this machine; ``wrk`` (Debian's package of that name) asks. A round is the trivial
answer, then each measure, so that a slower minute of the machine is one for all.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from benchmarks import running
from benchmarks.service import demo_workspace, served

WORKERS = 2
SECONDS = 8
_LATENCY = re.compile(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s)", re.MULTILINE)
_RATE = re.compile(r"^Requests/sec:\s+([\d.]+)", re.MULTILINE)
_OTHER = re.compile(r"Non-2xx or 3xx responses: (\d+)")
_JSON = {"Content-Type": "application/json"}
BOUNDARIES = 64
_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


@dataclass(frozen=True)
class Asked:
    """One run of the client."""

    per_second: float
    p50_ms: float
    p99_ms: float
    refused: int


@dataclass(frozen=True)
class Way:
    """What is asked, and the bars it is held to: its share of the trivial rate, and its slowest answers."""

    name: str
    path: str
    connections: int
    least_share: float | None
    headers: dict[str, str] = field(default_factory=dict)
    #: Objects of JSON, sent in turn.
    bodies: tuple[str, ...] = ()
    #: Each with a number of its own, so that no answer is known.
    numbered: bool = False
    #: Milliseconds, or times the trivial p99.
    most_p99_ms: float | None = None
    most_p99_times: float | None = None


def ask(address: str, way: Way, scratch: Path) -> Asked:
    """Ask for some seconds over so many connections."""
    command = ["wrk", "--latency", f"-t{WORKERS}", f"-c{way.connections}", f"-d{SECONDS}s"]
    for name, value in way.headers.items():
        command += ["-H", f"{name}: {value}"]
    if way.bodies:
        script = scratch / "post.lua"
        sent = "bodies[turn % #bodies + 1]"
        if way.numbered:
            sent = f"""string.sub({sent}, 1, -2) .. string.format(',"n":"{time.time_ns()}-%d-%d"}}', thread, turn)"""
        script.write_text(
            f"local bodies, turn, threads = {{{', '.join(map(json.dumps, way.bodies))}}}, 0, 0\n"
            "setup = function(one) threads = threads + 1; one:set('thread', threads) end\n"
            "request = function()\n"
            "  turn = turn + 1\n"
            f"  return wrk.format('POST', nil, nil, {sent})\n"
            "end\n"
        )
        command += ["-s", str(script)]
    said = subprocess.run([*command, address + way.path], capture_output=True, text=True, check=True).stdout
    times = {rank: float(number) * _MS[unit] for rank, number, unit in _LATENCY.findall(said)}
    rate, other = _RATE.search(said), _OTHER.search(said)
    assert rate is not None, said
    return Asked(float(rate[1]), times["50"], times["99"], int(other[1]) if other else 0)


def ways(address: str) -> list[Way]:
    """Return what is measured: the record of the first parcel, and the boundaries of many."""
    with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
        found = client.get("/collections/parcels/items", params={"limit": BOUNDARIES}).raise_for_status().json()
        features = found["features"]
        path = f"/parcels/{features[0]['id']}/assessment"
        tag = client.get(path).raise_for_status().headers["ETag"]
    bodies = tuple(json.dumps(feature["geometry"]) for feature in features)
    # Across roads and neighbours: half of them meet 36 features and more, half of the parcels themselves 20 and more.
    wide = tuple(json.dumps(_around(feature["geometry"])) for feature in features)
    return [
        Way("GET assessment", path, 32, 0.55, most_p99_times=3.0),
        Way("GET assessment, 304", path, 32, 0.70, headers={"If-None-Match": tag}),
        Way("POST check of a parcel nobody asked for", "/check", 16, 0.08, _JSON, bodies, True, most_p99_ms=250.0),
        Way("POST check of a boundary wider by half, likewise", "/check", 16, 0.012, _JSON, wide, True),
        Way(f"POST check of {len(bodies)} parcels asked for before", "/check", 16, None, _JSON, bodies),
    ]


def _around(geometry: dict[str, Any]) -> dict[str, Any]:
    """Return the box of a polygon in degrees, a quarter wider on each side."""
    lon, lat = zip(*geometry["coordinates"][0], strict=True)
    across, up = (max(lon) - min(lon)) / 4, (max(lat) - min(lat)) / 4
    west, east, south, north = min(lon) - across, max(lon) + across, min(lat) - up, max(lat) + up
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def run(folder: Path, rounds: int, say: Callable[[str], None]) -> str:
    """Measure all in turn and return a table; every bar that is missed says so."""
    if shutil.which("wrk") is None:
        raise running.Failed("wrk is not installed: apt-get install wrk")
    least = running.command("benchmarks.trivial", "--workers", WORKERS)
    # Of each way what was found, beside what the trivial answer took just before.
    found: dict[str, list[tuple[Asked, Asked]]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as scratch,
        served(demo_workspace(folder), WORKERS) as ours,
        running.serving(least, "/") as plain,
    ):
        measured = ways(ours)
        for number in range(rounds + 1):
            for way in measured:
                base = ask(plain, Way("trivial", "/", way.connections, 1.0), Path(scratch))
                one = ask(ours, way, Path(scratch))
                if number == 0:
                    # The first round warms up.
                    continue
                found.setdefault(way.name, []).append((one, base))
                say(f"round {number}: {way.name} {one.per_second:,.0f}/s, trivial {base.per_second:,.0f}/s")
    lines = [
        "| asked | a second | of the trivial rate | bar | p50 / p99, ms | bar for p99 | not 2xx or 304 |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for way in measured:
        lines.append(_line(way, *zip(*found[way.name], strict=True)))
    return "\n".join(lines) + "\n"


def _line(way: Way, found: tuple[Asked, ...], trivial: tuple[Asked, ...]) -> str:
    shares = [one.per_second / base.per_second for one, base in zip(found, trivial, strict=True)]
    share, p50, p99 = median(shares), median(one.p50_ms for one in found), median(one.p99_ms for one in found)
    least_p99 = median(base.p99_ms for base in trivial)
    most = way.most_p99_ms
    if way.most_p99_times is not None:
        most = way.most_p99_times * least_p99
    verdict = "" if way.least_share is None or share >= way.least_share else " **missed**"
    least = "–" if way.least_share is None else f"≥ {way.least_share:g}"
    slow = "–" if most is None else f"≤ {most:.0f}{'' if p99 <= most else ' **missed**'}"
    return (
        f"| {way.name}, {way.connections} connections | {median(one.per_second for one in found):,.0f} "
        f"| {share:.3f} [{min(shares):.3f}–{max(shares):.3f}]{verdict} | {least} "
        f"| {p50:.1f} / {p99:.1f} | {slow} | {sum(one.refused for one in found)} |"
    )
