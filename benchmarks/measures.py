"""What is measured: ours and the peers asked in turn, what they found compared, and the bar of each measure."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow.parquet as pq

from benchmarks import agree, ours, pieces, running, service, workload
from benchmarks.peers.exact import NAMES as ZONAL
from benchmarks.server import Server

Say = Callable[[str], None]
#: Once all peers have run, those that took so many times as long as the fastest are not asked again.
SLOW = 1.5
#: A nearest distance and a statistic of a raster agree within this.
CLOSE = {"nearest": 1e-9, "zonal": 1e-6}


@dataclass
class Measured:
    """One line of the table.

    Attributes
    ----------
    name : str
    unit : str
    bar : float or None
        The least ratio of the fastest peer to the service's engine.
    ours : list of list of float
        By round, each time that the engine was asked.
    peers : dict of str to list of float
        By peer, a number for each round in which it was asked.
    agreement : dict of str to str
        By peer, how its results compare.
    agreed : bool
    """

    name: str
    bar: float | None
    unit: str = "s"
    ours: list[list[float]] = field(default_factory=list)
    peers: dict[str, list[float]] = field(default_factory=dict)
    agreement: dict[str, str] = field(default_factory=dict)
    agreed: bool = True

    def ratios(self) -> list[float]:
        """Return for each round the fastest peer of it by the engine's median in it."""
        found = []
        for number, own in enumerate(self.ours):
            asked = [seconds[number] for seconds in self.peers.values() if number < len(seconds)]
            if asked and own:
                found.append(min(asked) / median(own))
        return found

    @property
    def met(self) -> bool | None:
        """Whether the bar is met by equal results; ``None`` without a bar."""
        if self.bar is None:
            return None
        return self.agreed and bool(self.ratios()) and median(self.ratios()) >= self.bar


@dataclass(frozen=True)
class Fact:
    """A line of the table that is no ratio."""

    name: str
    value: str
    bar: str
    met: bool | None


@dataclass
class Bench:
    """Where everything lies and what is running.

    Attributes
    ----------
    folder : Path
        The workload.
    scratch : Path
        Results that are compared and thrown away.
    rounds : int
    say : callable
        Takes a line of progress.
    """

    folder: Path
    scratch: Path
    rounds: int
    say: Say
    stack: ExitStack
    server: Server | None = None
    loaded: set[str] = field(default_factory=set)
    count: int = 0

    def postgis(self, *what: str, count: int | None = None) -> dict[str, str]:
        """Start PostGIS when it is not running, load what is not loaded, and return where it is."""
        if self.server is None:
            self.server = self.stack.enter_context(Server())
        for one in what:
            if one not in self.loaded:
                self.say(f"PostGIS: loading {one}")
                {"pieces": self.server.load_pieces, "layers": self.server.load_layers}[one](self.folder)
                self.loaded.add(one)
        if count is not None and count != self.count:
            self.say(f"PostGIS: loading {count:,} parcels")
            self.server.load_parcels(self.folder, count)
            self.count = count
        return self.server.environment

    def result(self, name: str) -> Path:
        """Return where a result goes."""
        return self.scratch / f"{name}.parquet"

    def peer(self, module: str, measure: str, count: int, out: Path) -> list[str]:
        """Return the command of a peer."""
        return running.command(f"benchmarks.peers.{module}", measure, self.folder, count, out)

    def contest(
        self,
        measured: Measured,
        own: Callable[[], float],
        peers: dict[str, Callable[[], float]],
        compare: Callable[[str], agree.Agreement] | None = None,
    ) -> Measured:
        """Ask in turn, ours before each peer, and compare what each peer finds the first time."""
        asked = dict(peers)
        for number in range(self.rounds):
            mine: list[float] = []
            for name, ask in list(asked.items()):
                mine.append(own())
                seconds = ask()
                measured.peers.setdefault(name, []).append(seconds)
                self.say(
                    f"{measured.name}, round {number + 1}: ours {mine[-1]:.4g}, {name} {seconds:.4g} {measured.unit}"
                )
                if number == 0 and compare is not None:
                    found = compare(name)
                    measured.agreement[name] = str(found)
                    measured.agreed &= found.agreed
                    self.say(f"{measured.name}, {name}: {found}")
            measured.ours.append(mine)
            if number == 0:
                fastest = min(seconds[0] for seconds in measured.peers.values())
                asked = {name: ask for name, ask in asked.items() if measured.peers[name][0] <= SLOW * fastest}
        return measured


