"""shapely as somebody writes it who knows it well: one tree, prepared polygons, the covered short-cut, two threads."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from benchmarks import pieces, resident, workload

Geometries = NDArray[Any]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: More than threads, so that a chunk with large polygons does not leave the other thread without work.
CHUNKS = 16


class Parcels:
    """Parcels with their tree and areas."""

    def __init__(self, folder: Path, count: int) -> None:
        table = pq.read_table(workload.parcels_file(folder, count))
        self.ids = table["id"].combine_chunks()
        self.geometry = shapely.from_wkb(table["geometry"].to_numpy())
        self.area = shapely.area(self.geometry)

    def plant(self) -> None:
        """Build the tree."""
        self.tree = shapely.STRtree(self.geometry)

    def pairs(self, polygons: Geometries) -> tuple[Ints, Ints, NDArray[np.bool_]]:
        """Return polygon, parcel and whether the one holds all of the other, for all that meet."""
        shapely.prepare(polygons)
        polygon, parcel = self.tree.query(polygons, predicate="intersects")
        return polygon, parcel, shapely.contains_properly(polygons[polygon], self.geometry[parcel])


def chunks(count: int) -> list[slice]:
    """Return slices that divide rows among the threads, every chunk with some of all kinds."""
    return [slice(start, None, CHUNKS) for start in range(min(CHUNKS, count))]


def summed_up(parcel: Ints, code: Ints, area: Floats) -> pa.Table:
    """Add up areas by parcel and class."""
    rows = pa.table({"parcel": parcel, "code": code, "area_m2": area})
    return rows.group_by(["parcel", "code"]).aggregate([("area_m2", "sum")])


def named(parcels: Parcels, names: list[tuple[str, str]], summed: pa.Table) -> pa.Table:
    """Give sums the names of parcels, layers and classes."""
    summed = summed.filter(pc.greater(summed["area_m2_sum"], 0))
    codes = summed["code"].combine_chunks().cast(pa.int16())
    layer, cls = (pa.array([name[side] for name in names]) for side in (0, 1))
    return pa.table(
        {
            "id": parcels.ids.take(summed["parcel"].combine_chunks()),
            "layer": pa.DictionaryArray.from_arrays(codes, layer),
            "class": pa.DictionaryArray.from_arrays(codes, cls),
            "area_m2": summed["area_m2_sum"],
        }
    )


def joined(found: Iterable[tuple[Ints, Ints, Floats]]) -> tuple[Ints, Ints, Floats]:
    """Put the chunks' columns together."""
    parcel, code, area = (np.concatenate(column) for column in zip(*found, strict=True))
    return parcel, code, area


class Divided:
    """Layers in pieces of at most 64 vertices, whose areas only add up."""

    def __init__(self, folder: Path) -> None:
        table = pq.read_table(pieces.file_of(folder))
        self.geometry = shapely.from_wkb(table["geometry"].to_numpy())
        self.code = table["code"].to_numpy().astype(np.int64)
        named = table.select(["code", "layer", "cls"]).group_by(["code", "layer", "cls"]).aggregate([])
        self.names = [(row["layer"], row["cls"]) for row in sorted(named.to_pylist(), key=lambda row: row["code"])]

    def overlay(self, parcels: Parcels) -> pa.Table:
        """Return areas by parcel and class."""
        parcels.plant()

        def one(rows: slice) -> tuple[Ints, Ints, Floats]:
            geometry = self.geometry[rows]
            piece, parcel, whole = parcels.pairs(geometry)
            area = parcels.area[parcel]
            area[~whole] = shapely.area(shapely.intersection(geometry[piece[~whole]], parcels.geometry[parcel[~whole]]))
            return parcel, self.code[rows][piece], area

        with ThreadPoolExecutor(pieces.THREADS) as pool:
            return summed_up(*joined(pool.map(one, chunks(len(self.geometry)))))


def cold(folder: Path, parcels: Parcels) -> pa.Table:
    """Return areas by parcel and class from the layers as they were delivered, where features overlap."""
    parcels.plant()
    names: list[tuple[str, str]] = []
    parts: list[tuple[Ints, Ints, Floats]] = []
    for layer, file in workload.layer_files(folder).items():
        table = pq.read_table(file, columns=["cls", "geometry"])
        geometry = shapely.from_wkb(table["geometry"].to_numpy())
        cls = table["cls"].combine_chunks().dictionary_encode()
        code = cls.indices.to_numpy() + len(names)
        names += [(layer, name) for name in cls.dictionary.to_pylist()] + [(layer, pieces.UNION)]
        parts += _of_layer(parcels, geometry, code, len(names) - 1)
    return named(parcels, names, summed_up(*joined(parts)))


def _of_layer(parcels: Parcels, geometry: Geometries, code: Ints, union: int) -> list[tuple[Ints, Ints, Floats]]:
    with ThreadPoolExecutor(pieces.THREADS) as pool:
        rows = [np.arange(len(geometry))[part] for part in chunks(len(geometry))]
        found = list(pool.map(lambda part: parcels.pairs(geometry[part]), rows))
        feature = np.concatenate([part[one[0]] for part, one in zip(rows, found, strict=True)])
        parcel, whole = (np.concatenate([one[side] for one in found]) for side in (1, 2))
        wanted = [(code[feature], union + 1), (np.full(len(feature), union), union + 1)]
        # What lies wholly in a feature of a class needs no intersection with the others of that class.
        jobs = []
        done: list[tuple[Ints, Ints, Floats]] = []
        for codes, most in wanted:
            key = parcel * most + codes
            full = np.unique(key[whole])
            done.append((full // most, full % most, parcels.area[full // most]))
            rest = np.flatnonzero(~np.isin(key, full))
            jobs.append((key, most, rest[np.argsort(key[rest], kind="stable")]))
        needed = np.unique(np.concatenate([rest for *_, rest in jobs]))
        cut = np.empty(len(feature), dtype=object)
        for part, shapes in zip(
            _shares(needed),
            pool.map(
                lambda part: shapely.intersection(geometry[feature[part]], parcels.geometry[parcel[part]]),
                _shares(needed),
            ),
            strict=True,
        ):
            cut[part] = shapes
        for key, most, rest in jobs:
            keys, start, number = np.unique(key[rest], return_index=True, return_counts=True)
            area = shapely.area(cut[rest])
            found_m2 = np.add.reduceat(area, start) if len(start) else np.zeros(0)
            several = np.flatnonzero(number > 1)
            unions = pool.map(
                lambda one, rest=rest, start=start, number=number: shapely.union_all(
                    cut[rest[start[one] : start[one] + number[one]]]
                ),
                several,
            )
            found_m2[several] = shapely.area(np.array(list(unions), dtype=object))
            done.append((keys // most, keys % most, found_m2))
    return done


def _shares(rows: Ints) -> list[Ints]:
    return np.array_split(rows, CHUNKS)


def main() -> None:
    """Run one measure."""
    measure, folder, count, out = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    parcels = Parcels(folder, count)
    if measure == "cold":
        pq.write_table(cold(folder, parcels), out, compression="zstd", compression_level=1)
    elif measure == "total":
        divided = Divided(folder)
        table = named(parcels, divided.names, divided.overlay(parcels))
        pq.write_table(table, out, compression="zstd", compression_level=1)
    else:
        divided = Divided(folder)
        resident.answer(lambda: divided.overlay(parcels), lambda found: named(parcels, divided.names, found))


if __name__ == "__main__":
    main()
