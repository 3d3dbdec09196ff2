"""The talk between the benchmark and a process that stays: one line of JSON for each thing asked."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

#: What a result of the overlay looks like, whoever made it.
RESULT = pa.schema([("id", pa.string()), ("layer", pa.string()), ("class", pa.string()), ("area_m2", pa.float64())])


def answer(work: Callable[[], Any], table: Callable[[Any], pa.Table]) -> None:
    """Do the work each time ``go`` comes in; on ``save FILE`` write what was found last.

    Parameters
    ----------
    work : callable
        What is timed.
    table : callable
        Makes a table of its result, not timed.
    """
    say({"ready": True})
    found = None
    for line in sys.stdin:
        word, _, file = line.strip().partition(" ")
        if word == "save":
            pq.write_table(table(found), Path(file))
            say({"saved": file})
        else:
            found = None
            began = time.perf_counter()
            found = work()
            say({"seconds": time.perf_counter() - began})


def say(words: dict[str, Any]) -> None:
    """Write a line for the benchmark to read."""
    print(json.dumps(words), flush=True)
