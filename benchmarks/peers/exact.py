"""exactextract in one call: all rasters and statistics at once, features as WKB, in the order of the ground."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import rasterio
import shapely
from exactextract import exact_extract
from exactextract.feature import Feature, FeatureSource
from exactextract.operation import Operation
from exactextract.raster import NumPyRasterSource
from exactextract.writer import Writer
from numpy.typing import NDArray

from benchmarks import resident, terrain, workload

#: Which statistic of which raster is which column.
WANTED = {
    "depth_max": ("max", "depth"),
    "depth_mean": ("mean", "depth"),
    "depth_above_0.15": ("mean", "deep15"),
    "depth_above_0.5": ("mean", "deep50"),
    "dem_min": ("min", "dem"),
    "dem_max": ("max", "dem"),
    "dem_mean": ("mean", "dem"),
    "slope_mean": ("mean", "slope"),
    "slope_max": ("max", "slope"),
}
NAMES = tuple(WANTED)
COLUMN = {name: index for index, name in enumerate(NAMES)}


class Parcel(Feature):
    """A parcel that is handed over as it was read, without GeoJSON on the way."""

    def __init__(self, wkb: bytes) -> None:
        super().__init__()
        self.wkb = wkb

    def geometry(self) -> bytes:
        """Return WKB."""
        return self.wkb

    def fields(self) -> list[str]:
        """Return that nothing else is known."""
        return []


class Parcels(FeatureSource):
    """Parcels in rows."""

    def __init__(self, wkb: list[bytes]) -> None:
        super().__init__()
        self.wkb = wkb

    def count(self) -> int:
        """Count them."""
        return len(self.wkb)

    def __iter__(self) -> Iterator[Parcel]:
        """Hand them over in order."""
        return map(Parcel, self.wkb)

    def srs_wkt(self) -> None:
        """Return nothing: the rasters are in the parcels' CRS."""
        return


class Row(Feature):
    """Takes a parcel's statistics straight into a row of numbers."""

    def __init__(self, row: NDArray[np.float64]) -> None:
        super().__init__()
        self.row = row

    def set(self, name: str, value: Any) -> None:
        """Take one."""
        if value is not None:
            self.row[COLUMN[name]] = value

    def set_geometry(self, wkb: object) -> None:
        """Leave the geometry out."""

    def set_geometry_format(self) -> str:
        """Return what it would come as."""
        return "wkb"


class Rows(Writer):
    """Takes statistics as they come."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.values = np.full((count, len(NAMES)), np.nan)
        self.next = 0

    def write(self, feature: Any) -> None:
        """Take one parcel's."""
        feature.copy_to(Row(self.values[self.next]))
        self.next += 1

    def finish(self) -> None:
        """Do nothing more."""

    def features(self) -> NDArray[np.float64]:
        """Return all rows."""
        return self.values


def measure_all(wkb: list[bytes], sources: dict[str, Any]) -> NDArray[np.float64]:
    """Return the wanted statistics, a row for each parcel."""
    operations = [Operation(stat, name, sources[raster]) for name, (stat, raster) in WANTED.items()]
    values = exact_extract(list(sources.values()), Parcels(wkb), operations, output=Rows(len(wkb)))
    assert isinstance(values, np.ndarray)
    return values


def main() -> None:
    """Run one measure."""
    measure, folder, count, out = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    table = pq.read_table(workload.parcels_file(folder, count), columns=["id", "geometry"])
    geometry = shapely.from_wkb(table["geometry"].to_numpy())
    order = np.argsort(_order(geometry), kind="stable")
    ids = table["id"].combine_chunks().take(pa.array(order))
    wkb = table["geometry"].combine_chunks().take(pa.array(order)).to_pylist()
    sources = {}
    for name in (*terrain.RASTERS, *terrain.ABOVE_M):
        # Read once as a whole: reading windows parcel by parcel takes four times as long.
        with rasterio.open(terrain.file_of(folder, name), NUM_THREADS="ALL_CPUS") as file:
            values = file.read(1)
            nodata = values.dtype.type(file.nodata).item()
            sources[name] = NumPyRasterSource(values, *file.bounds, nodata=nodata, name=name)

    def named(values: NDArray[np.float64]) -> pa.Table:
        return pa.table({"id": ids, **{name: values[:, index] for index, name in enumerate(NAMES)}})

    if measure == "total":
        pq.write_table(named(measure_all(wkb, sources)), out)
    else:
        resident.answer(lambda: measure_all(wkb, sources), named)


def _order(geometry: NDArray[Any]) -> NDArray[np.int64]:
    """Return the number of the block that a parcel begins in."""
    west, south = shapely.bounds(geometry)[:, :2].T
    side = 512 * terrain.CELL_M
    return (south // side).astype(np.int64) * 1_000 + (west // side).astype(np.int64)


if __name__ == "__main__":
    main()
