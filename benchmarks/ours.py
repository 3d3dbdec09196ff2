"""The service's own engine as the benchmark asks it: by its commands, or in a process that stays."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks import resident, running, terrain, workload
from geo_service.cells import Areas, Prepared, Stack, prepare
from geo_service.cells.__main__ import Tables
from geo_service.rings import Shapes, files, from_wkb

LAYERS = list(workload.LAYERS)


def prepared_file(folder: Path, name: str) -> Path:
    """Return where a prepared layer lies."""
    return folder / "cells" / f"{name}.cells"


def prepare_layers(folder: Path) -> None:
    """Prepare all layers, from the files as they were delivered to the files that the engine maps into memory."""
    prepared_file(folder, "").parent.mkdir(exist_ok=True)

    def one(named: tuple[str, Path]) -> None:
        name, file = named
        shapes, classes, crs = files.layer(file, "cls")
        prepare(shapes, classes, crs=crs).write(prepared_file(folder, name))

    # Several at once, as the command does.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, workload.layer_files(folder).items()))


def overlay_command(folder: Path, count: int, out: Path) -> list[str]:
    """Return the command that measures parcels on prepared layers."""
    layers = [f"{name}={prepared_file(folder, name)}" for name in LAYERS]
    return running.command("geo_service.cells", "areas", workload.parcels_file(folder, count), *layers, "-o", out)


def cold_command(folder: Path, count: int, out: Path) -> list[str]:
    """Return the command that measures parcels on layers as they were delivered."""
    layers = [f"{name}={file}:cls" for name, file in workload.layer_files(folder).items()]
    return running.command("geo_service.cells", "areas", workload.parcels_file(folder, count), *layers, "-o", out)


def zonal_command(folder: Path, count: int, out: Path) -> list[str]:
    """Return the command that measures parcels on rasters."""
    rasters = [f"{name}={terrain.file_of(folder, name)}" for name in terrain.RASTERS]
    above = [word for value in terrain.ABOVE_M.values() for word in ("--above", f"depth={value}")]
    return running.command("geo_service.zonal", workload.parcels_file(folder, count), *rasters, *above, "-o", out)


def nearest_command(folder: Path, count: int, out: Path) -> list[str]:
    """Return the command that finds the nearest lines."""
    lines = [f"{name}={file}:{workload.LIMITS_M[name]:g}" for name, file in workload.line_files(folder).items()]
    return running.command("geo_service.segments", workload.parcels_file(folder, count), *lines, "-o", out)


def _parcels(folder: Path, count: int) -> tuple[pa.Array, Shapes]:
    read = pq.read_table(workload.parcels_file(folder, count), columns=["id", "geometry"])
    return read["id"].combine_chunks(), from_wkb(read["geometry"])


def _stack(folder: Path) -> Stack:
    return Stack([Prepared.open(prepared_file(folder, name)) for name in LAYERS])


def _overlay(folder: Path, count: int) -> None:
    ids, parcels = _parcels(folder, count)
    stack = _stack(folder)
    resident.answer(lambda: stack.areas(parcels), lambda found: Tables(stack, LAYERS).table(ids, found))


def _one(folder: Path, count: int) -> None:
    from benchmarks.peers.postgis import singles

    asker = _stack(folder).asker()
    asked = singles(folder, count)

    def one_by_one() -> list[float]:
        seconds = []
        for wkb in asked:
            began = time.perf_counter()
            asker.areas(wkb)
            seconds.append(time.perf_counter() - began)
        return seconds

    resident.answer(one_by_one, lambda seconds: pa.table({"seconds": seconds}))


def _zonal(folder: Path, count: int) -> None:
    import rasterio

    from geo_service import zonal

    ids, parcels = _parcels(folder, count)
    rasters = []
    for name in terrain.RASTERS:
        with rasterio.open(terrain.file_of(folder, name)) as file:
            thresholds = tuple(terrain.ABOVE_M.values()) if name == "depth" else ()
            rasters.append(zonal.Raster(file.read(1), thresholds, file.nodata))
            transform = file.transform.to_gdal()

    def named(found: tuple[zonal.Statistics, ...]) -> pa.Table:
        columns: dict[str, Any] = {"id": ids}
        for name, one in zip(terrain.RASTERS, found, strict=True):
            columns |= {f"{name}_mean": one.mean, f"{name}_min": one.minimum, f"{name}_max": one.maximum}
            if name == "depth":
                columns |= {
                    f"depth_above_{value:g}": one.above[:, index]
                    for index, value in enumerate(terrain.ABOVE_M.values())
                }
        return pa.table(columns)

    resident.answer(lambda: zonal.statistics(parcels, rasters, transform), named)


def _nearest(folder: Path, count: int) -> None:
    from geo_service import segments

    ids, parcels = _parcels(folder, count)
    lines = {
        name: from_wkb(pq.read_table(file, columns=["geometry"])["geometry"])
        for name, file in workload.line_files(folder).items()
    }

    def work() -> dict[str, segments.Nearest]:
        return {name: segments.index(one).nearest(parcels, workload.LIMITS_M[name]) for name, one in lines.items()}

    def named(found: dict[str, segments.Nearest]) -> pa.Table:
        return pa.concat_tables(
            pa.table(
                {
                    "id": ids,
                    "layer": pa.array([name] * len(ids)),
                    "distance_m": pa.array(one.distance_m, mask=one.feature < 0),
                }
            )
            for name, one in found.items()
        )

    resident.answer(work, named)


def _digest(found: Areas, parcel: NDArray[np.int64]) -> str:
    order = np.lexsort((found.cls, found.layer, parcel))
    digest = hashlib.sha256()
    for column in (parcel, found.layer, found.cls, found.area_m2):
        digest.update(np.ascontiguousarray(column[order]).tobytes())
    return digest.hexdigest()


def bits(folder: Path, count: int) -> dict[str, str]:
    """Return the digest of all rows for one thread, for two, and for the parcels in another order."""
    _, parcels = _parcels(folder, count)
    stack = _stack(folder)
    found = {f"{number} threads": stack.areas(parcels, threads=number) for number in (1, 2)}
    digests = {name: _digest(one, one.parcel) for name, one in found.items()}
    order = np.random.default_rng(1).permutation(len(parcels))
    other = stack.areas(parcels.take(order))
    return {**digests, "shuffled": _digest(other, order[other.parcel])}


def main() -> None:
    """Run one measure."""
    measure, folder, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    if measure == "prepare":
        resident.answer(lambda: prepare_layers(folder), lambda _: pa.table({}))
    elif measure == "bits":
        resident.say(bits(folder, count))
    else:
        {"overlay": _overlay, "one": _one, "zonal": _zonal, "nearest": _nearest}[measure](folder, count)


if __name__ == "__main__":
    main()
