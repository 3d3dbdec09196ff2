"""FileGDB tables: rows are counted where they lie, because GDAL believes the counts that the headers give.

A table is a pair of files: ``.gdbtable`` holds the rows, each behind its length, and ``.gdbtablx`` holds for each row
where it begins, nothing for one that was deleted. A deleted row stays behind with its length made negative.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geo_service.ingest.faults import unreadable

_HEADER_BYTES = 40
_INDEX_HEADER_BYTES = 16
_ROWS_PER_BLOCK = 1024
#: What stands behind the length of field descriptions, which when they grow are written again elsewhere.
_FIELDS_VERSIONS = frozenset({3, 4, 6})
#: Bytes of the index after its last block, at least, by the version of the table.
_TRAILER_BYTES = {3: 16, 4: 12}


def _disagreement(name: str, table: str, zh: str, en: str) -> Exception:
    return unreadable(
        name,
        f"FileGDB 表 {table} 不完整：{zh}",
        f"the table {table} of the FileGDB is damaged: {en}",
        code="truncated",
    )


def counted(folder: Path, name: str) -> dict[int, int]:
    """Count the rows of each table of a FileGDB from the rows themselves.

    Parameters
    ----------
    folder : Path
        The folder with the files of the tables.
    name : str
        Name of the file, for messages.

    Returns
    -------
    dict of int to int
        Rows that are not deleted, by the number of the table.

    Raises
    ------
    InputError
        ``truncated``, when the rows, the index and the counts in their headers do not agree.
    """
    return {int(file.stem[1:], 16): _rows(file, name) for file in sorted(folder.glob("a*.gdbtable"))}


def _rows(file: Path, name: str) -> int:
    table = file.stem
    size = file.stat().st_size
    with file.open("rb") as opened:
        head = opened.read(_HEADER_BYTES)
    if len(head) < _HEADER_BYTES or (version := struct.unpack_from("<i", head)[0]) not in _TRAILER_BYTES:
        raise _disagreement(name, table, ".gdbtable 文件头无效", "the header of the .gdbtable is wrong")
    stated = struct.unpack_from("<i", head, 4)[0] if version == 3 else struct.unpack_from("<q", head, 16)[0]
    whole, fields_at = struct.unpack_from("<qq", head, 24)
    if whole > size or not _HEADER_BYTES <= fields_at <= size - 4:
        raise _disagreement(
            name, table, f"应为{whole}字节，实际{size}", f"the .gdbtable has {size} bytes, its header says {whole}"
        )
    data = np.memmap(file, dtype=np.uint8, mode="r")
    starts, total = _index(file.with_suffix(".gdbtablx"), version, name)
    if len(starts) != stated or total < stated:
        raise _disagreement(
            name,
            table,
            f"文件头记{stated}行，索引记{len(starts)}行",
            f"its header says {stated} rows, its index points to {len(starts)}",
        )
    starts.sort()
    if len(starts) and (starts[0] < _HEADER_BYTES or starts[-1] > size - 4):
        raise _disagreement(name, table, "索引指向文件之外", "the index points beyond the file")
    lengths = data[starts[:, None] + np.arange(4)].view("<i4").ravel().astype(np.int64)
    ends = starts + 4 + lengths
    if (lengths < 0).any() or (ends > np.append(starts[1:], size)).any():
        raise _disagreement(name, table, "索引所指不是一行", "the index points to what is not a row")
    fields_end = fields_at + 4 + int(data[fields_at : fields_at + 4].view("<i4")[0])
    unseen = _unseen(data, np.append(starts, fields_at), np.append(ends, fields_end))
    if unseen:
        raise _disagreement(name, table, f"有{unseen}行不在索引中", f"{unseen} of its rows are not in the index")
    return len(starts)


def _index(file: Path, version: int, name: str) -> tuple[NDArray[np.int64], int]:
    """Return where the rows begin, and how many there have ever been; a table without rows may lack its index."""
    if not file.exists():
        return np.empty(0, dtype=np.int64), 0
    data = file.read_bytes()
    if len(data) < _INDEX_HEADER_BYTES:
        raise _disagreement(name, file.stem, ".gdbtablx 文件头无效", "the header of the .gdbtablx is wrong")
    blocks, total, width = struct.unpack_from("<iii", data, 4)
    if version == 4:
        blocks = struct.unpack_from("<q", data, 4)[0]
    places = blocks * _ROWS_PER_BLOCK
    end = _INDEX_HEADER_BYTES + places * width
    if not 4 <= width <= 6 or blocks < 0 or (blocks and len(data) < end + _TRAILER_BYTES[version]):
        raise _disagreement(name, file.stem, ".gdbtablx 不完整", "the .gdbtablx is cut")
    if version == 4:
        total = struct.unpack_from("<q", data, end)[0] if blocks else 0
    entries = np.zeros((places, 8), dtype=np.uint8)
    entries[:, :width] = np.frombuffer(data, np.uint8, places * width, _INDEX_HEADER_BYTES).reshape(places, width)
    found = entries.view("<i8").ravel().astype(np.int64)
    return found[found != 0], total


def _unseen(data: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> int:
    """Count the rows that lie, not deleted, where the index says there are none.

    What a shorter row left of a longer one is nothing that can be read: a gap counts only when rows fill it exactly.
    """
    order = np.argsort(starts)
    after = np.append(starts[order], len(data))
    before = np.insert(ends[order], 0, _HEADER_BYTES)
    count = 0
    for gap in np.flatnonzero(after - before > 4):
        at, end, live = int(before[gap]), int(after[gap]), 0
        while at + 8 <= end:
            length, second = data[at : at + 8].view("<i4").tolist()
            # Behind the header some programs sign.
            live += at > _HEADER_BYTES and length > 0 and second not in _FIELDS_VERSIONS
            if not length:
                break
            at += 4 + abs(length)
        if at == end:
            count += live
    return count
