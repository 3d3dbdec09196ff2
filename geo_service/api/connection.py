"""Connections that must ask something: whoever opens one and says nothing, or says it byte by byte, loses it."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

#: The line and the headers of a request must be there so soon after a connection was opened, or after its last answer.
HEAD_S = 10.0


class Connection(H11Protocol):
    """A connection of uvicorn with a limit on how long a request may take to begin."""

    head_s = HEAD_S
    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request."""
        super().connection_made(transport)
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
