"""A CPU bomb a second: what it leaves of the rate at which others are answered, and of memory.

    python -m benchmarks.bombs --out benchmarks/results/bombs.txt

Few kilobytes each, of the families that keep GEOS busy for minutes where nothing counts crossings first, and one honest
polygon with as many vertices as are taken. Readers ask for records all the while; their rate is compared with that
before and after, in the same run.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import math
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psutil

from benchmarks import running, service, workload

READERS = 4
RATE_BAR, MEMORY_BAR_BYTES = 0.5, 100_000_000
LON, LAT, SIDE = 113.05, 36.23, 0.02

Ring = list[tuple[float, float]]


def _at(points: list[tuple[float, float]]) -> Ring:
    ring = [(LON + SIDE * x, LAT + SIDE * y) for x, y in points]
    return [*ring, ring[0]]


def star(points: int) -> list[Ring]:
    """A star polygon that goes round almost as often as it has points."""
    step = points // 2 - 1
    turns = [2 * math.pi * step * number / points for number in range(points)]
    return [_at([(math.cos(turn), math.sin(turn)) for turn in turns])]


def scribble(points: int) -> list[Ring]:
    """A ring through random points."""
    return [_at([(float(x), float(y)) for x, y in np.random.default_rng(1).random((points, 2))])]


def to_and_fro(points: int) -> list[Ring]:
    """A ring that lies on itself."""
    return [_at([(number % 2 + number / points / 10, 0.0) for number in range(points)] + [(0.5, 1.0)])]


def bow_ties(count: int) -> list[Ring]:
    """One bow-tie many times over."""
    return [_at([(0, 0), (1, 1), (1, 0), (0, 1)] * count)]


def holes(count: int) -> list[Ring]:
    """Holes in holes, none of which crosses another."""
    return [_at([(0, 0), (1, 0), (1, 1), (0, 1)])] + [
        _at([(low, low), (low, 1 - low), (1 - low, 1 - low), (1 - low, low)])
        for low in (0.4 * (number + 1) / (count + 1) for number in range(count))
    ]


def honest(points: int) -> list[Ring]:
    """A circle with very many vertices."""
    turns = [2 * math.pi * number / points for number in range(points)]
    return [_at([(0.5 + 0.5 * math.cos(turn), 0.5 + 0.5 * math.sin(turn)) for turn in turns])]


BOMBS: dict[str, Callable[[], list[Ring]]] = {
    "star": lambda: star(302),
    "scribble": lambda: scribble(501),
    "to and fro": lambda: to_and_fro(5002),
    "bow-ties": lambda: bow_ties(5000),
    "nested holes": lambda: holes(5000),
    "just under the limit": lambda: scribble(75),
    "honest": lambda: honest(99_000),
}


class Reading:
    """Readers who ask for records as fast as they are answered."""

    def __init__(self, address: str, path: str) -> None:
        self._address, self._path = urlsplit(address).netloc, path
        self._stop = threading.Event()
        self._counts = [0] * READERS
        self.wrong: Counter[int] = Counter()
        #: Answers by their entity tag.
        self.seen: Counter[str] = Counter()
        self._threads = [threading.Thread(target=self._read, args=(number,)) for number in range(READERS)]

    def _read(self, number: int) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=60)
        while not self._stop.is_set():
            connection.request("GET", self._path)
            answer = connection.getresponse()
            answer.read()
            self._counts[number] += 1
            self.seen[answer.headers.get("ETag", "")] += 1
            if answer.status != http.HTTPStatus.OK:
                self.wrong[answer.status] += 1
        connection.close()

    def rate(self, seconds: float, meanwhile: Callable[[float], None] = time.sleep) -> float:
        """Return the answers a second while something else goes on for so long."""
        before, began = sum(self._counts), time.perf_counter()
        meanwhile(seconds)
        return (sum(self._counts) - before) / (time.perf_counter() - began)

    def __enter__(self) -> Reading:
        """Begin to read."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._stop.set()
        for thread in self._threads:
            thread.join()


def throw(address: str, outcomes: Counter[str], seconds: float) -> None:
    """Send a bomb a second, and wait for what was said of all."""
    bodies = {name: json.dumps({"type": "Polygon", "coordinates": make()}) for name, make in BOMBS.items()}
    senders = []

    def send(name: str) -> None:
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=120)
        # Each with a number of its own, so that no answer is known.
        body = f'{bodies[name][:-1]}, "n": {time.time_ns()}}}'
        connection.request("POST", "/check", body, {"Content-Type": "application/geo+json"})
        answer = connection.getresponse()
        said = json.loads(answer.read())
        outcomes[f"{name}: {answer.status} {said.get('code', 'measured')}"] += 1
        connection.close()

    names = itertools.cycle(bodies)
    end = time.perf_counter() + seconds
    while (now := time.perf_counter()) < end:
        senders.append(threading.Thread(target=send, args=(next(names),)))
        senders[-1].start()
        time.sleep(max(0.0, 1.0 - (time.perf_counter() - now)))
    for sender in senders:
        sender.join()


def held_bytes(server: psutil.Process) -> int:
    """Return the memory of the server and its processes; what several hold counts once."""
    return sum(one.memory_full_info().pss for one in (server, *server.children(recursive=True)))


def main() -> int:
    """Run; 0 when both bars are met."""
    command = argparse.ArgumentParser(prog="python -m benchmarks.bombs", description=__doc__)
    command.add_argument("--seconds", type=float, default=60.0)
    command.add_argument("--idle", type=float, default=15.0)
    command.add_argument("--folder", type=Path, default=workload.FOLDER, help="of the data, written when missing")
    command.add_argument("--out", type=Path)
    asked = command.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    outcomes: Counter[str] = Counter()
    with service.served(service.demo_workspace(asked.folder)) as address:
        server = psutil.Process().children()[-1]
        throw(address, Counter(), 2 * len(BOMBS))
        found = http.client.HTTPConnection(urlsplit(address).netloc)
        found.request("GET", "/collections/parcels/items?limit=1")
        path = f"/parcels/{json.loads(found.getresponse().read())['features'][0]['id']}/assessment"
        found.request("GET", path)
        found.getresponse().read()
        with Reading(address, path) as reading:
            reading.rate(3.0)
            before_bytes, before = held_bytes(server), reading.rate(asked.idle)
            during = reading.rate(asked.seconds, lambda seconds: throw(address, outcomes, seconds))
            after, after_bytes = reading.rate(asked.idle), held_bytes(server)
    ratio, grown = during / ((before + after) / 2), after_bytes - before_bytes
    met = ratio >= RATE_BAR and grown <= MEMORY_BAR_BYTES and not reading.wrong
    lines = [
        f"A CPU bomb a second for {asked.seconds:g} s, {READERS} readers on the same machine.",
        f"GET of a record: {before:.0f}/s before, {during:.0f}/s meanwhile, {after:.0f}/s after: "
        f"{ratio:.2f} of idle (bar {RATE_BAR}).",
        f"Memory of the server and its processes: {before_bytes / 1e6:.0f} MB before, "
        f"{after_bytes / 1e6:.0f} MB after: {grown / 1e6:+.0f} MB (bar {MEMORY_BAR_BYTES / 1e6:.0f} MB).",
        f"Answers to readers other than 200: {dict(reading.wrong) or 'none'}.",
        *(f"  {count} × {what}" for what, count in sorted(outcomes.items())),
    ]
    return running.told(lines, asked.out, met=met)


if __name__ == "__main__":
    sys.exit(main())
