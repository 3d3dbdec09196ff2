"""The command line ``geo-service``: words and progress to stderr, results to stdout.

Exit codes: 0 done; 1 the answer is negative; 2 wrong use or bad input, one line a fault; 3 internal.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

from geo_service.nursery import start_ahead

#: Commands that answer requests, and what the processes run that read and measure for them.
_SERVING, _DEMO = "serve", "demo"
_READING, _MEASURING = "geo_service.ingest.child", "geo_service.checking.child"
#: How the workspace is named; where it is not, this is it.
WORKSPACE_OPTION, WORKSPACE_VARIABLE, WORKSPACE = "--workspace", "GEO_SERVICE_WORKSPACE", "workspace"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    words = sys.argv[1:] if arguments is None else arguments
    if words and words[0] in (_SERVING, _DEMO):
        start_ahead(_READING)
        # What it opens before it is asked need not be what it is asked for.
        start_ahead(_MEASURING, *([workspace_of(words)] if words[0] == _SERVING else []))
    # Nothing of what is imported is given up: to look through it again and again takes a tenth of the time.
    gc.disable()
    # Takes as long as they take to start, so they start first.
    from geo_service.cli.app import run

    gc.freeze()
    gc.enable()
    run(words)


def workspace_of(words: Sequence[str]) -> str:
    """Return the workspace that a command names, as far as can be told without what reads commands."""
    named = os.environ.get(WORKSPACE_VARIABLE, WORKSPACE)
    for word, following in zip(words, [*words[1:], ""], strict=True):
        option, sign, value = word.partition("=")
        if option == WORKSPACE_OPTION:
            named = value if sign else following
    return named
