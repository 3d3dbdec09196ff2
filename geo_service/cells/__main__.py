"""Areas of parcels on layers, from file to file, with nothing loaded that this does not need.

::

    python -m geo_service.cells prepare flood.parquet --class-field class -o flood.cells
    python -m geo_service.cells areas parcels.parquet flood=flood.cells heritage=heritage.parquet:class -o areas.parquet
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from geo_service.cells import files
from geo_service.cells.measuring import Areas, Stack
from geo_service.cells.prepared import Prepared
from geo_service.cells.preparing import prepare
from geo_service.errors import GeoServiceError

SUFFIX = ".cells"
UNION, SURVEYED = "*", "surveyed"
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("layer", pa.dictionary(pa.int16(), pa.string())),
        ("class", pa.dictionary(pa.int16(), pa.string())),
        ("area_m2", pa.float64()),
    ]
)


def table(ids: pa.Array, found: Areas, layers: list[str], stack: Stack) -> pa.Table:
    """Return rows of parcel, layer, class and m²; ``*`` is the union of a layer, ``surveyed`` what is known of it."""
    names = sorted({name for layer in stack.layers for name in layer.classes})
    number = {name: index for index, name in enumerate(names)}
    codes = np.full((len(layers), max((len(layer.classes) for layer in stack.layers), default=0) + 2), len(names))
    for row, layer in enumerate(stack.layers):
        codes[row, : len(layer.classes)] = [number[name] for name in layer.classes]
        codes[row, -2] = len(names) + 1
    return pa.table(
        [
            ids.take(pa.array(found.parcel)),
            files.dictionary(found.layer, layers),
            files.dictionary(codes[found.layer, found.cls], [*names, UNION, SURVEYED]),
            pa.array(found.area_m2),
        ],
        schema=SCHEMA,
    )


def _stack(layers: list[str], threads: int | None) -> tuple[list[str], Stack]:
    names, prepared = [], []
    for argument in layers:
        name, _, source = argument.partition("=")
        names.append(name)
        if source.endswith(SUFFIX):
            prepared.append(Prepared.open(Path(source)))
        else:
            path, _, field = source.partition(":")
            shapes, classes, _ = files.layer(Path(path), field or None)
            prepared.append(prepare(shapes, classes, threads=threads))
    return names, Stack(prepared)


def _areas(asked: Namespace) -> None:
    names, stack = _stack(asked.layers, asked.threads)

    def tables() -> Iterator[pa.Table]:
        for ids, shapes in files.batches(asked.parcels, asked.id_field):
            yield table(ids, stack.areas(shapes, threads=asked.threads), names, stack)

    rows = 0
    if asked.out is None:
        for part in tables():
            rows += part.num_rows
    else:
        with pq.ParquetWriter(asked.out, SCHEMA, compression="zstd", compression_level=1) as writer:
            for part in tables():
                writer.write_table(part)
                rows += part.num_rows
    print(f"{rows} rows", file=sys.stderr)


def _prepare(asked: Namespace) -> None:
    shapes, classes, _ = files.layer(asked.layer, asked.class_field)
    layer = prepare(shapes, classes, threads=asked.threads)
    layer.write(asked.out)
    print(f"{len(shapes)} shapes, {layer.columns} × {layer.rows} cells, {len(layer.edges)} edges", file=sys.stderr)


def main() -> None:
    """Run a command."""
    parser = ArgumentParser(prog="python -m geo_service.cells", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("prepare", help="准备图层 / prepare a layer")
    one.add_argument("layer", type=Path)
    one.add_argument("--class-field")
    one.add_argument("-o", "--out", type=Path, required=True)
    one.set_defaults(run=_prepare)
    other = commands.add_parser("areas", help="量算面积 / measure areas")
    other.add_argument("parcels", type=Path)
    other.add_argument("layers", nargs="+", metavar="NAME=FILE")
    other.add_argument("--id-field", default="id")
    other.add_argument("-o", "--out", type=Path)
    other.set_defaults(run=_areas)
    for command in (one, other):
        command.add_argument("--threads", type=int)
    asked = parser.parse_args()
    try:
        asked.run(asked)
    except GeoServiceError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
