"""Kill the service in the middle of imports, start it again, and see that nothing is lost, torn or untrue.

python -m tests.imports.killing --times 200 --out benchmarks/results/kills.txt
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from geo_service.importing.desk import FOLDER
from geo_service.store.workspace import Workspace
from tests import world
from tests.api.serving import AS_OF, report_of
from tests.imports.bringing import bring, brought, parcels

ROOT = Path(__file__).resolve().parents[2]
START_LIMIT_S = 300.0
#: Kills fall anywhere in the time that an import took which was left alone, and a little after it.
SPREAD = 1.15


@dataclass
class Served:
    """The service as a process of its own."""

    directory: Path

    def __post_init__(self) -> None:
        end = time.monotonic() + START_LIMIT_S
        self._start()
        while True:
            try:
                if self.client.get("/healthz").status_code == 200:
                    return
            except httpx.TransportError:
                if self.process.poll() is None and time.monotonic() < end:
                    time.sleep(0.05)
                    continue
                self.process.kill()
                self.process.wait()
                self.log.seek(0)
                said = self.log.read()
                # Somebody else may have got the port that was free a moment ago.
                assert b"port_taken" in said, f"the service does not start: {said!r}"
                self._start()

    def _start(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-c", "from geo_service.cli import main; main()", "serve", "--port", str(port)]
        # A file: a pipe that nobody reads fills up, and then the service waits.
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [*command, "--local-planner", "--workspace", str(self.directory)],
            cwd=ROOT,
            stderr=self.log,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=300)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.client.close()
        self.log.close()


def workspace(folder: Path) -> Workspace:
    """A workspace with zones, and nothing else to slow a start."""
    made = Workspace.create(folder, as_of=AS_OF)
    zones = world.ready_editions()["zones"].data
    zones = replace(zones, spec=made.catalogue.layers["zones"])
    made.publish(zones, report_of(zones))
    return made


def rounds(folder: Path, times: int, seed: int) -> Counter[str]:
    """Kill so many times; return what became of the jobs.

    Raises
    ------
    AssertionError
        When anything is lost, torn or untrue.
    """
    draw = random.Random(seed)
    kept = workspace(folder)
    served = Served(folder)
    outcomes: Counter[str] = Counter()
    try:
        began = time.monotonic()
        alone = brought(served.client, "parcels", parcels(40))
        took_s = time.monotonic() - began
        published, count = alone["edition"], 40
        for number in range(times):
            rows = 50 + number % 37
            answer = bring(served.client, "parcels", parcels(rows, prefix=f"K{number}"))
            assert answer.status_code == 202
            job = answer.json()["id"]
            acknowledged = watched(served, job, draw.uniform(0.0, SPREAD * took_s))
            served.kill()
            served = Served(folder)
            found = served.client.get(f"/jobs/{job}").json()
            assert found["state"] in ("done", "interrupted"), found
            assert not acknowledged or found["state"] == "done", "an acknowledged import was lost"
            outcomes["acknowledged before" if acknowledged else found["state"]] += 1
            if found["state"] == "done":
                assert found["counts"] == {"read": rows, "stored": rows, "rejected": 0, "deleted": 0}
                published, count = found["edition"], rows
            truth(served, kept, published, count)
            if number % 10 == 9:
                print(f"{number + 1} of {times}: {dict(outcomes)}", file=sys.stderr, flush=True)
    finally:
        served.kill()
    return outcomes


def watched(served: Served, job: str, seconds: float) -> bool:
    """Ask for a job for so long; tell whether it was said to be done."""
    end = time.monotonic() + seconds
    done = False
    while time.monotonic() < end:
        done = served.client.get(f"/jobs/{job}").json()["state"] == "done"
        time.sleep(0.05)
        if done:
            break
    return done


def truth(served: Served, kept: Workspace, published: str, count: int) -> None:
    """Hold what is served against what was published, and look for what is left over."""
    assert kept.register.published().get("parcels") == published
    body = served.client.get("/collections/parcels/items?limit=1").json()
    assert body["numberMatched"] == count == len(kept.edition(published).data.ids)
    names = [row.name for row in kept.register.editions()]
    assert len(names) == len(set(names))
    assert list(kept.directory.glob("*/*.partial*")) == []
    assert list((kept.directory / FOLDER).glob("*/*")) == []
    with sqlite3.connect(kept.directory / "register.sqlite") as register:
        assert register.execute("PRAGMA quick_check").fetchone() == ("ok",)


def main() -> None:
    """Kill as often as asked, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        outcomes = rounds(Path(folder) / "ws", asked.times, asked.seed)
    told = ", ".join(f"{count} {what}" for what, count in sorted(outcomes.items()))
    line = (
        f"{asked.times} kills (SIGKILL) of the service during imports, seed {asked.seed}, "
        f"{time.monotonic() - began:.0f} s: {told}; after each: old or new edition, counts true, nothing torn, "
        "nothing acknowledged lost, nothing left over\n"
    )
    print(line, end="")
    if asked.out is not None:
        asked.out.write_text(line, encoding="utf-8")


if __name__ == "__main__":
    main()
