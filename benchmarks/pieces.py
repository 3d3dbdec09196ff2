"""Layers as every peer is fastest on them: dissolved by class and by layer, cut into pieces of at most 64 vertices.

Pieces of one class do not overlap, so areas only add up. The fast way to cut, GEOS' ``clip_by_rect``, now and then
loses ground without a word: four quadrants are taken only when they are valid and add up to what was cut, and are
intersected exactly otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from benchmarks import workload

Geometries = NDArray[Any]

MOST = 64
#: The class of a layer's union.
UNION = "*"
THREADS = 2
#: So small that two threads of an engine that divides its work by row group have the same to do.
ROW_GROUP = 16_384


def file_of(folder: Path) -> Path:
    """Return where the pieces of all layers lie."""
    return folder / "pieces.parquet"


def polygons(geometry: Geometries) -> Geometries:
    """Return the polygons that geometries are made of; points and lines of an intersection have no area."""
    parts = shapely.get_parts(shapely.get_parts(geometry))
    return parts[(shapely.get_type_id(parts) == shapely.GeometryType.POLYGON) & ~shapely.is_empty(parts)]


def quadrants(one: Any) -> tuple[Geometries, bool]:
    """Return a polygon cut in four, and whether the fast cut had to be repaired."""
    west, south, east, north = shapely.bounds(one)
    x, y = (west + east) / 2, (south + north) / 2
    boxes = ((west, south, x, y), (x, south, east, y), (west, y, x, north), (x, y, east, north))
    area = shapely.area(one)
    parts = polygons(np.array([shapely.clip_by_rect(one, *box) for box in boxes]))
    if abs(shapely.area(parts).sum() - area) <= 1e-6 + 1e-12 * area and shapely.is_valid(parts).all():
        return parts, False
    return polygons(shapely.intersection(one, np.array([shapely.box(*box) for box in boxes]))), True


def subdivide(whole: Geometries) -> tuple[Geometries, int]:
    """Return polygons of at most 64 vertices that make up the given ones, and how many cuts were repaired."""
    done: list[Geometries] = []
    repairs = 0
    left = polygons(whole)
    while len(left):
        small = shapely.get_num_coordinates(left) <= MOST
        done.append(left[small])
        cut = [quadrants(one) for one in left[~small]]
        repairs += sum(repaired for _, repaired in cut)
        left = np.concatenate([parts for parts, _ in cut]) if cut else np.empty(0, dtype=object)
    pieces = np.concatenate(done) if done else np.empty(0, dtype=object)
    total, expected = shapely.area(pieces).sum(), shapely.area(whole).sum()
    assert abs(total - expected) <= 1e-6 + 1e-11 * expected, (total, expected)
    return pieces, repairs


def _pieces_of(job: tuple[str, str, Geometries]) -> tuple[str, str, Geometries, int]:
    layer, cls, geometry = job
    pieces, repairs = subdivide(np.array([shapely.union_all(geometry)]))
    return layer, cls, pieces, repairs


def ensure(folder: Path, say: Callable[[str], None]) -> None:
    """Write the pieces when they are missing."""
    file = file_of(folder)
    if file.exists():
        return
    jobs: list[tuple[str, str, Geometries]] = []
    for layer, source in workload.layer_files(folder).items():
        table = pq.read_table(source, columns=["cls", "geometry"])
        geometry = shapely.from_wkb(table["geometry"].to_numpy())
        cls = np.array(table["cls"].to_pylist(), dtype=object)
        jobs += [(layer, one, geometry[cls == one]) for one in sorted(set(cls))]
        jobs.append((layer, UNION, geometry))
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(_pieces_of, jobs))
    numbers = np.array([len(pieces) for *_, pieces, _ in found])
    geometry = np.concatenate([pieces for *_, pieces, _ in found])
    table = pa.table(
        {
            # A small number to group by; the names are joined to the sums.
            "code": np.repeat(np.arange(len(found), dtype=np.int16), numbers),
            "layer": pa.array(np.repeat([layer for layer, *_ in found], numbers)),
            "cls": pa.array(np.repeat([cls for _, cls, *_ in found], numbers)),
            "geometry": pa.array(shapely.to_wkb(geometry), type=pa.binary()),
        }
    )
    schema = workload.schema_of(table.schema, ["Polygon"])
    workload.replace(
        file, lambda part: pq.write_table(table.cast(schema), part, compression="zstd", row_group_size=ROW_GROUP)
    )
    repairs = sum(count for *_, count in found)
    say(f"{file.name}: {len(geometry):,} pieces, {repairs} cuts of clip_by_rect repaired")
