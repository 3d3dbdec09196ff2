"""What an edition is named for, spelled out value by value: old names hold whatever reads the columns."""

from __future__ import annotations

import hashlib
import struct
from datetime import date

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from geo_service.store import parquet

EPOCH = date(1970, 1, 1)
FORMATS = {pa.float64(): "<d", pa.int64(): "<q", pa.date32(): "<q", pa.bool_(): "<B"}
VALUES = {
    pa.string(): st.text(max_size=5),
    pa.binary(): st.binary(max_size=9),
    pa.float64(): st.floats(),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.date32(): st.dates(),
    pa.bool_(): st.booleans(),
}


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """Return a column of each type, with and without values, in pieces that lie anywhere in their memory."""
    rows = draw(st.integers(0, 20))
    cuts = sorted(draw(st.lists(st.integers(0, rows), max_size=2)))
    before = draw(st.integers(0, 9))
    columns = {}
    for kind, values in VALUES.items():
        drawn = draw(st.lists(st.none() | values, min_size=rows + before, max_size=rows + before))
        whole = pa.array(drawn, kind)[before:]
        ends = zip([0, *cuts], [*cuts, rows], strict=True)
        columns[str(kind)] = pa.chunked_array([whole[begin:end] for begin, end in ends], kind)
    return pa.table(columns).replace_schema_metadata({parquet.KEY: b"{}"})


def spelled_out(content: pa.Table) -> str:
    """Hash the values one by one, each part behind its length."""
    parts = [b"{}"]
    for name, column in zip(content.column_names, content.columns, strict=True):
        values = column.to_pylist()
        if column.type in FORMATS:
            body = b"".join(struct.pack(FORMATS[column.type], plain(value)) for value in values)
        else:
            texts = [value.encode() if isinstance(value, str) else value or b"" for value in values]
            body = b"".join(struct.pack("<q", len(text)) for text in texts) + b"".join(texts)
        parts += [name.encode(), str(column.type).encode(), bytes(value is None for value in values), body]
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).hexdigest()


def plain(value: float | date | None) -> float:
    """Return what stands for a value."""
    if isinstance(value, date):
        return (value - EPOCH).days
    return 0 if value is None else value


@given(content=tables())
def test_an_edition_is_named_for_its_values_however_they_lie_in_memory(content: pa.Table) -> None:
    assert parquet.sha256(content) == spelled_out(content)
