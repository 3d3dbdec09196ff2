"""The measuring process, in which boundaries of two ids take more memory than they may: none is known that does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import shapely

from geo_service.checking import child
from geo_service.model.finding import Verdict
from geo_service.model.parcel import Parcel

HEADROOM_BYTES = 200 << 20
#: Each takes many times as much.
TAKES = {
    "at once": lambda: np.ones(HEADROOM_BYTES),
    "little by little": lambda: shapely.segmentize(shapely.LineString([(0, 0), (HEADROOM_BYTES, 0)]), 1),
}


def main() -> None:
    """Answer jobs."""
    examine = child.examine

    def greedy(parcels: Iterable[Parcel], *others: Any, **more: Any) -> Iterator[Verdict]:
        def taking() -> Iterator[Parcel]:
            for parcel in parcels:
                if parcel.id in TAKES:
                    TAKES[parcel.id]()
                yield parcel

        return examine(taking(), *others, **more)

    child.HEADROOM_BYTES, child.examine = HEADROOM_BYTES, greedy
    child.main()
