"""``python -m benchmarks run``: prepare what is missing, measure ours and the peers in turn, compare, print ratios."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import load, map_pages, table, workload, zone
from benchmarks.measures import MEASURES, Bench, Fact, Measured, ready


def main() -> int:
    """Run the command; 0 when every bar is met, 1 when one is missed or results differ."""
    command = argparse.ArgumentParser(prog="python -m benchmarks")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--rounds", type=int, default=5)
    shared.add_argument("--folder", type=Path, default=workload.FOLDER, help="of the data, written when missing")
    shared.add_argument("--machine", default="", help="words about the machine, for the table")
    shared.add_argument("--out", type=Path, help="FILE.md; of run and map every number goes to FILE.json beside it")
    kinds = command.add_subparsers(required=True, dest="kind")
    run = kinds.add_parser("run", parents=[shared], help=__doc__)
    run.add_argument("--parcels", default="1e5", help="large and memory also take ten times as many (default 1e5)")
    run.add_argument("--only", default=",".join(MEASURES), help=f"some of {','.join(MEASURES)}")
    pages = kinds.add_parser("map", parents=[shared], help="The map's pages and tiles in a headless browser.")
    pages.add_argument("--parcels", default="1e3,1e4,1e5", help="how many, with commas (default 1e3,1e4,1e5)")
    kinds.add_parser(
        "load", parents=[shared], help="The service under load, against a trivial answer of the same framework."
    )
    big = kinds.add_parser(
        "zone", parents=[shared], help="A zone of very many parcels: start, export, import while others read."
    )
    big.add_argument("--parcels", default="1e5", help="how many (default 1e5)")
    asked = command.parse_args()
    if asked.kind == "map":
        return _maps(asked)
    if asked.kind == "zone":
        return _zone(asked)
    if asked.kind == "load":
        return _load(asked)
    names = asked.only.split(",")
    unknown = set(names) - set(MEASURES)
    if unknown:
        command.error(f"no such measure: {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}")
    count = int(float(asked.parcels))
    began = time.perf_counter()

    def say(line: str) -> None:
        print(f"[{time.perf_counter() - began:6.0f} s] {line}", file=sys.stderr, flush=True)

    ready(asked.folder, names, count, say)
    found: list[Measured | Fact] = []
    words = f"{count:,} parcels, {asked.rounds} rounds, {datetime.now(UTC):%Y-%m-%d}. {asked.machine}".strip()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        bench = Bench(asked.folder, scratch, asked.rounds, say, stack)
        for name in names:
            for one in MEASURES[name](bench, count):
                found.append(one)
                # After each measure, so that a run that is stopped has not measured for nothing.
                if asked.out:
                    asked.out.write_text(table.markdown(found, words))
                    asked.out.with_suffix(".json").write_text(table.raw(found, words))
    print(table.markdown(found, words))
    return 0 if all(one.met is not False for one in found) else 1


def _maps(asked: argparse.Namespace) -> int:
    began = time.perf_counter()

    def say(line: str) -> None:
        print(f"[{time.perf_counter() - began:6.0f} s] {line}", file=sys.stderr, flush=True)

    counts = [int(float(count)) for count in asked.parcels.split(",")]
    found = map_pages.run(asked.folder, counts, asked.rounds, say)
    words = f"{asked.rounds} rounds, {datetime.now(UTC):%Y-%m-%d}. {asked.machine}".strip()
    if asked.out:
        asked.out.write_text(map_pages.markdown(found, words))
        asked.out.with_suffix(".json").write_text(map_pages.raw(found, words))
    print(map_pages.markdown(found, words))
    return 0 if map_pages.met(found) else 1


def _load(asked: argparse.Namespace) -> int:
    asked.folder.mkdir(parents=True, exist_ok=True)
    text = load.run(asked.folder, asked.rounds, lambda line: print(line, file=sys.stderr, flush=True))
    words = f"{asked.rounds} rounds of {load.SECONDS} s, {datetime.now(UTC):%Y-%m-%d}. {asked.machine}".strip()
    if asked.out:
        asked.out.write_text(f"{words}\n\n{text}")
    print(f"{words}\n\n{text}")
    return int("missed" in text)


def _zone(asked: argparse.Namespace) -> int:
    asked.folder.mkdir(parents=True, exist_ok=True)
    count = int(float(asked.parcels))
    found = zone.run(asked.folder, count, asked.rounds, lambda line: print(line, file=sys.stderr, flush=True))
    words = f"{count:,} parcels, {asked.rounds} rounds, {datetime.now(UTC):%Y-%m-%d}. {asked.machine}".strip()
    text = zone.markdown(found, words)
    if asked.out:
        asked.out.write_text(text)
    print(text)
    return 0 if all(one.met for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
