"""The data that every engine is measured on: synthetic, of any number of parcels, the same from fixed seeds.

A square of 102 km with parcels in blocks between roads, eight layers of the kinds a land bureau holds, three sets of
lines and three rasters. The layers do not depend on the number of parcels. All files say that they are synthetic::

    python -m benchmarks.workload --parcels 1e3,1e4,1e5,1e6 --folder DIR
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SEED = 20261121
CRS = "EPSG:4547"
SIDE_M = 102_000.0
WEST, SOUTH = 368_000.0, 3_957_000.0
ORIGIN = np.array([WEST, SOUTH])
#: Layers reach beyond the parcels, as a survey of a whole prefecture reaches beyond its zones.
MARGIN_M = 3_000.0
NOTE = "Synthetic data of benchmarks/workload.py: no place, parcel or survey is real."

ROW_GROUP = 65_536
FOLDER = Path(tempfile.gettempdir()) / "bench-data"

#: A lattice of blocks of 5 x 5 parcels; a road runs between blocks. A town is 4 x 5 blocks.
PITCH_M, PARCEL_M, ACROSS = 510.0, 90.0, 5
TOWN_COLUMNS, TOWN_ROWS = 4, 5
COLUMNS, ROWS = int(SIDE_M / PITCH_M) // TOWN_COLUMNS, int(SIDE_M / PITCH_M) // TOWN_ROWS
TOWNS = COLUMNS * ROWS
PER_TOWN = TOWN_COLUMNS * TOWN_ROWS * ACROSS * ACROSS
WHOLE = TOWNS * PER_TOWN
#: How many vertices stand between two corners of a parcel, from none to nine.
BETWEEN = np.array([0.24, 0.18, 0.15, 0.13, 0.10, 0.07, 0.05, 0.03, 0.03, 0.02])

#: Beyond these distances a line serves nobody, in metres.
LIMITS_M = {"water": 5_000.0, "power": 5_000.0, "road": 2_000.0}


@dataclass(frozen=True)
class Features:
    """Geometries in rows, each with its class."""

    geometry: NDArray[Any]
    cls: list[str]


def stream(*key: int) -> np.random.Generator:
    """Return random numbers that depend on nothing but the key."""
    return np.random.default_rng((SEED, *key))


def to_mm(xy: Floats) -> Floats:
    """Round coordinates to whole millimetres, as surveys deliver them."""
    return np.round(xy, 3)


def fractal(rng: np.random.Generator, count: int, roughness: float, longest: int = 1) -> Floats:
    """Return a closed fractal profile of mean 0 and deviation 1; a Hurst exponent sets how smooth it is."""
    waves = np.fft.rfft(rng.standard_normal(count))
    order = np.arange(len(waves), dtype=float)
    order[0] = 1.0
    waves *= order ** -(roughness + 0.5)
    waves[:longest] = 0.0
    profile = np.fft.irfft(waves, count)
    return profile / profile.std()


# ---------------------------------------------------------------------------------------------------------- parcels


def parcels(count: int) -> Iterator[pa.Table]:
    """Yield the parcels by row group, in an order that says nothing about where they lie.

    Beyond a million the square is filled again with other boundaries, as another draft of the same plan.
    """
    for draft in range(-(-count // WHOLE)):
        wanted = min(WHOLE, count - draft * WHOLE)
        towns = stream(1, draft).permutation(TOWNS)[: -(-wanted // PER_TOWN)]
        wkb: list[NDArray[Any]] = []
        for start in range(0, len(towns), 100):
            made = np.concatenate([_town(int(town), draft) for town in towns[start : start + 100]])
            made = _with_holes(made, stream(2, draft, start))
            assert shapely.is_valid(made).all()
            wkb.append(shapely.to_wkb(made))
        column = np.concatenate(wkb)[:wanted]
        order = stream(3, draft).permutation(wanted)
        for start in range(0, wanted, ROW_GROUP):
            rows = order[start : start + ROW_GROUP]
            numbers = pa.array(np.arange(start, start + len(rows)) + draft * WHOLE)
            ids = pc.utf8_lpad(numbers.cast(pa.string()), width=8, padding="0")
            yield pa.table({"id": ids, "geometry": pa.array(column[rows], type=pa.binary())})


def _town(town: int, draft: int) -> NDArray[Any]:
    """Return the parcels of one town; neighbours share the very coordinates of their common edge."""
    rng = stream(4, draft, town)
    blocks = TOWN_COLUMNS * TOWN_ROWS
    row, column = divmod(town, COLUMNS)
    east, north = np.meshgrid(np.arange(TOWN_COLUMNS), np.arange(TOWN_ROWS), indexing="ij")
    corner = np.stack([east.ravel() + column * TOWN_COLUMNS, north.ravel() + row * TOWN_ROWS], axis=1) * PITCH_M
    corner += (WEST + (PITCH_M - ACROSS * PARCEL_M) / 2, SOUTH + (PITCH_M - ACROSS * PARCEL_M) / 2)
    lattice = np.stack(np.meshgrid(*[np.arange(ACROSS + 1) * PARCEL_M] * 2, indexing="xy"), axis=-1)
    node = to_mm(corner[:, None, None] + lattice[None] + rng.uniform(-8, 8, (blocks, ACROSS + 1, ACROSS + 1, 2)))
    along, along_kept = _edges(rng, node[:, :, :-1], node[:, :, 1:])
    up, up_kept = _edges(rng, node[:, :-1], node[:, 1:])
    south, east_, north_, west = along[:, :-1], up[:, :, 1:], along[:, 1:], up[:, :, :-1]
    corners = (node[:, :-1, :-1], node[:, :-1, 1:], node[:, 1:, 1:], node[:, 1:, :-1])
    one = np.ones((*south.shape[:3], 1), dtype=bool)
    ring, kept = [], []
    for start, edge, flags in (
        (corners[0], south, along_kept[:, :-1]),
        (corners[1], east_, up_kept[:, :, 1:]),
        (corners[2], north_[..., ::-1, :], along_kept[:, 1:, :, ::-1]),
        (corners[3], west[..., ::-1, :], up_kept[:, :, :-1, ::-1]),
    ):
        ring += [start[..., None, :], edge]
        kept += [one, flags]
    xy = np.concatenate([*ring, corners[0][..., None, :]], axis=-2).reshape(-1, 4 * (1 + len(BETWEEN) - 1) + 1, 2)
    flags = np.concatenate([*kept, one], axis=-1).reshape(len(xy), -1)
    at = np.concatenate([[0], np.cumsum(flags.sum(axis=1))])
    return shapely.from_ragged_array(shapely.GeometryType.POLYGON, xy[flags], (at, np.arange(len(at))))


def _edges(rng: np.random.Generator, start: Floats, stop: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return up to nine vertices between corners, and which of them there are."""
    most = len(BETWEEN) - 1
    number = rng.choice(len(BETWEEN), size=start.shape[:3], p=BETWEEN)[..., None]
    share = (np.arange(1, most + 1) + rng.uniform(-0.2, 0.2, (*start.shape[:3], most))) / (number + 1)
    aside = rng.uniform(-2.5, 2.5, share.shape)
    chord = (stop - start)[..., None, :]
    across = np.stack([-chord[..., 1], chord[..., 0]], axis=-1) / np.linalg.norm(chord, axis=-1, keepdims=True)
    xy = start[..., None, :] + chord * share[..., None] + across * aside[..., None]
    return to_mm(xy), np.arange(most) < number


