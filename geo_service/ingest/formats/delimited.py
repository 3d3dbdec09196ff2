"""CSV and its kin: a column with WKT, or two columns with x and y."""

from __future__ import annotations

import csv
import io
import re

import numpy as np
import shapely
from shapely.errors import ShapelyError

from geo_service.errors import Fault
from geo_service.ingest.faults import unreadable
from geo_service.ingest.fields import BadValue, number_of, plain
from geo_service.ingest.table import RawTable, flattened
from geo_service.ingest.text import decode

_WKT = ("wkt", "geometry", "geom", "the_geom", "shape", "几何", "图形")
_X = ("x", "lon", "lng", "longitude", "easting", "经度", "东坐标", "横坐标")
_Y = ("y", "lat", "latitude", "northing", "纬度", "北坐标", "纵坐标")


def _column(header: list[str], names: tuple[str, ...]) -> int | None:
    plain_names = [name.strip().casefold() for name in header]
    return next((plain_names.index(name) for name in names if name in plain_names), None)


def locates(head: bytes) -> bool:
    """Tell from the first bytes of a table whether columns of it tell where the rows lie."""
    line = re.split(rb"[\r\n]", head.removeprefix(b"\xef\xbb\xbf").lstrip(), maxsplit=1)[0]
    for encoding in ("utf-8", "gb18030"):
        text = line.decode(encoding, "replace").replace('"', "")
        wkt, x, y = _ground(text.split(_delimiter(text)))
        if wkt is not None or (x is not None and y is not None):
            return True
    return False


def _delimiter(line: str) -> str:
    return max(",\t;", key=line.count)


def _ground(header: list[str]) -> tuple[int | None, int | None, int | None]:
    wkt, x, y = (_column(header, names) for names in (_WKT, _X, _Y))
    return wkt, x, y


def read(data: bytes, name: str, encoding: str | None) -> RawTable:
    """Read a table of text.

    Raises
    ------
    InputError
        When the text cannot be decoded, or no column tells where the rows lie.
    """
    text, codec, how = decode(data, name, encoding)
    delimiter = _delimiter(text.split("\n", 1)[0])
    # The csv module calls more than 131,072 characters malformed; a boundary may be longer, and has its own limits.
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise unreadable(name, "CSV 格式错误", "the CSV is malformed", value=str(error)) from error
    header, body = lines[0], [line for line in lines[1:] if line]
    wkt, x, y = _ground(header)
    if len({column.strip().casefold() for column in header}) != len(header):
        raise unreadable(name, "CSV 列名重复", "two columns of the CSV have one name", code="duplicate_column")
    if wkt is None and (x is None or y is None):
        raise unreadable(
            name,
            f"CSV 中没有坐标列（{'/'.join(_WKT[:3])}，或 x 和 y）",
            "no column of the CSV tells where the rows lie (wkt, or x and y)",
            code="no_geometry_column",
            value=", ".join(header)[:200],
        )
    table = RawTable("CSV", "", None, "", codec, how, [], np.empty(0, dtype=object), {}, len(body))
    # A last line without its end may have been cut in its last value, unless a quote closes that.
    open_ended = bool(body) and not text.endswith(("\n", "\r", '"'))
    position_last = wkt is None and len(header) - 1 in (x, y)
    if open_ended and not position_last:
        table.warnings.append("最后一行没有换行，末项可能不完整 / the last line has no end; its last value may be cut")
    shapes: list[object] = []
    kept: list[list[str]] = []
    for row, line in enumerate(body, start=1):
        if len(line) != len(header):
            table.faults.append(
                Fault(
                    "column_count",
                    f"列数不符（应为{len(header)}，实际{len(line)}）",
                    f"expected {len(header)} columns, found {len(line)}",
                    row=row,
                )
            )
            continue
        if open_ended and position_last and row == len(body):
            table.faults.append(
                Fault(
                    "truncated",
                    "最后一行没有换行，坐标可能不完整",
                    "the last line has no end; its coordinate may be cut",
                    "请核对最后一行，补上换行或重新导出",
                    "check the last line and end it, or export the file again",
                    row=row,
                    value=line[-1][:40],
                )
            )
            continue
        try:
            shape = _from_wkt(line[wkt]) if wkt is not None else _point(line[x or 0], line[y or 0])
        except BadValue as error:
            table.faults.append(Fault(error.code, error.zh, error.en, row=row, value=error.value))
            continue
        table.rows.append(row)
        shapes.append(shape)
        kept.append(line)
    table.geometries = flattened(shapes, table.notes)
    for position, column in enumerate(header):
        if position not in ((wkt,) if wkt is not None else (x, y)):
            table.columns[column] = [line[position] for line in kept]
    return table


def _from_wkt(text: str) -> shapely.Geometry | None:
    if not text.strip():
        return None
    try:
        return shapely.from_wkt(text)
    except (ShapelyError, ValueError) as error:
        raise BadValue(
            "bad_geometry", "WKT 无法解析（环须闭合）", "the WKT cannot be read (rings must be closed)", text
        ) from error


def _point(x: str, y: str) -> shapely.Geometry | None:
    if plain(x) is None and plain(y) is None:
        return None
    return shapely.Point(number_of(x), number_of(y))