def _overlay(bench: Bench, count: int, bar: float, peers: tuple[str, ...]) -> Measured:
    """From GeoParquet to a table, the processes' start included; PostGIS has everything loaded before."""
    own = bench.result("ours")
    digests: set[str] = set()

    def ask_own() -> float:
        seconds = running.run(ours.overlay_command(bench.folder, count, own))
        with own.open("rb") as file:
            digests.add(hashlib.file_digest(file, "sha256").hexdigest())
        assert len(digests) == 1, "two runs wrote different bytes"
        return seconds

    def asker(name: str) -> Callable[[], float]:
        words = bench.peer(name, "total", count, bench.result(name))
        environment = bench.postgis("pieces", count=count) if name == "postgis" else {}
        return lambda: running.run(words, environment)

    def compare(name: str) -> agree.Agreement:
        if name == "postgis":
            # It keeps its table; what it found is fetched by a process of its own, which is not timed.
            with running.Resident(bench.peer(name, "fetch", count, own), bench.postgis()) as fetching:
                fetching.save(bench.result(name))
        return agree.same_areas(own, bench.result(name))

    measured = Measured(f"overlay, {count:,} parcels × 8 layers, process start included", bar)
    return bench.contest(measured, ask_own, {name: asker(name) for name in peers}, compare)


def overlay(bench: Bench, count: int) -> Iterator[Measured]:
    """Give the whole way at the ordinary size."""
    yield _overlay(bench, count, 10, ("expert", "duck", "sedona", "postgis"))


def large(bench: Bench, count: int) -> Iterator[Measured]:
    """Give the whole way at ten times the size; PostGIS takes minutes there and is not the fastest at any size."""
    yield _overlay(bench, 10 * count, 25, ("expert", "duck", "sedona"))


def resident(bench: Bench, count: int) -> Iterator[Measured]:
    """Give the overlay alone: everything is loaded, nothing is written."""
    with ExitStack() as stack:
        own = stack.enter_context(running.Resident(running.command("benchmarks.ours", "overlay", bench.folder, count)))
        asked = {}
        for name in ("expert", "duck", "sedona", "postgis"):
            environment = bench.postgis("pieces", count=count) if name == "postgis" else {}
            asked[name] = stack.enter_context(
                running.Resident(bench.peer(name, "resident", count, Path("-")), environment)
            )
        own.go()

        def compare(name: str) -> agree.Agreement:
            own.save(bench.result("ours"))
            asked[name].save(bench.result(name))
            return agree.same_areas(bench.result("ours"), bench.result(name))

        measured = Measured(f"overlay phase only, resident, {count:,} parcels", 50)
        yield bench.contest(measured, own.go, {name: one.go for name, one in asked.items()}, compare)


def cold(bench: Bench, count: int) -> Iterator[Measured]:
    """Give the whole way from the layers as they were delivered."""
    own, other = bench.result("ours"), bench.result("cold")
    yield bench.contest(
        Measured(f"cold: delivered files to table, preparation included, {count:,} parcels", 8),
        lambda: running.run(ours.cold_command(bench.folder, count, own)),
        {"expert": lambda: running.run(bench.peer("expert", "cold", count, other))},
        lambda _: agree.same_areas(own, other),
    )


def prepare(bench: Bench, count: int) -> Iterator[Measured]:
    """Give the preparation of the eight layers, against ST_Subdivide and its indexes on two connections."""
    environment = bench.postgis("layers")
    with (
        running.Resident(running.command("benchmarks.ours", "prepare", bench.folder, count)) as own,
        running.Resident(bench.peer("postgis", "prepare", count, Path("-")), environment) as other,
    ):
        own.go()
        yield bench.contest(Measured("preparation of the 8 layers", 10), own.go, {"postgis": other.go})


def one(bench: Bench, count: int) -> Iterator[Measured]:
    """Give single parcels: 500 a round, one after the other."""
    environment = bench.postgis("pieces")
    with (
        running.Resident(running.command("benchmarks.ours", "one", bench.folder, count)) as own,
        running.Resident(bench.peer("postgis", "one", count, Path("-")), environment) as other,
    ):
        found: dict[str, list[list[float]]] = {}

        def ask(name: str, process: running.Resident) -> float:
            process.go()
            process.save(bench.result(name))
            seconds = np.asarray(pq.read_table(bench.result(name))["seconds"])
            found.setdefault(name, []).append([float(value) * 1e6 for value in np.quantile(seconds, [0.5, 0.99])])
            return found[name][-1][0]

        own.go()
        other.go()
        p50 = bench.contest(
            Measured("one parcel × 8 layers in process, p50", 100, "µs"),
            lambda: ask("ours", own),
            {"postgis": lambda: ask("postgis", other)},
        )
    yield p50
    yield Measured(
        "the same, p99",
        60,
        "µs",
        [[pair[1]] for pair in found["ours"]],
        {"postgis": [pair[1] for pair in found["postgis"]]},
    )


def _both(
    bench: Bench, count: int, what: str, module: str, names: tuple[str, str], bars: tuple[float | None, float | None]
) -> Iterator[Measured]:
    """Give a measure on what is in memory, and then from files to a table with the processes' start."""
    own, other = bench.result(f"ours-{what}"), bench.result(module)
    columns = list(ZONAL) if what == "zonal" else ["distance_m"]

    def compare(_: str) -> agree.Agreement:
        return agree.same_table(own, other, columns, CLOSE[what])

    with (
        running.Resident(running.command("benchmarks.ours", what, bench.folder, count)) as mine,
        running.Resident(bench.peer(module, "resident", count, Path("-"))) as peer,
    ):
        mine.go()

        def compare_resident(name: str) -> agree.Agreement:
            mine.save(own)
            peer.save(other)
            return compare(name)

        yield bench.contest(Measured(names[0], bars[0]), mine.go, {module: peer.go}, compare_resident)
    words = {"zonal": ours.zonal_command, "nearest": ours.nearest_command}[what](bench.folder, count, own)
    yield bench.contest(
        Measured(names[1], bars[1]),
        lambda: running.run(words),
        {module: lambda: running.run(bench.peer(module, "total", count, other))},
        compare,
    )


