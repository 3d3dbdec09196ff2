"""The least that the same framework answers: what every other rate of the load benchmark is compared with."""

from __future__ import annotations

import argparse
import socket

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors.multiprocess import Multiprocess

app = FastAPI()


@app.get("/")
async def status() -> dict[str, str]:
    """Answer."""
    return {"status": "ok"}


def main(workers: int, port: int) -> None:
    """Serve it with several processes, whose answers are not held back.

    The library's own command makes a socket on which the system waits with the body of an answer until the client
    has confirmed its head: 40 ms, next to which any answer of ours would look quick.
    """
    config = uvicorn.Config("benchmarks.trivial:app", port=port, workers=workers, access_log=False, log_level="warning")
    with config.bind_socket() as door:
        door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        Multiprocess(config, [door]).run()


if __name__ == "__main__":
    asked = argparse.ArgumentParser()
    asked.add_argument("--workers", type=int, required=True)
    asked.add_argument("--port", type=int, required=True)
    main(**vars(asked.parse_args()))
