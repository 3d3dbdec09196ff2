"""``python -m geo_service.zonal PARCELS.parquet NAME=RASTER.tif … -o OUT.parquet``: a table of statistics by parcel."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from geo_service.errors import Fault, GeoServiceError, InputError
from geo_service.rings import Shapes, files
from geo_service.zonal.file import from_cog
from geo_service.zonal.measuring import Statistics


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns 0, or 2 with one clear line when something given is wrong."""
    parser = argparse.ArgumentParser(prog="python -m geo_service.zonal", description=__doc__)
    parser.add_argument("parcels", type=Path, help="GeoParquet; a column id is kept")
    parser.add_argument("rasters", nargs="+", type=_named, metavar="NAME=RASTER.tif")
    parser.add_argument(
        "--above", action="append", default=[], type=_threshold, metavar="NAME=VALUE", help="share of ground above"
    )
    parser.add_argument("--threads", type=int)
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="OUT.parquet")
    options = parser.parse_args(arguments)
    unknown = {name for name, _ in options.above} - {name for name, _ in options.rasters}
    if unknown:
        parser.error(f"--above names no raster: {', '.join(sorted(unknown))}")
    try:
        _write(options)
    except GeoServiceError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _write(options: argparse.Namespace) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    ids, parcels, crs = _parcels(options.parcels)
    columns: dict[str, Any] = {"id": ids}
    for name, path in options.rasters:
        thresholds = [value for of, value in options.above if of == name]
        found = from_cog(parcels, path, crs=crs, thresholds=thresholds, threads=options.threads)
        columns |= {field: files.numbers(values) for field, values in _columns(name, found, thresholds).items()}
    pq.write_table(pa.table(columns), options.out)


def _columns(name: str, found: Statistics, thresholds: list[float]) -> dict[str, Any]:
    return {
        f"{name}_count": found.count,
        f"{name}_mean": found.mean,
        f"{name}_min": found.minimum,
        f"{name}_max": found.maximum,
        f"{name}_sum": found.total,
        f"{name}_nodata_share": found.nodata_share,
    } | {f"{name}_above_{value:g}": found.above[:, index] for index, value in enumerate(thresholds)}


def _parcels(path: Path) -> tuple[Any, Shapes, str]:
    file, _, crs = files.opened(path)
    if not crs:
        raise InputError(Fault("crs_missing", "未声明坐标系", "no CRS is declared", where=path.name))
    if "id" in file.schema_arrow.names:
        (ids,), parcels, _ = files.read(path, "id")
        return ids, parcels, crs
    _, parcels, _ = files.read(path)
    return files.numbers(np.arange(len(parcels))), parcels, crs


def _named(text: str) -> tuple[str, Path]:
    name, sign, path = text.partition("=")
    if not (name and sign and path):
        raise argparse.ArgumentTypeError(f"NAME=RASTER.tif expected, not {text}")
    return name, Path(path)


def _threshold(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"NAME=VALUE expected, not {text}") from error


if __name__ == "__main__":
    sys.exit(main())