def zonal(bench: Bench, count: int) -> Iterator[Measured]:
    """Give the statistics of three rasters."""
    names = (f"zonal statistics, arrays resident, {count:,} parcels", f"zonal, COG to table, {count:,} parcels")
    yield from _both(bench, count, "zonal", "exact", names, (30, 5))


def nearest(bench: Bench, count: int) -> Iterator[Measured]:
    """Give the nearest line of three sets."""
    names = (
        f"nearest line, 3 sets, index included, {count:,} parcels",
        "the same, files to table, process start included",
    )
    yield from _both(bench, count, "nearest", "near", names, (10, None))


def memory(bench: Bench, count: int) -> Iterator[Fact]:
    """Give the most memory of the command, all of its processes together."""
    found = {
        number: running.peak_bytes(ours.overlay_command(bench.folder, number, bench.result("ours")))
        for number in (count, 10 * count)
    }
    small, big = (value / 1e9 for value in found.values())
    yield Fact(
        f"peak memory at {count:,} and {10 * count:,} parcels",
        f"{small:.2f} GB and {big:.2f} GB",
        "≤ 1.0 GB, flat (≤ 1.1 ×)",
        big <= 1.0 and big <= 1.1 * small,
    )


def accuracy(bench: Bench, count: int) -> Iterator[Fact]:
    """Give how far areas are from GEOS OverlayNG on the layers as they were delivered."""
    own, other = bench.result("ours"), bench.result("cold")
    running.run(ours.overlay_command(bench.folder, count, own))
    running.run(bench.peer("expert", "cold", count, other))
    found = agree.same_areas(own, other)
    yield Fact(
        f"accuracy, {count:,} parcels, against GEOS on the undivided layers",
        str(found),
        "≤ 1e-6 m² or 1e-9 of the row, none missing",
        found.agreed,
    )


def bits(bench: Bench, count: int) -> Iterator[Fact]:
    """Give whether threads or the order of parcels change a bit."""
    said = subprocess.run(
        running.command("benchmarks.ours", "bits", bench.folder, count),
        cwd=running.CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    digests: dict[str, str] = json.loads(said.stdout)
    same = len(set(digests.values())) == 1
    yield Fact(
        f"same bits for 1 and 2 threads and for another order, {count:,} parcels",
        f"sha256 {next(iter(digests.values()))[:16]}…" if same else str(digests),
        "identical",
        same,
    )


def api(bench: Bench, count: int) -> Iterator[Fact]:
    """Give a whole check of one parcel over HTTP: every rule, the record written."""
    p50, p99 = service.check_ms(bench.folder)
    yield Fact(
        "POST /check of one parcel of the demo, loopback", f"p50 {p50:.1f} ms, p99 {p99:.1f} ms", "reported", None
    )


def cluster(bench: Bench, count: int) -> Iterator[Fact]:
    """Give a run over the demo on Dask with two workers, against one process."""
    here, there, same = service.runs(bench.folder, bench.scratch, min(bench.rounds, 3))
    yield Fact(
        "assess of the demo, Dask with 2 workers (its start included) against one process",
        f"{median(there):.1f} s against {median(here):.1f} s, records {'identical' if same else 'differ'}",
        "identical; speed reported",
        same,
    )


MEASURES: dict[str, Callable[[Bench, int], Iterator[Measured | Fact]]] = {
    "overlay": overlay,
    "large": large,
    "resident": resident,
    "cold": cold,
    "prepare": prepare,
    "one": one,
    "zonal": zonal,
    "nearest": nearest,
    "memory": memory,
    "accuracy": accuracy,
    "bits": bits,
    "api": api,
    "cluster": cluster,
}


def ready(folder: Path, names: list[str], count: int, say: Say) -> None:
    """Write what the measures need and is missing; our layers always, because the engine may have changed."""
    counts = [count, 10 * count] if {"large", "memory"} & set(names) else [count]
    workload.ensure(folder, counts, say, rasters="zonal" in names)
    pieces.ensure(folder, say)
    say("preparing the layers for the service's engine")
    ours.prepare_layers(folder)
    # Compiled once for each installation; the benchmark measures what comes after.
    commands = {"zonal": ours.zonal_command, "nearest": ours.nearest_command}
    for make in [ours.overlay_command, *(make for name, make in commands.items() if name in names)]:
        running.run(make(folder, count, folder / "warm.parquet"))
    (folder / "warm.parquet").unlink()
