"""The command line ``geo-service``: words and progress to stderr, results to stdout.

Exit codes: 0 done; 1 the answer is negative; 2 wrong use or bad input, one line a fault; 3 internal.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence

from geo_service.nursery import start_ahead

#: Commands that answer requests, and what the processes run that do so for them.
_SERVING = ("serve", "demo")
_CHILDREN = ("geo_service.ingest.child", "geo_service.checking.child")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    words = sys.argv[1:] if arguments is None else arguments
    if words and words[0] in _SERVING:
        start_ahead(*_CHILDREN)
    # Nothing of what is imported is given up: to look through it again and again takes a tenth of the time.
    gc.disable()
    # Takes as long as they take to start, so they start first.
    from geo_service.cli.app import run

    gc.freeze()
    gc.enable()
    run(words)
