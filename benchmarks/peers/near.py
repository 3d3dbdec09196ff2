"""shapely's nearest line, on single segments: long lines in one box each would ruin its tree."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from benchmarks import resident, workload


def segments(lines: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return every segment as a line of its own, and which line it is of."""
    xy, line = shapely.get_coordinates(lines, return_index=True)
    same = line[:-1] == line[1:]
    return shapely.linestrings(np.stack([xy[:-1], xy[1:]], axis=1)[same]), line[:-1][same]


def nearest(parcels: NDArray[Any], lines: NDArray[Any], limit_m: float) -> tuple[NDArray[Any], ...]:
    """Return parcels that have a line within the limit, which one, and how far."""
    single, line = segments(lines)
    (parcel, found), distance_m = shapely.STRtree(single).query_nearest(
        parcels, max_distance=limit_m, return_distance=True, all_matches=False
    )
    return parcel, line[found], distance_m


def main() -> None:
    """Run one measure."""
    measure, folder, count, out = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]

    def read(file: Path) -> tuple[Any, NDArray[Any]]:
        table = pq.read_table(file, columns=["id", "geometry"])
        return table["id"].combine_chunks(), shapely.from_wkb(table["geometry"].to_numpy())

    ids, parcels = read(workload.parcels_file(folder, count))
    lines = {name: read(file)[1] for name, file in workload.line_files(folder).items()}

    def work() -> dict[str, tuple[NDArray[Any], ...]]:
        return {name: nearest(parcels, one, workload.LIMITS_M[name]) for name, one in lines.items()}

    def table(found: dict[str, tuple[NDArray[Any], ...]]) -> pa.Table:
        return pa.concat_tables(
            pa.table(
                {
                    "id": ids.take(pa.array(parcel)),
                    "layer": pa.array([name] * len(parcel)),
                    "feature": feature,
                    "distance_m": distance_m,
                }
            )
            for name, (parcel, feature, distance_m) in found.items()
        )

    if measure == "total":
        pq.write_table(table(work()), out)
    else:
        resident.answer(work, table)


if __name__ == "__main__":
    main()
