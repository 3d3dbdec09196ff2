"""Areas of parcels on layers, from file to file, with nothing loaded that this does not need.

::

    python -m geo_service.cells prepare flood.parquet --class-field class -o flood.cells
    python -m geo_service.cells areas parcels.parquet flood=flood.cells heritage=heritage.parquet:class -o areas.parquet
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from geo_service.cells.measuring import Areas, Stack
from geo_service.cells.prepared import KNOWN, WHOLE, Prepared
from geo_service.errors import GeoServiceError
from geo_service.rings import files

SUFFIX = ".cells"
UNION, SURVEYED = "*", "surveyed"
NAMES = pa.dictionary(pa.int16(), pa.string())
SCHEMA = pa.schema(
    [("id", pa.dictionary(pa.int32(), pa.string())), ("layer", NAMES), ("class", NAMES), ("area_m2", pa.float64())]
)


class Tables:
    """Rows of parcel, layer, class and m²; ``*`` is the union of a layer, ``surveyed`` what is known of it."""

    def __init__(self, stack: Stack, layers: list[str]) -> None:
        names = sorted({name for layer in stack.layers for name in layer.classes})
        number = {name: index for index, name in enumerate(names)}
        self._layers, self._classes = files.texts(layers), files.texts([*names, UNION, SURVEYED])
        self._layer_of = stack.layer_of.astype(np.int16)
        ends = {WHOLE: len(names), KNOWN: len(names) + 1}
        self._class_of = np.array(
            [
                ends[int(code)] if int(code) in ends else number[stack.layers[layer].classes[code]]
                for layer, code in zip(stack.layer_of, stack.class_of, strict=True)
            ],
            dtype=np.int16,
        )

    def table(self, ids: pa.Array, found: Areas) -> pa.Table:
        """Return the rows of some parcels."""
        columns = (
            (found.parcel.astype(np.int32), ids if ids.type == pa.string() else ids.cast(pa.string())),
            (self._layer_of[found.key], self._layers),
            (self._class_of[found.key], self._classes),
        )
        made = [pa.DictionaryArray.from_arrays(files.numbers(index), names, safe=False) for index, names in columns]
        return pa.table([*made, files.numbers(found.area_m2)], schema=SCHEMA)


def _stack(layers: list[str], threads: int | None) -> tuple[list[str], Stack]:
    named = [(name, source) for name, _, source in (argument.partition("=") for argument in layers)]

    def layer(source: str) -> Prepared:
        if source.endswith(SUFFIX):
            return Prepared.open(Path(source))
        from geo_service.cells.preparing import prepare

        path, _, field = source.partition(":")
        shapes, classes, crs = files.layer(Path(path), field or None)
        return prepare(shapes, classes, crs=crs, threads=threads)

    # Several at once: one is read or put together while another is cut.
    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        return [name for name, _ in named], Stack(list(pool.map(layer, (source for _, source in named))))


def _areas(asked: Namespace) -> None:
    names, stack = _stack(asked.layers, asked.threads)
    made = Tables(stack, names)
    batches = files.batches(asked.parcels, asked.id_field, stack.crs)
    rows = 0
    # The next batch is read and the last one is written while one is measured.
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer, _sink(asked.out) as write:
        coming, written = reader.submit(next, batches, None), writer.submit(lambda: None)
        while (batch := coming.result()) is not None:
            coming = reader.submit(next, batches, None)
            ids, shapes = batch
            table = made.table(ids, stack.areas(shapes, threads=asked.threads))
            rows += table.num_rows
            written.result()
            written = writer.submit(write, table)
        written.result()
    print(f"{rows} rows", file=sys.stderr)


@contextmanager
def _sink(path: Path | None) -> Iterator[Callable[[pa.Table], None]]:
    """Lend what takes tables; the file has its name only when all of them are in it."""
    if path is None:
        yield lambda _: None
        return
    temporary = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with pq.ParquetWriter(
            # Areas hardly ever repeat, and nobody looks for parcels by the least and most of them.
            temporary,
            SCHEMA,
            compression="zstd",
            compression_level=1,
            use_dictionary=SCHEMA.names[:-1],
            write_statistics=False,
        ) as writer:
            yield writer.write_table
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _prepare(asked: Namespace) -> None:
    from geo_service.cells.preparing import prepare

    shapes, classes, crs = files.layer(asked.layer, asked.class_field)
    layer = prepare(shapes, classes, crs=crs, threads=asked.threads)
    layer.write(asked.out)
    print(f"{len(shapes)} shapes, {layer.columns} × {layer.rows} cells, {len(layer.edges)} edges", file=sys.stderr)


def main() -> int:
    """Run a command; returns 0, or 2 with one clear line when something given is wrong."""
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
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
