"""Connections that must ask something: whoever opens one and says nothing, or says it byte by byte, loses it.

What is answered goes out with as few calls into the system as it takes.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

#: The line and the headers of a request must be there so soon after a connection was opened, or after its last answer.
HEAD_S = 10.0
#: So much of an answer waits for more of it.
TOGETHER_BYTES = 65_536


class Together:
    """A transport that sends as one what is written in one turn of the loop: the head of an answer with its body.

    Parameters
    ----------
    transport : asyncio.Transport
        What it is sent over.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        """Be the transport in everything else."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send something, soon."""
        if not self._parts:
            self._loop.call_soon(self._send)
        self._parts.append(data)
        self._size += len(data)
        if self._size >= TOGETHER_BYTES:
            # Also what waits here must hold up whoever writes faster than the client reads.
            self._send()

    def close(self) -> None:
        """Send what waits, and close."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        parts, self._parts, self._size = self._parts, [], 0
        if parts and not self._transport.is_closing():
            self._transport.write(b"".join(parts))


class Connection(H11Protocol):
    """A connection of uvicorn with a limit on how long a request may take to begin."""

    head_s = HEAD_S
    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request."""
        super().connection_made(cast(asyncio.Transport, Together(transport, self.loop)))
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Take what came; a request that has begun to be answered is nobody's fault any more."""
        super().data_received(data)
        cycle = cast(Any, self.cycle)
        if cycle is not None and not cycle.response_complete:
            self._settle()
        elif self._limit is None:
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._settle()
        super().connection_lost(exc)

    def _expect(self) -> None:
        self._limit = self.loop.call_later(self.head_s, self._give_up)

    def _settle(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _give_up(self) -> None:
        self._limit = None
        if not self.transport.is_closing():
            self.transport.close()
