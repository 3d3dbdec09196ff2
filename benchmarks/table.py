"""The table of ratios, for people and for programs."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from statistics import median

from benchmarks.measures import Fact, Measured

PEERS = {
    "expert": "shapely, 2 threads",
    "duck": "DuckDB spatial",
    "sedona": "SedonaDB",
    "postgis": "PostGIS",
    "exact": "exactextract",
    "near": "shapely on segments",
}
PACKAGES = (
    "numpy", "numba", "pyarrow", "shapely", "duckdb", "duckdb-extension-spatial", "sedonadb", "psycopg", "exactextract",
    "rasterio",
)  # fmt: skip


def spread(values: Sequence[float]) -> str:
    """Return median, least and most with three digits.

    Examples
    --------
    >>> spread([0.5, 12.0, 3.25])
    '3.25 [0.5–12]'
    """
    return f"{median(values):.3g} [{min(values):.3g}–{max(values):.3g}]"


def _line(one: Measured | Fact) -> list[str]:
    if isinstance(one, Fact):
        return [one.name, one.value, "", "", one.bar, _outcome(one.met)]
    own = [seconds for asked in one.ours for seconds in asked]
    peers = "<br>".join(f"{PEERS[name]} {spread(seconds)} {one.unit}" for name, seconds in one.peers.items())
    outcome = _outcome(one.met)
    if not one.agreed:
        outcome += ", **results differ**"
    bar = "–" if one.bar is None else f"≥ {one.bar:g} ×"
    return [one.name, f"{spread(own)} {one.unit}", peers, f"**{spread(one.ratios())}**", bar, outcome]


def _outcome(met: bool | None) -> str:
    return "reported" if met is None else "met" if met else "**missed**"


def markdown(measured: Sequence[Measured | Fact], words: str) -> str:
    """Return the table with what was compared and with what."""
    head = ["measure", "ours", "peers", "fastest peer ÷ ours, by round", "bar", "outcome"]
    rows = [head, ["---"] * len(head), *map(_line, measured)]
    lines = [words, "", *("| " + " | ".join(row) + " |" for row in rows), ""]
    lines += ["Median [least–most]. Rows compared one by one:", ""]
    for one in measured:
        if isinstance(one, Measured):
            lines += [f"- {one.name}, {PEERS[name]}: {found}" for name, found in one.agreement.items()]
    return "\n".join(lines) + "\n"


def versions() -> dict[str, str]:
    """Return what was installed."""
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES}


def raw(measured: Sequence[Measured | Fact], words: str) -> str:
    """Return every number that was measured, as JSON."""
    lines = [{"kind": type(one).__name__, **asdict(one)} for one in measured]
    return json.dumps({"run": words, "versions": versions(), "measures": lines}, indent=1, ensure_ascii=False) + "\n"
