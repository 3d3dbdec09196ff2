"""Compare the engine with rational arithmetic on many random pairs of a parcel and a layer, and write what came out.

``python -m tests.cells.oracle --pairs 100000 --out FILE``
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.cells.asking import deviations
from tests.cells.families import FAMILIES, cases

SEEDS_AT_ONCE = 20
#: Below this a deviation is looked at in m² only: as a share of a row of a few mm² it says nothing.
SHARE_FROM_M2 = 1e-3


@dataclass(frozen=True)
class Tally:
    """What came out for one family."""

    family: str
    pairs: int = 0
    rows: int = 0
    beyond: int = 0
    worst_m2: float = 0.0
    worst_share: float = 0.0
    worst_seed: int = -1

    def __add__(self, other: Tally) -> Tally:
        worse = max(self, other, key=lambda tally: tally.worst_m2)
        return Tally(
            self.family,
            self.pairs + other.pairs,
            self.rows + other.rows,
            self.beyond + other.beyond,
            worse.worst_m2,
            max(self.worst_share, other.worst_share),
            worse.worst_seed,
        )


def compare(family: str, seeds: range) -> Tally:
    """Compare all rows of some cases of a family."""
    total = Tally(family)
    for seed in seeds:
        case = cases(family, seed)
        rows = list(deviations(case))
        total += Tally(
            family,
            len(case.parcels),
            len(rows),
            sum(not row.is_within for row in rows),
            max((row.absolute_m2 for row in rows), default=0.0),
            max((row.relative for row in rows if row.exact_m2 >= SHARE_FROM_M2), default=0.0),
            seed,
        )
    return total


def _chunk(work: tuple[str, int]) -> Tally:
    return compare(work[0], range(work[1], work[1] + SEEDS_AT_ONCE))


def run(pairs: int, processes: int) -> Iterator[Tally]:
    """Give the tally of one chunk after the other, until there are pairs enough of every family."""
    each = -(-pairs // len(FAMILIES))
    missing = dict.fromkeys(FAMILIES, each)
    begin = 0
    with ProcessPoolExecutor(processes) as pool:
        while missing:
            work = [(family, begin + step * SEEDS_AT_ONCE) for step in range(4) for family in missing]
            for tally in pool.map(_chunk, work):
                if tally.family in missing:
                    missing[tally.family] -= tally.pairs
                    yield tally
                    if missing[tally.family] <= 0:
                        del missing[tally.family]
            begin += 4 * SEEDS_AT_ONCE


def report(tallies: dict[str, Tally], seconds: float, processes: int) -> str:
    """Write the result as a table."""
    total = sum(tallies.values(), Tally("all families"))
    lines = [
        "# The engine against rational arithmetic",
        "",
        f"Every row of {total.pairs:,} random pairs of a parcel and a layer: area of the parcel, of its share of each",
        "class, of the union and of the known ground; `python -m tests.cells.oracle`, Python "
        f"{platform.python_version()}, {processes} processes, {seconds:,.0f} s.",
        "Bound: 1e-6 m² or one part in 1e9 of the row. Relative deviations are of rows of 0.001 m² or more.",
        "",
        "| family | pairs | rows | beyond the bound | largest deviation, m² | largest, relative | seed |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {tally.family.replace('_', ' ')} | {tally.pairs:,} | {tally.rows:,} | {tally.beyond} "
        f"| {tally.worst_m2:.1e} | {tally.worst_share:.1e} | {tally.worst_seed} |"
        for tally in [*tallies.values(), total]
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run from the command line; 1 when a row is beyond the bound."""
    parser = argparse.ArgumentParser(prog="python -m tests.cells.oracle", description=__doc__)
    parser.add_argument("--pairs", type=int, default=2_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    tallies = {family: Tally(family) for family in FAMILIES}
    begun = time.monotonic()
    for tally in run(asked.pairs, asked.processes):
        tallies[tally.family] += tally
        done = sum(entry.pairs for entry in tallies.values())
        spent = time.monotonic() - begun
        left = spent * max(asked.pairs - done, 0) / max(done, 1)
        print(
            f"\r{done:>9,} of {asked.pairs:,} pairs, {done / spent:,.0f}/s, {left:,.0f} s left ",
            end="",
            file=sys.stderr,
        )
    print(file=sys.stderr)
    text = report(tallies, time.monotonic() - begun, asked.processes)
    if asked.out is None:
        print(text, end="")
    else:
        asked.out.write_text(text, encoding="utf-8")
    return int(any(tally.beyond for tally in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