def _with_holes(made: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    chosen = np.flatnonzero(rng.random(len(made)) < 0.005)
    for index in chosen:
        (x, y), corners = shapely.get_coordinates(shapely.centroid(made[index]))[0], int(rng.integers(4, 9))
        hole = _star(rng, (x, y), corners, 12.0, 0.15)
        made[index] = shapely.Polygon(shapely.get_exterior_ring(made[index]), [hole])
    return made


def _star(rng: np.random.Generator, centre: tuple[float, float], count: int, radius: float, rough: float) -> Floats:
    """Return a ring around a centre, closed; what is star-shaped cannot cross itself."""
    angle = (np.arange(count) + rng.uniform(-0.3, 0.3, count)) * (2 * np.pi / count)
    # Small rings are uneven from corner to corner; large ones wander over many scales.
    wander = rng.standard_normal(count) if count < 16 else fractal(rng, count, 0.7)
    reach = radius * np.exp(rough * np.clip(wander, -2.5, 2.5))
    xy = to_mm(np.stack([centre[0] + reach * np.cos(angle), centre[1] + reach * np.sin(angle)], axis=1))
    return np.concatenate([xy, xy[:1]])


# ----------------------------------------------------------------------------------------------------------- layers


def _anywhere(rng: np.random.Generator, within_m: float = 0.0) -> tuple[float, float]:
    x, y = rng.uniform(within_m, SIDE_M - within_m, 2)
    return WEST + x, SOUTH + y


def _stars(
    rng: np.random.Generator, count: int, vertices: tuple[int, int], radius_m: tuple[float, float], rough: float
) -> list[Any]:
    return [
        shapely.Polygon(
            _star(rng, _anywhere(rng), int(rng.integers(vertices[0], vertices[1])), rng.uniform(*radius_m), rough)
        )
        for _ in range(count)
    ]


@dataclass(frozen=True)
class River:
    """Where a river runs, as a profile over its course: centre and the outlines of three floods, all in metres."""

    swapped: bool
    along: Floats
    centre: Floats
    left: tuple[Floats, Floats, Floats]
    right: tuple[Floats, Floats, Floats]


RIVER_VERTICES = (146_500, 110_000, 85_000, 57_000)
FLOODS = ("once in 20 years", "once in 50 years", "once in 100 years")


def rivers() -> list[River]:
    """Return four rivers, two from west to east and two from south to north."""
    found = []
    for number, count in enumerate(RIVER_VERTICES):
        rng = stream(10, number)
        along = np.linspace(-MARGIN_M, SIDE_M + MARGIN_M, count)
        centre = SIDE_M * (0.3 + 0.4 * (number // 2)) + 4_500 * fractal(rng, count, 1.4) + 60 * fractal(rng, count, 0.6)
        sides = []
        for _ in range(2):
            low = 350 * np.exp(0.5 * fractal(rng, count, 0.8)) + 20 * fractal(rng, count, 0.6) + 80
            middle = low + 40 + 350 * np.exp(0.8 * fractal(rng, count, 0.7))
            sides.append((low, middle, middle + 40 + 450 * np.exp(0.8 * fractal(rng, count, 0.65))))
        found.append(River(bool(number % 2), along, centre, sides[0], sides[1]))
    return found


def _flood() -> Features:
    """Four rivers x three nested floods, with fractal banks and islands."""
    geometry, cls = [], []
    for number, river in enumerate(rivers()):
        rng = stream(11, number)
        islands = _islands(rng, river)
        for period, (step, kept) in enumerate(((4, 6), (2, 4), (1, 2))):
            one = slice(None, None, step)
            north = np.stack([river.along, river.centre + river.left[period]], axis=1)[one]
            south = np.stack([river.along, river.centre - river.right[period]], axis=1)[one]
            shell = np.concatenate([south, north[::-1]])
            rings = [shell, *islands[:kept]]
            turned = [ring[:, ::-1] if river.swapped else ring for ring in rings]
            outline, *holes = [to_mm(ORIGIN + ring) for ring in turned]
            geometry.append(shapely.Polygon(outline, holes))
            cls.append(FLOODS[period])
    return Features(np.array(geometry), cls)


def _islands(rng: np.random.Generator, river: River) -> list[Floats]:
    found: list[Floats] = []
    for place in rng.permutation(np.linspace(2_000, SIDE_M - 2_000, 40)):
        near = np.abs(river.along - place) < 200
        north, south = (river.centre + river.left[0])[near].min(), (river.centre - river.right[0])[near].max()
        if north - south > 160:
            radius = min(0.25 * (north - south), 100.0)
            found.append(_star(rng, (place, (north + south) / 2), int(rng.integers(180, 400)), radius, 0.2))
    return found


def _scope() -> Features:
    """Ten overlapping assessment scopes."""
    rng = stream(12)
    vertices = (48_866, 45_000, 42_000, 38_000, 36_000, 33_000, 30_000, 27_000, 22_000, 18_000)
    radius = np.linspace(11_000, 20_000, len(vertices))
    geometry = [
        shapely.Polygon(_star(rng, _anywhere(rng, 15_000), count, float(reach), 0.18))
        for count, reach in zip(vertices, radius, strict=True)
    ]
    return Features(np.array(geometry), [f"scope of kind {number % 5 + 1}" for number in range(len(geometry))])


def _geohazard() -> Features:
    rng = stream(13)
    geometry = _stars(rng, 4_000, (60, 500), (200, 850), 0.25)
    return Features(np.array(geometry), [("high", "moderate", "low")[index % 3] for index in range(4_000)])


def _mineral() -> Features:
    rng = stream(14)
    geometry = _stars(rng, 1_500, (8, 60), (300, 1_700), 0.2)
    return Features(np.array(geometry), [("exploration", "mining", "ore", "goaf")[index % 4] for index in range(1_500)])


def _heritage() -> Features:
    """Six hundred sites: a core and the control area around it."""
    rng = stream(15)
    geometry, cls = [], []
    for _ in range(600):
        count, radius = int(rng.integers(24, 64)), rng.uniform(50, 300)
        core = _star(rng, _anywhere(rng), count, radius, 0.15)
        centre = core[:-1].mean(axis=0)
        control = to_mm(centre + (core - centre) * (1 + rng.uniform(100, 400) / radius))
        geometry += [shapely.Polygon(core), shapely.Polygon(control)]
        cls += ["core", "control"]
    return Features(np.array(geometry), cls)


def _farmland() -> Features:
    """Twenty thousand fields that do not overlap."""
    rng = stream(16)
    across = 142
    pitch = (SIDE_M + MARGIN_M) / across
    places = rng.permutation(across * across)[:20_000]
    geometry = []
    for place in places:
        row, column = divmod(int(place), across)
        x, y = (column + 0.5) * pitch, (row + 0.5) * pitch
        ring = _star(rng, (WEST + x, SOUTH + y), int(rng.integers(20, 100)), rng.uniform(170, 310), 0.07)
        geometry.append(shapely.Polygon(ring))
    return Features(np.array(geometry), [("permanent", "general")[int(place) % 2] for place in places])


def _zone() -> Features:
    """A complete partition into 120 zones whose fractal borders are shared."""
    rng = stream(17)
    columns, rows = 12, 10
    x = np.linspace(-MARGIN_M, SIDE_M + MARGIN_M, columns + 1)
    y = np.linspace(-MARGIN_M, SIDE_M + MARGIN_M, rows + 1)
    node = np.stack(np.meshgrid(x, y, indexing="xy"), axis=-1)
    node[1:-1, 1:-1] += rng.uniform(-1_500, 1_500, (rows - 1, columns - 1, 2))

    def border(start: Floats, stop: Floats, straight: bool) -> Floats:
        count = 2 if straight else int(rng.integers(900, 2_280))
        share = np.linspace(0, 1, count)
        chord = stop - start
        length = float(np.hypot(*chord))
        aside = np.zeros(count)
        if not straight:
            # Near its ends a border keeps within 19 degrees of the straight line, so that neighbours cannot cross.
            room = 0.35 * np.minimum(share, 1 - share) * length
            aside = room * np.tanh(600 * fractal(rng, count, 0.7) / np.maximum(room, 1e-9))
        across = np.array([-chord[1], chord[0]]) / length
        line = start + share[:, None] * chord + aside[:, None] * across
        line[0], line[-1] = start, stop
        return to_mm(ORIGIN + line)

    along = [[border(node[r, c], node[r, c + 1], r in (0, rows)) for c in range(columns)] for r in range(rows + 1)]
    up = [[border(node[r, c], node[r + 1, c], c in (0, columns)) for c in range(columns + 1)] for r in range(rows)]
    kinds = rng.permutation(columns * rows) % 24
    geometry = [
        shapely.Polygon(
            np.concatenate([along[r][c][:-1], up[r][c + 1][:-1], along[r + 1][c][::-1][:-1], up[r][c][::-1]])
        )
        for r in range(rows)
        for c in range(columns)
    ]
    return Features(np.array(geometry), [f"kind {kind + 1:02d}" for kind in kinds])


def _soilwater() -> Features:
    """Five bands with shared borders from one side of the square to the other."""
    rng = stream(18)
    count, bands = 72_373, 5
    east = np.linspace(-MARGIN_M, SIDE_M + MARGIN_M, count)
    lines = [np.array([[east[0], -MARGIN_M], [east[-1], -MARGIN_M]])]
    for number in range(1, bands):
        north = SIDE_M * number / bands + 3_000 * fractal(rng, count, 0.8)
        lines.append(np.stack([east, north], axis=1))
    lines.append(np.array([[east[0], SIDE_M + MARGIN_M], [east[-1], SIDE_M + MARGIN_M]]))
    lines = [to_mm(ORIGIN + line) for line in lines]
    geometry = [shapely.Polygon(np.concatenate([low, high[::-1]])) for low, high in pairwise(lines)]
    return Features(np.array(geometry), ["slight", "light", "moderate", "severe", "extreme"])


LAYERS: dict[str, Callable[[], Features]] = {
    "flood": _flood,
    "scope": _scope,
    "geohazard": _geohazard,
    "mineral": _mineral,
    "zone": _zone,
    "heritage": _heritage,
    "farmland": _farmland,
    "soilwater": _soilwater,
}

# ------------------------------------------------------------------------------------------------------------ lines


def lines(kind: str) -> Features:
    """Return pipes, power lines or roads."""
    number, count, vertices, step_m, turn = {
        "water": (0, 500, (100, 1_500), 15.0, 0.15),
        "power": (1, 300, (34, 100), 110.0, 0.12),
        "road": (2, 12_549, (3, 15), 120.0, 0.25),
    }[kind]
    rng = stream(20, number)
    geometry = []
    for _ in range(count):
        length = int(rng.integers(vertices[0], vertices[1] + 1))
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, turn, length))
        way = np.cumsum(step_m * np.stack([np.cos(heading), np.sin(heading)], axis=1), axis=0)
        geometry.append(shapely.LineString(to_mm(way + _anywhere(rng))))
    return Features(np.array(geometry), [kind] * count)


# ---------------------------------------------------------------------------------------------------------- writing


def schema_of(table: pa.Schema, kinds: list[str]) -> pa.Schema:
    """Return the schema with GeoParquet's own metadata and the words that the data are synthetic."""
    from pyproj import CRS as ReferenceSystem

    geo = {
        "version": "1.1.0",
        "primary_column": "geometry",
        "columns": {
            "geometry": {
                "encoding": "WKB",
                "geometry_types": kinds,
                "crs": ReferenceSystem.from_user_input(CRS).to_json_dict(),
            }
        },
    }
    return table.with_metadata({b"geo": json.dumps(geo).encode(), b"description": NOTE.encode()})


def write_features(features: Features, file: Path) -> None:
    """Write one layer; every geometry is valid."""
    assert shapely.is_valid(features.geometry).all(), file.name
    kinds = sorted({geometry.geom_type for geometry in features.geometry})
    table = pa.table(
        {
            "id": np.arange(len(features.cls), dtype=np.int64),
            "cls": pa.array(features.cls, type=pa.string()),
            "geometry": pa.array(shapely.to_wkb(features.geometry), type=pa.binary()),
        }
    )
    replace(file, lambda part: pq.write_table(table.cast(schema_of(table.schema, kinds)), part, compression="zstd"))


def write_parcels(count: int, file: Path) -> None:
    """Write parcels by row group."""

    def write(part: Path) -> None:
        writer = None
        for table in parcels(count):
            if writer is None:
                writer = pq.ParquetWriter(part, schema_of(table.schema, ["Polygon"]), compression="zstd")
            writer.write_table(table.cast(writer.schema), row_group_size=ROW_GROUP)
        assert writer is not None
        writer.close()

    replace(file, write)


def replace(file: Path, write: Callable[[Path], None]) -> None:
    """Write beside and rename, so that what was cut short is never taken for a finished file."""
    part = file.with_suffix(".part")
    write(part)
    part.rename(file)


def short(count: int) -> str:
    """Return a number as file names carry it.

    Examples
    --------
    >>> short(100_000), short(2_500)
    ('1e5', '2500')
    """
    power = len(str(count)) - 1
    return f"1e{power}" if count == 10**power else str(count)


def parcels_file(folder: Path, count: int) -> Path:
    """Return where the parcels lie."""
    return folder / f"parcels-{short(count)}.parquet"


def layer_files(folder: Path) -> dict[str, Path]:
    """Return where the layers lie, by name."""
    return {name: folder / f"{name}.parquet" for name in LAYERS}


def line_files(folder: Path) -> dict[str, Path]:
    """Return where the lines lie, by name."""
    return {name: folder / f"{name}-lines.parquet" for name in LIMITS_M}


def ensure(folder: Path, counts: list[int], say: Callable[[str], None], *, rasters: bool = True) -> None:
    """Write what is missing."""
    from benchmarks import terrain

    folder.mkdir(parents=True, exist_ok=True)
    tasks: list[tuple[Path, Callable[[Path], None]]] = []
    tasks += [(file, _of_layer(name)) for name, file in layer_files(folder).items()]
    tasks += [(file, _of_lines(name)) for name, file in line_files(folder).items()]
    tasks += [(parcels_file(folder, count), _of_parcels(count)) for count in counts]
    for file, write in tasks:
        if not file.exists():
            began = time.perf_counter()
            write(file)
            say(f"{file.name}: {file.stat().st_size / 1e6:.1f} MB in {time.perf_counter() - began:.1f} s")
    if rasters:
        terrain.ensure(folder, say)


def _of_layer(name: str) -> Callable[[Path], None]:
    return lambda file: write_features(LAYERS[name](), file)


def _of_lines(name: str) -> Callable[[Path], None]:
    return lambda file: write_features(lines(name), file)


def _of_parcels(count: int) -> Callable[[Path], None]:
    return lambda file: write_parcels(count, file)


def describe(file: Path) -> str:
    """Return rows, vertices and the largest feature of a file."""
    geometry = shapely.from_wkb(pq.read_table(file, columns=["geometry"])["geometry"].to_numpy())
    vertices = shapely.get_num_coordinates(geometry)
    return f"{file.name:24} {len(geometry):9,} rows {vertices.sum():11,} vertices, largest {vertices.max():8,}"


def main() -> None:
    """Write the workload and say what it holds."""
    command = argparse.ArgumentParser(prog="python -m benchmarks.workload", description=__doc__)
    command.add_argument("--parcels", default="1e5", help="how many, several with commas (default 1e5)")
    command.add_argument("--folder", type=Path, default=FOLDER)
    command.add_argument("--no-rasters", action="store_true")
    given = command.parse_args()
    counts = [int(float(one)) for one in given.parcels.split(",")]
    ensure(given.folder, counts, print, rasters=not given.no_rasters)
    for file in [*layer_files(given.folder).values(), *line_files(given.folder).values()]:
        print(describe(file))
    for count in counts:
        print(describe(parcels_file(given.folder, count)))


if __name__ == "__main__":
    main()
