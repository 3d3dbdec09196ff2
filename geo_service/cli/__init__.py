"""The command line ``geo-service``: words and progress to stderr, results to stdout.

Exit codes: 0 done; 1 the answer is negative; 2 wrong use or bad input, one line a fault; 3 internal.
"""

from geo_service.cli.app import app, main

__all__ = ["app", "main"]
