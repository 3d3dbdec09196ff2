"""Layers prepared as cells, and what parcels share with them (to be written last)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from geo_service.cells.measuring import Areas, Asker, Stack, areas
from geo_service.cells.prepared import KNOWN, WHOLE, Prepared

if TYPE_CHECKING:
    from geo_service.cells.preparing import prepare

__all__ = ["KNOWN", "WHOLE", "Areas", "Asker", "Prepared", "Stack", "areas", "prepare"]


def __getattr__(name: str) -> Any:
    # Preparing needs the compiler, which takes longer to start than measuring does; so only where it is asked for.
    if name == "prepare":
        from geo_service.cells.preparing import prepare

        return prepare
    raise AttributeError(name)
