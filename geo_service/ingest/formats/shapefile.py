"""Shapefiles: the parts must agree with each other before a row is believed, and the text must have an encoding.

GDAL reads the shapes. The table is read here, because GDAL drops rows of a damaged one in silence and turns long
numbers into doubles.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geo_service.ingest import gdal
from geo_service.ingest.faults import unreadable
from geo_service.ingest.table import RawTable
from geo_service.ingest.text import Known, codec_of, cut, detect

_HEADER_BYTES = 100
#: What stands before each record: its number and its length.
_RECORD_BYTES = 8
_MAGIC = 9994
_MULTIPATCH = 31
#: The longest name of a column; a longer one is cut there.
_NAME_BYTES = 10
#: Language driver ids of dBASE that name an encoding met here.
_LANGUAGE_DRIVERS = {0x4D: "936", 0x4E: "949", 0x4F: "950", 0x7A: "936"}

_Integers = NDArray[np.int64]


@dataclass(frozen=True)
class _Column:
    name: bytes
    type: str
    start: int
    length: int


@dataclass(frozen=True)
class _Dbf:
    columns: tuple[_Column, ...]
    records: NDArray[np.uint8]
    language: int

    def raw(self, column: _Column) -> list[bytes]:
        """Return the bytes of a column, padding off."""
        cells = np.ascontiguousarray(self.records[:, column.start : column.start + column.length])
        return [cell.strip(b" \x00") for cell in cells.view(f"S{column.length}").ravel().tolist()]


def _truncated(name: str, zh: str, en: str) -> Exception:
    return unreadable(name, f"文件不完整：{zh}", f"the file is truncated: {en}", code="truncated")


def _main(data: bytes, part: str, name: str) -> None:
    if len(data) < _HEADER_BYTES or struct.unpack(">i", data[:4])[0] != _MAGIC:
        raise _truncated(name, f"{part} 文件头无效", f"the header of the {part} is wrong")
    words = struct.unpack(">i", data[24:28])[0]
    if words * 2 != len(data):
        raise _truncated(
            name, f"{part} 长度与文件头不符", f"the {part} has {len(data)} bytes, its header says {words * 2}"
        )


def _shapes(files: Mapping[str, Path], name: str) -> int:
    """Check that the .shx points at every record of the .shp, each in its place, and return how many there are."""
    shp, shx = files[".shp"].read_bytes(), files[".shx"].read_bytes()
    _main(shp, ".shp", name)
    _main(shx, ".shx", name)
    if struct.unpack("<i", shp[32:36])[0] == _MULTIPATCH:
        raise unreadable(
            name, "不支持三维体（MultiPatch）", "MultiPatch shapes are not supported", code="unsupported_format"
        )
    if (len(shx) - _HEADER_BYTES) % 8:
        raise _truncated(name, ".shx 记录不完整", "the records of the .shx are cut")
    index = np.frombuffer(shx[_HEADER_BYTES:], dtype=">i4").reshape(-1, 2).astype(np.int64) * 2
    starts = index[:, 0]
    if len(index) and (starts.min() < _HEADER_BYTES or int(starts.max()) + _RECORD_BYTES > len(shp)):
        raise _truncated(name, ".shx 指向 .shp 之外", "the .shx points beyond the .shp")
    heads = np.frombuffer(shp, np.uint8)[starts[:, None] + np.arange(_RECORD_BYTES)].view(">i4").astype(np.int64)
    numbers, sizes = heads[:, 0], heads[:, 1] * 2
    # By the standard the first is record 1; files of pyshp before 2018 and of shp-write begin with 0.
    first = 0 if len(index) and numbers[0] == 0 else 1
    for entry in np.flatnonzero(numbers - first != np.arange(len(index)))[:1]:
        raise _truncated(
            name,
            f".shx 第{entry + 1}条应指向 .shp 的记录{entry + first}，实际指向记录{numbers[entry]}",
            f"entry {entry + 1} of the .shx should point at record {entry + first} of the .shp, "
            f"it points at record {numbers[entry]}",
        )
    # There are files whose .shx counts the eight bytes before each record as well; GDAL reads them.
    odd = (sizes < 0) | ((index[:, 1] != sizes) & (index[:, 1] != sizes + _RECORD_BYTES))
    for entry in np.flatnonzero(odd)[:1]:
        raise _truncated(
            name,
            f"记录{numbers[entry]}的长度在 .shp 中为{sizes[entry]}字节，在 .shx 中为{index[entry, 1]}字节",
            f"record {numbers[entry]} has {sizes[entry]} bytes in the .shp and {index[entry, 1]} in the .shx",
        )
    _unindexed(shp, starts, starts + _RECORD_BYTES + sizes, first, name)
    return len(index)


def _unindexed(shp: bytes, starts: _Integers, ends: _Integers, first: int, name: str) -> None:
    """Refuse records over each other, and records between those of the .shx that are not old versions of them.

    Who changes a shape in place leaves its old record behind when the new one is longer, and is put at the end, or the
    rest of it when the new one is shorter.
    """
    kind = struct.unpack("<i", shp[32:36])[0]
    order = np.argsort(starts)
    before = np.concatenate(([_HEADER_BYTES], ends[order]))
    after = np.concatenate((starts[order], [len(shp)]))
    for place in np.flatnonzero(before > after)[:1]:
        record = order[place - 1] + first
        raise _truncated(
            name, f"记录{record}超出其位置", f"record {record} reaches over what follows it, or over the end"
        )
    for place in np.flatnonzero(before < after):
        gap = shp[before[place] : after[place]]
        for at, number in _records(gap, kind, len(shp) // _RECORD_BYTES):
            entry = number - first
            if not 0 <= entry < len(starts):
                raise _truncated(
                    name, f".shp 的记录{number}不在 .shx 中", f"record {number} of the .shp is not in the .shx"
                )
            if before[place] + at > starts[entry]:
                raise _truncated(
                    name,
                    f".shx 指向记录{number}的旧图形，.shp 中其后还有新图形",
                    f"the .shx points at an old shape of record {number}, a newer one follows in the .shp",
                )


def _records(gap: bytes, kind: int, limit: int) -> list[tuple[int, int]]:
    """Return where in a gap a record of this kind of shape or of none begins, and its number, which has a limit.

    Every place is tried, because the rest of an old record may stand before it.
    """
    words = np.frombuffer(gap, ">u2", len(gap) // 2).astype(np.int64)
    longs = words[:-1] << 16 | words[1:]
    places = max(len(longs) - 4, 0)
    # The kind is little-endian.
    numbers, sizes, kinds = longs[:places], longs[2 : places + 2], longs[4 : places + 4]
    fits = (numbers <= limit) & (np.arange(places) + _RECORD_BYTES // 2 + sizes <= len(words))
    shapes = (kinds == kind << 24) & (sizes > 2) | (kinds == 0) & (sizes == 2)
    return [(2 * int(at), int(numbers[at])) for at in np.flatnonzero(fits & shapes)]


def _dbf(data: bytes, name: str) -> _Dbf:
    if len(data) < 33:
        raise _truncated(name, ".dbf 文件头无效", "the header of the .dbf is wrong")
    count, header, width = struct.unpack("<IHH", data[4:12])
    columns: list[_Column] = []
    start = 1
    for offset in range(32, min(header, len(data)) - 1, 32):
        entry = data[offset : offset + 32]
        if len(entry) < 32 or entry[0] == 0x0D:
            break
        columns.append(_Column(entry[:11].split(b"\x00")[0], chr(entry[11]), start, entry[16]))
        start += entry[16]
    if start != width or not columns:
        raise _truncated(name, ".dbf 字段定义无效", "the fields of the .dbf do not add up")
    size = header + count * width
    if len(data) not in (size, size + 1):
        raise _truncated(
            name, f".dbf 应为{size}字节，实际{len(data)}", f"the .dbf has {len(data)} bytes, its header says {size}"
        )
    records = np.frombuffer(data, dtype=np.uint8, count=count * width, offset=header).reshape(count, width)
    return _Dbf(tuple(columns), records, data[29])


def _value(raw: bytes, column: _Column, codec: str) -> object:
    if column.type in "IO" and len(raw):
        return None
    if not raw or raw.strip(b"*") == b"":
        return None
    text = cut(raw, codec).strip()
    if column.type in "NF":
        try:
            return int(text)
        except ValueError:
            pass
        try:
            return float(text)
        except ValueError:
            return text
    if column.type == "L":
        return {"T": True, "Y": True, "F": False, "N": False}.get(text.upper())
    return text


def _ended(piece: bytes, width: int) -> bytes:
    """Give a text its padding back where it has any, so that half a letter at its end is seen to be none."""
    return piece if len(piece) >= width else piece + b" "


def _binary(dbf: _Dbf, column: _Column) -> list[object]:
    """Return the values of a field that is stored as bytes rather than as text."""
    kinds = {("I", 4): "<i4", ("O", 8): "<f8", ("B", 8): "<f8"}
    kind = kinds.get((column.type, column.length))
    if kind is None:
        return [None] * len(dbf.records)
    cells = np.ascontiguousarray(dbf.records[:, column.start : column.start + column.length])
    return list(cells.view(kind).ravel().tolist())


def read(files: Mapping[str, Path], name: str, encoding: str | None) -> RawTable:
    """Read a shapefile from its parts.

    Parameters
    ----------
    files : mapping of str to Path
        Parts by lower-case suffix, all with one stem.

    Raises
    ------
    InputError
        ``incomplete_shapefile``, ``truncated`` or ``encoding``.
    """
    missing = [suffix for suffix in (".shp", ".shx", ".dbf") if suffix not in files]
    if missing:
        listed = ", ".join(missing)
        raise unreadable(name, f"shapefile 缺少 {listed}", f"the shapefile lacks {listed}", code="incomplete_shapefile")
    shapes = _shapes(files, name)
    dbf = _dbf(files[".dbf"].read_bytes(), name)
    if shapes != len(dbf.records):
        raise _truncated(
            name,
            f"图形{shapes}个，属性{len(dbf.records)}行",
            f"{shapes} shapes but {len(dbf.records)} rows of attributes",
        )
    texts = [column for column in dbf.columns if column.type == "C"]
    cells = {column: dbf.raw(column) for column in dbf.columns if column.type not in "IOBMGP@"}
    pieces = [_ended(column.name, _NAME_BYTES) for column in dbf.columns]
    pieces += [_ended(cell, column.length) for column in texts for cell in cells[column]]
    codec, how, warning = detect(pieces, name, asked=encoding, declared=_declared(files, dbf.language))
    deleted = dbf.records[:, 0] == ord("*")
    keep = np.flatnonzero(~deleted)
    # GDAL looks for a table beside the shapes; it must see none, so it gets the shapes in a folder of their own.
    folder = files[".shp"].parent / "shapes"
    folder.mkdir(exist_ok=True)
    for suffix in (".shp", ".shx"):
        (folder / f"s{suffix}").hardlink_to(files[suffix])
    read = gdal.read_shapes(folder / "s.shp", name)
    if len(read.geometries) != shapes:
        raise _truncated(name, "图形读取不全", "not every shape could be read")
    prj = files.get(".prj")
    columns: dict[str, list[object]] = {}
    for column in dbf.columns:
        values = [_value(cell, column, codec) for cell in cells[column]] if column in cells else _binary(dbf, column)
        columns[cut(column.name, codec).strip()] = [values[row] for row in keep]
    table = RawTable(
        "ESRI Shapefile",
        "",
        prj.read_text("utf-8", "replace").strip().strip("\x00") or None if prj else None,
        "prj",
        "GBK" if codec == "gb18030" else codec,
        how,
        [int(row) + 1 for row in keep],
        read.geometries[keep],
        columns,
        shapes,
        deleted=int(deleted.sum()),
        truncated_names=True,
    )
    table.warnings.extend(read.warnings)
    table.notes.extend(read.notes)
    if warning:
        table.warnings.append(warning)
    return table


def _declared(files: Mapping[str, Path], language: int) -> list[Known]:
    known: list[Known] = []
    if ".cpg" in files:
        text = files[".cpg"].read_bytes()[:64].decode("ascii", "replace").strip()
        if codec_of(text) is not None:
            known.append((text, "cpg"))
    if language in _LANGUAGE_DRIVERS:
        known.append((_LANGUAGE_DRIVERS[language], "ldid"))
    return known
