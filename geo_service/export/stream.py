"""Many verdicts into one file as they come (lines of records, GeoJSON, GeoParquet): there when whole, or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from geo_service.export.table import Table
from geo_service.model.rulebook import Rulebook


class Sink(Protocol):
    """Takes one parcel after the other."""

    def add(self, record: bytes, feature: bytes, wkb: bytes) -> None:
        """Take a parcel: the bytes of its record, its GeoJSON feature, and its boundary in lon/lat."""


class Lines:
    """One record a line."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def add(self, record: bytes, feature: bytes, wkb: bytes) -> None:
        """Take a parcel."""
        del feature, wkb
        self._file.write(record + b"\n")


class _Collection:
    """Features of one FeatureCollection."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._between = b""

    def add(self, record: bytes, feature: bytes, wkb: bytes) -> None:
        del record, wkb
        self._file.write(self._between + feature)
        self._between = b","


class _Rows:
    """Rows of a table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, record: bytes, feature: bytes, wkb: bytes) -> None:
        del record
        self._table.add(json.loads(feature)["properties"], wkb)


@contextmanager
def _lines(path: Path, _rulebook: Rulebook) -> Iterator[Sink]:
    with path.open("wb") as file:
        yield Lines(file)


@contextmanager
def _collection(path: Path, _rulebook: Rulebook) -> Iterator[Sink]:
    with path.open("wb") as file:
        file.write(b'{"type":"FeatureCollection","features":[')
        yield _Collection(file)
        file.write(b"]}")


@contextmanager
def _table(path: Path, rulebook: Rulebook) -> Iterator[Sink]:
    table = Table(path, rulebook)
    try:
        yield _Rows(table)
    finally:
        table.close()


FORMATS = {".jsonl": _lines, ".geojson": _collection, ".parquet": _table}


@contextmanager
def written(out: Path, rulebook: Rulebook) -> Iterator[Sink]:
    """Write a file of the format that its name says; it takes its place when all is written.

    Raises
    ------
    KeyError
        For a name that ends in none of ``FORMATS``.
    OSError
        When it cannot be written.
    """
    opened: AbstractContextManager[Sink] = FORMATS[out.suffix](_beside(out), rulebook)
    try:
        with opened as sink:
            yield sink
        with _beside(out).open("rb+") as file:
            os.fsync(file.fileno())
        _beside(out).replace(out.resolve())
    finally:
        _beside(out).unlink(missing_ok=True)


def probe(out: Path) -> None:
    """See that a file can be written at all.

    Raises
    ------
    OSError
        When it cannot.
    """
    _beside(out).touch()
    _beside(out).unlink()


def _beside(out: Path) -> Path:
    place = out.resolve()
    return place.with_name(f".{place.name}.{os.getpid()}.partial")
